"""Sample contexts: for each page its states by name. Values are synthetic; texts that pages hand in come from the wording tables."""

from typing import Any

from idp.web.done_words import CONTACT_DONE, DONE
from idp.web.wording import ALWAYS, CLAIMS, FIELD_ERRORS, LASTS, PROBLEMS, VERIFIED, again_in, too_many
from tests.web.face_samples_console import CONSOLE
from tests.web.face_samples_rights import RIGHTS

NOW = 1_795_399_500_000_000  # 2026-11-23 10:05 in Beijing
QR = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="33" height="33" viewBox="0 0 33 33">'
    b'<path stroke="#000" d="M4 4.5h7m1 0h3m2 0h4m1 0h7M4 5.5h1m5 0h1m2 0h3m5 0h1m5 0h1"/></svg>'
)

NAMES = {
    "zh-Hans": {"name": "个人所得税网上办理", "department": "国家税务总局江州市税务局"},
    "en": {"name": "Income tax online", "department": "Jiangzhou Tax Bureau"},
}


def service(language: str) -> dict[str, Any]:
    return {
        **NAMES[language],
        "logo_url": None,
        "policy_uri": "https://tax.example.cn/privacy",
        "tos_uri": "https://tax.example.cn/terms",
        "client_uri": "https://tax.example.cn/",
    }


def attribute(claim: str, value: str) -> dict[str, Any]:
    return {"claim": claim, "label": CLAIMS[claim], "value": value}


def row(code: str, label: str, value: str, **more: Any) -> dict[str, Any]:
    own = {"id": f"allow-loan-{code}", "name": f"allow/loan/{code}", "label": label, "value": value, "updated": NOW}
    return {**own, "why": "", "source": "民政", "citation": "", **more}


def contact(value: str, **more: Any) -> dict[str, Any]:
    own = {"handle": "h4ndl3", "value": value, "email": True, "confirmed": NOW, "told": False, "removable": True}
    return {**own, **more}


ATTRIBUTES = [
    attribute("name", "李*"),
    attribute("birthdate", "1990-**-**"),
    attribute("phone_number", "+86138****5678"),
    attribute("address", ""),
    attribute("email", "l***@example.cn"),
]
ITEM = {
    "title": "公积金贷款",
    "purpose": "审核贷款申请",
    "kept": "730",
    "code": "loan",
    "version": 1,
    "needed": [row("name", "姓名", "李*", why="与身份证一致。")],
    "lawful": [row("national_id", "公民身份号码", "110*************2X", citation="《住房公积金管理条例》第二十四条")],
    "optional": [
        row("marital_status", "婚姻状况", "已婚"),
        row("email", "电子邮箱", "l***@example.cn", why="用于通知"),
    ],
    "absent": ["户籍"],
    "absent_lawful": ["国籍"],
    "absent_optional": ["住址"],
}
LAWFUL = {**ITEM, "needed": [], "optional": [], "absent": [], "absent_optional": []}


WRITTEN_IN = {
    "tag": "zh-Hans",
    "label": "简体中文",
    "action": "/done",
    "others": [{"tag": "en", "label": "English", "hidden": {"handle": "h4ndl3", "proof": "pr00f"}}],
}


def problem(key: str) -> dict[str, Any]:
    return dict(PROBLEMS[key]._asdict())


# page -> state -> context
PAGES: dict[str, dict[str, dict[str, Any]]] = {
    "sign_in": {
        "normal": {},
        "known": {"known": "li***@example.cn", "reason": "max_age", "links": {"other_account": "/other"}},
        "error": {
            "errors": {"username": FIELD_ERRORS["identifier_missing"], "password": FIELD_ERRORS["credentials"]},
            "values": {"username": "li.wei"},
        },
    },
    "consent": {
        "normal": {
            "attributes": ATTRIBUTES,
            "always": ALWAYS,
            "who": "li***@example.cn",
            "links": {"other_account": "/o"},
        },
        "offline": {"attributes": ATTRIBUTES[:2], "always": ALWAYS, "offline": True, "changed": True, "renamed": True},
        "nothing": {"attributes": [], "always": ALWAYS},
        "unknown": {
            "attributes": [{**ATTRIBUTES[0], "value": ""}],
            "items": [{**LAWFUL, "lawful": []}],
            "always": ALWAYS,
        },
        "items": {"attributes": ATTRIBUTES[:1], "items": [ITEM], "always": ALWAYS, "lasts": list(LASTS.items())},
        "verified": {
            "attributes": [{**ATTRIBUTES[0], "source": "公安机关", "updated": NOW, "verified": VERIFIED[True]}],
            "unconfirmed": [CLAIMS["birthdate"]],
            "items": [{**ITEM, "optional": [row("email", "电子邮箱", "l***@example.cn", verified=VERIFIED[False])]}],
            "always": ALWAYS,
        },
        "informs": {"attributes": [], "items": [LAWFUL], "always": ALWAYS, "informs": True},
        "error": {"attributes": ATTRIBUTES, "always": ALWAYS, "errors": {"": FIELD_ERRORS["form_expired"]}},
    },
    "error": {
        **{key: problem(key) | {"service": None} for key in PROBLEMS},
        "normal": problem("redirect_uri")
        | {"code": "invalid_request", "detail": "The redirect URI is not registered."},
        "wait": problem("too_many") | {"todo": (again_in(30),), "service": None},
        "server": problem("server") | {"service": None, "back": ("Yimen", "/")},
        "posted": problem("own_expired") | {"service": None, "said_once": True},
    },
}

