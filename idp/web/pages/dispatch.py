"""The page of an interaction: ``/authorize/<handle>`` decides again from what is known and shows the step that is due, in place."""

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from idp.flows import authorize as flow
from idp.flows import interactions
from idp.flows.authorize import AlreadyDone, Due, OnPage
from idp.flows.interactions import Opened
from idp.parts import Parts
from idp.protocol.interaction import Consent, CreateAccount, SelectAccount, SignIn, StepUp
from idp.protocol.respond import ToClient
from idp.web.cookies import BROWSER
from idp.web.pages import consent, sign_in
from idp.web.pages.common import (
    browser_cookie,
    caller,
    cookie,
    current,
    later_page,
    parts_of_app,
    problem_page,
    see_other,
    to_client,
)

PROBLEM_OF_REASON = {
    "unknown_client": "unknown_client",
    "client_disabled": "client_disabled",
    "redirect_uri_mismatch": "redirect_uri",
    "request_uri_unknown": "expired",
    "request_uri_used": "used",
}


def blueprint(parts: Parts) -> Blueprint:
    """``GET /authorize/<handle>``."""
    pages = Blueprint("dispatch", __name__)

    @pages.route("/authorize/<handle>", methods=["GET"])
    def show(handle: str) -> Response:
        if request.method == "HEAD":  # looking must not answer the client (attack A014)
            answer = problem_page("method", 405, service=None)
            answer.headers["Allow"] = "GET, OPTIONS"
            return answer
        opened, fresh = opened_here(parts, handle)
        if request.args.get("other") == "1":
            interactions.note_selected(parts, opened, None, current().now)
            answer = see_other(opened.path)
        else:
            answer = render(flow.resume(parts, opened, caller(opened.browser)))
        if fresh:
            answer.headers.add(*browser_cookie(opened.browser))
        return answer

    return pages


def renderers(parts: Parts) -> dict[type, Any]:
    """Outcomes of ``/authorize`` that need a page."""
    del parts
    return {ToClient: to_client, OnPage: on_page, AlreadyDone: already_done}


def opened_here(parts: Parts, handle: str) -> tuple[Opened, bool]:
    """The interaction for this browser; True when the browser has to be given its cookie (it came by a cross-site POST). Raises Lost."""
    shown = cookie(BROWSER)
    if shown is None and interactions.unbound(parts, handle):
        return interactions.load(parts, handle, interactions.new_browser(parts).token, current().now), True
    return interactions.load(parts, handle, shown, current().now), False


def render(outcome: Due | ToClient | AlreadyDone | OnPage) -> Response:
    """A decision as a page or a redirect."""
    match outcome:
        case Due():
            return _due(outcome)
        case ToClient():
            return to_client(outcome)
        case AlreadyDone():
            return already_done(outcome)
        case OnPage():
            return on_page(outcome)


def on_page(outcome: OnPage) -> Response:
    """A refusal that may not travel. What was received is shown nowhere; the developer finds it in the client's own list."""
    refusal = outcome.refusal
    if refusal.retry_after_s:
        return later_page(refusal)
    problem = PROBLEM_OF_REASON.get(refusal.reason, "bad_request")
    return problem_page(problem, 400, client=outcome.client, code=refusal.code.value, detail=refusal.public)


def already_done(outcome: AlreadyDone) -> Response:
    """Double submit, back button, a second tab of the same request."""
    return problem_page("used", 400, client=outcome.client)


def _due(due: Due) -> Response:
    parts, opened = parts_of_app(), due.opened
    match due.step:
        case SignIn(reason):
            hint = opened.interaction.request.login_hint
            return sign_in.render_sign_in(parts, opened, {}, {"username": hint} if hint else {}, reason=reason)
        case SelectAccount():
            return sign_in.render_select_account(parts, opened)
        case CreateAccount():
            return see_other(f"/sign-up?{urlencode({'handle': opened.handle})}")
        case StepUp(enrolled=False):
            return see_other("/account/totp")
        case StepUp():
            return sign_in.render_totp(parts, opened)
        case Consent():
            return consent.render_consent(due)
        case other:
            raise AssertionError(other)
