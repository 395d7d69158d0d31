"""Alerts that are told before they have a leaf, since the log may stand still: which are due to a receiver, and what it was told. Pure."""

from collections.abc import Mapping
from typing import Final

import msgspec

SECOND: Final = 1_000_000
PATIENCE_US: Final = 2 * SECOND
"""A log that goes on gives a leaf sooner, and the alert is told with its index."""
AGAIN_US: Final = 3600 * SECOND
_ID, _AT = 16, 8


class Waiting(msgspec.Struct, frozen=True):
    """An alert without a leaf, since when; ``again``: it is told again while it stands."""

    at: int
    again: bool = False


def due(waiting: Mapping[bytes, Waiting], told: Mapping[bytes, int], now: int) -> list[bytes]:
    """The alerts (ids) that a receiver is to be told now. ``told``: what it was told, and when. A clock that was set back delays nothing."""
    return [
        name
        for name, one in waiting.items()
        if (_over(one.at, PATIENCE_US, now) if name not in told else one.again and _over(told[name], AGAIN_US, now))
    ]


def _over(since: int, for_us: int, now: int) -> bool:
    return not 0 <= now - since < for_us


def pack(told: Mapping[bytes, int]) -> bytes:
    """Stored form of what a receiver was told ahead of the tree."""
    return b"".join(name + at.to_bytes(_AT, "big") for name, at in told.items())


def unpack(stored: bytes) -> dict[bytes, int]:
    """Inverse of :func:`pack`; what was cut short is left out."""
    size = _ID + _AT
    lines = [stored[at : at + size] for at in range(0, len(stored) - len(stored) % size, size)]
    return {line[:_ID]: int.from_bytes(line[_ID:], "big") for line in lines}
