"""What a search of the log adds up to: its chart, and whom it concerns."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

import msgspec

from idp.audit.counts import ALL, DAY, HOUR, counts, start_of
from idp.audit.events import vocabulary
from idp.audit.fitting import fits
from idp.audit.kinds import REFUSED, outcome_of
from idp.audit.search import MINUTE, TEXTS, Query, kinds, window
from idp.flows.log_search import Walk
from idp.flows.log_unsequenced import Gap, unsequenced
from idp.flows.traces import Trace
from idp.parts import Parts
from idp.ports import Op
from idp.records import EventCount

COUNTED: Final = 2000
"""So many events of a narrow search are counted one by one for the chart."""
MOST_COUNTS: Final = 200_000
BARS: Final = 60
FEWER: Final = (HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY)


@dataclass(frozen=True, slots=True)
class Account:
    """How events of a search concern one person: sign-ins, refusals, others, and the last one's time. ``person`` a pseudonym in hex."""

    person: str
    signed_in: int
    refused: int
    other: int
    last: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Counts from ``start`` on in steps of ``step`` microseconds. ``partial``: only the newest ``COUNTED``
    events, or what could be read, are counted; ``gap``: the time of which events may be missing while the log stands still."""

    start: int
    step: int
    bars: tuple[int, ...]
    partial: bool
    gap: Gap | None = None


def chart(parts: Parts, query: Query, now: int, trace: Trace | None = None) -> Chart:
    """The whole window of the search as bars: from the counts by hour where action and client are all that is asked, else one by one."""
    since, until = window(query, now)
    if not any(getattr(query, name) for name in TEXTS if name != "client"):
        return _added_up(parts, query, since, until)
    whole = msgspec.structs.replace(query, before="")
    walk, times = Walk(parts, whole, now, trace), list[int]()
    for event in walk:
        if len(times) == COUNTED:
            break
        times.append(event.at)
    since = max(since, min(min(times, default=until), until - DAY))
    partial = len(times) == COUNTED or walk.rest()[1] is not None
    return _bars(((at, 1) for at in times), since, until, HOUR, partial=partial)


def accounts(parts: Parts, query: Query, now: int, trace: Trace | None) -> list[Account]:
    """Whom the newest ``COUNTED`` events of a search concern, the one with the most failures first."""
    counted: dict[str, list[int]] = {}
    for event in islice(Walk(parts, msgspec.structs.replace(query, before=""), now, trace), COUNTED):
        one = counted.setdefault(str(event.head.get("person") or ""), [0, 0, 0, event.at])
        one[0 if event.kind == "session.started" else 1 if outcome_of(event.kind) == REFUSED else 2] += 1
    found = [Account(person, *numbers) for person, numbers in counted.items() if person]
    return sorted(found, key=lambda account: (-account.refused, -account.signed_in, -account.last))


def counted(parts: Parts, where: dict[str, Any]) -> tuple[list[EventCount], Gap | None]:
    """The counts of one span of one client or ``ALL`` from a start on, also of what has no leaf yet; and the time of which some may be missing."""
    only = {"client_id": where["client_id"]} if where["client_id"] != ALL else {}
    waiting = unsequenced(parts, **only)
    rows = parts.store.find(EventCount, where, order=("start",), limit=MOST_COUNTS)
    own = counts(row for row in waiting.rows.values() if fits(row))
    rows += [
        EventCount(*key, n)
        for key, n in own.items()
        if key[:2] == (where["span"], where["client_id"]) and key[2] >= where["start"].value
    ]
    return rows, waiting.gap


def _added_up(parts: Parts, query: Query, since: int, until: int) -> Chart:
    span = HOUR if 0 < until - since <= 15 * DAY else DAY
    where: dict[str, Any] = {
        "span": span,
        "client_id": query.client or ALL,
        "start": Op(">=", start_of(since, span) if since else -DAY),
    }
    wanted = kinds(query, tuple(vocabulary()))
    rows, gap = counted(parts, where)
    # What a clock that was set back wrote before is later than now: in the last bar.
    until_ = until if query.until is not None else max(until, *(row.start + 1 for row in rows), 0)
    hit = [row for row in rows if row.start < until_ and (wanted is None or row.kind in wanted)]
    since = since or min((row.start for row in hit), default=until - DAY)
    return replace(_bars(((row.start, row.n) for row in hit), since, until, span, partial=False), gap=gap)


def _bars(counted: Iterable[tuple[int, int]], since: int, until: int, span: int, *, partial: bool) -> Chart:
    wanted = max(until - since, span)
    step = next((s for s in FEWER if s >= span and wanted // s < BARS), 0) or -(-wanted // BARS // DAY + 1) * DAY
    start = start_of(since, min(step, DAY))
    bars = [0] * (-(-(until - MINUTE - start) // step) or 1)
    for at, n in counted:
        bars[min(max((at - start) // step, 0), len(bars) - 1)] += n
    return Chart(start, step, tuple(bars), partial)
