"""Attacks by JSON that two readers read differently, where it was signed or fetched: in proofs, requests, keys, files and the log."""

import base64
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clients import strict_json
from idp.audit.verify import check_archive
from idp.flows.provision import add_initial_token
from idp.flows.sequencer import log_signer
from tests.attacks.authorize_ground import answer
from tests.attacks.test_client_auth import FAILED, asserting, told
from tests.attacks.test_request_objects import by_value, claims, refused_everywhere
from tests.clients.ground import Authority, reply, site
from tests.journeys.test_authorize import query
from tests.journeys.test_log_export import exported
from tests.journeys.test_log_verify import written
from tests.kit.house import REDIRECT, App, House, bearer, key_pair, sign
from tests.kit.operator import CLIENT, Operator

DEPARTMENT = ("--credit-code", "11330000MB0000019E", "--region", "330000", "--level", "provincial")
TWICE: dict[str, Callable[[bytes], bytes]] = {
    "a member twice": lambda whole: whole[:-1] + b',"x":1,"x":2}',
    "a member twice, escaped once": lambda whole: whole[:-1] + b',"x":1,"\\u0078":2}',
    "a member twice, deep inside": lambda whole: whole[:-1] + b',"x":[{"y":1,"y":2}]}',
    "something behind it": lambda whole: whole + b"{}",
    "it twice": lambda whole: whole + whole,
    "a list": lambda whole: b"[" + whole + b"]",
    "a text": lambda whole: json.dumps(whole.decode()).encode(),
    "null": lambda whole: b"null",
    "a byte order mark": lambda whole: b"\xef\xbb\xbf" + whole,
    "sixteen bits a character": lambda whole: whole.decode().encode("utf-16"),
    "no number": lambda whole: whole[:-1] + b',"x":NaN}',
    "a number beyond all": lambda whole: whole[:-1] + b',"x":1e999}',
    "half a character": lambda whole: whole[:-1] + b',"x":"\\ud800"}',
    "bytes that are no text": lambda whole: whole[:-1] + b',"x":"\xff"}',
}


def packed(value: Any) -> bytes:
    return json.dumps(value).encode()


def again(whole: bytes, member: str, value: Any) -> bytes:
    """``member`` once more at the front, with ``value``: whoever takes the last one does not see it."""
    return b"{" + packed(member) + b":" + packed(value) + b"," + whole[1:]


@pytest.mark.attack("A161")
@pytest.mark.parametrize("what", TWICE)
def test_one_reading_or_none(what: str) -> None:
    """The one reader of foreign JSON, for texts and bytes (RFC 8259 §4, §8)."""
    with pytest.raises(strict_json.NotStrict):
        strict_json.read_as(TWICE[what](b'{"a":1}'), dict[str, Any])
    assert strict_json.read_as(b' {"a":"\\u00e9\xc3\xa9"} ', dict[str, Any]) == {"a": "éé"}


# Assertions and request objects ---------------------------------------------------------------------------------------


@pytest.fixture
def signer(house: House) -> App:
    return house.signing(grant_types=["client_credentials"], redirect_uris=[], default_scope="openid")


def proof(house: House, app: App) -> tuple[bytes, bytes]:
    assert app.signer is not None
    now = house.clock.seconds
    header = {"alg": app.signer.alg, "kid": app.signer.kid}
    jti = house.parts.entropy(8).hex()
    return packed(header), packed(
        {"iss": app.id, "sub": app.id, "aud": house.config.issuer, "exp": now + 60, "jti": jti}
    )


@pytest.mark.attack("A161", "A060")
@pytest.mark.parametrize("what", TWICE)
def test_an_assertion_in_two_readings(house: House, signer: App, what: str) -> None:
    """Its header and its claims say one thing, however well it is signed (RFC 7515 §5.2, RFC 7519 §4)."""
    assert signer.signer is not None
    header, claimed = proof(house, signer)
    for bad in ((TWICE[what](header), claimed), (header, TWICE[what](claimed))):
        assert told(asserting(house, sign(signer.signer, *bad), client_id=signer.id)) == FAILED
        assert told(asserting(house, sign(signer.signer, *bad))) == FAILED
    assert asserting(house, sign(signer.signer, header, claimed)).status_code == 200


