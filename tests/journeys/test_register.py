"""Client registration through the composed application (RFC 7591, RFC 7592)."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from werkzeug.test import TestResponse

from clients.model import from_json
from idp.flows.provision import add_initial_token
from idp.records import ClientLogo, ClientOrigin, ClientRow, InitialAccessToken
from tests.clients.ground import Authority, reply, site
from tests.kit.house import REDIRECT, SCOPES, App, House, basic, bearer, key_pair

META: dict[str, Any] = {"redirect_uris": [REDIRECT], "client_name": "税务", "client_name#en": "Tax"}


def right(house: House, **policy: Any) -> str:
    return add_initial_token(house.parts, house.department(), **policy)


def call(house: House, method: str, path: str, token: str | None, document: Any = None, **more: Any) -> TestResponse:
    headers = bearer(token) if token else {}
    if document is not None:
        more |= {"data": json.dumps(document), "content_type": "application/json"}
    return house.request(method, path, headers=headers, **more)


def register(house: House, token: str | None, **metadata: Any) -> TestResponse:
    return call(house, "POST", "/register", token, {**META, **metadata})


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def reaching(make_house: Callable[..., House], authority: Authority) -> House:
    """A house whose operator allows calls to this machine under the test's authority."""
    return make_house(outbound_allow=("127.0.0.1",), outbound_ca=str(authority.pem))


def test_a_registered_client_can_be_used_at_once(any_house: House) -> None:
    house = any_house
    answer = register(house, right(house), grant_types=["authorization_code", "refresh_token"])
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store" and answer.content_type == "application/json"
    document = answer.get_json()
    assert document["client_secret"] and document["registration_access_token"]
    assert document["client_secret_expires_at"] == 0 and document["client_id_issued_at"] == house.clock.seconds
    assert document["registration_client_uri"] == f"{house.config.issuer}/register?client_id={document['client_id']}"
    assert (document["client_name"], document["client_name#en"]) == ("税务", "Tax")
    assert document["scope"] == SCOPES and document["subject_type"] == "pairwise"
    assert document["id_token_signed_response_alg"] == "RS256"  # OIDC Registration §2
    client = house.parts.clients.get(document["client_id"])
    assert client is not None
    assert house.tokens(App(client, document["client_secret"]), house.citizen())["id_token"]
    registered = house.events("client.registered")
    assert [(e["client_id"], e["how"], e["department"]) for e in registered] == [(client.client_id, "dynamic", "tax")]


def test_secrets_are_kept_as_hashes_alone(house: House) -> None:
    document = register(house, right(house)).get_json()
    row = house.parts.store.one(ClientRow, client_id=document["client_id"])
    assert row is not None
    for secret in (document["client_secret"], document["registration_access_token"]):
        assert secret.encode() not in row.document + (row.secret_hash or b"") + (row.registration_token_hash or b"")


def test_a_public_client_has_no_secret(house: House) -> None:
    document = register(house, right(house), token_endpoint_auth_method="none").get_json()
    assert "client_secret" not in document and "client_secret_expires_at" not in document


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({"redirect_uris": ["https://a.example/*"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://u:p@a.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"subject_type": "public"}, "invalid_client_metadata"),
        ({"id_token_signed_response_alg": "none"}, "invalid_client_metadata"),
        ({"id_token_signed_response_alg": "HS256"}, "invalid_client_metadata"),
        ({"id_token_encrypted_response_alg": "RSA-OAEP-256"}, "invalid_client_metadata"),
        ({"id_token_encrypted_response_alg": "RSA1_5"}, "invalid_client_metadata"),
        ({"userinfo_encrypted_response_alg": "ECDH-ES+A256KW"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"grant_types": ["password"]}, "invalid_client_metadata"),
        ({"grant_types": ["implicit"], "response_types": ["id_token"]}, "invalid_client_metadata"),
        ({"scope": "openid admin"}, "invalid_client_metadata"),
        ({"require_pkce": False}, "invalid_client_metadata"),
        ({"client_name": 1}, "invalid_client_metadata"),
        ({"software_statement": "x.y.z"}, "invalid_client_metadata"),
    ],
)
def test_metadata_is_judged(house: House, metadata: dict[str, Any], error: str) -> None:
    token = right(house)
    answer = register(house, token, **metadata)
    assert (answer.status_code, answer.get_json()["error"]) == (400, error)
    assert house.parts.store.count(ClientRow) == 0
    assert register(house, token).status_code == 201, "a refused registration uses nothing up"


def test_the_policy_of_the_token(house: House) -> None:
    token = right(house, scope=("openid", "email"), require_pkce=False)
    document = register(house, token, require_pkce=False).get_json()
    assert document["scope"] == "openid email" and document["require_pkce"] is False
    assert [e["require_pkce"] for e in house.events("client.registered")] == [False]
    narrow = right(house, scope=("openid", "email"))
    assert register(house, narrow, scope="openid phone").get_json()["error"] == "invalid_client_metadata"


def test_open_registration_where_the_operator_opened_it(make_house: Callable[..., House]) -> None:
    house = make_house(open_registration=True)
    for _ in range(2):
        assert register(house, None).status_code == 201
    assert {row.department_id for row in house.parts.store.find(ClientRow)} == {"open"}


def test_read_update_delete(any_house: House) -> None:
    house = any_house
    made = register(house, right(house)).get_json()
    path, token = f"/register?client_id={made['client_id']}", made["registration_access_token"]
    read = call(house, "GET", path, token)
    assert read.status_code == 200 and "client_secret" not in read.get_json()
    assert read.get_json()["registration_access_token"] == token
    unsaid, wrong = call(house, "GET", path, None), call(house, "GET", path, "wrong")
    assert unsaid.headers["WWW-Authenticate"] == 'Bearer realm="yimen"'  # RFC 6750 §3.1: no error for who sent no token
    assert 'error="invalid_token"' in wrong.headers["WWW-Authenticate"]

    change = {**META, "client_id": made["client_id"], "redirect_uris": ["https://new.example/cb"]}
    updated = call(house, "PUT", path, token, {**change, "client_secret": made["client_secret"]})
    assert updated.status_code == 200, updated.text
    assert updated.get_json()["redirect_uris"] == ["https://new.example/cb"]
    assert "client_name#en" in updated.get_json()
    assert [e["members"] for e in house.events("client.changed")] == [["redirect_uris"]]
    client = house.parts.clients.get(made["client_id"])
    assert client is not None and client.redirect_uris == ("https://new.example/cb",)
    assert [row.origin for row in house.parts.store.find(ClientOrigin)] == ["https://new.example"]

    token = updated.get_json()["registration_access_token"]
    tokens = house.tokens(App(client, made["client_secret"]), house.citizen())
    assert call(house, "DELETE", path, token).status_code == 204
    assert house.userinfo(tokens["access_token"]).status_code == 401
    assert call(house, "GET", path, token).status_code == 401
    assert house.post("/token", {"grant_type": "x"}, basic(made["client_id"], made["client_secret"])).status_code == 401
    assert house.parts.store.count(ClientOrigin) == 0


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_id": "other"}, 400, "invalid_request"),
        ({"client_id": None}, 400, "invalid_request"),
        ({"client_secret": "wrong"}, 400, "invalid_request"),
        ({"client_secret": 7}, 400, "invalid_request"),
        ({"registration_access_token": "x"}, 400, "invalid_request"),
        ({"scope": "openid"}, 200, None),
        ({"redirect_uris": ["http://a.example/cb"]}, 400, "invalid_redirect_uri"),
        ({"sector_identifier_uri": "https://other.example/s.json"}, 400, "invalid_client_metadata"),
    ],
)
def test_an_update_is_a_registration(house: House, change: dict[str, Any], status: int, error: str | None) -> None:
    made = register(house, right(house)).get_json()
    path, token = f"/register?client_id={made['client_id']}", made["registration_access_token"]
    document = {**META, "client_id": made["client_id"], **change}
    answer = call(house, "PUT", path, token, {k: v for k, v in document.items() if v is not None})
    assert (answer.status_code, answer.get_json().get("error")) == (status, error), answer.text


