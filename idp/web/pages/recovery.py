"""Pages of a forgotten password: where to send the code, the code, the new password. Nobody is signed in by them."""

from collections.abc import Mapping

from flask import Blueprint, Response
from flask_babel import lazy_gettext as _

from idp.authn.throttle import Throttled
from idp.flows import recovery as flow
from idp.flows import secrets
from idp.flows.people import Person
from idp.flows.recovery import Changed
from idp.flows.sign_up import CodeSent, Confirmed, Over, Wrong
from idp.parts import Parts
from idp.web.cookies import SESSION, clear_cookie
from idp.web.done_words import DONE
from idp.web.pages.common import see_other
from idp.web.pages.sign_up import code_page
from idp.web.pages.visit import SHOWN, Visit, field, show, too_old, visit

PATH, CODE, PASSWORD = "/forgot", "/forgot/code", "/forgot/password"


def blueprint(parts: Parts) -> Blueprint:
    """``/forgot`` and its two steps; nothing happens on GET."""
    pages = Blueprint("recovery", __name__)

    @pages.get(PATH)
    def form() -> Response:
        return _address(visit(parts), {}, "")

    @pages.post(PATH)
    def ask() -> Response:
        here, typed = visit(parts), field("identifier")
        if not here.proven(PATH):
            return _address(here, {"": "form_expired"}, typed, 403)
        if field(SHOWN):
            return _address(here, {}, typed, longer=bool(field("longer")))
        return _asked(here, flow.ask(parts, here.caller, typed), typed)

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


def code_first(here: Visit, typed: str) -> Response:
    """The same journey for a password that was right and is too short to stand alone."""
    return _address(here, {}, typed, longer=True)


def _address(
    here: Visit, errors: Mapping[str, str], typed: str, status: int = 200, *, longer: bool = False
) -> Response:
    links = {} if here.opened else {"sign_in": "/sign-in"}
    return show(
        here,
        "forgot.html",
        status=status,
        errors=errors,
        links=links,
        again=True,
        action=PATH,
        hidden=here.hidden(PATH, longer="1" if longer else ""),
        values={"identifier": typed},
        longer=longer,
    )


def _asked(here: Visit, outcome: CodeSent | Wrong | Over, typed: str) -> Response:
    match outcome:
        case CodeSent():
            return code_page(here, CODE, outcome, resent=bool(field("again")))
        case Wrong():
            return _address(here, {outcome.field: outcome.error}, typed, 422)
        case Over():
            return too_old(here, PATH)


def _confirm(here: Visit, ticket: str) -> Response:
    if field("again"):
        return _asked(here, flow.again(here.parts, here.caller, ticket), "")
    sent = CodeSent(ticket, field("sent_to"))
    if field(SHOWN):
        return code_page(here, CODE, sent)
    outcome = flow.confirm(here.parts, here.caller, ticket, field("code"))
    match outcome:
        case Confirmed():
            return new_password(here, outcome.ticket, {})
        case Wrong():
            return code_page(here, CODE, sent, outcome)
        case Throttled():
            return code_page(here, CODE, sent, None, outcome)
        case Over():
            return too_old(here, PATH)


def _finish(here: Visit, ticket: str) -> Response:
    if field(SHOWN):
        return new_password(here, ticket, {})
    password = field("new_password")
    outcome = flow.finish(here.parts, here.caller, ticket, password, field("repeat_password"))
    match outcome:
        case Changed():
            answer = _done(here)
            answer.headers.add(*clear_cookie(here.parts.config, SESSION))
            return answer
        case Wrong():
            return new_password(here, ticket, {outcome.field: outcome.error}, 422)
        case Over():
            again = flow.sent_again(here.parts, here.caller, ticket, password)
            return _done(here) if isinstance(again, Changed) else too_old(here, PATH)


def new_password(here: Visit, ticket: str, errors: Mapping[str, str], status: int = 200) -> Response:
    """The page for whoever may set another password by the row that ``ticket`` names."""
    found: tuple[Confirmed, Person] | None = flow.ticket_of(here.parts, here.caller, ticket)
    if found is None:
        return too_old(here, PATH)
    known, person = found
    return show(
        here,
        "reset_password.html",
        status=status,
        errors=errors,
        again=True,
        action=PASSWORD,
        hidden=here.hidden(PASSWORD, ticket=ticket),
        values={"username": known.username},
        shortest=secrets.least(here.parts, person),
        alone=secrets.least(here.parts, None),
        longer=known.longer,
        ask_code=False,
    )


def _done(here: Visit) -> Response:
    title, text = DONE["password_changed"]
    to = here.opened.path if here.opened else "/sign-in"
    return show(here, "change_done.html", once=True, title=title, text=text, next=(_("Sign in"), to))
