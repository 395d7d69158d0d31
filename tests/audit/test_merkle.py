"""The tree of RFC 9162 §2.1 against its definition, spelt out; proofs forged in every position."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.audit import merkle, tiles
from idp.audit.merkle import ProofError

SIZES = [*range(18), 255, 256, 257, 511, 513]


def leaves(size: int) -> list[bytes]:
    return [merkle.leaf_hash(sha256(str(i).encode()).digest()) for i in range(size)]


def mth(hashes: list[bytes]) -> bytes:
    """§2.1.1, word for word."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return sha256(b"\x01" + mth(hashes[:k]) + mth(hashes[k:])).digest()


def spans(hashes: list[bytes]) -> merkle.Span:
    return lambda start, end: mth(hashes[start:end])


@pytest.mark.parametrize("size", SIZES)
def test_roots_are_those_of_the_definition(size):
    """RFC 9162 §2.1.1, §2.1.2"""
    hashes = leaves(size)
    assert merkle.root_of(hashes) == mth(hashes) == merkle.subtree(0, size, spans(hashes))
    frontier = merkle.Frontier.of(size, spans(hashes))
    frontier.append(b"x" * 32)
    assert frontier.root() == mth([*hashes, b"x" * 32])


def test_published_vector_of_an_empty_and_a_one_leaf_tree():
    """RFC 6962 test vectors: the empty tree, and the tree of one empty entry."""
    assert merkle.EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@pytest.mark.parametrize("size", SIZES[1:])
def test_every_leaf_is_proved_and_nothing_else(size):
    """RFC 9162 §2.1.3"""
    hashes = leaves(size)
    root = mth(hashes)
    for index in range(0, size, 1 if size < 20 else 37):
        proof = merkle.inclusion(index, size, spans(hashes))
        merkle.verify_inclusion(hashes[index], index, size, proof, root)
        wrong = [
            (b"x" * 32, index, size, proof, root),
            (hashes[index], index, size, proof, b"x" * 32),
            (hashes[index], index, size, [*proof, b"x" * 32], root),
            (hashes[index], size, size, proof, root),
            *((hashes[index], index, size, [*proof[:i], b"x" * 32, *proof[i + 1 :]], root) for i in range(len(proof))),
        ]
        wrong += [(hashes[index], index, size, proof[:-1], root)] if proof else []
        for case in wrong:
            with pytest.raises(ProofError):
                merkle.verify_inclusion(*case)


@pytest.mark.parametrize("size", SIZES)
def test_every_older_tree_is_extended_and_no_other(size):
    """RFC 9162 §2.1.4"""
    hashes = leaves(size)
    root = mth(hashes)
    for old in range(0, size + 1, 1 if size < 20 else 41):
        proof = merkle.consistency(old, size, spans(hashes))
        merkle.verify_consistency(old, mth(hashes[:old]), size, root, proof)
        wrong = [(old, b"x" * 32, size, root, proof), (old, mth(hashes[:old]), size, root, [*proof, b"x" * 32])]
        wrong += [(old, mth(hashes[:old]), size, b"x" * 32, proof)] if old else []
        wrong += [
            (old, mth(hashes[:old]), size, root, [*proof[:i], b"x" * 32, *proof[i + 1 :]]) for i in range(len(proof))
        ]
        wrong += [(old, mth(hashes[:old]), size, root, proof[:-1])] if proof else []
        for case in wrong:
            with pytest.raises(ProofError):
                merkle.verify_consistency(*case)


def test_a_smaller_tree_extends_nothing():
    with pytest.raises(ProofError):
        merkle.verify_consistency(3, b"x" * 32, 2, b"y" * 32, [])
    with pytest.raises(ValueError, match="smaller"):
        merkle.consistency(3, 2, spans(leaves(2)))
    with pytest.raises(ValueError, match="leaf"):
        merkle.inclusion(2, 2, spans(leaves(2)))


# tiles ------------------------------------------------------------------------------------------------------------------------------


def stored(hashes: list[bytes]) -> dict[tuple[int, int], bytes]:
    """All tiles of a tree by the definition of tlog-tiles."""
    found: dict[tuple[int, int], bytes] = {}
    level, width = 0, 1
    while len(hashes) // width:
        row = [mth(hashes[i * width : (i + 1) * width]) for i in range(len(hashes) // width)]
        for n in range(0, len(row), tiles.WIDTH):
            found[level, n // tiles.WIDTH] = b"".join(row[n : n + tiles.WIDTH])
        level, width = level + 1, width * tiles.WIDTH
    return found


@given(st.integers(1, 1400), st.data())
def test_proofs_come_from_tiles(size, data):
    hashes = leaves(size)
    kept = stored(hashes)
    span = tiles.spans(lambda level, n: kept[level, n])
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    root = merkle.subtree(0, size, span)
    merkle.verify_inclusion(hashes[index], index, size, merkle.inclusion(index, size, span), root)
    merkle.verify_consistency(old, merkle.root_of(hashes[:old]), size, root, merkle.consistency(old, size, span))


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (tiles.Tile(0, 0), "tile/0/000"),
        (tiles.Tile(1, 1234067), "tile/1/x001/x234/067"),
        (tiles.Tile(63, 999, 1), "tile/63/999.p/1"),
        (tiles.Tile(tiles.ENTRIES, 1000, 255), "tile/entries/x001/000.p/255"),
    ],
)
def test_each_tile_has_one_path(tile, path):
    """C2SP tlog-tiles, Merkle Tree"""
    assert tiles.path(tile) == path
    assert tiles.parse(path) == tile


@pytest.mark.parametrize(
    "path",
    ["tile/0/0", "tile/00/000", "tile/64/000", "tile/0/x000/001", "tile/0/000.p/256", "tile/0/000.p/0", "tile/0/000.p/01",
     "tile/0/1000", "tile/0/x1/000", "tile/entries/000/", "tile/-1/000", "tile/0/٠٠٠", "tile/0/x000/x000/000"],
)  # fmt: skip
def test_no_other_spelling_is_a_tile(path):
    assert tiles.parse(path) is None


def test_a_tree_of_seventy_thousand_has_the_tiles_of_the_example():
    """C2SP tlog-tiles, Partial Tiles"""
    size = 70_000
    for tile in (
        tiles.Tile(0, 272),
        tiles.Tile(0, 273, 112),
        tiles.Tile(1, 0),
        tiles.Tile(1, 1, 17),
        tiles.Tile(2, 0, 1),
    ):
        assert tiles.holds(tile, size)
    for tile in (
        tiles.Tile(0, 273),
        tiles.Tile(0, 273, 113),
        tiles.Tile(1, 1, 18),
        tiles.Tile(2, 0, 2),
        tiles.Tile(3, 0, 1),
    ):
        assert not tiles.holds(tile, size)