@pytest.mark.attack("A161", "A060")
@pytest.mark.parametrize(
    ("member", "value"),
    [("aud", "https://other.example"), ("sub", "other"), ("iss", "other"), ("jti", "seen"), ("exp", 1)],
)
def test_an_assertion_for_two(house: House, signer: App, member: str, value: Any) -> None:
    """A claim that stands there twice proves nothing to whoever reads the last one: a front may have read the first (RFC 7519 §4)."""
    assert signer.signer is not None
    header, claimed = proof(house, signer)
    assert told(asserting(house, sign(signer.signer, header, again(claimed, member, value)))) == FAILED


@pytest.mark.attack("A161", "A025")
@pytest.mark.parametrize("what", TWICE)
def test_a_request_object_in_two_readings(house: House, what: str) -> None:
    """Header and claims, by value and pushed (RFC 9101 §6.3)."""
    app = house.signing()
    assert app.signer is not None
    header, claimed = packed({"alg": app.signer.alg, "kid": app.signer.kid}), packed(claims(house, app))
    refused_everywhere(house, app, sign(app.signer, TWICE[what](header), claimed))
    refused_everywhere(house, app, sign(app.signer, header, TWICE[what](claimed)))
    assert "Location" in by_value(house, app, sign(app.signer, header, claimed)).headers


@pytest.mark.attack("A161", "A025")
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("redirect_uri", "https://evil.example"),
        ("scope", "openid phone"),
        ("client_id", "other"),
        ("claims", {"userinfo": {"phone_number": None}}),
    ],
)
def test_a_request_object_that_asks_twice(house: House, member: str, value: Any) -> None:
    """What was shown to one reader is not what another one grants (RFC 9101 §6.3)."""
    app = house.signing()
    assert app.signer is not None
    asked = packed({"claims": {"userinfo": {}}, **claims(house, app)})
    header = packed({"alg": app.signer.alg, "kid": app.signer.kid})
    refused_everywhere(house, app, sign(app.signer, header, again(asked, member, value)))
    inside = packed({**claims(house, app), "claims": 0}).replace(
        b'"claims": 0', b'"claims": {"userinfo":{"name":null},"userinfo":{"phone_number":null}}'
    )
    refused_everywhere(house, app, sign(app.signer, header, inside))


@pytest.mark.attack("A161", "A053")
def test_a_hint_in_two_readings(house: House) -> None:
    """An ID token of ours is ours to the byte: what another wrote beside its members is not believed, at neither door (OIDC Core §3.1.2.1)."""
    app, browser = house.register(), house.signed_in(house.citizen())
    hint = house.redeem(app, house.code(browser, app)).get_json()["id_token"]
    head, body, mark = (part.encode() for part in hint.split("."))
    signer = key_pair()
    for what in TWICE.values():
        forged = sign(signer, what(raw(head)), raw(body)).split(".")
        beside = sign(signer, raw(head), what(raw(body))).split(".")
        for parts in (forged, beside):
            token = ".".join((parts[0], parts[1], mark.decode()))
            told_back = answer(
                house.request("GET", "/authorize", query_string=query(app, id_token_hint=token, prompt="none"))
            )
            assert told_back["error"] == "invalid_request"
            house.request("GET", "/logout", query_string={"id_token_hint": token})
    assert house.events("session.ended") == []


def raw(segment: bytes) -> bytes:
    return base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))


# Documents that are fetched ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def reaching(make_house: Callable[..., House], authority: Authority) -> House:
    """The operator allows calls to this machine."""
    return make_house(outbound_allow=("127.0.0.1",), outbound_ca=str(authority.pem))


