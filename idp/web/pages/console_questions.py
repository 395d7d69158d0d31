"""What security staff ask most, each one form or link away on the console's first page."""

from typing import Any, Final
from urllib.parse import urlencode

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

from idp.audit.facets import KIND
from idp.audit.search import local
from idp.flows.log_search import Found, several
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
_KEYS: Final = frozenset({"jwks", "jwks_uri"})
_KINDS: Final[dict[str, LazyString]] = {
    "client.key_changed": _("Answers are encrypted to another key"),
    "client.changed": _("Other keys were registered"),
    "client.secret_replaced": _("The secret was replaced"),
}
"""What changes a client's key: events, in the words of the list."""


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
    for event in several(parts, sorted((seq for kind in _KINDS for seq in _newest(parts, kind)), reverse=True)[:READ]):
        if _of_key(event):
            found.setdefault(str(event.head.get("client_id")), event)
        if len(found) == CHANGED:
            break
    return list(found.values())


def _newest(parts: Parts, kind: str) -> list[int]:
    of_kind = {"facet": KIND, "value": kind.encode(), "seq": Op(">", 0)}
    return [line.seq for line in parts.store.find(EventFacet, of_kind, order=("-seq",), limit=READ)]


def _of_key(event: Found) -> bool:
    """A first key is no change, nor is a client whose keys stayed."""
    if event.kind == "client.changed":
        return bool(_KEYS & set(event.head.get("members") or ()))
    return event.kind == "client.secret_replaced" or bool(event.head.get("before"))


def _changed(parts: Parts, event: Found, lang: str) -> dict[str, Any]:
    known = client(parts, str(event.head.get("client_id") or ""), lang)
    name = known["name"] if known else ""
    url = since_key(str(event.head.get("client_id")), event.at)
    return {"name": name, "time": moment_of(event.at), "what": _KINDS[event.kind], "url": url}
