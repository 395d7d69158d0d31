"""Cases: the list by state, the page that opens one, and one case with its events, steps, objection and reveals."""

from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from flask import Response

from idp.errors import Refusal
from idp.flows import cases, colleagues, log_search, objections, reveals
from idp.flows.cases import Seen
from idp.flows.objections import Read
from idp.flows.people import Person
from idp.parts import Parts
from idp.records import CaseStep, Event, SecurityCase, Session
from idp.web.case_words import (
    CASE_FILTERS,
    CASE_OUTCOMES,
    CASE_STATES,
    CASE_STEPS,
    ORIGINS,
    REVEAL_CHOICES,
    REVEAL_STATES,
    RULE_TITLES,
)
from idp.web.code_words import VALUES, event_words
from idp.web.pages.common import current, problem_page, see_other
from idp.web.pages.console_events import client as client_link
from idp.web.pages.console_events import moment_of, rows
from idp.web.pages.console_events import person as person_link
from idp.web.pages.console_frame import reader, shown
from idp.web.pages.visit import Visit, field
from idp.web.wording import OBJECTION_KINDS, REVEAL_REASONS

PATH: Final = "/console/cases"
NEW: Final = "/console/cases/new"
ABOUT: Final = ("alert", "objection", "event", "person")
FIELD_OF: Final = {
    "note": {"words_missing": "note", "words_long": "note", "case_gone": "note"},
    "close": {"words_missing": "closing", "words_long": "closing", "case_gone": "closing", "case_outcome": "outcome", "objection_outcome": "outcome"},
    "assign": {"case_assignee": "to", "staff_role": "to"},
    "link": {"unknown_event": "event", "case_events": "event"},
}  # fmt: skip
"""What was done → reason of a refusal → the field it belongs to; any other belongs to the page."""
SAID_AS: Final = {"staff_role": "case_assignee", "objection_outcome": "case_outcome"}
UNKNOWN: Final = ("case_unknown", "case_about", "objection_unknown")


def listed(here: Visit, person: Person, session: Session) -> Response:
    """``GET /console/cases``."""
    which, before = current().query.one("state") or "open", current().query.one("before") or ""
    if which not in cases.FILTERS:
        return problem_page("bad_request", 400, service=None)
    found, more = cases.listed(here.parts, which, person, before)
    return shown(
        here,
        person,
        session,
        "console_cases.html",
        "cases",
        filters=CASE_FILTERS,
        which=which,
        cases=[line(here.parts, row) for row in found],
        waiting=[_waiting(here.parts, row, reader(person)) for row in objections.listed(here.parts, "waiting", 50)],
        more=f"{PATH}?{urlencode({'state': which, 'before': more})}" if more else None,
        first=f"{PATH}?state={which}" if before else None,
    )


def begin(here: Visit, person: Person, session: Session) -> Response:
    """``GET /console/cases/new``: what it will be about stands in the address, an identifier of the house alone."""
    origin = next((name for name in ABOUT if current().query.one(name)), "hand")
    return _begin(here, person, session, origin, current().query.one(origin) or "", {})


def begun(here: Visit, person: Person, session: Session) -> Response:
    """``POST /console/cases/new``: ``about`` and ``what``, or an event put to a case that is there (``to_case``)."""
    origin, what, to_case = field("about"), field("what"), field("to_case")
    try:
        if to_case and origin == "event":
            cases.link(here.parts, here.caller, person, to_case, what)
            return see_other(f"{PATH}/{quote(to_case)}")
        about = cases.about(here.parts, origin, what)
        case_id = cases.open_case(here.parts, here.caller, person, about, field("note"))
    except Refusal as refusal:
        if refusal.reason in (*UNKNOWN, "unknown_event"):
            return problem_page("not_found", 404, service=None)
        return _begin(here, person, session, origin, what, {FIELD_OF["note"].get(refusal.reason, ""): refusal.reason})
    return see_other(f"{PATH}/{case_id.hex()}")


def one(here: Visit, person: Person, session: Session, case_id: str) -> Response:
    """``GET /console/cases/<id>``. The citizen's own words are not opened by looking."""
    return _one(here, person, session, case_id, {})


def act(here: Visit, person: Person, session: Session, case_id: str) -> Response:
    """``POST /console/cases/<id>`` with ``do``: take, assign, note, link, read, ask or close."""
    do, parts, caller = field("do"), here.parts, here.caller
    version = int(field("version")) if field("version").isascii() and field("version").isdigit() else 0
    try:
        if do == "read":
            return _one(here, person, session, case_id, {}, read=_read(here, person, case_id))
        if do == "ask":
            return _ask(here, person, session, case_id)
        if do in ("take", "assign"):
            to = person.citizen.pseudonym.hex() if do == "take" else field("to")
            cases.assign(parts, caller, person, case_id, version, to)
        elif do == "note":
            cases.note(parts, caller, person, case_id, field("note"))
        elif do == "link":
            cases.link(parts, caller, person, case_id, field("event").strip())
        elif do == "close":
            cases.close(parts, caller, person, case_id, version, field("outcome"), field("closing"), field("answer"))
        else:
            return problem_page("bad_request", 400, service=None)
    except Refusal as refusal:
        return _refused(here, person, session, case_id, FIELD_OF.get(do, {}).get(refusal.reason, ""), refusal.reason)
    return see_other(f"{PATH}/{quote(case_id)}")


