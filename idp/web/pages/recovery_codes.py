"""Ten recovery codes, shown once; the citizen says that they are kept before going on."""

from flask import Blueprint, Response

from idp.flows import factors, interactions
from idp.flows.factors import WithCodes
from idp.parts import Parts
from idp.records import Session
from idp.web.pages.common import see_other
from idp.web.pages.visit import SHOWN, Visit, field, owner, renewed, show, too_old, visit, with_session
from keys.tokens import open_flow, seal_flow

PATH = "/account/recovery-codes"
KEPT = "/account/recovery-codes/kept"
_LABEL = "shown-codes"


def blueprint(parts: Parts) -> Blueprint:
    """``/account/recovery-codes`` and its confirmation."""
    pages = Blueprint("recovery_codes", __name__)

    @pages.get(PATH)
    def make() -> Response:
        here = visit(parts)
        person, session = owner(here), here.caller.session
        if person is None or session is None:
            return see_other("/sign-in")
        if not factors.fresh(parts, session, here.caller.now):
            return see_other("/account/confirm?to=codes")
        return show(here, "new_codes.html", own=PATH, action=PATH, hidden=here.hidden(PATH, session.token_hash))

    @pages.post(PATH)
    def made() -> Response:
        here = visit(parts)
        person, session = owner(here), here.caller.session
        if person is None or session is None or not here.proven(PATH, session.token_hash):
            return too_old(here, "/account/security", 403)
        if not factors.fresh(parts, session, here.caller.now):
            return see_other("/account/confirm?to=codes")
        codes = factors.new_codes(parts, here.caller, person)
        return see_other(PATH) if codes is None else _page(here, codes)

    @pages.post(KEPT)
    def kept() -> Response:
        here = visit(parts)
        session = here.caller.session
        if session is None or not here.proven(KEPT, session.token_hash):
            return too_old(here, "/account/security", 403)
        codes, set_up, shown = _shown(parts, session), bool(field("set_up")), bool(field(SHOWN))
        if codes and (shown or not field("saved")):
            if not factors.fresh(parts, session, here.caller.now):
                return see_other(
                    "/account/confirm?to=codes"
                )  # who sits down at a screen that was left gets none of them
            return _page(here, codes, set_up=set_up, missing=not shown)
        after = "/account/second-step" if set_up else "/account/security"
        return see_other(here.opened.path if here.opened else after)

    return pages


def shown_once(here: Visit, outcome: WithCodes) -> Response:
    """The codes of a factor that was just set up, under the session's new token."""
    after, session = renewed(here, outcome.signed_in), outcome.signed_in.session
    if here.opened is not None:
        interactions.note_signed_in(here.parts, here.opened, session.account_id, session.auth_at, here.caller.now)
    return with_session(_page(after, outcome.codes, set_up=True), here.parts, outcome.signed_in)


def _shown(parts: Parts, session: Session) -> tuple[str, ...]:
    """The codes of the form, where they were shown to this very session."""
    opened = open_flow(parts.ring, _LABEL, field("codes"))
    whose, *codes = opened.decode().split() if opened is not None else ("",)
    return tuple(codes) if whose == session.id.hex() else ()


def _page(here: Visit, codes: tuple[str, ...], *, set_up: bool = False, missing: bool = False) -> Response:
    """``set_up``: they came with a factor that was just set up."""
    session = here.caller.session
    assert session is not None
    sealed = seal_flow(here.parts.ring, _LABEL, " ".join((session.id.hex(), *codes)).encode(), here.parts.entropy)
    return show(
        here,
        "recovery_codes.html",
        status=422 if missing else 200,
        errors={"saved": "saved_missing"} if missing else {},
        again=True,
        action=KEPT,
        hidden=here.hidden(KEPT, session.token_hash, codes=sealed, set_up="1" if set_up else ""),
        codes=codes,
    )
