"""Cases of security staff: opened from an alert, an objection, an event or by hand, given to somebody, noted on, closed.

Each step is a row that is never changed and an event of the log, in one batch. Who takes or closes a case names the version that they saw, so
that two can't both do it. Words are sealed under the key of the person whom the case is about, and end with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from idp.audit.cases import CaseAssigned, CaseClosed, CaseLinked, CaseNoted, CaseOpened, RevealSeen
from idp.audit.events import Fact, record
from idp.audit.rights import ObjectionRead
from idp.errors import Code, Refusal
from idp.flows import colleagues, log_alerts, objections
from idp.flows.ids import raw_id
from idp.flows.log_reading import event_by_id, found_by_id
from idp.flows.log_search import events_about
from idp.flows.people import Caller, Person
from idp.parts import Parts
from idp.ports import Committed, Conflict, Holds, Insert, Op, Update, Write
from idp.records import CaseEvent, CaseStep, Event, Objection, Reveal, SecurityCase
from idp.release.vault import NOBODY, Citizen, KeyGone
from keys.errors import SealBroken

OPEN, ASSIGNED, CLOSED = "open", "assigned", "closed"
ALERT, EVENT, HAND = "alert", "event", "hand"
FILTERS: Final = ("open", "mine", "closed", "all")
PAGE: Final = 50
MAX_WORDS: Final = 2000
MAX_STEPS: Final = 500
MAX_EVENTS: Final = 50


@dataclass(frozen=True, slots=True)
class About:
    """What a case is opened about. ``events`` ids; ``person`` a pseudonym; ``objection`` the citizen's, where there is one."""

    origin: str
    source: bytes | None = None
    events: tuple[bytes, ...] = ()
    person: bytes | None = None
    objection: Objection | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step; ``words`` None when none were said, or their key is gone."""

    row: CaseStep
    words: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """A case as its page shows it; ``steps`` the oldest first; ``gone``: whom it is about was erased."""

    row: SecurityCase
    events: tuple[str, ...]
    steps: list[Step]
    objection: Objection | None
    gone: bool


# What it is about -----------------------------------------------------------------------------------------------------------------


def about(parts: Parts, origin: str, what: str) -> About:
    """``origin``: alert, objection or event with an id in hex, person with a pseudonym, or hand. Raises Refusal for what there is not."""
    if origin == "objection":
        return _about_objection(parts, what)
    if origin in (ALERT, EVENT):
        event = event_by_id(parts, what)
        if origin == ALERT and event.kind != log_alerts.RAISED:
            raise _refused("This is no alert.", "case_about")
        person = log_alerts.about(event) if origin == ALERT else event.actor
        return About(origin, event.id if origin == ALERT else None, (event.id,), _somebody(parts, person))
    person = _somebody(parts, raw_id(what)) if origin == "person" else None
    if origin != HAND and person is None:
        raise _refused("There is nothing of this kind.", "case_about")
    return About(HAND, person=person)


def _about_objection(parts: Parts, what: str) -> About:
    row = objections.row_of(parts, what)
    entry = parts.keyring.get(row.account_id)
    return About(row.kind, row.id, (row.event_id,), entry.pseudonym if entry else None, row)


def _somebody(parts: Parts, pseudonym: bytes | None) -> bytes | None:
    """The pseudonym, if it is a living account's."""
    entry = parts.keyring.whose(pseudonym) if pseudonym is not None else None
    return pseudonym if entry is not None and entry.account_id != NOBODY else None


# Steps ----------------------------------------------------------------------------------------------------------------------------


