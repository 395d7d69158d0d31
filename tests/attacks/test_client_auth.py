"""Attacks on client authentication, at the endpoints of the composed application."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from werkzeug.test import TestResponse

from idp.flows.client_auth import FAILURES_PER_CLIENT_AND_ADDRESS, THROTTLE_WINDOW_S
from idp.records import Event, EventAddress, UsedAssertion
from tests.clients.ground import silent_listener, visitors
from tests.kit.house import App, House, basic, bearer, key_pair, sign

FORM = {"grant_type": "client_credentials"}
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FAILED = (401, {"error": "invalid_client", "error_description": "Client authentication failed"})


def told(answer: TestResponse) -> tuple[int, dict[str, Any]]:
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.get_json()


def asserting(house: House, assertion: str, **more: str) -> TestResponse:
    return house.post("/token", {**FORM, "client_assertion_type": ASSERTION, "client_assertion": assertion, **more})


@pytest.fixture
def machine(house: House) -> App:
    return house.machine()


@pytest.fixture
def signer(house: House) -> App:
    return house.signing(grant_types=["client_credentials"], redirect_uris=[], default_scope="openid")


# Assertions -----------------------------------------------------------------------------------------------------------


@pytest.mark.attack("A060")
def test_a_replayed_assertion(any_house: House) -> None:
    """Used once at any endpoint, by whichever worker, and still after a restart (RFC 7523 §3)."""
    house = any_house
    app = house.signing(grant_types=["client_credentials"], redirect_uris=[], default_scope="openid")
    assertion = house.assertion(app)
    assert asserting(house, assertion).status_code == 200
    assert told(asserting(house, assertion)) == FAILED
    again = House(house.config, house.clock)
    fields = {"client_assertion_type": ASSERTION, "client_assertion": assertion, "token": "x"}
    for path in ("/token", "/introspect", "/revoke"):
        assert told(again.post(path, {**FORM, **fields})) == FAILED
    again.close()
    assert house.parts.store.count(UsedAssertion) == 1
    assert len(house.events("token.client_issued")) == 1


@pytest.mark.attack("A053")
@pytest.mark.parametrize("header", [{}, {"typ": "JWT"}, {"typ": "oauth-authz-req+jwt"}])
def test_an_authorization_request_is_no_proof_of_its_client(house: House, signer: App, header: dict[str, str]) -> None:
    """A request object that names its client as subject went through a browser: no one who saw it there is the client (RFC 8725 §2.8, §3.12)."""
    asked = {"client_id": signer.id, "response_type": "code", "redirect_uri": "https://tax.example/callback"}
    for own in (asked, {"response_type": "code"}, {"redirect_uri": "https://tax.example/callback"}):
        assert told(asserting(house, house.assertion(signer, header=header, **own))) == FAILED
    assert asserting(house, house.assertion(signer)).status_code == 200


@pytest.mark.attack("A060")
def test_an_assertion_used_by_fifty_at_once(any_house: House) -> None:
    """One wins (RFC 7523 §3)."""
    house = any_house
    app = house.signing(grant_types=["client_credentials"], redirect_uris=[], default_scope="openid")
    assertion = house.assertion(app)
    with ThreadPoolExecutor(50) as pool:
        answers = [f.result() for f in [pool.submit(asserting, house, assertion) for _ in range(50)]]
    assert sorted(a.status_code for a in answers) == [200] + [401] * 49


@pytest.mark.attack("A060")
def test_an_assertion_spent_on_a_refused_request(house: House, signer: App) -> None:
    """What authenticated a refused request is used up too (RFC 7523 §3)."""
    assertion = house.assertion(signer)
    assert asserting(house, assertion, scope="admin").get_json()["error"] == "invalid_scope"
    assert told(asserting(house, assertion)) == FAILED


@pytest.mark.attack("A060")
def test_an_assertion_lives_ten_minutes_at_most(house: House, signer: App) -> None:
    """Longer ones would have to be remembered longer (RFC 7523 §3)."""
    assert told(asserting(house, house.assertion(signer, exp=house.clock.seconds + 601))) == FAILED
    assert asserting(house, house.assertion(signer, exp=house.clock.seconds + 600)).status_code == 200


@pytest.mark.attack("A061")
@pytest.mark.parametrize(
    "change",
    [
        {"aud": None},
        {"aud": ["https://id.example"]},
        {"aud": ["https://id.example", "https://other.example"]},
        {"aud": "https://other.example"},
        {"aud": "https://id.example/par"},
        {"aud": "https://id.example/token"},
        {"aud": "https://id.example/"},
        {"iss": None},
        {"iss": "other"},
        {"sub": None},
        {"sub": "other"},
        {"exp": None},
        {"exp": 1},
        {"exp": "soon"},
        {"jti": None},
        {"jti": ""},
        {"nbf": 4_000_000_000},
        {"iat": 4_000_000_000},
    ],
)
def test_claims_of_an_assertion(house: House, signer: App, change: dict[str, Any]) -> None:
    """Made by and for the right parties, fresh, with an identifier (RFC 7523 §3)."""
    assert told(asserting(house, house.assertion(signer, **change))) == FAILED
    assert house.parts.store.count(UsedAssertion) == 0


@pytest.mark.attack("A061")
def test_older_audiences_only_as_registered(house: House) -> None:
    """The token endpoint's URL for clients whose operator allowed it, and for no other (RFC 7523 §3)."""
    app = house.signing(
        grant_types=["client_credentials"],
        redirect_uris=[],
        default_scope="openid",
        assertion_audiences=["https://id.example/token"],
    )
    assert asserting(house, house.assertion(app, aud="https://id.example/token")).status_code == 200
    assert told(asserting(house, house.assertion(app, aud="https://id.example/par"))) == FAILED


