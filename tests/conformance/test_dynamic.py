"""Plan Dynamic, module by module, but for what needs implicit grants or ``request_uri`` by reference."""

import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from PIL import Image

from idp.flows.keys import rotate
from keys.backends import open_root
from tests.clients.ground import Authority, Site, reply, site
from tests.conformance.suite import CALLBACK, KEY, RS256, Registered, Suite, public
from tests.kit.house import House, bearer


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def reaching(make_house: Callable[..., House], authority: Authority) -> Suite:
    """A run whose provider may fetch from the suite, which answers on this machine."""
    house = make_house(outbound_allow=("127.0.0.1",), outbound_ca=str(authority.pem))
    return Suite(house, auth="private_key_jwt")


@contextmanager
def serving(document: Any, authority: Authority) -> Iterator[tuple[Site, str]]:
    """A JSON document at an address of the suite's."""
    with site(reply(json.dumps(document).encode(), Content_Type="application/json"), authority) as served:
        yield served, f"https://127.0.0.1:{served.port}/document.json"


def test_oidcc_server_registers_reads_and_unregisters(proving: Suite) -> None:
    """OIDC Registration §3; RFC 7592 §2.3: the module cleans up after itself."""
    client = proving.register()
    proving.sign_in(client)
    document = client.document
    assert document["registration_client_uri"].startswith(proving.house.config.issuer + "/")
    path = document["registration_client_uri"].removeprefix(proving.house.config.issuer)
    gone = proving.house.request("DELETE", path, headers=bearer(document["registration_access_token"]))
    assert (gone.status_code, gone.data) == (204, b"")


def test_oidcc_idtoken_rs256(proving: Suite) -> None:
    client = proving.register(id_token_signed_response_alg="RS256")
    done = proving.sign_in(client)
    assert jwt.decode(done.tokens["id_token"], proving.keys(), algorithms=RS256).header["alg"] == "RS256"


def test_oidcc_userinfo_rs256(proving: Suite) -> None:
    """OIDC Core §5.3.2: a JWT with ``iss`` and ``aud``."""
    client = proving.register(userinfo_signed_response_alg="RS256")
    asked = proving.ask(client)
    _, tokens = proving.redeem(client, asked)
    answer = proving.house.userinfo(tokens["access_token"])
    assert answer.content_type == "application/jwt"
    claims = jwt.decode(answer.text, proving.keys(), algorithms=RS256).claims
    id_token = proving.validated(client, tokens["id_token"], asked.request["nonce"])
    assert (claims["iss"], claims["aud"], claims["sub"]) == (id_token["iss"], client.id, id_token["sub"])


def refused_on_a_page(suite: Suite, client: Registered, **more: str) -> None:
    """The citizen sees an error; the client gets nothing."""
    assert suite.agent.open(suite.url(suite.request(client, **more))) is None
    assert suite.agent.shown.status == 400 and suite.agent.shown.has("error-code")


@pytest.mark.parametrize("redirect_uris", [[CALLBACK], [CALLBACK, f"{CALLBACK}?dummy1=lorem&dummy2=ipsum"]])
def test_oidcc_ensure_redirect_uri_in_authorization_request(proving: Suite, redirect_uris: list[str]) -> None:
    refused_on_a_page(proving, proving.register(redirect_uris=redirect_uris), redirect_uri="")


def test_oidcc_redirect_uri_query_ok(proving: Suite) -> None:
    """RFC 6749 §3.1.2: the registered query stays."""
    client = proving.register(redirect_uris=[f"{CALLBACK}?foo=bar"])
    done = proving.sign_in(client)
    assert done.asked.answer["foo"] == "bar"


@pytest.mark.parametrize(
    ("registered", "asked"),
    [
        pytest.param(f"{CALLBACK}?foo=bar", f"{CALLBACK}?bar=foo", id="query-mismatch"),
        pytest.param(CALLBACK, f"{CALLBACK}?foo=bar", id="query-added"),
    ],
)
def test_oidcc_redirect_uri_with_another_query(proving: Suite, registered: str, asked: str) -> None:
    refused_on_a_page(proving, proving.register(redirect_uris=[registered]), redirect_uri=asked)


def test_oidcc_redirect_uri_regfrag(proving: Suite) -> None:
    """RFC 6749 §3.1.2; RFC 7591 §3.2.2"""
    status, refused = proving.try_register(redirect_uris=[f"{CALLBACK}#fragment"])
    assert (status, refused["error"]) == (400, "invalid_redirect_uri")


def test_oidcc_registration_logo_uri(reaching: Suite, authority: Authority) -> None:
    """OIDC Registration §2: shown on the sign-in page."""
    picture = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(picture, "PNG")
    with site(reply(picture.getvalue(), Content_Type="image/png"), authority) as served:
        client = reaching.register(logo_uri=f"https://127.0.0.1:{served.port}/logo.png")
    page = signing_in(reaching, client)
    [source] = [part.split('"')[0] for part in page.split('src="')[1:] if client.id in part.split('"')[0]]
    image = reaching.house.request("GET", source)
    assert image.status_code == 200 and image.data.startswith(b"\x89PNG")


