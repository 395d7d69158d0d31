"""Sealed values: suite u8 ‖ key version u16 ‖ nonce 12 ‖ ciphertext+tag, and the citizen's data key that seals them.

The key version in a value is the version of the citizen's data key; in a wrapped data key it is the version of the ``data`` purpose key.
Plaintext is padded to 32·2ⁿ (0x80, then zeros: ISO/IEC 7816-4), so that the length of a value tells little about it.
"""

import hmac
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keys.errors import MissingKey, SealBroken
from keys.ports import Entropy
from keys.purpose import SUITE_AES_256_GCM, SUITE_SM4_GCM, PurposeRing, subkey
from keys.wire import as_bytes, length_prefixed

FORMAT: Final = b"yimen/1"
NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = 3
_TAG_BYTES: Final = 16
_KEY_BYTES: Final = 32
_EIGHT: Final = (8).to_bytes(4, "big")
_SMALLEST: Final = 32
_BODY_AT: Final = _HEAD_BYTES + NONCE_BYTES
_LEAST_BYTES: Final = _BODY_AT + _SMALLEST + _TAG_BYTES
_JOINED: Final = 0x8000
"""Set in the key version of values that need a second key."""


def associated_data(table: str, column: str, account_id: bytes, row_id: bytes | str, row_version: int) -> bytes:
    """The place a sealed value belongs to; it opens nowhere else. ``row_version`` is not negative.

    Equal to ``length_prefixed`` over format, table, column, account, row and version; what values of one account share is made once.
    """
    if row_id.__class__ is str:  # the code of an attribute: few
        return account_place(table, column, account_id) + coded_place(row_id, row_version)
    return account_place(table, column, account_id) + _row_place(row_id, row_version)


def _row_place(row_id: bytes | str, row_version: int) -> bytes:
    row = as_bytes(row_id)
    return len(row).to_bytes(4, "big") + row + _EIGHT + row_version.to_bytes(8, "big")


coded_place = lru_cache(maxsize=4096)(_row_place)
"""The second half of a place: what all citizens' values of one attribute and version share."""


@lru_cache(maxsize=4096)
def account_place(table: str, column: str, account_id: bytes) -> bytes:
    """The first half of a place: what all of a citizen's values in one column share."""
    return length_prefixed(FORMAT, table.encode(), column.encode(), account_id)


def padded(plain: bytes) -> bytes:
    """Plaintext ‖ 0x80 ‖ zeros, up to the next length of the form 32·2ⁿ."""
    size = len(plain)
    return (plain + b"\x80").ljust(_SMALLEST if size < _SMALLEST else 1 << size.bit_length(), b"\x00")


def unpadded(block: bytes) -> bytes:
    """Undoes ``padded``. Raises ``SealBroken`` if the block was not made by it."""
    plain, mark, zeros = block.rpartition(b"\x80")
    size = len(plain)
    if not mark or zeros.strip(b"\x00") or len(block) != (_SMALLEST if size < _SMALLEST else 1 << size.bit_length()):
        raise SealBroken("a sealed value has a wrong padding")
    return plain


