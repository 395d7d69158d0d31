"""Approvers decide about drafts of service items: each beside the version that it would replace, with both factors proved afresh."""

from typing import Any

from flask import Blueprint, Response
from flask_babel import force_locale
from flask_babel import gettext as _

from idp.errors import Refusal
from idp.flows import catalogue, factors
from idp.flows.catalogue import Waiting
from idp.flows.people import Person
from idp.parts import Parts
from idp.protocol.acr import TWO_FACTORS
from idp.records import Department, Session
from idp.release.items import wider
from idp.release.model import ServiceItem
from idp.release.plan import needs
from idp.web.pages.account import View, frame, own_form, own_page
from idp.web.pages.catalogue_words import spoken
from idp.web.pages.common import language, problem_page, see_other
from idp.web.pages.visit import Visit, field, show
from idp.web.theme import locale_name
from idp.web.wording import CHANGES

PATH = "/approvals"
ROLE = "approver"


def blueprint(parts: Parts) -> Blueprint:
    """``/approvals``."""
    pages = Blueprint("approvals", __name__)

    @pages.get(PATH)
    def listed() -> Response:
        return own_page(parts, _approver(_listed))

    @pages.post(PATH)
    def decide() -> Response:
        return own_form(parts, PATH, _approver(_decided))

    return pages


def _approver(view: View) -> View:
    """For accounts with the role, in a session that proved two factors."""

    def guarded(here: Visit, person: Person, session: Session) -> Response:
        if ROLE not in person.account.roles.split() or session.acr != TWO_FACTORS:
            return problem_page("forbidden", 403)
        return view(here, person, session)

    return guarded


def _listed(here: Visit, person: Person, session: Session, error: str = "", status: int = 200) -> Response:
    lang = language(None, person.account.locale)
    drafts = [_view(here.parts, draft, lang) for draft in catalogue.waiting(here.parts)]
    common = frame(here, person, session, PATH)
    return show(here, "approvals.html", status=status, errors={"": error} if error else {}, drafts=drafts, **common)


def _decided(here: Visit, person: Person, session: Session) -> Response:
    """``decide`` is ``approve/<code>/<digest>`` or ``reject/…``: the digest names what was on the page."""
    if not factors.fresh(here.parts, session, here.caller.now):
        return see_other("/account/confirm?to=approvals")
    how, _, rest = field("decide").partition("/")
    code, _, digest = rest.partition("/")
    draft = next((w for w in catalogue.waiting(here.parts) if w.item.code == code), None)
    if how not in ("approve", "reject"):
        return problem_page("own_form", 400, service=None)
    if draft is None or draft.digest != digest:
        return _listed(here, person, session, "draft_changed", 409)
    try:
        catalogue.decide(
            here.parts,
            draft,
            approve=how == "approve",
            by=person.account.id.hex(),
            actor=person.citizen,
            reference=here.caller.reference,
        )
    except Refusal as refusal:
        error = "no_client_key" if refusal.reason == "no_client_key" else "draft_changed"
        return _listed(here, person, session, error, 409)
    return see_other(PATH)


def _view(parts: Parts, draft: Waiting, lang: str) -> dict[str, Any]:
    item = draft.item
    office = parts.store.one(Department, id=item.department_id)
    kinds = parts.catalogue.kinds(needs({item.code: item}))
    labels = {f"needs.{code}": spoken(kind.names, lang) for code, kind in kinds.items()}
    return {
        "code": item.code,
        "version": item.version,
        "title": spoken(item.titles, lang),
        "department": (office.name_en if lang == "en" else office.name_zh) if office else item.department_id,
        "created": draft.created_at,
        "digest": draft.digest,
        "new": draft.before is None,
        "asks_again": draft.before is not None and wider(draft.before, item),
        "sensitive": any(kind.sensitive for kind in kinds.values()),
        "changes": [
            {
                "what": labels.get(change.what) or CHANGES.get(change.what) or change.what.partition(".")[2],
                "before": _said(draft.before, change.what, change.before, lang),
                "after": _said(item, change.what, change.after, lang),
            }
            for change in draft.changes
        ],
    }


def _said(item: ServiceItem | None, what: str, plain: str, lang: str) -> str:
    """One side of a difference in the reader's words."""
    name = what.removeprefix("needs.")
    need = next((n for n in item.needs if n.attribute == name), None) if item and name != what else None
    if need is None:
        return plain
    with force_locale(locale_name(lang)):
        words = [_("Needed") if need.essential else _("Optional")]
        words.append(_("by law") if need.basis == "statutory" else _("with your consent"))
        return " · ".join([*words, *filter(None, [spoken(need.citation, lang)])])
