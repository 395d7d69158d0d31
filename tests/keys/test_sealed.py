"""The sealed value: a format that outlives releases, and opens in one place only."""

import pickle

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from keys.errors import SealBroken
from keys.sealed import (
    DataKey,
    associated_data,
    new_data_key,
    open_data_key,
    padded,
    rewrap_data_key,
    unpadded,
    wrapped_version,
)
from tests.keys.conftest import ALICE, BOB

KEY = DataKey(bytes(range(32)), 3)
NONCE = b"n" * 12
PLACE = ("attribute", "value", ALICE, b"row-1", 7)
SUITES = pytest.mark.parametrize("suite", [1, 2])


def test_the_format_is_the_documented_one():
    sealed = KEY.seal(associated_data(*PLACE), b"hello", NONCE)
    aad = b""
    for part in (b"yimen/1", b"attribute", b"value", ALICE, b"row-1", (7).to_bytes(8, "big")):
        aad += len(part).to_bytes(4, "big") + part
    assert sealed == b"\x01\x00\x03" + NONCE + AESGCM(bytes(range(32))).encrypt(NONCE, b"hello\x80" + bytes(26), aad)


def test_known_answers_do_not_change():
    """Values written by an earlier release must open for ever."""
    for suite, known in KNOWN.items():
        assert KEY.seal(associated_data(*PLACE), b"hello", NONCE, suite=suite).hex() == known
        assert KEY.open(associated_data(*PLACE), bytes.fromhex(known)) == b"hello"


KNOWN = {
    1: "0100036e6e6e6e6e6e6e6e6e6e6e6ecf3e7b05dadcb7ff6b2c6a5ae94bd78eff7eee3c2258c1f1d0dedfabb2e3e2ab34df629ce20ba78e47bb5b420dd9cda2",
    2: "0200036e6e6e6e6e6e6e6e6e6e6e6e164d12862fd6c7d6546f5b7fcd65673c9314b414dc2971113466be73cf056bf853e7bcd648b04a74e1178ef5aff32e10",
}


@SUITES
@given(plain=st.binary(max_size=300))
def test_what_is_sealed_opens(suite, plain):
    sealed = KEY.seal(associated_data(*PLACE), plain, NONCE, suite=suite)
    assert KEY.open(associated_data(*PLACE), sealed) == plain


@SUITES
def test_every_flipped_bit_is_refused(suite):
    sealed = KEY.seal(associated_data(*PLACE), b"hello", NONCE, suite=suite)
    for bit in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealBroken):
            KEY.open(associated_data(*PLACE), bytes(altered))


@SUITES
def test_every_truncation_and_extension_is_refused(suite):
    sealed = KEY.seal(associated_data(*PLACE), b"hello", NONCE, suite=suite)
    for other in [*(sealed[:length] for length in range(len(sealed))), sealed + b"\x00", sealed[1:], sealed * 2]:
        with pytest.raises(SealBroken):
            KEY.open(associated_data(*PLACE), other)


@SUITES
@pytest.mark.parametrize(
    "place",
    [
        ("account", "value", ALICE, b"row-1", 7),
        ("attribute", "other", ALICE, b"row-1", 7),
        ("attribute", "value", BOB, b"row-1", 7),
        ("attribute", "value", ALICE, b"row-2", 7),
        ("attribute", "value", ALICE, b"row-1", 8),
        ("attribut", "evalue", ALICE, b"row-1", 7),
        ("attributevalue", "", ALICE, b"row-1", 7),
    ],
)
def test_a_value_opens_in_its_own_place_alone(suite, place):
    sealed = KEY.seal(associated_data(*PLACE), b"hello", NONCE, suite=suite)
    with pytest.raises(SealBroken):
        KEY.open(associated_data(*place), sealed)


def test_another_key_or_key_version_does_not_open():
    sealed = KEY.seal(associated_data(*PLACE), b"hello", NONCE)
    for key in (DataKey(bytes(range(32)), 4), DataKey(bytes(32), 3)):
        with pytest.raises(SealBroken):
            key.open(associated_data(*PLACE), sealed)


def test_a_nonce_has_twelve_bytes_and_a_suite_is_known():
    with pytest.raises(ValueError, match="12 bytes"):
        KEY.seal(b"", b"", b"n" * 11)
    with pytest.raises(ValueError, match="suite"):
        KEY.seal(b"", b"", NONCE, suite=3)


@pytest.mark.parametrize(
    ("length", "size"), [(0, 32), (31, 32), (32, 64), (63, 64), (64, 128), (1000, 1024), (1024, 2048)]
)
def test_lengths_are_hidden_in_steps(length, size):
    assert len(padded(b"x" * length)) == size
    assert unpadded(padded(b"x" * length)) == b"x" * length


@pytest.mark.parametrize(
    "block", [b"", bytes(32), b"x" * 32, b"x" * 40 + b"\x80", b"\x80" + bytes(63), b"\x80" + bytes(30)]
)
def test_a_block_of_another_making_is_refused(block):
    with pytest.raises(SealBroken):
        unpadded(block)


def test_a_data_key_is_its_citizens_alone(ring, entropy):
    wrapped = new_data_key(ring, entropy, ALICE)
    sealed = open_data_key(ring, ALICE, wrapped).seal(associated_data(*PLACE), b"hello", entropy(12))
    assert open_data_key(ring, ALICE, wrapped).open(associated_data(*PLACE), sealed) == b"hello"
    with pytest.raises(SealBroken):
        open_data_key(ring, BOB, wrapped)
    with pytest.raises(SealBroken):
        open_data_key(ring, BOB, new_data_key(ring, entropy, BOB)).open(associated_data(*PLACE), sealed)


def test_an_altered_or_truncated_wrapped_key_is_refused(ring2, entropy):
    wrapped = new_data_key(ring2, entropy, ALICE)
    for bit in range(len(wrapped) * 8):
        altered = bytearray(wrapped)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealBroken):
            open_data_key(ring2, ALICE, bytes(altered))
    for length in range(len(wrapped)):
        with pytest.raises(SealBroken):
            open_data_key(ring2, ALICE, wrapped[:length])


def test_a_new_epoch_rewraps_the_living(root, entropy):
    """A destroyed epoch takes with it what was not re-wrapped."""
    import msgspec

    from keys.purpose import PurposeRing, new_purpose_key, new_ring_rows

    rows = list(new_ring_rows(root, entropy, 1))
    first = PurposeRing.open(root, rows)
    wrapped = new_data_key(first, entropy, ALICE)
    sealed = open_data_key(first, ALICE, wrapped).seal(associated_data(*PLACE), b"hello", entropy(12))

    rows[0] = msgspec.structs.replace(rows[0], state="retiring")
    rows.append(new_purpose_key(root, "data", 2, entropy, 2))
    both = PurposeRing.open(root, rows)
    moved = rewrap_data_key(both, entropy, ALICE, wrapped)
    assert (wrapped_version(wrapped), wrapped_version(moved)) == (1, 2)
    assert rewrap_data_key(both, entropy, ALICE, moved) is moved

    rows[0] = msgspec.structs.replace(rows[0], state="retired")
    after = PurposeRing.open(root, rows)
    assert open_data_key(after, ALICE, moved).open(associated_data(*PLACE), sealed) == b"hello"
    with pytest.raises(SealBroken):
        open_data_key(after, ALICE, wrapped)


def test_a_data_key_shows_and_serialises_nothing():
    assert repr(KEY) == "DataKey(v3)"
    with pytest.raises(TypeError):
        pickle.dumps(KEY)
