"""A client's own error list: every refusal of a client that is known leaves one line; nobody else can fill it."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from idp.flows.error_list import KEPT, NOT_KEPT, PER_MINUTE, STRANGER_PER_HOUR, STRANGERS_PER_HOUR
from idp.flows.provision import add_initial_token
from idp.records import ClientRefusal, ClientRow, Grant
from tests.kit.house import REDIRECT, VERIFIER, App, House, basic, bearer, challenge, sign

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"
CODE = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "code_verifier": VERIFIER}


def lines(house: House, app: App) -> list[ClientRefusal]:
    return house.parts.store.find(ClientRefusal, {"client_id": app.id}, order=("-at",))


def only(house: House, app: App) -> tuple[str, str, str, str]:
    """The one line: error, reason, received, registered."""
    (line,) = lines(house, app)
    assert line.reference, "the developer finds the event by its reference"
    return line.code, line.reason, line.received, line.registered


# Authorization requests -------------------------------------------------------------------------------------------------

MALFORMED = {
    "claims": ({"claims": "{"}, "invalid_request", "claims_malformed", "is not JSON from character 2 on"),
    "claims of another shape": (
        {"claims": '{"userinfo": []}'},
        "invalid_request",
        "claims_malformed",
        "at userinfo is not an object of at most 100 claims",
    ),
    "details": ({"authorization_details": "{"}, "invalid_authorization_details", "details_malformed", ""),
    "details of another type": (
        {"authorization_details": '[{"type": "x"}]'},
        "invalid_authorization_details",
        "details_type",
        "",
    ),
    "max_age": ({"max_age": "abc"}, "invalid_request", "max_age_malformed", "abc"),
    "prompt": ({"prompt": "sometimes"}, "invalid_request", "prompt_unknown", "sometimes"),
    "two prompts": ({"prompt": "none login"}, "invalid_request", "prompt_none_with_others", "none login"),
    "a challenge": ({"code_challenge": "short"}, "invalid_request", "pkce_malformed", "short"),
    "no challenge": ({"code_challenge": ""}, "invalid_request", "pkce_missing", "S256"),
    "plain": ({"code_challenge_method": "plain"}, "invalid_request", "pkce_method", "plain"),
    "scope": ({"scope": "profile"}, "invalid_scope", "scope_without_openid", "profile"),
    "no response type": ({"response_type": ""}, "invalid_request", "response_type_missing", ""),
    "response mode": ({"response_mode": "jwt"}, "invalid_request", "response_mode_unsupported", "jwt"),
    "a hint": ({"id_token_hint": "x.y.z"}, "invalid_request", "id_token_hint_invalid", ""),
    "registration": ({"registration": "{}"}, "registration_not_supported", "registration_parameter", ""),
    "a request object": ({"request": "x.y.z"}, "invalid_request_object", "request_object_syntax", ""),
    "a foreign request_uri": (
        {"request_uri": "https://tax.example/r"},
        "request_uri_not_supported",
        "request_uri_foreign",
        "",
    ),
    "an unknown request_uri": (
        {"request_uri": "urn:ietf:params:oauth:request_uri:x"},
        "invalid_request_uri",
        "request_uri_unknown",
        "",
    ),
    "no redirect_uri": ({"redirect_uri": ""}, "invalid_request", "redirect_uri_missing", ""),
    "too long": ({"state": "x" * 5000}, "invalid_request", "parameter_too_long", ""),
    "NUL": ({"state": "\x00"}, "invalid_request", "nul_in_parameter", ""),
}


@pytest.mark.parametrize(("params", "code", "reason", "received"), MALFORMED.values(), ids=list(MALFORMED))
def test_a_malformed_authorization_request(
    house: House, params: dict[str, str], code: str, reason: str, received: str
) -> None:
    app = house.register()
    house.authorize(house.browser(), app, **params)
    assert only(house, app)[:3] == (code, reason, received)


def test_a_parameter_sent_twice_is_named(house: House) -> None:
    app = house.register()
    query = {"client_id": app.id, "redirect_uri": REDIRECT, "response_type": "code", "scope": "openid", "state": "a"}
    house.request("GET", "/authorize", query_string=urlencode(query) + "&state=b")
    assert only(house, app)[:3] == ("invalid_request", "repeated_parameter", "state")


def test_a_body_that_cannot_be_read_is_told_to_the_client_that_it_names(house: House) -> None:
    app = house.register()
    house.request("POST", "/authorize", data=f"client_id={app.id}&state=%ff", content_type=FORM)
    assert only(house, app)[1] == "malformed_form"


def test_what_stands_in_a_malformed_value_stays_out(house: House) -> None:
    """People's data may be in it."""
    app = house.register()
    house.authorize(house.browser(), app, claims='{"userinfo": {"email": {"value": "li.wei@example.cn"}},}')
    assert "li.wei" not in str(lines(house, app))


