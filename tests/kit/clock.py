"""Time and chance in the test's hand."""

import hashlib
from collections.abc import Callable

import pytest

SECOND = 1_000_000
START = 1_767_225_600 * SECOND
"""2026-01-01T00:00:00Z in microseconds."""


class FakeClock:
    """A ``Clock`` port that stands still until told otherwise: integer microseconds since 1970 UTC."""

    def __init__(self, start: int = START) -> None:
        self._now = start

    def now(self) -> int:
        return self._now

    __call__ = now

    @property
    def seconds(self) -> int:
        """The present as JWT claims write it."""
        return self._now // SECOND

    def advance(self, seconds: float) -> int:
        """Forward, or back with a negative number (a clock that was set right)."""
        self._now += round(seconds * SECOND)
        return self._now


def deterministic_entropy(seed: str = "yimen") -> Callable[[int], bytes]:
    """An ``Entropy`` port whose bytes never repeat within a run of calls and are the same in the next run."""
    count = 0

    def entropy(n: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_256(f"{seed}/{count}".encode()).digest(n)

    return entropy


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def entropy(request: pytest.FixtureRequest) -> Callable[[int], bytes]:
    return deterministic_entropy(request.node.nodeid)
