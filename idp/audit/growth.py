"""How the stored tree grows: which tiles and bundles change when entries are added. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from idp.audit.merkle import leaf_hash, root_of, subtree
from idp.audit.tiles import HASH, WIDTH, Fetch, spans


@dataclass(slots=True)
class Growth:
    """A tree of ``size`` with ``root``; ``tiles`` and ``bundles`` (entries, seqs) are what changed, whole."""

    size: int
    root: bytes = b""
    tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)
    bundles: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)


def grow(size: int, added: Sequence[tuple[int, bytes]], fetch: Fetch, last_bundle: tuple[bytes, bytes]) -> Growth:
    """Add ``(seq, entry)`` pairs, in order, to the tree of ``size``. ``last_bundle``: entries and seqs of the bundle that is not full yet."""
    grown = Growth(size)
    entries, seqs = (bytearray(part) for part in last_bundle)
    for seq, entry in added:
        entries += entry
        seqs += seq.to_bytes(8, "big")
        _add(grown, fetch, 0, grown.size, leaf_hash(entry))
        n = grown.size // WIDTH
        grown.size += 1
        grown.bundles[n] = (bytes(entries), bytes(seqs))
        if grown.size % WIDTH == 0:
            entries, seqs = bytearray(), bytearray()
    grown.root = subtree(0, grown.size, spans(lambda level, n: _tile(grown, fetch, level, n)))
    return grown


def _add(grown: Growth, fetch: Fetch, level: int, at: int, value: bytes) -> None:
    """Put ``value`` at position ``at`` of a level; a tile that it fills gives one hash to the level above (tlog-tiles)."""
    n, offset = divmod(at, WIDTH)
    known = _tile(grown, fetch, level, n) if offset else b""
    if len(known) != offset * HASH:
        raise KeyError((level, n))
    hashes = known + value
    grown.tiles[level, n] = hashes
    if offset == WIDTH - 1:
        _add(grown, fetch, level + 1, n, root_of(hashes[i : i + HASH] for i in range(0, len(hashes), HASH)))


def _tile(grown: Growth, fetch: Fetch, level: int, n: int) -> bytes:
    found = grown.tiles.get((level, n))
    return fetch(level, n) if found is None else found