def hmac_with(secret: bytes) -> Callable[[bytes], bytes]:
    import hashlib
    import hmac

    return lambda data: hmac.new(secret, data, hashlib.sha256).digest()


@pytest.mark.attack("A062")
def test_symmetric_algorithms_over_public_keys(house: House, signer: App) -> None:
    """HS256 keyed with what everyone knows: the algorithm is the registration's choice (RFC 8725 §3.1)."""
    assert signer.signer is not None
    public = dict(signer.signer.public_jwk)
    for secret in (b"", msgspec.json.encode(public), base64.urlsafe_b64decode(public["x"] + "==")):
        forged = replace(signer, signer=_Forger("HS256", public["kid"], hmac_with(secret)))  # type: ignore[arg-type]
        assert told(asserting(house, house.assertion(forged))) == FAILED


class _Forger:
    def __init__(self, alg: str, kid: str, sign_with: Callable[[bytes], bytes]) -> None:
        self.alg, self.kid, self.sign = alg, kid, sign_with


@pytest.mark.attack("A062")
def test_an_algorithm_pinned_by_registration(house: House) -> None:
    """Another algorithm, with a registered key of the client even, is refused (RFC 8725 §3.1)."""
    rsa = key_pair("RS256")
    public = {k: v for k, v in rsa.public_jwk.items() if k != "alg"}
    app = house.register(
        grant_types=["client_credentials"],
        redirect_uris=[],
        default_scope="openid",
        token_endpoint_auth_method="private_key_jwt",
        token_endpoint_auth_signing_alg="PS256",
        jwks={"keys": [public]},
    )
    assert told(asserting(house, house.assertion(App(app.client, None, rsa)))) == FAILED


@pytest.mark.attack("A063")
@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", None, "", 7])
def test_unsigned_assertions(house: House, signer: App, alg: object) -> None:
    """No signature is no proof, however it is spelt (RFC 8725 §3.2)."""
    claims = msgspec.json.encode(
        {"iss": signer.id, "sub": signer.id, "aud": house.config.issuer, "exp": house.clock.seconds + 60, "jti": "j"}
    )
    header = msgspec.json.encode({"alg": alg} if alg is not None else {"typ": "JWT"})
    parts = [base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in (header, claims)]
    for signature in ("", "AA"):
        assert told(asserting(house, f"{parts[0]}.{parts[1]}.{signature}")) == FAILED


