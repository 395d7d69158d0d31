"""The sign-in page and the choice of account: render for the dispatcher, judge what is posted, go back to the dispatcher."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response

from idp.authn.identifiers import masked
from idp.authn.throttle import Throttled
from idp.flows import interactions, pending, sessions
from idp.flows import sign_in as flow
from idp.flows.interactions import Opened
from idp.flows.people import names
from idp.flows.sign_in import Failed, NeedEnrolment, NeedLongerPassword, NeedMailedCode, NeedSecondFactor, SignedIn
from idp.parts import Parts
from idp.web.pages import enrol, recovery, step_up
from idp.web.pages.common import current, see_other
from idp.web.pages.visit import SHOWN, Errors, Visit, field, onward, owner, show, visit
from keys.tokens import same

PATH = "/sign-in"
SELECT = "/select-account"
CONSOLE = "console"
REASONS = ("expired", "max_age", "prompt_login", "stronger")
"""What the page may say of why it asks, and goes on saying when it is shown once more."""


def blueprint(parts: Parts) -> Blueprint:
    """``/sign-in`` and ``/select-account``."""
    pages = Blueprint("sign_in", __name__)

    @pages.get(PATH)
    def form() -> Response:
        here = visit(parts)
        other = bool(current().query.one("other"))  # whoever lacks the second factor of this session is not held in it
        if here.opened is not None or (here.caller.session is not None and not other):
            return see_other(step_up.PLACES.get(step_up.place_to(here), here.home))
        return _form(here, {}, {})

    @pages.post(PATH)
    def judge() -> Response:
        here, typed, password = visit(parts), field("username"), field("password")
        missing = {
            n: k
            for n, v, k in (("username", typed, "identifier_missing"), ("password", password, "password_missing"))
            if not v
        }
        if not here.proven(PATH):
            return _form(here, {"": "form_expired"}, {"username": typed}, status=403)
        if field(SHOWN):
            return _form(here, {}, {"username": typed})
        if missing:
            return _form(here, missing, {"username": typed}, status=422)
        return _judged(here, flow.with_password(parts, here.caller, typed, password), typed)

    @pages.post(SELECT)
    def select() -> Response:
        here = visit(parts)
        if here.opened is None or not here.proven(SELECT):
            return see_other(here.home)
        return _selected(here, here.opened)

    return pages


def render_sign_in(
    parts: Parts, opened: Opened | None, errors: Mapping[str, str], values: Mapping[str, str], *, reason: str = ""
) -> Response:
    """The sign-in page in an interaction (or none). ``errors``: field → key of ``wording.FIELD_ERRORS``; ``values.username`` prefills;
    ``reason`` as ``sign_in.html`` says. A second factor that is due in this flow is asked first."""
    return _form(visit(parts, opened), errors, values, reason=reason)


def render_select_account(parts: Parts, opened: Opened) -> Response:
    """The accounts that this browser is signed in to, and the way to another."""
    here = visit(parts, opened)
    person, session = owner(here), here.caller.session
    accounts: list[dict[str, Any]] = []
    if person is not None and session is not None:
        known = names(parts, person.citizen)
        label = masked(known[0]) if known else ""
        accounts = [{"handle": sessions.reference(parts, session), "label": label, "signed_in": True}]
    return show(here, "select_account.html", action=SELECT, hidden=here.hidden(SELECT), accounts=accounts)


def render_totp(parts: Parts, opened: Opened | None, errors: Mapping[str, str] | None = None) -> Response:
    """The second factor for the session of this browser; the sign-in page where there is nothing to add it to."""
    return step_up.render(visit(parts, opened), errors or {})


def _form(here: Visit, errors: Errors, values: Mapping[str, str], *, status: int = 200, reason: str = "") -> Response:
    to = step_up.place_to(here)
    reason = reason or (field("reason") if field("reason") in REASONS else "")
    hidden = here.hidden(PATH, to=to, reason=reason)
    of_nobody = not errors and not values and here.caller.session is None
    return show(
        here,
        "sign_in.html",
        status=status,
        errors=errors,
        again=True,
        action=PATH,
        hidden=hidden,
        alike=[hidden[name] for name in ("handle", "proof") if name in hidden] if of_nobody else None,
        values=values,
        reason=to if to == CONSOLE else reason,
        known="",
    )


def _judged(here: Visit, outcome: flow.Outcome, typed: str) -> Response:
    match outcome:
        case SignedIn():
            return onward(here, outcome, step_up.PLACES.get(step_up.place_to(here)))
        case NeedSecondFactor():
            return see_other(here.path(step_up.PATH, to=step_up.place_to(here)))
        case NeedEnrolment():
            return see_other(here.path(enrol.STAFF))
        case NeedMailedCode():
            return recovery.code_first(here, typed)
        case NeedLongerPassword(ticket):
            return recovery.new_password(here, ticket, {})
        case Failed(error):
            return _form(here, {"password": error}, {"username": typed}, status=422)
        case Throttled():
            return _form(here, {"": outcome}, {"username": typed})


def _selected(here: Visit, opened: Opened) -> Response:
    session, now = here.caller.session, here.caller.now
    if field("other"):
        pending.forget(here.parts, here.caller)
        interactions.note_selected(here.parts, opened, None, now)
    elif session is not None and same(sessions.reference(here.parts, session), field("account")):
        interactions.note_selected(here.parts, opened, session.account_id, now)
    return see_other(opened.path)
