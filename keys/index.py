"""Blind indexes: find a row by a value that is stored only sealed.

HMAC(index key[kind, version], canonical value)[:16] with SHA-256, or with SM3 where the ring's suite says so. The caller canonicalises (one
spelling per value) before it comes here.
"""

from typing import Final, Literal

from keys.purpose import SUITE_SM4_GCM, PurposeRing, subkey
from keys.wire import as_bytes

INDEX_BYTES: Final = 16


def blind_index(ring: PurposeRing, kind: str, canonical: bytes | str) -> tuple[bytes, int]:
    """(16 bytes, key version) to store. ``kind`` (``email``, ``phone``…) keeps equal values of two kinds apart."""
    version = ring.current("index")[0]
    return _index(ring, version, kind, canonical, _digests(ring)[0]), version


def all_versions(ring: PurposeRing, kind: str, canonical: bytes | str) -> tuple[tuple[bytes, int], ...]:
    """(16 bytes, key version) for every usable version and either digest, the current first: what a look-up asks for."""
    return tuple(
        (_index(ring, version, kind, canonical, digest), version)
        for version in ring.versions("index")
        for digest in _digests(ring)
    )


_Digest = Literal["sha256", "sm3"]


def _digests(ring: PurposeRing) -> tuple[_Digest, _Digest]:
    """That of new values first; rows from before the suite was changed are found by the other."""
    return ("sm3", "sha256") if ring.suite == SUITE_SM4_GCM else ("sha256", "sm3")


def _index(ring: PurposeRing, version: int, kind: str, canonical: bytes | str, digest: _Digest) -> bytes:
    key = subkey(ring.get("index", version), b"yimen-index/1\x00" + kind.encode(), digest)
    return subkey(key, as_bytes(canonical), digest)[:INDEX_BYTES]
