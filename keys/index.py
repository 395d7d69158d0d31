"""Blind indexes: find a row by a value that is stored only sealed.

HMAC-SHA-256(index key[kind, version], canonical value)[:16]. The caller canonicalises (one spelling per value) before it comes here.
"""

from typing import Final

from keys.purpose import PurposeRing, subkey
from keys.wire import as_bytes

INDEX_BYTES: Final = 16


def blind_index(ring: PurposeRing, kind: str, canonical: bytes | str) -> tuple[bytes, int]:
    """(16 bytes, key version) to store. ``kind`` (``email``, ``phone``…) keeps equal values of two kinds apart."""
    version = ring.current("index")[0]
    return _index(ring, version, kind, canonical), version


def all_versions(ring: PurposeRing, kind: str, canonical: bytes | str) -> tuple[tuple[bytes, int], ...]:
    """(16 bytes, key version) for every usable version, the current first: what a look-up asks for."""
    return tuple((_index(ring, version, kind, canonical), version) for version in ring.versions("index"))


def _index(ring: PurposeRing, version: int, kind: str, canonical: bytes | str) -> bytes:
    key = subkey(ring.get("index", version), b"yimen-index/1\x00" + kind.encode())
    return subkey(key, as_bytes(canonical))[:INDEX_BYTES]
