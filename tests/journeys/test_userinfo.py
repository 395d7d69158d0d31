"""GET and POST /userinfo (OIDC Core §5.3; RFC 6750)."""

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from idp.ports import Insert, Update
from idp.records import Attribute
from tests.kit.house import CLAIMS, House, bearer, claims_of


def test_claims_of_the_granted_scopes(any_house: House) -> None:
    house = any_house
    app, account = house.register(), house.citizen()
    tokens = house.tokens(app, account)
    answer = house.userinfo(tokens["access_token"])
    assert answer.status_code == 200 and answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.get_json() == {"sub": claims_of(tokens["id_token"])["sub"], **CLAIMS}
    event = house.events("attributes.released")[0]
    assert set(event["claims"]) == set(CLAIMS) and event["via"] == "userinfo" and event["person"] is not None


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ("openid", set()),
        ("openid email", {"email", "email_verified"}),
        ("openid phone", {"phone_number", "phone_number_verified"}),
        ("openid address", {"address"}),
        ("openid profile", {"name", "family_name", "given_name", "preferred_username", "birthdate"}),
    ],
)
def test_each_scope_and_no_more(house: House, scope: str, names: set[str]) -> None:
    tokens = house.tokens(house.register(), house.citizen(), scope=scope)
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub", *names}
    assert len(house.events("attributes.released")) == (1 if names else 0)


def test_the_claims_parameter_adds_single_claims_here_alone(house: House) -> None:
    asked = b'{"userinfo":{"email":null,"unknown":null},"id_token":{"name":null}}'
    tokens = house.tokens(house.register(), house.citizen(), scope="openid", claims=asked)
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub", "email"}


def test_a_claim_beyond_the_clients_registration_is_not_told(house: House) -> None:
    app = house.register(scope="openid email")
    tokens = house.tokens(
        app, house.citizen(), scope="openid", claims=b'{"userinfo":{"email":null,"phone_number":null}}'
    )
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub", "email"}


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "Ed25519"])
def test_a_signed_answer(house: House, alg: str) -> None:
    app = house.register(userinfo_signed_response_alg=alg)
    tokens = house.tokens(app, house.citizen(), scope="openid email")
    answer = house.userinfo(tokens["access_token"])
    assert answer.content_type == "application/jwt"
    keys = KeySet.import_key_set(house.request("GET", "/jwks").get_json())
    claims = jwt.decode(answer.text, keys, registry=JWSRegistry(algorithms=[alg])).claims
    assert (claims["iss"], claims["aud"], claims["email"]) == (house.config.issuer, app.id, CLAIMS["email"])


def test_post_in_header_or_body(house: House) -> None:
    token = house.tokens(house.register(), house.citizen())["access_token"]
    assert house.request("POST", "/userinfo", headers=bearer(token)).status_code == 200
    assert house.post("/userinfo", {"access_token": token}).status_code == 200
    assert house.request("HEAD", "/userinfo", headers=bearer(token)).status_code == 200


def test_nothing_is_told_when_the_record_cannot_be_written(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from idp.errors import Unavailable

    token = house.tokens(house.register(), house.citizen())["access_token"]

    def full(_: object) -> None:
        raise Unavailable("database")

    monkeypatch.setattr(type(house.parts.store), "commit", lambda self, writes: full(writes))
    answer = house.userinfo(token)
    assert answer.status_code == 503 and "Retry-After" in answer.headers
    assert "li.wei" not in answer.text


@pytest.mark.attack("A085")
def test_a_damaged_value_fails_closed_for_that_person_alone(house: House) -> None:
    """A sealed value that was moved or altered is never told, and costs nobody else anything (DESIGN §6)."""
    app = house.register()
    first, second = house.citizen(), house.citizen("zhang.min")
    hers, his = house.tokens(app, second), house.tokens(app, first)
    row = house.parts.store.one(Attribute, account_id=second, code="email")
    assert row is not None
    moved = msgspec.structs.replace(row, account_id=first)
    house.parts.store.commit([Insert(moved, on_conflict="replace")])
    answer = house.userinfo(his["access_token"])
    assert answer.status_code == 500 and set(answer.get_json()) == {"error", "error_description"}
    assert "@" not in answer.text
    assert house.userinfo(hers["access_token"]).status_code == 200
    assert [e["reason"] for e in house.events("token.refused")] == ["seal_broken"]
    flipped = row.sealed[:-1] + bytes([row.sealed[-1] ^ 1])
    house.parts.store.commit([Update(Attribute, {"account_id": second, "code": "email"}, {"sealed": flipped})])
    assert house.userinfo(hers["access_token"]).status_code == 500


def test_an_erased_citizen_is_nobody(house: House) -> None:
    """Here at once; in a process that had opened the key just before, two seconds later at most."""
    app, account = house.register(), house.citizen()
    tokens = house.tokens(app, account)
    house.parts.keyring.destroy(account)
    assert house.userinfo(tokens["access_token"]).status_code == 200
    house.clock.advance(2)
    assert house.userinfo(tokens["access_token"]).status_code == 401
    house.clock.advance(-2)
    house.parts.vault.forget(account)
    assert house.userinfo(tokens["access_token"]).status_code == 401
    assert house.refresh(app, tokens["refresh_token"]).get_json()["error"] == "invalid_grant"
