"""The consent page: what the service asks, with the values masked; allow or cancel."""

from hashlib import sha256
from typing import Any

from flask import Blueprint, Response

from idp.flows import authorize as flow
from idp.flows import consent as journey
from idp.flows import interactions
from idp.flows.authorize import Due
from idp.flows.consent import Shown
from idp.flows.interactions import Opened
from idp.parts import Parts
from idp.protocol.interaction import Consent, due
from idp.web.cookies import BROWSER
from idp.web.pages.common import (
    caller,
    cookie,
    current,
    interaction_context,
    page,
    parts_of_app,
    problem_page,
    see_other,
    to_client,
)
from idp.web.pages.visit import field
from idp.web.wording import ALWAYS, CLAIMS, WORDS

STEP = "consent"


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
    citizen = parts.vault.citizen(account.id)
    shown = journey.shown(parts, citizen, opened.client, opened.interaction.request, due.known.consent)
    seen = _seen(shown.digest, account.id)
    return page(
        "consent.html",
        **interaction_context(opened),
        locale=account.locale,
        action="/consent",
        hidden={**interactions.hidden(parts, opened, f"{STEP}:{seen}"), "seen": seen},
        attributes=_attributes(shown),
        always=ALWAYS,
        offline=shown.offline,
        changed=shown.changed,
        renamed=shown.renamed,
    )


def _decided(parts: Parts, opened: Opened, seen: str, decision: str) -> Response:
    """Decide again: what was shown has to be what is due now, for the same citizen; else the dispatcher shows what is."""
    now, reference, who = current().now, current().reference, caller(opened.browser)
    held = opened.interaction
    known = flow.look(parts, held.request, opened.client, held.expected, who, held)
    account = known.account
    if held.closed or account is None or not isinstance(due(held.request, known.facts), Consent):
        return see_other(opened.path)
    if seen != _seen(journey.digest(opened.client, journey.wanted(held.request)), account.id):
        return see_other(opened.path)
    if decision == "deny":
        return to_client(flow.cancel(parts, opened, known, who))
    if decision == "allow":
        citizen = parts.vault.citizen(account.id)
        allowed = journey.allow(parts, citizen, opened.client, held.request, known.consent, now, reference)
        interactions.note_consented(parts, opened, allowed, now)
    return see_other(opened.path)


def _seen(digest: bytes, account_id: bytes) -> str:
    """Stands for what was shown and to whom."""
    return sha256(digest + account_id).hexdigest()


def _attributes(shown: Shown) -> list[dict[str, Any]]:
    return [
        {
            "claim": claim,
            "label": CLAIMS[claim],
            "value": WORDS.get(text, text),
            "why": "",
            "optional": False,
            "chosen": False,
        }
        for claim, text in shown.preview.items()
    ]
