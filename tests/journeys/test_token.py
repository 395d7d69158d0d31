"""POST /token through the composed application: each grant type's way, on each backend where it writes."""

import base64
import hashlib

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from idp.records import Grant, Refresh, UsedAssertion
from tests.kit.house import House, bearer, claims_of, header_of

ALGS = ["ES256", "RS256", "PS256", "Ed25519"]


def verified(house: House, token: str) -> dict[str, object]:
    """By joserfc over the published key set, as a client does."""
    keys = KeySet.import_key_set(house.request("GET", "/jwks").get_json())
    return dict(jwt.decode(token, keys, registry=JWSRegistry(algorithms=ALGS)).claims)


def half_hash(alg: str, token: str) -> str:
    """OIDC Core §3.1.3.6, written again."""
    digest = hashlib.new("sha512" if alg == "Ed25519" else "sha256", token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


@pytest.mark.parametrize("alg", ALGS)
def test_a_code_becomes_tokens(house: House, alg: str) -> None:
    app = house.register(id_token_signed_response_alg=alg)
    code, grant = house.grant(app, house.citizen())
    answer = house.redeem(app, code)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Pragma"] == "no-cache"
    tokens = answer.get_json()
    assert set(tokens) == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 600)

    identity = verified(house, tokens["id_token"])
    assert header_of(tokens["id_token"])["alg"] == alg and header_of(tokens["id_token"])["typ"] == "JWT"
    assert set(identity) == {"iss", "sub", "aud", "exp", "iat", "acr", "amr", "nonce", "at_hash", "sid"}
    assert (identity["iss"], identity["aud"], identity["nonce"]) == (house.config.issuer, app.id, "n-0S6_WzA2Mj")
    assert (identity["acr"], identity["amr"]) == ("urn:yimen:acr:1", ["pwd"])
    assert identity["at_hash"] == half_hash(alg, tokens["access_token"])
    assert identity["iat"] == house.clock.seconds and identity["exp"] == house.clock.seconds + 600

    access = verified(house, tokens["access_token"])
    assert header_of(tokens["access_token"])["typ"] == "at+jwt" and header_of(tokens["access_token"])["alg"] == "ES256"
    assert set(access) == {"iss", "sub", "aud", "client_id", "scope", "iat", "exp", "jti"}
    assert access["sub"] == identity["sub"] and access["aud"] == house.config.issuer

    redeemed = house.events("code.redeemed")
    assert [(e["grant"], e["client_id"], e["refresh"]) for e in redeemed] == [(grant.id.hex(), app.id, True)]
    assert redeemed[0]["person"] is not None


def test_auth_time_only_where_it_was_asked_for(house: House) -> None:
    app, account = house.register(), house.citizen()
    asked = claims_of(house.tokens(app, account, auth_time_asked=1)["id_token"])
    assert asked["auth_time"] == house.clock.seconds
    assert "auth_time" not in claims_of(house.tokens(app, account)["id_token"])


def test_claims_asked_for_in_the_id_token_are_released_there_and_recorded(house: House) -> None:
    app, account = house.register(), house.citizen()
    asked = b'{"id_token":{"email":{"essential":true},"nickname":null,"id_card":null,"sub":null}}'
    tokens = house.tokens(app, account, claims=asked)
    identity = claims_of(tokens["id_token"])
    assert identity["email"] == "li.wei@example.cn"
    assert not {"name", "nickname", "id_card"} & set(identity)
    released = house.events("attributes.released")
    assert [(e["claims"], e["via"]) for e in released] == [(["email"], "id_token")]


def test_no_refresh_token_without_the_grant_type(house: House) -> None:
    app = house.register(grant_types=["authorization_code"])
    assert "refresh_token" not in house.tokens(app, house.citizen())


def test_no_id_token_without_openid(house: House) -> None:
    assert "id_token" not in house.tokens(house.register(), house.citizen(), scope="email")


@pytest.mark.parametrize("method", ["client_secret_post", "none"])
def test_other_ways_to_authenticate(house: House, method: str) -> None:
    app = house.register(token_endpoint_auth_method=method)
    assert house.tokens(app, house.citizen())["access_token"]


@pytest.mark.parametrize("alg", ALGS)
def test_private_key_jwt(house: House, alg: str) -> None:
    app = house.signing(alg=alg)
    assert house.tokens(app, house.citizen())["access_token"]
    assert house.parts.store.count(UsedAssertion) == 1


def test_refresh_rotates(any_house: House) -> None:
    house = any_house
    app = house.register()
    first = house.tokens(app, house.citizen(), auth_time_asked=1)
    house.clock.advance(120)
    answer = house.refresh(app, first["refresh_token"])
    assert answer.status_code == 200, answer.text
    second = answer.get_json()
    assert second["refresh_token"] != first["refresh_token"]
    old, new = claims_of(first["id_token"]), claims_of(second["id_token"])
    assert (new["iss"], new["sub"], new["aud"], new["auth_time"]) == (
        old["iss"],
        old["sub"],
        old["aud"],
        old["auth_time"],
    )
    assert new["iat"] == old["iat"] + 120 and "nonce" not in new  # OIDC Core §12.2
    assert new["at_hash"] == half_hash("ES256", second["access_token"])
    assert [e["rotated"] for e in house.events("token.refreshed")] == [True]
    assert house.refresh(app, second["refresh_token"]).status_code == 200