NEEDED = {"label": "姓名", "why": "", "essential": True, "statutory": True, "citation": "第二十四条"}
PUBLISHED = {
    **ITEM,
    "department": "公积金中心",
    "href": "/services/loan",
    "rows": [NEEDED, {**NEEDED, "essential": False}],
}
DRAFT = {
    **ITEM,
    "department": "公积金中心",
    "created": NOW,
    "digest": "ab12",
    "new": False,
    "asks_again": True,
    "sensitive": True,
    "changes": [{"what": "用途", "before": "甲", "after": "乙"}, {"what": "姓名", "before": "", "after": "丙"}],
}
PAGES |= {
    "directory": {
        "normal": {"items": [PUBLISHED], "next": "/services?after=loan"},
        "nothing": {"items": [], "next": None},
    },
    "directory_item": {"normal": {"item": PUBLISHED}},
    "trust_framework": {
        "normal": {
            "name": "https://id.example.cn/trust-framework",
            "registers": [{"keeper": "公安户籍登记机关", "type": "population_register"}],
            "other": "https://id.example.cn/trust-framework/register",
            "claims": ["姓名", "公民身份号码"],
        }
    },
    "approvals": {
        "normal": {"drafts": [DRAFT]},
        "nothing": {"drafts": []},
        "error": {"drafts": [DRAFT], "errors": {"": FIELD_ERRORS["draft_changed"]}},
    },
}

