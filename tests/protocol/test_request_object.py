"""The verified claims of a request object (RFC 9101): each rule, and the parameters that come out."""

from typing import Any

import pytest

from clients.model import Client
from idp.errors import Refusal
from idp.protocol.request_object import read

ISSUER, NOW = "https://id.example", 1_767_225_600
CLIENT = Client(client_id="tax", department_id="d", sector_id=b"s" * 16, created_at=0)
GOOD: dict[str, Any] = {
    "iss": "tax",
    "aud": ISSUER,
    "client_id": "tax",
    "exp": NOW + 60,
    "nbf": NOW,
    "iat": NOW,
    "jti": "1",
    "scope": "openid",
    "max_age": 60,
    "claims": {"userinfo": {"name": None}},
    "resource": None,
}


def test_rfc9101_4_parameters_are_claims_and_meta_claims_are_not_parameters() -> None:
    proven = read(GOOD, CLIENT, ISSUER, NOW)
    assert dict(proven.params.items()) == {
        "client_id": "tax",
        "scope": "openid",
        "max_age": "60",
        "claims": '{"userinfo": {"name": null}}',
    }
    assert (proven.jti, proven.exp) == ("1", NOW + 60)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "other"}, "iss"),
        ({"iss": None}, "iss"),
        ({"client_id": "other"}, "client_id"),
        ({"client_id": None}, "client_id"),
        ({"aud": "https://other.example"}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": []}, "aud"),
        ({"exp": None}, "exp"),
        ({"exp": NOW}, "exp"),
        ({"exp": str(NOW + 60)}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": float("inf")}, "exp"),
        ({"exp": NOW + 3700}, "exp_far"),
        ({"nbf": NOW + 60}, "nbf"),
        ({"nbf": NOW - 3601}, "nbf"),
        ({"iat": NOW + 60}, "iat"),
        ({"request": "x"}, "nested"),
        ({"request_uri": "x"}, "nested"),
        ({"jti": 1}, "jti"),
        ({"jti": "x" * 257}, "jti"),
        ({"state": True}, "value"),
        ({"state": 1.5}, "value"),
        ({"state": "x" * 4097}, "value"),
        ({"state": "\x00"}, "value"),
    ],
)
def test_rfc9101_6_3_each_claim_is_judged(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refusal) as refused:
        read({**GOOD, **changes}, CLIENT, ISSUER, NOW)
    assert (refused.value.code, refused.value.reason) == ("invalid_request_object", f"request_object_{reason}")


@pytest.mark.parametrize(
    "changes", [{"aud": [ISSUER, "https://other.example"]}, {"nbf": None, "iat": None, "jti": None}, {"nbf": NOW + 10}]
)
def test_rfc9101_4_what_may_be_left_out_or_be_a_list(changes: dict[str, Any]) -> None:
    assert "scope" in read({**GOOD, **changes}, CLIENT, ISSUER, NOW).params
