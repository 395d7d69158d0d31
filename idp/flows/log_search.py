"""Looking for events: what stands in the log's index in the order of the log, newest first, each search bounded in what it reads."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec

from idp.audit import facets
from idp.audit.events import vocabulary
from idp.audit.search import (
    TEXTS,
    Bad,
    Budget,
    Given,
    Line,
    Query,
    Read,
    Spent,
    Union,
    conditions,
    inside,
    intersect,
    kinds,
    meets,
    window,
)
from idp.audit.stretches import END, Stretch
from idp.flows.ids import raw_id
from idp.flows.log_reading import events_between, found_by_id, rows_of
from idp.flows.log_times import times
from idp.flows.log_unsequenced import NONE, Gap, Unsequenced, unsequenced, with_lines
from idp.flows.sequencer import Damaged, head
from idp.flows.traces import Trace
from idp.parts import Parts
from idp.ports import Op
from idp.records import ClientRow, Event, EventFacet

SHOWN: Final = 50
SHORT: Final = 8
"""Characters of a pseudonym that lists show."""
MOST_CLIENTS: Final = 400
"""A department with more clients is looked for by client."""
MOST_READ: Final = 5000
"""Events that one page of a search by data, factor or level opens: what stands inside stands in no index."""
CHUNK: Final = 64
LATE: Final = 5_000_000
"""Microseconds that an event may take from its time to its leaf, for those who follow the log."""


@dataclass(frozen=True, slots=True)
class Found:
    """One event of a search with its decoded head."""

    seq: int
    at: int
    kind: str
    head: dict[str, Any]

    @property
    def id(self) -> str:
        """Hexadecimal."""
        return str(self.head.get("id", ""))


@dataclass(frozen=True, slots=True)
class Page:
    """What a search shows. ``more``: the id to go on behind, empty at the end; ``stopped``: how far back it looked when it ended early;
    ``below``: the number that ``more`` stands for; ``gap``: the time of which events may be missing while the log stands still."""

    events: list[Found]
    more: str
    stopped: int | None
    below: int | None
    gap: Gap | None = None


@dataclass(frozen=True, slots=True)
class News:
    """Events, the oldest first, and the id to go on behind."""

    events: list[Found]
    newest: str


def search(parts: Parts, query: Query, now: int, limit: int = SHOWN, trace: Trace | None = None) -> Page:
    """One page. ``trace``: what the query's ``address`` stands for. Raises Bad for a department with too many clients or an unknown ``before``;
    Unavailable."""
    events: list[Found] = []
    walk = Walk(parts, query, now, trace)
    for event in walk:
        if len(events) == limit:
            return Page(events, events[-1].id, None, events[-1].seq, walk.gap)
        events.append(event)
    return Page(events, *walk.rest(), walk.gap)


def newer(parts: Parts, query: Query, now: int, after: str, trace: Trace | None = None) -> News:
    """What a search finds behind the event ``after``, the oldest first; nothing where that is unknown: the following begins. Raises Bad, Unavailable.

    Numbers are given before the commit, so that an event may come late: those around a young ``after`` come again, known by their ids.
    """
    last = found_by_id(parts, after)
    if last is None:
        return News([], newest(parts))
    late = last.at - LATE if now - last.at < 2 * LATE else now
    events = search(parts, query, now, trace=trace).events
    found = [event for event in reversed(events) if event.id != after and (event.seq > last.seq or event.at > late)]
    return News(found, events[0].id if events and events[0].seq > last.seq else after)


def newest(parts: Parts) -> str:
    """The id of the event that came into the log's index last; empty for an empty log."""
    found = event_at(parts, head(parts).last_seq)
    return found.id if found is not None else ""


def event(parts: Parts, event_id: str) -> Found | None:
    """The event of an id in hex, also one that is not in the tree yet; None for anything else."""
    row = found_by_id(parts, event_id)
    return None if row is None else _found(row)


def event_at(parts: Parts, seq: int) -> Found | None:
    """The event of a number that a line of the index names."""
    row = parts.store.one(Event, seq=seq)
    return None if row is None else _found(row)


def several(parts: Parts, numbers: Sequence[int]) -> list[Found]:
    """The events of these numbers in their order, by one read; those that are not there are left out."""
    rows = rows_of(parts, tuple(numbers))
    return [_found(rows[number]) for number in numbers if number in rows]


def of_kinds(parts: Parts, kinds: Sequence[str], client_id: str, most: int) -> Iterator[Found]:
    """The newest events of these kinds, of one client or (empty) of all; ``most`` of them are read. Raises Unavailable."""
    only = {"client_id": client_id} if client_id else {}
    waiting = unsequenced(parts, kind=Op("in", tuple(kinds)), **only)
    unions = _unions(parts, kinds, [(facets.CLIENT, client_id.encode())] if client_id else [], 0, waiting)
    with suppress(Spent):
        for chunk in _chunks(islice(intersect(unions, _highest(parts, waiting)), most), CHUNK):
            yield from several(parts, chunk)


