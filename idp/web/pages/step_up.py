"""Pages of the second factor: the app's code, or a recovery code in its place."""

from flask import Blueprint, Response

from idp.authn.throttle import Throttled
from idp.flows import step_up as flow
from idp.flows.sign_in import Failed, SignedIn
from idp.flows.step_up import Basis, Ended, Repeated
from idp.parts import Parts
from idp.web.pages.common import current, see_other
from idp.web.pages.visit import Errors, Visit, field, onward, show, too_old, visit

PATH = "/sign-in/totp"
RECOVERY = "/sign-in/recovery-code"
PLACES = {
    "totp": "/account/totp",
    "codes": "/account/recovery-codes",
    "security": "/account/security",
    "approvals": "/approvals",
    "console": "/console",
    "console-approvals": "/console/approvals",
    "data": "/account/data",
    "copy": "/account/copy",
    "delete": "/account/delete",
    "contacts": "/account/contacts",
    "contact-code": "/account/contacts/code",
    "contact-kept": "/account/contacts/new?kept=1",
    "data-kept": "/account/correct?kept=1",
}
"""Where a confirmation may return to: a closed set, so that no link chooses it."""


def blueprint(parts: Parts) -> Blueprint:
    """``/sign-in/totp`` and ``/sign-in/recovery-code``."""
    pages = Blueprint("step_up", __name__)

    @pages.get(PATH)
    def code_form() -> Response:
        return render(visit(parts), {})

    @pages.post(PATH)
    def code() -> Response:
        here = visit(parts)
        base, typed = flow.basis(parts, here.caller), field("totp")
        again = flow.sent_again(parts, here.caller, base, typed)
        if again is not None and here.proven(PATH, flow.bound(here.caller, again)):
            return _once_more(here, again)
        if base is None or not here.proven(PATH, flow.bound(here.caller, base)):
            return ended(here)
        if not typed:
            return _code_page(here, base, {"totp": "code_missing"}, 422)
        return _judged(here, base, flow.with_code(parts, here.caller, base, typed), "totp")

    @pages.get(RECOVERY)
    def recovery_form() -> Response:
        here = visit(parts)
        base = flow.basis(parts, here.caller)
        return see_other(here.path("/sign-in")) if base is None else _recovery_page(here, base, {})

    @pages.post(RECOVERY)
    def recovery() -> Response:
        here = visit(parts)
        base, typed = flow.basis(parts, here.caller), field("recovery_code")
        again = flow.sent_again(parts, here.caller, base, typed)
        if again is not None and here.proven(RECOVERY, flow.bound(here.caller, again)):
            return _once_more(here, again)
        if base is None or not here.proven(RECOVERY, flow.bound(here.caller, base)):
            return ended(here)
        if not typed:
            return _recovery_page(here, base, {"recovery_code": "code_missing"}, 422)
        return _judged(here, base, flow.with_recovery_code(parts, here.caller, base, typed), "recovery_code")

    return pages


def render(here: Visit, errors: Errors) -> Response:
    """The page for the app's code; the sign-in page where there is nothing to add a factor to."""
    base = flow.basis(here.parts, here.caller)
    return see_other(here.path("/sign-in")) if base is None else _code_page(here, base, errors)


def _code_page(here: Visit, base: Basis, errors: Errors, status: int = 200) -> Response:
    to = place_to(here)
    other = f"{here.opened.path}?other=1" if here.opened else here.path("/sign-in", other="1", to=to)
    links = {"recovery_code": here.path(RECOVERY, to=to), "other_account": other}
    if here.opened is None and here.caller.session is not None:
        links["sign_out"] = "/logout"
    hidden = here.hidden(PATH, flow.bound(here.caller, base), to=to)
    return show(
        here,
        "totp.html",
        status=status,
        errors=errors,
        links=links,
        own=here.path(PATH, to=to),
        action=PATH,
        hidden=hidden,
    )


def _recovery_page(here: Visit, base: Basis, errors: Errors, status: int = 200) -> Response:
    to = place_to(here)
    return show(
        here,
        "recovery_code.html",
        status=status,
        errors=errors,
        links={"totp": here.path(PATH, to=to)},
        own=here.path(RECOVERY, to=to),
        action=RECOVERY,
        hidden=here.hidden(RECOVERY, flow.bound(here.caller, base), to=to),
    )


def place_to(here: Visit) -> str:
    """The name of the page to return to; empty for the usual way."""
    seen = current()
    name = (field("to") if seen.method == "POST" else seen.query.one("to")) or ""
    return name if name in PLACES and here.opened is None else ""


def _judged(here: Visit, base: Basis, outcome: flow.Outcome, name: str) -> Response:
    again = _code_page if name == "totp" else _recovery_page
    match outcome:
        case SignedIn():
            return onward(here, outcome, PLACES.get(place_to(here)), proved=base.pending is not None)
        case Repeated():
            return _once_more(here, outcome)
        case Failed(error):
            return again(here, base, {name: error}, 422)
        case Throttled():
            return again(here, base, {"": outcome})
        case Ended():
            return ended(here)


def _once_more(here: Visit, won: Repeated) -> Response:
    """The form that used its code, sent again: where the first answer led."""
    outcome, to = flow.handed_over(here.parts, here.caller, won), PLACES.get(place_to(here))
    if outcome is None:
        return see_other(here.opened.path if here.opened else to or "/account")
    return onward(here, outcome, to, proved=won.proved)


def ended(here: Visit) -> Response:
    """The flow is over: another person signed in meanwhile, or it took too long."""
    return too_old(here, "/sign-in")
