"""Encrypted answers: ID token, UserInfo, introspection and logout token, as the client registered (OIDC Core §10.2, RFC 9701)."""

from typing import Any

import msgspec
import pytest
from joserfc.jwk import ECKey
from werkzeug.test import TestResponse

from idp.flows import client_keys, outbox, recipients
from idp.flows.sessions import end
from idp.ports import Committed
from idp.records import ClientKeySeen, ClientRefusal, Grant, UsedAssertion
from keys.jose import verify
from tests.clients.ground import reply, site
from tests.journeys.test_logout import Receiver, _state, reaching, receiver  # noqa: F401
from tests.journeys.test_register import register as post
from tests.journeys.test_register import right
from tests.kit.house import App, House, basic, claims_of, header_of
from tests.kit.sealed import EC, KEYS, RSA, document, encrypting, nested, public

KEYS_ALG = "ECDH-ES+A256KW"
WANTS_JWT = {"Accept": "application/token-introspection+jwt"}


def introspected(house: House, app: App, token: str, accept: str = "") -> TestResponse:
    headers = {**basic(app.id, app.secret or ""), **({"Accept": accept} if accept else {})}
    return house.post("/introspect", {"token": token}, headers)


def lapsing(house: House, *answers: str, **more: Any) -> App:
    """A client whose only key ends in a minute, by its own word (``exp``)."""
    keys = public(EC, exp=house.clock.seconds + 60)
    return house.register(**{**encrypting("ECDH-ES+A256KW", *answers), "jwks": keys, **more})


@pytest.mark.parametrize("alg", KEYS)
def test_every_answer_is_signed_then_encrypted(any_house: House, alg: str) -> None:
    house, key = any_house, KEYS[alg]
    app = house.register(
        **encrypting(alg, "id_token", "userinfo", "introspection"),
        userinfo_signed_response_alg="ES256",
        introspection_signed_response_alg="ES256",
    )
    tokens = house.tokens(app, house.citizen(), claims=b'{"id_token":{"email":null}}')
    told = nested(house.parts, tokens["id_token"], key)
    assert told["aud"] == app.id and told["email"] == "li.wei@example.cn"
    assert header_of(tokens["id_token"])["alg"] == alg and header_of(tokens["id_token"])["enc"] == "A256GCM"

    answer = house.userinfo(tokens["access_token"])
    assert answer.content_type == "application/jwt"
    info = nested(house.parts, answer.text, key)
    assert (info["sub"], info["aud"], info["name"]) == (told["sub"], app.id, "李伟")

    about = introspected(house, app, tokens["access_token"])
    assert about.content_type == "application/token-introspection+jwt"
    inner = nested(house.parts, about.text, key, typ="token-introspection+jwt")
    assert inner["token_introspection"]["active"] is True and inner["token_introspection"]["sub"] == told["sub"]

    fresh = house.refresh(app, tokens["refresh_token"]).get_json()
    assert nested(house.parts, fresh["id_token"], key)["sub"] == told["sub"]
    releases = house.events("attributes.released")
    assert [(e["via"], e["key"]) for e in releases] == [
        ("id_token", key.thumbprint()),
        ("userinfo", key.thumbprint()),
    ]


def test_userinfo_may_be_encrypted_alone(house: House) -> None:
    """OIDC Core §5.3.2: then it holds the claims as JSON, and no ``cty``."""
    app = house.register(**encrypting("RSA-OAEP-256", "userinfo"))
    tokens = house.tokens(app, house.citizen())
    answer = house.userinfo(tokens["access_token"])
    assert answer.content_type == "application/jwt" and "cty" not in header_of(answer.text)
    found = document(answer.text, RSA)
    assert found["name"] == "李伟" and found["sub"] == claims_of(tokens["id_token"])["sub"] and "aud" not in found


