"""POST /introspect (RFC 7662) and POST /revoke (RFC 7009)."""

import pytest

from tests.kit.house import House, claims_of


def test_an_access_token_of_ones_own(any_house: House) -> None:
    house = any_house
    app = house.register()
    tokens = house.tokens(app, house.citizen())
    claims = claims_of(tokens["access_token"])
    assert house.introspect(app, tokens["access_token"]) == {
        "active": True,
        "scope": tokens["scope"],
        "client_id": app.id,
        "token_type": "Bearer",
        **{name: claims[name] for name in ("exp", "iat", "sub", "aud", "iss", "jti")},
    }


def test_a_refresh_token_of_ones_own(house: House) -> None:
    app = house.register()
    tokens = house.tokens(app, house.citizen())
    told = house.introspect(app, tokens["refresh_token"])
    assert told["active"] is True and told["client_id"] == app.id and "token_type" not in told
    assert told["sub"] == claims_of(tokens["access_token"])["sub"]


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
def test_a_wrong_hint_hides_nothing(house: House, hint: str) -> None:
    app = house.register()
    tokens = house.tokens(app, house.citizen())
    for name in ("access_token", "refresh_token"):
        assert house.introspect(app, tokens[name], token_type_hint=hint)["active"] is True
        assert house.as_client(app, "/revoke", {"token": tokens[name], "token_type_hint": hint}).status_code == 200
        assert house.introspect(app, tokens[name])["active"] is False


def test_revoking_the_refresh_token_ends_the_family(any_house: House) -> None:
    house = any_house
    app = house.register()
    tokens = house.tokens(app, house.citizen())
    answer = house.as_client(app, "/revoke", {"token": tokens["refresh_token"]})
    assert (answer.status_code, answer.data) == (200, b"")
    assert house.userinfo(tokens["access_token"]).status_code == 401
    assert house.introspect(app, tokens["access_token"]) == {"active": False}
    assert house.refresh(app, tokens["refresh_token"]).get_json()["error"] == "invalid_grant"
    house.as_client(app, "/revoke", {"token": tokens["refresh_token"]})
    assert [(e["token"], e["client_id"]) for e in house.events("token.revoked")] == [("refresh_token", app.id)]


def test_revoking_the_access_token_ends_it_alone(house: House) -> None:
    app = house.register()
    tokens = house.tokens(app, house.citizen())
    for _ in range(2):
        assert house.as_client(app, "/revoke", {"token": tokens["access_token"]}).status_code == 200
    assert house.userinfo(tokens["access_token"]).status_code == 401
    assert [e["token"] for e in house.events("token.revoked")] == ["access_token"]
    fresh = house.refresh(app, tokens["refresh_token"]).get_json()
    assert house.userinfo(fresh["access_token"]).status_code == 200


def test_revoking_a_clients_own_token(house: House) -> None:
    app = house.machine()
    token = house.as_client(app, "/token", {"grant_type": "client_credentials"}).get_json()["access_token"]
    house.as_client(app, "/revoke", {"token": token})
    assert house.introspect(app, token) == {"active": False}


@pytest.mark.parametrize("token", ["unknown", "a.b.c", "x" * 5000])
def test_unknown_tokens_are_no_error(house: House, token: str) -> None:
    app = house.register()
    assert house.introspect(app, token) == {"active": False}
    assert house.as_client(app, "/revoke", {"token": token}).status_code == 200
    assert house.events("token.revoked") == []


@pytest.mark.parametrize("path", ["/introspect", "/revoke"])
def test_the_token_is_required(house: House, path: str) -> None:
    assert house.as_client(house.register(), path, {}).get_json()["error"] == "invalid_request"


def test_a_public_client_may_revoke_its_own(house: House) -> None:
    app = house.public()
    tokens = house.tokens(app, house.citizen())
    assert house.as_client(app, "/revoke", {"token": tokens["refresh_token"]}).status_code == 200
    assert house.userinfo(tokens["access_token"]).status_code == 401
