"""How the console shows events: in words, with a link from each identifier to everything that bears it."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from flask_babel import force_locale
from markupsafe import Markup

from idp.audit.kinds import group_of, outcome_of
from idp.flows import log_unsequenced
from idp.flows.log_search import Found
from idp.flows.purposes import purposes
from idp.parts import Parts
from idp.records import Department
from idp.release.told import Told
from idp.web.code_words import METHODS, SCOPES, SEVERAL, code_words, event_words
from idp.web.console_words import BASES, FIELDS, OUTCOMES
from idp.web.data_words import data_words
from idp.web.pages.catalogue_words import spoken as spoken_text
from idp.web.spans import span_words
from idp.web.theme import locale_name
from idp.web.theme.formats import instant_iso, instant_plain

EVENTS: Final = "/console/events"
HIDDEN: Final = ("v", "id", "at", "kind", "person", "actor", "client_id")
"""Parts of a head that have a place of their own."""
TOLD: Final = ("attributes.released",)
LOOKED_FOR: Final = ("session", "grant", "reference", "item", "department")
CLIENTS: Final = ("by_client", "to_client")
DATA: Final = ("claims", "verified", "attribute")
"""Fields that name citizens' data."""
GIST: Final = ("reason", "why", "rule", "how", "via", "state")
PLACES: Final = ("first", "last", "index")
NOWHERE: Final = -1
"""In place of an index: what it is about has none."""
INSTANTS: Final = ("until", "due", "told_from", "since")
NUMBERS: Final = (*INSTANTS, "within")


def row(parts: Parts, event: Found, lang: str, *, waits: bool = False, altered: bool = False) -> dict[str, Any]:
    """One event for a template. ``waits``: it has no leaf yet; ``altered``: it is not as it was written."""
    with force_locale(locale_name(lang)):
        return {**_row(parts, event, lang), "waits": waits, "altered": altered}


def _row(parts: Parts, event: Found, lang: str) -> dict[str, Any]:
    head, outcome, told = event.head, outcome_of(event.kind), told_for(parts, event, lang)
    return {
        "id": event.id,
        "url": f"{EVENTS}/{event.id}",
        "iso": instant_iso(event.at),
        "time": instant_plain(event.at),
        "kind": event.kind,
        "label": event_words(event.kind, head),
        "group": group_of(event.kind),
        "outcome": outcome,
        "outcome_label": OUTCOMES[outcome],
        "client": client(parts, str(head.get("client_id") or ""), lang),
        "person": person(str(head.get("person") or ""), "person"),
        "actor": person(str(head.get("actor") or ""), "staff"),
        "gist": gist(parts, event, lang),
        "purposes": told,
        "titles": list(dict.fromkeys(str(one["title"] or one["text"]) for one in told)),
        "facts": [
            fact(parts, event.kind, name, value, lang)
            for name, value in head.items()
            if name not in HIDDEN
            and value not in (None, "", [])
            and not (name == "items" and told)
            and not (name in PLACES and value == NOWHERE)
        ],
    }


def rows(parts: Parts, events: Sequence[Found], lang: str) -> list[dict[str, Any]]:
    """Several events, each with what is amiss with it."""
    seqs = {event.seq for event in events}
    late, altered = log_unsequenced.waits(parts, seqs), log_unsequenced.unlike_written(parts, seqs)
    return [row(parts, event, lang, waits=event.seq in late, altered=event.seq in altered) for event in events]


def moment_of(at: int) -> Markup:
    """``<time>`` with ``2026-11-24 08:00:05 +08:00``: in the house's zone, which it names."""
    return Markup('<time datetime="{}">{}</time>').format(instant_iso(at), instant_plain(at))


def gist(parts: Parts, event: Found, lang: str) -> str:
    """What tells most, in words: which data, or why, or how. A code that has none stands as it is."""
    head = event.head
    if isinstance(head.get("claims"), list) and head.get("via"):
        return joined([str(data_words(parts, str(claim), lang) or claim) for claim in head["claims"]], lang)
    name = next((name for name in GIST if isinstance(head.get(name), str) and head[name]), "")
    return _words(parts, event.kind, name, head[name], lang) or str(head[name]) if name else ""


def joined(texts: Sequence[str], lang: str) -> str:
    """Several on one line."""
    return ("、" if lang == "zh-Hans" else ", ").join(texts)


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


def fact(parts: Parts, kind: str, name: str, value: Any, lang: str) -> dict[str, Any]:
    """One field of a head: label, what it says in words or else as it stands (``text``), the ``code`` behind words, and where it leads."""
    raw = spoken(value)
    url = everything(name, raw) if name in LOOKED_FOR and isinstance(value, str) else None
    if name in CLIENTS and (known := client(parts, raw, lang)):
        return {
            "name": name,
            "label": FIELDS[name],
            "text": known["name"],
            "code": "",
            "words": True,
            "url": known["url"],
        }
    words = _said(parts, kind, name, value, lang)
    code = raw if words and name not in NUMBERS and not isinstance(value, bool) else ""
    return {
        "name": name,
        "label": FIELDS.get(name, name),
        "text": words or raw,
        "code": code if code != str(words) else "",
        "words": bool(words),
        "url": url,
    }


def spoken(value: Any) -> str:
    """A value of a head on one line, as it stands."""
    if isinstance(value, dict):
        return " ".join(f"{key}={spoken(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(spoken(inner) for inner in value)
    return str(value)


def scope_words(parts: Parts, scope: str, lang: str) -> str:
    """A scope in words: the standard ones, and the titles of service items."""
    with force_locale(locale_name(lang)):
        return joined([_scope_word(parts, word, lang) for word in scope.split()], lang)


def method_words(methods: str, lang: str) -> str:
    """The methods of a sign-in (``amr``) in words."""
    with force_locale(locale_name(lang)):
        return joined([str(METHODS.get(word, word)) for word in methods.split()], lang)


def _said(parts: Parts, kind: str, name: str, value: Any, lang: str) -> Any:
    """A value in words; empty where it is an identifier or has none."""
    if name in INSTANTS and isinstance(value, int):
        return moment_of(value)
    if name == "within" and isinstance(value, int):
        return span_words(value)
    if name == "items" and isinstance(value, list):
        return joined(
            [_item_title(parts, str(one.get("code", "")), lang) for one in value if isinstance(one, dict)], lang
        )
    if isinstance(value, list):
        texts = [_words(parts, kind, name, str(one), lang) for one in value]
        return joined([said or str(one) for said, one in zip(texts, value, strict=True)], lang) if any(texts) else ""
    return _words(parts, kind, name, str(value), lang) if isinstance(value, str | bool) else ""


def _words(parts: Parts, kind: str, name: str, value: str, lang: str) -> str:
    if name in DATA:
        return str(data_words(parts, value, lang))
    if name == "item":
        return _item_title(parts, value, lang)
    if name == "department":
        known = parts.store.one(Department, id=value)
        return (known.name_en if lang == "en" else known.name_zh) if known else ""
    if name == "scope":
        return scope_words(parts, value, lang)
    if name in SEVERAL and " " in value:
        texts = [code_words(kind, name, word) for word in value.split()]
        return joined([str(text) for text in texts], lang) if all(texts) else ""
    return str(code_words(kind, name, value.partition("=")[0] if name == "search" else value) or "")


def _scope_word(parts: Parts, word: str, lang: str) -> str:
    return str(SCOPES.get(word) or _item_title(parts, word.removeprefix("service:"), lang))


def _item_title(parts: Parts, code: str, lang: str) -> str:
    known = parts.catalogue.item(code)
    return spoken_text(known.titles, lang) or code if known is not None else code
