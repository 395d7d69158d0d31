"""Sample contexts of the staff's working rooms: cases, reveals, approvals, alerts."""

from typing import Any

from idp.web.case_words import (
    CASE_ERRORS,
    CASE_FILTERS,
    CASE_OUTCOMES,
    CASE_STATES,
    CASE_STEPS,
    ORIGINS,
    REVEAL_CHOICES,
    REVEAL_STATES,
    RULE_TITLES,
    SEVERITIES,
)
from idp.web.console_words import FIELDS
from idp.web.wording import OBJECTION_KINDS, REVEAL_REASONS
from tests.web.face_samples_rules import rules

EVENT, CASE, WHO = "0123abcd" * 4, "99ffee00" * 4, "3fa9c1d2" * 4
PERSON = {"id": WHO, "short": WHO[:8], "url": f"/console/accounts/{WHO}", "events": f"/console/events?person={WHO}"}
CLIENT = {"id": "c-8841", "name": "个人所得税", "url": "/console/clients/c-8841"}
SINCE = "2026-11-23 10:05:00"


def case(state: str, origin: str, **more: Any) -> dict[str, Any]:
    return {
        "id": CASE,
        "url": f"/console/cases/{CASE}",
        "origin": ORIGINS[origin],
        "title": "guessing-at-one-account",
        "state": state,
        "state_label": CASE_STATES[state],
        "outcome": None,
        "keeper": "wang.audit",
        "since": SINCE,
        "closed": "",
        "person": PERSON,
        "gone": False,
        "mine": False,
        **more,
    }


def step(kind: str, words: str | None = None, **more: Any) -> dict[str, Any]:
    url = f"/console/events/{EVENT}"
    told = {
        "time": SINCE,
        "by": "wang.audit",
        "what": CASE_STEPS[kind],
        "to": "",
        "words": words,
        "lost": False,
        "url": url,
    }
    return told | more


def reveal(state: str) -> dict[str, Any]:
    return {
        "id": CASE,
        "url": f"/console/reveals/{CASE}",
        "case_url": f"/console/cases/{CASE}",
        "case": CASE,
        "asker": "wang.audit",
        "since": SINCE,
        "until": "2026-11-23 10:20:00",
        "state": state,
        "state_label": REVEAL_STATES[state],
        "fields": [REVEAL_CHOICES["name"], REVEAL_CHOICES["phone_number"]],
        "reason": REVEAL_REASONS["takeover"],
        "person": PERSON,
        "why": "三个城市同时登录，须联系本人核实。",
    }


ALERT = {
    "id": EVENT,
    "url": f"/console/alerts/{EVENT}",
    "rule": "guessing-at-one-account",
    "title": RULE_TITLES["guessing-at-one-account"],
    "severity": "high",
    "severity_label": SEVERITIES["high"],
    "count": 12,
    "time": SINCE,
    "outcome": None,
    "group": [{"label": FIELDS["person"], "text": WHO, "sealed": False, "url": f"/console/events?person={WHO}"}],
    "case": f"/console/cases/{CASE}",
}
OBJECTION = {
    "kind": OBJECTION_KINDS["not_me"],
    "since": SINCE,
    "closed": "",
    "client": CLIENT,
    "read": False,
    "words": "",
    "outcome": None,
    "answer": "",
}
WRONG = {"note": "words_missing", "fields": "reveal_fields", "to": "case_assignee"}


