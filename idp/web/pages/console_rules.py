"""Alert rules: those of the file with what staff changed at them, and those that staff write here, each from a search; tried before they are kept."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from flask import Response
from flask_babel import LazyString, force_locale
from flask_babel import lazy_gettext as _

from idp.audit.alerts import MAX_COUNT, MAX_WITHIN, Rule, changed, written
from idp.audit.alerts import Change as Numbers
from idp.audit.rule_draft import GROUPS, REASONS, SEVERITIES, Watched, drafted, named, number, span, watched
from idp.audit.search import Bad, Query, pairs, parse
from idp.errors import Refusal
from idp.flows import alert_rules as flow
from idp.flows.alert_rules import OFF, ON, REMOVED, Held
from idp.flows.log_health import standing
from idp.flows.people import Person
from idp.flows.rule_preview import preview
from idp.parts import Parts
from idp.records import Session
from idp.web.case_words import RULE_REASONS, RULE_TITLES, STARTER_RULES
from idp.web.case_words import SEVERITIES as LABELS
from idp.web.console_words import FIELDS
from idp.web.pages.common import problem_page, see_other
from idp.web.pages.console_events import moment_of
from idp.web.pages.console_frame import reader, shown
from idp.web.pages.console_rights import may
from idp.web.pages.console_search import asked, checked, chips
from idp.web.pages.visit import Visit, field
from idp.web.spans import span_words

RULES: Final = "/console/rules"
NEW: Final = f"{RULES}/new"
ALERTS: Final = "/console/alerts"
TYPED: Final = ("name", "about", "count", "within", "severity", "distinct", "reason", "live")
COUNT, WITHIN_S = 10, 600
"""What a new rule begins with."""
STATES: Final = {"on": ON, "off": OFF, "remove": REMOVED}
TIMES: Final = ("within", "from", "to", "before")


def rules(here: Visit, person: Person, session: Session) -> Response:
    """``GET /console/rules``."""
    lines = [_line(here.parts, one) for one in flow.there(here.parts).values()]
    watches = may(person, "GET", ALERTS)
    since = standing(here.parts)
    return shown(
        here,
        person,
        session,
        "console_rules.html",
        "alerts" if watches else "rules",
        rules=[line for line in lines if not line["removed"]],
        removed=[line for line in lines if line["removed"]],
        alerts=watches,
        standing=moment_of(since) if since is not None else "",
    )


def rule(here: Visit, person: Person, session: Session, name: str) -> Response:
    """``GET /console/rules/<name>``."""
    return _one(here, person, session, name)


def act(here: Visit, person: Person, session: Session, name: str) -> Response:
    """``POST /console/rules/<name>`` with a ``reason`` and ``do``: try (which keeps nothing), or else of a rule of the file ``live``, ``count`` and
    ``within``; of one of the console save, on, off or remove."""
    found = flow.there(here.parts).get(name)
    if found is None:
        return problem_page("not_found", 404, service=None)
    try:
        if field("do") == "try":
            return _one(here, person, session, name, tried=_draft(found, tried=True))
        return _acted(here, person, session, found)
    except Bad as bad:
        return _one(here, person, session, name, wrong=bad.errors, status=422)
    except Refusal as refusal:
        if refusal.reason == "rule_numbers":
            return _one(here, person, session, name, wrong={"count": "rule_numbers"}, status=422)
        return _one(here, person, session, name, wrong={"": "case_conflict"}, status=409)


def begin(here: Visit, person: Person, session: Session) -> Response:
    """``GET /console/rules/new``: the search that it makes a rule of stands in the address."""
    try:
        query = parse(checked(asked()))
    except Bad as bad:
        return _begin(here, person, session, None, wrong={"": next(iter(bad.errors.values()))}, status=400)
    return _begin(here, person, session, query)


def begun(here: Visit, person: Person, session: Session) -> Response:
    """``POST /console/rules/new``: ``search``, the fields of the form, and ``do``: try or make."""
    try:
        query = parse(dict(parse_qsl(field("search"))))
    except Bad:
        return problem_page("staff_address", 400, service=None)
    tries = field("do") == "try"
    errors: dict[str, str] = {} if tries else _checked_name() | _checked_reason()
    try:
        draft = _typed_rule(watched(query, flow.fields()), tried=tries)
        if tries:
            return _begin(here, person, session, query, tried=draft)
        if not errors:
            name = named(field("name"))
            flow.make(here.parts, here.caller, person, name, draft, field("reason"))
            return see_other(f"{RULES}/{quote(name)}")
    except Bad as bad:
        errors |= bad.errors
    except Refusal:
        return _begin(here, person, session, query, wrong={"": "case_conflict"}, status=409)
    return _begin(here, person, session, query, wrong=errors, status=422)


def meaning(name: str, found: Rule) -> LazyString | str:
    """In the page's language where the rule is of the starter set, else as its file says it."""
    known = STARTER_RULES.get(name)
    with force_locale("en"):
        own = known is not None and str(known) == found.about
    return known if known is not None and own else found.about


def _acted(here: Visit, person: Person, session: Session, found: Held) -> Response:
    seen = number(field("version"), 10**9)
    if seen != found.version:
        return _one(here, person, session, found.name, wrong={"": "case_conflict"}, status=409)
    do, reason, parts, caller = field("do"), field("reason"), here.parts, here.caller
    if found.own and do in STATES:
        _refuse(_checked_reason())
        flow.switch(parts, caller, person, found, STATES[do], reason)
    elif found.own and do == "save" and found.state != REMOVED:
        draft, errors = None, _checked_reason()
        try:
            draft = _draft(found)
        except Bad as bad:
            errors |= bad.errors
        if draft is None or errors:
            raise Bad(errors)
        flow.rewrite(parts, caller, person, found, draft, reason)
    elif not found.own and field("live") in ("on", "off"):
        draft = _draft(found)
        _refuse(_checked_reason())
        flow.change(
            parts, caller, person, found, live=field("live") == "on", count=draft.count, within=draft.within, reason=reason
        )  # fmt: skip
    else:
        return problem_page("bad_request", 400, service=None)
    return see_other(f"{RULES}/{quote(found.name)}")


