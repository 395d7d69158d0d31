"""Opaque tokens (codes, refresh tokens, cookies, handles, secrets, recovery codes) and short sealed values.

Opaque token = base64url(format u8 ‖ hash key version u16 ‖ 32 random bytes): 47 characters; the store keeps its keyed hash alone.
``kind`` enters the hash, so that a code never passes as a refresh token. Sealed values (``jti``, flow values) use AES-256-SIV with a
random salt inside: no limit on the number of nonces under one key (RFC 5297 §3).
"""

import hmac
from functools import lru_cache
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from keys.errors import MissingKey
from keys.ports import Entropy
from keys.purpose import PurposeRing, subkey
from keys.wire import as_bytes, b64url, length_prefixed, unb64url

TOKEN_CHARS: Final = 47
_FORMAT: Final = b"\x01"
_RANDOM_BYTES: Final = 32
_HEAD_BYTES: Final = 3
_SALT_BYTES: Final = 12
_SIV_BYTES: Final = 16
_MAX_SEALED_CHARS: Final = 262_144


class Opaque(msgspec.Struct, frozen=True):
    """A new token: ``token`` goes out once, ``hash`` (32 bytes) is stored."""

    token: str
    hash: bytes

    def __repr__(self) -> str:
        return "Opaque(…)"


def new_token(ring: PurposeRing, kind: str, entropy: Entropy) -> Opaque:
    """A fresh token of one kind with 256 bits of randomness."""
    version, key = ring.current("hash")
    raw = _FORMAT + version.to_bytes(2, "big") + entropy(_RANDOM_BYTES)
    return Opaque(token=b64url(raw), hash=_keyed(key, b"token", kind, raw))


def token_hash(ring: PurposeRing, kind: str, token: str) -> bytes | None:
    """The stored hash of a presented token; None if it is malformed or its key version is unknown. Cheap; no secret compare needed."""
    raw = unb64url(token) if len(token) == TOKEN_CHARS else None
    if raw is None or raw[:1] != _FORMAT:
        return None
    try:
        key = ring.get("hash", int.from_bytes(raw[1:_HEAD_BYTES], "big"))
    except MissingKey:
        return None
    return _keyed(key, b"token", kind, raw)


def hash_secret(ring: PurposeRing, kind: str, value: bytes | str) -> bytes:
    """Keyed hash of a secret of any form: hash key version u16 ‖ HMAC-SHA-256, to be stored and compared by ``secret_matches``."""
    version, key = ring.current("hash")
    return version.to_bytes(2, "big") + _keyed(key, b"secret", kind, as_bytes(value))


def secret_matches(ring: PurposeRing, kind: str, value: bytes | str, stored: bytes) -> bool:
    """Constant-time compare of a presented secret with ``hash_secret``'s answer. Raises ``MissingKey`` if its key was destroyed."""
    key = ring.get("hash", int.from_bytes(stored[:2], "big"))
    return same(_keyed(key, b"secret", kind, as_bytes(value)), stored[2:])


def same(left: bytes | str, right: bytes | str) -> bool:
    """Whether two secrets are equal, in constant time for equal lengths."""
    return hmac.compare_digest(as_bytes(left), as_bytes(right))


def seal_jti(ring: PurposeRing, kind: bytes, grant_id: bytes, entropy: Entropy) -> str:
    """A ``jti`` that is unique, tells an outsider nothing, and leads us to its grant. ``kind``: one byte; ``grant_id``: 1 to 64 bytes."""
    if len(kind) != 1 or not 1 <= len(grant_id) <= 64:
        raise ValueError("a jti holds one byte of kind and 1 to 64 bytes of grant id")
    return _seal(ring, b"jti", kind + grant_id, entropy)


def open_jti(ring: PurposeRing, jti: str) -> tuple[bytes, bytes] | None:
    """(kind, grant id) of a ``jti`` of ours; None for any other."""
    plain = _open(ring, b"jti", jti)
    return None if plain is None else (plain[:1], plain[1:])


def seal_flow(ring: PurposeRing, label: str, payload: bytes, entropy: Entropy) -> str:
    """Seals a short value that travels through a browser. It opens under the same ``label`` alone; put an expiry into it."""
    return _seal(ring, b"flow/" + label.encode(), payload, entropy)


def open_flow(ring: PurposeRing, label: str, value: str) -> bytes | None:
    """What ``seal_flow`` sealed under this label; None for anything else."""
    return _open(ring, b"flow/" + label.encode(), value)


def _keyed(key: bytes, use: bytes, kind: str, value: bytes) -> bytes:
    return subkey(key, _place(use, kind) + length_prefixed(value))


@lru_cache(maxsize=64)
def _place(use: bytes, kind: str) -> bytes:
    return length_prefixed(use, kind.encode())


@lru_cache(maxsize=64)
def _siv(key: bytes, label: bytes) -> AESSIV:
    return AESSIV(subkey(key, b"yimen-flow/1\x00" + label, "sha512"))


def _seal(ring: PurposeRing, label: bytes, plain: bytes, entropy: Entropy) -> str:
    version, key = ring.current("flow")
    head = _FORMAT + version.to_bytes(2, "big")
    return b64url(head + _siv(key, label).encrypt(entropy(_SALT_BYTES) + plain, [head]))


def _open(ring: PurposeRing, label: bytes, value: str) -> bytes | None:
    raw = unb64url(value) if len(value) <= _MAX_SEALED_CHARS else None
    if raw is None or raw[:1] != _FORMAT or len(raw) < _HEAD_BYTES + _SIV_BYTES + _SALT_BYTES:
        return None
    try:
        key = ring.get("flow", int.from_bytes(raw[1:_HEAD_BYTES], "big"))
        return _siv(key, label).decrypt(raw[_HEAD_BYTES:], [raw[:_HEAD_BYTES]])[_SALT_BYTES:]
    except (MissingKey, InvalidTag):
        return None
