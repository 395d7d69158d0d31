"""openid-client 6 (Node), unmodified, against the served product."""

from typing import Any

import pytest
from joserfc.jwk import ECKey

from idp.flows.provision import add_initial_token
from tests.faults.ground import Served
from tests.kit.agent import Agent
from tests.kit.house import CLAIMS
from tests.kit.sealed import KEYS, encrypting
from tests.third_party.node import journey

BACK = "https://node.example/callback"
OUT = "https://node.example/out"
KEY = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
PUBLIC = {"keys": [dict(KEY.as_dict(private=False))]}


def settings(served: Served, name: str, auth: str, **metadata: Any) -> dict[str, Any]:
    """A registered client as its developer would write it down."""
    scope = metadata.pop("asks", "openid profile email offline_access")
    keys = {"jwks": PUBLIC} if auth == "private_key_jwt" or metadata.get("request_object_signing_alg") else {}
    document = {
        "redirect_uris": [BACK],
        "post_logout_redirect_uris": [OUT],
        "token_endpoint_auth_method": auth,
        **keys,
        **metadata,
    }
    app = served.register("node", **document)
    return {
        "journey": name,
        "issuer": served.config.issuer,
        "client_id": app.id,
        "secret": app.secret,
        "auth": auth,
        "jwk": KEY.as_dict(private=True),
        "redirect_uri": BACK,
        "post_logout_redirect_uri": OUT,
        "scope": scope,
    }


@pytest.mark.parametrize("auth", ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"])
def test_code_refresh_introspection_revocation_and_logout(served: Served, agent: Agent, auth: str) -> None:
    """Discovery, PKCE, ``iss`` (RFC 9207), userinfo, refresh, introspection, revocation, end session."""
    found = journey(agent, settings(served, "code", auth))
    assert found["issuer"] == served.config.issuer == found["claims"]["iss"]
    assert found["userinfo"]["sub"] == found["claims"]["sub"] and found["userinfo"]["name"] == CLAIMS["name"]
    assert found["left"] == f"{OUT}?state=bye"
    if auth != "none":
        assert found["live"]["active"] is True and found["dead"] == {"active": False}


def test_a_pushed_request(served: Served, agent: Agent) -> None:
    """RFC 9126"""
    found = journey(agent, settings(served, "par", "client_secret_basic", require_pushed_authorization_requests=True))
    assert sorted(found["sent"]) == ["client_id", "request_uri"] and found["claims"]["sub"]


@pytest.mark.parametrize(
    ("name", "sent"), [("jar", ["client_id", "request"]), ("jarThroughPar", ["client_id", "request_uri"])]
)
def test_a_signed_request_object(served: Served, agent: Agent, name: str, sent: list[str]) -> None:
    """RFC 9101, by value and pushed"""
    asked = settings(
        served, name, "private_key_jwt", require_signed_request_object=True, request_object_signing_alg="ES256"
    )
    found = journey(agent, asked)
    assert sorted(found["sent"]) == sent and found["claims"]["sub"]


def test_form_post_and_signed_userinfo(served: Served, agent: Agent) -> None:
    """OAuth 2.0 Form Post Response Mode; OIDC Core §5.3.2: the library checks the signature of the userinfo JWT."""
    asked = settings(served, "formPost", "client_secret_basic", userinfo_signed_response_alg="ES256")
    found = journey(agent, {**asked, "metadata": {"userinfo_signed_response_alg": "ES256"}})
    assert found["userinfo"]["email"] == CLAIMS["email"]


@pytest.mark.parametrize("enc", ["A256GCM", None])
@pytest.mark.parametrize("alg", ["ECDH-ES+A256KW", "RSA-OAEP-256"])
def test_encrypted_id_tokens_userinfo_and_introspection(
    served: Served, agent: Agent, alg: str, enc: str | None
) -> None:
    """OIDC Core §10.2, RFC 9701: the library decrypts all three, then checks their signatures; ``enc`` left out is its own default."""
    signed = {"userinfo_signed_response_alg": "ES256", "introspection_signed_response_alg": "ES256"}
    metadata = encrypting(alg, "id_token", "userinfo", "introspection", enc=enc) | signed
    asked = settings(served, "code", "client_secret_basic", **metadata)
    key = KEYS[alg].as_dict(private=True)
    told = {name: value for name, value in metadata.items() if name != "jwks"}
    found = journey(agent, {**asked, "metadata": told, "decrypt": key, "encs": [enc or "A128CBC-HS256"]})
    assert found["userinfo"]["name"] == CLAIMS["name"] and found["userinfo"]["sub"] == found["claims"]["sub"]
    assert found["live"]["active"] is True and found["dead"] == {"active": False}


def test_client_credentials(served: Served, agent: Agent) -> None:
    """RFC 6749 §4.4"""
    asked = settings(
        served,
        "machine",
        "private_key_jwt",
        grant_types=["client_credentials"],
        redirect_uris=[],
        post_logout_redirect_uris=[],
    )
    found = journey(agent, asked)
    assert found["live"]["active"] is True and found["live"]["client_id"] == asked["client_id"]


def test_it_registers_itself(served: Served, agent: Agent) -> None:
    """RFC 7591 with an initial access token, then signs in."""
    token = add_initial_token(served.parts, served.department("node"))
    register = {
        "redirect_uris": [BACK],
        "client_name": "Node",
        "id_token_signed_response_alg": "ES256",
        "token_endpoint_auth_method": "client_secret_post",  # what the library uses when it is told nothing
    }
    asked = {
        "journey": "registration",
        "issuer": served.config.issuer,
        "register": register,
        "initial_access_token": token,
        "redirect_uri": BACK,
        "scope": "openid phone",
    }
    found = journey(agent, asked)
    assert found["userinfo"]["phone_number"] == CLAIMS["phone_number"]
    assert found["registered"]["client_id"] == found["claims"]["aud"]
