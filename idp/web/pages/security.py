"""How I sign in: password, second factor; and the proof that it is me before either changes."""

from typing import Any

from flask import Blueprint, Response
from flask_babel import lazy_gettext as _

from idp.authn.identifiers import masked_apart
from idp.authn.throttle import Throttled
from idp.flows import drafts, factors, people, recovery, secrets
from idp.flows.people import Person
from idp.flows.sign_in import Failed, NeedSecondFactor, SignedIn
from idp.flows.sign_up import Over, Wrong
from idp.flows.step_up import Ended
from idp.parts import Parts
from idp.records import Session
from idp.web.done_words import CONTACT_DONE, DONE
from idp.web.pages.account import frame, own_form, own_page
from idp.web.pages.common import current, see_other
from idp.web.pages.just_done import just_done, page_after
from idp.web.pages.step_up import PATH as TOTP
from idp.web.pages.step_up import PLACES
from idp.web.pages.visit import Errors, Visit, field, onward, show, too_old, with_session

PATH, PASSWORD, CONFIRM = "/account/security", "/account/password", "/account/confirm"
OFFER = "/account/second-step"
_DRAFTS = {"contact-kept": "contact", "data-kept": "correct"}
"""Place that a proof leads back to (``step_up.PLACES``) → the form that may wait there."""
_KEPT = _("You last gave your password some minutes ago. What you entered is kept.")
_FACTOR_DONE = {True: "factor_always", False: "factor_eased"}
"""Whether the second factor is always asked for → the word of ``done_words.DONE``, said while it is so."""


def blueprint(parts: Parts) -> Blueprint:
    """``/account/security``, ``/account/second-step``, ``/account/password``, ``/account/confirm``."""
    pages = Blueprint("security", __name__)

    @pages.get(PATH)
    def security() -> Response:
        return own_page(parts, _security)

    @pages.post(PATH)
    def change_factor() -> Response:
        return own_form(parts, PATH, lambda h, p, s: _always(h, p, s) if field("ask_always") else _remove(h, p, s))

    @pages.get(OFFER)
    def offer() -> Response:
        return own_page(parts, _offer)

    @pages.get(PASSWORD)
    def password_form() -> Response:
        return own_page(parts, lambda h, p, s: _password(h, p, s, {}))

    @pages.post(PASSWORD)
    def password() -> Response:
        return own_form(parts, PASSWORD, _change)

    @pages.get(CONFIRM)
    def confirm_form() -> Response:
        return own_page(parts, lambda h, p, s: _confirm(h, p, s, {}, current().query.one("to") or ""))

    @pages.post(CONFIRM)
    def confirm() -> Response:
        return own_form(parts, CONFIRM, _confirmed)

    return pages


def _security(here: Visit, person: Person, session: Session) -> Response:
    enrolled = people.totp(here.parts, person.account.id) is not None
    always = enrolled and person.account.factor_always_since is not None
    done, own = just_done(here, PATH)
    factor = _FACTOR_DONE[always] if enrolled else ""
    contact = CONTACT_DONE.get(done.removeprefix("contact-")) if done.startswith("contact-") else None
    return show(
        here,
        "security.html",
        identifiers=masked_apart(people.names(here.parts, person.citizen)),
        password_changed=person.password_changed_at or None,
        said=DONE[factor] if done and done == factor else contact,
        eased=done == factor == "factor_eased",
        totp=enrolled,
        totp_required=person.staff,
        totp_always=always,
        alone=secrets.least(here.parts, None),
        codes_left=people.codes_left(here.parts, person.account.id),
        **{**frame(here, person, session, PATH), "own": own},
    )


def _remove(here: Visit, person: Person, session: Session) -> Response:
    if not field("remove_totp"):
        return see_other(PATH)
    if not factors.fresh(here.parts, session, here.caller.now):
        return see_other(f"{CONFIRM}?to=security")
    outcome = factors.remove(here.parts, here.caller, person)
    if isinstance(outcome, Ended):
        return too_old(here, PATH)
    return _done(here, "factor_removed", outcome, secrets.least(here.parts, None))


def _offer(here: Visit, person: Person, session: Session) -> Response:
    """At the end of setting up: whoever may choose when the second factor is asked is told that they may."""
    chosen = person.account.factor_always_since is not None or people.totp(here.parts, person.account.id) is None
    if person.staff or chosen:
        return see_other(PATH)
    alone = secrets.least(here.parts, None)
    return show(here, "second_step.html", **{**frame(here, person, session, PATH), "own": OFFER, "alone": alone})


def _always(here: Visit, person: Person, session: Session) -> Response:
    """Asking less often needs a fresh proof, as taking the factor away does; asking more often takes nothing away."""
    always = field("ask_always") == "1"
    if person.staff:
        return see_other(PATH)
    if not always and not factors.fresh(here.parts, session, here.caller.now):
        return see_other(f"{CONFIRM}?to=security")
    done = factors.ask_always(here.parts, here.caller, person, always)
    return see_other(page_after(here, PATH, _FACTOR_DONE[always])) if done else too_old(here, PATH)


def _password(here: Visit, person: Person, session: Session, errors: Errors, status: int = 200) -> Response:
    return show(
        here,
        "change_password.html",
        status=status,
        errors=errors,
        shortest=secrets.least(here.parts, person),
        alone=secrets.least(here.parts, None),
        values=_whose(here, person),
        **frame(here, person, session, PASSWORD),
    )


def _change(here: Visit, person: Person, session: Session) -> Response:
    typed = field("password"), field("new_password"), field("repeat_password")
    outcome = recovery.change(here.parts, here.caller, person, *typed)
    match outcome:
        case SignedIn():
            return _done(here, "password_changed", outcome)
        case Wrong():
            return _password(here, person, session, {outcome.field: outcome.error}, 422)
        case Throttled():
            return _password(here, person, session, {"": outcome})
        case Over():
            return too_old(here, PATH)


def _confirm(here: Visit, person: Person, session: Session, errors: Errors, to: str, status: int = 200) -> Response:
    common = frame(here, person, session, CONFIRM)
    to = to if to in PLACES else ""
    common["hidden"] = here.hidden(CONFIRM, session.token_hash, to=to)
    common["own"] = here.path(CONFIRM, to=to)
    kept = to in _DRAFTS and drafts.kept(here.parts, here.caller, person, _DRAFTS[to]) is not None
    return show(
        here,
        "reauthenticate.html",
        status=status,
        errors=errors,
        purpose=_KEPT if kept else "",
        values=_whose(here, person),
        **common,
    )


def _confirmed(here: Visit, person: Person, session: Session) -> Response:
    to = field("to")
    if not field("password"):
        return _confirm(here, person, session, {"password": "password_missing"}, to, 422)
    outcome = factors.confirm(here.parts, here.caller, person, field("password"))
    match outcome:
        case SignedIn():
            return onward(here, outcome, PLACES.get(to, PATH))
        case NeedSecondFactor():
            return see_other(here.path(TOTP, to=to if to in PLACES else "security"))
        case Failed(error):
            return _confirm(here, person, session, {"password": error}, to, 422)
        case Throttled():
            return _confirm(here, person, session, {"": outcome}, to)


def _whose(here: Visit, person: Person) -> dict[str, Any]:
    known = people.names(here.parts, person.citizen)
    return {"username": known[0].canonical} if known else {}


def _done(here: Visit, what: str, outcome: SignedIn, alone: int | None = None) -> Response:
    title, text = DONE[what]
    answer = show(here, "change_done.html", once=True, title=title, text=text, next=None, alone=alone)
    return with_session(answer, here.parts, outcome)
