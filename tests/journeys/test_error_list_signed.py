"""A client's own error list for what it signs: of each fault what was received beside what was expected, and no person's data."""

from collections.abc import Callable
from typing import Any

import pytest

from idp.errors import shown
from idp.records import ClientRefusal
from tests.journeys.test_par import GOOD
from tests.kit.house import ISSUER, REDIRECT, App, House, key_pair, sign

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SUPPORTED = "ES256 RS256 PS256 Ed25519 EdDSA"


@pytest.fixture
def app(house: House) -> App:
    return house.signing()


def said(house: House, app: App) -> tuple[str, str, str]:
    """The one line since the last call: reason, received, registered."""
    (line,) = house.parts.store.find(ClientRefusal, {"client_id": app.id})
    assert line.reference and line.code in ("invalid_request_object", "invalid_client")
    house.parts.store.commit([_delete(app)])
    return line.reason, line.received, line.registered


def _delete(app: App) -> Any:
    from idp.ports import Delete

    return Delete(ClientRefusal, {"client_id": app.id})


def kid(app: App) -> str:
    assert app.signer is not None
    return app.signer.kid


def signed(house: House, app: App, header: dict[str, Any], claims: dict[str, Any]) -> str:
    assert app.signer is not None
    now = house.clock.seconds
    whole = {**GOOD, "iss": app.id, "client_id": app.id, "aud": ISSUER, "exp": now + 60, "nbf": now, **claims}
    kept = {name: value for name, value in whole.items() if value is not None}
    return sign(app.signer, {"alg": "ES256", "kid": kid(app), **header}, kept)


Expected = Callable[[House, App], tuple[str, str, str]]
OBJECTS: dict[str, tuple[dict[str, Any], Callable[[House, App], dict[str, Any]], Expected]] = {
    "alg": ({"alg": "HS256"}, lambda h, a: {}, lambda h, a: ("alg", "HS256", SUPPORTED)),
    "typ": ({"typ": "at+jwt"}, lambda h, a: {}, lambda h, a: ("typ", "at+jwt", "JWT jwt oauth-authz-req+jwt")),
    "crit": ({"crit": ["b64"]}, lambda h, a: {}, lambda h, a: ("crit", "b64", "no crit and no b64")),
    "kid": ({"kid": "old"}, lambda h, a: {}, lambda h, a: ("key", "ES256 old", f"{kid(a)} EC P-256")),
    "iss": ({}, lambda h, a: {"iss": "https://tax.example"}, lambda h, a: ("iss", "https://tax.example", a.id)),
    "no iss": ({}, lambda h, a: {"iss": None}, lambda h, a: ("iss", "", a.id)),
    "client_id": ({}, lambda h, a: {"client_id": "other"}, lambda h, a: ("client_id", "other", a.id)),
    "aud": ({}, lambda h, a: {"aud": ISSUER + "/token"}, lambda h, a: ("aud", ISSUER + "/token", ISSUER)),
    "auds": ({}, lambda h, a: {"aud": ["a", "b"]}, lambda h, a: ("aud", "a b", ISSUER)),
    "expired": (
        {},
        lambda h, a: {"exp": h.clock.seconds - 1},
        lambda h, a: ("exp", str(h.clock.seconds - 1), f"later than {h.clock.seconds}"),
    ),
    "no exp": ({}, lambda h, a: {"exp": None}, lambda h, a: ("exp", "", f"later than {h.clock.seconds}")),
    "exp as text": (
        {},
        lambda h, a: {"exp": "tomorrow"},
        lambda h, a: ("exp", "tomorrow", "seconds since 1970 as a number"),
    ),
    "a long life": (
        {},
        lambda h, a: {"exp": h.clock.seconds + 9999},
        lambda h, a: ("exp_far", str(h.clock.seconds + 9999), f"at most {h.clock.seconds + 3610}"),
    ),
    "nbf": (
        {},
        lambda h, a: {"nbf": h.clock.seconds + 99},
        lambda h, a: (
            "nbf",
            str(h.clock.seconds + 99),
            f"from {h.clock.seconds - 3600} to {h.clock.seconds + 10}",
        ),
    ),
    "another inside": (
        {},
        lambda h, a: {"request": "x.y.z"},
        lambda h, a: ("nested", "request", "neither request nor request_uri"),
    ),
    "jti": ({}, lambda h, a: {"jti": 7}, lambda h, a: ("jti", "7", "a text of 1 to 256 characters")),
    "a value": (
        {},
        lambda h, a: {"state": True},
        lambda h, a: ("value", "state (a truth value)", "a text, a whole number or JSON"),
    ),
}


@pytest.mark.parametrize("what", OBJECTS)
def test_a_fault_of_a_request_object_is_told_with_both_values(house: House, app: App, what: str) -> None:
    """RFC 9101 §6.3, at both doors."""
    header, claims, expected = OBJECTS[what]
    reason, received, registered = expected(house, app)
    token = signed(house, app, header, claims(house, app))
    house.request("GET", "/authorize", query_string={"client_id": app.id, "request": token})
    assert said(house, app) == (f"request_object_{reason}", received, registered)
    house.as_client(app, "/par", {"request": token})
    assert said(house, app) == (f"request_object_{reason}", received, registered)


