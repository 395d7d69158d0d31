"""``/console``: for staff who proved a second factor. Every route of it is in one table behind one guard; which role opens it, in another.

Whoever is not signed in goes to the sign-in page; whoever has not the role is refused: roles are read at each request. The front door alone
leads an approver on to the approvals.
"""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from flask import Blueprint, Response, request

from idp.errors import Refusal
from idp.flows.people import Person
from idp.parts import Parts
from idp.protocol.acr import TWO_FACTORS
from idp.records import Session
from idp.web.pages import (
    console_alerts,
    console_approvals,
    console_cases,
    console_clients,
    console_export,
    console_live,
    console_lookups,
    console_reveals,
    console_rules,
    console_search,
    console_searches,
    console_views,
)
from idp.web.pages.account import own_form, own_page
from idp.web.pages.common import FRAME, current, problem_page, see_other
from idp.web.pages.console_frame import View, around
from idp.web.pages.console_rights import home, led_on, may
from idp.web.pages.visit import Visit, owner, visit

LIVE: Final = "/console/events/live"
"""Asked for by a script, not by a person: it keeps no idle session alive (ASVS 7.3.1)."""
VIEWS: Final[tuple[tuple[str, str, View], ...]] = (
    ("GET", "/console", console_views.overview),
    ("GET", "/console/log", console_views.log),
    ("POST", "/console/log", console_views.check),
    ("GET", "/console/events", console_search.events),
    ("GET", LIVE, console_live.live),
    ("GET", "/console/events/<event_id>", console_search.event),
    ("GET", "/console/searches", console_searches.searches),
    ("POST", "/console/searches", console_searches.change),
    ("GET", "/console/jump", console_search.jump),
    ("POST", "/console/export", console_export.export),
    ("POST", "/console/look-up", console_lookups.look_up),
    ("GET", "/console/clients", console_clients.clients),
    ("GET", "/console/clients/<path:client_id>", console_clients.client),
    ("POST", "/console/clients/<path:client_id>", console_clients.act_on_client),
    ("GET", "/console/accounts/<pseudonym>", console_views.account),
    ("POST", "/console/accounts/<pseudonym>", console_views.act),
    ("GET", "/console/cases", console_cases.listed),
    ("GET", "/console/cases/new", console_cases.begin),
    ("POST", "/console/cases/new", console_cases.begun),
    ("GET", "/console/cases/<case_id>", console_cases.one),
    ("POST", "/console/cases/<case_id>", console_cases.act),
    ("GET", "/console/reveals/<reveal_id>", console_reveals.one),
    ("POST", "/console/reveals/<reveal_id>", console_reveals.look),
    ("GET", "/console/approvals", console_approvals.listed),
    ("POST", "/console/approvals", console_approvals.decided),
    ("GET", "/console/alerts", console_alerts.listed),
    ("GET", "/console/alerts/<alert_id>", console_alerts.one),
    ("POST", "/console/alerts/<alert_id>", console_alerts.acknowledged),
    ("GET", "/console/rules", console_rules.rules),
    ("GET", "/console/rules/new", console_rules.begin),
    ("POST", "/console/rules/new", console_rules.begun),
    ("GET", "/console/rules/<name>", console_rules.rule),
    ("POST", "/console/rules/<name>", console_rules.act),
)


def blueprint(parts: Parts) -> Blueprint:
    """Every page of the console."""
    pages = Blueprint("console", __name__)
    for method, rule, view in VIEWS:
        pages.add_url_rule(
            rule, f"{method} {rule}".replace(".", ""), _guarded(parts, method, rule, view), methods=[method]
        )
    return pages


def _guarded(parts: Parts, method: str, rule: str, view: View) -> Callable[..., Response]:
    """A page or a form of staff; a form's proof is made for its own path and this session."""

    def answer(**named: Any) -> Response:
        def staff(here: Visit, person: Person, session: Session) -> Response:
            request.environ[FRAME] = around(here, person)
            proved = session.acr == TWO_FACTORS
            if proved and (elsewhere := led_on(person, method, rule)):
                return see_other(elsewhere)
            if not proved or not may(person, method, rule):
                return problem_page("forbidden", 403, service=None)
            return view(here, person, session, **named)

        try:
            path = quote(current().path, encoding="latin-1")  # PEP 3333: bytes; forms name it as an address does
            if method == "GET":
                return own_page(parts, staff, touch=path != LIVE, to="console")
            return own_form(parts, path, staff, to="console")
        except Refusal as refusal:  # a parameter that nobody can read: said to staff, not in a citizen's words
            return problem_page("staff_address", 400, code=refusal.code.value, detail=refusal.public, service=None)

    return answer


def lost(parts: Parts) -> Response | None:
    """No such page, said inside the console to staff who are signed in to it; None for everybody else."""

    here = visit(parts, bound=False, touch=False)
    session, person = here.caller.session, owner(here)
    if session is None or person is None or session.acr != TWO_FACTORS or not home(person):
        return None
    request.environ[FRAME] = around(here, person)
    return problem_page("not_found", 404)
