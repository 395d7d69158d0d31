"""Pages of a new account: the address, the code, the password."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response

from idp.authn.throttle import Throttled
from idp.flows import secrets
from idp.flows import sign_up as flow
from idp.flows.one_time import MINUTES
from idp.flows.sign_up import CodeSent, Confirmed, Over, Wrong
from idp.parts import Parts
from idp.web.pages.common import see_other
from idp.web.pages.visit import SHOWN, Errors, Visit, field, onward, show, too_old, visit

PATH, CODE, PASSWORD = "/sign-up", "/sign-up/code", "/sign-up/password"


def blueprint(parts: Parts) -> Blueprint:
    """``/sign-up`` and its two steps; nothing happens on GET."""
    pages = Blueprint("sign_up", __name__)

    @pages.get(PATH)
    def form() -> Response:
        return _address(visit(parts), {}, "")

    @pages.post(PATH)
    def ask() -> Response:
        here, typed = visit(parts), field("identifier")
        if not here.proven(PATH):
            return _address(here, {"": "form_expired"}, typed, 403)
        if field(SHOWN):
            return _address(here, {}, typed)
        outcome = flow.ask(parts, here.caller, typed, here.language)
        return (
            _address(here, {outcome.field: outcome.error}, typed, 422)
            if isinstance(outcome, Wrong)
            else code_page(here, CODE, outcome)
        )

    @pages.post(CODE)
    def confirm() -> Response:
        here = visit(parts)
        return _confirm(here, field("ticket")) if here.proven(CODE) else too_old(here, PATH)

    @pages.post(PASSWORD)
    def finish() -> Response:
        here = visit(parts)
        return _finish(here, field("ticket")) if here.proven(PASSWORD) else too_old(here, PATH)

    @pages.get(CODE)
    @pages.get(PASSWORD)
    def begin_again() -> Response:
        return see_other(visit(parts).path(PATH))

    return pages


def code_page(
    here: Visit,
    action: str,
    sent: CodeSent,
    wrong: Wrong | None = None,
    throttled: Throttled | None = None,
    *,
    resent: bool = False,
) -> Response:
    """Where the code is typed, for a new account and for a new password."""
    errors: Errors = {wrong.field: wrong.error} if wrong else {"": throttled} if throttled else {}
    return show(
        here,
        "confirm_code.html",
        status=422 if wrong else 200,
        errors=errors,
        again=True,
        action=action,
        hidden=here.hidden(action, ticket=sent.ticket, sent_to=sent.sent_to),
        values={"code": field("code")} if field(SHOWN) else {},
        sent_to=sent.sent_to,
        minutes=MINUTES,
        resend=True,
        resent=resent,
    )


def _address(here: Visit, errors: Mapping[str, str], typed: str, status: int = 200) -> Response:
    links = {} if here.opened else {"sign_in": "/sign-in"}
    return show(
        here,
        "sign_up.html",
        status=status,
        errors=errors,
        links=links,
        again=True,
        action=PATH,
        hidden=here.hidden(PATH),
        values={"identifier": typed},
    )


def _confirm(here: Visit, ticket: str) -> Response:
    if field(SHOWN):
        return code_page(here, CODE, CodeSent(ticket, field("sent_to")))
    if field("again"):
        sent = flow.again(here.parts, here.caller, ticket, here.language)
        return code_page(here, CODE, sent, resent=True) if isinstance(sent, CodeSent) else too_old(here, PATH)
    outcome = flow.confirm(here.parts, here.caller, ticket, field("code"))
    match outcome:
        case Confirmed():
            return _password(here, outcome, {}, "")
        case Wrong():
            return code_page(here, CODE, CodeSent(ticket, field("sent_to")), outcome)
        case Over():
            return too_old(here, PATH)


def _finish(here: Visit, ticket: str) -> Response:
    if field(SHOWN):
        ours = flow.ticket_of(here.parts, here.caller, ticket)
        return _password(here, ours, {}, field("name")) if ours else too_old(here, PATH)
    name, password, repeated = field("name"), field("new_password"), field("repeat_password")
    outcome = flow.finish(here.parts, here.caller, ticket, name, password, repeated, here.language)
    if isinstance(outcome, Over):
        outcome = flow.sent_again(here.parts, here.caller, ticket, password)
    if isinstance(outcome, Wrong):
        known = flow.ticket_of(here.parts, here.caller, ticket)
        return _password(here, known, {outcome.field: outcome.error}, name, 422) if known else too_old(here, PATH)
    return too_old(here, PATH) if isinstance(outcome, Over) else onward(here, outcome)


def _password(here: Visit, known: Confirmed, errors: Mapping[str, str], name: str, status: int = 200) -> Response:
    values: dict[str, Any] = {"username": known.username, "name": name}
    return show(
        here,
        "set_password.html",
        status=status,
        errors=errors,
        again=True,
        action=PASSWORD,
        hidden=here.hidden(PASSWORD, ticket=known.ticket),
        values=values,
        shortest=secrets.least(here.parts, None),
        ask_name=True,
    )
