"""Blind indexes, pairwise subjects and sid: equal inside, unjoinable outside."""

import base64
import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SM3, Hash
from hypothesis import given
from hypothesis import strategies as st

from keys.errors import MissingKey
from keys.index import all_versions, blind_index
from keys.purpose import PURPOSES, SUITE_SM4_GCM, PurposeRing
from keys.subjects import account_of_subject, sid, sid_matches, subject
from tests.keys.conftest import ALICE, BOB

FIXED = PurposeRing(
    dict.fromkeys(PURPOSES, 1), {(name, 1): bytes(range(64 if name == "pairwise" else 32)) for name in PURPOSES}
)


def test_the_blind_index_is_the_documented_one():
    key = hmac.digest(bytes(range(32)), b"yimen-index/1\x00email", hashlib.sha256)
    assert blind_index(FIXED, "email", "li.wei@example.cn") == (
        hmac.digest(key, b"li.wei@example.cn", hashlib.sha256)[:16],
        1,
    )


def test_kinds_are_apart(ring):
    assert blind_index(ring, "email", "x") != blind_index(ring, "phone", "x")
    assert blind_index(ring, "email", "x") == blind_index(ring, "email", b"x")


def test_look_ups_ask_for_every_version(ring2):
    found = all_versions(ring2, "email", "x")
    assert [version for _, version in found] == [2, 2, 1, 1], "with either digest"
    assert found[0] == blind_index(ring2, "email", "x")
    assert len({index for index, _ in found}) == 4


def test_under_suite_2_the_index_is_sm3_and_either_is_found():
    sm = PurposeRing({"index": 1}, {("index", 1): bytes(range(32))}, SUITE_SM4_GCM)
    key = sm3(bytes(range(32)), b"yimen-index/1\x00email")
    assert blind_index(sm, "email", "li.wei@example.cn") == (sm3(key, b"li.wei@example.cn")[:16], 1)
    assert set(all_versions(sm, "email", "x")) == set(all_versions(FIXED, "email", "x"))


def sm3(key: bytes, data: bytes) -> bytes:
    """HMAC (RFC 2104) over SM3, put together from the hash alone."""

    def digest(value: bytes) -> bytes:
        context = Hash(SM3())
        context.update(value)
        return context.finalize()

    padded = key.ljust(64, b"\x00")
    inner = digest(bytes(b ^ 0x36 for b in padded) + data)
    return digest(bytes(b ^ 0x5C for b in padded) + inner)


def test_the_subject_is_the_documented_one():
    expected = AESSIV(bytes(range(64))).encrypt(ALICE, [b"sub" + b"sector-1"])
    assert subject(FIXED, 1, ALICE, "sector-1") == base64.urlsafe_b64encode(expected).rstrip(b"=").decode()


def test_the_subjects_known_answer_does_not_change():
    """Departments keep subjects for decades."""
    assert subject(FIXED, 1, ALICE, "sector-1") == "mBc0sh6_SNwHsGNJUzvJm9nQPfHpj5GjvnPZXVhd_2Q"
    assert sid(FIXED, b"session", "client") == "0-dChUdUXpo37Br4vc5jaKi0cklYX6WUxLaxDh1zYuE"


@given(account=st.binary(min_size=16, max_size=16), sector=st.binary(min_size=1, max_size=40))
def test_a_subject_leads_back_to_its_account_in_its_sector_alone(account, sector):
    sub = subject(FIXED, 1, account, sector)
    assert len(sub) == 43
    assert account_of_subject(FIXED, sector, sub) == account
    assert account_of_subject(FIXED, sector + b"x", sub) is None


def test_subjects_differ_by_sector_account_and_version(ring2):
    every = {subject(ring2, v, account, sector) for v in (1, 2) for account in (ALICE, BOB) for sector in ("s", "t")}
    assert len(every) == 8


@pytest.mark.parametrize("version", [1, 2])
def test_a_subject_of_any_version_is_found(ring2, version):
    assert account_of_subject(ring2, "s", subject(ring2, version, ALICE, "s")) == ALICE


def test_a_destroyed_version_makes_no_subject(ring):
    with pytest.raises(MissingKey):
        subject(ring, 9, ALICE, "s")


@pytest.mark.parametrize("length", [0, 15, 17])
def test_an_account_id_has_sixteen_bytes(ring, length):
    with pytest.raises(ValueError, match="16 bytes"):
        subject(ring, 1, b"x" * length, "s")


@pytest.mark.parametrize(
    "sub", ["", "x", "a" * 43, "a" * 44, "a" * 100_000, "é" * 43, "\udc80" * 43, "=" * 43, "a b" * 14 + "a"]
)
def test_an_invented_subject_is_no_account(ring, sub):
    assert account_of_subject(ring, "s", sub) is None


def test_every_altered_subject_is_no_account(ring):
    sub = subject(ring, 1, ALICE, "s")
    for position in range(len(sub)):
        for letter in "Aa0_":
            altered = sub[:position] + letter + sub[position + 1 :]
            assert altered == sub or account_of_subject(ring, "s", altered) is None


def test_sid_differs_by_session_and_client_and_has_no_seam(ring):
    assert len({sid(ring, session, client) for session in (b"s", b"t") for client in ("a", "b")}) == 4
    assert sid(ring, b"ab", "c") != sid(ring, b"a", "bc")


def test_sid_of_an_older_version_still_matches(ring2):
    old = sid(ring2, b"s", "c", version=1)
    assert old != sid(ring2, b"s", "c") == sid(ring2, b"s", "c", version=2)
    assert sid_matches(ring2, old, b"s", "c")
    assert sid_matches(ring2, sid(ring2, b"s", "c"), b"s", "c")


@pytest.mark.parametrize(("session", "client"), [(b"t", "c"), (b"s", "d")])
def test_a_foreign_sid_does_not_match(ring2, session, client):
    assert not sid_matches(ring2, sid(ring2, b"s", "c"), session, client)
    assert not sid_matches(ring2, "\udc80é", session, client)
