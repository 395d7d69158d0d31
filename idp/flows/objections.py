"""*This was not me* and *I object*: a citizen opens a case about one line of their history; security staff read, answer and close it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from idp.audit.events import record
from idp.audit.fitting import fits
from idp.audit.rights import ObjectionClosed, ObjectionOpened, ObjectionRead
from idp.errors import Code, Refusal
from idp.flows import notices
from idp.flows.history import Line
from idp.flows.ids import raw_id
from idp.flows.log_search import events_about
from idp.flows.people import Caller, Person, event, load
from idp.parts import Parts
from idp.ports import Committed, Insert, Op, Update, Write
from idp.records import Event, Objection
from idp.release.told import Told, told
from idp.release.vault import Citizen, KeyGone
from keys.errors import SealBroken

KINDS: Final = ("not_me", "object")
OUTCOMES: Final = ("upheld", "explained", "unfounded")
OPEN, ASSIGNED, CLOSED = "open", "assigned", "closed"
MAX_WORDS: Final = 2000
MAX_OPEN: Final = 50


class Case(msgspec.Struct, frozen=True):
    """What is sealed of a case: the citizen's words, the event's place in the log, and, once closed, the answer."""

    words: str
    seq: int
    outcome: str = ""
    answer: str = ""

    def __repr__(self) -> str:
        return "Case(…)"


@dataclass(frozen=True, slots=True)
class Read:
    """A case as staff see it: ``person`` is a pseudonym; ``case`` None when the citizen's key is gone; ``told`` what it is about."""

    row: Objection
    person: str
    case: Case | None
    told: Told | None


def problem(kind: str, words: str) -> dict[str, str]:
    """What is wrong with the form: field → key of the wording."""
    found = {} if kind in KINDS else {"kind": "objection_kind"}
    if len(words) > MAX_WORDS:
        found["words"] = "words_long"
    elif kind == "object" and not words.strip():
        found["words"] = "words_missing"
    return found


def open_case(parts: Parts, caller: Caller, person: Person, about: Line, kind: str, words: str) -> None:
    """Open a case; the second one about the same line changes nothing. Raises Refusal when very many are open."""
    mine = {"account_id": person.account.id, "state": Op("!=", CLOSED)}
    if parts.store.count(Objection, mine) >= MAX_OPEN:
        text = "You have very many open cases. Wait until some are closed."
        raise Refusal(Code.INVALID_REQUEST, text, reason="objections_open")
    row = Objection(
        id=(case_id := parts.entropy(16)),
        account_id=person.account.id,
        event_id=bytes.fromhex(about.told.event_id),
        client_id=about.told.client_id,
        kind=kind,
        state=OPEN,
        sealed=_sealed(person.citizen, case_id, OPEN, Case(words.strip(), about.event.seq)),
        created_at=caller.now,
        closed_at=None,
    )
    fact = ObjectionOpened(
        client_id=row.client_id,
        objection=case_id.hex(),
        event=about.told.event_id,
        word=kind,
        reference=caller.reference,
    )
    parts.store.commit([Insert(row), event(parts, caller, fact, person.citizen)])


def opened(citizen: Citizen, row: Objection) -> Case | None:
    """What is sealed of a case; None when it does not open."""
    try:
        plain = citizen.open("objection", "case", row.id, int(row.state == CLOSED), row.sealed)
    except SealBroken:
        return None
    return msgspec.json.decode(plain, type=Case)


def of_citizen(parts: Parts, person: Person, limit: int = 100) -> list[Objection]:
    """The citizen's own cases, newest first."""
    return parts.store.find(Objection, {"account_id": person.account.id}, order=("-created_at", "id"), limit=limit)


def readings(parts: Parts, citizen: Citizen, row: Objection) -> list[int]:
    """When staff read a case, the oldest first: by the log's index, and among what waits for its leaf."""
    case = opened(citizen, row)
    found = events_about(parts, citizen.pseudonym, (ObjectionRead.KIND,), case.seq if case else 0)
    return [e.at for e in found if fits(e) and msgspec.json.decode(e.head)["objection"] == row.id.hex()]


def answered(parts: Parts, row: Objection) -> Case | None:
    """A closed case as staff may see it without reading: its outcome and the house's answer, not the citizen's words. None while it is open."""
    citizen = _citizen(parts, row) if row.state == CLOSED else None
    case = opened(citizen, row) if citizen else None
    return msgspec.structs.replace(case, words="") if case else None