@pytest.mark.attack("A063")
def test_the_json_serialisation(house: House, signer: App) -> None:
    """Compact alone: the other form brings a header that nobody signed (RFC 7523 §3)."""
    head, payload, signature = house.assertion(signer).split(".")
    document = {
        "payload": payload,
        "signatures": [{"protected": head, "header": {"alg": "none"}, "signature": signature}],
    }
    assert told(asserting(house, msgspec.json.encode(document).decode())) == FAILED


@pytest.mark.attack("A064")
def test_keys_that_come_along(house: House, signer: App) -> None:
    """jwk, jku, x5u and x5c in a header are not looked at, and nothing is fetched (RFC 8725 §3.10)."""
    thief = key_pair()
    with silent_listener() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/keys"
        for header in ({"jwk": dict(thief.public_jwk)}, {"jku": url}, {"x5u": url}, {"x5c": ["MII="]}):
            forged = replace(signer, signer=thief)
            assert told(asserting(house, house.assertion(forged, header={**header, "kid": thief.kid}))) == FAILED
        assert visitors(listener) == 0


@pytest.mark.attack("A064")
@pytest.mark.parametrize(
    "kid", ["../../etc/passwd", "' OR 1=1 --", pytest.param("x" * 11_000, id="long"), ["a"], 7, {}, "\x00", "unknown"]
)
def test_hostile_key_ids(house: House, signer: App, kid: object) -> None:
    """A kid names a key or none; it is never a path or a query (RFC 8725 §3.10)."""
    answer = asserting(house, house.assertion(signer, header={"kid": kid}))
    assert (answer.status_code, answer.get_json()["error"]) in ((401, "invalid_client"), (400, "invalid_request"))


@pytest.mark.attack("A065")
@pytest.mark.parametrize(
    "header", [{"crit": ["x"], "x": 1}, {"crit": []}, {"b64": False, "crit": ["b64"]}, {"b64": False}]
)
def test_extensions_that_nobody_understands(house: House, signer: App, header: dict[str, Any]) -> None:
    """Critical means refused when unknown (RFC 7515 §4.1.11, RFC 7797 §6)."""
    assert told(asserting(house, house.assertion(signer, header=header))) == FAILED


@pytest.mark.attack("A066")
def test_bombs(house: House, signer: App) -> None:
    """Size is judged before anything is decoded (RFC 8725 §3.11)."""
    assert signer.signer is not None
    deep = b'{"a":' * 2_000 + b"1" + b"}" * 2_000
    for assertion in (
        "A" * 20_000,
        ".".join(["A" * 9_000] * 3),
        "." * 10_000,
        sign(signer.signer, {"alg": "ES256"}, deep),
    ):
        answer = asserting(house, assertion)
        assert (answer.status_code, answer.get_json()["error"]) in ((401, "invalid_client"), (400, "invalid_request"))
    assert house.post("/token", {"client_assertion": "A" * 200_000}).status_code == 413


# Methods and identities -----------------------------------------------------------------------------------------------


@pytest.mark.attack("A067")
def test_two_methods_in_one_request(house: House, machine: App, signer: App) -> None:
    """One method per request (RFC 6749 §2.3); an equal client_id beside Basic is not a second one."""
    secret = machine.secret or ""
    head, fields = basic(machine.id, secret), {"client_id": machine.id, "client_secret": secret}
    assertion = {"client_assertion_type": ASSERTION, "client_assertion": house.assertion(signer)}
    for form, headers in (
        ({**FORM, **fields}, head),
        ({**FORM, **assertion}, head),
        ({**FORM, **fields, **assertion}, {}),
    ):
        answer = house.post("/token", form, headers)
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
    assert house.post("/token", {**FORM, "client_id": machine.id}, head).status_code == 200


@pytest.mark.attack("A067")
def test_another_method_than_the_registered_one(house: House, machine: App, signer: App) -> None:
    """Secret in the body for Basic, a secret of a public client, a confidential client without any (RFC 9700 §2.5)."""
    post = house.machine(token_endpoint_auth_method="client_secret_post")
    spa = house.public("social")
    for form, headers in (
        ({"client_id": machine.id, "client_secret": machine.secret or ""}, {}),
        ({}, basic(post.id, post.secret or "")),
        ({"client_id": machine.id}, {}),
        ({"client_id": signer.id}, {}),
        ({}, basic(spa.id, "")),
        ({}, basic(spa.id, "guess")),
        ({"client_id": spa.id, "client_secret": "guess"}, {}),
        ({}, basic(machine.id, "")),
        ({}, {}),
    ):
        answer = house.post("/token", {**FORM, **form}, headers)
        assert told(answer) == FAILED, form
        assert ("WWW-Authenticate" in answer.headers) is bool(headers)


