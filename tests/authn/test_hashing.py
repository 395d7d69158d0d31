import threading

import pytest

from idp.authn.hashing import MAX_CHARS, ArgonHasher, TooLong, prepare
from idp.errors import Unavailable


@pytest.fixture(scope="module")
def hasher() -> ArgonHasher:
    return ArgonHasher(memory_kib=64, passes=1, threads=1, queue=2)


@pytest.mark.parametrize(
    ("typed", "again"),
    [
        ("\u00e9cole au bord du lac", "e\u0301cole au bord du lac"),
        ("\uac00 word", "\u1100\u1161 word"),
        ("a\u3000b", "a b"),
        ("a\u00a0b", "a b"),
    ],
)
def test_two_keyboards_one_password(hasher: ArgonHasher, typed: str, again: str) -> None:
    assert hasher.verify(hasher.hash(typed), again)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (" leading", "leading"),
        ("trailing ", "trailing"),
        ("Case", "case"),
        ("x" * 72 + "1", "x" * 72 + "2"),
        ("x" * 127 + "1", "x" * 127 + "2"),
        ("a\x00b", "a\x00c"),
        ("a\x00", "a"),
        ("\uff11", "1"),
    ],
)
def test_nothing_is_trimmed_or_cut(hasher: ArgonHasher, left: str, right: str) -> None:
    phc = hasher.hash(left)
    assert hasher.verify(phc, left)
    assert not hasher.verify(phc, right)


def test_longest_is_accepted_and_longer_is_refused_before_hashing(
    hasher: ArgonHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hasher.verify(hasher.hash("\u4e00" * MAX_CHARS), "\u4e00" * MAX_CHARS)
    with pytest.raises(TooLong):
        hasher.hash("x" * (MAX_CHARS + 1))
    monkeypatch.setattr(ArgonHasher, "_matches", None)
    assert not hasher.verify(None, "x" * 1_000_000)


def test_lone_surrogate_is_a_password_like_any_other() -> None:
    assert prepare("\ud800") != prepare("\ud801")


def test_no_account_is_false_even_for_the_dummy(hasher: ArgonHasher) -> None:
    assert not hasher.verify(None, "no account has this password")
    assert not hasher.verify("not a phc string", "x")


def test_stale_after_new_parameters(hasher: ArgonHasher) -> None:
    old = ArgonHasher(memory_kib=32, passes=1, threads=1, queue=0).hash("x")
    assert hasher.stale(old)
    assert not hasher.stale(hasher.hash("x"))


def test_a_full_queue_refuses() -> None:
    slow = ArgonHasher(memory_kib=65536, passes=4, threads=1, queue=1)
    full, done = [], []

    def one() -> None:
        try:
            slow.verify(None, "x")
            done.append(1)
        except Unavailable as error:
            full.append(error.part)

    threads = [threading.Thread(target=one) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert full and set(full) == {"password queue"}
    assert len(done) >= 2
    assert slow.verify(slow.hash("after the storm"), "after the storm")
