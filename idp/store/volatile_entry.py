"""What both volatile stores share: how an entry is named and how a value is wrapped."""

import hashlib

VALUE, CLAIM, COUNTER = b"v", b"c", b"n"
_CHECK_BYTES = 8


def name(kind: str, key: bytes) -> bytes:
    """32 bytes that name an entry: kind and key cannot run into each other, and neither can be read back.

    A store puts VALUE, CLAIM or COUNTER before it, so that one use never meets another's entry.
    """
    label = kind.encode()
    return hashlib.sha256(b"yimen-volatile/1" + len(label).to_bytes(2, "big") + label + key).digest()


def wrap(entry: bytes, value: bytes) -> bytes:
    """The value behind a checksum that binds it to its entry: damage and misplacement show (it is no proof against forgery)."""
    return hashlib.sha256(entry + value).digest()[:_CHECK_BYTES] + value


def unwrap(entry: bytes, wrapped: bytes) -> bytes | None:
    """The value, or None when it is not what :func:`wrap` made for this entry."""
    value = wrapped[_CHECK_BYTES:]
    return value if wrapped[:_CHECK_BYTES] == hashlib.sha256(entry + value).digest()[:_CHECK_BYTES] else None
