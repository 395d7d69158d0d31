"""The attribute catalogue: what the house knows of without being told, which an operator's rows extend.

``code`` is the key in the vault; a claim of OIDC Core §5.1 keeps its name there. Minimising attributes are computed, never stored.
"""

import re
from typing import Final

from idp.release.compare import CLAIMS, SUFFIX
from idp.release.items import BadItem, check_texts
from idp.release.model import AttributeKind
from idp.release.validators import RULES


def _kind(
    code: str, zh: str, en: str, rule: str = "text", why: tuple[str, str] = ("", ""), **more: object
) -> AttributeKind:
    told = {"zh": why[0], "en": why[1]} if why[0] else {}
    return AttributeKind(code=code, claim=code, names={"zh": zh, "en": en}, explanations=told, rule=rule, **more)  # type: ignore[arg-type]


_STATED = ("按《公民身份号码》国家标准编制的十八位号码。", "The eighteen characters of your identity card (GB 11643).")

BUILT_IN: Final[dict[str, AttributeKind]] = {
    kind.code: kind
    for kind in (
        _kind("name", "姓名", "Full name"),
        _kind("family_name", "姓", "Family name"),
        _kind("given_name", "名", "Given name"),
        _kind("middle_name", "中间名", "Middle name"),
        _kind("nickname", "昵称", "Nickname"),
        _kind("preferred_username", "显示名称", "Preferred name for display"),
        _kind("profile", "个人主页", "Address of your profile page"),
        _kind("picture", "照片", "Portrait picture"),
        _kind("website", "网站", "Address of your website"),
        _kind("gender", "性别", "Sex"),
        _kind("birthdate", "出生日期", "Date of birth", "birthdate", type="date"),
        _kind("zoneinfo", "时区", "Time zone"),
        _kind("locale", "语言", "Preferred language"),
        AttributeKind(
            code="updated_at",
            claim="updated_at",
            type="integer",
            names={"zh": "资料更新时间", "en": "When your information last changed"},
        ),
        _kind("email", "电子邮箱", "E-mail address", "email"),
        _kind("email_verified", "电子邮箱是否已确认", "Whether your e-mail address is confirmed", "truth", type="boolean"),
        _kind("phone_number", "电话号码", "Phone number", "phone"),
        _kind("phone_number_verified", "电话号码是否已确认", "Whether your phone number is confirmed", "truth", type="boolean"),
        _kind("address", "地址", "Postal address", "address", type="object"),
        _kind("national_id", "公民身份号码", "Identity number", "national_id", why=_STATED, sensitive=True, source="police"),
        _kind(
            "region_code",
            "户籍所在行政区划",
            "Region of registration",
            "region",
            why=("按 GB/T 2260 的六位行政区划代码。", "The region's six digits (GB/T 2260)."),
            source="police",
        ),
        _kind("nationality", "国籍", "Nationality", "nationality", source="police"),
        _kind("marital_status", "婚姻状况", "Marital status", "marital_status", source="civil-affairs"),
        _kind(
            "employer_code",
            "用人单位统一社会信用代码",
            "Your employer's credit code",
            "credit_code",
            why=("按 GB 32100 的十八位代码。", "Eighteen characters (GB 32100)."),
            source="social-security",
        ),
    )
}  # fmt: skip
"""What ships with the house. The texts of standard claims follow OIDC Core §5.1."""

_AGE: Final = re.compile(r"age_over_([1-9][0-9]?|1[01][0-9])")
_RESIDENT: Final = re.compile(r"resident_of_([0-9]{6})")
_MASKED: Final = re.compile(r"(national_id|phone_number)_masked")


def minimising(code: str) -> AttributeKind | None:
    """The kind of ``age_over_NN``, ``resident_of_RRRRRR`` (GB/T 2260), ``…_masked`` or ``…_matches``; None for any other code."""
    if found := _AGE.fullmatch(code):
        names = {"zh": f"是否年满 {found[1]} 周岁", "en": f"Whether you are {found[1]} or older"}
        return _computed(code, "boolean", "birthdate", names)
    if found := _RESIDENT.fullmatch(code):
        names = {"zh": f"户籍是否在 {found[1]}", "en": f"Whether you are registered in {found[1]}"}
        return _computed(code, "boolean", "region_code", names)
    if found := _MASKED.fullmatch(code):
        whole = BUILT_IN[found[1]].names
        return _computed(
            code, "string", found[1], {"zh": f"部分隐去的{whole['zh']}", "en": f"{whole['en']}, partly hidden"}
        )
    if code in CLAIMS:
        base = code.removesuffix(SUFFIX)
        zh, en = _COMPARED[base]
        return _computed(code, "boolean", base, {"zh": zh, "en": en}, _ONLY_THE_VERDICT)
    return None


_COMPARED: Final = {
    "national_id": (
        "该服务持有的公民身份号码是否为您本人的",
        "Whether the identity number that the service has is yours",
    ),
    "phone_number": ("该服务持有的电话号码是否为您本人的", "Whether the phone number that the service has is yours"),
    "employer_code": (
        "该服务持有的统一社会信用代码是否为您用人单位的",
        "Whether the credit code that the service has is your employer's",
    ),
}
_VERDICT: Final = {"zh": "只给出结果，不给出原值。", "en": "Only the result is told, not the value behind it."}
_ONLY_THE_VERDICT: Final = {
    "zh": "该服务只得知它已持有的号码是否属于您，不会得知您的号码。",
    "en": "The service learns only whether the number that it already has is yours. It is not told your number.",
}


def _computed(
    code: str, kind: str, of: str, names: dict[str, str], told: dict[str, str] | None = None
) -> AttributeKind:
    return AttributeKind(
        code=code, claim=code, type=kind, names=names, explanations=told or _VERDICT, of=(of,), source=BUILT_IN[of].source  # type: ignore[arg-type]
    )  # fmt: skip


def built_in(code: str) -> AttributeKind | None:
    """The kind that the house itself knows under ``code``."""
    return BUILT_IN.get(code) or minimising(code)


_CLAIM: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
RESERVED: Final = (
    "sub iss aud exp iat nbf jti auth_time nonce acr amr azp at_hash c_hash s_hash sid cnf scope client_id active token_type events"
    " verified_claims _claim_names _claim_sources authorization_details"
)
"""What says something of the token, not of the person."""


def check(kind: AttributeKind, before: AttributeKind | None) -> None:
    """Whether an operator may add or change this attribute. Raises BadItem: built in, reserved, without a language, made less protected."""
    if not (_CLAIM.fullmatch(kind.code) and _CLAIM.fullmatch(kind.claim)):
        raise BadItem("A code and a claim have 1 to 64 small letters, digits and underscores, and begin with a letter.")
    if built_in(kind.code) or built_in(kind.claim) or kind.claim in RESERVED.split():
        raise BadItem(f"{kind.code}: the code or claim is built in or has another meaning.")
    if kind.of:
        raise BadItem(f"{kind.code}: computed attributes are built in.")
    if kind.rule is not None and kind.rule not in RULES:
        raise BadItem(f"{kind.code}: rules are {' '.join(sorted(RULES))}.")
    check_texts(kind.names, f"{kind.code}: names", 100)
    if kind.explanations:
        check_texts(kind.explanations, f"{kind.code}: explanations")
    if before is not None and (before.claim != kind.claim or (before.sensitive and not kind.sensitive)):
        raise BadItem(f"{kind.code}: claim and protection of an attribute stay; retire it and add another.")
