"""Event search: the whole query stands in the address, each condition is a chip that can be taken away; one event with what belongs to it."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from flask import Response
from flask_babel import lazy_gettext as _

from clients.model import Client
from idp.audit.events import vocabulary
from idp.audit.kinds import GROUPS as GROUP_ORDER
from idp.audit.kinds import group_of
from idp.audit.search import FACTORS, LEVELS, TEXTS, Bad, Query, inside, pairs, parse
from idp.flows import client_names, console_search, log_search, saved_searches, traces
from idp.flows.console_clients import departments
from idp.flows.console_export import FORMS, too_new
from idp.flows.log_waiting import stands_still
from idp.flows.people import Person
from idp.flows.traces import Trace
from idp.parts import Parts
from idp.records import Department, Session
from idp.web.code_words import METHODS, VALUES
from idp.web.console_words import FIELDS, FORMATS, GROUPS, KINDS, OUTCOMES, WINDOWS
from idp.web.data_words import data_options
from idp.web.pages.common import current, problem_page, see_other
from idp.web.pages.console_charts import chart
from idp.web.pages.console_events import EVENTS, everything, moment_of, rows
from idp.web.pages.console_events import person as person_link
from idp.web.pages.console_frame import reader, shown
from idp.web.pages.console_questions import LOOK_UP
from idp.web.pages.visit import Visit

FIELD_NAMES: Final = ("within", "from", "to", "action", "outcome", *TEXTS, "before")
FIELDLESS: Final = ("before", "address", "form")
"""Conditions that nobody types into the form."""
RARE: Final = ("staff", "session", "grant", "reference", "item", "factor", "acr")
"""Conditions that are folded away until they are used."""
FACTOR_WORDS: Final = {**METHODS, **VALUES["factor"]}
WORDED: Final = {
    "within": WINDOWS,
    "outcome": OUTCOMES,
    "action": {**GROUPS, **KINDS},
    "factor": FACTOR_WORDS,
    "acr": VALUES["acr"],
}
EXPORTS: Final = {form: FORMATS[form] for form in FORMS}
TOGETHER: Final = 50
KEPT: Final = 8
TRIED: Final = 100
"""Accounts that a search by address lists."""


def events(here: Visit, person: Person, session: Session) -> Response:
    """``GET /console/events``."""
    now, lang, typed = here.caller.now, reader(person), asked()
    try:
        query = parse(checked(typed))
        client = client_names.meant(here.parts, query.client)
        if client != query.client:
            return see_other(f"{EVENTS}?{urlencode({**pairs(query), 'client': client})}")
        trace = traces.opened(here.parts, person, query.address)
        found = log_search.search(here.parts, query, now, trace=trace)
        counted = console_search.chart(here.parts, query, now, trace)
    except client_names.Several as several:
        choices = [_choice(one, pairs(query), lang) for one in several.clients]
        return _wrong(here, person, session, typed, several.errors, choices=choices)
    except Bad as bad:
        return _wrong(here, person, session, typed, bad.errors)
    own = pairs(query)
    tried = console_search.accounts(here.parts, query, now, trace) if trace is not None else []
    more = f"{EVENTS}?{urlencode({**own, 'before': found.more})}" if found.more else None
    newest = {k: v for k, v in own.items() if k != "before"}
    return shown(
        here,
        person,
        session,
        "console_events.html",
        "events",
        **_form(here.parts, own, lang),
        chips=chips(here.parts, own, lang, trace),
        tried=[_tried(account, own) for account in tried[:TRIED]],
        untold=max(0, len(tried) - TRIED),
        live=f"{EVENTS}/live?{urlencode({**newest, 'after': log_search.newest(here.parts)})}",
        again=f"{EVENTS}?{urlencode(newest)}",
        kept=_kept(here, person),
        make=None if query.address or inside(query) or query.department else f"/console/rules/new?{urlencode(newest)}",
        save=None if query.address else f"/console/searches?{urlencode(newest)}",
        events=rows(here.parts, found.events, lang),
        chart=chart(counted.start, counted.step, counted.bars),
        partial=counted.partial,
        more=more,
        newest=f"{EVENTS}?{urlencode(newest)}" if query.before else None,
        stopped=moment_of(found.stopped) if found.stopped is not None else None,
        gap=[moment_of(at) for at in found.gap or counted.gap or ()],
        export=newest,
        formats=EXPORTS,
        too_new=too_new(here.parts, found),
        standing=stands_still(here.parts),
    )


def event(here: Visit, person: Person, session: Session, event_id: str) -> Response:
    """``GET /console/events/<id>``: the event, and all that happened in its grant and its session."""
    found, lang = log_search.event(here.parts, event_id), reader(person)
    if found is None:
        return problem_page("not_found", 404, service=None)
    together = []
    for name in ("grant", "session", "reference"):
        value = found.head.get(name)
        if isinstance(value, str) and value:
            together.append(_together(here, name, value, lang))
    return shown(
        here,
        person,
        session,
        "console_event.html",
        "events",
        action=LOOK_UP,
        event=rows(here.parts, [found], lang)[0],
        together=together,
        traceable=traces.found(here.parts, found.id),
    )


def jump(here: Visit, person: Person, session: Session) -> Response:
    """``GET /console/jump``: from a reference, or any identifier, to what bears it."""
    word = current().query.one("to") or ""
    found = log_search.jump(here.parts, word)
    if found is None:
        return _wrong(here, person, session, {"to_jump": word}, {"jump": "jump"})
    name, value = found
    target = {"event": f"{EVENTS}/{value}", "person": f"/console/accounts/{value}"}.get(name)
    return see_other(target or everything(name, value))


def _choice(client: Client, own: dict[str, str], lang: str) -> tuple[str, str, str]:
    url = f"{EVENTS}?{urlencode({**own, 'client': client.client_id})}"
    return client.client_id, client.in_language("client_name", (lang,)) or "", url


def asked() -> dict[str, str]:
    """The fields of the address; of one that came twice the first."""
    return {name: value for name, value in current().query.items() if name in FIELD_NAMES}


def checked(typed: dict[str, str]) -> dict[str, str]:
    """The same, when the address names no other condition and none twice. Raises Bad."""
    query = current().query
    errors = {name: "twice" for name in typed if name in query.repeated}
    if set(query) - {*FIELD_NAMES, "lang"}:
        errors[""] = "condition"
    if errors:
        raise Bad(errors)
    return typed


def _kept(here: Visit, person: Person) -> list[dict[str, str]]:
    """The first of the searches that are kept, as links."""
    found = saved_searches.listed(here.parts, person, "auditor")[:KEPT]
    return [{"name": one.name, "url": f"{EVENTS}?{urlencode(pairs(one.query))}"} for one in found]


def _tried(account: console_search.Account, own: dict[str, str]) -> dict[str, Any]:
    """One line of the accounts that an address tried."""
    same = {name: value for name, value in own.items() if name != "before"}
    url = f"{EVENTS}?{urlencode({**same, 'person': account.person})}"
    numbers = {"signed_in": account.signed_in, "refused": account.refused, "other": account.other}
    return {**numbers, "person": person_link(account.person, "person"), "last": moment_of(account.last), "url": url}


def _network(trace: Trace | None) -> Any:
    if trace is None:
        return ""
    return trace.text or _("that of the event %(id)s, in its month", id=trace.event[:8])


def chips(parts: Parts, own: dict[str, str], lang: str, trace: Trace | None = None) -> list[dict[str, Any]]:
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
        if name == "address":
            text = _network(trace)
        if name == "data":
            text = data_options(parts, lang).get(value, value)
        if name in ("from", "to"):
            text = value.replace("T", " ")
        found.append({"name": name, "label": FIELDS[name], "text": text, "url": f"{EVENTS}?{urlencode(rest)}"})
    return found


def _together(here: Visit, name: str, value: str, lang: str) -> dict[str, Any]:
    query = msgspec.structs.replace(Query(within="all"), **{name: value})
    page = log_search.search(here.parts, query, here.caller.now, TOGETHER)
    listed = rows(here.parts, page.events, lang)
    return {"name": name, "label": FIELDS[name], "id": value, "url": everything(name, value), "events": listed}


def not_exported(
    here: Visit, person: Person, session: Session, typed: dict[str, str], errors: dict[str, str]
) -> Response:
    """The search again, with what kept it from being exported."""
    own = f"{EVENTS}?{urlencode(typed)}"
    return _wrong(
        here, person, session, typed, errors, status=409 if errors.get("form") == "not_signed" else 400, own=own
    )


def _wrong(
    here: Visit,
    person: Person,
    session: Session,
    typed: dict[str, str],
    errors: dict[str, str],
    *,
    status: int = 400,
    own: str | None = None,
    choices: Sequence[tuple[str, str, str]] = (),
) -> Response:
    form = _form(here.parts, typed, reader(person)) | {"choices": choices}
    wrong = {name if name not in FIELDLESS else "": word for name, word in errors.items()}
    return shown(
        here, person, session, "console_events.html", "events",
        status=status, wrong=wrong, events=None, own=own, again=own or EVENTS, **form,
    )  # fmt: skip


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
        "data_options": data_options(parts, lang),
        "factors": [(word, FACTOR_WORDS[word]) for word in FACTORS],
        "levels": [(word, VALUES["acr"][word]) for word in LEVELS],
    }


def _actions() -> list[tuple[str, Any, list[tuple[str, Any]]]]:
    known = sorted(vocabulary())
    return [
        (group, GROUPS[group], [(kind, KINDS.get(kind, kind)) for kind in known if group_of(kind) == group])
        for group in GROUP_ORDER
    ]


def _name(department: Department, lang: str) -> str:
    return department.name_en if lang == "en" else department.name_zh
