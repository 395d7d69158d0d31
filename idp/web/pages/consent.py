"""The consent page: what the service asks and why, with the values masked; allow, leave out what is optional, or cancel."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from flask import Blueprint, Response
from flask_babel import force_locale

from idp.authn.identifiers import masked
from idp.flows import authorize as flow
from idp.flows import consent as journey
from idp.flows import interactions, people
from idp.flows.authorize import Due
from idp.flows.consent import Shown
from idp.flows.interactions import Opened
from idp.parts import Parts
from idp.protocol.interaction import Consent, due
from idp.release.confirmed import confirmed
from idp.release.model import STANDARD_LOGIN, Line, ServiceItem
from idp.release.plan import settled
from idp.web.cookies import BROWSER
from idp.web.pages.catalogue_words import kept, spoken
from idp.web.pages.common import (
    caller,
    cookie,
    current,
    interaction_context,
    language,
    page,
    parts_of_app,
    problem_page,
    see_other,
    to_client,
)
from idp.web.pages.said import said
from idp.web.pages.visit import field
from idp.web.theme import locale_name
from idp.web.wording import ALWAYS, CLAIMS, KEEPERS, LASTS, SOURCES, VERIFIED

STEP = "consent"
TICK = "allow/"
"""A ticked attribute's field is ``allow/<item>/<attribute>``; codes hold no slash."""


def blueprint(parts: Parts) -> Blueprint:
    """``POST /consent``."""
    pages = Blueprint("consent", __name__)

    @pages.post("/consent")
    def decide() -> Response:
        opened = interactions.load(parts, field("handle"), cookie(BROWSER), current().now)
        seen = field("seen")
        if not interactions.check_proof(parts, opened, f"{STEP}:{seen}", field("proof")):
            return problem_page(
                "bad_request", 403, client=opened.client, detail="The form was not made for this browser and step."
            )
        return _decided(parts, opened, seen, field("decision"))

    return pages


def render_consent(due: Due) -> Response:
    """The page for the signed-in citizen of this decision."""
    parts, opened, account = parts_of_app(), due.opened, due.known.account
    assert account is not None
    citizen, request = parts.vault.citizen(account.id), opened.interaction.request
    shown = journey.shown(parts, citizen, opened.client, request, due.known.consent, current().now)
    seen = _seen(shown.digest, account.id)
    lang, names = language(request.ui_locales, account.locale), people.names(parts, citizen)
    with force_locale(locale_name(lang)):
        items = [_item(shown, item, lang) for item in shown.items.values()]
    return page(
        "consent.html",
        **interaction_context(opened),
        locale=account.locale,
        action="/consent",
        hidden={**interactions.hidden(parts, opened, f"{STEP}:{seen}"), "seen": seen},
        attributes=_attributes(shown, lang),
        items=items,
        unconfirmed=[CLAIMS[line.claim] for line in shown.plan.lines if line.reason == "not_confirmed"],
        always=ALWAYS,
        offline=shown.offline,
        changed=shown.changed,
        renamed=shown.renamed,
        informs=shown.informs,
        who=masked(names[0]) if names else "",
        lasts=[(value, LASTS[value]) for value in shown.lasts],
    )


def _decided(parts: Parts, opened: Opened, seen: str, decision: str) -> Response:
    """Decide again: what was shown has to be what is due now, for the same citizen; else the dispatcher shows what is."""
    now, reference, who = current().now, current().reference, caller(opened.browser)
    held = opened.interaction
    known = flow.look(parts, held.request, opened.client, held.expected, who, held)
    account = known.account
    if held.closed == flow.DENIED and decision == "deny":
        return to_client(flow.denied(parts, opened))
    if held.closed or account is None or not isinstance(due(held.request, known.facts), Consent):
        return see_other(opened.path)
    citizen = parts.vault.citizen(account.id)
    shown = journey.shown(parts, citizen, opened.client, held.request, known.consent, now)
    if seen != _seen(shown.digest, account.id):
        return see_other(opened.path)
    lasts = field("lasts") or journey.LASTING
    if decision not in ("allow", "deny") or (decision == "allow" and lasts not in (journey.LASTING, *shown.lasts)):
        return see_other(opened.path)
    first = journey.first_word(parts, held.origin, seen, decision)
    if first == "deny":
        return to_client(flow.cancel(parts, opened, known, who))
    if decision == "allow":
        terms = journey.allow(
            parts,
            citizen,
            opened.client,
            shown,
            known.consent,
            now,
            reference,
            ticked=_ticked(shown),
            lasts=journey.LASTING if shown.informs else lasts,
        )
        if terms is None:
            journey.forget_word(parts, held.origin, seen)
        else:
            interactions.note_consented(parts, opened, terms, now)
    return see_other(opened.path)