def test_a_fault_of_the_signature_names_the_keys(house: House, app: App) -> None:
    other = key_pair()
    forged = sign(other, {"alg": "ES256", "kid": kid(app)}, {"iss": app.id})
    house.as_client(app, "/par", {"request": forged})
    assert said(house, app) == ("request_object_signature", f"ES256 {kid(app)}", f"{kid(app)} EC P-256")
    house.as_client(app, "/par", {"request": "x.y.z"})
    assert said(house, app)[2].startswith("header.payload.signature")


def test_a_registered_algorithm_and_a_signature_that_is_missing(house: House) -> None:
    app = house.signing(request_object_signing_alg="ES256", require_signed_request_object=True)
    assert app.signer is not None
    for alg in ("RS256", "none"):
        token = signed(house, app, {"alg": alg}, {})
        house.as_client(app, "/par", {"request": token})
        assert said(house, app) == ("request_object_alg", alg, "ES256")
    house.as_client(app, "/par", GOOD)
    assert said(house, app)[0] == "request_object_missing"


def test_two_readings_and_a_second_use(house: House, app: App) -> None:
    assert app.signer is not None
    twice = sign(app.signer, {"alg": "ES256", "kid": kid(app)}, b'{"iss":"a","iss":"b"}')
    house.as_client(app, "/par", {"request": twice})
    assert said(house, app)[::2] == (
        "request_object_claims",
        "one JSON object with each member once; this holds a member twice",
    )
    token = signed(house, app, {}, {"jti": "once"})
    assert house.as_client(app, "/par", {"request": token}).status_code == 201
    house.as_client(app, "/par", {"request": token})
    assert said(house, app)[::2] == ("request_object_replayed", "a jti that was not used before")


def test_an_address_inside_a_pushed_object_is_compared(house: House, app: App) -> None:
    """What counts is compared: the object's redirect URI, not the form's (RFC 9126 §3)."""
    house.as_client(app, "/par", {"request": signed(house, app, {}, {"redirect_uri": REDIRECT + "/"})})
    (line,) = house.parts.store.find(ClientRefusal, {"client_id": app.id})
    assert (line.reason, line.received, line.registered) == ("redirect_uri_mismatch", REDIRECT + "/", REDIRECT)


ASSERTIONS: dict[str, tuple[dict[str, Any], Expected]] = {
    "aud": ({"aud": "https://other.example"}, lambda h, a: ("audience", "https://other.example", ISSUER)),
    "auds": ({"aud": [ISSUER]}, lambda h, a: ("audience_list", ISSUER, f"{ISSUER} as one text")),
    "iss": ({"iss": "tax"}, lambda h, a: ("parties", f"tax {a.id}", f"{a.id} as iss and sub")),
    "alg": ({"header": {"alg": "HS256"}}, lambda h, a: ("alg", "HS256", SUPPORTED)),
    "kid": ({"header": {"kid": "old"}}, lambda h, a: ("key", "ES256 old", f"{kid(a)} EC P-256")),
    "exp": ({"exp": 7}, lambda h, a: ("expired", "7", f"later than {h.clock.seconds}")),
    "jti": ({"jti": "x" * 300}, lambda h, a: ("jti", "(a text of 300 characters)", "a text of 1 to 256 characters")),
}


@pytest.mark.parametrize("what", ASSERTIONS)
def test_a_fault_of_an_assertion_is_told_with_both_values(house: House, app: App, what: str) -> None:
    """RFC 7523 §3; the caller hears one text for all of them."""
    override, expected = ASSERTIONS[what]
    form = {"client_assertion_type": ASSERTION, "client_assertion": house.assertion(app, **override), "token": "x"}
    answer = house.post("/revoke", form)
    assert answer.get_json() == {"error": "invalid_client", "error_description": "Client authentication failed"}
    reason, received, registered = expected(house, app)
    assert said(house, app) == (f"assertion_{reason}", received, registered)


@pytest.mark.parametrize(
    "value",
    [
        "li.wei@example.cn",
        "李伟",
        "Li Wei",
        "110101199003070013",
        "13800138000",
        13800138000,
        {"name": "Li Wei"},
        ["李伟"],
        "a?x=li",
    ],
)
@pytest.mark.parametrize("member", ["iss", "aud", "client_id", "exp", "jti", "state"])
def test_what_may_be_a_person_is_told_by_its_form_alone(house: House, app: App, member: str, value: Any) -> None:
    """PIPL art. 6: a mistaken app may put anything anywhere."""
    house.as_client(app, "/par", {"request": signed(house, app, {}, {member: value})})
    house.as_client(app, "/par", {"request": signed(house, app, {"kid": str(value)}, {})})
    kept = str(house.parts.store.find(ClientRefusal, {"client_id": app.id}))
    assert not any(word in kept for word in ("wei", "Wei", "李", "11010119", "1380013", "x=li"))


def test_the_form_of_what_is_not_shown() -> None:
    assert [shown(value) for value in (None, 7, 1.5, True, "a", "a b", ["a", None, "b"], {}, 13800138000, "1234567")] == [
        "", "7", "1.5", "(a truth value)", "a", "(a text of 3 characters)", "a b", "(a JSON object)", "(a number too large for seconds)",
        "(a text of 7 characters)",
    ]  # fmt: skip
