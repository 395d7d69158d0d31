"""The console's views: overview, the log and its verification, an account by pseudonym."""

from typing import Any, Final
from urllib.parse import quote, urlencode

from flask import Response

from idp.audit.search import Query
from idp.flows import console_accounts, console_overview, key_health, log_accepted, log_search
from idp.flows.console_accounts import REASONS, Subject
from idp.flows.people import Person
from idp.records import Session
from idp.web.code_words import ROLES
from idp.web.console_words import KEY_STATES, LINES, STATES
from idp.web.console_words import REASONS as REASON_WORDS
from idp.web.pages.common import current, problem_page, see_other
from idp.web.pages.console_charts import chart
from idp.web.pages.console_events import client as client_link
from idp.web.pages.console_events import everything, method_words, moment_of, rows, scope_words
from idp.web.pages.console_frame import reader, shown
from idp.web.pages.console_questions import LOOK_UP, questions
from idp.web.pages.visit import Visit, field

RELEASED: Final = "attributes.released"
FEW: Final = 10
LINE_SEARCHES: Final = {
    "sign_ins": {"action": "session.started"},
    "failures": {"action": "sign-in", "outcome": "refused"},
    "releases": {"action": RELEASED},
    "alerts": {"action": "alert.raised"},
    "refusals": {"outcome": "refused"},
}
LOG: Final = "/console/log"
SECOND: Final = 1_000_000


def overview(here: Visit, person: Person, session: Session) -> Response:
    """``GET /console``."""
    period = current().query.one("within") or "24h"
    if period not in console_overview.PERIODS:
        return overview_page(here, person, session, "24h", status=400, wrong={"": "period"})
    return overview_page(here, person, session, period)


def overview_page(
    here: Visit,
    person: Person,
    session: Session,
    period: str,
    *,
    status: int = 200,
    wrong: dict[str, str] | None = None,
    values: dict[str, str] | None = None,
) -> Response:
    """The overview; ``wrong`` and ``values`` where a form on it could not be used."""
    lang = reader(person)
    told = console_overview.overview(here.parts, period, here.caller.now)
    lines = [
        {
            "name": name,
            "label": LINES[name],
            "chart": chart(told.start, told.step, bars),
            "url": f"/console/events?{urlencode({'within': period, **LINE_SEARCHES[name]})}",
        }
        for name, bars in told.lines.items()
    ]
    latest = log_search.search(here.parts, Query(within="7d", outcome="watch"), here.caller.now, FEW)
    watched = rows(here.parts, latest.events, lang)
    return shown(
        here,
        person,
        session,
        "console_overview.html",
        "overview",
        status=status,
        action=LOOK_UP,
        own="/console" if status != 200 else None,
        wrong=wrong,
        values={"since": "7d", **{name: value for name, value in (values or {}).items() if value}},
        **questions(here.parts, lang),
        period=period,
        lines=lines,
        gap=[moment_of(at) for at in told.gap or ()],
        log=_log(here),
        watched=watched,
        objections=console_overview.open_objections(here.parts),
        alerts=console_overview.open_alerts(here.parts),
    )


def log(here: Visit, person: Person, session: Session) -> Response:
    """``GET /console/log``: how the log and the signing keys do, the checkpoint, and whether it is what was seen at the last visit."""
    keep = current().method == "GET"
    text, proof = console_overview.verification(here.parts, person.account.id, here.caller.now, keep=keep)
    seen = {"size": proof.seen.size, "at": moment_of(proof.seen.at)} if proof.seen else None
    return shown(
        here,
        person,
        session,
        "console_log.html",
        "log",
        action=LOG,
        log=_log(here),
        checkpoint=text,
        seen=seen,
        holds=proof.holds,
        keys=console_overview.verifier_keys(here.parts),
        signing=_signing(here),
        issuer=here.parts.config.issuer,
    )


def check(here: Visit, person: Person, session: Session) -> Response:
    """``POST /console/log``: check now."""
    del person, session
    console_overview.check_now(here.parts)
    return see_other(LOG)


def account(here: Visit, person: Person, session: Session, pseudonym: str) -> Response:
    """``GET /console/accounts/<pseudonym>``."""
    return _account(here, person, session, pseudonym)


def act(here: Visit, person: Person, session: Session, pseudonym: str) -> Response:
    """``POST /console/accounts/<pseudonym>``: ``end=<session>`` with ``why``, ``end_grant=<grant>`` with ``why_grant``, or
    ``status=disabled|active`` with ``reason``."""
    for what, end in (("end", console_accounts.end_session), ("end_grant", console_accounts.end_grant)):
        if field(what):
            why = "why" if what == "end" else "why_grant"
            if field(why) not in REASONS:
                return _account(here, person, session, pseudonym, status=422, wrong={why: "reason"})
            done = end(here.parts, here.caller, person, pseudonym, field(what), field(why))
            break
    else:
        if field("status") not in ("disabled", "active"):
            return problem_page("bad_request", 400, service=None)
        if field("reason") not in REASONS:
            return _account(here, person, session, pseudonym, status=422, wrong={"reason": "reason"})
        done = console_accounts.set_status(here.parts, here.caller, person, pseudonym, field("status"), field("reason"))
    return see_other(f"/console/accounts/{quote(pseudonym)}") if done else problem_page("not_found", 404, service=None)


