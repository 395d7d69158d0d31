"""The law of receipts: every member has its field of ISO/IEC TS 27560, and what was not signed by us in this form is refused with its reason."""

from typing import Any

import msgspec
import pytest

from idp.audit.facets import TELLING
from idp.release import receipts as law
from idp.release.receipts import FIELDS, SIGN_IN, TYP, Facts, NotAReceipt, Party, Purpose, check, claims_of, file_of
from idp.release.told import GIVEN, KINDS, SEEN, Told, cell, table, told
from keys.jose import VerifyKeys, mint
from tests.kit.house import key_pair, sign

SIGNER = key_pair()
KEYS = VerifyKeys.from_jwks({"keys": [dict(SIGNER.public_jwk)]})
ISSUER = "https://id.example"


def facts(kind: str = "attributes.released", **more: Any) -> Facts:
    base: dict[str, Any] = {
        "issuer": ISSUER,
        "origin": "id.example/log",
        "told": Told(
            event_id="ab" * 16, at=1_767_225_600_000_000, kind=kind, client_id="c", claims=("name",), via="userinfo", digest="d1",
            verified=("name",), to_client="t" if kind == "identifier.exchanged" else "",
        ),
        "entry": b"e" * 32,
        "proof": "c2sp.org/tlog-proof@v1",
        "issued_at": 1_767_225_601_000_000,
        "subject": "s",
        "controller": Party(id="11330000MB0000019E", names={"zh": "税务局", "en": "Tax"}, role="pii_controller", region="330000"),
        "provider": Party(id=ISSUER, names={"zh": "一门", "en": "Yimen"}, role="identity provider"),
        "client_id": "c",
        "policy_uri": "https://tax.example/privacy",
        "purposes": (Purpose(texts=SIGN_IN, claims=("name",), item="i", item_version=2, item_titles=SIGN_IN, retention_days=30),),
    }  # fmt: skip
    return Facts(**base | more)


def leaves(value: Any, path: str = "") -> set[str]:
    if (
        isinstance(value, dict)
        and value
        and not set(value) <= {"zh", "en", "basis", "citation", "client_id", "item", "version", "title"}
    ):
        return set().union(*(leaves(v, f"{path}.{k}" if path else k) for k, v in value.items()))
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return set().union(*(leaves(v, path) for v in value))
    return {path}


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {SEEN}))
def test_every_member_is_mapped_to_a_field_of_the_specification(kind: str) -> None:
    """Issue 3.7: fields mapped in a table in the code"""
    claims = claims_of(facts(kind))
    said = leaves({name: claims[name] for name in ("receipt", "record", "log")})
    of_exchanges = set() if kind == "identifier.exchanged" else {"record.event.recipient_client_id"}
    assert said == set(FIELDS) - of_exchanges
    assert set(KINDS) == TELLING
    assert all("6." in text or "beyond the specification" in text for text in FIELDS.values())


def signed(kind: str = "attributes.released", **more: Any) -> tuple[str, dict[str, Any]]:
    claims = claims_of(facts(kind, **more))
    return mint(SIGNER, TYP, claims), claims


@pytest.mark.parametrize(
    ("lasts", "until", "said"),
    [
        ("lasting", 0, "until withdrawn"),
        ("year", 1_798_761_600_000_000, "until 2027-01-01T00:00:00Z or withdrawn"),
        ("once", 1_767_225_600_000_000, "for this authorization alone"),
    ],
)
def test_a_receipt_says_how_long_the_word_counts(lasts: str, until: int, said: str) -> None:
    """ISO/IEC TS 27560 6.3.7 validity_duration; read from the event's head, which leaves a lasting one out"""
    head = {"id": "ab" * 16, "at": 1_767_225_600_000_000, "kind": GIVEN, "client_id": "c"}
    more = {} if lasts == "lasting" else {"lasts": lasts, "until": until}
    given = told(msgspec.json.encode(head | more))
    assert given is not None
    assert claims_of(facts(told=given))["record"]["event"]["validity_duration"] == said
    informed = told(msgspec.json.encode(head | {"kind": "consent.informed"}))
    assert informed is not None
    assert claims_of(facts(told=informed))["record"]["event"]["validity_duration"] is None


def test_a_receipt_is_believed_as_a_file_and_as_it_was_signed() -> None:
    jws, claims = signed()
    for text in (jws, f"  {jws}\n", file_of(jws, claims).decode(), "\ufeff" + file_of(jws, claims).decode()):
        assert check(text, KEYS, ISSUER) == claims == check(text, KEYS, None)