@pytest.mark.attack("A068")
def test_identities_that_differ(house: House, machine: App, signer: App) -> None:
    """client_id in the body, in Basic and in the assertion are one and the same (RFC 7521 §4.2)."""
    other = house.machine("social")
    head = basic(machine.id, machine.secret or "")
    answer = house.post("/token", {**FORM, "client_id": other.id}, head)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
    assert told(asserting(house, house.assertion(signer), client_id=other.id)) == FAILED
    assert asserting(house, house.assertion(signer), client_id=signer.id).status_code == 200


@pytest.mark.attack("A068")
def test_another_clients_key(house: House, signer: App) -> None:
    """An assertion in one client's name under another's key proves nothing (RFC 7523 §3)."""
    other = house.signing("social", grant_types=["client_credentials"], redirect_uris=[], default_scope="openid")
    for forged in (replace(signer, signer=other.signer), App(other.client, None, signer.signer)):
        assert told(asserting(house, house.assertion(forged))) == FAILED


@pytest.mark.attack("A069")
@pytest.mark.parametrize(
    "name",
    [
        "X-Client-Cert",
        "X-SSL-Client-Cert",
        "X_SSL_Client_Verify",
        "SSL-Client-S-DN",
        "X-Forwarded-Client-Cert",
        "X-Remote-User",
    ],
)
def test_forged_certificate_headers(house: House, machine: App, name: str) -> None:
    """A header that a proxy might have set is no proof of a client (RFC 9440 §4)."""
    answer = house.post("/token", {**FORM, "client_id": machine.id}, {name: "CN=" + machine.id})
    assert told(answer) == FAILED


# Secrets --------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("A070")
def test_unknown_client_and_wrong_secret_are_alike(house: House, machine: App) -> None:
    """One answer, byte for byte, so that nobody learns which clients exist (RFC 6749 §5.2)."""
    wrong = house.post("/token", FORM, basic(machine.id, (machine.secret or "")[:-1] + "_"))
    unknown = house.post("/token", FORM, basic("unknown", "x" * 47))
    malformed = house.post("/token", FORM, basic(machine.id, "x"))
    for answer in (wrong, unknown, malformed):
        assert told(answer) == FAILED
        assert dict(answer.headers) == dict(wrong.headers)
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.attack("A070")
def test_guessing_is_throttled_per_client_and_address(any_house: House) -> None:
    """After some failures 429 and no more events; the right secret still works, so nobody is locked out by a stranger (SP 800-63B §3.2.2)."""
    house = any_house
    app, other = house.machine(), house.machine("social")
    for _ in range(FAILURES_PER_CLIENT_AND_ADDRESS):
        assert told(house.post("/token", FORM, basic(app.id, "guess"))) == FAILED
    events = house.parts.store.count(Event)
    for _ in range(5):
        answer = house.post("/token", FORM, basic(app.id, "guess"))
        assert answer.status_code == 429 and answer.headers["Retry-After"] == str(THROTTLE_WINDOW_S)
    assert house.parts.store.count(Event) == events
    assert [e["reason"] for e in house.events("token.refused")] == ["wrong_secret"] * FAILURES_PER_CLIENT_AND_ADDRESS
    assert told(house.post("/token", FORM, basic(other.id, "guess"))) == FAILED
    assert house.as_client(app, "/token", FORM).status_code == 200


@pytest.mark.attack("A070")
def test_a_public_client_does_not_fill_the_log(house: House) -> None:
    """Refusals to whoever speaks as a public client are counted; a good request still passes (CWE-779)."""
    app = house.public()
    tokens = house.tokens(app, house.citizen())
    for _ in range(FAILURES_PER_CLIENT_AND_ADDRESS):
        assert house.refresh(app, "wrong").status_code == 400
    events = house.parts.store.count(Event)
    assert house.refresh(app, "wrong").status_code == 429
    assert house.parts.store.count(Event) == events
    assert house.refresh(app, tokens["refresh_token"]).status_code == 200


