"""Sample contexts of the console's pages, by the same functions that the pages use."""

from typing import Any

from idp.records import ClientRefusal
from idp.web.code_words import AUTH_METHODS, CODES, METHODS, ROLES, VALUES
from idp.web.console_words import (
    BASES,
    ERRORS,
    FIELDS,
    FORMATS,
    GROUPS,
    KEY_STATES,
    KINDS,
    LINES,
    LOOKUP_REASONS,
    OUTCOMES,
    REASONS,
    STATES,
    WINDOWS,
)
from idp.web.pages.console_charts import chart
from idp.web.pages.console_frame import TABS
from tests.web.face_samples_cases import cases

HOUR = 3_600_000_000
START = 1_795_399_200_000_000
WHO, STAFF, EVENT, GRANT = "3fa9c1d2" * 4, "77aa00bb" * 4, "0123abcd" * 4, "99ffee00" * 4
SIGNING = {
    "lines": [
        {
            "kid": "c0ff33" * 7,
            "alg": "ES256",
            "state": state,
            "label": KEY_STATES[state],
            "published": "2026-11-01 08:00:00 +08:00",
            "activated": "" if state == "next" else "2026-11-02 08:00:00 +08:00",
            "ended": "2026-11-20 08:00:00 +08:00" if state.startswith("reti") else "",
            "turns": "2027-02-01 08:00:00 +08:00" if state == "active" else "",
        }
        for state in KEY_STATES
    ],
    "late": False,
    "without": (),
}
DRAWN = chart(START, HOUR, [0, 3, 7, 12, 5, 0, 0, 1, 44, 20, 18, 9, 3, 2, 8, 4, 1, 0, 0, 0, 2, 6, 9, 4])
CLIENT = {"id": "c-8841", "name": "个人所得税", "url": "/console/clients/c-8841"}
PERSON = {"id": WHO, "short": WHO[:8], "url": f"/console/accounts/{WHO}", "events": f"/console/events?person={WHO}"}


def event(kind: str, outcome: str, **more: Any) -> dict[str, Any]:
    return {
        "id": EVENT,
        "url": f"/console/events/{EVENT}",
        "iso": "2026-11-23T10:05:00+08:00",
        "time": "2026-11-23 10:05:00",
        "kind": kind,
        "label": KINDS[kind],
        "group": "tokens",
        "outcome": outcome,
        "outcome_label": OUTCOMES[outcome],
        "client": CLIENT,
        "person": PERSON,
        "actor": None,
        "gist": "密码有误",
        "titles": [],
        "purposes": [],
        "facts": [
            {
                "name": "grant",
                "label": FIELDS["grant"],
                "text": GRANT,
                "words": False,
                "code": "",
                "url": f"/console/events?grant={GRANT}",
            },
            {
                "name": "claims",
                "label": FIELDS["claims"],
                "text": "姓名、出生日期",
                "words": True,
                "code": "name, birthdate",
                "url": None,
            },
        ],
        **more,
    }