def _ticked(shown: Shown) -> dict[str, set[str]]:
    """Item → what the citizen turned on, of what was offered."""
    found: dict[str, set[str]] = {}
    for item, attribute in shown.optional:
        if field(f"{TICK}{item}/{attribute}"):
            found.setdefault(item, set()).add(attribute)
    return found


def _seen(digest: bytes, account_id: bytes) -> str:
    """Stands for what was shown and to whom."""
    return sha256(digest + account_id).hexdigest()


def _attributes(shown: Shown, lang: str) -> list[dict[str, Any]]:
    """The standard claims; those that are told as verified with whose word they are."""
    return [
        {
            "claim": line.claim,
            "label": CLAIMS[line.claim],
            "value": said(line.claim, shown.preview[line.claim], lang),
            **_verified(line),
        }
        for line in shown.lines
        if line.item == STANDARD_LOGIN and line.reason != "not_confirmed"
    ]


def _verified(line: Line) -> dict[str, Any]:
    if not line.verified or not line.source:
        return {}
    return {"source": _source(line), "updated": line.updated_at, "verified": VERIFIED[confirmed(line.source)]}


def _item(shown: Shown, item: ServiceItem, lang: str) -> dict[str, Any]:
    lines = [line for line in shown.lines if line.item == item.code]
    there = [line for line in lines if line.outcome == "release"]
    unknown = [line for line in lines if line.outcome != "release"]
    return {
        "code": item.code,
        "version": item.version,
        "title": spoken(item.titles, lang),
        "purpose": spoken(item.purposes, lang),
        "kept": kept(item.retention_days),
        "lawful": _rows(shown, (line for line in there if line.basis == "statutory"), lang),
        "needed": _rows(shown, (line for line in there if line.essential and line.basis == "consent"), lang),
        "optional": _rows(shown, (line for line in there if (item.code, line.attribute) in shown.optional), lang),
        "absent": [_label(n, lang) for n in unknown if n.essential and n.basis == "consent"],
        "absent_lawful": [_label(n, lang) for n in unknown if n.basis == "statutory"],
        "absent_optional": [_label(n, lang) for n in unknown if not settled(n)],
    }


def _rows(shown: Shown, lines: Iterable[Line], lang: str) -> list[dict[str, Any]]:
    return [_row(shown, line, lang) for line in lines]


def _row(shown: Shown, line: Line, lang: str) -> dict[str, Any]:
    kind = parts_of_app().catalogue.kind(line.attribute)
    return {
        "id": f"allow-{line.item}-{line.attribute}",
        "name": f"{TICK}{line.item}/{line.attribute}",
        "label": _label(line, lang),
        "why": spoken(kind.explanations, lang) if kind else "",
        "value": said(line.attribute, shown.preview[line.attribute], lang),
        "source": _source(line),
        "updated": line.updated_at,
        "verified": VERIFIED[confirmed(line.source)] if line.verified and line.source else "",
        "citation": spoken(line.citation, lang),
    }


def _source(line: Line) -> Any:
    return SOURCES.get(line.source) or KEEPERS.get(line.source, line.source)


def _label(line: Line, lang: str) -> str:
    kind = parts_of_app().catalogue.kind(line.attribute)
    return spoken(kind.names, lang) if kind else line.attribute
