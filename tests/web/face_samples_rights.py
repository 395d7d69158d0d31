"""Sample contexts of the pages about the citizen's own rights: history, receipts, correction, copy, deletion."""

from typing import Any

from idp.web.done_words import DONE
from idp.web.wording import (
    CLAIMS,
    FIELD_ERRORS,
    KEEPERS,
    OBJECTION_KINDS,
    OBJECTION_OUTCOMES,
    TOLD_KINDS,
    TOLD_REASONS,
    TOLD_WAYS,
)

NOW = 1_795_399_500_000_000


def told(kind: str = "attributes.released", **more: Any) -> dict[str, Any]:
    return {
        "handle": "l1ne",
        "kind": kind,
        "title": TOLD_KINDS[kind],
        "at": NOW,
        "service": "个人所得税网上办理",
        "department": "国家税务总局江州市税务局",
        "items": ["个人所得税汇算清缴"],
        "laws": ["《个人所得税法》第十一条"],
        "chosen": [CLAIMS["name"], CLAIMS["phone_number"]],
        "lawful": [CLAIMS["birthdate"]],
        "verified": [CLAIMS["name"]],
        "way": TOLD_WAYS["userinfo"],
        "why": TOLD_REASONS[kind],
        "case": "",
        **more,
    }


def held(code: str, value: str, source: str, *, own: bool = False, correctable: bool = False) -> dict[str, Any]:
    return {
        "code": code,
        "label": CLAIMS[code],
        "value": value,
        "source": KEEPERS[source],
        "own": own,
        "at": NOW,
        "correctable": correctable,
    }


CASE = {
    "kind": OBJECTION_KINDS["not_me"],
    "open": True,
    "since": NOW,
    "closed": None,
    "words": "昨天我没有登录过。",
    "read": [NOW],
    "outcome": "",
    "answer": "",
}
RECORD: dict[str, Any] = {
    "party_identification": [{"party_id": "11330000MB0000019E"}],
    "pii_processing": {
        "purposes": [
            {"purpose": {"zh": "办理个人所得税汇算清缴", "en": "办理个人所得税汇算清缴"}, "retention_period": "P1825D"}
        ]
    },
    "pii_principal_id": "q3V0c2VjdG9yLXBhaXJ3aXNlLXN1YmplY3QtMDAwMDE",
}
RIGHTS: dict[str, dict[str, dict[str, Any]]] = {
    "history": {
        "normal": {
            "lines": [
                told(case="open"),
                told("consent.given", way=""),
                told("consent.withdrawn", way="", chosen=[], lawful=[]),
                told("identifier.exchanged", way="", chosen=[], lawful=[], other="社会保险"),
            ],
            "services": [("s1", "个人所得税网上办理"), ("s2", "社会保险")],
            "first": True,
            "more": "/account/history?after=x",
        },
        "filtered": {
            "lines": [told(service="", department="")],
            "services": [("s1", "个人所得税网上办理")],
            "values": {"service": "s1", "from": "2026-11-01", "to": "2026-11-30"},
            "filtered": True,
            "first": False,
        },
        "empty": {"lines": [], "services": [], "first": True},
        "none": {"lines": [], "services": [], "filtered": True, "first": True},
        "error": {"lines": [], "services": [], "first": True, "errors": {"from": FIELD_ERRORS["date_invalid"]}},
    },
    "history_line": {
        "normal": {"line": told()},
        "open": {"line": told(), "case": CASE},
        "answered": {
            "line": told("consent.given", way=""),
            "case": CASE
            | {"open": False, "closed": NOW, "outcome": OBJECTION_OUTCOMES["upheld"], "answer": "已终止该服务的访问。"},
        },
        "error": {
            "line": told(service=""),
            "errors": {"kind": FIELD_ERRORS["objection_kind"], "words": FIELD_ERRORS["words_missing"]},
            "values": {"words": ""},
        },
    },
    "receipt": {
        "normal": {
            "line": told(),
            "purposes": [("审核贷款申请", 730)],
            "record": RECORD,
            "claims": {
                "jti": "00112233445566778899aabbccddeeff",
                "log": {"entry": "3vz0mC5wYh2bqJk1", "proof": "c2sp.org/tlog-proof@v1"},
            },
            "jws": "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwcyJ9.c2lnbmF0dXJl",
        },
    },
    "data": {
        "normal": {
            "held": [
                held("name", "李*", "self", own=True, correctable=True),
                held("birthdate", "1990-**-**", "police"),
                held("phone_number", "+86138****5678", "staff"),
                {**held("email", "l***@example.cn", "self", own=True), "proved_at": NOW},
            ],
            "missing": [held("website", "", "self"), held("address", "", "self")],
        },
        "empty": {"held": [], "missing": []},
    },
    "correct": {
        "normal": {"label": CLAIMS["nickname"], "members": (), "values": {"value": "小李"}},
        "receivers": {
            "label": CLAIMS["nickname"],
            "members": (),
            "receivers": [{"name": "个税", "department": "税务局"}, {"name": "税务局", "department": "税务局"}],
        },
        "address": {
            "label": CLAIMS["address"],
            "members": ("country", "region", "locality", "street_address", "postal_code"),
            "values": {"country": "CN", "region": "浙江省"},
        },
        "error": {
            "label": CLAIMS["website"],
            "members": (),
            "errors": {"value": FIELD_ERRORS["value_url"]},
            "values": {"value": "http://x"},
        },
    },
    "copy": {"normal": {}},
    "delete": {"normal": {"days": 30}, "error": {"days": 30, "errors": {"sure": FIELD_ERRORS["delete_sure"]}}},
    "delete_done": {
        "normal": {
            "title": DONE["deletion_waits"][0],
            "text": DONE["deletion_waits"][1],
            "until": NOW,
            "said_once": True,
        }
    },
}