def test_changing_the_way_to_authenticate(house: House) -> None:
    made = register(house, right(house)).get_json()
    path = f"/register?client_id={made['client_id']}"
    jwks = {"keys": [dict(key_pair().public_jwk)]}
    document = {**META, "client_id": made["client_id"], "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks}
    first = call(house, "PUT", path, made["registration_access_token"], document).get_json()
    row = house.parts.store.one(ClientRow, client_id=made["client_id"])
    assert row is not None and row.secret_hash is None and from_json(row.document).secret_hash is None
    again = call(house, "PUT", path, first["registration_access_token"], {**META, "client_id": made["client_id"]})
    assert again.get_json()["client_secret"] != made["client_secret"]
    assert len(house.events("client.secret_replaced")) == 1


def test_sector_and_logo_are_fetched(reaching: House, authority: Authority) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(picture, "PNG")
    with (
        site(reply(json.dumps([REDIRECT]).encode()), authority) as sector,
        site(reply(picture.getvalue()), authority) as logo,
    ):
        sector_uri, logo_uri = f"https://127.0.0.1:{sector.port}/s.json", f"https://127.0.0.1:{logo.port}/l.png"
        answer = register(reaching, right(reaching), sector_identifier_uri=sector_uri, logo_uri=logo_uri)
    assert answer.status_code == 201, answer.text
    kept = reaching.parts.store.one(ClientLogo, client_id=answer.get_json()["client_id"])
    assert kept is not None and kept.png.startswith(b"\x89PNG")


def test_a_logo_that_cannot_be_had_does_not_stand_in_the_way(reaching: House, authority: Authority) -> None:
    with site(reply(b"not an image"), authority) as logo:
        answer = register(reaching, right(reaching), logo_uri=f"https://127.0.0.1:{logo.port}/l.png")
    assert answer.status_code == 201 and reaching.parts.store.count(ClientLogo) == 0


def test_a_second_client_of_the_department_shares_its_subjects(house: House) -> None:
    token = right(house, uses=2)
    made = [register(house, token).get_json() for _ in range(2)]
    apps = [App(house.parts.clients.get(m["client_id"]), m["client_secret"]) for m in made]  # type: ignore[arg-type]
    other = house.register("social")
    account = house.citizen()
    subjects = [house.userinfo(house.tokens(app, account)["access_token"]).get_json()["sub"] for app in (*apps, other)]
    assert subjects[0] == subjects[1] != subjects[2]
    assert house.parts.store.find(InitialAccessToken)[0].uses_left == 0


def test_keys_by_address_are_used_for_assertions(reaching: House, authority: Authority, tmp_path: Path) -> None:
    signer = key_pair()
    with site(reply(json.dumps({"keys": [dict(signer.public_jwk)]}).encode()), authority) as keys:
        app = reaching.register(
            token_endpoint_auth_method="private_key_jwt", jwks_uri=f"https://127.0.0.1:{keys.port}/jwks"
        )
        known = App(app.client, None, signer)
        for _ in range(3):
            assert reaching.tokens(known, reaching.citizen(f"citizen{reaching.parts.entropy(4).hex()}"))["id_token"]
        assert len(keys.seen) == 1
