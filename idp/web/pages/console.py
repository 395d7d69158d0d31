"""``/console``: for people with the role ``auditor`` who proved a second factor. Every route of it is in one table behind one guard.

Whoever is not signed in goes to the sign-in page; whoever has no such role is refused: the role is read at each request.
"""

from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, Response

from idp.flows.people import Person
from idp.parts import Parts
from idp.protocol.acr import TWO_FACTORS
from idp.records import Session
from idp.web.pages import console_export, console_search, console_views
from idp.web.pages.account import own_form, own_page
from idp.web.pages.common import current, problem_page
from idp.web.pages.console_frame import View
from idp.web.pages.visit import Visit

ROLE: Final = "auditor"
VIEWS: Final[tuple[tuple[str, str, View], ...]] = (
    ("GET", "/console", console_views.overview),
    ("GET", "/console/log", console_views.log),
    ("GET", "/console/events", console_search.events),
    ("GET", "/console/events/<event_id>", console_search.event),
    ("GET", "/console/jump", console_search.jump),
    ("POST", "/console/export", console_export.export),
    ("GET", "/console/clients", console_views.clients),
    ("GET", "/console/clients/<path:client_id>", console_views.client),
    ("GET", "/console/accounts/<pseudonym>", console_views.account),
    ("POST", "/console/accounts/<pseudonym>", console_views.act),
)


def blueprint(parts: Parts) -> Blueprint:
    """Every page of the console."""
    pages = Blueprint("console", __name__)
    for method, rule, view in VIEWS:
        pages.add_url_rule(rule, f"{method} {rule}".replace(".", ""), _guarded(parts, method, view), methods=[method])
    return pages


def _guarded(parts: Parts, method: str, view: View) -> Callable[..., Response]:
    """A page or a form of an auditor; a form's proof is made for its own path and this session."""

    def answer(**named: Any) -> Response:
        def auditor(here: Visit, person: Person, session: Session) -> Response:
            if ROLE not in person.account.roles.split() or session.acr != TWO_FACTORS:
                return problem_page("forbidden", 403, service=None)
            return view(here, person, session, **named)

        return own_page(parts, auditor) if method == "GET" else own_form(parts, current().path, auditor)

    return answer