def test_a_client_that_proves_a_key_keeps_its_refresh_token(house: House) -> None:
    app = house.signing()
    first = house.tokens(app, house.citizen())
    for _ in range(3):
        house.clock.advance(60)
        answer = house.refresh(app, first["refresh_token"])
        assert answer.status_code == 200 and "refresh_token" not in answer.get_json()
    assert [e["rotated"] for e in house.events("token.refreshed")] == [False] * 3


def test_a_narrower_scope_for_one_access_token_alone(house: House) -> None:
    app = house.register()
    first = house.tokens(app, house.citizen())
    narrow = house.refresh(app, first["refresh_token"], scope="openid").get_json()
    assert narrow["scope"] == "openid"
    assert set(house.userinfo(narrow["access_token"]).get_json()) == {"sub"}
    wide = house.refresh(app, narrow["refresh_token"]).get_json()
    assert wide["scope"] == first["scope"]


def test_an_online_family_dies_with_its_session(house: House) -> None:
    app, account = house.register(), house.citizen()
    tokens = house.tokens(app, account)
    house.clock.advance(house.config.session_idle)
    assert house.refresh(app, tokens["refresh_token"]).get_json()["error"] == "invalid_grant"


def test_an_offline_family_survives_its_session(house: House) -> None:
    app, account = house.register(), house.citizen()
    tokens = house.tokens(app, account, offline=1, scope="openid offline_access")
    house.clock.advance(house.config.session_max + 1)
    answer = house.refresh(app, tokens["refresh_token"])
    assert answer.status_code == 200, answer.text


def test_refresh_idle_and_absolute_ends(house: House) -> None:
    app, account = house.register(), house.citizen()
    idle = house.tokens(app, account, offline=1)
    token = house.tokens(app, account, offline=1)["refresh_token"]
    step = house.config.refresh_idle - 10
    for _ in range(house.config.refresh_ttl // step):
        house.clock.advance(step)
        token = house.refresh(app, token).get_json()["refresh_token"]
    assert house.refresh(app, idle["refresh_token"]).get_json()["error"] == "invalid_grant"
    house.clock.advance(house.config.refresh_ttl - (house.config.refresh_ttl // step) * step)
    assert house.refresh(app, token).get_json()["error"] == "invalid_grant"


def test_a_grant_row_stays_while_its_tokens_live(house: House) -> None:
    app, account = house.register(), house.citizen()
    code, grant = house.grant(app, account, offline=1)
    house.redeem(app, code)
    row = house.parts.store.one(Grant, id=grant.id)
    assert row is not None and row.state == "redeemed"
    assert row.expires_at == house.clock() + house.config.refresh_ttl * 1_000_000
    assert [r.expires_at for r in house.parts.store.find(Refresh)] == [
        house.clock() + house.config.refresh_idle * 1_000_000
    ]


def test_client_credentials(any_house: House) -> None:
    house = any_house
    app = house.machine(scope="openid profile", default_scope="openid")
    answer = house.as_client(app, "/token", {"grant_type": "client_credentials"})
    assert answer.status_code == 200, answer.text
    tokens = answer.get_json()
    assert set(tokens) == {"access_token", "token_type", "expires_in", "scope"} and tokens["scope"] == "openid"
    claims = claims_of(tokens["access_token"])
    assert claims["sub"] == claims["client_id"] == app.id
    assert [e["scope"] for e in house.events("token.client_issued")] == ["openid"]
    assert house.introspect(app, tokens["access_token"])["active"] is True


def test_client_credentials_scope(house: House) -> None:
    app = house.machine(scope="openid profile", default_scope="")
    form = {"grant_type": "client_credentials"}
    assert house.as_client(app, "/token", form).get_json()["scope"] == "openid profile"
    assert house.as_client(app, "/token", {**form, "scope": "email"}).get_json()["error"] == "invalid_scope"
    assert house.as_client(app, "/token", {**form, "scope": "profile"}).get_json()["scope"] == "profile"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "unknown"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "unknown"}, "invalid_grant"),
        ({"grant_type": "authorization_code", "code": "x", "resource": "https://api.example"}, "invalid_target"),
    ],
)
def test_refusals_are_standard_errors_and_events(house: House, form: dict[str, str], error: str) -> None:
    app = house.register()
    answer = house.as_client(app, "/token", form)
    assert (answer.status_code, answer.get_json()["error"]) == (400, error)
    assert set(answer.get_json()) == {"error", "error_description"}
    assert [(e["code"], e["endpoint"]) for e in house.events("token.refused")] == [(error, "token")]


def test_pages_lead_to_the_same_tokens(house: House) -> None:
    """A signed-in browser, through /authorize and consent, to UserInfo."""
    app, account = house.register(), house.citizen()
    browser = house.signed_in(account)
    code = house.code(browser, app)
    tokens = house.redeem(app, code).get_json()
    answer = house.request("GET", "/userinfo", headers=bearer(tokens["access_token"]))
    assert answer.get_json()["sub"] == claims_of(tokens["id_token"])["sub"]
    assert house.code(browser, app), "consent is remembered"
