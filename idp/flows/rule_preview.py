"""What a rule would have found lately: the watch's own evaluation over the recorded events of its kinds, bounded; nothing is written."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from idp.audit import facets
from idp.audit.alerts import LATE, Rule, Watcher
from idp.audit.search import Budget, Line, Spent, Union, intersect
from idp.audit.stretches import END
from idp.flows.log_alerts import networks_of
from idp.flows.log_times import times
from idp.flows.sequencer import head
from idp.parts import Parts
from idp.ports import Op
from idp.records import Event, EventFacet

SPAN: Final = 7 * 86_400 * 1_000_000
MOST: Final = 5000
"""Events that are evaluated; of a rule that watches more in seven days the newest."""
CHUNK: Final = 250
_NAME: Final = "tried"
_BY_TEXT: Final = {
    "client_id": facets.CLIENT,
    "session": facets.SESSION,
    "grant": facets.GRANT,
    "reference": facets.REFERENCE,
}
_BY_ID: Final = {"person": facets.PERSON, "actor": facets.STAFF}


@dataclass(frozen=True, slots=True)
class Preview:
    """``alerts`` that ``events`` would have raised; ``since`` (microseconds): how far back it looked; ``whole``: all seven days."""

    alerts: int
    events: int
    since: int
    whole: bool


def preview(parts: Parts, rule: Rule, now: int) -> Preview | None:
    """None for rules that the recorded log can't answer: how late an event was seen, or where somebody was. Raises Unavailable."""
    if rule.travel is not None or LATE in rule.where:
        return None
    since = now - SPAN
    floor = min((floor for floor, _, _ in times(parts).ranges(since, END)), default=0)
    numbers, whole = _numbers(parts, rule, floor)
    rows: list[Event] = []
    for at in range(0, len(numbers), CHUNK):
        chunk = tuple(numbers[at : at + CHUNK])
        rows += parts.store.find(Event, {"seq": Op("in", chunk)}, order=("-seq",), limit=len(chunk))
    events = [event for event in reversed(rows) if since <= event.at]
    begun = since if whole else events[0].at if events else now
    return Preview(_evaluated(parts, rule, events), len(events), begun, whole)


def _evaluated(parts: Parts, rule: Rule, events: list[Event]) -> int:
    watcher, found = Watcher({_NAME: rule}), 0
    for at in range(0, len(events), CHUNK):
        chunk = events[at : at + CHUNK]
        networks = networks_of(parts, [event.id for event in chunk if watcher.traced(event.kind)])
        for event in chunk:
            try:
                told = msgspec.json.decode(event.head, type=dict[str, Any])
            except (ValueError, TypeError):  # spoilt by hand: the verifier names it
                continue
            found += len(watcher.see(event.seq, {**told, **networks.get(event.id, {})}))
    return found


def _numbers(parts: Parts, rule: Rule, floor: int) -> tuple[list[int], bool]:
    """The newest numbers of events of the rule's kinds, and whether those are all."""
    budget = Budget()

    def read(facet: str, value: bytes, top: int, limit: int) -> list[int]:
        where = {"facet": facet, "value": value, "seq": Op("<=", top)}
        return [line.seq for line in parts.store.find(EventFacet, where, order=("-seq",), limit=limit)]

    unions = [Union([Line(read, budget, facet, value, floor) for facet, value in lines]) for lines in _conditions(rule)]
    numbers: list[int] = []
    try:
        for number in intersect(unions, head(parts).last_seq):
            if len(numbers) == MOST:
                return numbers, False
            numbers.append(number)
    except Spent:
        return numbers, False
    return numbers, True


def _conditions(rule: Rule) -> list[list[tuple[str, bytes]]]:
    """Lines of the index that narrow down; what has none is judged event by event."""
    found = [[(facets.KIND, kind.encode()) for kind in rule.kind]]
    for field, value in rule.where.items():
        text = str(value)
        if field in _BY_TEXT:
            found.append([(_BY_TEXT[field], text.encode())])
        elif field in _BY_ID and len(text) == 32 and not set(text) - set("0123456789abcdef"):
            found.append([(_BY_ID[field], bytes.fromhex(text))])
    return found
