"""Purpose keys: complete, versioned, in their own place."""

import pickle

import msgspec
import pytest

from keys.errors import MissingKey, SealBroken, WrongRootKey
from keys.file_backend import FileRoot
from keys.purpose import PURPOSES, PurposeRing, new_purpose_key, new_ring_rows, rewrapped, subkey


def test_a_new_ring_has_every_purpose_and_different_keys(ring):
    keys = {ring.current(purpose)[1] for purpose in PURPOSES}
    assert len(keys) == len(PURPOSES) == 8
    assert {purpose: ring.current(purpose)[0] for purpose in PURPOSES} == dict.fromkeys(PURPOSES, 1)
    assert {len(ring.current(purpose)[1]) for purpose in PURPOSES if purpose != "pairwise"} == {32}
    assert len(ring.current("pairwise")[1]) == 64


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_missing_purpose_closes_the_house(root, entropy, purpose):
    rows = [row for row in new_ring_rows(root, entropy, 1) if row.purpose != purpose]
    with pytest.raises(MissingKey, match=purpose):
        PurposeRing.open(root, rows)


@pytest.mark.parametrize(
    ("states", "current", "versions"),
    [
        (["active"], 1, (1,)),
        (["retiring", "active"], 2, (2, 1)),
        (["active", "next"], 1, (1, 2)),
        (["retired", "retiring", "active", "next"], 3, (3, 4, 2)),
    ],
)
def test_states_decide_what_is_current_and_what_opens(root, entropy, states, current, versions):
    rows = list(new_ring_rows(root, entropy, 1)[1:])
    rows += [new_purpose_key(root, "data", n, entropy, n, state=state) for n, state in enumerate(states, 1)]
    ring = PurposeRing.open(root, rows)
    assert ring.current("data")[0] == current
    assert ring.versions("data") == versions
    for version in set(range(1, 6)) - set(versions):
        with pytest.raises(MissingKey):
            ring.get("data", version)


def test_a_row_in_another_rows_place_does_not_open(root, entropy):
    rows = list(new_ring_rows(root, entropy, 1))
    rows[0] = msgspec.structs.replace(rows[0], wrapped=rows[1].wrapped)
    with pytest.raises(SealBroken):
        PurposeRing.open(root, rows)


def test_a_key_of_another_version_does_not_open(root, entropy):
    rows = [msgspec.structs.replace(row, version=2) for row in new_ring_rows(root, entropy, 1)]
    with pytest.raises(SealBroken):
        PurposeRing.open(root, rows)


@pytest.mark.parametrize(("purpose", "version"), [("data", 0), ("data", 65536), ("other", 1)])
def test_only_known_purposes_and_versions_are_made(root, entropy, purpose, version):
    with pytest.raises(ValueError, match="unknown"):
        new_purpose_key(root, purpose, version, entropy, 1)


def test_rewrapping_moves_to_another_root_and_can_be_resumed(root, entropy):
    new, third = FileRoot(entropy(32)), FileRoot(entropy(32))
    rows = new_ring_rows(root, entropy, 1)
    moved = [rewrapped(root, new, row) for row in rows]
    assert [rewrapped(root, new, row) for row in moved] == moved
    old_ring, new_ring = PurposeRing.open(root, rows), PurposeRing.open(new, moved)
    assert all(old_ring.current(purpose) == new_ring.current(purpose) for purpose in PURPOSES)
    with pytest.raises(WrongRootKey):
        PurposeRing.open(root, moved)
    with pytest.raises(WrongRootKey):
        rewrapped(third, FileRoot(entropy(32)), rows[0])


def test_nothing_shows_a_key(root, entropy, ring):
    row = new_ring_rows(root, entropy, 1)[0]
    assert repr(row) == "PurposeKey(data v1 active)"
    for purpose in PURPOSES:
        assert str(ring.current(purpose)[1]) not in repr(ring)
    with pytest.raises(TypeError):
        pickle.dumps(ring)


def test_a_ring_does_not_change(ring):
    with pytest.raises(TypeError):
        ring._keys["data", 1] = b""
    with pytest.raises(AttributeError):
        ring.extra = 1


def test_subkeys_differ_by_label_and_key():
    assert len({subkey(key, label) for key in (b"k" * 32, b"l" * 32) for label in (b"a", b"b")}) == 4
