"""What anyone may read of the log: checkpoint, tiles and entries under the exact paths of C2SP tlog-tiles."""

import pytest

from idp.audit import merkle, note, tiles
from idp.flows.sequencer import head, log_signer
from tests.journeys.test_log_verify import written


def test_a_stranger_rebuilds_the_signed_tree_from_what_is_served(any_house):
    """C2SP tlog-tiles: entries, leaves and the levels above them agree with the checkpoint"""
    house = any_house
    assert house.request("GET", "/log/checkpoint").status_code == 404
    written(house, 700)
    answer = house.request("GET", "/log/checkpoint")
    assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
    signer = log_signer(house.parts)
    signed, keys = note.opened(answer.text, "id.example/log", signer.verifiers)
    assert (signed.size, len(keys)) == (700, 2)

    def fetch(level: int, n: int) -> bytes:
        width = min(256, (700 >> 8 * level) - 256 * n)
        got = house.request("GET", "/log/" + tiles.path(tiles.Tile(level, n, width)))
        assert (got.status_code, got.content_type) == (200, "application/octet-stream")
        assert "immutable" in got.headers["Cache-Control"] and len(got.data) == 32 * width
        return got.data

    assert merkle.subtree(0, 700, tiles.spans(fetch)) == signed.root
    entries = []
    for n, width in ((0, 256), (1, 256), (2, 188)):
        data = house.request("GET", "/log/" + tiles.path(tiles.Tile(tiles.ENTRIES, n, width))).data
        assert len(data) == width * 34 and all(data[i : i + 2] == b"\x00\x20" for i in range(0, len(data), 34))
        entries += [data[i + 2 : i + 34] for i in range(0, len(data), 34)]
    assert merkle.root_of(map(merkle.leaf_hash, entries)) == head(house.parts).root


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/003",
        "tile/0/002",
        "tile/0/002.p/189",
        "tile/0/002.p/0",
        "tile/0/002.p/256",
        "tile/0/002.p/0100",
        "tile/0/2",
        "tile/0/x000/002",
        "tile/00/000",
        "tile/64/000",
        "tile/2/000",
        "tile/2/000.p/1",
        "tile/-1/000",
        "tile/entries/003",
        "tile/entries/x000",
        "tile/data/000",
        "tile/0/000/",
        "tile//0/000",
        "tile/0/000%0a",
        "tile/0/٠٠٠",
        "tile/0/" + "x999/" * 30 + "999",
        "tile/0/" + "x999/" * 15 + "999",
        "tile/0/../0/000",
        "tile/",
    ],
)
def test_what_is_no_tile_of_this_tree_is_not_found(house, path):
    """C2SP tlog-tiles: one spelling of each, partial ones as wide as the tree has them"""
    written(house, 700)
    assert house.request("GET", "/log/" + path).status_code == 404


@pytest.mark.parametrize("width", [1, 100, 188])
def test_narrower_parts_stay_where_they_were(house, width):
    """C2SP tlog-tiles, Partial Tiles: those of older checkpoints are still served"""
    written(house, 700)
    whole = house.request("GET", "/log/tile/0/002.p/188").data
    assert house.request("GET", f"/log/tile/0/002.p/{width}").data == whole[: 32 * width]


def test_nothing_of_an_event_can_be_read_from_what_is_served(house):
    """DESIGN §6: entries are salted hashes, so no department finds anything in them"""
    house.citizen()
    written(house, 300)
    served = b"".join(
        house.request("GET", f"/log/{path}").data for path in ("checkpoint", "tile/entries/000", "tile/0/000")
    )
    for word in (b"session", b"account", b"tax", b"li.wei", b"key."):
        assert word not in served
