"""The end of personal details whose time is over: the sealed fields of old events go, never an event, a digest or a leaf.

When a whole month of a class is over its key goes too, so that no older copy of the database can be read for it either.
"""

from collections import Counter
from collections.abc import Callable, Iterator

import msgspec

from idp.audit.events import record, vocabulary
from idp.audit.facets import KIND
from idp.audit.retention import LEAST_DAYS, DetailsPurged, ends, month_ends, months, rules, without_details
from idp.config import ConfigError
from idp.errors import Unavailable
from idp.flows.log_reading import rows_of
from idp.flows.sequencer import head
from idp.parts import Parts
from idp.ports import Committed, Op, Update, Write
from idp.records import Event, EventFacet

PAGE = 500
LATEST = 2**63 - 1
Progress = Callable[[int], object]
"""``progress(events looked at)``."""


def kept(parts: Parts) -> dict[str, int]:
    """Days by class, as configured. Raises ConfigError."""
    try:
        return rules(parts.config.log_retention, tuple(vocabulary()))
    except ValueError as error:
        raise ConfigError(f"IDP_LOG_RETENTION: {error}") from None


def plan(parts: Parts, progress: Progress = lambda _: None) -> dict[str, int]:
    """How many events would lose their details, by class; nothing is changed. Raises ConfigError, Unavailable."""
    return dict(Counter(event.kind.partition(".")[0] for event, _ in _over(parts, kept(parts), progress)))


def purge(parts: Parts, progress: Progress = lambda _: None) -> dict[str, int]:
    """Destroy them; how many, by class. Each batch carries its own event, so a death in between leaves nothing untold. Raises as :func:`plan`."""
    done, batch, told = Counter[str](), list[Write](), Counter[str]()
    for event, fields in _over(parts, kept(parts), progress):
        batch.append(Update(Event, {"seq": event.seq, "entry": event.entry}, {"fields": fields}))
        told[event.kind.partition(".")[0]] += 1
        if len(batch) == PAGE:
            _commit(parts, batch, told)
            done.update(told)
            batch, told = [], Counter()
    if batch:
        _commit(parts, batch, told)
        done.update(told)
    return dict(done)


def months_over(parts: Parts) -> list[tuple[str, str]]:
    """(class, month) of each detail key whose time is over. Raises ConfigError, Unavailable."""
    first, now, details = parts.store.find(Event, order=("seq",), limit=1), parts.clock(), parts.vault.details
    over = [
        (group, month)
        for group, days in sorted(kept(parts).items())
        for month in (months(first[0].at, now) if first else ())
        if month_ends(month, days) <= now
    ]
    return [place for place in over if details.known(*place)]


def end_months(parts: Parts) -> list[tuple[str, str]]:
    """Destroy these keys, each told by its own event before; which. Raises as :func:`months_over`."""
    return _end(parts, months_over(parts))


def end_again(parts: Parts) -> list[tuple[str, str]]:
    """Destroy what the log says was destroyed and an older copy of the keyring brought back; which. Raises Unavailable.

    What is younger than any rule may say was never destroyed by us, whatever a row says.
    """
    now, details = parts.clock(), parts.vault.details
    told = [place for place in sorted(_told(parts)) if month_ends(place[1], LEAST_DAYS) <= now]
    return _end(parts, [place for place in told if details.known(*place)])


def _told(parts: Parts) -> set[tuple[str, str]]:
    """(class, month) of each key whose end stands in the log, sequenced or not yet."""
    found, before = set[tuple[str, str]](), LATEST
    waiting = parts.store.unsequenced(head(parts).last_seq, PAGE)
    while True:
        found |= {place for event in waiting if event.kind == DetailsPurged.KIND and (place := _month_in(event.head))}
        where = {"facet": KIND, "value": DetailsPurged.KIND.encode(), "seq": Op("<", before)}
        lines = parts.store.find(EventFacet, where, order=("-seq",), limit=PAGE)
        if not lines:
            return found
        before = lines[-1].seq
        waiting = list(rows_of(parts, tuple(line.seq for line in lines)).values())


def _month_in(head: bytes) -> tuple[str, str] | None:
    """None where rows were purged, not a month, and for what we did not write."""
    try:
        told = msgspec.json.decode(head, type=_Told)
        month_ends(told.month, 0)
    except (msgspec.MsgspecError, ValueError, OverflowError):
        return None
    return told.group, told.month


class _Told(msgspec.Struct):
    group: str
    month: str


def _end(parts: Parts, over: list[tuple[str, str]]) -> list[tuple[str, str]]:
    for group, month in over:
        fact = DetailsPurged(events=0, group=group, month=month)
        if not isinstance(parts.store.commit([record(fact, at=parts.clock(), entropy=parts.entropy)]), Committed):
            raise Unavailable("database")
        parts.vault.details.destroy(group, month)
    return over


def _commit(parts: Parts, batch: list[Write], told: Counter[str]) -> None:
    now = parts.clock()
    facts = [DetailsPurged(events=n, group=name) for name, n in sorted(told.items())]
    events = [record(fact, at=now, entropy=parts.entropy) for fact in facts]
    if not isinstance(parts.store.commit([*batch, *events]), Committed):
        raise Unavailable("database")


def _over(parts: Parts, days: dict[str, int], progress: Progress) -> Iterator[tuple[Event, bytes]]:
    """Each event whose details' time is over, with what of its fields stays."""
    now, after, looked = parts.clock(), 0, 0
    while rows := parts.store.find(Event, {"seq": Op(">", after)}, order=("seq",), limit=PAGE):
        for event in rows:
            end = ends(event.kind, event.at, days)
            fields = without_details(event.fields) if event.fields and end is not None and end <= now else None
            if fields is not None:
                yield event, fields
        after, looked = rows[-1].seq, looked + len(rows)
        progress(looked)
