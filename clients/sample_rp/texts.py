"""The apps' few words, in both languages."""

from collections.abc import Mapping
from typing import Any

_TEXTS = {
    "zh-Hans": {
        "sign_in": "用一门登录",
        "not_signed_in": "登录后，本局只会得到您同意共享的信息。",
        "welcome": "您好，",
        "guest": "访客",
        "learned": "本局知道的关于您的信息",
        "identifier": "您在本局的标识符",
        "identifier_note": "每个部门得到的标识符都不同，部门之间无法对照。",
        "from_id_token": "身份令牌",
        "from_userinfo": "用户信息",
        "encrypted": "用户信息收到时的样子（JWE，只有本局的密钥能打开）",
        "logout_here": "退出本局",
        "logout_everywhere": "退出所有部门",
        "others": "其他部门",
        "goodbye": "您已退出登录。",
        "back": "返回首页",
        "error": "登录没有完成",
        "error_text": "一门没有确认您的身份。您可以再试一次。",
        "again": "再试一次",
        "demo": "演示应用，数据为样例。",
        "signed_in_as": "已登录：",
        "developers": "给开发者：收到的原始内容",
        "cancelled": "您没有同意共享信息，本局什么也没有得到。您可以随时再试。",
        "for_support": "求助时请提供：",
        "goodbye_note": "您通过这次登录打开的其他部门也已收到通知。",
        "claim": "项目",
        "value": "内容",
        "proved": "由有关机关确认",
        "proved_note": "一门同时告知：谁为这些内容作证，自何时起。您自己填写的内容不在其中。",
        "framework": "信任框架",
        "source": "来源",
        "since": "日期",
        "check": "核对档案号码",
        "check_note": "请输入本局档案上的公民身份号码。本局只会得知它是否为您本人的，不会得知您的号码。",
        "check_demo": "演示数据中，李伟的号码是 330102198803140017。",
        "number": "档案上的号码",
        "ask": "核对",
        "verdict": "核对结果",
        "matches": "档案上的号码是您本人的。",
        "differs": "档案上的号码不是您本人的。",
        "untold": "今天核对的号码太多，没有得到结果。请明天再试。",
    },
    "en": {
        "sign_in": "Sign in with Yimen",
        "not_signed_in": "After you sign in, this office gets only what you agree to share.",
        "welcome": "Welcome, ",
        "guest": "guest",
        "learned": "What this office knows about you",
        "identifier": "Your identifier at this office",
        "identifier_note": "Every department gets a different identifier; departments cannot compare them.",
        "from_id_token": "ID token",
        "from_userinfo": "Userinfo",
        "encrypted": "Userinfo as it came (JWE: this office's key alone opens it)",
        "logout_here": "Sign out here",
        "logout_everywhere": "Sign out everywhere",
        "others": "Other departments",
        "goodbye": "You are signed out.",
        "back": "Back to the start",
        "error": "Sign-in was not completed",
        "error_text": "Yimen did not confirm who you are. You can try again.",
        "again": "Try again",
        "demo": "Demonstration app with sample data.",
        "signed_in_as": "Signed in as",
        "developers": "For developers: what was received, as it came",
        "cancelled": "You did not agree to share your information, so this office learned nothing. You can try again at any time.",
        "for_support": "If you ask for help, give this word:",
        "goodbye_note": "The other departments that you opened with this sign-in have been told too.",
        "claim": "Item",
        "value": "Content",
        "proved": "Confirmed by an authority",
        "proved_note": "Yimen also says who stands for this and since when. What you say of yourself is not among it.",
        "framework": "Trust framework",
        "source": "Source",
        "since": "Date",
        "check": "Check the number in our file",
        "check_note": "Enter the identity number that stands in our file. We learn only whether it is yours; we are not told your number.",
        "check_demo": "In the sample data Li Wei's is 330102198803140017.",
        "number": "Number in our file",
        "ask": "Check",
        "verdict": "Result",
        "matches": "The number in our file is yours.",
        "differs": "The number in our file is not yours.",
        "untold": "Too many numbers were tried today, so there is no answer. Try again tomorrow.",
    },
}


def texts(lang: str) -> dict[str, str]:
    """All words in ``zh-Hans`` or ``en``."""
    return _TEXTS["en" if lang == "en" else "zh-Hans"]


_CLAIMS = {
    "name": ("姓名", "Full name"),
    "national_id": ("公民身份号码", "Identity number"),
    "family_name": ("姓", "Family name"),
    "given_name": ("名", "Given name"),
    "middle_name": ("中间名", "Middle name"),
    "nickname": ("昵称", "Nickname"),
    "preferred_username": ("常用名", "Preferred name"),
    "profile": ("个人主页", "Profile page"),
    "picture": ("头像", "Picture"),
    "website": ("网站", "Website"),
    "gender": ("性别", "Gender"),
    "birthdate": ("出生日期", "Date of birth"),
    "zoneinfo": ("时区", "Time zone"),
    "locale": ("语言", "Language"),
    "email": ("电子邮箱", "E-mail address"),
    "phone_number": ("电话号码", "Phone number"),
    "address": ("地址", "Address"),
    "marital_status": ("婚姻状况", "Marital status"),
    "age_over_18": ("是否年满 18 周岁", "Eighteen or older"),
}
_RECORDS = {
    "population_register": ("人口登记", "population register"),
    "marriage_register": ("婚姻登记", "marriage register"),
    "social_security": ("社会保险登记", "social security register"),
}
_WORDS = {
    "male": ("男", "Male"),
    "female": ("女", "Female"),
    "single": ("未婚", "Single"),
    "married": ("已婚", "Married"),
    True: ("是", "Yes"),
    False: ("否", "No"),
}


def facts(userinfo: Mapping[str, Any], lang: str) -> list[tuple[str, str]]:
    """What was learned in words: label and text of each claim that says something to a citizen."""
    column = 1 if lang == "en" else 0
    shown = [(names[column], _text(userinfo[claim], column)) for claim, names in _CLAIMS.items() if claim in userinfo]
    return [(label, text) for label, text in shown if text]


def _text(value: Any, column: int) -> str:
    if isinstance(value, Mapping):  # OpenID Connect Core §5.1.1: one address, whole or in parts
        parts = (value.get(k, "") for k in ("region", "locality", "street_address", "postal_code"))
        return str(value.get("formatted") or " ".join(p for p in parts if p))
    return _WORDS[value][column] if value in _WORDS else str(value)


def proofs(userinfo: Mapping[str, Any], lang: str) -> list[dict[str, Any]]:
    """``verified_claims`` in words (OpenID Connect for Identity Assurance 1.0 §5.7): ``facts`` as :func:`facts`, ``framework``, ``since`` (day), and
    the ``sources`` that stand for them."""
    found = userinfo.get("verified_claims", [])
    return [
        {
            "facts": facts(element["claims"], lang),
            "framework": element["verification"]["trust_framework"],
            "since": str(element["verification"].get("time", ""))[:10],
            "sources": [_source(evidence["record"], lang) for evidence in element["verification"].get("evidence", [])],
        }
        for element in (found if isinstance(found, list) else [found])
    ]


def _source(record: Mapping[str, Any], lang: str) -> str:
    """Who keeps the register, and what register it is."""
    kind = _RECORDS.get(record["type"], (record["type"],) * 2)[lang == "en"]
    who = record.get("source", {}).get("name", "")
    return f"{who} ({kind})" if lang == "en" else f"{who}（{kind}）"
