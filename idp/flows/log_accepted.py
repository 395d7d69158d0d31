"""What operators accepted in the log although it is not as it was written: remembered in the log itself, by the events ``audit.accepted``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from idp.audit.facets import KIND
from idp.audit.fitting import fits
from idp.audit.siem import instant
from idp.audit.verify import Bad
from idp.flows.log_reading import place_of, rows_of
from idp.flows.sequencer import BATCH, head
from idp.parts import Parts
from idp.records import EventFacet

ACCEPTING: Final = "audit.accepted"
MOST: Final = 1000
"""So many rows one acceptance names."""
NAMED: Final = 5


class _Said(msgspec.Struct):
    let_in: tuple[int, ...] = ()
    amiss: tuple[int, ...] = ()
    what: str = ""


_HEAD: Final = msgspec.json.Decoder(_Said)


@dataclass(frozen=True, slots=True)
class Accepted:
    """``let_in``: numbers (``seq``) of rows that had no leaf and did not fit; ``amiss``: places (index) of those that had one, as a number may be
    given again; each with when it was accepted (microseconds). ``what``: what else was wrong at the newest acceptance, ``at``."""

    let_in: dict[int, int] = field(default_factory=dict)
    amiss: dict[int, int] = field(default_factory=dict)
    what: str = ""
    at: int = 0

    def when(self, index: int | None, seq: int) -> int | None:
        """When this row was accepted; None when it was not."""
        at = self.let_in.get(seq)
        return at if at is not None or index is None else self.amiss.get(index)

    def __bool__(self) -> bool:
        return bool(self.let_in or self.amiss or self.what)


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A row that is not as it was written and was accepted: its place in the tree (None: it has none) or number, when it was accepted."""

    index: int | None
    seq: int
    at: int


def accepted(parts: Parts) -> Accepted:
    """All that was accepted so far, also by an event that has no leaf yet. Raises Unavailable."""
    lines = parts.store.find(EventFacet, {"facet": KIND, "value": ACCEPTING.encode()}, limit=MOST)
    events = list(rows_of(parts, tuple(line.seq for line in lines)).values())
    events += [e for e in parts.store.unsequenced(head(parts).last_seq, BATCH) if e.kind == ACCEPTING]
    let_in, amiss, what, at = dict[int, int](), dict[int, int](), "", 0
    for event in sorted(filter(fits, events), key=lambda e: e.at):
        said = _HEAD.decode(event.head)
        for numbers, known in ((said.let_in, let_in), (said.amiss, amiss)):
            for seq in numbers:
                known.setdefault(seq, event.at)
        what, at = said.what, event.at
    return Accepted(let_in, amiss, what, at)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the log is whole but for: the first ``rows`` of ``count``; ``what`` else was accepted at the newest time, ``at``."""

    rows: tuple[Spoilt, ...]
    count: int
    what: str
    at: int


def standing(parts: Parts) -> Standing | None:
    """What was accepted and stays named; None where nothing was. Raises Unavailable."""
    known = accepted(parts)
    if not known:
        return None
    rows = [Spoilt(index, 0, at) for index, at in sorted(known.amiss.items())[:NAMED]]
    rows += [Spoilt(place_of(parts, seq), seq, at) for seq, at in sorted(known.let_in.items())[:NAMED]]
    rows.sort(key=lambda row: (row.index is None, row.index or 0, row.seq))
    return Standing(tuple(rows[:NAMED]), len(known.amiss) + len(known.let_in), known.what, known.at)


def words(rows: Sequence[Spoilt], count: int, what: str = "", at: int = 0) -> str:
    """The same, as operators read it everywhere."""
    told = []
    if count:
        days = ", ".join(sorted({instant(row.at)[:10] for row in rows}))
        places = ", ".join(f"number {r.seq}" if r.index is None else str(r.index) for r in rows[:NAMED])
        events = f"{count} event{'s' if count > 1 else ''} that {'were' if count > 1 else 'was'}"
        told.append(f"whole but for {events} accepted on {days}: index {places}{', …' if count > NAMED else ''}")
    if what:
        told.append(f"not whole, accepted on {instant(at)[:10]}: {what}")
    return "; ".join(told)


class Spared:
    """What a check passes over, and names: rows that were accepted; with ``every`` whatever can be passed over, so that it can be accepted."""

    def __init__(self, known: Accepted, *, every: bool = False) -> None:
        self.known, self._every = known, every
        self.found = dict[tuple[int | None, int], None]()
        """What was passed over: its index in the tree (None outside of it) and its number."""
        self.gone, self.absent = set[int](), set[int]()
        """Places, and their numbers, whose row is gone or another one."""

    def row(self, index: int | None, seq: int, *, there: bool = True) -> bool:
        """Whether this row is passed over; ``there``: it has the entry that the tree holds."""
        if not self._every and self.known.when(index, seq) is None:
            return False
        self.found[index, seq] = None
        if not there and index is not None:
            self.gone.add(index)
            self.absent.add(seq)
        return True

    @property
    def indexed(self) -> bool:
        """Whether the search index can still be compared: a row that was let in was indexed as it is, one that was altered later was not."""
        return not any(index is not None and seq not in self.known.let_in for index, seq in self.found)

    def spoilt(self) -> tuple[Spoilt, ...]:
        """What was passed over, by its place."""
        rows = [Spoilt(index, seq, self.known.when(index, seq) or 0) for index, seq in self.found]
        return tuple(sorted(rows, key=lambda row: (row.index is None, row.index or 0, row.seq)))


def held_against(bad: Bad, known: Accepted) -> int | None:
    """When exactly this was accepted, which nothing can pass over; None when it was not."""
    return known.at if known.what and known.what == str(bad) else None