_HOUR = 3_600_000_000
_EXTRA: dict[str, dict[str, dict[str, Any]]] = {
    "select_account": {
        "normal": {
            "accounts": [
                {"handle": "a1", "label": "li***@example.cn", "signed_in": True},
                {"handle": "a2", "label": "+86138****5678", "signed_in": False},
            ]
        },
        "error": {"accounts": [], "errors": {"": FIELD_ERRORS["form_expired"]}},
    },
    "totp": {
        "normal": {"links": {"recovery_code": "/r", "other_account": "/o"}},
        "alone": {"service": None, "links": {"recovery_code": "/r", "other_account": "/o", "sign_out": "/logout"}},
        "error": {"errors": {"totp": FIELD_ERRORS["code_wrong"]}},
    },
    "recovery_code": {
        "normal": {"links": {"totp": "/t"}},
        "error": {"errors": {"recovery_code": FIELD_ERRORS["recovery_wrong"]}},
    },
    "form_post": {
        "normal": {"action": "/done", "fields": {"code": "c0de", "state": 'a"b<c>&d', "iss": "https://id.example.cn"}}
    },
    "logout_confirm": {
        "normal": {"services": ["个人所得税网上办理", "社会保险"]},
        "nobody": {"nobody": True, "onward": "/qr.svg?state=x%26y"},
        "error": {"services": [], "service": None, "errors": {"": FIELD_ERRORS["form_expired"]}},
    },
    "logout_done": {
        "normal": {"service": None, "ended": True},
        "nobody": {"service": None},
        "onward": {"ended": True, "frames": ["/qr.svg"], "onward": "/qr.svg?state=x%26y"},
    },
    "sign_up": {
        "normal": {},
        "error": {"errors": {"identifier": FIELD_ERRORS["identifier_invalid"]}, "values": {"identifier": "li.wei@"}},
    },
    "confirm_code": {
        "normal": {"sent_to": "l***@example.cn", "minutes": 10, "resend": True, "language_posts": True},
        "cancel": {"sent_to": "+86138****5678", "minutes": 10, "resend": True, "cancel": "/account/contacts"},
        "resent": {"sent_to": "l***@example.cn", "minutes": 10, "resend": True, "resent": True},
        "error": {"sent_to": "l***@example.cn", "minutes": 1, "errors": {"code": FIELD_ERRORS["code_expired"]}},
    },
    "set_password": {
        "normal": {"shortest": 15, "ask_name": True, "values": {"username": "li.wei@example.cn"}},
        "error": {"shortest": 8, "errors": {"new_password": FIELD_ERRORS["password_weak"]}},
    },
    "forgot": {
        "normal": {},
        "longer": {"longer": True, "values": {"identifier": "li.wei"}},
        "error": {"errors": {"identifier": FIELD_ERRORS["identifier_missing"]}},
    },
    "reset_password": {
        "normal": {"shortest": 15, "ask_code": True},
        "longer": {"shortest": 15, "longer": True},
        "error": {
            "ask_code": True,
            "errors": {"code": FIELD_ERRORS["code_wrong"], "repeat_password": FIELD_ERRORS["password_differs"]},
        },
    },
    "change_password": {
        "normal": {"shortest": 8, "alone": 15},
        "error": {
            "errors": {"password": FIELD_ERRORS["password_wrong"], "new_password": FIELD_ERRORS["password_short"]}
        },
    },
    "reauthenticate": {
        "normal": {"purpose": DONE["factor_removed"][1]},
        "error": {"errors": {"password": FIELD_ERRORS["password_missing"]}},
    },
    "change_done": {
        "normal": {"title": DONE["password_changed"][0], "text": DONE["password_changed"][1], "said_once": True},
        "alone": {"title": DONE["factor_removed"][0], "text": DONE["factor_removed"][1], "alone": 15},
        "next": {
            "title": DONE["account_created"][0],
            "text": DONE["account_created"][1],
            "next": ("OK", "/authorize/h4ndl3"),
        },
    },
    "notice": {"normal": {}},
    "account": {
        "normal": {
            "name": "李伟",
            "security_state": "✓",
            "sessions_state": "2",
            "services_state": "3",
            "written_in": WRITTEN_IN,
        },
        "bare": {},
        "staff": {"approver": True, "console": "/console"},
    },
    "sessions": {
        "normal": {
            "sessions": [
                {
                    "handle": "s1",
                    "device": "Chrome · Windows",
                    "address": "203.0.113.7",
                    "since": NOW - _HOUR,
                    "last_seen": NOW,
                    "current": True,
                },
                {
                    "handle": "s2",
                    "device": "Safari · iPhone",
                    "address": "2001:db8:85a3::8a2e:370:7334",
                    "since": NOW - 90 * _HOUR,
                    "last_seen": NOW - 3 * _HOUR,
                    "current": False,
                },
            ]
        },
        "many": {"sessions": [], "more": True},
        "error": {"sessions": [], "errors": {"": FIELD_ERRORS["form_expired"]}},
    },
    "services": {
        "normal": {
            "services": [
                {
                    "handle": "c1",
                    "name": "个人所得税网上办理",
                    "department": "国家税务总局江州市税务局",
                    "since": NOW - 900 * _HOUR,
                    "last_used": NOW,
                    "sees": [CLAIMS["name"], CLAIMS["phone_number"]],
                    "lawful": [CLAIMS["birthdate"]],
                    "offline": True,
                    "until": NOW + 900 * _HOUR,
                },
                {
                    "handle": "c2",
                    "name": "社会保险",
                    "department": "江州市人力资源和社会保障局",
                    "since": NOW - 9 * _HOUR,
                    "last_used": None,
                    "sees": [],
                    "lawful": [],
                    "offline": False,
                    "once": True,
                },
            ]
        },
        "done": {"services": [], "said": DONE["withdrawn"]},
        "empty": {"services": []},
        "error": {"services": [], "errors": {"": FIELD_ERRORS["form_expired"]}},
    },
    "withdraw": {
        "normal": {
            "item": {"name": "个人所得税", "department": "江州市税务局"},
        },
    },
    "security": {
        "normal": {
            "identifiers": ["l***@example.cn", "+86138****5678"],
            "password_changed": NOW,
            "totp": True,
            "codes_left": 7,
            "alone": 15,
        },
        "always": {
            "identifiers": ["l***@example.cn"],
            "totp": True,
            "totp_always": True,
            "codes_left": 7,
            "said": DONE["factor_always"],
        },
        "eased": {"totp": True, "codes_left": 7, "alone": 15, "said": DONE["factor_eased"], "eased": True},
        "contact": {"identifiers": ["l***@example.cn"], "said": CONTACT_DONE["replaced"]},
        "off": {"identifiers": ["l***@example.cn"], "totp": False},
        "staff": {"totp": True, "totp_required": True, "codes_left": 1},
        "error": {"totp": True, "codes_left": 0, "alone": 15, "errors": {"": FIELD_ERRORS["form_expired"]}},
    },
    "contacts": {
        "normal": {
            "contacts": [
                contact("l***@example.cn", told=True, removable=True),
                contact("l***@long.example-of-a-department.gov.cn", removable=True),
                contact("+86138****5678", email=False, told=True, confirmed=None),
            ]
        },
        "empty": {"contacts": []},
        "error": {
            "contacts": [contact("l***@example.cn", removable=False)],
            "errors": {"": FIELD_ERRORS["contact_last"]},
        },
    },
    "contact_new": {
        "normal": {},
        "change": {"old": "l***@example.cn"},
        "error": {"errors": {"identifier": FIELD_ERRORS["contact_own"]}, "values": {"identifier": "li.wei@example.cn"}},
        "often": {"errors": {"": too_many(2400, "codes")}, "values": {"identifier": "li.wei@example.cn"}},
    },
    "contact_remove": {
        "normal": {"contact": "l***@example.cn", "removable": True},
        "last": {"contact": "l***@example.cn", "removable": False},
    },
    "enrol_totp": {
        "normal": {
            "qr_url": "/qr.svg",
            "back": "/account/security",
            "secret": "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP",
            "otpauth_url": "otpauth://totp/x?secret=JBSW",
        },
        "error": {"qr_url": "/qr.svg", "secret": "JBSW Y3DP EHPK 3PXP", "errors": {"totp": FIELD_ERRORS["code_wrong"]}},
    },
    "second_step": {"normal": {"alone": 15}},
    "recovery_codes": {
        "normal": {"codes": [f"k7qf-{n}m2p-xw4t" for n in range(10)], "language_posts": True},
        "error": {
            "codes": [f"k7qf-{n}m2p-xw4t" for n in range(10)],
            "errors": {"saved": FIELD_ERRORS["saved_missing"]},
        },
    },
    "new_codes": {"normal": {}},
    "outbox": {
        "normal": {
            "messages": [
                {
                    "at": NOW,
                    "to": "li.wei@example.cn",
                    "subject": "您的验证码 483920",
                    "body": "…",
                    "code": "483 920",
                },
                {
                    "at": NOW - _HOUR,
                    "to": "+8613812345678",
                    "subject": "验证码",
                    "body": "您的验证码是 112233。",
                    "code": "",
                },
            ]
        },
        "empty": {"messages": []},
    },
    "home": {
        "normal": {"developers_url": "/developers"},
        "demo": {
            "account": "li***@example.cn",
            "demo": [("税务局 http://localhost:8001", "http://localhost:8001/"), ("消息", "/outbox")],
        },
    },
}
PAGES.update(_EXTRA)
PAGES.update(RIGHTS)
PAGES.update(CONSOLE)
PLAIN = (
    *RIGHTS,
    "account",
    "sessions",
    "services",
    "security",
    "contacts",
    "contact_new",
    "contact_remove",
    "change_password",
    "reauthenticate",
    "second_step",
    "recovery_codes",
    "new_codes",
    "outbox",
    "home",
    *CONSOLE,
)
"""Pages that know no service."""
TYPED = ("sign_in", "sign_up", "forgot", "confirm_code", "set_password", "contact_new", "correct")
"""Pages whose language is chosen by a button of their form, so that what was typed goes along."""


def sample(page: str, state: str, language: str) -> dict[str, Any]:
    """The whole context of one sample. ``said_once``: nothing shows the page in the other language."""
    own = {**({"language_posts": True} if page in TYPED else {}), **PAGES[page][state]}
    to = "/done?lang={}" if own.get("language_posts") else f"/page/{page}/{{}}/{state}"
    if own.pop("said_once", False):
        own |= {"language_links": (), "also_in": ({"zh-Hans": "en", "en": "zh-Hans"}[language],)}
    common = {
        "service": None if page in PLAIN else service(language),
        "hidden": {"handle": "h4ndl3", "proof": "pr00f"},
        "action": "/done",
        "account": "li***@example.cn" if page in PLAIN and page not in ("home", "outbox") else None,
        "reference": "K7QF-3M2P-XW4T",
        "language_links": [(tag, said, to.format(tag)) for tag, said in (("zh-Hans", "简体中文"), ("en", "English"))],
    }
    return {**common, **own}
