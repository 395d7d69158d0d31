"""``GET /console/events/live``: what a search finds from now on, as server-sent events.

No answer is held open: it says what is new since ``Last-Event-ID``, and when to ask again (``retry``), so that whoever follows the log takes no
thread from those who sign in. Each answer reads the session and the role anew, and does not keep an idle session alive; where they ended, the browser
stops by itself, as the answer is no event stream any more (HTML, server-sent events §9.2.2).
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from flask import Response

from idp.audit.search import Bad, parse
from idp.flows import log_search as flow
from idp.flows import traces
from idp.flows.people import Person
from idp.records import Session
from idp.web.pages.common import current
from idp.web.pages.console_events import row
from idp.web.pages.console_frame import reader
from idp.web.pages.console_search import asked
from idp.web.pages.visit import Visit
from idp.web.theme import render

RETRY_MS: Final = 2000
PER_MINUTE: Final = 180
"""Six pages of one member of staff at once."""


def live(here: Visit, person: Person, session: Session) -> Response:
    """The stream's next piece; 204 where the search can't be (any more), which ends it; 429 beyond the bound."""
    del session
    if here.parts.volatile.bump("console-live", person.account.id, 60) > PER_MINUTE:
        return _answer(b"", 429)
    try:
        query = parse({name: value for name, value in asked().items() if name != "before"})
        trace = traces.opened(here.parts, person, query.address)
        after = current().header("Last-Event-ID") or current().query.one("after") or ""
        found = flow.newer(here.parts, query, here.caller.now, after, trace)
    except Bad:
        return _answer(b"", 204)
    return _answer(b"".join(_said(here, found, reader(person))), 200)


def _said(here: Visit, found: flow.News, lang: str) -> Iterator[bytes]:
    yield f"retry: {RETRY_MS}\n\n".encode()
    for event in found.events:
        html = render("_console_live.html", lang, one=row(here.parts, event, lang))
        data = msgspec.json.encode({"id": event.id, "html": html}).decode()
        yield f"event: found\ndata: {data}\n\n".encode()
    yield f"id: {found.newest}\ndata:\n\n".encode()


def _answer(body: bytes, status: int) -> Response:
    answer = Response(body, status, content_type="text/event-stream")
    answer.headers["X-Yimen-Class"] = "text"
    return answer
