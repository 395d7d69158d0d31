"""Pushed authorization requests (RFC 9126), alone and with request objects inside."""

from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from idp.errors import Refusal
from idp.flows.explain import explain
from idp.records import ClientRefusal
from tests.journeys.test_authorize import answer_of
from tests.kit.house import ISSUER, REDIRECT, App, House, challenge, sign

GOOD = {
    "response_type": "code",
    "redirect_uri": REDIRECT,
    "scope": "openid email",
    "state": "pushed-state",
    "nonce": "n",
    "code_challenge": challenge(),
    "code_challenge_method": "S256",
}


def push(house: House, app: App, **changes: str | None) -> TestResponse:
    form = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return house.as_client(app, "/par", form)


def reference(house: House, app: App, **changes: str | None) -> str:
    answer = push(house, app, **changes)
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["request_uri"])


def request_object(house: House, app: App, **changes: Any) -> str:
    assert app.signer is not None
    claims = {
        **GOOD,
        "iss": app.id,
        "client_id": app.id,
        "aud": ISSUER,
        "exp": house.clock.seconds + 60,
        "nbf": house.clock.seconds,
        "jti": house.parts.entropy(8).hex(),
        **changes,
    }
    header = {"alg": app.signer.alg, "kid": app.signer.kid, "typ": "oauth-authz-req+jwt"}
    return sign(app.signer, header, {name: value for name, value in claims.items() if value is not None})


def go(house: House, app: App, uri: str, browser: Any = None, **more: str) -> TestResponse:
    browser = browser or house.browser()
    query = {"client_id": app.id, "request_uri": uri, **more}
    return house.follow(browser, browser.get("/authorize", query_string=query, base_url=ISSUER))


def test_rfc9126_2_2_201_with_a_reference_that_expires(any_house: House) -> None:
    house = any_house
    app = house.register()
    answer = push(house, app)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    body = answer.get_json()
    assert body["request_uri"].startswith("urn:ietf:params:oauth:request_uri:")
    assert body["expires_in"] == house.config.par_ttl < 600
    assert len({reference(house, app) for _ in range(5)}) == 5
    assert house.events("authorization.pushed")[0]["client_id"] == app.id


def test_rfc9126_4_only_what_was_pushed_counts(any_house: House) -> None:
    house = any_house
    app, browser = house.register(), house.signed_in(house.citizen())
    uri = reference(house, app)
    page = go(house, app, uri, browser, state="other", scope="openid phone", redirect_uri="https://evil.example")
    answer = answer_of(house.submit(browser, page, decision="allow"))
    assert (answer["state"], answer["iss"]) == ("pushed-state", ISSUER)
    tokens = house.redeem(app, answer["code"])
    assert tokens.get_json()["scope"] == "openid email"


def test_reload_before_the_end_goes_on_and_after_the_code_it_is_used(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    uri = reference(house, app)
    first, second = go(house, app, uri, browser), go(house, app, uri, browser)
    assert "code" in answer_of(house.submit(browser, second, decision="allow"))
    again = browser.get(first.request.path, base_url=ISSUER)
    assert again.status_code == 400 and "Location" not in again.headers
    assert go(house, app, uri, browser).status_code == 400
    assert len(house.events("code.issued")) == 1


def test_it_expires(house: House) -> None:
    app = house.register()
    uri = reference(house, app)
    house.clock.advance(house.config.par_ttl + 1)
    assert go(house, app, uri).status_code == 400


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"redirect_uri": "https://evil.example"}, 400, "invalid_request"),
        ({"redirect_uri": None}, 400, "invalid_request"),
        ({"scope": "openid email", "response_type": "token"}, 400, "unsupported_response_type"),
        ({"scope": None}, 400, "invalid_scope"),
        ({"code_challenge": None}, 400, "invalid_request"),
        ({"prompt": "none login"}, 400, "invalid_request"),
        ({"max_age": "x"}, 400, "invalid_request"),
        ({"claims": "["}, 400, "invalid_request"),
        ({"request": "x.y.z"}, 400, "invalid_request_object"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, 400, "invalid_request"),
        ({"id_token_hint": "x.y.z"}, 400, "invalid_request"),
    ],
)
def test_rfc9126_2_3_every_check_is_made_at_the_push(
    house: House, changes: dict[str, str | None], status: int, error: str
) -> None:
    answer = push(house, house.register(), **changes)
    assert (answer.status_code, answer.get_json()["error"]) == (status, error)
    assert house.events("token.refused")[-1]["endpoint"] == "par"
    assert len(house.parts.store.find(ClientRefusal)) == 1


