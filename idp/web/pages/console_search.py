"""Event search: the whole query stands in the address, each condition is a chip that can be taken away; one event with what belongs to it."""

from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from flask import Response

from idp.audit.events import vocabulary
from idp.audit.kinds import GROUPS as GROUP_ORDER
from idp.audit.kinds import group_of
from idp.audit.search import TEXTS, Bad, Query, pairs, parse
from idp.flows import console_search as flow
from idp.flows.console_clients import departments
from idp.flows.people import Person
from idp.parts import Parts
from idp.records import Department, Session
from idp.web.console_words import FIELDS, GROUPS, KINDS, OUTCOMES, WINDOWS
from idp.web.pages.common import current, problem_page, see_other
from idp.web.pages.console_charts import chart
from idp.web.pages.console_events import EVENTS, everything, moment_of, row, rows
from idp.web.pages.console_frame import reader, shown
from idp.web.pages.visit import Visit

FIELD_NAMES: Final = ("within", "from", "to", "action", "outcome", *TEXTS, "before")
RARE: Final = ("staff", "session", "grant", "reference", "item")
"""Conditions that are folded away until they are used."""
WORDED: Final = {"within": WINDOWS, "outcome": OUTCOMES, "action": {**GROUPS, **KINDS}}
TOGETHER: Final = 50


def events(here: Visit, person: Person, session: Session) -> Response:
    """``GET /console/events``."""
    typed, now, lang = asked(), here.caller.now, reader(person)
    try:
        query = parse(typed)
        found, counted = flow.search(here.parts, query, now), flow.chart(here.parts, query, now)
    except Bad as bad:
        return _wrong(here, person, session, typed, bad.errors)
    own = pairs(query)
    more = f"{EVENTS}?{urlencode({**own, 'before': found.more})}" if found.more else None
    newest = {k: v for k, v in own.items() if k != "before"}
    return shown(
        here,
        person,
        session,
        "console_events.html",
        "events",
        **_form(here.parts, own, lang),
        chips=chips(here.parts, own, lang),
        events=rows(here.parts, found.events, lang),
        chart=chart(counted.start, counted.step, counted.bars),
        partial=counted.partial,
        more=more,
        newest=f"{EVENTS}?{urlencode(newest)}" if query.before else None,
        stopped=moment_of(found.stopped) if found.stopped is not None else None,
        export=newest,
    )


def event(here: Visit, person: Person, session: Session, event_id: str) -> Response:
    """``GET /console/events/<id>``: the event, and all that happened in its grant and its session."""
    found, lang = flow.event(here.parts, event_id), reader(person)
    if found is None:
        return problem_page("not_found", 404, service=None)
    together = []
    for name in ("grant", "session", "reference"):
        value = found.head.get(name)
        if isinstance(value, str) and value:
            together.append(_together(here, name, value, lang))
    return shown(
        here, person, session, "console_event.html", "events", event=row(here.parts, found, lang), together=together
    )


def jump(here: Visit, person: Person, session: Session) -> Response:
    """``GET /console/jump``: from a reference, or any identifier, to what bears it."""
    word = current().query.one("to") or ""
    found = flow.jump(here.parts, word)
    if found is None:
        return _wrong(here, person, session, {"to_jump": word}, {"jump": "jump"})
    name, value = found
    target = {"event": f"{EVENTS}/{value}", "person": f"/console/accounts/{value}"}.get(name)
    return see_other(target or everything(name, value))


def asked() -> dict[str, str]:
    """The fields of the address. Raises Refusal when one came twice."""
    query = current().query
    return {name: value for name in FIELD_NAMES if (value := query.one(name)) is not None}


def chips(parts: Parts, own: dict[str, str], lang: str) -> list[dict[str, Any]]:
    """Each condition in words, with the address of the search without it."""
    found = []
    for name, value in own.items():
        if name == "before" or (name, value) == ("within", "all"):
            continue
        rest = {k: v for k, v in own.items() if k not in (name, "before")}
        if not {"within", "from", "to"} & set(rest):
            rest["within"] = "all"
        text: Any = WORDED.get(name, {}).get(value, value)
        if name == "client" and (known := parts.clients.get(value)) is not None:
            text = known.in_language("client_name", (lang,)) or value
        if name in ("from", "to"):
            text = value.replace("T", " ")
        found.append({"name": name, "label": FIELDS[name], "text": text, "url": f"{EVENTS}?{urlencode(rest)}"})
    return found


def _together(here: Visit, name: str, value: str, lang: str) -> dict[str, Any]:
    query = msgspec.structs.replace(Query(within="all"), **{name: value})
    page = flow.search(here.parts, query, here.caller.now, TOGETHER)
    listed = rows(here.parts, page.events, lang)
    return {"name": name, "label": FIELDS[name], "id": value, "url": everything(name, value), "events": listed}


def _wrong(here: Visit, person: Person, session: Session, typed: dict[str, str], errors: dict[str, str]) -> Response:
    form = _form(here.parts, typed, reader(person))
    return shown(here, person, session, "console_events.html", "events", status=400, wrong=errors, events=None, **form)


def _form(parts: Parts, values: dict[str, str], lang: str) -> dict[str, Any]:
    """The fields of the form with what was typed."""
    return {
        "values": values,
        "windows": WINDOWS,
        "actions": _actions(),
        "outcomes": OUTCOMES,
        "departments": [(row.id, _name(row, lang)) for row in departments(parts)],
        "rare": [name for name in RARE if values.get(name)],
        "labels": FIELDS,
    }


def _actions() -> list[tuple[str, Any, list[tuple[str, Any]]]]:
    known = sorted(vocabulary())
    return [
        (group, GROUPS[group], [(kind, KINDS.get(kind, kind)) for kind in known if group_of(kind) == group])
        for group in GROUP_ORDER
    ]


def _name(department: Department, lang: str) -> str:
    return department.name_en if lang == "en" else department.name_zh