class DataKey:
    """One citizen's opened data key. Immutable; its ``repr`` shows the version alone."""

    __slots__ = ("_aes", "_head", "_key", "_sm4", "version")

    def __init__(self, key: bytes, version: int) -> None:
        self._key = key
        self._aes = AESGCM(key)
        self._head = bytes((SUITE_AES_256_GCM,)) + version.to_bytes(2, "big")
        self._sm4: bytes | None = None
        self.version = version

    def __repr__(self) -> str:
        return f"DataKey(v{self.version})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a data key is not serialised")

    def seal(self, aad: bytes, plain: bytes, nonce: bytes, *, suite: int = SUITE_AES_256_GCM) -> bytes:
        """Seals ``plain`` at the place ``aad`` (``associated_data``). ``nonce``: 12 fresh random bytes, never used twice."""
        if len(nonce) != NONCE_BYTES:
            raise ValueError("a nonce has 12 bytes")
        head = suite.to_bytes(1, "big") + self.version.to_bytes(2, "big")
        return head + nonce + self._encrypt(suite, nonce, padded(plain), aad)

    def open(self, aad: bytes, sealed: bytes) -> bytes:
        """Plaintext. Raises ``SealBroken`` for anything altered, truncated, moved, of another suite or another key version."""
        return self.open_each(((aad, sealed),))[0]

    def open_each(self, values: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
        """Plaintexts of (place, sealed) in order: what a release opens, without a call for each. Raises as :meth:`open` for the first that does
        not open."""
        opened, head, decrypt = [], self._head, self._aes.decrypt
        try:
            for aad, sealed in values:
                if sealed.startswith(head) and len(sealed) >= _LEAST_BYTES:  # nearly all
                    opened.append(unpadded(decrypt(sealed[_HEAD_BYTES:_BODY_AT], sealed[_BODY_AT:], aad)))
                    continue
                version, nonce, body = _split(sealed)
                if version != self.version:
                    raise SealBroken("a sealed value names another version of the data key")
                opened.append(unpadded(self._decrypt(sealed[0], nonce, body, aad)))
        except InvalidTag:
            raise SealBroken("a sealed value does not open here") from None
        return opened

    def joined(self, other: "DataKey") -> "DataKey":
        """The key that follows from both, so that neither alone opens what it seals; its values say so (``is_joined``)."""
        return DataKey(hmac.digest(other._key, FORMAT + b" joined" + self._key, "sha256"), self.version | _JOINED)

    def tag(self, label: bytes, *, suite: int = SUITE_AES_256_GCM) -> bytes:
        """32 bytes that whoever has the key makes again from the same ``label``, and nobody else: HMAC with SHA-256, or SM3."""
        key = subkey(self._key, b"yimen-tag/1", "sm3" if suite == SUITE_SM4_GCM else "sha256")
        return subkey(key, label, "sm3" if suite == SUITE_SM4_GCM else "sha256")

    def _sm4_key(self) -> bytes:
        if self._sm4 is None:
            self._sm4 = _sm4_key(self._key)
        return self._sm4

    def _encrypt(self, suite: int, nonce: bytes, plain: bytes, aad: bytes) -> bytes:
        if suite == SUITE_AES_256_GCM:
            return self._aes.encrypt(nonce, plain, aad)
        if suite == SUITE_SM4_GCM:
            return _sm4_encrypt(self._sm4_key(), nonce, plain, aad)
        raise ValueError("unknown suite")

    def _decrypt(self, suite: int, nonce: bytes, body: bytes, aad: bytes) -> bytes:
        if suite == SUITE_AES_256_GCM:
            return self._aes.decrypt(nonce, body, aad)
        if suite == SUITE_SM4_GCM:
            return _sm4_decrypt(self._sm4_key(), nonce, body, aad)
        raise SealBroken("a sealed value has an unknown suite")


def is_joined(sealed: bytes) -> bool:
    """Whether a sealed value needs a second key (``DataKey.joined``)."""
    return bool(_split(sealed)[0] & _JOINED)


def new_data_key(ring: PurposeRing, entropy: Entropy, account_id: bytes, *, version: int = 1) -> bytes:
    """A fresh data key of one citizen, wrapped under the current ``data`` key: what the keyring row keeps."""
    return _wrap(ring, entropy, account_id, version.to_bytes(2, "big") + entropy(_KEY_BYTES))


def open_data_key(ring: PurposeRing, account_id: bytes, wrapped: bytes) -> DataKey:
    """Opens a keyring row. Raises ``SealBroken`` if it is damaged, another citizen's, or of a destroyed ``data`` epoch."""
    plain = _unwrap(ring, account_id, wrapped)
    return DataKey(plain[2:], int.from_bytes(plain[:2], "big"))


def rewrap_data_key(ring: PurposeRing, entropy: Entropy, account_id: bytes, wrapped: bytes) -> bytes:
    """The same data key under the current ``data`` epoch; unchanged if it already is, so that the work can be resumed."""
    plain = _unwrap(ring, account_id, wrapped)
    if wrapped_version(wrapped) == ring.current("data")[0] and wrapped[0] == ring.suite:
        return wrapped
    return _wrap(ring, entropy, account_id, plain)


def fresh_data_key(entropy: Entropy) -> DataKey:
    """The data key of a new citizen, wrapped by nothing yet."""
    return DataKey(entropy(_KEY_BYTES), 1)


def wrap_data_key(ring: PurposeRing, entropy: Entropy, account_id: bytes, key: DataKey) -> bytes:
    """An opened data key under the current ``data`` epoch: what the keyring row keeps."""
    return _wrap(ring, entropy, account_id, key.version.to_bytes(2, "big") + key._key)


def wrapped_version(wrapped: bytes) -> int:
    """The ``data`` epoch that a wrapped data key stands under (not authenticated; for progress reports and queries)."""
    return _split(wrapped)[0]


def _wrap(ring: PurposeRing, entropy: Entropy, account_id: bytes, plain: bytes) -> bytes:
    version, key = ring.current("data")
    nonce = entropy(NONCE_BYTES)
    head = ring.suite.to_bytes(1, "big") + version.to_bytes(2, "big")
    return head + nonce + DataKey(key, version)._encrypt(ring.suite, nonce, plain, _wrap_place(account_id))


def _unwrap(ring: PurposeRing, account_id: bytes, wrapped: bytes) -> bytes:
    version, nonce, body = _split(wrapped)
    try:
        plain = DataKey(ring.get("data", version), version)._decrypt(wrapped[0], nonce, body, _wrap_place(account_id))
    except (InvalidTag, MissingKey):
        raise SealBroken("a wrapped data key does not open here") from None
    if len(plain) != 2 + _KEY_BYTES:
        raise SealBroken("a wrapped data key has the wrong length")
    return plain


def _wrap_place(account_id: bytes) -> bytes:
    return length_prefixed(FORMAT, b"data-key", account_id)


def _split(sealed: bytes) -> tuple[int, bytes, bytes]:
    if len(sealed) < _LEAST_BYTES:
        raise SealBroken("a sealed value is truncated")
    return int.from_bytes(sealed[1:3], "big"), sealed[_HEAD_BYTES:_BODY_AT], sealed[_BODY_AT:]


def _sm4_key(key: bytes) -> bytes:
    """SM4 takes 16 bytes: derived, so that no key ever serves two ciphers."""
    return subkey(key, b"yimen/1 sm4-gcm")[:16]


def _sm4_encrypt(key: bytes, nonce: bytes, plain: bytes, aad: bytes) -> bytes:
    context = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    context.authenticate_additional_data(aad)
    return context.update(plain) + context.finalize() + context.tag


def _sm4_decrypt(key: bytes, nonce: bytes, body: bytes, aad: bytes) -> bytes:
    context = Cipher(algorithms.SM4(key), modes.GCM(nonce, body[-_TAG_BYTES:])).decryptor()
    context.authenticate_additional_data(aad)
    return context.update(body[:-_TAG_BYTES]) + context.finalize()