def open_case(parts: Parts, caller: Caller, staff: Person, what: About, words: str) -> bytes:
    """The id of the new case, or of the one that is there about this alert or objection. Raises Refusal."""
    _fits(words)
    known = parts.store.one(SecurityCase, source=what.source) if what.source else None
    if known is not None:
        return known.id
    row = SecurityCase(
        id=parts.entropy(16),
        origin=what.origin,
        source=what.source,
        person=what.person,
        state=OPEN,
        assignee=None,
        outcome=None,
        version=1,
        created_at=caller.now,
        closed_at=None,
    )
    fact = CaseOpened(
        case=row.id.hex(),
        origin=row.origin,
        event=what.events[0].hex() if what.events else "",
        objection=what.objection.id.hex() if what.objection else "",
        reference=caller.reference,
    )
    writes: list[Write] = [Insert(row), *(Insert(CaseEvent(row.id, e, caller.now)) for e in what.events)]
    if what.objection is not None and what.objection.state != objections.CLOSED:
        writes.append(
            Update(Objection, {"id": what.objection.id, "state": objections.OPEN}, {"state": objections.ASSIGNED})
        )
    writes += step(parts, caller, staff, row, "opened", fact, words=words)
    done = parts.store.commit([colleagues.holds(staff, colleagues.LOOKS), *writes])
    if isinstance(done, Conflict):
        known = parts.store.one(SecurityCase, source=what.source) if what.source else None
        if known is None:
            raise _changed()
        return known.id
    return row.id


def note(parts: Parts, caller: Caller, staff: Person, case_id: str, words: str) -> None:
    """Add words. Raises Refusal: none, too many, closed meanwhile, or the person was erased, under whose key they would stand."""
    row = of(parts, case_id)
    _fits(words, needed=True)
    fact = CaseNoted(case=case_id, reference=caller.reference)
    _commit(parts, staff, [_living(row), *step(parts, caller, staff, row, "noted", fact, words=words)])


def link(parts: Parts, caller: Caller, staff: Person, case_id: str, event_id: str) -> None:
    """Put another event of the log to a case. Raises Refusal: unknown, there already, too many."""
    row, event = of(parts, case_id), event_by_id(parts, event_id)
    if parts.store.count(CaseEvent, {"case_id": row.id}) >= MAX_EVENTS:
        raise _refused("A case names at most fifty events.", "case_events")
    fact = CaseLinked(case=case_id, event=event.id.hex(), reference=caller.reference)
    put = Insert(CaseEvent(row.id, event.id, caller.now))
    _commit(parts, staff, [_living(row), put, *step(parts, caller, staff, row, "linked", fact)])


def assign(parts: Parts, caller: Caller, staff: Person, case_id: str, version: int, to: str) -> None:
    """Give the case, as it was at ``version``, to the member of staff ``to`` (pseudonym), or to nobody. Raises Refusal."""
    row = of(parts, case_id)
    keeper = colleagues.found(parts, raw) if (raw := raw_id(to)) else None
    if to and keeper is None:
        raise _refused("There is no such member of staff.", "case_assignee")
    theirs: list[Write] = [colleagues.holds(keeper, colleagues.LOOKS)] if keeper else []
    changed = {"state": ASSIGNED if keeper else OPEN, "assignee": raw if keeper else None, "version": version + 1}
    fact = CaseAssigned(case=case_id, to=to if keeper else "", reference=caller.reference)
    given = step(parts, caller, staff, row, "assigned", fact, given_to=raw if keeper else None)
    _commit(parts, staff, [*theirs, _swap(row, version, changed), *given])


def close(
    parts: Parts, caller: Caller, staff: Person, case_id: str, version: int, outcome: str, words: str, answer: str = ""
) -> None:
    """Close the case, as it was at ``version``, for a reason; the alert is acknowledged, the objection answered in the same batch. Raises Refusal.

    ``answer``: for the citizen, of an objection alone.
    """
    row = of(parts, case_id)
    if outcome not in outcomes(row):
        raise _refused("Choose an outcome.", "case_outcome")
    _fits(words, needed=not _erased(parts, row))
    changed = {"state": CLOSED, "outcome": outcome, "closed_at": caller.now, "version": version + 1}
    fact = CaseClosed(case=case_id, outcome=outcome, reference=caller.reference)
    _commit(
        parts,
        staff,
        [
            _swap(row, version, changed),
            *step(parts, caller, staff, row, "closed", fact, words=words),
            *_settled(parts, caller, staff, row, outcome, words, answer),
            Update(Reveal, {"case_id": row.id, "state": "waiting"}, {"state": "ended"}, rows=None),
        ],
    )


