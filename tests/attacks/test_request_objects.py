"""Attacks on signed request objects and pushed requests."""

import base64
import hashlib
import hmac
import json
import socket
from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.flows.par import PUSHES_PER_WINDOW, WINDOW_S
from idp.records import Grant
from tests.attacks.authorize_ground import answer, error_page, rows
from tests.journeys.test_authorize import query
from tests.journeys.test_par import GOOD, go, push, reference, request_object
from tests.kit.house import ISSUER, App, House, key_pair, sign


def by_value(house: House, app: App, token: str, **more: str) -> TestResponse:
    return house.request("GET", "/authorize", query_string={"client_id": app.id, "request": token, **more})


def refused_everywhere(house: House, app: App, token: str, code: str = "invalid_request_object") -> None:
    """At /authorize a page, at /par a JSON error; nothing else changes."""
    before = rows(house)
    error_page(house, by_value(house, app, token))
    assert house.events("authorization.refused")[-1]["code"] == code
    pushed = house.as_client(app, "/par", {"request": token})
    assert (pushed.status_code, pushed.get_json()["error"]) == (400, code), pushed.text
    after = rows(house)
    assert after[:-1] == before[:-1]


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(house: House, app: App) -> dict[str, Any]:
    now = house.clock.seconds
    return {**GOOD, "iss": app.id, "client_id": app.id, "aud": ISSUER, "exp": now + 60, "nbf": now, "jti": "j"}


@pytest.mark.attack("A025")
@pytest.mark.parametrize("alg", ["none", "None", "nOnE", ""])
def test_an_unsigned_request_object(house: House, alg: str) -> None:
    """alg none proves nothing, however it is spelled (RFC 9101 §10.1)."""
    app = house.signing()
    refused_everywhere(house, app, f"{encoded({'alg': alg})}.{encoded(claims(house, app))}.")
    refused_everywhere(house, app, f"{encoded({'alg': alg})}.{encoded(claims(house, app))}.eA")


@pytest.mark.attack("A025")
@pytest.mark.parametrize("alg", ["HS256", "HS512"])
def test_a_mac_with_the_public_key_as_secret(house: House, alg: str) -> None:
    """The verifier chooses the algorithm, not the header (RFC 8725 §3.1)."""
    app = house.signing()
    assert app.signer is not None
    signed = f"{encoded({'alg': alg, 'kid': app.signer.kid})}.{encoded(claims(house, app))}"
    for secret in (json.dumps(dict(app.signer.public_jwk)).encode(), b""):
        mac = hmac.new(secret, signed.encode(), hashlib.sha256 if alg == "HS256" else hashlib.sha512).digest()
        refused_everywhere(house, app, f"{signed}.{encoded(mac)}")


@pytest.mark.attack("A025")
def test_another_algorithm_than_the_registered_one(house: House) -> None:
    """request_object_signing_alg pins it (OIDC Registration §2)."""
    pinned, other = key_pair("RS256"), key_pair("ES256")
    keys = {"keys": [dict(pinned.public_jwk), dict(other.public_jwk)]}
    app = house.register(
        token_endpoint_auth_method="private_key_jwt",
        jwks=keys,
        request_object_signing_alg="RS256",
        token_endpoint_auth_signing_alg="ES256",
    )
    refused_everywhere(house, App(app.client, None, other), request_object(house, App(app.client, None, other)))
    error_page(house, by_value(house, app, sign(pinned, {"alg": "PS256", "kid": pinned.kid}, claims(house, app))))
    assert "Location" in by_value(house, app, request_object(house, App(app.client, None, pinned))).headers


@pytest.mark.attack("A025")
def test_plain_parameters_of_a_client_that_signs(house: House) -> None:
    """Without its object the request is anybody's (RFC 9101 §10.5)."""
    app = house.signing(require_signed_request_object=True)
    error_page(house, house.request("GET", "/authorize", query_string=query(app)))
    pushed = push(house, app)
    assert (pushed.status_code, pushed.get_json()["error"]) == (400, "invalid_request_object")
    assert house.as_client(app, "/par", {"request": request_object(house, app)}).status_code == 201


