"""Sample contexts: for each page its states by name. Values are synthetic; texts that pages hand in come from the wording tables."""

from typing import Any

from idp.web.wording import ALWAYS, CLAIMS, FIELD_ERRORS, PROBLEMS

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


def attribute(claim: str, value: str, *, optional: bool = False, why: Any = "") -> dict[str, Any]:
    return {"claim": claim, "label": CLAIMS[claim], "value": value, "why": why, "optional": optional, "chosen": False}


ATTRIBUTES = [
    attribute("name", "李*"),
    attribute("birthdate", "1990-**-**"),
    attribute("phone_number", "+86138****5678"),
    attribute("address", ""),
    attribute("email", "l***@example.cn", optional=True),
]


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
        "normal": {"attributes": ATTRIBUTES, "always": ALWAYS},
        "offline": {"attributes": ATTRIBUTES[:2], "always": ALWAYS, "offline": True, "changed": True},
        "nothing": {"attributes": [], "always": ALWAYS},
        "error": {"attributes": ATTRIBUTES, "always": ALWAYS, "errors": {"": FIELD_ERRORS["form_expired"]}},
    },
    "error": {
        "normal": problem("redirect_uri") | {"code": "invalid_request", "detail": "The redirect URI is not registered."},
        "wait": problem("too_many") | {"retry_after_s": 30, "service": None},
        "server": problem("server") | {"service": None, "back": ("Yimen", "/")},
    },
}
PLAIN = ()
"""Pages that know no service."""


def sample(page: str, state: str, language: str) -> dict[str, Any]:
    """The whole context of one sample."""
    common = {
        "service": None if page in PLAIN else service(language),
        "hidden": {"handle": "h4ndl3", "proof": "pr00f"},
        "action": "/done",
        "reference": "K7QF-3M2P-XW4T",
        "language_links": [("zh-Hans", "简体中文", f"/page/{page}/zh-Hans/{state}"), ("en", "English", f"/page/{page}/en/{state}")],
    }
    return {**common, **PAGES[page][state]}