@pytest.mark.attack("A070")
@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])
def test_a_secret_in_the_url(house: House, machine: App, path: str) -> None:
    """Refused although right, and in no log line (RFC 6749 §2.3.1)."""
    query = f"client_id={machine.id}&client_secret={quote(machine.secret or '')}"
    answer = house.post(f"{path}?{query}", {**FORM, "token": "x"})
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
    assert (machine.secret or "").encode() not in b"".join(house.lines)


@pytest.mark.attack("A070")
def test_failures_are_the_developers_to_see(house: House, machine: App) -> None:
    """The client's own error list says why, without the secret (DESIGN §10)."""
    from idp.records import ClientRefusal

    house.post("/token", FORM, basic(machine.id, "my-secret-guess"))
    rows = house.parts.store.find(ClientRefusal)
    assert [(r.client_id, r.code, r.reason) for r in rows] == [(machine.id, "invalid_client", "wrong_secret")]
    assert rows[0].reference and "guess" not in str(rows)


@pytest.mark.attack("A052")
@pytest.mark.parametrize("path", ["/token", "/revoke", "/introspect"])
def test_a_bearer_token_authenticates_no_client(house: House, path: str) -> None:
    """An access token is no client credential (RFC 6749 §2.3)."""
    token = house.tokens(house.register(), house.citizen())["access_token"]
    assert told(house.post(path, {**FORM, "token": token}, bearer(token))) == FAILED


@pytest.mark.parametrize("secret", ["p%w d:+/é", "a:b"])
def test_basic_credentials_are_form_encoded_first(house: House, machine: App, secret: str) -> None:
    """RFC 6749 §2.3.1: odd characters fail as wrong secrets, never as errors of ours."""
    joined = f"{quote(machine.id)}:{quote(secret, safe='')}".encode()
    head = {"Authorization": "Basic " + base64.b64encode(joined).decode()}
    assert told(house.post("/token", FORM, head)) == FAILED
    for broken in (
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no-colon").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
    ):
        assert told(house.post("/token", FORM, {"Authorization": broken})) == FAILED


# Without the keyring --------------------------------------------------------------------------------------------------


@pytest.mark.attack("F07")
def test_without_the_keyring_a_refusal_is_still_a_refusal(any_house: House, request: pytest.FixtureRequest) -> None:
    """A wrong secret is told so and recorded, not sent to try again; only its address finds no key to be indexed with (RFC 6749 §5.2)."""
    house, here = any_house, {"environ_overrides": {"REMOTE_ADDR": "203.0.113.9"}}
    app, wrong = house.register(), house.register()
    code, _ = house.grant(app, house.citizen())
    headers = basic(wrong.id, "not it")
    house.request("POST", "/token", data=FORM, headers=headers, **here)
    assert house.parts.store.count(EventAddress) == 1
    away(house, request)
    for path in ("/token", "/introspect", "/revoke", "/par"):
        assert told(house.request("POST", path, data={**FORM, "token": "x"}, headers=headers, **here)) == FAILED, path
    assert [e["endpoint"] for e in house.events("token.refused")] == ["token", "token", "introspect", "revoke", "par"]
    asked = {"client_id": app.id, "redirect_uri": "https://thief.example/"}
    assert house.request("GET", "/authorize", query_string=asked, **here).status_code == 400
    bearer_of_nobody = {"Authorization": "Bearer no"}
    assert house.request("POST", "/register", json={}, headers=bearer_of_nobody, **here).status_code == 401
    assert len(house.events("authorization.refused")) == len(house.events("client.registration_refused")) == 1
    assert house.parts.store.count(EventAddress) == 1
    assert house.redeem(app, code).status_code == 503 and house.events("token.issued") == []


def away(house: House, request: pytest.FixtureRequest) -> None:
    """The keyring's file or database is gone, and so are the connections to it."""
    url = house.config.keyring_url
    if url.startswith("postgresql"):
        request.getfixturevalue("postgres").drop(url)
        return
    keyring: Any = house.parts.keyring
    keyring._store.close()
    file = keyring._store.file.path
    file.unlink()
    file.mkdir()
