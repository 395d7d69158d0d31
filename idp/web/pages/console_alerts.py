"""Alerts that the rules raised, each to be acknowledged with a note or made a case of."""

from typing import Any, Final
from urllib.parse import quote

from flask import Response
from flask_babel import LazyString

from idp.audit.alerts import SEALED
from idp.errors import Refusal
from idp.flows import alert_rules, cases, colleagues, log_alerts, log_search
from idp.flows.people import Person
from idp.parts import Parts
from idp.records import Session
from idp.web.case_words import CASE_OUTCOMES, RULE_TITLES, SEVERITIES
from idp.web.console_words import FIELDS
from idp.web.pages.common import current, problem_page, see_other
from idp.web.pages.console_cases import line as case_line
from idp.web.pages.console_events import client, everything, moment_of, rows
from idp.web.pages.console_frame import reader, shown
from idp.web.pages.console_rules import meaning
from idp.web.pages.visit import Visit, field

PATH: Final = "/console/alerts"
SHOWN: Final = 100
LOOKED_FOR: Final = ("person", "client_id", "session", "grant", "department")


def listed(here: Visit, person: Person, session: Session) -> Response:
    """``GET /console/alerts``."""
    which = current().query.one("state") or "open"
    if which not in ("open", "all"):
        return problem_page("bad_request", 400, service=None)
    found = log_alerts.shown(here.parts, open_only=which == "open", limit=SHOWN)
    known = cases.of_alerts(here.parts, [bytes.fromhex(told["id"]) for told in found])
    lines = [_line(here.parts, told, reader(person)) for told in found]
    for told in lines:
        case = known.get(bytes.fromhex(told["id"]))
        told["case"] = f"/console/cases/{case.id.hex()}" if case else ""
    return shown(here, person, session, "console_alerts.html", "alerts", which=which, alerts=lines, most=SHOWN)


def one(here: Visit, person: Person, session: Session, alert_id: str) -> Response:
    """``GET /console/alerts/<id>``."""
    return _one(here, person, session, alert_id, {})


def acknowledged(here: Visit, person: Person, session: Session, alert_id: str) -> Response:
    """``POST /console/alerts/<id>``: ``outcome`` and ``note``."""
    if field("outcome") not in log_alerts.OUTCOMES:
        return _one(here, person, session, alert_id, {"outcome": "case_outcome"}, 422)
    if not field("note").strip() or len(field("note")) > log_alerts.MAX_WORDS:
        word = "words_long" if field("note").strip() else "words_missing"
        return _one(here, person, session, alert_id, {"note": word}, 422)
    try:
        log_alerts.acknowledge(here.parts, alert_id, field("outcome"), field("note"), person)
    except Refusal as refusal:
        if refusal.reason == "unknown_event":
            return problem_page("not_found", 404, service=None)
        return _one(here, person, session, alert_id, {"": "no_open_alert"}, 409)
    return see_other(f"{PATH}/{quote(alert_id)}")


def _one(
    here: Visit, person: Person, session: Session, alert_id: str, wrong: dict[str, str], status: int = 200
) -> Response:
    found = log_search.event(here.parts, alert_id)
    if found is None or found.kind != log_alerts.RAISED:
        return problem_page("not_found", 404, service=None)
    path, raw = f"{PATH}/{found.id}", bytes.fromhex(found.id)
    outcome, told = log_alerts.outcome_of(here.parts, found.id), log_alerts.note_of(here.parts, raw)
    by = colleagues.named(here.parts, told[0].by) if told else None
    case = cases.of_alerts(here.parts, [raw]).get(raw)
    return shown(
        here,
        person,
        session,
        "console_alert.html",
        "alerts",
        status=status,
        action=path,
        own=path if status != 200 else None,
        wrong=wrong,
        hidden=here.hidden(path, session.token_hash),
        values={"note": field("note"), "outcome": field("outcome")} if wrong else {},
        alert=_line(here.parts, {**found.head, "outcome": outcome}, reader(person)),
        about=_about(here.parts, str(found.head.get("rule"))),
        events=rows(here.parts, [found], reader(person)),
        met=rows(here.parts, log_search.met(here.parts, found), reader(person)),
        outcomes=[(word, CASE_OUTCOMES[word]) for word in log_alerts.OUTCOMES],
        note=told[1] if told else "",
        by=by.name if by else "",
        done=moment_of(told[0].created_at) if told else "",
        case=case_line(here.parts, case) if case else None,
        open_case=f"/console/cases/new?alert={found.id}",
    )


def _about(parts: Parts, name: str) -> LazyString | str:
    found = alert_rules.there(parts).get(name)
    return meaning(name, found.written) if found else ""


def _line(parts: Parts, told: dict[str, Any], lang: str) -> dict[str, Any]:
    group = [word.partition("=") for word in str(told.get("group") or "").split(" ") if "=" in word]
    return {
        "id": told["id"],
        "url": f"{PATH}/{told['id']}",
        "rule": told["rule"],
        "title": RULE_TITLES.get(str(told["rule"]), told["rule"]),
        "severity": told["severity"],
        "severity_label": SEVERITIES.get(str(told["severity"]), told["severity"]),
        "count": told["count"],
        "time": moment_of(told["at"]),
        "outcome": CASE_OUTCOMES.get(str(told.get("outcome") or "")),
        "group": [_part(parts, name, value, lang) for name, _, value in group],
    }


def _part(parts: Parts, name: str, value: str, lang: str) -> dict[str, Any]:
    field = "client" if name == "client_id" else name
    known = client(parts, value, lang) if field == "client" else None
    return {
        "label": FIELDS.get(field, field),
        "text": known["name"] if known else value,
        "words": known is not None and known["name"] != value,
        "sealed": value == SEALED,
        "url": everything(field, value) if value and name in LOOKED_FOR else None,
    }