def cases(events: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Samples of every page; ``events`` as the console shows them."""
    one: dict[str, Any] = {
        "place": "cases",
        "case": case("assigned", "not_me"),
        "events": events,
        "unseen": 1,
        "steps": [step("opened", "公民来电。"), step("assigned", to="zhao.audit"), step("noted", None, lost=True)],
        "objection": OBJECTION,
        "staff": [(WHO, "wang.audit")],
        "outcomes": [(word, CASE_OUTCOMES[word]) for word in ("upheld", "explained", "unfounded")],
        "reveals": [reveal("waiting"), reveal("over")],
        "choices": REVEAL_CHOICES,
        "chosen": ["name"],
        "reasons": REVEAL_REASONS,
    }
    lists = {"place": "cases", "filters": CASE_FILTERS, "which": "open", "more": None, "first": None}
    waiting = {"kind": OBJECTION_KINDS["object"], "since": SINCE, "client": CLIENT, "url": "/console/cases/new"}
    begin = {"place": "cases", "origin": ORIGINS["event"], "about_person": PERSON}
    shown = {"place": "cases", "minutes": 15, "days": 30, "why": "须联系本人核实。"}
    alert = {"place": "alerts", "about": "同一账号多次输错密码。", "events": events[:1], "met": events[:2]}
    choices = [(word, CASE_OUTCOMES[word]) for word in ("handled", "harmless", "duplicate")]
    none = {"items": [], "clients": [], "exchanges": [], "reveals": [], "own_reveals": []}
    return {
        "console_cases": {
            "normal": lists | {"cases": [case("open", "alert", keeper=""), case("assigned", "hand")], "waiting": [waiting], "more": "/x"},
            "nothing": lists | {"cases": [], "waiting": []},
        },
        "console_case_new": {
            "normal": begin | {"events": events[:1], "there": [case("open", "event")], "others": [case("open", "event")]},
            "error": begin | {"events": [], "there": [], "others": [], "errors": {"note": CASE_ERRORS["words_long"]}},
        },
        "console_case": {
            "normal": one,
            "read": one | {"objection": OBJECTION | {"read": True, "words": "我没有授权过。"}, "values": {"outcome": "upheld"}},
            "error": one
            | {"errors": {name: CASE_ERRORS[word] for name, word in WRONG.items()}},
            "closed": one
            | {"case": case("closed", "not_me", outcome=CASE_OUTCOMES["upheld"], closed=SINCE), "objection": OBJECTION | {"closed": SINCE}},
            "gone": one | {"case": case("open", "event", gone=True), "objection": None, "events": [], "reveals": []},
        },
        "console_reveal": {
            "normal": shown | {"reveal": reveal("approved"), "may_look": True, "seen": None},
            "seen": shown
            | {
                "reveal": reveal("approved"),
                "may_look": True,
                "seen": [{"label": REVEAL_CHOICES["name"], "values": ["李伟"]}, {"label": REVEAL_CHOICES["email"], "values": []}],
            },
            "error": shown | {"reveal": reveal("refused"), "may_look": False, "seen": None, "errors": {"": CASE_ERRORS["reveal_over"]}, "days": 0},
        },
        "console_approvals": {
            "normal": {
                "place": "approvals",
                "decides": True,
                "looks": False,
                **none,
                "items": [{"title": "个人所得税年度汇算", "code": "tax-annual", "since": SINCE}],
                "clients": [{"id": "c-8841", "name": "税务", "thumbprint": "c0ff33" * 7, "since": SINCE, "until": SINCE}],
                "exchanges": [{"id": EVENT, "asks": "税务", "reads": "社保", "purpose": "核对缴费基数", "since": SINCE}],
                "reveals": [reveal("waiting")],
            },
            "nothing": {"place": "approvals", "decides": True, "looks": True, **none},
            "auditor": {"place": "approvals", "decides": False, "looks": True, **none, "own_reveals": [reveal("approved")]},
        },
        "console_alerts": {
            "normal": {"place": "alerts", "which": "open", "alerts": [ALERT, ALERT | {"severity": "low", "case": ""}], "most": 2},
            "nothing": {"place": "alerts", "which": "all", "alerts": [], "most": 100},
        },
        "console_alert": {
            "normal": alert | {"alert": ALERT, "outcomes": choices, "note": "", "by": "", "done": "", "case": None, "open_case": "/x"},
            "done": alert
            | {
                "alert": ALERT | {"outcome": CASE_OUTCOMES["harmless"]},
                "outcomes": choices,
                "note": "演练。",
                "by": "wang.audit",
                "done": SINCE,
                "case": case("closed", "alert"),
                "open_case": "/x",
            },
        },
        **rules(),
    }  # fmt: skip
