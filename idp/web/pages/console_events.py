"""How the console shows events: in words, with a link from each identifier to everything that bears it."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from idp.audit.kinds import group_of, outcome_of
from idp.audit.search import local
from idp.flows.console_search import Found
from idp.flows.purposes import purposes
from idp.parts import Parts
from idp.release.told import Told
from idp.web.console_words import BASES, FIELDS, KINDS, OUTCOMES
from idp.web.pages.catalogue_words import spoken as spoken_text
from idp.web.theme.formats import instant_iso

EVENTS: Final = "/console/events"
HIDDEN: Final = ("v", "id", "at", "kind", "person", "actor", "client_id")
"""Parts of a head that have a place of their own."""
TOLD: Final = ("attributes.released",)
LOOKED_FOR: Final = ("session", "grant", "reference", "item", "department")
CLIENTS: Final = ("by_client", "to_client")


def row(parts: Parts, event: Found, lang: str) -> dict[str, Any]:
    """One event for a template."""
    head, outcome = event.head, outcome_of(event.kind)
    return {
        "id": event.id,
        "url": f"{EVENTS}/{event.id}",
        "iso": instant_iso(event.at),
        "time": moment_of(event.at),
        "kind": event.kind,
        "label": KINDS.get(event.kind, event.kind),
        "group": group_of(event.kind),
        "outcome": outcome,
        "outcome_label": OUTCOMES[outcome],
        "client": client(parts, str(head.get("client_id") or ""), lang),
        "person": person(str(head.get("person") or ""), "person"),
        "actor": person(str(head.get("actor") or ""), "staff"),
        "gist": gist(head),
        "purposes": told_for(parts, event, lang),
        "facts": [fact(parts, name, value, lang) for name, value in head.items() if name not in HIDDEN and value],
    }


def rows(parts: Parts, events: Sequence[Found], lang: str) -> list[dict[str, Any]]:
    """Several events."""
    return [row(parts, event, lang) for event in events]


def moment_of(at: int) -> str:
    """``2026-11-24 08:00:05`` in China's time."""
    return instant_iso(at)[:19].replace("T", " ")


def gist(head: dict[str, Any]) -> str:
    """The word that tells most: why or how."""
    if isinstance(head.get("claims"), list) and head.get("via"):
        return ", ".join(str(claim) for claim in head["claims"])
    return next((str(head[name]) for name in ("reason", "why", "rule", "how", "via", "state") if head.get(name)), "")


def told_for(parts: Parts, event: Found, lang: str) -> list[dict[str, Any]]:
    """Why something was told: each service item with its purpose, its basis and what the law says; of a release without one, the sign-in."""
    if event.kind not in TOLD:
        return []
    try:
        told = msgspec.convert({**event.head, "event_id": event.id, "scope": ()}, Told)
        found = purposes(parts, told)
    except msgspec.ValidationError:  # not written by us: the verifier names it
        return []
    return [
        {
            "title": spoken_text(purpose.item_titles or {}, lang) or purpose.item or "",
            "text": spoken_text(purpose.texts, lang),
            "basis": BASES.get(purpose.basis, purpose.basis),
            "citation": spoken_text(purpose.citation or {}, lang),
        }
        for purpose in found
    ]


def client(parts: Parts, client_id: str, lang: str) -> dict[str, str] | None:
    """A client with its name and page."""
    if not client_id:
        return None
    known = parts.clients.get(client_id)
    name = known.in_language("client_name", (lang,)) if known is not None else None
    return {"id": client_id, "name": name or client_id, "url": f"/console/clients/{quote(client_id, safe='')}"}


def person(pseudonym: str, field: str) -> dict[str, str] | None:
    """A pseudonym, short, with its page."""
    if not pseudonym:
        return None
    events = everything(field, pseudonym)
    return {"id": pseudonym, "short": pseudonym[:8], "url": f"/console/accounts/{pseudonym}", "events": events}


def everything(field: str, value: str) -> str:
    """The search for whatever bears this value."""
    return f"{EVENTS}?{urlencode({'within': 'all', field: value})}"


def fact(parts: Parts, name: str, value: Any, lang: str) -> dict[str, Any]:
    """One field of a head: label, text, and where it leads."""
    text = spoken(value)
    url = everything(name, text) if name in LOOKED_FOR and isinstance(value, str) else None
    if name in CLIENTS and (known := client(parts, text, lang)):
        text, url = known["name"], known["url"]
    if name in ("until", "due") and isinstance(value, int):
        text = local(value).replace("T", " ")
    return {"name": name, "label": FIELDS.get(name, name), "text": text, "url": url}


def spoken(value: Any) -> str:
    """A value of a head on one line."""
    if isinstance(value, dict):
        return " ".join(f"{key}={spoken(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(spoken(inner) for inner in value)
    return str(value)
