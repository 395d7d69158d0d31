"""Plans Basic and Form Post Basic, module by module; each test is named after the module's published name."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc import jwt

from tests.conformance.suite import CALLBACK, Suite, unsigned
from tests.kit.house import CLAIMS, VERIFIER, bearer, challenge

SCOPES: dict[str, set[str]] = {
    "profile": {"name", "family_name", "given_name", "preferred_username", "birthdate"},
    "email": {"email", "email_verified"},
    "phone": {"phone_number", "phone_number_verified"},
    "address": {"address"},
}


def asks_for_a_page(suite: Suite, client: Any, element: str, **more: str) -> None:
    """The request shows a page with that element, not an answer."""
    assert suite.agent.open(suite.url(suite.request(client, **more))) is None
    assert suite.agent.shown.status == 200 and suite.agent.shown.has(element)


def test_oidcc_server(suite: Suite) -> None:
    """OIDC Core §3.1: the happy flow with a registered client that gives no scope and knows no PKCE."""
    client = suite.register()
    done = suite.sign_in(client)
    assert (suite.agent.sign_ins, suite.agent.consents) == (1, 1)
    assert set(done.userinfo) == {"sub"}
    assert done.tokens.get("refresh_token") is None


def test_oidcc_server_client_secret_post(suite: Suite) -> None:
    suite.auth = "client_secret_post"
    suite.sign_in(suite.register())


def test_oidcc_response_type_missing(suite: Suite) -> None:
    """RFC 6749 §3.1.1, §4.1.2.1"""
    asked = suite.ask_directly(suite.register(), response_type="")
    assert asked.answer["error"] in {"invalid_request", "unsupported_response_type"}


def test_oidcc_idtoken_signature(suite: Suite) -> None:
    """OIDC Core §2, §10.1: signed with a published key that ``kid`` names."""
    client = suite.register()
    done = suite.sign_in(client)
    [named] = [k for k in suite.keys().keys if k.kid == jwt.decode(done.tokens["id_token"], suite.keys()).header["kid"]]
    assert named.as_dict()["use"] == "sig"


def test_oidcc_idtoken_unsigned(suite: Suite) -> None:
    """The module is skipped where discovery does not list ``none``; asking for it anyway is refused."""
    document = suite.house.request("GET", "/.well-known/openid-configuration").get_json()
    assert "none" not in document["id_token_signing_alg_values_supported"]
    assert suite.try_register(id_token_signed_response_alg="none")[1]["error"] == "invalid_client_metadata"


def test_oidcc_userinfo_get(suite: Suite) -> None:
    done = suite.sign_in(suite.register(), scope="openid profile")
    assert set(done.userinfo) == {"sub"} | SCOPES["profile"]


@pytest.mark.parametrize("where", ["header", "body"])
def test_oidcc_userinfo_post(suite: Suite, where: str) -> None:
    """OIDC Core §5.3.1; RFC 6750 §2.1, §2.2"""
    token = suite.sign_in(suite.register()).tokens["access_token"]
    answer = suite.house.post(
        "/userinfo", {"access_token": token} if where == "body" else {}, bearer(token) if where == "header" else {}
    )
    assert answer.status_code == 200 and answer.get_json()["sub"]


def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(suite: Suite) -> None:
    assert "nonce" not in suite.sign_in(suite.register(), nonce="").id_token


@pytest.mark.parametrize("scope", SCOPES)
def test_oidcc_scope(suite: Suite, scope: str) -> None:
    """OIDC Core §5.4: what the scope names comes from userinfo, with the right types."""
    done = suite.sign_in(suite.register(), scope=f"openid {scope}")
    assert set(done.userinfo) == {"sub"} | SCOPES[scope]
    assert {n: done.userinfo[n] for n in SCOPES[scope]} == {n: CLAIMS[n] for n in SCOPES[scope]}


@pytest.mark.parametrize(
    "scope", ["openid profile email address phone", "email openid", "phone address email profile openid"]
)
def test_oidcc_scope_all_in_any_order(suite: Suite, scope: str) -> None:
    done = suite.sign_in(suite.register(), scope=scope)
    assert set(done.userinfo) == {"sub"}.union(*(SCOPES[s] for s in scope.split() if s != "openid"))
    assert set(done.tokens["scope"].split()) == set(scope.split())


def test_oidcc_alternate_happy_flow(suite: Suite) -> None:
    """RFC 6749 §3.3: neither the order of scopes nor that of parameters counts."""
    client = suite.register()
    request = dict(reversed(suite.request(client, scope="email openid").items()))
    done = suite.finish(client, suite.checked(request, suite.agent.authorize(suite.url(request))))
    assert set(done.userinfo) == {"sub"} | SCOPES["email"]


@pytest.mark.parametrize("display", ["page", "popup"])
def test_oidcc_display(suite: Suite, display: str) -> None:
    client = suite.register()
    asks_for_a_page(suite, client, "username", display=display)
    suite.sign_in(client, display=display)


def test_oidcc_prompt_login(suite: Suite) -> None:
    """OIDC Core §3.1.2.1: the citizen is asked again although signed in."""
    client = suite.register()
    first = suite.sign_in(client, max_age="15000")
    suite.house.clock.advance(2)
    second = suite.sign_in(client, prompt="login", max_age="15000")
    assert suite.agent.sign_ins == 2
    assert second.id_token["auth_time"] > first.id_token["auth_time"]
    assert second.id_token["sub"] == first.id_token["sub"]


def test_oidcc_prompt_none_not_logged_in(suite: Suite) -> None:
    asked = suite.ask_directly(suite.register(), prompt="none")
    assert asked.answer["error"] in {"login_required", "interaction_required"} and "code" not in asked.answer


def test_oidcc_prompt_none_logged_in(suite: Suite) -> None:
    client = suite.register()
    first = suite.sign_in(client)
    suite.house.clock.advance(5)
    second = suite.sign_in_again(client, prompt="none")
    assert second.id_token["sub"] == first.id_token["sub"]
    assert second.id_token.get("auth_time") == first.id_token.get("auth_time")


def test_oidcc_max_age_1(suite: Suite) -> None:
    client = suite.register()
    suite.sign_in(client)
    suite.house.clock.advance(2)
    second = suite.sign_in(client, max_age="1")
    assert suite.agent.sign_ins == 2
    assert second.id_token["auth_time"] == suite.house.clock.seconds


def test_oidcc_max_age_10000(suite: Suite) -> None:
    client = suite.register()
    first = suite.sign_in(client, max_age="15000")
    suite.house.clock.advance(5)
    second = suite.sign_in_again(client, max_age="10000")
    assert second.id_token["auth_time"] == first.id_token["auth_time"] == suite.house.clock.seconds - 5
    assert second.id_token["sub"] == first.id_token["sub"]


@pytest.mark.parametrize(
    "more",
    [
        {"extra": "foobar"},
        {"login_hint": "li.wei@suite.example"},
        {"ui_locales": "se"},
        {"claims_locales": "se"},
    ],
    ids=lambda more: next(iter(more)),
)
def test_oidcc_requests_with_more_parameters_succeed(suite: Suite, more: Mapping[str, str]) -> None:
    """OIDC Core §3.1.2.1, §15.1: unknown parameters are ignored; hints, locales and wishes are never an error."""
    suite.sign_in(suite.register(), **more)


def test_oidcc_ensure_request_with_acr_values_succeeds(suite: Suite) -> None:
    """OIDC Core §3.1.2.1, §15.1: every level that discovery lists is asked for; the ID token has one of them."""
    listed = suite.house.request("GET", "/.well-known/openid-configuration").get_json()["acr_values_supported"]
    assert suite.sign_in(suite.register(), acr_values=" ".join(listed)).id_token["acr"] in listed


def test_oidcc_id_token_hint(suite: Suite) -> None:
    client = suite.register()
    first = suite.sign_in(client)
    second = suite.sign_in_again(client, prompt="none", id_token_hint=first.tokens["id_token"])
    assert second.id_token["sub"] == first.id_token["sub"]


@pytest.mark.parametrize("wait_s", [0, 30])
def test_oidcc_codereuse(suite: Suite, wait_s: int) -> None:
    """RFC 6749 §4.1.2: refused, and what the first use gave is revoked."""
    client = suite.register()
    done = suite.sign_in(client)
    suite.house.clock.advance(wait_s)
    status, refused = suite.redeem(client, done.asked)
    assert (status, refused["error"]) == (400, "invalid_grant")
    assert not {'"', "\\", "\r", "\n", "\t"} & set(refused["error_description"])
    assert suite.house.userinfo(done.tokens["access_token"]).status_code == 401


def test_oidcc_ensure_registered_redirect_uri(suite: Suite) -> None:
    asks_for_a_page_with_an_error(suite, redirect_uri=f"{CALLBACK}/unregistered")


def asks_for_a_page_with_an_error(suite: Suite, **more: str) -> None:
    """Nothing is sent to the client (RFC 6749 §4.1.2.1)."""
    assert suite.agent.open(suite.url(suite.request(suite.register(), **more))) is None
    assert suite.agent.shown.status == 400 and suite.agent.shown.has("error-code")


def test_oidcc_ensure_post_request_succeeds(suite: Suite) -> None:
    """OIDC Core §3.1.2.1: parameters in a form."""
    client = suite.register()
    request = suite.request(client)
    suite.finish(client, suite.checked(request, suite.agent.through(suite.agent.post("/authorize", request))))


@pytest.mark.parametrize("carrier", ["request", "request_uri"])
def test_oidcc_unsigned_requests_are_rejected(suite: Suite, carrier: str) -> None:
    """Both modules, and the one with another redirect URI in the object, are skipped where discovery lists no ``none``."""
    document = suite.house.request("GET", "/.well-known/openid-configuration").get_json()
    assert "none" not in document["request_object_signing_alg_values_supported"]
    assert document["request_uri_parameter_supported"] is False
    client = suite.register()
    body = {**suite.request(client), "aud": suite.house.config.issuer, "iss": client.id}
    value = unsigned(body) if carrier == "request" else "https://suite.example/requests/1"
    asked = suite.request(client, **{carrier: value})
    left = suite.agent.open(suite.url(asked))
    assert left is None or left.params["error"] in {"invalid_request_object", "request_uri_not_supported"}


def test_oidcc_claims_essential(suite: Suite) -> None:
    """OIDC Core §5.5.1: from userinfo, and not in the ID token."""
    done = suite.sign_in(suite.register(), claims='{"userinfo":{"name":{"essential":true}}}')
    assert done.userinfo["name"] == CLAIMS["name"] and "name" not in done.id_token


def test_oidcc_refresh_token(suite: Suite) -> None:
    """OIDC Core §11, §12.2; RFC 6749 §6, §A.17: offline access, as discovery lists that scope; bound to its client."""
    grants = ["authorization_code", "refresh_token"]
    clients = [suite.register(grant_types=grants), suite.register(grant_types=grants)]
    kept = []
    for client in clients:
        done = suite.sign_in(client, scope="openid offline_access", prompt="consent")
        assert re.fullmatch(r"[\x20-\x7E]+", done.tokens["refresh_token"])
        suite.house.clock.advance(1)
        status, fresh = suite.token(
            client, {"grant_type": "refresh_token", "refresh_token": done.tokens["refresh_token"]}
        )
        assert status == 200 and fresh["access_token"] != done.tokens["access_token"]
        again = suite.validated(client, fresh["id_token"], None)
        assert again["iat"] > done.id_token["iat"]
        same = ("iss", "sub", "aud", "sid", "azp")
        assert {n: again.get(n) for n in same} == {n: done.id_token.get(n) for n in same}
        assert suite.userinfo(fresh["access_token"])["sub"] == done.id_token["sub"]
        kept.append(fresh["refresh_token"])
    status, refused = suite.token(clients[0], {"grant_type": "refresh_token", "refresh_token": kept[1]})
    assert (status, refused["error"]) == (400, "invalid_grant")


def test_oidcc_ensure_request_with_valid_pkce_succeeds(suite: Suite) -> None:
    """RFC 7636 §4: used although not required of this client, and then binding."""
    client = suite.register()
    asked = suite.ask(client, code_challenge=challenge(), code_challenge_method="S256")
    suite.finish(client, asked, code_verifier=VERIFIER)
