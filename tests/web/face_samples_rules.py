"""Sample contexts of the pages of alert rules."""

from typing import Any

from idp.web.case_words import CASE_ERRORS, RULE_REASONS, RULE_TITLES, SEVERITIES

SINCE = "2026-11-23 10:05:00"
RULE = {
    "name": "guessing-at-one-account",
    "title": RULE_TITLES["guessing-at-one-account"],
    "url": "/console/rules/guessing-at-one-account",
    "about": "同一账号多次输错密码。",
    "severity": SEVERITIES["medium"],
    "own": False,
    "live": True,
    "removed": False,
    "blind": False,
    "count": 20,
    "within": 600,
    "span": "10 minutes",
    "in_file": {"count": 10, "within": 600},
    "changed": True,
    "since": SINCE,
}
RULE_FORM = {
    "groups": {"person": "个人", "network": "邻近网络"},
    "chosen": ["person"],
    "severities": SEVERITIES,
    "reasons": RULE_REASONS,
    "preview": None,
}
RULED = {
    "place": "alerts",
    "rule": RULE,
    "text": "[guessing-at-one-account]\ncount = 10\n",
    "changes": True,
    **RULE_FORM,
}
CHIP = {"name": "action", "label": "操作", "text": "登录失败", "url": "/console/events"}
NEW_RULE = {
    "place": "alerts",
    "search": "action=session.refused",
    "change": "/console/events",
    "chips": [CHIP],
    **RULE_FORM,
}
TRIED = {"known": True, "alerts": 3, "events": 5000, "whole": False, "since": SINCE}


def rules() -> dict[str, dict[str, dict[str, Any]]]:
    """Samples of every page."""
    return {
        "console_rules": {
            "normal": {
                "place": "alerts",
                "rules": [RULE, RULE | {"live": False}, RULE | {"own": True, "changed": False, "blind": True}],
                "removed": [RULE | {"own": True, "removed": True}],
                "alerts": True,
                "standing": SINCE,
            },
            "operator": {"place": "rules", "rules": [RULE], "removed": [], "alerts": False, "standing": ""},
        },
        "console_rule": {
            "normal": RULED | {"values": {"count": 20, "within": "10 minutes", "live": "on"}},
            "error": RULED | {"rule": RULE | {"live": False}, "errors": {"count": CASE_ERRORS["rule_numbers"]}},
            "operator": RULED | {"place": "rules", "changes": False},
            "own": RULED | {"rule": RULE | {"own": True, "blind": True}, "preview": TRIED},
            "wrong": RULED
            | {
                "rule": RULE | {"own": True, "live": False},
                "errors": {
                    "group": CASE_ERRORS["rule_group"],
                    "reason": CASE_ERRORS["rule_reason"],
                    "about": CASE_ERRORS["rule_about"],
                },
            },
            "removed": RULED | {"rule": RULE | {"own": True, "live": False, "removed": True}},
        },
        "console_rule_new": {
            "normal": NEW_RULE | {"values": {"count": 10, "within": "10 minutes", "severity": "medium"}},
            "tried": NEW_RULE | {"preview": TRIED | {"whole": True}},
            "unknown": NEW_RULE | {"preview": {"known": False}},
            "error": NEW_RULE | {"errors": {"name": CASE_ERRORS["rule_taken"], "count": CASE_ERRORS["rule_count"]}},
            "none": NEW_RULE | {"search": None, "errors": {"": CASE_ERRORS["rule_search"]}},
        },
    }