def test_the_client_proves_itself(house: House) -> None:
    app = house.register()
    wrong = App(app.client, "x" * 47)
    answer = push(house, wrong)
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("kind", ["public", "signing"])
def test_public_clients_and_assertions_push_too(house: House, kind: str) -> None:
    app = house.public() if kind == "public" else house.signing()
    assert push(house, app).status_code == 201


def test_rfc9126_3_a_request_object_is_pushed_and_alone_counts(house: House) -> None:
    app, browser = house.signing(), house.signed_in(house.citizen())
    pushed = house.as_client(
        app, "/par", {"request": request_object(house, app), "state": "unsigned", "scope": "openid phone"}
    )
    assert pushed.status_code == 201, pushed.text
    page = go(house, app, pushed.get_json()["request_uri"], browser)
    assert answer_of(house.submit(browser, page, decision="allow"))["state"] == "pushed-state"


def test_rfc9101_a_request_object_by_value(house: House) -> None:
    app, browser = house.signing(), house.signed_in(house.citizen())
    query = {"client_id": app.id, "request": request_object(house, app)}
    page = house.follow(browser, browser.get("/authorize", query_string=query, base_url=ISSUER))
    assert answer_of(house.submit(browser, page, decision="allow"))["state"] == "pushed-state"
    query = {"client_id": app.id, "request": request_object(house, app, state="fast")}
    assert answer_of(browser.get("/authorize", query_string=query, base_url=ISSUER))["state"] == "fast"


@pytest.mark.parametrize("everyone", [True, False])
def test_rfc9126_5_a_client_that_must_push_does_not_get_by(make_house: Any, everyone: bool) -> None:
    house = make_house(require_par=everyone)
    app = house.register(require_pushed_authorization_requests=not everyone)
    answer = answer_of(house.authorize(house.browser(), app))
    assert (answer["error"], answer["state"]) == ("invalid_request", "a-state")
    browser = house.signed_in(house.citizen())
    assert 'id="consent-allow"' in go(house, app, reference(house, app), browser).text


def explained(house: House, app: App, query: str) -> Any:
    try:
        return explain(house.parts, app.client, query)
    except Refusal as refusal:
        return refusal.public


def test_what_is_signed_or_pushed_is_explained_as_it_is(any_house: House) -> None:
    """Issue 3.2: the developer sees the plan of the request that counts, and uses nothing of it up; what can't be read is said as it is answered"""
    house, asked = any_house, "openid email"
    app = house.signing()
    signed = request_object(house, app, scope=asked, claims={"userinfo": {"name": None}})
    plain = explained(house, app, urlencode({"scope": asked, "claims": '{"userinfo":{"name":null}}'}))
    assert {line["attribute"] for line in plain["lines"]} == {"email", "email_verified", "name"}
    beside = urlencode({"client_id": app.id, "request": signed, "scope": "openid phone"})
    assert explained(house, app, beside) == plain
    pushed = house.as_client(app, "/par", {"request": signed}).get_json()["request_uri"]
    query = urlencode({"client_id": app.id, "request_uri": pushed})
    assert explained(house, app, query) == plain == explained(house, app, query)
    assert 'id="consent-allow"' in go(house, app, pushed, house.signed_in(house.citizen())).text
    for wrong, said in {
        "request_uri=https://tax.example/r": "Only request_uri values from pushed requests",
        f"request_uri={pushed}x": "unknown, expired or used",
        "request=eyJ": "could not be verified",
        f"{beside}&request_uri={pushed}": "both sent",
        "scope=openid&scope=openid": "sent more than once",
    }.items():
        assert said in explained(house, app, wrong), wrong
