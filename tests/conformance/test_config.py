"""Plan Config, and the discovery modules of the logout plans: ``oidcc-discovery-endpoint-verification`` and its kin."""

import re
from typing import Any

import pytest

from tests.kit.house import House

PATH = "/.well-known/openid-configuration"
Document = dict[str, Any]


@pytest.fixture
def document(house: House) -> Document:
    answer = house.request("GET", PATH)
    assert answer.status_code == 200 and answer.content_type == "application/json"
    return dict(answer.get_json())


def test_issuer_is_where_the_document_is(house: House, document: Document) -> None:
    """OIDC Discovery §4.3; RFC 8414 §2: a URL without query and fragment."""
    assert document["issuer"] == house.config.issuer and re.fullmatch(r"https://[^?#]+", document["issuer"])


def test_every_endpoint_is_https_on_the_issuer(document: Document) -> None:
    """OIDC Discovery §3"""
    named = {n: v for n, v in document.items() if n.endswith(("_endpoint", "_uri"))}
    assert {
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "registration_endpoint",
        "end_session_endpoint",
    } <= set(named)
    assert all(value.startswith(document["issuer"] + "/") for value in named.values())


@pytest.mark.parametrize(
    ("member", "least"),
    [
        ("response_types_supported", {"code"}),
        ("subject_types_supported", {"pairwise"}),
        ("id_token_signing_alg_values_supported", {"RS256"}),
        ("userinfo_signing_alg_values_supported", {"RS256"}),
        ("request_object_signing_alg_values_supported", {"RS256"}),
        ("grant_types_supported", {"authorization_code", "refresh_token"}),
        ("scopes_supported", {"openid", "offline_access"}),
        ("claims_supported", {"sub", "iss", "auth_time", "name", "email"}),
        ("code_challenge_methods_supported", {"S256"}),
        (
            "token_endpoint_auth_methods_supported",
            {"client_secret_basic", "client_secret_post", "private_key_jwt", "none"},
        ),
    ],
)
def test_lists_hold_what_the_specifications_demand(document: Document, member: str, least: set[str]) -> None:
    """OIDC Discovery §3; RFC 8414 §2"""
    value = document[member]
    assert isinstance(value, list) and all(isinstance(v, str) and v for v in value) and least <= set(value)


def test_flags_are_booleans_and_said_aloud(document: Document) -> None:
    """OIDC Discovery §3: left out, request_uri_parameter_supported would mean true."""
    flags = {n: v for n, v in document.items() if n.endswith("_parameter_supported")}
    assert flags == {
        "claims_parameter_supported": True,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
    }


def test_scope_and_locale_syntax(document: Document) -> None:
    """RFC 6749 §3.3; BCP 47 with its canonical capitals"""
    assert all(re.fullmatch(r"[\x21\x23-\x5B\x5D-\x7E]+", scope) for scope in document["scopes_supported"])
    tags = [*document["ui_locales_supported"], *document.get("claims_locales_supported", [])]
    assert tags and all(re.fullmatch(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?", tag) for tag in tags)


def test_keys_are_public_named_and_for_signing(house: House, document: Document) -> None:
    """OIDC Core §10.1; RFC 7517 §4; RFC 7518 §6.3.2"""
    keys = house.request("GET", document["jwks_uri"].removeprefix(house.config.issuer)).get_json()["keys"]
    kids = [key["kid"] for key in keys]
    assert kids and len(kids) == len(set(kids))
    assert {"RSA", "EC", "OKP"} == {key["kty"] for key in keys} and {key["use"] for key in keys} == {"sig"}
    assert not {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & {member for key in keys for member in key}


def test_logout_is_announced(document: Document) -> None:
    """RP-Initiated Logout §2.1; Back-Channel Logout §2.1; Front-Channel Logout §3"""
    for channel in ("backchannel", "frontchannel"):
        assert document[f"{channel}_logout_supported"] is True
        assert document[f"{channel}_logout_session_supported"] is True
    assert document["end_session_endpoint"]
