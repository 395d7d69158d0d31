"""``POST /console/look-up``: from an address, an event's address or a person's identifier to a search. What is typed is in no address bar."""

from urllib.parse import urlencode

from flask import Response

from idp.audit.search import Bad
from idp.flows import console_people, traces
from idp.flows.people import Person
from idp.records import Session
from idp.web.pages.common import see_other
from idp.web.pages.console_events import EVENTS
from idp.web.pages.console_questions import SINCE
from idp.web.pages.console_views import overview_page
from idp.web.pages.visit import Visit, field

TYPED = ("identifier", "why", "data", "since", "address")


def look_up(here: Visit, person: Person, session: Session) -> Response:
    """303 to the search; 422 with the form for what can't be looked for. Fields: ``what`` person or address, or ``like`` size:event."""
    parts, caller = here.parts, here.caller
    try:
        if like := field("like"):
            size, _, event_id = like.partition(":")
            return _found(address=traces.of_event(parts, caller, person, event_id, size), within="30d")
        if field("what") == "address":
            return _found(address=traces.of_address(parts, caller, person, field("address")), within="all")
        found = console_people.pseudonym(parts, caller, person, field("identifier"), field("why"))
        if not found:
            raise Bad({"identifier": "nobody"})
    except Bad as bad:
        typed = {name: field(name) for name in TYPED}
        return overview_page(here, person, session, "24h", status=422, wrong=bad.errors, values=typed)
    within = field("since") if field("since") in SINCE else "7d"
    if data := field("data"):
        return _found(within=within, action="attributes.released", person=found, data=data)
    return see_other(f"/console/accounts/{found}")


def _found(**query: str) -> Response:
    return see_other(f"{EVENTS}?{urlencode(query)}")
