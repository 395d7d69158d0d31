"""Whether times follow numbers: the log's numbers in stretches, within each of which times go up but for a little. Pure.

Numbers are given at the commit, times at the request's beginning, each by the clock of its node. Where a clock is set back a new stretch begins, so
that what happened in a window of time is looked for in every stretch that reaches into it, and nowhere else.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import msgspec

SKEW: Final = 60 * 1_000_000
"""Times may lie so far out of order within a stretch, in microseconds: a request lasts, and clocks of nodes differ."""
MOST: Final = 16
"""More stretches are joined, which then are less exact, and still whole: two clocks far apart would begin one with each event. A search looks for its
window in each."""
END: Final = 1 << 62


class Stretch(msgspec.Struct, frozen=True, array_like=True):
    """The numbers from ``seq`` up to the next stretch. Its times lie between ``low`` and ``high``, and none is earlier than one before it by more
    than ``fall``."""

    seq: int
    low: int
    high: int
    fall: int = SKEW


def seen(held: Sequence[Stretch], events: Iterable[tuple[int, int]], last: int) -> tuple[Stretch, ...]:
    """What is known once these (number, time) came behind ``last``, in the order of their numbers. Those that committed late come before it."""
    found = list(held)
    for seq, at in events:
        newest = found[-1] if found else None
        if newest is not None and seq <= last:
            _late(found, seq, at)
        elif newest is None or newest.high - at > newest.fall:
            found.append(Stretch(seq if found else 0, at, at))
            if len(found) > MOST:
                _join(found)
        elif not newest.low <= at <= newest.high:
            found[-1] = Stretch(newest.seq, min(newest.low, at), max(newest.high, at), newest.fall)
        last = max(last, seq)
    return tuple(found)


def reaching(held: Sequence[Stretch], since: int, until: int) -> Iterator[tuple[Stretch, int]]:
    """The stretches with times in ``since`` ≤ at < ``until``, the newest first, each with the number that it ends before."""
    for n in range(len(held) - 1, -1, -1):
        if held[n].low < until and held[n].high >= since:
            yield held[n], held[n + 1].seq if n + 1 < len(held) else END


class Order:
    """Events of the log, in its order, held against what is said of their numbers up to ``last``."""

    def __init__(self, held: Sequence[Stretch], last: int) -> None:
        self._held, self._last = held, last
        self._begins, self._highs = [one.seq for one in held], [one.low for one in held]

    def fits(self, seq: int, at: int) -> bool:
        """Whether a search by time finds it. Of what an earlier version put into the log nothing is said but when it ended."""
        n = bisect_right(self._begins, seq) - 1
        if seq > self._last or n < 0:
            return True
        one, high = self._held[n], self._highs[n]
        if at > high:
            self._highs[n] = at
        return one.low <= at <= one.high and (high - at <= one.fall or not one.low)


def _late(found: list[Stretch], seq: int, at: int) -> None:
    n = max((n for n, one in enumerate(found) if one.seq <= seq), default=0)
    one = found[n]
    found[n] = Stretch(min(one.seq, seq), min(one.low, at), max(one.high, at), max(one.fall, one.high - at))


def _join(found: list[Stretch]) -> None:
    """Two neighbours that differ least become one: the last such, which then takes in what goes on like this."""
    pairs = [_joined(left, right) for left, right in pairwise(found)]
    n = min(range(len(pairs)), key=lambda n: (pairs[n].fall, -n))
    found[n : n + 2] = [pairs[n]]


def _joined(left: Stretch, right: Stretch) -> Stretch:
    fall = max(left.fall, right.fall, left.high - right.low)
    return Stretch(left.seq, min(left.low, right.low), max(left.high, right.high), fall)
