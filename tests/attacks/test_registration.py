"""Attacks on client registration, at the endpoints of the composed application."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.test import TestResponse

from clients.outbound import SteadyOutbound
from idp.flows.provision import add_initial_token
from idp.records import ClientRefusal, ClientRow, Event, InitialAccessToken
from tests.clients.ground import Authority, reply, silent_listener, site, visitors
from tests.kit.house import REDIRECT, House, bearer

META: dict[str, Any] = {"redirect_uris": [REDIRECT]}
INTERNAL = [
    "https://127.0.0.1/x",
    "https://localhost/x",
    "https://10.0.0.8/x",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[fd00::1]/x",
    "https://2130706433/x",
    "https://db.internal/x",
    "http://tax.example/x",
    "file:///etc/passwd",
]


def right(house: House, **policy: Any) -> str:
    return add_initial_token(house.parts, house.department(), **policy)


def call(house: House, method: str, path: str, token: str | None, document: Any = None) -> TestResponse:
    body = document if isinstance(document, bytes) else json.dumps(document).encode() if document is not None else b""
    kind = "application/json" if document is not None else None
    return house.request(method, path, headers=bearer(token) if token else {}, data=body, content_type=kind)


def post(house: House, token: str | None, **metadata: Any) -> TestResponse:
    return call(house, "POST", "/register", token, {**META, **metadata})


def unauthorised(answer: TestResponse) -> bool:
    """One answer for every cause."""
    told = {"error": "invalid_token", "error_description": "The access token is missing, unknown or spent."}
    return answer.status_code == 401 and answer.get_json() == told and "Bearer" in answer.headers["WWW-Authenticate"]


@pytest.mark.attack("A097")
def test_registration_without_a_right(house: House) -> None:
    """Closed unless the operator opened it; unknown, spent and expired tokens are alike (RFC 7591 §3, §5)."""
    spent, expired = right(house), right(house, ttl_s=60)
    assert post(house, spent).status_code == 201
    house.clock.advance(60)
    session = house.session(house.citizen())[1]
    for token in (None, "unknown", spent, expired, session):
        assert unauthorised(post(house, token)), token
    assert house.parts.store.count(ClientRow) == 1


@pytest.mark.attack("A097")
def test_the_count_holds_under_fifty_at_once(any_house: House) -> None:
    """A right for three makes three clients, however many ask at once (RFC 7591 §5)."""
    house = any_house
    token = right(house, uses=3)
    with ThreadPoolExecutor(50) as pool:
        answers = [f.result() for f in [pool.submit(post, house, token) for _ in range(50)]]
    assert sorted(a.status_code for a in answers) == [201] * 3 + [401] * 47
    assert house.parts.store.count(ClientRow) == 3
    assert house.parts.store.find(InitialAccessToken)[0].uses_left == 0
    assert len(house.events("client.registered")) == 3


@pytest.mark.attack("A093", "A098", "A099", "A100")
@pytest.mark.parametrize("uri", INTERNAL)
@pytest.mark.parametrize(
    "member", ["jwks_uri", "sector_identifier_uri", "backchannel_logout_uri", "logo_uri", "logo_uri#en"]
)
def test_addresses_inside(house: House, member: str, uri: str) -> None:
    """What we would call must be https and outside; refused by its spelling, before any packet (RFC 7591 §5)."""
    answer = post(house, right(house), **{member: uri})
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client_metadata")
    assert house.parts.store.count(ClientRow) == 0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def reaching(make_house: Callable[..., House], authority: Authority) -> House:
    """The operator allows calls to this machine."""
    return make_house(outbound_allow=("127.0.0.1",), outbound_ca=str(authority.pem))


@pytest.mark.attack("A099")
@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"{}",
        b'["https://other.example/cb"]',
        b"[1]",
        b"null",
        pytest.param(b" " * 200_000 + b"[]", id="large"),
    ],
)
def test_sector_documents_that_are_none(reaching: House, authority: Authority, body: bytes) -> None:
    """Not JSON, not an array, without a redirect URI, too large: invalid_client_metadata (OIDC Registration §5)."""
    with site(reply(body), authority) as sector:
        answer = post(reaching, right(reaching), sector_identifier_uri=f"https://127.0.0.1:{sector.port}/s")
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client_metadata")


@pytest.mark.attack("A099")
def test_a_sector_document_behind_a_redirect(reaching: House, authority: Authority) -> None:
    """No redirect is followed to where we would not have gone (RFC 7591 §5)."""
    with silent_listener() as listener:
        away = reply(b"", 302, Location=f"https://127.0.0.1:{listener.getsockname()[1]}/")
        with site(away, authority) as sector:
            answer = post(reaching, right(reaching), sector_identifier_uri=f"https://127.0.0.1:{sector.port}/s")
        assert answer.status_code == 400 and visitors(listener) == 0


@pytest.mark.attack("A098")
def test_ports_cannot_be_told_apart(reaching: House, authority: Authority) -> None:
    """Closed, silent and wrong answers: one text, one time (RFC 7591 §5)."""
    from dataclasses import replace

    from idp.app import create_app

    slept: list[float] = []
    steady = SteadyOutbound(reaching.parts.outbound, monotonic=lambda: 0.0, sleep=slept.append, floor_s=3.0)
    reaching.app = create_app(
        reaching.config, replace(reaching.parts, registration_outbound=steady), log=reaching.lines.append
    )
    token = right(reaching, uses=9)
    texts = set()
    with site(reply(b"x", 500), authority) as wrong, site(reply(b"x")) as plain:
        for port in (1, wrong.port, plain.port):
            answer = post(reaching, token, sector_identifier_uri=f"https://127.0.0.1:{port}/s")
            texts.add(answer.data)
    assert len(texts) == 1
    assert slept == [3.0, 3.0], "who is not answered is told after one time, whatever the port"


@pytest.mark.attack("A093")
def test_a_logo_that_cannot_be_had_is_told_to_who_looks_after_the_client(reaching: House, authority: Authority) -> None:
    """The client stands without it, and its list says what the fetch met beside the registered address (RFC 7591 §2)."""
    house, token = reaching, right(reaching, uses=9)
    with site(reply(b"x", 404), authority) as away, site(reply(b"<svg/>"), authority) as drawn:
        met = {
            f"https://127.0.0.1:{away.port}/logo.png": ("logo_uri_unavailable", "status_404"),
            f"https://127.0.0.1:{drawn.port}/logo.svg": (
                "logo_unreadable",
                "logo_uri must be a PNG, JPEG, GIF or WebP image",
            ),
        }
        for uri, (reason, received) in met.items():
            made = post(house, token, logo_uri=uri).get_json()
            changed = {**META, "client_id": made["client_id"]}
            path = f"/register?client_id={made['client_id']}"
            made = call(house, "PUT", path, made["registration_access_token"], changed).get_json()
            again = call(house, "PUT", path, made["registration_access_token"], {**changed, "logo_uri": uri})
            assert again.status_code == 200
            lines = house.parts.store.find(ClientRefusal, {"client_id": made["client_id"]})
            told = {(line.code, line.reason, line.received, line.registered) for line in lines}
            assert told == {("dropped", reason, received, uri)} and len(lines) == 2
            assert all(line.reference for line in lines)


@pytest.mark.attack("A102")
def test_a_registration_token_of_another_client(house: House) -> None:
    """Own token, own client; unknown clients, other tokens and old ones are alike (RFC 7592 §2, §5)."""
    first, second = (post(house, right(house)).get_json() for _ in range(2))
    path = f"/register?client_id={first['client_id']}"
    own, other = first["registration_access_token"], second["registration_access_token"]
    document = {**META, "client_id": first["client_id"]}
    for method in ("GET", "PUT", "DELETE"):
        body = document if method == "PUT" else None
        for where, token in (
            (path, other),
            (path, None),
            (path, "x"),
            ("/register?client_id=none", own),
            ("/register", own),
        ):
            assert unauthorised(call(house, method, where, token, body)), (method, where)
    fresh = call(house, "PUT", path, own, document).get_json()["registration_access_token"]
    assert unauthorised(call(house, "GET", path, own)), "the old token died with the update"
    assert call(house, "GET", path, fresh).status_code == 200


@pytest.mark.attack("A102")
def test_fifty_updates_at_once(any_house: House) -> None:
    """One wins; the others lost their token to it (RFC 7592 §2.2)."""
    house = any_house
    made = post(house, right(house)).get_json()
    path, token = f"/register?client_id={made['client_id']}", made["registration_access_token"]
    document = {**META, "client_id": made["client_id"], "client_name": "new"}
    with ThreadPoolExecutor(50) as pool:
        answers = [f.result() for f in [pool.submit(call, house, "PUT", path, token, document) for _ in range(50)]]
    assert sorted(a.status_code for a in answers) == [200] + [401] * 49


@pytest.mark.attack("A161")
@pytest.mark.parametrize(
    "body",
    [
        b'{"redirect_uris":["https://a.example/cb"],"redirect_uris":["https://evil.example/cb"]}',
        b'{"redirect_uris":["https://a.example/cb"]} trailing',
        b'[{"redirect_uris":["https://a.example/cb"]}]',
        b"null",
        b'"text"',
        b"7",
        b"",
        b'{"redirect_uris":["https://a.example/cb"],"default_max_age":NaN}',
        b'{"redirect_uris":"https://a.example/cb"}',
        b'{"redirect_uris":["https://a.example/cb"],"client_name":{"x":1}}',
        b'{"redirect_uris":["https://a.example/cb"],"require_auth_time":"yes"}',
        b'{"redirect_uris":["https://a.example/cb"],"default_max_age":-1}',
        b'{"redirect_uris":["https://a.example/cb"],"default_max_age":1e99}',
        b'{"redirect_uris":["https://a.example/cb\\ud800"]}',
        pytest.param(b"[" * 60_000, id="deep"),
    ],
)
def test_json_that_is_not_strict(house: House, body: bytes) -> None:
    """Members named twice, trailing data, wrong types, no object: an error that changes nothing, never a 500 (RFC 8259 §4)."""
    token, events = right(house), house.parts.store.count(Event)
    answer = call(house, "POST", "/register", token, body)
    assert answer.status_code == 400
    assert answer.get_json()["error"] in ("invalid_client_metadata", "invalid_redirect_uri", "invalid_request")
    assert house.parts.store.count(ClientRow) == 0
    assert house.parts.store.count(Event) <= events + 1
    assert house.parts.store.find(InitialAccessToken)[0].uses_left == 1


@pytest.mark.attack("A161")
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_of_another_type(house: House, kind: str) -> None:
    """A form of another site can't pose as JSON (RFC 7591 §3.1)."""
    headers = bearer(right(house))
    answer = house.request("POST", "/register", data=json.dumps(META), content_type=kind, headers=headers)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