@pytest.mark.attack("A026")
def test_an_object_signed_by_somebody_else(house: House) -> None:
    """Only a registered key of this very client counts, whatever the header carries (RFC 9101 §10.2)."""
    app, other = house.signing(), house.signing("social")
    stranger = key_pair()
    assert app.signer is not None and other.signer is not None
    for signer in (other.signer, stranger):
        for header in (
            {"alg": "ES256", "kid": signer.kid},
            {"alg": "ES256", "kid": app.signer.kid},
            {"alg": "ES256", "jwk": dict(signer.public_jwk)},
            {"alg": "ES256", "jku": "http://127.0.0.1:1/jwks", "kid": signer.kid},
        ):
            refused_everywhere(house, app, sign(signer, header, claims(house, app)))


@pytest.mark.attack("A026")
@pytest.mark.parametrize("change", [{"iss": "other"}, {"iss": None}, {"client_id": "other"}, {"client_id": None}])
def test_an_object_that_names_somebody_else(house: House, change: dict[str, Any]) -> None:
    """iss and client_id are the client that asks (RFC 9101 §5)."""
    app = house.signing()
    refused_everywhere(house, app, request_object(house, app, **change))


@pytest.mark.attack("A026")
def test_an_object_of_one_client_in_the_hands_of_another(house: House) -> None:
    """The client_id outside has to be the one inside (RFC 9101 §5)."""
    app, other = house.signing(), house.signing("social")
    error_page(house, by_value(house, other, request_object(house, app)))