def test_it_is_no_token() -> None:
    """RFC 8725 §3.11, §3.12: a type of its own, no subject, no audience, no expiry"""
    assert not {"sub", "aud", "exp", "sid", "nonce"} & set(claims_of(facts()))
    assert TYP not in ("JWT", "at+jwt", "logout+jwt")


def altered() -> dict[str, tuple[str, str]]:
    jws, claims = signed()
    head, body, mark = jws.split(".")
    other, _ = signed(subject="t")
    changed = msgspec.json.decode(msgspec.json.encode(claims))
    changed["record"]["event"]["event_time"] = "2020-01-01T00:00:00Z"
    foreign = mint(key_pair(), TYP, claims)
    none = sign(SIGNER, {"alg": "none", "typ": TYP}, claims)
    return {
        "another body": (f"{head}.{other.split('.')[1]}.{mark}", "altered"),
        "a flipped signature": (f"{head}.{body}.{'A' if mark[0] != 'A' else 'B'}{mark[1:]}", "altered"),
        "readable claims that are not the signed ones": (file_of(jws, changed).decode(), "altered"),
        "no signature": (f"{head}.{body}.", "unsigned"),
        "alg none": (none, "unsigned"),
        "a file without its signed form": ('{"claims": {"record": {}}}', "unsigned"),
        "another's key": (foreign, "foreign_key"),
        "a token of ours": (mint(SIGNER, "at+jwt", claims), "type"),
        "an untyped JWT": (sign(SIGNER, {"alg": "ES256", "kid": SIGNER.kid}, claims), "type"),
        "a signed nothing": (mint(SIGNER, TYP, {"iss": ISSUER}), "type"),
        "a record that is none": (mint(SIGNER, TYP, {"iss": ISSUER, "record": []}), "type"),
        "another issuer": (mint(SIGNER, TYP, claims | {"iss": "https://else.example"}), "issuer"),
        "nothing": ("", "form"),
        "words": ("receipt", "form"),
        "JSON that is none": ("{", "form"),
        "a deep file": ('{"a":' * 5000, "form"),
        "a file with two signed forms": (f'{{"jws": "{other}", "jws": "{jws}"}}', "form"),
        "a list": ('{"jws": ["x"]}', "form"),
        "a huge file": ("x" * 600_000, "form"),
        "a critical header": (sign(SIGNER, {"alg": "ES256", "kid": SIGNER.kid, "typ": TYP, "crit": ["x"], "x": 1}, claims), "form"),
    }  # fmt: skip


@pytest.mark.parametrize("what", altered())
def test_what_is_not_ours_as_we_signed_it_is_refused(what: str) -> None:
    """Issue 3.7: refuses altered, foreign, unsigned ones"""
    text, reason = altered()[what]
    with pytest.raises(NotAReceipt) as refused:
        check(text, KEYS, ISSUER)
    assert refused.value.reason == reason


def test_a_service_that_is_gone_has_no_subject() -> None:
    claims = claims_of(facts(subject=None))
    assert "pii_principal_id" not in claims["record"]


def test_only_tellings_are_read_from_the_log() -> None:
    head = {"id": "00", "at": 1, "kind": "session.started", "client_id": "c"}
    assert told(msgspec.json.encode(head)) is None
    assert told(msgspec.json.encode(head | {"kind": "consent.given", "client_id": None})) is None
    given = told(
        msgspec.json.encode(
            head | {"kind": "consent.given", "scope": "openid email", "claims": ["email"], "digest": "x"}
        )
    )
    items = [{"code": "i", "version": 2, "attributes": ["email", "name"]}]
    informed = told(msgspec.json.encode(head | {"kind": "consent.informed", "items": items, "digest": "x"}))
    assert informed is not None and informed.items[0].version == 2 and informed.names == ("email", "name")
    assert given is not None and given.scope == ("openid", "email") and given.claims == ("email",)


@pytest.mark.attack("A091")
@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\u3000=1", "|cmd", "%0A"])
def test_a_cell_is_no_formula(text: str) -> None:
    """OWASP CSV injection: an apostrophe in front of whatever a spreadsheet could run."""
    assert cell(text) == f"'{text}"
    assert f'"\'{text}"'.encode() in table(["h"], [[text]])


@pytest.mark.parametrize("text", ["", "税务局", "2026-01-01T00:00:00+08:00", "a=b", "name, birthdate"])
def test_plain_cells_stay(text: str) -> None:
    assert cell(text) == text


def test_a_table_of_cells_with_marks_and_lines() -> None:
    """RFC 4180: quoted, doubled, CRLF"""
    assert table(["h"], [['a"b\nc']]) == b"\xef\xbb\xbf" + b'"h"\r\n"a""b\nc"\r\n'
    assert law.ALGS == ("ES256",)
