"""``/console/searches``: searches that are kept, each also as the text of an alert rule; a new one comes from the search page by its address."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Response

from idp.audit.events import vocabulary
from idp.audit.rule_text import rule_text
from idp.audit.search import Bad, Query, pairs, parse
from idp.flows import saved_searches as flow
from idp.flows.people import Person
from idp.flows.saved_searches import Kept
from idp.records import Session
from idp.web.pages.common import problem_page, see_other
from idp.web.pages.console_events import EVENTS
from idp.web.pages.console_frame import reader, shown
from idp.web.pages.console_search import asked, checked, chips
from idp.web.pages.visit import Visit, field

PATH = "/console/searches"
ROLE = "auditor"


def searches(here: Visit, person: Person, session: Session) -> Response:
    """``GET /console/searches``; with the conditions of a search, a form that keeps it."""
    typed = asked()
    try:
        query = parse(checked(typed)) if typed else None
    except Bad as bad:
        return _page(here, person, session, None, status=400, wrong={"": next(iter(bad.errors.values()))})
    return _page(here, person, session, query)


def change(here: Visit, person: Person, session: Session) -> Response:
    """``POST /console/searches``: ``remove=<id>``, or ``name``, ``search`` and perhaps ``share``."""
    if field("remove"):
        done = flow.remove(here.parts, here.caller, person, field("remove"))
        return see_other(PATH) if done else problem_page("not_found", 404, service=None)
    try:
        query = parse(dict(parse_qsl(field("search"))))
    except Bad:
        return problem_page("staff_address", 400, service=None)
    try:
        flow.keep(here.parts, here.caller, person, field("name"), query, ROLE if field("share") else "")
    except Bad as bad:
        return _page(here, person, session, query, status=422, wrong=bad.errors)
    return see_other(PATH)


def _page(
    here: Visit,
    person: Person,
    session: Session,
    query: Query | None,
    *,
    status: int = 200,
    wrong: dict[str, str] | None = None,
) -> Response:
    lang = reader(person)
    own = {name: value for name, value in pairs(query).items() if name != "before"} if query is not None else {}
    return shown(
        here,
        person,
        session,
        "console_searches.html",
        "events",
        status=status,
        action=PATH,
        own=PATH if status != 200 else None,
        wrong=wrong,
        values={"name": field("name")} if status == 422 else {},
        search=urlencode(own) if query is not None and not query.address else None,
        chips=chips(here.parts, own, lang),
        kept=[_kept(here, kept, lang) for kept in flow.listed(here.parts, person, ROLE)],
    )


def _kept(here: Visit, kept: Kept, lang: str) -> dict[str, Any]:
    own = pairs(kept.query)
    return {
        "id": kept.id,
        "name": kept.name,
        "url": f"{EVENTS}?{urlencode(own)}",
        "chips": chips(here.parts, own, lang),
        "own": kept.own,
        "shared": kept.shared,
        "make": f"/console/rules/new?{urlencode(own)}",
        "rule": rule_text(kept.name, kept.query, tuple(sorted(vocabulary()))),
    }
