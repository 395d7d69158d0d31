"""Events that have no leaf yet: for a second, or for as long as the log stands still. No line of the index names them: they are looked
through themselves.

Whoever reads them reads them before the index: an event that gets its leaf in between is met twice, never missed.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Any, Final

from idp.audit.facets import facets
from idp.audit.fitting import fits
from idp.flows.sequencer import head
from idp.parts import Parts
from idp.ports import Op
from idp.records import Event, EventFacet, EventPending

MOST: Final = 5000
"""So many of them are read, the newest: a log that stands still for long has more."""
REACH: Final = 200_000
"""The database looks through so many numbers of them for a person, a client or a kind."""
STEP: Final = 200
_END: Final = 1 << 62

Gap = tuple[int, int]
"""(from, to): what waits and happened between the two (microseconds) was not looked through."""


@dataclass(frozen=True, slots=True)
class Unsequenced:
    """``rows`` by number, the newest first."""

    rows: dict[int, Event]
    gap: Gap | None = None

    def lines(self) -> dict[tuple[str, bytes], list[int]]:
        """What the index will say of them: numbers by (facet, value), descending."""
        found = dict[tuple[str, bytes], list[int]]()
        for seq, event in self.rows.items():
            for line in set(_facets(event)):
                found.setdefault(line, []).append(seq)
        return found


NONE: Final = Unsequenced({})


def unsequenced(parts: Parts, **only: Any) -> Unsequenced:
    """Those that meet ``only`` (columns of events, as ``Store.find`` takes them). Raises Unavailable."""
    last = head(parts).last_seq
    newest = parts.store.find(Event, {"seq": Op(">", last)}, order=("-seq",), limit=1)
    floor = max(last, newest[0].seq - REACH) if newest else last
    rows = parts.store.find(Event, {"seq": Op(">", floor), **only}, order=("-seq",), limit=MOST + 1)
    cut = rows[MOST - 1].at if len(rows) > MOST else _first_at(parts, floor) if floor > last else None
    begun = None if cut is None else _first_at(parts, last)
    late = parts.store.find(EventPending, {"seq": Op("<=", last)}, order=("-seq",), limit=MOST)
    numbers = tuple(line.seq for line in late)
    passed = parts.store.find(Event, {"seq": Op("in", numbers), **only}, order=("-seq",), limit=MOST) if late else []
    return Unsequenced(  # what committed late is older than the gap, and is told beside what is cut
        {row.seq: row for row in (*rows[:MOST], *passed)},
        None if cut is None or begun is None else (begun, max(begun, cut)),
    )


def about(
    parts: Parts, person: bytes, facet: str, waiting: Unsequenced, below: int = _END, client_id: str | None = None
) -> Iterator[Event]:
    """The events about a person (pseudonym) that ``facet`` names, the newest first, each once. ``waiting``: those of them without a leaf."""
    held = (row for row in waiting.rows.values() if row.seq < below and (facet, person) in set(_facets(row)))
    before = None
    for event in merge(held, _indexed(parts, person, facet, below), key=lambda row: -row.seq):
        if event.seq != before and client_id in (None, event.client_id):
            yield event
        before = event.seq


def waits(parts: Parts, seqs: Collection[int]) -> set[int]:
    """Which of these numbers have no leaf. Raises Unavailable."""
    if not seqs:
        return set()
    late = parts.store.find(EventPending, {"seq": Op("in", tuple(seqs))}, limit=len(seqs))
    last = head(parts).last_seq
    return {seq for seq in seqs if seq > last} | {line.seq for line in late}


def unlike_written(parts: Parts, seqs: Collection[int]) -> set[int]:
    """Which of these events are there, but are not as they were written: whoever shows them says so. Raises Unavailable."""
    rows = parts.store.find(Event, {"seq": Op("in", tuple(seqs))}, limit=len(seqs)) if seqs else []
    return {row.seq for row in rows if not fits(row)}


def with_lines(numbers: Sequence[int], own: Sequence[int], top: int, limit: int) -> Sequence[int]:
    """A piece of a line of the index (``numbers`` ≤ top, descending) with those that have no leaf."""
    more = [number for number in own if number <= top]
    return sorted({*numbers, *more}, reverse=True)[:limit] if more else numbers


def _indexed(parts: Parts, person: bytes, facet: str, below: int) -> Iterator[Event]:
    while True:
        where = {"facet": facet, "value": person, "seq": Op("<", below)}
        seqs = tuple(line.seq for line in parts.store.find(EventFacet, where, order=("-seq",), limit=STEP))
        if not seqs:
            return
        yield from parts.store.find(Event, {"seq": Op("in", seqs), "actor": person}, order=("-seq",), limit=STEP)
        below = seqs[-1]


def _facets(event: Event) -> Iterator[tuple[str, bytes]]:
    """Nothing more of a row that is no event (SQLite keeps any type)."""
    try:
        yield from facets(event)
    except (TypeError, AttributeError):
        return


def _first_at(parts: Parts, above: int) -> int | None:
    found = parts.store.find(Event, {"seq": Op(">", above)}, order=("seq",), limit=1)
    return found[0].at if found else None