@pytest.mark.parametrize("member", ["policy_uri", "tos_uri"])
def test_oidcc_registration_links_on_the_sign_in_page(proving: Suite, member: str) -> None:
    """OIDC Registration §2"""
    address = f"https://suite.example/{member}.html"
    assert f'href="{address}"' in signing_in(proving, proving.register(**{member: address}))


def signing_in(suite: Suite, client: Registered) -> str:
    """The sign-in page of a browser without cookies."""
    assert suite.agent.open(suite.url(suite.request(client))) is None and suite.agent.shown.has("username")
    return suite.agent.shown.text


def test_oidcc_registration_jwks_uri(reaching: Suite, authority: Authority) -> None:
    with serving({"keys": [public(KEY)]}, authority) as (served, address):
        client = reaching.register(jwks=None, jwks_uri=address)
        reaching.sign_in(client)
        assert served.seen


def test_oidcc_registration_sector_uri(reaching: Suite, authority: Authority) -> None:
    """OIDC Registration §5"""
    with serving([CALLBACK], authority) as (_, address):
        client = reaching.register(sector_identifier_uri=address, subject_type="pairwise")
    assert reaching.sign_in(client).id_token["sub"]


def test_oidcc_registration_sector_bad(reaching: Suite, authority: Authority) -> None:
    with serving(["https://suite.example/other"], authority) as (_, address):
        status, refused = reaching.try_register(sector_identifier_uri=address, subject_type="pairwise")
    assert (status, refused["error"]) == (400, "invalid_client_metadata")


def test_oidcc_server_rotate_keys(make_house: Callable[..., House]) -> None:
    """OIDC Core §10.1.1: a new key for each algorithm, the old ones still there."""
    suite = Suite(make_house(jwks_max_age=2), auth="private_key_jwt")
    client = suite.register()
    before, old = {k.kid for k in suite.keys().keys}, suite.sign_in(client)
    house = suite.house
    house.clock.advance(30)
    rotate(house.parts.store, open_root(house.config.keys_url), house.config, os.urandom, house.clock(), rotate=True)
    house.parts.generations.reread()
    after = {k.kid for k in suite.keys().keys}
    assert before < after
    jwt.decode(old.tokens["id_token"], suite.keys(), algorithms=RS256)
    assert suite.sign_in_again(client).id_token["sub"] == old.id_token["sub"]


def test_oidcc_refresh_token_rp_key_rotation(reaching: Suite, authority: Authority) -> None:
    """OIDC Core §10.1.1, §11: the client's new key is found at its ``jwks_uri``; offline access with a consent."""
    first, second = (RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True) for _ in range(2))
    with serving({"keys": [public(first)]}, authority) as (served, address):
        status, document = reaching.try_register(
            jwks=None, jwks_uri=address, grant_types=["authorization_code", "refresh_token"]
        )
        assert status == 201, document
        client = Registered(document, first)
        done = reaching.sign_in(client, scope="openid offline_access", prompt="consent")
        served.answer = reply(json.dumps({"keys": [public(second)]}).encode(), Content_Type="application/json")
        reaching.house.clock.advance(60)
        form = {"grant_type": "refresh_token", "refresh_token": done.tokens["refresh_token"]}
        status, fresh = reaching.token(Registered(document, second), form)
    assert status == 200, fresh
    assert reaching.userinfo(fresh["access_token"])["sub"] == done.id_token["sub"]


def test_oidcc_ensure_client_assertion_with_iss_aud_succeeds(proving: Suite) -> None:
    """RFC 7523 §3: the issuer; the suite's other assertions go to the token endpoint, which the right to register allowed."""
    client = proving.register()
    asked = proving.ask(client)
    fields, _ = proving.credentials(client, aud=proving.house.config.issuer)
    form = {"grant_type": "authorization_code", "code": asked.answer["code"], "redirect_uri": CALLBACK}
    assert proving.house.post("/token", {**form, **fields}).status_code == 200


def test_a_signed_request_object_counts_and_not_the_parameters_beside_it(proving: Suite) -> None:
    """OIDC Core §6.1, as ``oidcc-ensure-request-object-with-redirect-uri`` does with an unsigned one: the object's redirect URI is used."""
    client = proving.register()
    request, now = proving.request(client), proving.house.clock.seconds
    claims = {**request, "iss": client.id, "aud": proving.house.config.issuer, "iat": now, "exp": now + 60}
    beside = {**request, "redirect_uri": f"{CALLBACK}/invalid", "request": jwt.encode({"alg": "RS256"}, claims, KEY)}
    left = proving.agent.authorize(f"{proving.house.config.issuer}/authorize?{urlencode(beside)}")
    proving.finish(client, proving.checked(request, left))


def test_oidcc_refresh_token_with_private_key_jwt(proving: Suite) -> None:
    client = proving.register(grant_types=["authorization_code", "refresh_token"])
    done = proving.sign_in(client, scope="openid offline_access", prompt="consent")
    status, fresh = proving.token(
        client, {"grant_type": "refresh_token", "refresh_token": done.tokens["refresh_token"]}
    )
    assert status == 200 and proving.userinfo(fresh["access_token"])["sub"] == done.id_token["sub"]
