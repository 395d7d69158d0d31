"""What every page of the console hands to its template: who looks, the navigation, the form's proof, what was wrong."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response

from idp.flows.people import Person
from idp.records import Session
from idp.web.console_words import ERRORS
from idp.web.cookies import LANGUAGE
from idp.web.pages.account import frame
from idp.web.pages.common import browser_cookie, cookie, language, page
from idp.web.pages.visit import Visit

View = Callable[..., Response]
"""``view(here, person, session, **named)`` → the answer, for an auditor."""
EXPORT = "/console/export"


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
    errors = {name: ERRORS[word] for name, word in (wrong or {}).items()}
    answer = page(template, status, place=place, here=own, errors=errors, **{**common, **context})
    if here.fresh:
        answer.headers.add(*browser_cookie(here.browser))
    return answer


def reader(person: Person) -> str:
    """The language of the page."""
    return language(None, None if cookie(LANGUAGE) else person.account.locale)
