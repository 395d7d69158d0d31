"""*My data*: what is held about me, from whom; correcting what I said myself."""

from typing import Any

from flask import Blueprint, Response

from idp.flows import correction as flow
from idp.flows import drafts
from idp.flows.correction import Held
from idp.flows.people import Person
from idp.parts import Parts
from idp.records import Session
from idp.release.correction import ADDRESS, BadValue
from idp.release.mask import mask
from idp.web.pages.account import frame, fresh, own_form, own_page
from idp.web.pages.common import current, language, problem_page, see_other, service_view
from idp.web.pages.said import said
from idp.web.pages.telling import attribute_name
from idp.web.pages.visit import SHOWN, Visit, field, show
from idp.web.wording import CLAIMS, KEEPERS

PATH, CORRECT = "/account/data", "/account/correct"
DRAFT = "correct"


def blueprint(parts: Parts) -> Blueprint:
    """``/account/data`` and ``/account/correct``."""
    pages = Blueprint("data", __name__)

    @pages.get(PATH)
    def data() -> Response:
        return own_page(parts, _data)

    @pages.get(CORRECT)
    def form() -> Response:
        return own_page(parts, fresh("data", _form))

    @pages.post(CORRECT)
    def correct() -> Response:
        return own_form(parts, CORRECT, fresh("data-kept", _correct, _keep))

    return pages


def _data(here: Visit, person: Person, session: Session) -> Response:
    lang = language(None, person.account.locale)
    known = sorted(flow.held(here.parts, person), key=lambda h: (_order(h.code), h.code))
    return show(
        here,
        "data.html",
        held=[_item(h, lang) for h in known if h.source is not None],
        missing=[_item(h, lang) for h in known if h.source is None and h.code in CLAIMS],
        **frame(here, person, session, PATH),
    )


def _item(held: Held, lang: str) -> dict[str, Any]:
    return {
        "code": held.code,
        "label": attribute_name(held.code, lang),
        "value": said(held.code, mask(held.code, held.value), lang),
        "source": KEEPERS.get(held.source or "", held.source),
        "own": held.source == "self",
        "at": held.updated_at,
        "proved_at": held.proved_at,
        "correctable": held.correctable,
    }


def _order(code: str) -> int:
    return list(CLAIMS).index(code) if code in CLAIMS else len(CLAIMS)


def _form(here: Visit, person: Person, session: Session) -> Response:
    """With what is held; or, when its sender had to prove who they are meanwhile, as they filled it in."""
    query = current().query
    kept = drafts.kept(here.parts, here.caller, person, DRAFT) if query.one("kept") else None
    held = flow.one(here.parts, person, kept["attribute"] if kept else query.one("attribute") or "")
    if held is None:
        return problem_page("not_found", 404)
    return _shown(here, person, session, held, kept or _values(held), {})


def _keep(here: Visit, person: Person) -> None:
    drafts.keep(
        here.parts, here.caller, person, DRAFT, {name: field(name) for name in ("attribute", "value", *ADDRESS)}
    )


def _correct(here: Visit, person: Person, session: Session) -> Response:
    held = flow.one(here.parts, person, field("attribute"))
    if held is None:
        return problem_page("not_found", 404)
    typed = {name: field(name) for name in ("value", *ADDRESS)}
    if field(SHOWN):
        return _shown(here, person, session, held, typed, {})
    try:
        flow.correct(here.parts, here.caller, person, held.code, typed)
    except BadValue as error:
        return _shown(here, person, session, held, typed, {error.field: error.error}, 422)
    drafts.forget(here.parts, here.caller, DRAFT)
    return see_other(PATH)


def _shown(
    here: Visit,
    person: Person,
    session: Session,
    held: Held,
    values: dict[str, str],
    errors: dict[str, str],
    status: int = 200,
) -> Response:
    common = frame(here, person, session, CORRECT)
    lang = language(None, person.account.locale)
    common["hidden"] = here.hidden(CORRECT, session.token_hash, attribute=held.code)
    return show(
        here,
        "correct.html",
        status=status,
        errors=errors,
        again=True,
        values=values,
        label=attribute_name(held.code, lang),
        receivers=[service_view(c, lang) for c in flow.receivers(here.parts, person, held.code, here.caller.now)],
        members=ADDRESS if held.code == "address" else (),
        **common,
    )


def _values(held: Held) -> dict[str, str]:
    if isinstance(held.value, dict):
        return {name: str(held.value.get(name, "")) for name in ADDRESS}
    return {"value": "" if held.value is None else str(held.value)}