@pytest.mark.attack("A027")
@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1/x",
        "https://10.0.0.1/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/x",
        "http://[::ffff:127.0.0.1]/x",
        "http://2130706433/x",
        "file:///etc/passwd",
        "https://tax.example/request.jwt",
        "urn:other:x",
        "gopher://x",
    ],
)
def test_a_reference_that_we_did_not_give_out_is_not_fetched(
    house: House, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """request_uri_not_supported to the proven client, a page without one, and no packet anywhere (RFC 9101 §10.4)."""

    def nothing(*_: object, **__: object) -> None:
        raise AssertionError("a packet went out")

    app = house.signing(request_uris=["https://tax.example/request.jwt"])
    monkeypatch.setattr(socket, "create_connection", nothing)
    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    response = house.request("GET", "/authorize", query_string=query(app, request_uri=uri))
    assert answer(response)["error"] == "request_uri_not_supported"
    error_page(house, house.request("GET", "/authorize", query_string={"client_id": app.id, "request_uri": uri}))


@pytest.mark.attack("A028")
def test_a_pushed_request_of_another_client(any_house: House) -> None:
    """A reference is bound to who pushed it, and a foreign try does not spend it (RFC 9126 §7.3)."""
    house = any_house
    app, other = house.register(), house.register("social")
    uri = reference(house, app)
    error_page(house, go(house, other, uri))
    browser = house.signed_in(house.citizen())
    assert 'id="consent-allow"' in go(house, app, uri, browser).text


@pytest.mark.attack("A028")
@pytest.mark.parametrize("end", ["", "x", "A" * 47, "../../x", "%00", "AQAB" + "A" * 43])
def test_a_guessed_reference(house: House, end: str) -> None:
    """256 random bits: what was not given out is unknown (RFC 9126 §7.1)."""
    app = house.register()
    error_page(house, go(house, app, f"urn:ietf:params:oauth:request_uri:{end}"))
    assert house.events("authorization.refused")[-1]["code"] == "invalid_request_uri"


@pytest.mark.attack("A028")
def test_a_reference_makes_one_code(any_house: House) -> None:
    """Used is used, also with everything remembered; expired is expired (RFC 9126 §4)."""
    house = any_house
    app, browser = house.register(), house.signed_in(house.citizen())
    house.code(browser, app, scope="openid email")
    uri = reference(house, app)
    assert "code" in answer(go(house, app, uri, browser))
    error_page(house, go(house, app, uri, browser))
    assert house.events("authorization.refused")[-1]["code"] == "invalid_request_uri"
    late = reference(house, app)
    house.clock.advance(house.config.par_ttl + 1)
    assert go(house, app, late, browser).status_code == 400
    assert len(house.events("code.issued")) == 2


@pytest.mark.attack("A029")
def test_two_carriers_of_one_request(house: House) -> None:
    """request beside request_uri, request_uri inside a push or an object: 400 (RFC 9101 §5, RFC 9126 §2.1)."""
    app = house.signing()
    uri = reference(house, app)
    error_page(house, by_value(house, app, request_object(house, app), request_uri=uri))
    for changes in ({"request_uri": uri}, {"request_uri": "https://x", "request": request_object(house, app)}):
        pushed = push(house, app, **changes)
        assert (pushed.status_code, pushed.get_json()["error"]) == (400, "invalid_request")
    refused_everywhere(house, app, request_object(house, app, request_uri=uri))
    refused_everywhere(house, app, request_object(house, app, request="x.y.z"))


@pytest.mark.attack("A030")
def test_parameters_beside_the_signed_object(house: House) -> None:
    """Only the object counts: nothing outside adds or overrides (RFC 9101 §5)."""
    app, browser = house.signing(), house.signed_in(house.citizen())
    house.code(browser, app, scope="openid email")
    outside = {
        "client_id": app.id,
        "state": "planted",
        "nonce": "planted",
        "scope": "openid email phone",
        "redirect_uri": "https://evil.example",
        "response_mode": "fragment",
        "claims": '{"userinfo": {"address": null}}',
        "prompt": "login",
    }
    asked = {**outside, "request": request_object(house, app, state=None, nonce=None)}
    fields = answer(browser.get("/authorize", query_string=asked, base_url=ISSUER))
    assert set(fields) == {"code", "iss"}
    grant = house.parts.store.find(Grant, order=("-created_at", "-id"))
    latest = [g for g in grant if g.nonce is None]
    assert [(g.scope, g.claims) for g in latest] == [("openid email", None)]
    error_page(
        house,
        by_value(
            house, app, request_object(house, app, redirect_uri=None), redirect_uri="https://tax.example/callback"
        ),
    )


@pytest.mark.attack("A031")
@pytest.mark.parametrize(
    "change",
    [
        {"exp": None},
        {"exp": -1},
        {"exp": 4000},
        {"nbf": -3700},
        {"nbf": 60},
        {"iat": 60},
        {"aud": None},
        {"aud": "https://other.example"},
        {"aud": ISSUER + "/"},
        {"aud": ISSUER + "/authorize"},
    ],
)
def test_an_object_out_of_time_or_place(house: House, change: dict[str, Any]) -> None:
    """exp is there and near, nbf not old, aud is the issuer (RFC 9101 §4, §10.2)."""
    app, now = house.signing(), house.clock.seconds
    moved = {name: now + value if isinstance(value, int) else value for name, value in change.items()}
    refused_everywhere(house, app, request_object(house, app, **moved))


@pytest.mark.attack("A031")
def test_an_object_twice(any_house: House) -> None:
    """A jti counts once, at either endpoint, and a refused object does not spend it (RFC 9101 §10.2)."""
    house = any_house
    app, browser = house.signing(), house.signed_in(house.citizen())
    token = request_object(house, app)
    assert house.as_client(app, "/par", {"request": token}).status_code == 201
    again = house.as_client(app, "/par", {"request": token})
    assert (again.status_code, again.get_json()["error"]) == (400, "invalid_request_object")
    error_page(house, by_value(house, app, token))
    house.code(browser, app)
    fresh = request_object(house, app)
    where = {"client_id": app.id, "request": fresh}
    assert "code" in answer(browser.get("/authorize", query_string=where, base_url=ISSUER))
    second = browser.get("/authorize", query_string=where, base_url=ISSUER)
    assert second.status_code == 400
    assert len(house.events("code.issued")) == 2


@pytest.mark.attack("A032")
def test_a_flood_of_pushed_requests(any_house: House) -> None:
    """429 with Retry-After beyond the client's own quota; others go on (RFC 9126 §7.5)."""
    house = any_house
    app = house.register()
    house.parts.volatile.bump("par-quota", app.id.encode(), WINDOW_S, PUSHES_PER_WINDOW)
    answer_ = push(house, app)
    assert answer_.status_code == 429
    assert int(answer_.headers["Retry-After"]) == WINDOW_S
    assert push(house, house.register("social")).status_code == 201


@pytest.mark.attack("A032")
def test_a_huge_pushed_request(house: House) -> None:
    """A body beyond the limit is not read (RFC 9126 §2.3)."""
    app = house.register()
    assert push(house, app, state="x" * 10_000_000).status_code == 413
    assert push(house, app, state="x" * 5000).status_code == 400
