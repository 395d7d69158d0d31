"""Setting up the authenticator app: by staff before their first session, and by citizens on their account page."""

from flask import Blueprint, Response

from idp.authn import totp as law
from idp.authn.identifiers import masked
from idp.authn.throttle import Throttled
from idp.flows import factor_offer, factors, pending
from idp.flows.factors import WithCodes
from idp.flows.people import Person, names
from idp.flows.sign_in import Failed
from idp.flows.step_up import Ended
from idp.parts import Parts
from idp.web.pages import recovery_codes
from idp.web.pages.common import problem_page, see_other
from idp.web.pages.step_up import ended
from idp.web.pages.visit import Errors, Visit, field, owner, show, visit
from idp.web.wording import GO_ON

STAFF = "/sign-in/enrol"
OWN = "/account/totp"


def blueprint(parts: Parts) -> Blueprint:
    """``/sign-in/enrol`` and ``/account/totp``, each with its picture."""
    pages = Blueprint("enrol", __name__)

    @pages.get(STAFF)
    def staff_form() -> Response:
        here = visit(parts)
        person = _staff(here)
        return see_other(here.path("/sign-in")) if person is None else _page(here, person, STAFF, {})

    @pages.post(STAFF)
    def staff() -> Response:
        here = visit(parts)
        return _judged(here, _staff(here), STAFF)

    @pages.get(STAFF + "/qr.svg")
    def staff_picture() -> Response:
        here = visit(parts)
        return _picture(here, _staff(here))

    @pages.get(OWN)
    def own_form() -> Response:
        here = visit(parts)
        person, session = owner(here), here.caller.session
        if person is None or session is None:
            return see_other("/sign-in")
        if not factors.fresh(parts, session, here.caller.now):
            return see_other("/account/confirm?to=totp")
        return _page(here, person, OWN, {})

    @pages.post(OWN)
    def own() -> Response:
        here = visit(parts)
        if here.caller.session is not None and not factors.fresh(parts, here.caller.session, here.caller.now):
            return see_other("/account/confirm?to=totp")
        return _judged(here, owner(here), OWN)

    @pages.get(OWN + "/qr.svg")
    def own_picture() -> Response:
        here = visit(parts)
        return _picture(here, owner(here))

    return pages


def _staff(here: Visit) -> Person | None:
    """Who proved a password and must set up a second factor before there is a session."""
    found = pending.find(here.parts, here.caller)
    return found[1] if found is not None and found[0].purpose == "enrol" else None


def _bound(here: Visit, person: Person) -> bytes:
    session = here.caller.session
    return here.bound + person.account.id + (session.token_hash if session else b"")


def _page(here: Visit, person: Person, action: str, errors: Errors, status: int = 200) -> Response:
    secret = factor_offer.offer(here.parts, here.caller, person)
    if secret is None:
        return see_other(here.path("/sign-in") if action == STAFF else "/account/security")
    return show(
        here,
        "enrol_totp.html",
        status=status,
        errors=errors,
        own=here.path(action),
        action=action,
        hidden=here.hidden(action, _bound(here, person)),
        qr_url=here.path(action + "/qr.svg"),
        secret=law.spoken(secret),
        back="/account/security" if action == OWN else "",
        otpauth_url=law.uri(secret, _label(here, person)),
    )


def _picture(here: Visit, person: Person | None) -> Response:
    """The secret as a QR code, for whom it was made and for this answer alone (the page class forbids caching); never once it is confirmed."""
    found = factor_offer.offered(here.parts, here.caller, person) if person is not None else None
    if person is None or found is None:
        return problem_page("not_found", 404)
    return Response(law.qr_svg(law.uri(found[1], _label(here, person))), content_type="image/svg+xml")


def _label(here: Visit, person: Person) -> str:
    """What the app calls the account: its first identifier, masked."""
    known = names(here.parts, person.citizen)
    return masked(known[0]) if known else ""


def _judged(here: Visit, person: Person | None, action: str) -> Response:
    if person is None or not here.proven(action, _bound(here, person)):
        return _over(here, None)
    typed = field("totp")
    if not typed:
        return _page(here, person, action, {"totp": "code_missing"}, 422)
    outcome = factors.enrol(here.parts, here.caller, person, typed)
    match outcome:
        case WithCodes():
            return recovery_codes.shown_once(here, outcome)
        case Failed(error):
            return _page(here, person, action, {"totp": error}, 422)
        case Throttled():
            return _page(here, person, action, {"": outcome})
        case Ended():
            return _over(here, person)


def _over(here: Visit, person: Person | None) -> Response:
    """The codes of the first answer are kept as hashes alone: who sent the form twice is told how to get others."""
    if not factors.just_enrolled(here.parts, here.caller, person):
        return ended(here)
    to = here.opened.path if here.opened else "/sign-in?to=codes"
    return problem_page("enrolled", 400, service=None, back=(GO_ON, to))
