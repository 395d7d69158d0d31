"""The console's views of clients: their list, and one with what it was refused, released and changed; staff pause it or let it on again."""

from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from flask import Response

from idp.audit.search import Query
from idp.errors import Refusal
from idp.flows import client_status, console_clients, log_search
from idp.flows.console_clients import Known
from idp.flows.people import Person
from idp.records import Session
from idp.web.code_words import AUTH_METHODS, CODES, OPERATORS
from idp.web.console_words import STATES
from idp.web.pages.common import current, problem_page, see_other
from idp.web.pages.console_events import everything, moment_of, rows, scope_words
from idp.web.pages.console_frame import reader, shown
from idp.web.pages.console_questions import changed, since_key
from idp.web.pages.visit import Visit, field
from idp.web.reason_words import reason_words

CLIENTS: Final = "/console/clients"
FEW: Final = 10


def clients(here: Visit, person: Person, session: Session) -> Response:
    """``GET /console/clients``."""
    query, lang = current().query, reader(person)
    department, after = query.one("department") or "", query.one("after") or ""
    known, more = console_clients.listed(here.parts, department, after)
    kept = {"department": department} if department else {}
    offices = [(o.id, o.name_en if lang == "en" else o.name_zh) for o in console_clients.departments(here.parts)]
    return shown(
        here,
        person,
        session,
        "console_clients.html",
        "clients",
        clients=[_client(one, lang) for one in known],
        more=f"/console/clients?{urlencode({**kept, 'after': more})}" if more else None,
        first=f"/console/clients?{urlencode(kept)}" if after else None,
        departments=offices,
        values=kept,
    )


def client(here: Visit, person: Person, session: Session, client_id: str) -> Response:
    """``GET /console/clients/<id>``."""
    return _of_client(here, person, session, client_id)


def _of_client(
    here: Visit,
    person: Person,
    session: Session,
    client_id: str,
    *,
    status: int = 200,
    wrong: dict[str, str] | None = None,
) -> Response:
    path = f"{CLIENTS}/{quote(client_id, safe='')}"
    found, lang, now = console_clients.seen(here.parts, client_id), reader(person), here.caller.now
    if found is None:
        return problem_page("not_found", 404, service=None)
    lists = []
    for name, action in (
        ("releases", "attributes.released"),
        ("changes", "clients"),
        ("sign_outs", "logout.delivered"),
    ):
        query = Query(within="all", client=client_id, action=action)
        page = log_search.search(here.parts, query, now, FEW)
        url = f"/console/events?{urlencode({'within': 'all', 'client': client_id, 'action': action})}"
        lists.append({"name": name, "url": url, "events": rows(here.parts, page.events, lang)})
    refusals = [
        {
            "time": moment_of(r.at),
            "refusal": r,
            "code": CODES.get(r.code, ""),
            "reason": reason_words(r.reason) or "",
            "url": everything("reference", r.reference),
        }
        for r in found.refusals
    ]
    key, turned = found.key, console_clients.key_change(here.parts, client_id)
    return shown(
        here,
        person,
        session,
        "console_client.html",
        "clients",
        status=status,
        action=path,
        own=path if status != 200 else None,
        wrong=wrong,
        reasons={word: OPERATORS[word] for word in console_clients.REASONS},
        values={},
        client={
            **_client(found.known, lang),
            "scope_words": scope_words(here.parts, " ".join(found.known.client.scope), lang),
        },
        document=msgspec.json.decode(found.known.row.document),
        refusals=refusals,
        key={
            "thumbprint": key.thumbprint,
            "first": moment_of(key.first_seen_at),
            "held": key.held_until,
            "url": since_key(client_id, key.first_seen_at),
        }
        if key
        else None,
        turned=changed(here.parts, turned, lang) if turned else None,
        lists=lists,
        events_url=everything("client", client_id),
    )


def act_on_client(here: Visit, person: Person, session: Session, client_id: str) -> Response:
    """``POST /console/clients/<id>``: ``status=disabled|active`` with ``reason``."""
    if field("status") not in ("disabled", "active"):
        return problem_page("bad_request", 400, service=None)
    if field("reason") not in console_clients.REASONS:
        return _of_client(here, person, session, client_id, status=422, wrong={"reason": "reason"})
    turn = client_status.disable if field("status") == "disabled" else client_status.enable
    try:
        turn(here.parts, client_id, field("reason"), now=here.caller.now, actor=person)
    except Refusal as refusal:
        if refusal.reason == "client_unknown":
            return problem_page("not_found", 404, service=None)
        return _of_client(here, person, session, client_id, status=409, wrong={"": "case_conflict"})
    return see_other(f"{CLIENTS}/{quote(client_id, safe='')}")


def _client(known: Known, lang: str) -> dict[str, Any]:
    office = known.department
    return {
        "id": known.row.client_id,
        "name": known.client.in_language("client_name", (lang,)) or known.row.client_id,
        "department": (office.name_en if lang == "en" else office.name_zh) if office else known.row.department_id,
        "department_id": known.row.department_id,
        "status": known.row.status,
        "state": STATES["paused"] if known.row.status == "disabled" else STATES.get(known.row.status, known.row.status),
        "since": moment_of(known.row.created_at),
        "changed": moment_of(known.row.updated_at),
        "url": f"/console/clients/{quote(known.row.client_id, safe='')}",
        "auth": known.client.token_endpoint_auth_method,
        "auth_words": AUTH_METHODS.get(known.client.token_endpoint_auth_method, ""),
        "scope": " ".join(known.client.scope),
    }
