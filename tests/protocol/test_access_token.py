"""What an access token must say (RFC 9068 §2.2, §4); where a bearer token may stand (RFC 6750 §2) and how it is refused (§3)."""

from typing import Any

import pytest

from idp.errors import Code, Refusal
from idp.protocol import access_token as law
from idp.protocol import bearer

ISSUER = "https://id.example"
GOOD = law.claims(issuer=ISSUER, subject="s", client_id="c", scope="openid email", jti="j", now_s=1000, ttl_s=600)


def test_claims_of_rfc_9068() -> None:
    assert GOOD == {
        "iss": ISSUER, "sub": "s", "aud": ISSUER, "client_id": "c", "scope": "openid email", "iat": 1000, "exp": 1600, "jti": "j",
    }  # fmt: skip


def test_read() -> None:
    token = law.read(GOOD, ISSUER)
    assert (token.sub, token.client_id, token.scope, token.audience) == ("s", "c", ("openid", "email"), (ISSUER,))


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"sub": None},
        {"client_id": None},
        {"aud": []},
        {"aud": 1},
        {"jti": None},
        {"exp": "1600"},
        {"exp": None},
        {"iat": 1.5},
        {"scope": ["openid"]},
    ],
)
def test_read_refuses(change: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(Refusal, match="invalid_token"):
        law.read(claims, ISSUER)


@pytest.mark.parametrize(("now_s", "fine"), [(940, True), (939, False), (1599, True), (1600, False)])
def test_time(now_s: int, fine: bool) -> None:
    token = law.read(GOOD, ISSUER)
    if fine:
        law.check_time(token, now_s)
        return
    with pytest.raises(Refusal, match="invalid_token"):
        law.check_time(token, now_s)


@pytest.mark.parametrize("header", ["Bearer abc", "bearer abc", "BEARER  abc", "Bearer abc=="])
def test_the_scheme_in_any_case(header: str) -> None:
    assert bearer.one_token(header, None, in_query=False) == header.split()[1]


@pytest.mark.parametrize(
    ("header", "body", "query", "code", "reason"),
    [
        (None, None, False, Code.INVALID_TOKEN, "no_token"),
        ("Basic abc", None, False, Code.INVALID_TOKEN, "scheme"),
        ("Bearer", None, False, Code.INVALID_REQUEST, "bearer_syntax"),
        ("Bearer a b", None, False, Code.INVALID_REQUEST, "bearer_syntax"),
        ("Bearer a,b", None, False, Code.INVALID_REQUEST, "bearer_syntax"),
        ("Bearer abc", "abc", False, Code.INVALID_REQUEST, "two_tokens"),
        (None, None, True, Code.INVALID_REQUEST, "token_in_query"),
        ("Bearer abc", None, True, Code.INVALID_REQUEST, "token_in_query"),
    ],
)
def test_places(header: str | None, body: str | None, query: bool, code: Code, reason: str) -> None:
    with pytest.raises(Refusal) as refused:
        bearer.one_token(header, body, in_query=query)
    assert (refused.value.code, refused.value.reason) == (code, reason)


def test_challenges() -> None:
    none = Refusal(Code.INVALID_TOKEN, "x", reason="no_token")
    assert bearer.challenge(none) == 'Bearer realm="yimen"'
    narrow = Refusal(Code.INSUFFICIENT_SCOPE, "Too narrow.")
    assert bearer.challenge(narrow, "openid").endswith(
        'error="insufficient_scope", error_description="Too narrow.", scope="openid"'
    )
