"""Attacks by documents that parsers disagree about: half characters, nesting, numbers, members twice, trailing data."""

import pytest

from clients.metadata_wire import Wire
from idp.flows.provision import add_initial_token
from tests.journeys.test_par import GOOD
from tests.kit.house import ISSUER, House, basic, bearer, sign

BASE = b'"redirect_uris":["https://tax.example/callback"]'


def register(house: House, body: bytes, right: str) -> tuple[int, str]:
    answer = house.request("POST", "/register", data=body, content_type="application/json", headers=bearer(right))
    return answer.status_code, answer.get_json().get("error", "")


@pytest.fixture
def right(house: House) -> str:
    return add_initial_token(house.parts, house.department(), uses=5000)


@pytest.mark.attack("A161")
@pytest.mark.parametrize(
    "member",
    [
        b'"\\ud800":1',
        b'"client_name#\\udfff":"x"',
        b'"jwks":{"keys":[],"x":"\\ud800"}',
        b'"jwks":{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","key_ops":["\\ud800"]}]}',
        b'"contacts":["\\udc00"]',
        b'"software_id":"\\ud800\\ud800"',
        b'"client_name":"a","client_name":"b"',
        b'"jwks":{"keys":[],"keys":[]}',
        b'"default_max_age":NaN',
        b'"default_max_age":1e400',
        b'"default_max_age":' + b"9" * 5000,
        b'"default_max_age":-1',
        b'"x":1}{"y":2',
        b'"x":1},{"y":2',
        b'"x":"\xff"',
        b'"x":' + b"[" * 20_000 + b"]" * 20_000,
        b'"jwks":' + b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'"client_name":"' + b"a" * 70_000 + b'"',
    ],
    ids=lambda member: ascii(member[:30]),
)
def test_registration_reads_strictly(house: House, right: str, member: bytes) -> None:
    """One strict reading: what has two, or none, is refused with a standard error and never crashes (RFC 8259 §4, §8; RFC 7591 §3.2.2)."""
    assert register(house, b"{" + BASE + b"," + member + b"}", right) == (400, "invalid_client_metadata")
    assert register(house, b"{" + BASE + b"}", right)[0] == 201


@pytest.mark.attack("A161")
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'"x"', b"1", b"{", b"\xef\xbb\xbf{}", b"[{}]", b"{}x", b"\x00", b"{'a':1}"]
)
def test_registration_wants_one_object(house: House, right: str, body: bytes) -> None:
    """No null, list, text, byte order mark or trailing data (CVE-2026-41571)."""
    assert register(house, body, right) == (400, "invalid_client_metadata")


@pytest.mark.attack("A161")
@pytest.mark.parametrize(
    "value", [b"true", b"1", b"1.5", b'""', b"[]", b"{}", b"[[]]", b"[null]", b'"' + b"x" * 3000 + b'"', b'{"a":1}']
)
def test_no_member_of_the_wrong_type_crashes(house: House, right: str, value: bytes) -> None:
    """Every member that may be registered, with every type of value, is taken or refused (RFC 7591 §3.2.2)."""
    for member in (*Wire.__struct_fields__, "software_statement", "client_id", "client_secret", "client_name#en"):
        status, error = register(
            house,
            b"{" + (BASE + b"," if member != "redirect_uris" else b"") + f'"{member}":'.encode() + value + b"}",
            right,
        )
        assert (status, error) in (
            (201, ""),
            (400, "invalid_client_metadata"),
            (400, "invalid_redirect_uri"),
            (400, "invalid_request"),
        ), member


@pytest.mark.attack("A161", "A066")
@pytest.mark.parametrize("depth", [1, 100, 800, *range(900, 1000, 9), 1100, 5000])
def test_a_request_object_as_deep_as_it_likes(house: House, depth: int) -> None:
    """Nesting is a bad request of its client, at both endpoints, never a crash (RFC 9101 §6.3; CVE-2025-61920)."""
    app = house.signing()
    now = house.clock.seconds
    parameters = ",".join(f'"{name}":"{value}"' for name, value in GOOD.items())
    head = f'{{"iss":"{app.id}","client_id":"{app.id}","aud":"{ISSUER}","exp":{now + 60},{parameters},"claims":'
    assert app.signer is not None
    body = head.encode() + b'{"userinfo":' + b"[" * depth + b"]" * depth + b"}}"
    token = sign(app.signer, {"alg": "ES256", "kid": app.signer.kid}, body)
    pushed = house.as_client(app, "/par", {"request": token})
    assert (pushed.status_code, pushed.get_json()["error"]) in (
        (400, "invalid_request"),
        (400, "invalid_request_object"),
    )
    answer = house.request("GET", "/authorize", query_string={"client_id": app.id, "request": token})
    assert answer.status_code in (303, 400) and "code=" not in answer.headers.get("Location", "")


@pytest.mark.attack("A011", "A022")
@pytest.mark.parametrize("name", ['a"b', "a\\b", "<b>", "账号", "a b", "x" * 200, "call+0800+now!"])
def test_a_parameters_name_is_no_text_of_ours(house: House, name: str) -> None:
    """The name of a repeated parameter stands in no error text unless it is plain (RFC 6749 §5.2: characters of error_description)."""
    from urllib.parse import parse_qs, urlencode, urlsplit

    app = house.register()
    pairs = [("client_id", app.id), ("redirect_uri", app.client.redirect_uris[0]), (name, "1"), (name, "2")]
    answer = house.request("GET", "/authorize", query_string=urlencode(pairs))
    told = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert told["error"] == ["invalid_request"]
    for text in (
        told["error_description"][0],
        house.as_client(app, "/token", {name: "1"}).get_json()["error_description"],
    ):
        assert name not in text and text.isascii() and not set(text) & set('"\\')
    twice = house.post("/token", [(name, "1"), (name, "2")], basic(app.id, app.secret or ""))
    assert twice.get_json()["error"] == "invalid_request" and name not in twice.get_json()["error_description"]


@pytest.mark.attack("A070", "A104")
def test_an_unknown_client_is_counted_like_a_known_one(house: House) -> None:
    """The 429 after many failures comes at the same try for an id that exists and one that doesn't (RFC 6749 §5.2)."""
    app = house.register()

    def tries(client_id: str) -> list[int]:
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": "wrong"}
        return [house.post("/token", form).status_code for _ in range(23)]

    assert tries("0" * 24) == tries("1" * 24) == tries(app.id)
