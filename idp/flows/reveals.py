"""Who is behind a pseudonym: asked by one of the staff for a case, approved by another, shown to the asker for fifteen minutes, told to the citizen.

Everything that must still be true stands in the batch that records the step: the request's state and time, the open case, the roles of whoever
acts and of whoever asked. What is read is shown after its event is committed, and kept nowhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from idp.audit.cases import RevealAsked, RevealDecided, RevealSeen
from idp.audit.events import record
from idp.errors import Code, Refusal
from idp.flows import cases, colleagues, people, sessions
from idp.flows.history import words_to
from idp.flows.ids import raw_id
from idp.flows.people import Caller, Person
from idp.parts import Parts
from idp.ports import Committed, Holds, Insert, Op, Update, Write
from idp.records import Account, Attribute, Reveal, SecurityCase
from idp.release.vault import Citizen

WAITING, APPROVED, REFUSED, ENDED = "waiting", "approved", "refused", "ended"
IDENTIFIERS, PLACES = "identifiers", "places"
FIELDS: Final = (IDENTIFIERS, "name", "email", "phone_number", "address", "birthdate", PLACES)
"""What may be asked for: the names somebody signs in with, values of their account, and from where they are signed in now."""
REASONS: Final = ("takeover", "objection", "misuse", "contact", "order")
LASTS_US: Final = 15 * 60 * 1_000_000
WAITS_US: Final = 24 * 3600 * 1_000_000
"""A request that nobody decided in a day is over."""
MAX_WORDS: Final = 500
MAX_WAITING: Final = 20
SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Looked:
    """What was shown: field → values (any JSON); a field without any has none. ``ends_at`` microseconds."""

    row: Reveal
    values: dict[str, list[Any]]

    def __repr__(self) -> str:
        return "Looked(…)"


def problem(fields: Sequence[str], reason: str, words: str) -> dict[str, str]:
    """What is wrong with the form: field → key of the wording."""
    found = {}
    if not fields or not set(fields) <= set(FIELDS):
        found["fields"] = "reveal_fields"
    if reason not in REASONS:
        found["reason"] = "reason"
    if not words.strip() or len(words) > MAX_WORDS:
        found["why"] = "reveal_words"
    return found


def ask(
    parts: Parts, caller: Caller, staff: Person, case_id: str, fields: Sequence[str], reason: str, words: str
) -> Reveal:
    """Ask to see ``fields`` of the person whom a case is about. Raises Refusal: malformed, nobody to see, closed, very many waiting."""
    row, now = cases.of(parts, case_id), caller.now
    citizen = _citizen(parts, row.person)
    if problem(fields, reason, words) or citizen is None or row.person is None:
        raise _refused("There is nothing to reveal.", "reveal_asked")
    mine = {"asked_by": staff.citizen.pseudonym, "state": WAITING, "ends_at": Op(">", now)}
    if parts.store.count(Reveal, mine) >= MAX_WAITING:
        raise _refused("Very many of your requests wait.", "reveal_many")
    reveal_id, wanted = parts.entropy(16), tuple(name for name in FIELDS if name in fields)
    asked = Reveal(
        id=reveal_id,
        case_id=row.id,
        person=row.person,
        fields=" ".join(wanted),
        reason=reason,
        sealed=citizen.seal("reveal", "words", reveal_id, 0, words.strip().encode()),
        state=WAITING,
        asked_by=staff.citizen.pseudonym,
        decided_by=None,
        created_at=now,
        ends_at=now + WAITS_US,
        told_from=None,
    )
    fact = RevealAsked(
        reveal=reveal_id.hex(),
        case=row.id.hex(),
        fields=wanted,
        reason=reason,
        told_from=_told_from(parts, now),
        reference=caller.reference,
    )
    told = cases.step(parts, caller, staff, row, "asked", fact, person=citizen)
    _commit(parts, [colleagues.holds(staff, colleagues.LOOKS), _living(row.id), Insert(asked), *told])
    return asked


def decide(parts: Parts, caller: Caller, staff: Person, reveal_id: str, *, approve: bool) -> None:
    """Approve or refuse the request of another. Raises Refusal: one's own, decided or over, its case closed, the person erased, a role lost."""
    row, now = of(parts, reveal_id), caller.now
    may = colleagues.holds(staff, colleagues.DECIDES)
    if row.asked_by == staff.citizen.pseudonym:
        raise _refused("Another member of staff must decide.", "reveal_own")
    if row.state != WAITING or now >= row.ends_at:
        raise _over()
    citizen, asker = _citizen(parts, row.person), colleagues.found(parts, row.asked_by)
    if approve and (citizen is None or asker is None):
        raise _over()
    theirs: list[Write] = []
    if approve and citizen and asker:
        theirs = [colleagues.holds(asker, colleagues.LOOKS), _there(citizen)]
    told_from = _told_from(parts, now)
    changed: dict[str, object] = {"state": APPROVED if approve else REFUSED, "decided_by": staff.citizen.pseudonym}
    if approve:
        changed |= {"ends_at": now + LASTS_US, "told_from": told_from}
    state = str(changed["state"])
    fact = RevealDecided(
        reveal=row.id.hex(), case=row.case_id.hex(), state=state, told_from=told_from, reference=caller.reference
    )
    told = cases.step(parts, caller, staff, cases.of(parts, row.case_id.hex()), "decided", fact, person=citizen)
    swap = Update(Reveal, {"id": row.id, "state": WAITING, "ends_at": Op(">", now)}, changed)
    _commit(parts, [may, *theirs, _living(row.case_id), swap, *told])


