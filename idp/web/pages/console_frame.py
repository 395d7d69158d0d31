"""What every page of the console hands to its template: who looks, the navigation, the form's proof, what was wrong."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response
from flask_babel import lazy_gettext as _

from idp.flows.people import Person
from idp.records import Session
from idp.web.case_words import CASE_ERRORS
from idp.web.console_words import ERRORS
from idp.web.pages.account import frame, name_of
from idp.web.pages.common import browser_cookie, language, page
from idp.web.pages.console_rights import home, may
from idp.web.pages.visit import Visit

View = Callable[..., Response]
"""``view(here, person, session, **named)`` → the answer, for an auditor."""
EXPORT = "/console/export"
JUMP = "/console/jump"
TABS = (
    ("overview", _("Overview"), "/console"),
    ("events", _("Events"), "/console/events"),
    ("clients", _("Clients"), "/console/clients"),
    ("cases", _("Cases"), "/console/cases"),
    ("alerts", _("Alerts"), "/console/alerts"),
    ("rules", _("Rules"), "/console/rules"),
    ("approvals", _("Approvals"), "/console/approvals"),
    ("log", _("Log and keys"), "/console/log"),
)
"""The navigation: each reader sees what their roles open. Rules are a page of the alerts for whoever sees these."""


def shown(
    here: Visit,
    person: Person,
    session: Session,
    template: str,
    place: str,
    *,
    status: int = 200,
    action: str = EXPORT,
    own: str | None = None,
    wrong: Mapping[str, str] | None = None,
    **context: Any,
) -> Response:
    """A page of the console. ``place``: the entry of the navigation; ``action``: where its form posts to; ``own``: the GET path of an answered
    POST; ``wrong``: field → word of ``ERRORS``."""
    common = frame(here, person, session, action)
    del common["own"]
    errors = {name: ERRORS.get(word) or CASE_ERRORS[word] for name, word in (wrong or {}).items()}
    answer = page(
        template,
        status,
        place=place,
        **navigation(person),
        here=own,
        errors=errors,
        **{**common, **context},
    )
    if here.fresh:
        answer.headers.add(*browser_cookie(here.browser))
    return answer


def navigation(person: Person) -> dict[str, Any]:
    """The entries that a reader's roles open, and whether they may jump."""
    alerts = may(person, "GET", "/console/alerts")
    tabs = [tab for tab in TABS if may(person, "GET", tab[2]) and not (tab[0] == "rules" and alerts)]
    return {"tabs": tabs, "jumps": may(person, "GET", JUMP)}


def around(here: Visit, person: Person) -> dict[str, Any]:
    """What an error page shows around itself, so that whoever works here finds the way on."""
    to = home(person)
    return {
        "layout": "_console.html",
        "place": "",
        **navigation(person),
        "account": name_of(here, person),
        "locale": person.account.locale,
        "back": (_("Go to the console"), to) if to else (_("Your account"), "/account"),
        "service": None,
    }


def reader(person: Person) -> str:
    """The language of the page."""
    return language(None, person.account.locale)
