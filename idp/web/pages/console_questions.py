"""What security staff ask most, each one form or link away on the console's first page."""

from typing import Any, Final
from urllib.parse import urlencode

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

from idp.audit.search import local
from idp.flows.console_clients import key_changes
from idp.flows.log_search import Found
from idp.parts import Parts
from idp.web.console_words import LOOKUP_REASONS, WINDOWS
from idp.web.data_words import data_options
from idp.web.pages.console_events import EVENTS, client, moment_of

LOOK_UP: Final = "/console/look-up"
SINCE: Final = ("24h", "7d", "30d", "all")
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
        "changed": [changed(parts, event, lang) for event in key_changes(parts)],
    }


def since_key(client_id: str, at: int) -> str:
    """The search for what a client did from a moment on."""
    return f"{EVENTS}?{urlencode({'client': client_id, 'from': local(at)})}"


def changed(parts: Parts, event: Found, lang: str) -> dict[str, Any]:
    """A client's change of key: whose, when, which, and the search for what it did from then on."""
    known = client(parts, str(event.head.get("client_id") or ""), lang)
    name = known["name"] if known else ""
    url = since_key(str(event.head.get("client_id")), event.at)
    return {"name": name, "time": moment_of(event.at), "what": _KINDS[event.kind], "url": url}