def test_enc_is_what_oidc_registration_2_says_when_it_is_left_out(house: House) -> None:
    app = house.register(**encrypting("RSA-OAEP-256", "id_token", enc=None))
    token = house.tokens(app, house.citizen())["id_token"]
    assert header_of(token)["enc"] == "A128CBC-HS256" and nested(house.parts, token, RSA)["aud"] == app.id


def test_discovery_names_what_registration_takes(house: House) -> None:
    told = house.request("GET", "/.well-known/openid-configuration").get_json()
    for answer in ("id_token", "userinfo", "introspection"):
        assert told[f"{answer}_encryption_alg_values_supported"] == ["ECDH-ES+A256KW", "RSA-OAEP-256", "ECDH-ES"]
        assert told[f"{answer}_encryption_enc_values_supported"] == ["A256GCM", "A128CBC-HS256"]
        assert told[f"{answer}_signing_alg_values_supported"] == ["ES256", "Ed25519", "PS256", "RS256"]


# Introspection as a JWT (RFC 9701) --------------------------------------------------------------------------------------------------


def test_rfc9701_4_a_jwt_for_who_accepts_it(house: House) -> None:
    app = house.register()
    tokens = house.tokens(app, house.citizen())
    answer = introspected(house, app, tokens["access_token"], "application/json;q=0.5, " + WANTS_JWT["Accept"])
    assert answer.content_type == WANTS_JWT["Accept"]
    claims = verify(answer.text, house.parts.keys.verifying(), ("RS256",), "token-introspection+jwt")
    assert (claims["iss"], claims["aud"], claims["iat"]) == (house.config.issuer, app.id, house.clock.seconds)
    assert claims["token_introspection"] == house.introspect(app, tokens["access_token"])
    assert not {"sub", "exp", "nbf", "jti"} & set(claims), "RFC 9701 §8.1: never to be taken for an access token"


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/*", "application/json", "application/token-introspection+jwt;q=0.0"]
)
def test_rfc9701_4_json_for_everyone_else(house: House, accept: str) -> None:
    app = house.register()
    tokens = house.tokens(app, house.citizen())
    answer = introspected(house, app, tokens["access_token"], accept)
    assert answer.content_type == "application/json" and answer.get_json()["active"] is True


def test_rfc9701_6_a_registered_algorithm_is_used_unasked(house: House) -> None:
    app = house.register(introspection_signed_response_alg="Ed25519")
    answer = introspected(house, app, "nothing", "application/json")
    assert answer.content_type == WANTS_JWT["Accept"] and header_of(answer.text)["alg"] == "Ed25519"
    assert claims_of(answer.text)["token_introspection"] == {"active": False}


def test_a_jwt_of_introspection_opens_nothing(house: House) -> None:
    app = house.register(introspection_signed_response_alg="ES256")
    tokens = house.tokens(app, house.citizen())
    told = introspected(house, app, tokens["access_token"]).text
    assert house.userinfo(told).status_code == 401


# No key ------------------------------------------------------------------------------------------------------------------------------


def test_without_a_key_the_code_is_kept_and_nothing_is_told(any_house: House) -> None:
    house = any_house
    app, account = lapsing(house, "id_token"), house.citizen()
    house.clock.advance(30)
    code, grant = house.grant(app, account)
    house.clock.advance(30)
    answer = house.redeem(app, code)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
    assert "id_token" in answer.get_json()["error_description"] and "eyJ" not in answer.text
    row = house.parts.store.one(Grant, id=grant.id)
    assert row is not None and row.state == "issued"
    assert [e["reason"] for e in house.events("token.refused")] == ["no_client_key"]
    assert [r.reason for r in house.parts.store.find(ClientRefusal, {"client_id": app.id})] == ["no_client_key"]
    house.clock.advance(-1)
    assert nested(house.parts, house.redeem(app, code).get_json()["id_token"], EC)["aud"] == app.id


def test_without_a_key_userinfo_releases_nothing(any_house: House) -> None:
    house = any_house
    app = lapsing(house, "userinfo", userinfo_signed_response_alg="ES256")
    token = house.tokens(app, house.citizen())["access_token"]
    house.clock.advance(61)
    answer = house.userinfo(token)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
    assert 'error="invalid_request"' in answer.headers["WWW-Authenticate"] and "李" not in answer.text
    assert house.events("attributes.released") == []
    assert [(e["endpoint"], e["reason"]) for e in house.events("token.refused")] == [("userinfo", "no_client_key")]
    assert [r.reason for r in house.parts.store.find(ClientRefusal, {"client_id": app.id})] == ["no_client_key"]


def test_without_a_key_introspection_says_nothing_and_keeps_the_assertion(house: House) -> None:
    signing = house.signing()
    keys = {"keys": [dict(signing.signer.public_jwk), *public(EC, exp=house.clock.seconds + 60)["keys"]]}
    made = lapsing(house, "introspection", jwks=keys, token_endpoint_auth_method="private_key_jwt")
    app = App(made.client, None, signing.signer)
    token = house.tokens(app, house.citizen())["access_token"]
    used = house.parts.store.count(UsedAssertion)
    house.clock.advance(61)
    answer = house.as_client(app, "/introspect", {"token": token})
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
    assert house.parts.store.count(UsedAssertion) == used
    assert [e["endpoint"] for e in house.events("token.refused")] == ["introspect"]


def test_a_refresh_without_a_key_keeps_the_token(house: House) -> None:
    app = lapsing(house, "id_token")
    tokens = house.tokens(app, house.citizen())
    house.clock.advance(61)
    assert house.refresh(app, tokens["refresh_token"]).get_json()["error"] == "invalid_request"
    house.clock.advance(-5)
    assert house.refresh(app, tokens["refresh_token"]).status_code == 200
    assert house.events("token.refresh_replayed") == []


def test_the_key_at_an_address_is_fetched_and_its_failure_releases_nothing(reaching: House) -> None:  # noqa: F811
    house = reaching
    with site(reply(msgspec.json.encode(public(EC)))) as server:
        asked = encrypting("ECDH-ES+A256KW", "id_token") | {"jwks": None}
        app = house.register(**asked, jwks_uri=f"http://127.0.0.1:{server.port}/")
        account = house.citizen()
        assert nested(house.parts, house.tokens(app, account)["id_token"], EC)["aud"] == app.id
        server.answer = reply(b"", 500)
        house.clock.advance(3600)
        assert house.tokens(app, account)["id_token"], "the last good set is kept for a day"
        house.clock.advance(24 * 3600)
        code, _ = house.grant(app, account)
        assert house.redeem(app, code).get_json()["error"] == "invalid_request"
        server.answer = reply(msgspec.json.encode(public(EC)))
        house.clock.advance(31)
        assert house.redeem(app, code).status_code == 200


@pytest.mark.attack("A079")
@pytest.mark.parametrize(
    "keys",
    [
        public(RSA),
        public(EC, use="sig"),
        {"keys": [{**EC.as_dict(private=False), "y": EC.as_dict(private=False)["x"]}]},
        {"keys": [EC.as_dict(private=True)]},
        public(EC, exp=1),
        {"keys": []},
    ],
    ids=["other type", "use sig", "off-curve", "private", "over", "empty"],
)
def test_a079_a_set_at_an_address_without_a_usable_key_is_not_registered(reaching: House, keys: dict[str, Any]) -> None:  # noqa: F811
    """An unusable or hostile key is heard of at registration: 400 ``invalid_client_metadata`` (OIDC Registration §2)."""
    token = right(reaching)
    with site(reply(msgspec.json.encode(keys))) as server:
        asked = encrypting("ECDH-ES+A256KW", "userinfo") | {"jwks_uri": f"http://127.0.0.1:{server.port}/"}
        del asked["jwks"]
        answer = post(reaching, token, **asked)
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client_metadata")
        server.answer = reply(msgspec.json.encode(public(EC)))
        assert post(reaching, token, **asked).status_code == 201


# Keys that change ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("A081")
def test_a081_a_key_swapped_at_its_address_is_on_record_before_it_is_used(reaching: House) -> None:  # noqa: F811
    """Each change of the key that answers are encrypted to is an event, with both thumbprints, and the release names its key (RFC 9700 §4.4)."""
    house, other = reaching, ECKey.generate_key("P-256", {"kid": "ec", "use": "enc"})
    with site(reply(msgspec.json.encode(public(EC)))) as server:
        asked = encrypting("ECDH-ES+A256KW", "userinfo") | {"jwks": None}
        app = house.register(**asked, jwks_uri=f"http://127.0.0.1:{server.port}/")
        account = house.citizen()
        for _ in range(2):
            house.userinfo(house.tokens(app, account)["access_token"])
        server.answer = reply(msgspec.json.encode(public(other)))
        house.clock.advance(601)
        assert document(house.userinfo(house.tokens(app, account)["access_token"]).text, other)["name"] == "李伟"
    first, second = EC.thumbprint(), other.thumbprint()
    changes = [(e["thumbprint"], e["before"]) for e in house.events("client.key_changed")]
    assert changes == [(second, first)]
    assert [e["thumbprint"] for e in house.events("client.key_seen")] == [first], "a first key is no change"
    assert [e["key"] for e in house.events("attributes.released")] == [first, first, second]
    kinds = [e["kind"] for e in house.events()]
    assert "attributes.released" in kinds[kinds.index("client.key_changed") :]
    assert kinds.index("client.key_seen") < kinds.index("attributes.released") < kinds.index("client.key_changed")
    (row,) = house.parts.store.find(ClientKeySeen)
    assert (row.client_id, row.alg, row.thumbprint, row.first_seen_at) == (app.id, KEYS_ALG, second, house.clock())


def test_two_nodes_that_meet_a_new_key_record_it_once(any_house: House) -> None:
    house = any_house
    app = house.register(**encrypting(KEYS_ALG, "userinfo"))
    house.userinfo(house.tokens(app, house.citizen())["access_token"])
    to = recipients.recipient(house.parts, app.client, "userinfo", house.clock())
    assert to is not None
    # the other node's memory is older than the row
    writes = client_keys._turn(house.parts, app.client, to, None, house.clock())
    assert not isinstance(house.parts.store.commit(writes), Committed)
    assert len(house.events("client.key_seen")) == 1


def test_a_logout_token_is_encrypted_as_the_id_token_is(reaching: House, receiver: Receiver) -> None:  # noqa: F811
    """Back-Channel Logout 1.0 §2.4, §2.6"""
    app = reaching.register(backchannel_logout_uri=receiver.uri, **encrypting("RSA-OAEP-256", "id_token"))
    session, _ = reaching.session(reaching.citizen())
    reaching.tokens(app, session.account_id, session=session)
    reaching.parts.store.commit(end(reaching.parts, session, "logout", reaching.clock()))
    (due,) = outbox.due_logouts(reaching.parts, reaching.clock())
    assert outbox.deliver_logout(reaching.parts, due) == "sent"
    (token,) = receiver.tokens
    assert header_of(token)["iss"] == reaching.config.issuer
    assert nested(reaching.parts, token, RSA, typ="logout+jwt")["aud"] == app.id


def test_a_logout_token_without_a_key_waits(reaching: House, receiver: Receiver) -> None:  # noqa: F811
    app = lapsing(reaching, "id_token", backchannel_logout_uri=receiver.uri)
    session, _ = reaching.session(reaching.citizen())
    reaching.tokens(app, session.account_id, session=session)
    reaching.clock.advance(61)
    reaching.parts.store.commit(end(reaching.parts, session, "logout", reaching.clock()))
    (due,) = outbox.due_logouts(reaching.parts, reaching.clock())
    assert outbox.deliver_logout(reaching.parts, due) == "pending" and receiver.tokens == []
    assert _state(reaching).last_error == "no_client_key"