@pytest.mark.attack("A161", "A098")
@pytest.mark.parametrize("what", [*TWICE, "two sets"])
def test_a_key_set_in_two_readings(reaching: House, authority: Authority, what: str) -> None:
    """The set behind a ``jwks_uri``: no key of it counts (RFC 7517 §4)."""
    house, key = reaching, key_pair()
    whole = packed({"keys": [dict(key.public_jwk)]})
    bad = again(whole, "keys", []) if what == "two sets" else TWICE[what](whole)
    method: dict[str, Any] = {
        "token_endpoint_auth_method": "private_key_jwt",
        "grant_types": ["client_credentials"],
    }
    with site(reply(whole), authority) as good, site(reply(bad), authority) as server:
        for port, status in ((server.port, 401), (good.port, 200)):
            uri = f"https://127.0.0.1:{port}/jwks"
            app = house.register(jwks_uri=uri, redirect_uris=[], default_scope="openid", **method)
            assert asserting(house, house.assertion(App(app.client, None, key))).status_code == status


@pytest.mark.attack("A161", "A099")
@pytest.mark.parametrize("bad", [b'["%s"]{}', b'["%s"],["%s"]', b'["%s",null]', b'["%s","\\ud800"]', b'["%s",{}]'])
def test_a_sector_document_in_two_readings(reaching: House, authority: Authority, bad: bytes) -> None:
    """One array of texts and nothing else (OIDC Registration §5)."""
    body = bad.replace(b"%s", REDIRECT.encode())
    token = add_initial_token(reaching.parts, reaching.department(), uses=2)
    statuses = []
    for document in (body, packed([REDIRECT])):
        with site(reply(document), authority) as sector:
            meta = {
                "redirect_uris": [REDIRECT],
                "sector_identifier_uri": f"https://127.0.0.1:{sector.port}/s",
            }
            statuses.append(reaching.request("POST", "/register", json=meta, headers=bearer(token)).status_code)
    assert statuses == [400, 201]


# Files ------------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("A161")
@pytest.mark.parametrize("what", TWICE)
def test_a_file_in_two_readings(tmp_path: Path, what: str) -> None:
    """What somebody approved at a glance is what is entered (RFC 8259 §4)."""
    operator = Operator(tmp_path)
    operator.ask("db", "upgrade")
    operator.ask("departments", "add", "税务局", "--name-en", "Tax", "--id", "tax", *DEPARTMENT)
    account = {"identifiers": ["li.wei"], "claims": {}}
    for noun, whole, more in (("clients", CLIENT, ("--department", "tax")), ("accounts", account, ())):
        if noun == "accounts" and what == "a list":
            continue
        (tmp_path / "f.json").write_bytes(TWICE[what](packed(whole)))
        refused = operator.run(noun, "add", str(tmp_path / "f.json"), *more)
        assert refused.exit_code in (1, 2), refused.output
        operator.ask(noun, "add", operator.file("g.json", whole), *more)


@pytest.mark.attack("A161", "A155")
def test_an_export_in_two_readings(house: House, tmp_path: Path) -> None:
    """A line of the log with a member twice is no event, whichever of the two fits the tree (RFC 8259 §4)."""
    written(house, 20)
    path = exported(house, tmp_path / "log.zip")
    folder = tmp_path / "unpacked"
    zipfile.ZipFile(path).extractall(folder)
    keys = log_signer(house.parts).verifiers
    assert check_archive(folder, keys)["events"]
    for name in ("events.jsonl", "manifest.json"):
        good = (folder / name).read_bytes()
        (folder / name).write_bytes(b'{"head":"{}",' + good.lstrip()[1:].replace(b'"origin"', b'"origin":"x","origin"'))
        with pytest.raises(ValueError, match="twice"):
            check_archive(folder, keys)
        (folder / name).write_bytes(good)
