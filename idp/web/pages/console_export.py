"""``POST /console/export``: the answer of a search as CSV, JSON lines, OCSF, ECS or with proofs, streamed. A form's doing, as it is recorded."""

import time

from flask import Response, stream_with_context
from flask_babel import force_locale

from idp.audit.kinds import outcome_of
from idp.audit.search import TEXTS, Bad, parse
from idp.flows import traces
from idp.flows.console_export import FORMS, Speak, Words
from idp.flows.console_export import export as flow
from idp.flows.log_search import Found
from idp.flows.people import Person
from idp.records import Session
from idp.web.code_words import event_words
from idp.web.console_words import OUTCOMES
from idp.web.pages.console_events import client, gist
from idp.web.pages.console_frame import reader
from idp.web.pages.console_search import not_exported
from idp.web.pages.visit import Visit, field
from idp.web.theme import locale_name

NAMES = {"ocsf": "ocsf.jsonl", "ecs": "ecs.jsonl", "proofs": "proofs.jsonl"}


def _speaker(here: Visit, lang: str) -> Speak:
    def speak(event: Found) -> Words:
        with force_locale(locale_name(lang)):
            known, outcome = client(here.parts, str(event.head.get("client_id") or ""), lang), outcome_of(event.kind)
            name = known["name"] if known is not None else ""
            kind, detail = event_words(event.kind, event.head), gist(here.parts, event, lang)
            return Words(str(kind), str(OUTCOMES[outcome]), name, detail)

    return speak


def export(here: Visit, person: Person, session: Session) -> Response:
    """The file; the search page for a search that can't be, or for events that are not in the signed log yet."""
    form = field("form")
    typed = {name: field(name) for name in ("within", "from", "to", "action", "outcome", *TEXTS)}
    try:
        if form not in FORMS:
            raise Bad({"form": "unknown"})
        query = parse(typed)
        trace = traces.opened(here.parts, person, query.address)
        speak = _speaker(here, reader(person))
        lines = flow(here.parts, here.caller, person, query, form, trace, pause=time.sleep, speak=speak)
    except Bad as bad:
        return not_exported(here, person, session, {k: v for k, v in typed.items() if v}, bad.errors)
    answer = Response(stream_with_context(lines), content_type=FORMS[form])  # words are found in the request's context
    answer.headers["Content-Disposition"] = f'attachment; filename="yimen-events.{NAMES.get(form, form)}"'
    answer.headers["X-Yimen-Class"] = "text"
    return answer