def _draft(found: Held, *, tried: bool = False) -> Rule:
    """The rule as the form says it: of a file's rule its numbers alone. Raises Bad."""
    if found.own:
        return _typed_rule(Watched(found.rule.kind, found.rule.where), tried=tried)
    numbers = Numbers(count=number(field("count"), MAX_COUNT), within=span(field("within"), MAX_WITHIN))
    if not numbers.count or not numbers.within:
        raise Bad({"count": "rule_numbers"})
    return changed(found.written, numbers)


def _typed_rule(base: Watched, *, tried: bool) -> Rule:
    typed = {name: field(name) for name in TYPED}
    if tried and not typed["about"].strip():
        typed["about"] = "…"
    group = [name for name in GROUPS if field(f"group_{name}")]
    return drafted(base, typed, group, flow.kinds())


def _checked_name() -> dict[str, str]:
    try:
        named(field("name"))
    except Bad as bad:
        return bad.errors
    return {}


def _checked_reason() -> dict[str, str]:
    return {} if field("reason") in REASONS else {"reason": "rule_reason"}


def _refuse(errors: Mapping[str, str]) -> None:
    if errors:
        raise Bad(errors)


def _begin(
    here: Visit,
    person: Person,
    session: Session,
    query: Query | None,
    *,
    tried: Rule | None = None,
    wrong: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    own = {name: value for name, value in pairs(query).items() if name not in TIMES} if query is not None else {}
    errors = dict(wrong or {})
    if query is not None and not errors:
        try:
            watched(query, flow.fields())
        except Bad as bad:
            errors, status = dict(bad.errors), 422
    unusable = query is None or "search" in errors
    posted = tried is not None or (status != 200 and bool(field("search")))
    return shown(
        here,
        person,
        session,
        "console_rule_new.html",
        "alerts",
        status=status,
        action=NEW,
        own=f"{NEW}?{urlencode(own)}",
        wrong={"" if name == "search" else name: word for name, word in errors.items()},
        values=_typed()
        if posted
        else {"count": COUNT, "within": LazyString(span_words, WITHIN_S), "severity": "medium"},
        chosen=_chosen() if posted else [],
        search=None if unusable else urlencode(own),
        change=f"/console/events?{urlencode(own)}",
        chips=chips(here.parts, own, reader(person)),
        preview=_preview(here.parts, tried, here.caller.now),
        **_choices(),
    )


def _one(
    here: Visit,
    person: Person,
    session: Session,
    name: str,
    *,
    tried: Rule | None = None,
    wrong: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    found = flow.there(here.parts).get(name)
    if found is None:
        return problem_page("not_found", 404, service=None)
    path, line, posted = f"{RULES}/{quote(name)}", _line(here.parts, found), tried is not None or status != 200
    held = found.rule
    kept = {
        "about": held.about,
        "count": held.count,
        "within": LazyString(span_words, held.within),
        "severity": held.severity,
        "distinct": held.distinct or "",
        "live": "on" if line["live"] else "off",
    }
    watches = may(person, "GET", ALERTS)
    return shown(
        here,
        person,
        session,
        "console_rule.html",
        "alerts" if watches else "rules",
        status=status,
        action=path,
        own=path if posted else None,
        wrong=wrong,
        hidden=here.hidden(path, session.token_hash, version=str(found.version or "")),
        values={**kept, **_typed()} if posted else kept,
        chosen=_chosen() if posted else list(held.group),
        rule=line,
        text=written(name, found.written),
        changes=may(person, "POST", f"{RULES}/<name>"),
        preview=_preview(here.parts, tried, here.caller.now),
        **_choices(),
    )


def _typed() -> dict[str, str]:
    return {name: field(name) for name in TYPED}


def _chosen() -> list[str]:
    return [name for name in GROUPS if field(f"group_{name}")]


def _choices() -> dict[str, Any]:
    labels = {**FIELDS, "network": _("Network nearby (/24, /64)"), "block": _("Wide network (/16, /48)")}
    return {
        "groups": {name: labels[name] for name in GROUPS},
        "severities": {name: LABELS[name] for name in SEVERITIES},
        "reasons": RULE_REASONS,
    }


def _preview(parts: Parts, tried: Rule | None, now: int) -> dict[str, Any] | None:
    if tried is None:
        return None
    found = preview(parts, tried, now)
    if found is None:
        return {"known": False}
    told = {"alerts": found.alerts, "events": found.events, "whole": found.whole, "since": moment_of(found.since)}
    return {"known": True, **told}


def _line(parts: Parts, found: Held) -> dict[str, Any]:
    return {
        "name": found.name,
        "title": RULE_TITLES.get(found.name, found.name),
        "url": f"{RULES}/{quote(found.name)}",
        "about": meaning(found.name, found.written),
        "severity": LABELS[found.rule.severity],
        "own": found.own,
        "live": found.state == ON,
        "removed": found.state == REMOVED,
        "count": found.rule.count,
        "within": found.rule.within,
        "span": LazyString(span_words, found.rule.within),
        "in_file": {"count": found.written.count, "within": found.written.within},
        "changed": found.changed and not found.own,
        "version": found.version,
        "since": moment_of(found.since) if found.since else "",
        "blind": found.rule.travel is not None and not parts.config.network_places,
    }