def listed(parts: Parts, state: str | None, limit: int = 200) -> Sequence[Objection]:
    """Cases for staff, the oldest first. ``state``: open (not closed yet, taken on or not), waiting (nobody took it on), closed; None: all."""
    states = {"open": Op("in", (OPEN, ASSIGNED)), "waiting": OPEN, "closed": CLOSED}
    return parts.store.find(Objection, {"state": states[state]} if state else {}, order=("created_at",), limit=limit)


def read(parts: Parts, case_id: str, *, by: str, now: int, actor: Citizen | None = None) -> Read:
    """Open a case for staff (``actor``, when signed in), which is an event about the citizen. Raises Refusal when there is none."""
    row = row_of(parts, case_id)
    citizen = _citizen(parts, row)
    case = opened(citizen, row) if citizen else None
    fact = ObjectionRead(client_id=row.client_id, objection=row.id.hex(), by=by)
    done = parts.store.commit([record(fact, at=now, entropy=parts.entropy, person=citizen, actor=actor)])
    if not isinstance(done, Committed):
        raise Refusal(Code.SERVER_ERROR, "The look could not be recorded.", reason="event_log")
    about = parts.store.one(Event, seq=case.seq) if case else None
    person = citizen.pseudonym.hex() if citizen else ""
    return Read(row, person, case, told(about.head) if about and about.id == row.event_id else None)


def close(parts: Parts, case_id: str, outcome: str, answer: str, *, by: str, now: int) -> None:
    """Close a case with an outcome and words for the citizen, who is told that there is an answer. Raises Refusal."""
    writes = closing(parts, row_of(parts, case_id), outcome, answer, by=by, now=now)
    if not isinstance(parts.store.commit(writes), Committed):
        raise Refusal(Code.INVALID_REQUEST, "The case changed meanwhile; look again.", reason="objection_conflict")


def closing(
    parts: Parts, row: Objection, outcome: str, answer: str, *, by: str, now: int, actor: Citizen | None = None
) -> list[Write]:
    """The batch that closes a case, with its event and the message to its citizen. Raises Refusal."""
    if outcome not in OUTCOMES or len(answer) > MAX_WORDS:
        text = f"An outcome is one of {', '.join(OUTCOMES)}; an answer has at most {MAX_WORDS} characters."
        raise Refusal(Code.INVALID_REQUEST, text, reason="objection_outcome")
    if row.state == CLOSED:
        raise Refusal(Code.INVALID_REQUEST, "The case is closed already.", reason="objection_closed")
    citizen, person = _citizen(parts, row), load(parts, row.account_id)
    changed: dict[str, object] = {"state": CLOSED, "closed_at": now}
    case = opened(citizen, row) if citizen else None
    if citizen is not None and case is not None:
        done_case = msgspec.structs.replace(case, outcome=outcome, answer=answer.strip())
        changed["sealed"] = _sealed(citizen, row.id, CLOSED, done_case)
    fact = ObjectionClosed(client_id=row.client_id, objection=row.id.hex(), outcome=outcome, by=by)
    told_to = notices.to_person(parts, person, "objection_closed", now) if person else []
    return [
        Update(Objection, {"id": row.id, "state": row.state}, changed),
        record(fact, at=now, entropy=parts.entropy, person=citizen, actor=actor),
        *told_to,
    ]


def row_of(parts: Parts, case_id: str) -> Objection:
    """The row of a case by its id in hex. Raises Refusal when there is none."""
    raw = raw_id(case_id)
    row = parts.store.one(Objection, id=raw) if raw else None
    if row is None:
        raise Refusal(Code.INVALID_REQUEST, "There is no such case.", reason="objection_unknown")
    return row


def _citizen(parts: Parts, row: Objection) -> Citizen | None:
    try:
        return parts.vault.citizen(row.account_id)
    except KeyGone:
        return None


def _sealed(citizen: Citizen, case_id: bytes, state: str, case: Case) -> bytes:
    """Bound to the case and its state, so that an answer can't be taken back by an older copy of the row."""
    return citizen.seal("objection", "case", case_id, int(state == CLOSED), msgspec.json.encode(case))