def _settled(
    parts: Parts, caller: Caller, staff: Person, row: SecurityCase, outcome: str, words: str, answer: str
) -> list[Write]:
    """What closing a case does to its alert or objection, unless somebody dealt with it already."""
    if row.source is None:
        return []
    if row.origin == ALERT:
        if log_alerts.outcome_of(parts, row.source.hex()):
            return []
        alert = event_by_id(parts, row.source.hex())
        return log_alerts.acknowledging(parts, alert, outcome, words, staff, caller.now)
    objection = parts.store.one(Objection, id=row.source)
    if objection is None or objection.state == objections.CLOSED:
        return []
    return objections.closing(parts, objection, outcome, answer, by="staff", actor=staff.citizen, now=caller.now)


def step(
    parts: Parts,
    caller: Caller,
    staff: Person,
    row: SecurityCase,
    kind: str,
    fact: Fact,
    *,
    words: str = "",
    given_to: bytes | None = None,
    person: Citizen | None = None,
) -> list[Write]:
    """The row and the event of one step. ``person``: whom the event is about. Raises Refusal for words about somebody who was erased."""
    told = record(fact, at=caller.now, entropy=parts.entropy, person=person, actor=staff.citizen)
    assert isinstance(told.record, Event)
    step_id, said = parts.entropy(16), words.strip()
    keeper = _keeper(parts, row) if said else None
    if said and keeper is None:
        raise _refused("The person was erased: nothing more is written about them.", "case_gone")
    sealed = keeper.seal("case_step", "words", step_id, 0, said.encode()) if keeper else None
    by = staff.citizen.pseudonym
    return [Insert(CaseStep(step_id, row.id, kind, by, given_to, sealed, told.record.id, caller.now)), told]


# Reading --------------------------------------------------------------------------------------------------------------------------


def of(parts: Parts, case_id: str) -> SecurityCase:
    """The row of a case. Raises Refusal when there is none."""
    raw = raw_id(case_id)
    row = parts.store.one(SecurityCase, id=raw) if raw else None
    if row is None:
        raise _refused("There is no such case.", "case_unknown")
    return row


def seen(parts: Parts, case_id: str) -> Seen:
    """One case with its steps opened. Raises Refusal."""
    row = of(parts, case_id)
    events = parts.store.find(CaseEvent, {"case_id": row.id}, order=("added_at", "event_id"), limit=MAX_EVENTS)
    steps = parts.store.find(CaseStep, {"case_id": row.id}, order=("created_at", "id"), limit=MAX_STEPS)
    keeper = _keeper(parts, row)
    objection = parts.store.one(Objection, id=row.source) if row.source and row.origin in objections.KINDS else None
    return Seen(
        row, tuple(e.event_id.hex() for e in events), [_opened(keeper, s) for s in steps], objection, keeper is None
    )


def looks(parts: Parts, seen: Seen) -> list[Event]:
    """Who looked at what was revealed for a case, or read the objection that it is about: events, the oldest first."""
    if seen.row.person is None:
        return []
    first = [*seen.events, *(step.row.event_id.hex() for step in seen.steps[:1])]
    begun = [event.seq for name in first if (event := found_by_id(parts, name))]
    own = {"case": seen.row.id.hex(), "objection": seen.objection.id.hex() if seen.objection else ""}
    found = events_about(parts, seen.row.person, (RevealSeen.KIND, ObjectionRead.KIND), min(begun, default=1) - 1)
    return [event for event in found if any(_head(event).get(name) == of for name, of in own.items())]


def listed(parts: Parts, which: str, staff: Person, before: str) -> tuple[list[SecurityCase], str]:
    """One page of cases, the newest first, by a filter of ``FILTERS``, and where the next begins (empty: there is none)."""
    filters: dict[str, dict[str, Any]] = {
        "open": {"state": Op("in", (OPEN, ASSIGNED))},
        "mine": {"assignee": staff.citizen.pseudonym, "state": ASSIGNED},
        "closed": {"state": CLOSED},
        "all": {},
    }
    where = filters[which]
    at, _, last = before.partition("-")
    if before and (not at.isascii() or not at.isdigit() or len(at) > 18 or raw_id(last) is None):
        raise _refused("There is no such page.", "case_page")
    if before:
        where = {**where, "created_at": Op("<=", int(at))}
    rows = parts.store.find(SecurityCase, where, order=("-created_at", "-id"), limit=2 * PAGE)
    rows = [row for row in rows if not before or (row.created_at, row.id) < (int(at), raw_id(last))]
    end = rows[PAGE - 1] if len(rows) > PAGE else None
    return rows[:PAGE], f"{end.created_at}-{end.id.hex()}" if end else ""