def test_too_many_parameters_are_called_so(house: House) -> None:
    app = house.register()
    answer = house.as_client(app, "/par", {f"x{n}": "1" for n in range(1000)})
    assert "too many parameters" in answer.get_json()["error_description"]
    assert only(house, app)[:2] == ("invalid_request", "too_many_parameters")


# The token endpoint and its neighbours ------------------------------------------------------------------------------------

Act = Callable[[House, App], Any]


def redeem(**changes: str) -> Act:
    def act(house: House, app: App) -> None:
        code, _ = house.grant(app, house.citizen())
        house.as_client(app, "/token", {**CODE, "code": code, **changes})

    return act


def expired(house: House, app: App) -> None:
    code, _ = house.grant(app, house.citizen())
    house.clock.advance(61)
    house.as_client(app, "/token", {**CODE, "code": code})


def twice(house: House, app: App) -> None:
    code, _ = house.grant(app, house.citizen())
    for _ in range(2):
        house.as_client(app, "/token", {**CODE, "code": code})


def of_another(house: House, app: App) -> None:
    code, _ = house.grant(house.register("other"), house.citizen())
    house.as_client(app, "/token", {**CODE, "code": code})


def refreshed_twice(house: House, app: App) -> None:
    token = house.tokens(app, house.citizen())["refresh_token"]
    for _ in range(2):
        house.refresh(app, token)


def refreshed_wider(house: House, app: App) -> None:
    token = house.tokens(app, house.citizen())["refresh_token"]
    house.as_client(app, "/token", {"grant_type": "refresh_token", "refresh_token": token, "scope": "openid admin"})


def sent(path: str, form: Mapping[str, str] | list[tuple[str, str]], **header: str) -> Act:
    def act(house: House, app: App) -> None:
        house.post(path, form, header or basic(app.id, app.secret or ""))

    return act


def as_json(path: str) -> Act:
    def act(house: House, app: App) -> None:
        headers = basic(app.id, app.secret or "")
        house.request("POST", path, data="{}", content_type="application/json", headers=headers)

    return act


def wrong_secret(path: str) -> Act:
    return lambda house, app: house.post(path, {"token": "x"}, basic(app.id, "wrong"))


def another_method(house: House, app: App) -> None:
    house.post("/token", {"client_id": app.id, "client_secret": app.secret or ""})


def two_methods(house: House, app: App) -> None:
    house.post("/token", {"client_id": app.id, "client_secret": "x"}, basic(app.id, app.secret or ""))


def in_the_query(house: House, app: App) -> None:
    house.post("/token?grant_type=client_credentials", {}, basic(app.id, app.secret or ""))


def foreign_token(house: House, app: App) -> None:
    token = house.tokens(house.register("other"), house.citizen())["access_token"]
    house.as_client(app, "/revoke", {"token": token})


def without_openid(house: House, app: App) -> None:
    token = house.tokens(app, house.citizen(), scope="profile")["access_token"]
    house.request("GET", "/userinfo", headers=bearer(token))


