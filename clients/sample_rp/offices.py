"""The four offices: what each asks for and how it proves who it is."""

import json
from dataclasses import dataclass

from clients.sample_rp.sealed import ALG, ENC, SIGNED


@dataclass(frozen=True, slots=True)
class Office:
    """One department's app. ``scope`` is what it asks; ``auth`` its client authentication; ``logout`` how it hears of a sign-out."""

    key: str
    port: int
    name_zh: str
    name_en: str
    service_zh: str
    service_en: str
    about_zh: str
    about_en: str
    scope: str
    auth: str
    alg: str
    logout: str
    items: tuple[str, ...] = ()
    """Service items that it asks for besides, by the scope ``service:<code>``."""
    claims: str = ""
    """The ``claims`` parameter of its authorization requests (OpenID Connect Core §5.5)."""
    check: str = ""
    """The service item by which it asks whether a number is the citizen's own."""
    sealed: bool = False
    """Whether its userinfo comes encrypted to it, as sensitive attributes must."""

    @property
    def asked(self) -> str:
        """The scope of its authorization requests."""
        return " ".join((self.scope, *(f"service:{code}" for code in self.items)))


_RECORD = {"type": {"value": "electronic_record"}, "record": {"type": None, "source": {"name": None}}}
_CONFIRMED = {
    "verification": {"trust_framework": None, "time": None, "evidence": [_RECORD]},
    "claims": {"name": None, "national_id": None},
}
"""Who stands for them, by which register, and since when (OpenID Connect for Identity Assurance 1.0 §5); the whole of it is optional."""

OFFICES = {
    o.key: o
    for o in (
        Office(
            key="tax",
            port=8001,
            name_zh="税务局",
            name_en="Tax Bureau",
            service_zh="个人所得税年度汇算",
            service_en="Yearly income tax settlement",
            about_zh="核对上一年度的收入与扣除，办理退税或补税。",
            about_en="Check last year's income and deductions, get a refund or pay the difference.",
            scope="openid profile email",
            items=("tax-settlement",),
            claims=json.dumps({"userinfo": {"verified_claims": _CONFIRMED}}, separators=(",", ":")),
            sealed=True,
            auth="private_key_jwt",
            alg="ES256",
            logout="back",
        ),
        Office(
            key="social",
            port=8002,
            name_zh="人力资源和社会保障局",
            name_en="Human Resources and Social Security Bureau",
            service_zh="养老保险查询",
            service_en="Pension insurance enquiry",
            about_zh="查询养老保险缴费记录和账户余额。",
            about_en="See your pension contributions and the balance of your account.",
            scope="openid profile phone",
            check="pension-file",
            auth="client_secret_basic",
            alg="RS256",
            logout="back",
        ),
        Office(
            key="housing",
            port=8003,
            name_zh="住房公积金管理中心",
            name_en="Housing Fund Centre",
            service_zh="公积金提取",
            service_en="Housing fund withdrawal",
            about_zh="购房、租房或还贷时提取住房公积金。",
            about_en="Withdraw from your housing fund to buy, rent or repay a loan.",
            scope="openid",
            items=("housing-withdrawal",),
            auth="client_secret_post",
            alg="ES256",
            logout="front",
        ),
        Office(
            key="library",
            port=8004,
            name_zh="市图书馆",
            name_en="Municipal Library",
            service_zh="借书证办理",
            service_en="Library card",
            about_zh="网上办理借书证。只需证明您已年满十八周岁，不需要姓名和出生日期。",
            about_en="Get a library card. It is enough to show that you are eighteen, without name or date of birth.",
            scope="openid",
            items=("library-card",),
            auth="client_secret_basic",
            alg="ES256",
            logout="back",
        ),
    )
}


def metadata(office: Office, base: str, jwks: dict[str, object] | None) -> dict[str, object]:
    """The RFC 7591 metadata with which the office registers. ``base`` is its own URL; ``jwks`` its public keys: to prove itself and to be told."""
    value: dict[str, object] = {
        "client_name": office.name_en,
        "client_name#zh-Hans": office.name_zh,
        "client_uri": base,
        "redirect_uris": [base + path for path in ("/callback", *(("/checked",) if office.check else ()))],
        "post_logout_redirect_uris": [base + "/goodbye"],
        "token_endpoint_auth_method": office.auth,
        "id_token_signed_response_alg": office.alg,
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": office.scope + " offline_access",
    }
    if office.auth == "private_key_jwt":
        value["jwks"] = jwks
        value["token_endpoint_auth_signing_alg"] = "ES256"
    if office.sealed:
        value |= {
            "jwks": jwks,
            "userinfo_signed_response_alg": SIGNED,
            "userinfo_encrypted_response_alg": ALG,
            "userinfo_encrypted_response_enc": ENC,
        }
    if office.logout == "back":
        value |= {"backchannel_logout_uri": base + "/backchannel-logout", "backchannel_logout_session_required": True}
    else:
        value |= {
            "frontchannel_logout_uri": base + "/frontchannel-logout",
            "frontchannel_logout_session_required": True,
        }
    return value