def _account(
    here: Visit,
    person: Person,
    session: Session,
    pseudonym: str,
    *,
    status: int = 200,
    wrong: dict[str, str] | None = None,
) -> Response:
    found, lang, path = console_accounts.subject(here.parts, pseudonym, here.caller.now), reader(person), ""
    page = _latest(here, pseudonym, lang)
    releases = _latest(here, pseudonym, lang, RELEASED)
    if found is None and not page:
        return problem_page("not_found", 404, service=None)
    path = f"/console/accounts/{quote(pseudonym)}"
    return shown(
        here,
        person,
        session,
        "console_account.html",
        "events",
        status=status,
        action=path,
        own=path if status != 200 else None,
        wrong=wrong,
        pseudonym=pseudonym,
        nobody=found is None and pseudonym == console_accounts.pseudonym_of_nobody(here.parts),
        subject=_subject(here, found, lang) if found else None,
        own_account=found is not None and found.account.id == person.account.id,
        reasons=REASON_WORDS,
        events=page,
        events_url=everything("person", pseudonym),
        releases=releases,
        releases_url=f"{everything('person', pseudonym)}&{urlencode({'action': RELEASED})}",
        staff_url=everything("staff", pseudonym),
    )


def _latest(here: Visit, pseudonym: str, lang: str, action: str = "") -> list[dict[str, Any]]:
    if len(pseudonym) != 32 or not set(pseudonym) <= set("0123456789abcdef"):
        return []
    query = Query(within="all", person=pseudonym, action=action)
    return rows(here.parts, log_search.search(here.parts, query, here.caller.now, FEW).events, lang)


def _subject(here: Visit, found: Subject, lang: str) -> dict[str, Any]:
    return {
        "status": found.account.status,
        "state": STATES.get(found.account.status, found.account.status),
        "roles": [{"code": role, "text": ROLES.get(role, "")} for role in found.account.roles.split()],
        "since": moment_of(found.account.created_at),
        "password": moment_of(found.password_at) if found.password_at else None,
        "totp": moment_of(found.totp_at) if found.totp_at else None,
        "always": moment_of(found.account.factor_always_since) if found.account.factor_always_since else None,
        "codes": found.codes,
        "sessions": [
            {
                "id": s.id.hex(),
                "since": moment_of(s.created_at),
                "seen": moment_of(s.last_seen_at),
                "methods": method_words(s.amr, lang),
                "url": everything("session", s.id.hex()),
            }
            for s in found.sessions
        ],
        "consents": [
            {"client": client_link(here.parts, c.client_id, lang), "since": moment_of(c.created_at)}
            for c in found.consents
        ],
        "grants": [
            {
                "client": client_link(here.parts, g.client_id, lang),
                "id": g.id.hex(),
                "since": moment_of(g.created_at),
                "scope": g.scope,
                "asked": scope_words(here.parts, g.scope, lang),
                "offline": bool(g.offline),
                "url": everything("grant", g.id.hex()),
            }
            for g in found.grants
        ],
    }


def _signing(here: Visit) -> dict[str, Any]:
    found = key_health.key_health(here.parts, here.caller.now)
    lines = [
        {
            "kid": row.kid,
            "alg": row.alg,
            "state": row.state,
            "label": KEY_STATES[row.state],
            "published": moment_of(row.published_at),
            "activated": moment_of(row.activated_at) if row.activated_at else "",
            "ended": moment_of(row.retiring_at) if row.retiring_at else "",
            "turns": moment_of(turns) if (turns := key_health.turns_at(row)) else "",
        }
        for row in found.keys
    ]
    return {"lines": lines, "late": found.late, "without": found.without}


def _log(here: Visit) -> dict[str, Any]:
    state = console_overview.log_state(here.parts)
    age = None if state.signed_at is None else max(0, here.caller.now - state.signed_at) // SECOND
    return {
        "size": state.size,
        "age": age,
        "signed": moment_of(state.signed_at) if state.signed_at is not None else None,
        "checked": moment_of(state.checked_at) if state.checked_at is not None else None,
        "checked_size": state.checked_size,
        "witnessed": moment_of(state.witnessed_at) if state.witnessed_at is not None else None,
        "lag": state.lag,
        "witnesses": len(here.parts.config.log_witnesses),
        "alarm": state.alarm,
        "accepted": _accepted(state.accepted),
    }


def _accepted(but: log_accepted.Standing | None) -> dict[str, Any] | None:
    if but is None:
        return None
    rows = [f"#{row.seq}" if row.index is None else str(row.index) for row in but.rows]
    days = sorted({moment_of(row.at) for row in but.rows}) or [moment_of(but.at)]
    return {
        "count": but.count,
        "rows": [*rows, *(["…"] if but.count > len(rows) else [])],
        "days": days,
        "what": but.what,
    }