PUSHED = {"response_type": "code", "redirect_uri": REDIRECT, "scope": "openid", "code_challenge": challenge()}
EXCHANGE = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange"}
ACTS: dict[str, tuple[Act, str, str]] = {
    "no grant type": (sent("/token", {"code": "x"}), "invalid_request", "grant_type_missing"),
    "an unknown grant type": (sent("/token", {"grant_type": "password"}), "unsupported_grant_type", "grant_type"),
    "another grant type": (
        sent("/token", {"grant_type": "client_credentials"}),
        "unauthorized_client",
        "grant_type_unregistered",
    ),
    "an exchange": (sent("/token", EXCHANGE), "unauthorized_client", "exchange_not_open"),
    "no code": (sent("/token", {"grant_type": "authorization_code"}), "invalid_request", "code_missing"),
    "an unknown code": (redeem(code="x"), "invalid_grant", "code_unknown"),
    "another redirect_uri": (redeem(redirect_uri=REDIRECT + "/"), "invalid_grant", "redirect_uri_mismatch"),
    "a wrong verifier": (redeem(code_verifier="w" * 43), "invalid_grant", "wrong_verifier"),
    "a malformed verifier": (redeem(code_verifier="w"), "invalid_request", "verifier_malformed"),
    "a resource": (redeem(resource="https://other.example"), "invalid_target", "resource"),
    "details at the token endpoint": (
        redeem(authorization_details="[]"),
        "invalid_authorization_details",
        "details_at_token",
    ),
    "an expired code": (expired, "invalid_grant", "code_expired"),
    "a code twice": (twice, "invalid_grant", "code_replayed"),
    "another's code": (of_another, "invalid_grant", "wrong_client"),
    "an unknown refresh token": (
        sent("/token", {"grant_type": "refresh_token", "refresh_token": "x"}),
        "invalid_grant",
        "refresh_unknown",
    ),
    "a refresh token twice": (refreshed_twice, "invalid_grant", "refresh_replayed"),
    "a wider scope": (refreshed_wider, "invalid_scope", "scope_wider"),
    "a parameter twice": (
        sent("/token", [("grant_type", "authorization_code"), ("code", "a"), ("code", "b")]),
        "invalid_request",
        "repeated_parameter",
    ),
    "JSON at the token endpoint": (as_json("/token"), "invalid_request", "wrong_content_type"),
    "JSON at PAR": (as_json("/par"), "invalid_request", "wrong_content_type"),
    "parameters in the query": (in_the_query, "invalid_request", "parameters_in_query"),
    "a wrong secret": (wrong_secret("/token"), "invalid_client", "wrong_secret"),
    "a wrong secret at PAR": (wrong_secret("/par"), "invalid_client", "wrong_secret"),
    "a wrong secret at introspection": (wrong_secret("/introspect"), "invalid_client", "wrong_secret"),
    "another method": (another_method, "invalid_client", "wrong_method"),
    "two methods": (two_methods, "invalid_request", "two_methods"),
    "nothing to introspect": (sent("/introspect", {}), "invalid_request", "token_missing"),
    "nothing to revoke": (sent("/revoke", {}), "invalid_request", "token_missing"),
    "another's token to revoke": (foreign_token, "unauthorized_client", "foreign_token"),
    "a push of a reference": (sent("/par", {"request_uri": "urn:x"}), "invalid_request", "request_uri_in_push"),
    "a push to elsewhere": (
        sent("/par", {**PUSHED, "redirect_uri": "https://evil.example"}),
        "invalid_request",
        "redirect_uri_mismatch",
    ),
    "a push with bad claims": (
        sent("/par", {**PUSHED, "code_challenge_method": "S256", "claims": "["}),
        "invalid_request",
        "claims_malformed",
    ),
    "a parameter twice at PAR": (
        sent("/par", [*PUSHED.items(), ("scope", "openid")]),
        "invalid_request",
        "repeated_parameter",
    ),
    "UserInfo without openid": (without_openid, "insufficient_scope", "scope_openid"),
}


@pytest.mark.parametrize(("act", "code", "reason"), ACTS.values(), ids=list(ACTS))
def test_a_refused_call(house: House, act: Act, code: str, reason: str) -> None:
    app = house.register()
    act(house, app)
    (line,) = lines(house, app)
    assert (line.code, line.reason) == (code, reason)
    assert (app.secret or "") not in str(line)


def test_received_stands_beside_registered(house: House) -> None:
    app = house.register()
    house.as_client(app, "/token", {"grant_type": "password"})
    assert only(house, app)[2:] == ("password", "authorization_code refresh_token")


def test_an_assertion_used_twice(house: House) -> None:
    app = house.signing(grant_types=["client_credentials"], redirect_uris=[], default_scope="openid")
    assertion = house.assertion(app)
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": assertion}
    for path in ("/token", "/token", "/introspect", "/revoke", "/par"):
        house.post(path, {**form, "token": "x"})
    assert {line.reason for line in lines(house, app)} == {"assertion_replayed", "redirect_uri_missing"}
    assert len(lines(house, app)) == 4


def test_a_request_object_used_twice(house: House) -> None:
    app = house.signing()
    now = house.clock.seconds
    claims = {**PUSHED, "code_challenge_method": "S256", "iss": app.id, "client_id": app.id, "aud": house.config.issuer}
    assert app.signer is not None
    token = sign(app.signer, {"alg": "ES256", "kid": app.signer.kid}, claims | {"exp": now + 60, "jti": "once"})
    for _ in range(2):
        house.as_client(app, "/par", {"request": token})
    assert only(house, app)[1] == "request_object_replayed"


def test_a_public_client_at_introspection(house: House) -> None:
    app = house.public()
    house.as_client(app, "/introspect", {"token": "x"})
    assert only(house, app)[:2] == ("invalid_client", "introspect_public")


# Registration and logout ---------------------------------------------------------------------------------------------------


