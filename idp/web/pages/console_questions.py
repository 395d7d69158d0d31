"""What security staff ask most, each one form or link away on the console's first page."""

from typing import Any, Final
from urllib.parse import urlencode

from idp.audit.facets import KIND
from idp.audit.search import local
from idp.flows.log_search import Found, event_at
from idp.parts import Parts
from idp.ports import Op
from idp.records import EventFacet
from idp.web.console_words import LOOKUP_REASONS, WINDOWS
from idp.web.data_words import data_options
from idp.web.pages.console_events import EVENTS, client, moment_of

LOOK_UP: Final = "/console/look-up"
SINCE: Final = ("24h", "7d", "30d", "all")
CHANGED: Final = 8
READ: Final = 100
_KEY: Final = b"client.key_changed"


def questions(parts: Parts, lang: str) -> dict[str, Any]:
    """What ``_console_questions.html`` shows."""
    return {
        "data_options": data_options(parts, lang),
        "look_up_reasons": LOOKUP_REASONS,
        "since_options": {name: WINDOWS[name] for name in SINCE},
        "changed": [_changed(parts, event, lang) for event in _key_changes(parts)],
    }


def since_key(client_id: str, at: int) -> str:
    """The search for what a client did from a moment on."""
    return f"{EVENTS}?{urlencode({'client': client_id, 'from': local(at)})}"


def _key_changes(parts: Parts) -> list[Found]:
    """The newest change of key of each of the clients that changed theirs last."""
    found: dict[str, Found] = {}
    lines = parts.store.find(EventFacet, {"facet": KIND, "value": _KEY, "seq": Op(">", 0)}, order=("-seq",), limit=READ)
    for line in lines:
        event = event_at(parts, line.seq)
        if event is not None and event.head.get("before") and len(found) < CHANGED:
            found.setdefault(str(event.head.get("client_id")), event)
    return list(found.values())


def _changed(parts: Parts, event: Found, lang: str) -> dict[str, Any]:
    known = client(parts, str(event.head.get("client_id") or ""), lang)
    name = known["name"] if known else ""
    return {"name": name, "time": moment_of(event.at), "url": since_key(str(event.head.get("client_id")), event.at)}