def events_about(parts: Parts, person: bytes, kinds: Sequence[str], above: int) -> Iterator[Event]:
    """The events of these kinds about a person (pseudonym) behind the number ``above``, the oldest first. All of them, however many reads it takes:
    the lines of the kinds meet the person's, so that what else they did is leapt over. Raises Unavailable."""
    waiting = unsequenced(parts, actor=person, kind=Op("in", tuple(kinds)))
    found, top = list[int](), _highest(parts, waiting)
    while top > above:
        unions = _unions(parts, kinds, [(facets.PERSON, person)], above + 1, waiting)
        try:
            for number in intersect(unions, top):
                found.append(number)
            break
        except Spent as spent:
            top = spent.at
    for chunk in _chunks(reversed(found), CHUNK):
        rows = rows_of(parts, chunk)
        yield from (
            row
            for number in chunk
            if (row := rows.get(number)) is not None and row.actor == person and row.kind in kinds
        )


def met(parts: Parts, alert: Found) -> list[Found]:
    """The first and the last event that an alert counted, the newer one first; what is not in the log is left out."""
    ends = sorted(
        {n for name in ("first", "last") if isinstance(n := alert.head.get(name), int) and n >= 0}, reverse=True
    )
    try:
        return [_found(event) for n in ends for _, event in events_between(parts, n, n + 1, gaps=True)]
    except Damaged:
        return []


def jump(parts: Parts, typed: str) -> tuple[str, str] | None:
    """What one word names: (``event``, id), (``person``, pseudonym), (``session``, id), (``grant``, id), (``reference``, text), (``client``, id)."""
    word = typed.strip()
    if not word or len(word) > 256 or not word.isprintable():
        return None
    raw = raw_id(word)
    lower, upper = word.lower(), word.upper()
    tries: list[tuple[str, bytes, str, str]] = []
    if raw:
        tries += [(facets.ID, raw, "event", lower), (facets.PERSON, raw, "person", lower)]
        tries += [(facets.STAFF, raw, "staff", lower)]
        tries += [(facets.SESSION, lower.encode(), "session", lower), (facets.GRANT, lower.encode(), "grant", lower)]
    tries += [(facets.REFERENCE, upper.encode(), "reference", upper), (facets.CLIENT, word.encode(), "client", word)]
    tries += [(facets.ITEM, word.encode(), "item", word)]
    own = unsequenced(parts).lines()
    for facet, value, name, shown in tries:
        if (facet, value) in own or parts.store.find(EventFacet, {"facet": facet, "value": value}, limit=1):
            return name, shown
    person = _begins(parts, lower) if len(lower) == SHORT and not set(lower) - set("0123456789abcdef") else None
    return ("person", person) if person else None


def _begins(parts: Parts, short: str) -> str | None:
    """The one pseudonym in the index that begins so, as pages show it; None where there is none, or more than one."""
    start = bytes.fromhex(short)
    where = {"facet": facets.PERSON, "value": Op(">=", start)}
    found = parts.store.find(EventFacet, where, order=("value",), limit=1)
    if not found or not found[0].value.startswith(start):
        return None
    where = {"facet": facets.PERSON, "value": Op(">", found[0].value)}
    other = parts.store.find(EventFacet, where, order=("value",), limit=1)
    return None if other and other[0].value.startswith(start) else found[0].value.hex()


