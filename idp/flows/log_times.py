"""Where in the log a window of time lies, also after a clock was set back: what ``audit.stretches`` knows of the log is kept beside the tree's head,
in the sequencer's batch; of what has no leaf yet it is found out by whoever asks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from idp.audit.stretches import END, Order, Stretch, reaching, seen
from idp.flows.log_places import LOG, moved
from idp.parts import Parts
from idp.ports import Op, Store, Write
from idp.records import Event, TreeHead

CLOCK: Final = "clock"
"""The row of ``tree_heads`` whose ``note`` holds the stretches."""
TAIL: Final = 5000
"""So many events without a leaf are looked at one by one; behind them a clock that was set back is not noticed before the log goes on."""

Gap = tuple[int, int]
Range = tuple[int, int, Stretch]
"""(floor, top, stretch): what happened in a window has one of these numbers, floor ≤ number ≤ top."""


@dataclass(frozen=True, slots=True)
class Times:
    """The log's stretches as of now. ``gap``: of which time events may be missed in a window, while the log stands still."""

    parts: Parts
    held: tuple[Stretch, ...]
    gap: Gap | None

    @property
    def latest(self) -> int:
        """The latest time of an event: later than now where the clock was set back."""
        return max((stretch.high for stretch in self.held if stretch.high < END), default=0)

    def ranges(self, since: int, until: int) -> list[Range]:
        """Where to look for ``since`` ≤ at < ``until``, the highest numbers first. Raises Unavailable."""
        found = []
        for stretch, end in reaching(self.held, since, until):
            top = first_at(self.parts, until + stretch.fall, stretch.seq, end) - 1
            found.append((first_at(self.parts, since - stretch.fall, stretch.seq, top + 1), top, stretch))
        return found


def times(parts: Parts) -> Times:
    """Read them. Raises Unavailable."""
    row, tree = parts.store.one(TreeHead, name=CLOCK), parts.store.one(TreeHead, name=LOG)
    last = row.last_seq if row else tree.last_seq if tree else 0
    tail = parts.store.find(Event, {"seq": Op(">", last)}, order=("seq",), limit=TAIL + 1)
    held = seen(_held(parts.store, row, last), _pairs(tail), last)
    if len(tail) <= TAIL:
        return Times(parts, held, None)
    rest, newest = tail[-1], parts.store.find(Event, order=("-seq",), limit=1)[0]
    gap = min(rest.at, newest.at), max(rest.at, newest.at)
    return Times(parts, (*held, Stretch(rest.seq, 0, END)), gap)


def noted(store: Store, last_seq: int, events: Sequence[Event]) -> Write:
    """What the sequencer writes of the times of its batch, behind ``last_seq``."""
    row, pairs = store.one(TreeHead, name=CLOCK), sorted(_pairs(events))
    held = _held(store, row, last_seq)
    if row is not None and row.last_seq < last_seq:  # an earlier version's batches came between
        held = (*held, Stretch(row.last_seq + 1, 0, max(one.high for one in _known(store, last_seq))))
    held = seen(held, pairs, last_seq) or (Stretch(0, 0, END),)
    note = msgspec.msgpack.encode(held)
    return moved(row, TreeHead(CLOCK, 0, b"", max(last_seq, *(event.seq for event in events)), note, held[-1].high))


def order(parts: Parts) -> Order:
    """What the log's own row says of the events that have a leaf. Raises Unavailable."""
    row = parts.store.one(TreeHead, name=CLOCK)
    return Order(_held(parts.store, row, row.last_seq), row.last_seq) if row else Order((), 0)


def first_at(parts: Parts, at: int, low: int = 0, high: int = END) -> int:
    """The first number of a stretch (``low`` ≤ number < ``high``) from which on events are not older than ``at``: found by halving, in about as many
    reads as the number has bits."""
    newest = parts.store.find(Event, {"seq": Op("<", high)}, order=("-seq",), limit=1)
    if not newest or at <= 0:
        return low
    high = max(newest[0].seq + 1, low)
    while low < high:
        middle = (low + high) // 2
        found = parts.store.find(Event, {"seq": Op(">=", middle)}, order=("seq",), limit=1)
        if not found or found[0].seq >= high or found[0].at >= at:
            high = middle
        else:
            low = found[0].seq + 1
    return low


def _pairs(rows: Sequence[Event]) -> Iterator[tuple[int, int]]:
    """Without rows that are no events (SQLite keeps any type)."""
    return ((row.seq, row.at) for row in rows if _is_time(row.at))


def _held(store: Store, row: TreeHead | None, last_seq: int) -> tuple[Stretch, ...]:
    try:
        held = msgspec.msgpack.decode(row.note, type=tuple[Stretch, ...]) if row else ()
    except (ValueError, TypeError):  # spoilt by hand
        held = ()
    return held or _known(store, last_seq)


def _known(store: Store, last_seq: int) -> tuple[Stretch, ...]:
    """Of what an earlier version put into the log no more is known than what its newest event says."""
    newest = store.find(Event, {"seq": Op("<=", last_seq)}, order=("-seq",), limit=1)
    return (Stretch(0, 0, newest[0].at if _is_time(newest[0].at) else END),) if newest else ()


def _is_time(at: object) -> bool:
    return isinstance(at, int)
