"""Searching the log by exact facets and time, newest first, page by page: reads as many lines of the index as it shows, however large the log is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from idp.audit.facets import (
    CLIENT,
    DEPARTMENT,
    FACETS,
    GRANT,
    ID,
    ITEM,
    KIND,
    PERSON,
    REFERENCE,
    SESSION,
    STAFF,
    facets,
)
from idp.audit.tiles import WIDTH
from idp.errors import Code, Refusal
from idp.flows.log_export import index_at
from idp.flows.log_reading import rows_of
from idp.flows.sequencer import head
from idp.parts import Parts
from idp.ports import Op
from idp.records import Event, EventFacet, TreeBundle

PAGE: Final = 250
MOST_READ: Final = 5000
"""Lines that one page may cost; a page that found little by then says where to go on."""
NARROW: Final = (ID, REFERENCE, GRANT, SESSION, PERSON, STAFF, ITEM, DEPARTMENT, CLIENT, KIND)
"""Facets from the one with the fewest events of a value to the one with the most: the first that is asked for leads."""
BYTES: Final = frozenset((ID, PERSON, STAFF))
LATEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Query:
    """All of it must hold. ``facets``: value by facet; times in microseconds, ``since`` ≤ at < ``until``."""

    facets: Mapping[str, bytes] = field(default_factory=dict)
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Events, newest first, and where the next page begins: None when there is none."""

    events: list[Event]
    before: int | None


def query(asked: Mapping[str, str], since: int | None = None, until: int | None = None) -> Query:
    """From words: ids and pseudonyms in hex. Raises Refusal(invalid_request) for an unknown facet or what is not hex."""
    values = {}
    for name, text in asked.items():
        try:
            values[name] = bytes.fromhex(text) if name in BYTES else text.encode()
        except (ValueError, UnicodeEncodeError):
            raise Refusal(Code.INVALID_REQUEST, f"The {name} is not hexadecimal.", reason="malformed_search") from None
        if name not in FACETS:
            raise Refusal(Code.INVALID_REQUEST, "There is no such facet.", reason="malformed_search")
    return Query(values, since, until)


def search(parts: Parts, wanted: Query, *, before: int | None = None, limit: int = 50) -> Page:
    """At most ``limit`` events older than the place ``before`` (of the page that came earlier). Raises Unavailable, Damaged."""
    low, high = _bounds(parts, wanted)
    place, read, found = min(high, LATEST if before is None else before), 0, list[Event]()
    for chunk in _chunks(parts, wanted, low, place):
        for seq, event in chunk:
            place, read = seq, read + 1
            if event is not None and _holds(wanted, event):
                found.append(event)
            if len(found) == limit or read == MOST_READ:
                return Page(found, place)
    return Page(found, None)


def _chunks(parts: Parts, wanted: Query, low: int, place: int) -> Iterator[list[tuple[int, Event | None]]]:
    """Candidates, newest first: by the narrowest facet's lines, or simply the events; one that is gone is None."""
    lead = next((name for name in NARROW if name in wanted.facets), None)
    while place > low:
        if lead is None:
            rows = parts.store.find(Event, {"seq": Op("<", place)}, order=("-seq",), limit=PAGE)
            numbers = [event.seq for event in rows]
            known: Mapping[int, Event] = {event.seq: event for event in rows}
        else:
            where: dict[str, Any] = {"facet": lead, "value": wanted.facets[lead], "seq": Op("<", place)}
            numbers = [line.seq for line in parts.store.find(EventFacet, where, order=("-seq",), limit=PAGE)]
            known = rows_of(parts, tuple(numbers))
        if not numbers:
            return
        yield [(seq, known.get(seq)) for seq in numbers if seq >= low]
        place = numbers[-1]


def _holds(wanted: Query, event: Event) -> bool:
    if (wanted.since is not None and event.at < wanted.since) or (
        wanted.until is not None and event.at >= wanted.until
    ):
        return False
    return not wanted.facets or set(wanted.facets.items()) <= set(facets(event))


def _bounds(parts: Parts, wanted: Query) -> tuple[int, int]:
    """Numbers between which events of these times lie: a bundle of slack on both sides, as the log's order is that of commits."""
    low, high = 0, LATEST
    if wanted.since is not None and (bundle := _bundle(parts, index_at(parts, wanted.since) - WIDTH)) is not None:
        low = bundle.min_seq
    if wanted.until is not None:
        index = index_at(parts, wanted.until) + WIDTH
        if index < head(parts).size and (bundle := _bundle(parts, index)) is not None:
            high = bundle.max_seq + 1
    return low, high


def _bundle(parts: Parts, index: int) -> TreeBundle | None:
    return parts.store.one(TreeBundle, n=max(index, 0) // WIDTH)