def look(parts: Parts, caller: Caller, staff: Person, reveal_id: str) -> Looked:
    """Show what was approved to whoever asked; each look is an event, committed before anything is shown. Raises Refusal."""
    row, now = of(parts, reveal_id), caller.now
    citizen = _citizen(parts, row.person)
    if row.asked_by != staff.citizen.pseudonym or row.state != APPROVED or now >= row.ends_at or citizen is None:
        raise _over()
    fields = tuple(row.fields.split())
    fact = RevealSeen(
        reveal=row.id.hex(),
        case=row.case_id.hex(),
        fields=fields,
        reason=row.reason,
        told_from=row.told_from or 0,
        reference=caller.reference,
    )
    values = _values(parts, citizen, fields, now)
    still = Holds(Reveal, {"id": row.id, "state": APPROVED, "ends_at": Op(">", now)})
    seen = record(fact, at=now, entropy=parts.entropy, person=citizen, actor=staff.citizen)
    _commit(parts, [colleagues.holds(staff, colleagues.LOOKS), _there(citizen), _living(row.case_id), still, seen])
    return Looked(row, values)


def of(parts: Parts, reveal_id: str) -> Reveal:
    """The row of a request. Raises Refusal when there is none."""
    raw = raw_id(reveal_id)
    row = parts.store.one(Reveal, id=raw) if raw else None
    if row is None:
        raise _refused("There is no such request.", "reveal_unknown")
    return row


def of_case(parts: Parts, case_id: bytes) -> list[Reveal]:
    """Requests of a case, the newest first."""
    return parts.store.find(Reveal, {"case_id": case_id}, order=("-created_at",), limit=SHOWN)


def for_decision(parts: Parts, staff: Person, now: int) -> list[Reveal]:
    """What others asked and nobody decided, the oldest first."""
    rows = parts.store.find(Reveal, {"state": WAITING, "ends_at": Op(">", now)}, order=("created_at",), limit=200)
    return [row for row in rows if row.asked_by != staff.citizen.pseudonym]


def own(parts: Parts, staff: Person, now: int) -> list[Reveal]:
    """One's own that wait or may be looked at, the newest first."""
    where = {"asked_by": staff.citizen.pseudonym, "state": Op("in", (WAITING, APPROVED)), "ends_at": Op(">", now)}
    return parts.store.find(Reveal, where, order=("-created_at",), limit=SHOWN)


def words(parts: Parts, row: Reveal) -> str | None:
    """The asker's words; None when their key is gone."""
    citizen = _citizen(parts, row.person)
    return words_to(citizen, row) if citizen else None


def _values(parts: Parts, citizen: Citizen, fields: Sequence[str], now: int) -> dict[str, list[Any]]:
    """The values, opened one by one: what does not open is left out."""
    found: dict[str, list[Any]] = {}
    for name in fields:
        if name == IDENTIFIERS:
            found[name] = [known.canonical for known in people.names(parts, citizen)]
        elif name == PLACES:
            rows = sessions.living(parts, citizen.account_id, now)[:SHOWN]
            places = [sessions.where_of(citizen, row) for row in rows]
            found[name] = [f"{place.address} · {place.device}" for place in places]
        else:
            value = parts.store.one(Attribute, account_id=citizen.account_id, code=name)
            found[name] = [citizen.open_claim(value)] if value is not None else []
    return found


def _citizen(parts: Parts, pseudonym: bytes | None) -> Citizen | None:
    """Whom a pseudonym names, as long as the account is there."""
    person = colleagues.found(parts, pseudonym) if pseudonym is not None else None
    return person.citizen if person is not None else None


def _told_from(parts: Parts, now: int) -> int:
    return now + parts.config.reveal_delay * 1_000_000


def _living(case_id: bytes) -> Holds:
    return Holds(SecurityCase, {"id": case_id, "state": Op("!=", cases.CLOSED)})


def _there(citizen: Citizen) -> Holds:
    return Holds(Account, {"id": citizen.account_id, "status": Op("!=", "erased")})


def _commit(parts: Parts, writes: list[Write]) -> None:
    if not isinstance(parts.store.commit(writes), Committed):
        raise _over()


def _over() -> Refusal:
    return _refused("The request is over, or was decided already.", "reveal_over")


def _refused(text: str, reason: str) -> Refusal:
    return Refusal(Code.INVALID_REQUEST, text, reason=reason)