def line(parts: Parts, row: SecurityCase) -> dict[str, Any]:
    """A case in a list."""
    keeper = colleagues.named(parts, row.assignee)
    return {
        "id": row.id.hex(),
        "url": f"{PATH}/{row.id.hex()}",
        "origin": ORIGINS[row.origin],
        "title": _title(parts, row),
        "state": row.state,
        "state_label": CASE_STATES[row.state],
        "outcome": CASE_OUTCOMES.get(row.outcome or ""),
        "keeper": keeper.name if keeper else "",
        "since": moment_of(row.created_at),
        "closed": moment_of(row.closed_at) if row.closed_at else "",
        "person": person_link(row.person.hex() if row.person else "", "person"),
    }


def _title(parts: Parts, row: SecurityCase) -> Any:
    """What it was opened about: the rule of an alert, the kind of an event."""
    if row.origin == "alert" and row.source:
        found = log_search.event(parts, row.source.hex())
        name = str(found.head.get("rule", "")) if found else ""
        return RULE_TITLES.get(name, name)
    if row.origin == "event":
        first = cases.first_event(parts, row)
        found = log_search.event(parts, first) if first else None
        return event_words(found.kind, found.head) if found else ""
    return ""


def _waiting(parts: Parts, row: Any, lang: str) -> dict[str, Any]:
    return {
        "kind": OBJECTION_KINDS[row.kind],
        "since": moment_of(row.created_at),
        "client": client_link(parts, row.client_id, lang),
        "url": f"{NEW}?objection={row.id.hex()}",
    }


def _begin(here: Visit, person: Person, session: Session, origin: str, what: str, wrong: dict[str, str]) -> Response:
    try:
        about = cases.about(here.parts, origin, what)
    except Refusal:
        return problem_page("not_found", 404, service=None)
    found = [log_search.event(here.parts, event.hex()) for event in about.events]
    there = cases.about_event(here.parts, about.events[0]) if origin == "event" else []
    hidden = here.hidden(NEW, session.token_hash, about=origin, what=what)
    return shown(
        here,
        person,
        session,
        "console_case_new.html",
        "cases",
        status=422 if wrong else 200,
        action=NEW,
        own=f"{NEW}?{urlencode({origin: what})}" if what else NEW,
        wrong=wrong,
        hidden=hidden,
        values={"note": field("note")} if wrong else {},
        origin=ORIGINS[about.origin],
        events=rows(here.parts, [event for event in found if event], reader(person)),
        about_person=person_link(about.person.hex() if about.person else "", "person"),
        there=[line(here.parts, row) for row in there],
        others=[line(here.parts, row) for row in _open_of(here, person, about.person)] if origin == "event" else [],
    )


def _open_of(here: Visit, person: Person, pseudonym: bytes | None) -> list[SecurityCase]:
    """Open cases that an event may be put to: those about the same person, then the reader's own."""
    return cases.candidates(here.parts, person, pseudonym)


def _read(here: Visit, person: Person, case_id: str) -> Read | None:
    """The citizen's words; the look is an event."""
    objection = cases.seen(here.parts, case_id).objection
    if objection is None:
        return None
    by, now = person.citizen, here.caller.now
    return objections.read(here.parts, objection.id.hex(), by="staff", now=now, actor=by)


def _ask(here: Visit, person: Person, session: Session, case_id: str) -> Response:
    fields = [name for name in reveals.FIELDS if field(f"see_{name}")]
    wrong = reveals.problem(fields, field("reason"), field("why"))
    if wrong:
        return _one(here, person, session, case_id, wrong, status=422)
    row = reveals.ask(here.parts, here.caller, person, case_id, fields, field("reason"), field("why"))
    return see_other(f"/console/reveals/{row.id.hex()}")


def _refused(here: Visit, person: Person, session: Session, case_id: str, name: str, reason: str) -> Response:
    if reason in UNKNOWN:
        return problem_page("not_found", 404, service=None)
    word = SAID_AS.get(reason, reason) if name else "case_conflict"
    if not name and reason in ("reveal_asked", "reveal_many", "case_gone"):
        word = reason
    return _one(here, person, session, case_id, {name: word}, status=422 if name else 409)