class Walk:
    """The events of a query, newest first. After the end, :meth:`rest` says whether everything was looked at."""

    def __init__(self, parts: Parts, query: Query, now: int, trace: Trace | None = None) -> None:
        self._parts, self._query, self._inside = parts, query, inside(query)
        self._since, self._until = window(query, now)
        known = times(parts)
        if query.until is None:  # what a clock that was set back wrote before is later than now
            self._until = max(self._until, known.latest + 1)
        clients = _clients_of(parts, query.department) if query.department else None
        waiting = _waiting(parts, query)
        self.gap = waiting.gap
        lines = conditions(query, tuple(vocabulary()), clients)
        self._cap = _cap(parts, query)
        self._ranges = known.ranges(self._since, self._until)
        self.gap = self.gap or (known.gap if self._since or query.until is not None else None)
        self._budget, self._read = Budget(), _reader(parts, waiting)
        self._lines, self._trace, self._waiting = lines, trace, waiting
        if query.address and trace is None:
            raise Bad({"address": "gone"})
        self._stopped: int | None = None

    def __iter__(self) -> Iterator[Found]:
        read = 0
        for chunk in _chunks(self._until_spent(self._numbers()), CHUNK):
            found = [event for event in several(self._parts, chunk) if self._since <= event.at < self._until]
            yield from (event for event in found if meets(self._query, event.head))
            read += len(chunk)
            if self._inside and read >= MOST_READ:
                self._stopped = chunk[-1] - 1
                return

    def _numbers(self) -> Iterator[int]:
        """Stretch by stretch: where the clock was set back, a window of time lies in more than one."""
        for floor, end, stretch in self._ranges:
            top = min(end, self._cap)
            unions = self._unions(floor, end, stretch) if top >= floor else None
            if unions is not None:
                yield from intersect(unions, top) if unions else self._all(floor, top)

    def _unions(self, floor: int, top: int, stretch: Stretch) -> list[Union | Given]:
        found: list[Union | Given] = [
            Union([Line(self._read, self._budget, facet, value, floor) for facet, value in lines])
            for lines in self._lines
        ]
        if self._query.address and self._trace is not None:
            since, until = max(self._since, stretch.low), min(self._until, stretch.high + 1)
            if self._cap < top:
                newest = self._parts.store.find(Event, {"seq": Op("<=", self._cap)}, order=("-seq",), limit=1)
                until = min(until, newest[0].at + stretch.fall) if newest and newest[0].seq >= floor else since
            own = {row.id: seq for seq, row in self._waiting.rows.items()}
            found.append(self._trace.lines(self._parts, since, until, own, floor, top, stretch.fall))
        return found

    def rest(self) -> tuple[str, int | None, int | None]:
        """(id to go on behind, how far back it looked, number to go on below) when the search ended early, else nothing."""
        if self._stopped is None:
            return "", None, None
        later = self._parts.store.find(Event, {"seq": Op(">", self._stopped)}, order=("seq",), limit=1)
        return (later[0].id.hex(), later[0].at, self._stopped + 1) if later else ("", None, None)

    def _until_spent(self, numbers: Iterator[int]) -> Iterator[int]:
        try:
            yield from numbers
        except Spent as spent:
            self._stopped = spent.at

    def _all(self, floor: int, top: int) -> Iterator[int]:
        while top >= floor:
            where = {"seq": Op("<=", top)}
            rows = self._parts.store.find(Event, where, order=("-seq",), limit=CHUNK)
            yield from (row.seq for row in rows if row.seq >= floor)
            if len(rows) < CHUNK:
                return
            top = rows[-1].seq - 1


def _waiting(parts: Parts, query: Query) -> Unsequenced:
    """What has no line of the index and may meet a query that asks the index."""
    chosen = kinds(query, tuple(vocabulary()))
    columns = {
        "actor": bytes.fromhex(query.person) or None,
        "client_id": query.client or None,
        "kind": None if chosen is None else Op("in", chosen),
    }
    only = {name: value for name, value in columns.items() if value is not None}
    indexed = only or query.address or any(getattr(query, name) for name in TEXTS)
    return unsequenced(parts, **only) if indexed and chosen != () else NONE


def _highest(parts: Parts, waiting: Unsequenced) -> int:
    return max(head(parts).last_seq, *waiting.rows, 0)


def _unions(
    parts: Parts, kinds: Sequence[str], other: Sequence[tuple[str, bytes]], floor: int, waiting: Unsequenced
) -> list[Union]:
    """The lines of the kinds, and those of ``other`` where there are any, read on one budget."""
    budget, read = Budget(), _reader(parts, waiting)
    asked = [[(facets.KIND, kind.encode()) for kind in kinds], *([other] if other else [])]
    return [Union([Line(read, budget, *line, floor) for line in lines]) for lines in asked]


def _reader(parts: Parts, waiting: Unsequenced) -> Read:
    own = waiting.lines()

    def read(facet: str, value: bytes, top: int, limit: int) -> Sequence[int]:
        where = {"facet": facet, "value": value, "seq": Op("<=", top)}
        numbers = [line.seq for line in parts.store.find(EventFacet, where, order=("-seq",), limit=limit)]
        return with_lines(numbers, own.get((facet, value), ()), top, limit)

    return read


def _cap(parts: Parts, query: Query) -> int:
    """The highest number that may be shown: of a page behind another one."""
    top = END
    if query.before:
        row = found_by_id(parts, query.before)
        if row is None:
            raise Bad({"before": "unknown"})
        top = row.seq - 1
    return top if query.below is None else min(top, query.below - 1)


def _clients_of(parts: Parts, department: str) -> list[str]:
    rows = parts.store.find(ClientRow, {"department_id": department}, order=("client_id",), limit=MOST_CLIENTS + 1)
    if len(rows) > MOST_CLIENTS:
        raise Bad({"department": "many"})
    return [row.client_id for row in rows]


def _found(row: Event) -> Found:
    try:
        head = msgspec.json.decode(row.head)
    except msgspec.DecodeError:  # not written by us: the verifier names it
        head = {}
    return Found(row.seq, row.at, row.kind, {**(head if isinstance(head, dict) else {}), "id": row.id.hex()})


def _chunks(numbers: Iterable[int], size: int) -> Iterator[tuple[int, ...]]:
    chunk: list[int] = []
    for number in numbers:
        chunk.append(number)
        if len(chunk) == size:
            yield tuple(chunk)
            chunk = []
    if chunk:
        yield tuple(chunk)
