"""Opaque tokens, hashed secrets, sealed jti and flow values."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.errors import MissingKey
from keys.purpose import PURPOSES, PurposeRing
from keys.tokens import (
    hash_secret,
    new_token,
    open_flow,
    open_jti,
    same,
    seal_flow,
    seal_jti,
    secret_matches,
    token_hash,
)
from keys.wire import unb64url
from tests.kit.clock import deterministic_entropy

GRANT = bytes(range(16))
FIXED = PurposeRing(
    dict.fromkeys(PURPOSES, 1), {(name, 1): bytes(range(64 if name == "pairwise" else 32)) for name in PURPOSES}
)


def test_format_of_a_token(ring):
    token = new_token(ring, "code", lambda n: b"\x07" * n).token
    assert token == base64.urlsafe_b64encode(b"\x01\x00\x01" + b"\x07" * 32).rstrip(b"=").decode()
    assert len(token) == 47


def test_known_answers_do_not_change():
    """Refresh tokens and secrets outlive releases."""
    assert (
        new_token(FIXED, "refresh", lambda n: b"\x07" * n).hash.hex()
        == "5556cc91d2637308ec056c542ddc2f7a90b65f4957943cece0354f478fc59b96"
    )
    assert (
        hash_secret(FIXED, "secret", "correct horse").hex()
        == "00011e7622bd47d4149c0adede5c954a5df81667ba5d00e73488a069c84e887c1917"
    )


def test_a_token_is_known_by_its_hash_and_kind(ring, entropy):
    opaque = new_token(ring, "code", entropy)
    assert token_hash(ring, "code", opaque.token) == opaque.hash
    assert token_hash(ring, "refresh", opaque.token) not in (None, opaque.hash)
    assert len(opaque.hash) == 32


def test_a_token_is_not_shown(ring, entropy):
    opaque = new_token(ring, "code", entropy)
    assert opaque.token not in repr(opaque)
    assert opaque.hash.hex() not in repr(opaque)


def test_tokens_of_an_older_hash_key_are_still_known(ring2, entropy):
    old = PurposeRing({**dict.fromkeys(PURPOSES, 2), "hash": 1}, ring2._keys)
    opaque = new_token(old, "refresh", entropy)
    assert token_hash(ring2, "refresh", opaque.token) == opaque.hash
    assert new_token(ring2, "refresh", entropy).token[:4] != opaque.token[:4]


@pytest.mark.parametrize(
    "alter",
    [
        lambda token: "",
        lambda token: token[:-1],
        lambda token: token + "A",
        lambda token: token + "=",
        lambda token: "B" + token[1:],
        lambda token: token[:2] + "//" + token[4:],
        lambda token: token[:-1] + " ",
        lambda token: "é" * 47,
        lambda token: "\udc80" * 47,
        lambda token: "A" * 47,
        lambda token: base64.urlsafe_b64encode(b"\x01\x00\x09" + b"\x07" * 32).rstrip(b"=").decode(),
        lambda token: base64.urlsafe_b64encode(b"\x02\x00\x01" + b"\x07" * 32).rstrip(b"=").decode(),
        lambda token: "x" * 1_000_000,
    ],
)
def test_a_malformed_token_or_unknown_version_has_no_hash(ring, entropy, alter):
    assert token_hash(ring, "code", alter(new_token(ring, "code", entropy).token)) is None


def test_a_token_has_one_spelling(ring):
    """base64 leaves spare bits in the last letter: only the canonical one counts."""
    token = new_token(ring, "code", lambda n: b"\x00" * n).token
    others = [token[:-1] + letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"]
    same_bytes = [
        other for other in others if base64.urlsafe_b64decode(other + "=") == base64.urlsafe_b64decode(token + "=")
    ]
    assert len(same_bytes) == 4
    assert [other for other in same_bytes if token_hash(ring, "code", other) is not None] == [token]


@pytest.mark.parametrize("value", ["", "short", "密码" * 50, "\udc80", b"\x00\xff", "x" * 10_000])
def test_secrets_of_any_form(ring, value):
    stored = hash_secret(ring, "client", value)
    assert len(stored) == 34
    assert secret_matches(ring, "client", value, stored)
    assert not secret_matches(ring, "recovery", value, stored)
    assert not secret_matches(ring, "client", b"other", stored)
    assert not secret_matches(ring, "client", value, stored[:-1])


def test_secrets_of_an_older_key_match_and_of_a_destroyed_key_refuse(ring, ring2):
    stored = hash_secret(FIXED, "client", "x")
    with pytest.raises(MissingKey):
        secret_matches(ring, "client", "x", b"\x00\x09" + stored[2:])
    old = PurposeRing({**dict.fromkeys(PURPOSES, 2), "hash": 1}, ring2._keys)
    assert secret_matches(ring2, "client", "x", hash_secret(old, "client", "x"))


def test_a_token_hash_is_no_secret_hash(ring, entropy):
    opaque = new_token(ring, "secret", entropy)
    assert hash_secret(ring, "secret", opaque.token)[2:] != opaque.hash
    assert hash_secret(ring, "secret", unb64url(opaque.token) or b"")[2:] != opaque.hash


@pytest.mark.parametrize(
    ("left", "right", "answer"),
    [("a", "a", True), ("a", b"a", True), ("a", "b", False), ("", "a", False), ("é", "é", True)],
)
def test_same(left, right, answer):
    assert same(left, right) is answer


def test_a_jti_leads_to_its_grant_and_is_never_twice_the_same(ring, entropy):
    first, second = (seal_jti(ring, b"g", GRANT, entropy) for _ in range(2))
    assert first != second
    assert len(first) == 64
    assert open_jti(ring, first) == open_jti(ring, second) == (b"g", GRANT)


def test_two_tokens_of_one_grant_share_no_part(ring, entropy):
    """Only format and key version, the same for everybody, may be equal."""
    raw = [unb64url(seal_jti(ring, b"g", GRANT, entropy)) or b"" for _ in range(2)]
    windows = [{value[i : i + 4] for i in range(3, len(value) - 3)} for value in raw]
    assert raw[0][:3] == raw[1][:3]
    assert not windows[0] & windows[1]


@pytest.mark.parametrize(("kind", "grant"), [(b"", GRANT), (b"gg", GRANT), (b"g", b""), (b"g", b"x" * 65)])
def test_a_jti_holds_one_kind_and_a_bounded_grant(ring, entropy, kind, grant):
    with pytest.raises(ValueError, match="kind"):
        seal_jti(ring, kind, grant, entropy)


def test_every_altered_jti_is_none(ring, entropy):
    jti = seal_jti(ring, b"g", GRANT, entropy)
    for position in range(len(jti)):
        altered = jti[:position] + ("A" if jti[position] != "A" else "B") + jti[position + 1 :]
        assert open_jti(ring, altered) is None
        assert open_jti(ring, jti[:position]) is None


@pytest.mark.parametrize("value", ["", "AQAB", "x" * 64, "é", "\udc80" * 64, "A" * 1_000_000])
def test_an_invented_sealed_value_is_none(ring, value):
    assert open_jti(ring, value) is None
    assert open_flow(ring, "x", value) is None


def test_jti_and_flow_values_are_apart(ring, entropy):
    assert open_flow(ring, "jti", seal_jti(ring, b"g", GRANT, entropy)) is None
    assert open_jti(ring, seal_flow(ring, "jti", b"g" + GRANT, entropy)) is None
    assert open_flow(ring, "confirm", seal_flow(ring, "invite", b"x", entropy)) is None


@given(payload=st.binary(max_size=500))
def test_flow_values_round_trip(payload):
    assert open_flow(FIXED, "confirm", seal_flow(FIXED, "confirm", payload, deterministic_entropy())) == payload


def test_sealed_values_of_an_older_version_open_until_it_retires(ring, ring2, entropy):
    old = PurposeRing({**dict.fromkeys(PURPOSES, 2), "flow": 1}, ring2._keys)
    jti = seal_jti(old, b"g", GRANT, entropy)
    assert open_jti(ring2, jti) == (b"g", GRANT)
    gone = PurposeRing(dict.fromkeys(PURPOSES, 2), {key: value for key, value in ring2._keys.items() if key[1] == 2})
    assert open_jti(gone, jti) is None


def test_an_opaque_is_frozen(ring, entropy):
    with pytest.raises(AttributeError):
        new_token(ring, "code", entropy).token = "x"  # type: ignore[misc]