def registered(house: House) -> tuple[App, str, dict[str, Any]]:
    right = add_initial_token(house.parts, house.department())
    metadata = {"client_name": "tax", "redirect_uris": [REDIRECT]}
    answer = house.request("POST", "/register", json=metadata, headers=bearer(right))
    document = answer.get_json()
    client = house.parts.clients.get(document["client_id"])
    assert client is not None
    return App(client, document.get("client_secret")), document["registration_access_token"], document


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        ({"redirect_uris": ["https://tax.example/#x"]}, "invalid_redirect_uri", "redirect_fragment"),
        ({"client_secret": "another"}, "invalid_request", "update_secret"),
    ],
)
def test_a_refused_update(house: House, change: dict[str, Any], code: str, reason: str) -> None:
    app, token, document = registered(house)
    kept = {
        k: v for k, v in document.items() if k in ("client_id", "client_name", "redirect_uris", "grant_types", "scope")
    }
    body = json.dumps({**kept, **change})
    path = f"/register?client_id={app.id}"
    house.request("PUT", path, data=body, content_type="application/json", headers=bearer(token))
    assert only(house, app)[:2] == (code, reason)


def test_a_spent_registration_token(house: House) -> None:
    app, _, _ = registered(house)
    house.request("GET", f"/register?client_id={app.id}", headers=bearer("spent"))
    assert only(house, app)[:2] == ("invalid_token", "registration_token")


def test_an_unregistered_logout_uri(house: House) -> None:
    app = house.register(post_logout_redirect_uris=["https://tax.example/bye"])
    query = {"client_id": app.id, "post_logout_redirect_uri": "https://tax.example/by"}
    page = house.request("GET", "/logout", query_string=query)
    found = only(house, app)
    assert found[1:] == ("logout_uri_unregistered", "https://tax.example/by", "https://tax.example/bye")
    assert lines(house, app)[0].reference in page.text


# Whose list it is -------------------------------------------------------------------------------------------------------


def astray(house: House, app: App, remote: str) -> None:
    query = {"client_id": app.id, "redirect_uri": "https://evil.example/"}
    house.request("GET", "/authorize", query_string=query, environ_overrides={"REMOTE_ADDR": remote})


def not_kept(house: House, app: App) -> list[str]:
    return [line.received for line in lines(house, app) if line.code == NOT_KEPT]


def test_what_finds_no_room_is_counted(house: House) -> None:
    """The developer is told that there were more, in one line an hour however many they were."""
    app = house.register()
    for _ in range(PER_MINUTE):
        house.as_client(app, "/token", {"grant_type": "password"})
    assert not_kept(house, app) == []
    house.as_client(app, "/token", {"grant_type": "password"})
    assert not_kept(house, app) == ["1 more"]
    for _ in range(10):
        house.as_client(app, "/token", {"grant_type": "password"})
    assert not_kept(house, app) == ["at least 8 more"]
    house.clock.advance(3600)
    for _ in range(PER_MINUTE + 2):
        house.as_client(app, "/token", {"grant_type": "password"})
    assert not_kept(house, app) == ["at least 2 more", "at least 8 more"]


def test_one_stranger_has_a_share_of_the_list(house: House) -> None:
    """However long the list is filled from one network, the client's own lines stay in it."""
    app = house.register()
    house.as_client(app, "/token", {"grant_type": "password"})
    for _ in range(4):
        for _ in range(PER_MINUTE):
            astray(house, app, "192.0.2.1")
        house.clock.advance(60)
    assert len(lines(house, app)) == STRANGER_PER_HOUR + 2, "with the client's own, and how many more there were"
    astray(house, app, "198.51.100.1")
    assert len(lines(house, app)) == STRANGER_PER_HOUR + 3


def test_all_strangers_have_a_share_of_the_list(house: House) -> None:
    app = house.register()
    for network in range(8):
        for _ in range(PER_MINUTE - 2):
            astray(house, app, f"192.0.{network}.1")
        house.clock.advance(60)
    assert len(lines(house, app)) == STRANGERS_PER_HOUR + 1 < KEPT
    assert not_kept(house, app) == ["at least 64 more"]


def test_strangers_do_not_use_up_the_clients_own_rate(house: House) -> None:
    app = house.register()
    for _ in range(PER_MINUTE + 5):
        astray(house, app, "192.0.2.1")
    house.as_client(app, "/token", {"grant_type": "password"})
    assert sum(line.reason == "grant_type" for line in lines(house, app)) == 1


def test_a_public_client_is_spoken_for_by_strangers(house: House) -> None:
    """Anyone may send its client_id: what is refused to one counts for the caller's network."""
    app = house.public()
    for path in ("/token", "/par", "/revoke"):
        for _ in range(PER_MINUTE):
            house.as_client(app, path, {"grant_type": "password"})
        house.clock.advance(301)
    assert len(lines(house, app)) <= STRANGER_PER_HOUR + 1
    assert house.parts.store.count(Grant) == 0
    assert house.parts.store.count(ClientRow) == 1
