"""C2SP tlog-tiles: where each hash of the tree stands, and the paths under which tiles are served. Pure.

A tile is up to 256 consecutive hashes of level ``level``·8; tile ``n`` of level 0 holds the leaf hashes n·256 to n·256 + 255. An entry bundle holds
the entries of one level 0 tile; ours have 32 bytes each.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from idp.audit.merkle import Span, root_of

WIDTH = 256
HASH = 32
ENTRIES = -1
"""In place of a level: the entry bundles."""
Fetch = Callable[[int, int], bytes]
"""``fetch(level, n)`` answers what is stored of a tile: the concatenated hashes. Raises KeyError when there is none."""

_PATH = re.compile(r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])((?:/x[0-9]{3})*/[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile as asked for: ``width`` hashes of it."""

    level: int
    n: int
    width: int = WIDTH


def path(tile: Tile) -> str:
    """The path of a tile under the log's prefix."""
    digits = f"{tile.n:03d}"
    digits = digits.rjust(-(-len(digits) // 3) * 3, "0")
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    level = "entries" if tile.level == ENTRIES else str(tile.level)
    number = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{number}" + ("" if tile.width == WIDTH else f".p/{tile.width}")


def parse(text: str) -> Tile | None:
    """The tile that a path names, or None: there is one spelling of each."""
    found = _PATH.fullmatch(text)
    if found is None or len(text) > 100:
        return None
    level = ENTRIES if found[1] == "entries" else int(found[1])
    tile = Tile(level, int(found[2].replace("/x", "").replace("/", "")), int(found[3] or WIDTH))
    return tile if tile.width <= WIDTH and path(tile) == text else None


def holds(tile: Tile, size: int) -> bool:
    """Whether a tree of ``size`` has this tile: full, or partial with at least so many hashes."""
    count = size >> 8 * max(tile.level, 0)
    return tile.n * WIDTH + tile.width <= count


def bundle(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry behind its length (u16)."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def spans(fetch: Fetch) -> Span:
    """The hashes of full subtrees from stored tiles."""

    def span(start: int, end: int) -> bytes:
        height = (end - start).bit_length() - 1
        level, rest = divmod(height, 8)
        first = start >> 8 * level
        n, offset = divmod(first, WIDTH)
        count = 1 << rest
        hashes = fetch(level, n)[offset * HASH : (offset + count) * HASH]
        if len(hashes) != count * HASH:
            raise KeyError((level, n))
        return root_of(hashes[i : i + HASH] for i in range(0, len(hashes), HASH))

    return span
