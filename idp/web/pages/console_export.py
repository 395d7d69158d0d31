"""``POST /console/export``: the answer of a search as CSV, JSON lines, OCSF, ECS or with proofs, streamed. A form's doing, as it is recorded."""

from flask import Response

from idp.audit.search import TEXTS, Bad, parse
from idp.flows import traces
from idp.flows.console_export import FORMS
from idp.flows.console_export import export as flow
from idp.flows.people import Person
from idp.records import Session
from idp.web.pages.console_search import not_exported
from idp.web.pages.visit import Visit, field

NAMES = {"ocsf": "ocsf.jsonl", "ecs": "ecs.jsonl", "proofs": "proofs.jsonl"}


def export(here: Visit, person: Person, session: Session) -> Response:
    """The file; the search page for a search that can't be, or for events that are not in the signed log yet."""
    form = field("form")
    typed = {name: field(name) for name in ("within", "from", "to", "action", "outcome", *TEXTS)}
    try:
        if form not in FORMS:
            raise Bad({"form": "unknown"})
        query = parse(typed)
        trace = traces.opened(here.parts, person, query.address)
        lines = flow(here.parts, here.caller, person, query, form, trace)
    except Bad as bad:
        return not_exported(here, person, session, {k: v for k, v in typed.items() if v}, bad.errors)
    answer = Response(lines, content_type=FORMS[form])
    answer.headers["Content-Disposition"] = f'attachment; filename="yimen-events.{NAMES.get(form, form)}"'
    answer.headers["X-Yimen-Class"] = "text"
    return answer