def _one(
    here: Visit,
    person: Person,
    session: Session,
    case_id: str,
    wrong: dict[str, str],
    *,
    status: int = 200,
    read: Read | None = None,
) -> Response:
    try:
        seen = cases.seen(here.parts, case_id)
    except Refusal:
        return problem_page("not_found", 404, service=None)
    row, path, parts = seen.row, f"{PATH}/{seen.row.id.hex()}", here.parts
    found = [log_search.event(parts, event) for event in seen.events]
    typed = ("note", "closing", "answer", "why", "event", "outcome", "reason")
    return shown(
        here,
        person,
        session,
        "console_case.html",
        "cases",
        status=status,
        action=path,
        own=path if current().method == "POST" else None,
        wrong=wrong,
        hidden=here.hidden(path, session.token_hash, version=str(row.version)),
        values={name: field(name) for name in typed} if wrong else {},
        case=line(parts, row) | {"gone": seen.gone, "mine": row.assignee == person.citizen.pseudonym},
        events=rows(parts, [event for event in found if event], reader(person)),
        unseen=sum(event is None for event in found),
        steps=_history(parts, seen),
        objection=_objection(here, seen, read, reader(person)),
        staff=[(c.pseudonym, c.name) for c in colleagues.listed(parts, colleagues.LOOKS)],
        outcomes=[(word, CASE_OUTCOMES[word]) for word in cases.outcomes(row)],
        reveals=[reveal_line(here, asked) for asked in reveals.of_case(parts, row.id)],
        choices=REVEAL_CHOICES,
        chosen=[name for name in reveals.FIELDS if wrong and field(f"see_{name}")],
        reasons=REVEAL_REASONS,
    )


def _history(parts: Parts, seen: Seen) -> list[dict[str, Any]]:
    """Steps and looks, the oldest first."""
    looks = [(event.at, _look(parts, event)) for event in cases.looks(parts, seen)]
    steps = zip((step.row.created_at for step in seen.steps), _steps(parts, seen), strict=True)
    return [told for _, told in sorted([*steps, *looks], key=lambda pair: pair[0])]


def _look(parts: Parts, event: Event) -> dict[str, Any]:
    actor = str(msgspec.json.decode(event.head).get("actor") or "")
    known = colleagues.named(parts, bytes.fromhex(actor)) if actor else None
    return {
        "time": moment_of(event.at),
        "by": known.name if known else "" if actor else VALUES["by"]["cli"],
        "what": CASE_STEPS[event.kind],
        "url": f"/console/events/{event.id.hex()}",
    }


def _steps(parts: Parts, seen: Seen) -> list[dict[str, Any]]:
    names = {raw: colleagues.named(parts, raw) for s in seen.steps for raw in (s.row.by, s.row.given_to) if raw}
    return [
        {
            "time": moment_of(step.row.created_at),
            "by": known.name if (known := names[step.row.by]) else "",
            "what": CASE_STEPS[_kind(parts, step.row)],
            "to": given.name if step.row.given_to and (given := names[step.row.given_to]) else "",
            "words": step.words,
            "lost": step.row.sealed is not None and step.words is None,
            "url": f"/console/events/{step.row.event_id.hex()}",
        }
        for step in seen.steps
    ]


def _kind(parts: Parts, row: CaseStep) -> str:
    """What was done; of a decision what it was, which its event says."""
    found = log_search.event(parts, row.event_id.hex()) if row.kind == "decided" else None
    state = str(found.head.get("state")) if found else ""
    return state if state in (reveals.APPROVED, reveals.REFUSED) else row.kind


def _objection(here: Visit, seen: Seen, read: Read | None, lang: str) -> dict[str, Any] | None:
    row = seen.objection
    if row is None:
        return None
    case, answer = read.case if read else None, objections.answered(here.parts, row)
    return {
        "kind": OBJECTION_KINDS[row.kind],
        "since": moment_of(row.created_at),
        "closed": moment_of(row.closed_at) if row.closed_at else "",
        "client": client_link(here.parts, row.client_id, lang),
        "read": read is not None,
        "words": case.words if case else "",
        "outcome": CASE_OUTCOMES.get(answer.outcome) if answer else None,
        "answer": answer.answer if answer else "",
    }


def reveal_line(here: Visit, row: Any) -> dict[str, Any]:
    """A request to see somebody's data, in a list."""
    asker = colleagues.named(here.parts, row.asked_by)
    over = row.state in (reveals.WAITING, reveals.APPROVED) and here.caller.now >= row.ends_at
    state = "over" if over else row.state
    return {
        "id": row.id.hex(),
        "url": f"/console/reveals/{row.id.hex()}",
        "case_url": f"{PATH}/{row.case_id.hex()}",
        "case": row.case_id.hex(),
        "asker": asker.name if asker else "",
        "since": moment_of(row.created_at),
        "until": moment_of(row.ends_at),
        "state": state,
        "state_label": REVEAL_STATES[state],
        "fields": [REVEAL_CHOICES[name] for name in row.fields.split()],
        "reason": REVEAL_REASONS[row.reason],
        "person": person_link(row.person.hex(), "person"),
    }
