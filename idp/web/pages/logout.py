"""Sign-out pages: the question, and that it is done (with front-channel frames)."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from idp.errors import Refusal
from idp.flows import logout as flow
from idp.flows.logout import AskFirst, Gone
from idp.flows.service_names import named
from idp.parts import Parts
from idp.web.cookies import BROWSER, SESSION, clear_cookie
from idp.web.ops.logout import CLEAR
from idp.web.pages.common import (
    back_to,
    cookie,
    current,
    language,
    later_page,
    page,
    parts_of_app,
    problem_page,
    see_other,
    service_view,
)
from idp.web.pages.just_done import opened, sealed
from idp.web.pages.visit import SHOWN, field, reader
from keys.tokens import token_hash

CONFIRM = "/logout/confirm"
ENDED = "ended"
"""The query parameter, and the word that it holds sealed: this browser was signed in until now."""


def blueprint(parts: Parts) -> Blueprint:
    """``/logout/confirm``: the answer to the question."""
    pages = Blueprint("logout", __name__)

    @pages.post(CONFIRM)
    def confirm() -> Response:
        token, now = field("token"), current().now
        again = flow.asked_again(parts, token, cookie(SESSION), now) if field(SHOWN) else None
        if again is not None:
            return ask(again)
        if field("decision") != "logout":
            return see_other(flow.declined(parts, token, cookie(SESSION), now) or "/account")
        reader(parts)  # before nobody is signed in any more
        outcome = flow.confirmed(parts, token, cookie(SESSION), now)
        if isinstance(outcome, AskFirst):
            return ask(outcome)
        answer = see_other(outcome.location) if outcome.location and not outcome.frames else done(outcome)
        for header in (clear_cookie(parts.config, SESSION), CLEAR):
            answer.headers.add(*header)
        return answer

    return pages


def renderers(_: Parts) -> dict[type, Callable[[Any], Response]]:
    """Outcomes of ``/logout`` that need a page."""
    return {
        AskFirst: ask,
        Gone: done,
        flow.Refused: refused,
    }


def ask(outcome: AskFirst) -> Response:
    """The question; where nobody is signed in (any more), that there is none, and the way back."""
    nobody = reader(parts_of_app()) is None
    plain = current().method == "GET" and not set(request.args) - {"lang", ENDED}
    return page(
        "logout_confirm.html",
        action=CONFIRM,
        hidden={"token": outcome.token},
        nobody=nobody,
        onward=outcome.location,
        ui_locales=outcome.ui_locales,
        service=lambda lang: service_view(outcome.client, lang),
        services=[named(parts_of_app(), c, language(outcome.ui_locales)).name for c in outcome.services],
        form_action=[_origin(outcome.location)] if outcome.location else (),
        **(_languages() if plain else {"here": CONFIRM, "language_posts": True}),
    )


def done(outcome: Gone) -> Response:
    """Nobody is signed in any more; frames tell the services, then a script or a link leads on. Whoever was signed in until now reads so in the
    other language too."""
    parts, seen = parts_of_app(), current()
    known = token_hash(parts.ring, "browser", cookie(BROWSER) or "")
    shown = request.args.get(ENDED, "")
    if outcome.ended and known is not None:
        shown = sealed(parts, known, ENDED, seen.now)
    said = known is not None and opened(parts, known, shown, seen.now) == ENDED
    ended = outcome.ended or said
    plain = outcome.client is None and not outcome.frames and not outcome.location
    return page(
        "logout_done.html",
        ended=ended,
        frame_src=sorted({_origin(uri) for uri in outcome.frames}),
        frames=outcome.frames,
        onward=outcome.location,
        service=lambda lang: service_view(outcome.client, lang),
        **(_languages(shown if said else "") if plain else {"language_links": ()}),
    )


def _languages(ended: str = "") -> dict[str, Any]:
    """Asked for again, ``/logout`` shows the same page only when no service asked; else no link may drop what the service sent."""
    return {"here": f"/logout?{ENDED}={ended}" if ended else "/logout"}


def refused(outcome: flow.Refused) -> Response:
    """The request can't be followed; the session stays."""
    refusal: Refusal = outcome.refusal
    if refusal.retry_after_s:
        return later_page(refusal)
    back = back_to(outcome.client, language(None))
    return problem_page(
        "bad_request", 400, code=refusal.code.value, detail=refusal.public, client=outcome.client, back=back
    )


def _origin(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"
