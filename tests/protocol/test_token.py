"""The token endpoint's law (RFC 6749 §4.1.3, §4.4, §5.2; RFC 7636 §4.1, §4.6; RFC 8707 §2)."""

from dataclasses import dataclass, replace

import pytest

from clients.model import Client
from idp.errors import Code, Refusal
from idp.protocol import resource
from idp.protocol import token as law
from idp.protocol.params import parse
from tests.kit.house import VERIFIER, challenge

CB = "https://tax.example/cb"


@dataclass(frozen=True)
class Row:
    client_id: str = "a"
    redirect_uri: str = CB
    code_challenge: str | None = challenge()
    state: str = "issued"
    created_at: int = 40
    code_expires_at: int = 100
    ended_at: int | None = None


GOOD = law.CodeRequest("code", CB, VERIFIER)


def judged(row: Row, asked: law.CodeRequest = GOOD, client: str = "a", now: int = 50, **state: bool) -> law.Verdict:
    return law.judge_code(row, client, asked, now, **{"account_active": True, "session_alive": True, **state})


@pytest.mark.parametrize(
    ("row", "asked", "client", "now", "state", "verdict"),
    [
        pytest.param(Row(), GOOD, "a", 50, {}, law.Good(), id="good"),
        pytest.param(Row(), GOOD, "a", 99, {}, law.Good(), id="last-moment"),
        pytest.param(Row(), GOOD, "a", 40 - law.SKEW_US, {}, law.Good(), id="another-nodes-clock"),
        pytest.param(Row(), GOOD, "a", 39 - law.SKEW_US, {}, law.Dead("code_expired"), id="clock-set-back"),
        pytest.param(Row(), GOOD, "b", 50, {}, law.Misused("wrong_client"), id="other-client"),
        pytest.param(
            Row(), replace(GOOD, redirect_uri=CB + "/"), "a", 50, {}, law.Misused("wrong_redirect_uri"), id="uri"
        ),
        pytest.param(
            Row(), replace(GOOD, redirect_uri=None), "a", 50, {}, law.Misused("wrong_redirect_uri"), id="no-uri"
        ),
        pytest.param(
            Row(), replace(GOOD, verifier=None), "a", 50, {}, law.Misused("verifier_missing"), id="no-verifier"
        ),
        pytest.param(
            Row(), replace(GOOD, verifier="x" * 43), "a", 50, {}, law.Misused("wrong_verifier"), id="verifier"
        ),
        pytest.param(
            Row(),
            replace(GOOD, verifier=challenge()),
            "a",
            50,
            {},
            law.Misused("wrong_verifier"),
            id="challenge-as-verifier",
        ),
        pytest.param(
            Row(code_challenge=None),
            GOOD,
            "a",
            50,
            {},
            law.Misused("verifier_unexpected"),
            id="downgrade-RFC9700-4.8.2",
        ),
        pytest.param(Row(code_challenge=None), replace(GOOD, verifier=None), "a", 50, {}, law.Good(), id="no-pkce"),
        pytest.param(Row(state="redeemed"), GOOD, "a", 50, {}, law.Replayed(), id="spent"),
        pytest.param(Row(state="redeemed"), GOOD, "a", 5000, {}, law.Replayed(), id="spent-and-expired"),
        pytest.param(Row(state="redeemed"), GOOD, "b", 50, {}, law.Misused("wrong_client"), id="spent-by-stranger"),
        pytest.param(Row(ended_at=1), GOOD, "a", 50, {}, law.Dead("grant_ended"), id="ended"),
        pytest.param(Row(), GOOD, "a", 100, {}, law.Dead("code_expired"), id="expired"),
        pytest.param(Row(), GOOD, "a", 50, {"account_active": False}, law.Dead("account_inactive"), id="account"),
        pytest.param(Row(), GOOD, "a", 50, {"session_alive": False}, law.Dead("session_ended"), id="session"),
    ],
)
def test_judge_code(
    row: Row, asked: law.CodeRequest, client: str, now: int, state: dict[str, bool], verdict: law.Verdict
) -> None:
    assert judged(row, asked, client, now, **state) == verdict


