"""One request to see who a pseudonym is: how it stands, and for fifteen minutes after the approval what was asked, to the asker alone."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Response

from idp.errors import Refusal
from idp.flows import reveals
from idp.flows.people import Person
from idp.flows.reveals import Looked
from idp.records import Reveal, Session
from idp.web.case_words import REVEAL_CHOICES
from idp.web.pages.common import current, problem_page
from idp.web.pages.console_cases import reveal_line
from idp.web.pages.console_frame import shown
from idp.web.pages.visit import Visit

PATH: Final = "/console/reveals"


def one(here: Visit, person: Person, session: Session, reveal_id: str) -> Response:
    """``GET /console/reveals/<id>``: how the request stands; nothing personal."""
    try:
        row = reveals.of(here.parts, reveal_id)
    except Refusal:
        return problem_page("not_found", 404, service=None)
    return _one(here, person, session, row)


def look(here: Visit, person: Person, session: Session, reveal_id: str) -> Response:
    """``POST /console/reveals/<id>``: the data, in this answer alone; what is not the reader's own to see is a conflict."""
    try:
        row = reveals.of(here.parts, reveal_id)
    except Refusal:
        return problem_page("not_found", 404, service=None)
    try:
        looked = reveals.look(here.parts, here.caller, person, reveal_id)
    except Refusal:
        return _one(here, person, session, row, wrong={"": "reveal_over"}, status=409)
    return _one(here, person, session, row, looked)


def _one(
    here: Visit,
    person: Person,
    session: Session,
    row: Reveal,
    looked: Looked | None = None,
    wrong: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    path = f"{PATH}/{row.id.hex()}"
    line = reveal_line(here, row)
    own = row.asked_by == person.citizen.pseudonym
    return shown(
        here,
        person,
        session,
        "console_reveal.html",
        "cases",
        status=status,
        action=path,
        own=path if current().method == "POST" else None,
        wrong=wrong,
        reveal=line,
        why=reveals.words(here.parts, row),
        may_look=own and line["state"] == reveals.APPROVED,
        seen=_seen(looked),
        minutes=reveals.LASTS_US // 60_000_000,
        days=here.parts.config.reveal_delay // 86_400,
    )


def _seen(looked: Looked | None) -> list[dict[str, Any]] | None:
    if looked is None:
        return None
    return [{"label": REVEAL_CHOICES[name], "values": [_spoken(v) for v in vs]} for name, vs in looked.values.items()]


def _spoken(value: Any) -> str:
    """One value on one line: an address as it is written, or its parts."""
    if isinstance(value, dict):
        return str(value.get("formatted") or " ".join(str(part) for part in value.values()))
    return str(value)