def about_event(parts: Parts, event_id: bytes) -> list[SecurityCase]:
    """The cases that name an event."""
    rows = parts.store.find(CaseEvent, {"event_id": event_id}, limit=PAGE)
    return parts.store.find(SecurityCase, {"id": Op("in", tuple(row.case_id for row in rows))}) if rows else []


def first_event(parts: Parts, row: SecurityCase) -> str:
    """The id of the event that a case was opened about; empty without one."""
    rows = parts.store.find(CaseEvent, {"case_id": row.id}, order=("added_at", "event_id"), limit=1)
    return rows[0].event_id.hex() if rows else ""


def candidates(parts: Parts, staff: Person, person: bytes | None) -> list[SecurityCase]:
    """Open cases that an event of ``person`` may belong to: those in the reader's hands, and those of the latest about the same person."""
    mine = parts.store.find(
        SecurityCase, {"assignee": staff.citizen.pseudonym, "state": ASSIGNED}, order=("-created_at",), limit=10
    )
    lately = parts.store.find(SecurityCase, {"state": Op("in", (OPEN, ASSIGNED))}, order=("-created_at",), limit=200)
    return list({row.id: row for row in (*(r for r in lately if person and r.person == person), *mine)}.values())


def of_alerts(parts: Parts, alerts: Sequence[bytes]) -> Mapping[bytes, SecurityCase]:
    """The cases that were opened from these alerts."""
    rows = parts.store.find(SecurityCase, {"source": Op("in", tuple(alerts))}) if alerts else []
    return {row.source: row for row in rows if row.source}


def outcomes(row: SecurityCase) -> tuple[str, ...]:
    """How a case may end."""
    return objections.OUTCOMES if row.origin in objections.KINDS else log_alerts.OUTCOMES


def _head(event: Event) -> dict[str, Any]:
    head: dict[str, Any] = msgspec.json.decode(event.head)
    return head


def _opened(keeper: Citizen | None, row: CaseStep) -> Step:
    if row.sealed is None or keeper is None:
        return Step(row, None)
    try:
        return Step(row, keeper.open("case_step", "words", row.id, 0, row.sealed).decode())
    except SealBroken:
        return Step(row, None)


def _keeper(parts: Parts, row: SecurityCase) -> Citizen | None:
    """Whose key seals the words of a case; None when it is gone."""
    if row.person is None:
        return parts.vault.nobody()
    entry = parts.keyring.whose(row.person)
    try:
        return parts.vault.citizen(entry.account_id) if entry else None
    except KeyGone:
        return None


def _erased(parts: Parts, row: SecurityCase) -> bool:
    return _keeper(parts, row) is None


def _living(row: SecurityCase) -> Holds:
    return Holds(SecurityCase, {"id": row.id, "state": Op("!=", CLOSED)})


def _swap(row: SecurityCase, version: int, changed: Mapping[str, object]) -> Update:
    return Update(SecurityCase, {"id": row.id, "version": version, "state": Op("!=", CLOSED)}, changed)


def _fits(words: str, *, needed: bool = False) -> None:
    if len(words) > MAX_WORDS:
        raise _refused(f"Words have at most {MAX_WORDS} characters.", "words_long")
    if needed and not words.strip():
        raise _refused("Words are needed.", "words_missing")


def _commit(parts: Parts, staff: Person, writes: list[Write]) -> None:
    if not isinstance(parts.store.commit([colleagues.holds(staff, colleagues.LOOKS), *writes]), Committed):
        raise _changed()


def _changed() -> Refusal:
    return _refused("The case changed meanwhile; look again.", "case_conflict")


def _refused(text: str, reason: str) -> Refusal:
    return Refusal(Code.INVALID_REQUEST, text, reason=reason)
