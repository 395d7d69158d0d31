"""The form of an event that outlives us.

entry = SHA-256("yimen-event/1" ‖ SHA-256(salt ‖ head) ‖ f1 ‖ f2 …); ``head`` is the non-personal part as the exact bytes stored;
fᵢ = SHA-256(saltᵢ ‖ name ‖ 0x00 ‖ value) for each personal field in schema order. ``salt`` stays in the private row; saltᵢ and value are sealed
under the citizen's key; fᵢ stays in the clear, so that an erased event still verifies.
"""

from collections.abc import Sequence
from hashlib import sha256

import msgspec

TAG = b"yimen-event/1"


class Field(msgspec.Struct, frozen=True, array_like=True):
    """One personal field as stored: name, digest fᵢ, and saltᵢ ‖ value sealed under the citizen's key."""

    name: str
    digest: bytes
    sealed: bytes


_FIELDS = msgspec.msgpack.Decoder(list[Field])


def field_digest(salt: bytes, name: str, value: str) -> bytes:
    """fᵢ, 32 bytes."""
    return sha256(salt + name.encode() + b"\x00" + value.encode()).digest()


def entry(salt: bytes, head: bytes, digests: Sequence[bytes] = ()) -> bytes:
    """The tree entry, 32 bytes."""
    return sha256(TAG + sha256(salt + head).digest() + b"".join(digests)).digest()


def pack(fields: Sequence[Field]) -> bytes:
    """Stored form of the personal fields: a version byte, then MessagePack."""
    return b"\x01" + msgspec.msgpack.encode(list(fields))


def unpack(stored: bytes) -> list[Field]:
    """Inverse of :func:`pack`. Raises ValueError for an unknown version."""
    if stored[:1] != b"\x01":
        raise ValueError("unknown version of stored event fields")
    return _FIELDS.decode(stored[1:])