@pytest.mark.parametrize("verifier", ["a" * 42, "a" * 129, "a" * 42 + "!", "a" * 42 + " ", "é" * 43, "a" * 43 + "\n"])
def test_a_malformed_verifier_is_an_invalid_request(verifier: str) -> None:
    from urllib.parse import urlencode

    with pytest.raises(Refusal) as refused:
        law.read_code(parse(urlencode({"code": "c", "code_verifier": verifier})))
    assert (refused.value.code, refused.value.reason) == (Code.INVALID_REQUEST, "verifier_malformed")


@pytest.mark.parametrize("length", [43, 128])
def test_verifier_lengths_of_rfc_7636(length: int) -> None:
    assert law.read_code(parse(f"code=c&code_verifier={'a' * length}")).verifier == "a" * length


def test_the_code_is_required() -> None:
    with pytest.raises(Refusal, match="invalid_request"):
        law.read_code(parse("redirect_uri=x"))


def client(**members: object) -> Client:
    return Client(client_id="a", department_id="d", sector_id=bytes(16), created_at=0, **members)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("grant_type", "code"),
    [
        ("password", Code.UNSUPPORTED_GRANT_TYPE),
        ("implicit", Code.UNSUPPORTED_GRANT_TYPE),
        ("urn:ietf:params:oauth:grant-type:token-exchange", Code.UNSUPPORTED_GRANT_TYPE),
        ("urn:ietf:params:oauth:grant-type:jwt-bearer", Code.UNSUPPORTED_GRANT_TYPE),
        ("urn:ietf:params:oauth:grant-type:device_code", Code.UNSUPPORTED_GRANT_TYPE),
        ("Authorization_Code", Code.UNSUPPORTED_GRANT_TYPE),
        ("client_credentials", Code.UNAUTHORIZED_CLIENT),
        ("refresh_token", Code.UNAUTHORIZED_CLIENT),
    ],
)
def test_grant_types(grant_type: str, code: Code) -> None:
    with pytest.raises(Refusal) as refused:
        law.check_grant_type(grant_type, client())
    assert refused.value.code is code


@pytest.mark.parametrize(
    ("form", "members", "scope"),
    [
        ("", {"scope": ("openid", "x"), "default_scope": ("openid",)}, "openid"),
        ("", {"scope": ("openid", "x")}, "openid x"),
        ("scope=x", {"scope": ("openid", "x")}, "x"),
        ("scope=x+openid+x", {"scope": ("openid", "x")}, "x openid"),
    ],
)
def test_scope_of_a_client(form: str, members: dict[str, object], scope: str) -> None:
    assert law.client_scope(parse(form), client(**members)) == scope


@pytest.mark.parametrize(
    ("form", "scope"), [("", ()), *((form, ("openid",)) for form in ("scope=y", "scope=openid+y", "scope=%22"))]
)
def test_scope_of_a_client_refused(form: str, scope: tuple[str, ...]) -> None:
    with pytest.raises(Refusal, match="invalid_scope"):
        law.client_scope(parse(form), client(scope=scope))


@pytest.mark.parametrize(
    ("form", "fine"),
    [
        ("", True),
        ("resource=https://id.example", True),
        ("resource=https://other.example", False),
        ("resource=https://id.example&resource=https://id.example", True),
        ("resource=https://id.example&resource=https://other.example", False),
        ("resource=https://other.example&resource=https://id.example", False),
    ],
)
def test_resource(form: str, fine: bool) -> None:
    if fine:
        resource.check(parse(form), "https://id.example")
        return
    with pytest.raises(Refusal, match="invalid_target"):
        resource.check(parse(form), "https://id.example")