EVENTS = [
    event(
        "attributes.released",
        "done",
        gist="姓名、住址",
        titles=["个人所得税年度汇算"],
        purposes=[
            {
                "title": "个人所得税年度汇算",
                "text": "核对住址",
                "basis": BASES["statutory"],
                "citation": "个人所得税法 §11",
            }
        ],
    ),
    event("session.refused", "refused", client=None),
    event("code.replayed", "watch", person=None, gist=""),
]
LOG = {
    "size": 1_204_331,
    "age": 12,
    "signed": "2026-11-23 10:05:00",
    "checked": "2026-11-23 09:30:00",
    "checked_size": 1_204_002,
    "witnessed": "2026-11-23 10:04:50",
    "witnesses": 1,
    "lag": 3,
    "alarm": False,
    "accepted": None,
}
FORM: dict[str, Any] = {
    "place": "events",
    "values": {"within": "7d", "outcome": "refused"},
    "windows": WINDOWS,
    "actions": [(group, label, [("code.replayed", KINDS["code.replayed"])]) for group, label in GROUPS.items()],
    "outcomes": OUTCOMES,
    "departments": [("tax", "税务局"), ("social", "人社局")],
    "rare": [],
    "labels": FIELDS,
    "data_options": {"address": "住址", "email": "E-mail"},
    "factors": [("pwd", METHODS["pwd"])],
    "levels": [("urn:yimen:acr:2", VALUES["acr"]["urn:yimen:acr:2"])],
}
ASKED: dict[str, Any] = {
    "data_options": FORM["data_options"],
    "look_up_reasons": LOOKUP_REASONS,
    "since_options": {"7d": WINDOWS["7d"]},
    "changed": [
        {
            "name": "个人所得税",
            "what": "登记了新的密钥",
            "time": "2026-11-23 10:05:00",
            "url": "/console/events?client=c-8841",
        }
    ],
    "values": {"since": "7d"},
}
FOUND = FORM | {
    "chips": [
        {"name": "within", "label": FIELDS["within"], "text": WINDOWS["7d"], "url": "/console/events?outcome=refused"},
        {
            "name": "outcome",
            "label": FIELDS["outcome"],
            "text": OUTCOMES["refused"],
            "url": "/console/events?within=7d",
        },
    ],
    "events": EVENTS,
    "chart": DRAWN,
    "partial": True,
    "more": f"/console/events?before={EVENT}",
    "newest": "/console/events",
    "live": "/console/events/live?within=7d",
    "again": "/console/events?within=7d",
    "kept": [{"name": "批量登录失败", "url": "/console/events?within=7d"}],
    "save": "/console/searches?within=7d",
    "stopped": "2026-11-20 08:00:00",
    "export": {"within": "7d", "outcome": "refused"},
    "formats": FORMATS,
    "too_new": True,
}
KNOWN = CLIENT | {
    "department": "税务局",
    "department_id": "tax",
    "status": "active",
    "state": STATES["active"],
    "since": "2026-10-01 09:00:00",
    "changed": "2026-11-01 09:00:00",
    "auth": "private_key_jwt",
    "auth_words": AUTH_METHODS["private_key_jwt"],
    "scope_words": "登录、基本信息",
    "scope": "openid profile email phone address offline_access",
}
REFUSAL = ClientRefusal(
    b"r" * 16, "c-8841", START, "invalid_request", "redirect_uri_unknown", "https://evil.example/callback?with=a-long-tail",
    "https://tax.example/callback", "ABCDE12345",
)  # fmt: skip
ACCOUNT: dict[str, Any] = {
    "place": "events",
    "pseudonym": WHO,
    "nobody": False,
    "own_account": False,
    "reasons": REASONS,
    "events": EVENTS,
    "events_url": f"/console/events?person={WHO}",
    "staff_url": f"/console/events?staff={WHO}",
    "subject": {
        "status": "active",
        "state": STATES["active"],
        "roles": [{"code": "auditor", "text": ROLES["auditor"]}],
        "since": "2026-01-01 08:00:00",
        "password": "2026-02-01 08:00:00",
        "totp": None,
        "codes": 7,
        "sessions": [
            {
                "id": GRANT,
                "since": "2026-11-23 09:00:00",
                "seen": "2026-11-23 10:00:00",
                "methods": "密码、验证码",
                "url": f"/console/events?session={GRANT}",
            }
        ],
        "consents": [{"client": CLIENT, "since": "2026-11-23 09:00:00"}],
        "grants": [
            {
                "client": CLIENT,
                "id": GRANT,
                "since": "2026-11-23 09:00:00",
                "scope": "openid profile",
                "asked": "登录、基本信息",
                "offline": True,
                "url": f"/console/events?grant={GRANT}",
            }
        ],
    },
}
CONSOLE: dict[str, dict[str, dict[str, Any]]] = {
    "console_overview": {
        "normal": ASKED
        | {
            "place": "overview",
            "period": "24h",
            "lines": [
                {"name": name, "label": label, "chart": DRAWN, "url": "/console/events"}
                for name, label in LINES.items()
            ],
            "watched": EVENTS[2:],
            "objections": 2,
            "alerts": 3,
            "log": LOG,
        },
        "empty": ASKED
        | {
            "changed": [],
            "errors": {"identifier": ERRORS["nobody"], "address": ERRORS["network"], "why": ERRORS["reason"]},
            "place": "overview",
            "period": "7d",
            "lines": [
                {"name": name, "label": label, "chart": chart(START, HOUR, [0] * 24), "url": "/console/events"}
                for name, label in LINES.items()
            ],
            "watched": [],
            "objections": 0,
            "alerts": 0,
            "log": LOG | {"alarm": True, "signed": None, "checked": None, "witnessed": None},
        },
        "accepted": ASKED
        | {
            "changed": [],
            "place": "overview",
            "period": "7d",
            "lines": [],
            "watched": [],
            "objections": 0,
            "alerts": 0,
            "log": LOG | {"accepted": {"count": 2, "rows": ["42", "57"], "days": ["2026-11-20 08:00:00"], "what": ""}},
        },
    },
    "console_events": {
        "normal": FOUND,
        "empty": FOUND | {"events": [], "more": None, "newest": None, "stopped": None, "partial": False, "chips": []},
        "address": FOUND
        | {
            "tried": [
                {
                    "person": PERSON,
                    "refused": 4,
                    "signed_in": 1,
                    "other": 0,
                    "last": "2026-11-23 10:05:00",
                    "url": "/console",
                }
            ],
            "untold": 3,
            "values": {"address": GRANT},
        },
        "rare": FOUND | {"rare": ["grant"], "values": {"grant": GRANT, "from": "2026-11-23T08:00"}, "more": None},
        "error": FORM
        | {
            "events": None,
            "again": "/console/events",
            "errors": {"from": ERRORS["time"], "person": ERRORS["hex"]},
            "values": {"person": "xyz"},
        },
    },
    "console_searches": {
        "normal": {
            "place": "events",
            "search": "within=7d",
            "chips": FOUND["chips"],
            "kept": [
                {
                    "id": GRANT,
                    "name": "批量登录失败",
                    "url": "/console/events",
                    "chips": FOUND["chips"],
                    "own": True,
                    "shared": True,
                    "rule": 'count = 10\nkind = ["session.refused"]\n',
                }
            ],
            "errors": {"name": ERRORS["name"]},
        },
        "empty": {"place": "events", "search": None, "chips": [], "kept": []},
    },
    "console_event": {
        "normal": {
            "place": "events",
            "event": EVENTS[0] | {"actor": PERSON},
            "traceable": True,
            "together": [
                {"name": "grant", "label": FIELDS["grant"], "id": GRANT, "url": "/console/events", "events": EVENTS}
            ],
        },
    },
    "console_clients": {
        "normal": {
            "place": "clients",
            "clients": [KNOWN],
            "departments": FORM["departments"],
            "more": "/console/clients?after=c-8841",
            "first": "/console/clients",
        },
        "empty": {"place": "clients", "clients": [], "departments": [], "more": None, "first": None},
    },
    "console_client": {
        "normal": {
            "place": "clients",
            "client": KNOWN,
            "refusals": [
                {
                    "time": "2026-11-23 10:05:00",
                    "refusal": REFUSAL,
                    "code": CODES["invalid_request"],
                    "reason": "",
                    "url": "/console/events",
                }
            ],
            "key": {
                "thumbprint": "c0ff33c0ff33-c0ff33c0ff33_c0ff33c0ff33c0ff33c",
                "first": "2026-11-01",
                "held": 1,
                "url": "/console",
            },
            "turned": {"what": "更换了密钥", "time": "2026-11-01", "url": "/console/events"},
            "reasons": REASONS,
            "lists": [{"name": "releases", "url": "/console/events", "events": EVENTS[:1]}],
            "events_url": "/console/events",
        },
        "quiet": {
            "place": "clients",
            "client": KNOWN,
            "refusals": [],
            "key": None,
            "reasons": REASONS,
            "errors": {"reason": ERRORS["reason"]},
            "lists": [{"name": "changes", "url": "/console/events", "events": []}],
            "events_url": "/console/events",
        },
    },
    "console_account": {
        "normal": ACCOUNT,
        "locked": ACCOUNT
        | {
            "subject": ACCOUNT["subject"]
            | {"status": "disabled", "state": STATES["disabled"], "sessions": [], "consents": [], "grants": []},
            "errors": {"reason": ERRORS["reason"]},
        },
        "gone": ACCOUNT | {"subject": None, "events": []},
    },
    "console_log": {
        "normal": {
            "place": "log",
            "log": LOG,
            "checkpoint": "id.example/log\n1204331\nc0ff33c0ff33c0ff33c0ff33c0ff33c0ff33c0ff33c=\n\n— id.example/log c0ff33c0ff33",
            "signing": SIGNING,
            "keys": ("id.example/log+c45d1f2c+c0ff33", "id.example/log+a11b2c3d+c0ff34"),
            "seen": {"size": 1_200_000, "at": "2026-11-20 08:00:00"},
            "holds": True,
        },
        "cut": {
            "place": "log",
            "log": LOG,
            "checkpoint": "",
            "signing": SIGNING | {"lines": [], "late": True, "without": ("ES256",)},
            "keys": (),
            "seen": {"size": 1_300_000, "at": "2026-11-20 08:00:00"},
            "holds": False,
        },
        "first": {
            "place": "log",
            "log": LOG,
            "checkpoint": "x",
            "signing": SIGNING,
            "keys": ("k",),
            "seen": None,
            "holds": None,
        },
    },
}

CONSOLE |= cases(EVENTS)
for _states in CONSOLE.values():
    for _sample in _states.values():
        _sample.setdefault("tabs", [tab for tab in TABS if tab[0] != "rules"])
        _sample.setdefault("jumps", True)
