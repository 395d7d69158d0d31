"""JWE in this profile: ECDH-ES+A256KW, ECDH-ES or RSA-OAEP-256, with A256GCM or A128CBC-HS256, compact, never compressed.

Encrypts what is released to a client, and the root key for escrow. RSA1_5 (padding oracles), PBES2 (chosen work), ``dir`` and ``zip`` do not
exist here; every failure to decrypt is the same error. Encrypting is written over the primitives and draws its randomness from the operating
system; decrypting is joserfc's.
"""

import hmac
import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from keys.errors import TokenInvalid
from keys.wire import b64url, length_prefixed, unb64url

JWE_ALGS: Final = ("ECDH-ES+A256KW", "RSA-OAEP-256", "ECDH-ES")
JWE_ENCS: Final = ("A256GCM", "A128CBC-HS256")
MAX_JWE_CHARS: Final = 262_144
_MAX_HEADER_CHARS: Final = 2_048
_CEK_BYTES: Final = 32  # of both encryptions (RFC 7518 §5.2.3, §5.3)
_OAEP: Final = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)

EncryptionKey = ECKey | RSAKey | OKPKey
_KeyManagement = tuple[bytes, bytes, dict[str, Any]]
"""Content encryption key, encrypted key, header members."""


class _Registry(jwe.JWERegistry):
    max_protected_header_length = _MAX_HEADER_CHARS
    max_encrypted_key_length = 1_400
    max_ciphertext_length = MAX_JWE_CHARS


_REGISTRY: Final = _Registry(algorithms=[*JWE_ALGS, *JWE_ENCS])


def algorithm_for(key: EncryptionKey) -> str:
    """The key-management algorithm that fits a key where nobody chose one."""
    return "RSA-OAEP-256" if isinstance(key, RSAKey) else "ECDH-ES+A256KW"


def encrypt(
    plain: bytes,
    key: Key,
    *,
    alg: str | None = None,
    enc: str = JWE_ENCS[0],
    kid: str | None = None,
    typ: str | None = None,
    cty: str | None = None,
    iss: str | None = None,
) -> str:
    """Compact JWE to a public key (RFC 7516 §5.1). ``cty``: ``JWT`` when ``plain`` is a signed token (RFC 7519 §5.2). Raises ``ValueError``
    for an unusable key."""
    if not isinstance(key, EncryptionKey) or alg not in {None, *JWE_ALGS} or enc not in JWE_ENCS:
        raise ValueError("the key cannot be encrypted to")
    alg = alg or algorithm_for(key)
    cek, encrypted_key, members = _key_management(alg, enc, key.public_key)
    optional = {"kid": kid, "typ": typ, "cty": cty, "iss": iss}
    header = {"alg": alg, "enc": enc, **members, **{name: value for name, value in optional.items() if value}}
    protected = b64url(msgspec.json.encode(header))
    iv, text, tag = _CONTENT[enc](cek, plain, protected.encode("ascii"))
    return ".".join((protected, b64url(encrypted_key), b64url(iv), b64url(text), b64url(tag)))


def decrypt(token: str, key: EncryptionKey, *, max_len: int = MAX_JWE_CHARS) -> tuple[bytes, dict[str, Any]]:
    """(plaintext, protected header) of what :func:`encrypt` makes when nothing is chosen. Raises ``TokenInvalid`` with reason ``jwe``,
    whatever was wrong."""
    _check_header(token, key, max_len)
    try:
        opened = jwe.decrypt_compact(token, key, registry=_REGISTRY)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise TokenInvalid("jwe") from None
    if opened.plaintext is None:
        raise TokenInvalid("jwe")
    return opened.plaintext, dict(opened.protected)


def _check_header(token: str, key: EncryptionKey, max_len: int) -> None:
    """Refuses by length and header, before any key is touched or anything inflated."""
    segment = token.partition(".")[0]
    if len(token) > max_len or len(segment) > _MAX_HEADER_CHARS or token.count(".") != 4:
        raise TokenInvalid("jwe")
    try:
        header = msgspec.json.decode(unb64url(segment) or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise TokenInvalid("jwe") from None
    if not isinstance(header, dict) or header.keys() & {"zip", "crit", "p2c", "p2s"}:
        raise TokenInvalid("jwe")
    if header.get("alg") != algorithm_for(key) or header.get("enc") != JWE_ENCS[0]:
        raise TokenInvalid("jwe")


# Key management (RFC 7518 §4) ------------------------------------------------------------------------------------------------------


def _key_management(alg: str, enc: str, public: Any) -> _KeyManagement:
    if alg == "RSA-OAEP-256":
        if not isinstance(public, rsa.RSAPublicKey):
            raise ValueError("the key cannot be encrypted to")
        cek = os.urandom(_CEK_BYTES)
        return cek, public.encrypt(cek, _OAEP), {}
    secret, epk = _agreed(public)
    if alg == "ECDH-ES":
        return _derived(secret, enc), b"", {"epk": epk}  # §4.6: the agreed key is the content encryption key
    cek = os.urandom(_CEK_BYTES)
    return cek, aes_key_wrap(_derived(secret, alg), cek), {"epk": epk}


def _agreed(public: Any) -> tuple[bytes, dict[str, str]]:
    """A fresh ephemeral key's shared secret with ``public``, and its public part (§4.6.1.1, RFC 8037 §3.2)."""
    if isinstance(public, X25519PublicKey):
        mine = X25519PrivateKey.generate()
        return mine.exchange(public), {"kty": "OKP", "crv": "X25519", "x": b64url(mine.public_key().public_bytes_raw())}
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name not in _CURVES:
        raise ValueError("the key cannot be encrypted to")
    ephemeral = ec.generate_private_key(public.curve)
    point, size = ephemeral.public_key().public_numbers(), (public.curve.key_size + 7) // 8
    x, y = (b64url(number.to_bytes(size, "big")) for number in (point.x, point.y))
    return ephemeral.exchange(ec.ECDH(), public), {"kty": "EC", "crv": _CURVES[public.curve.name], "x": x, "y": y}


_CURVES: Final[Mapping[str, str]] = MappingProxyType({"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"})


def _derived(secret: bytes, algorithm: str) -> bytes:
    """Concat KDF to 256 bits: one round of SHA-256, no party information (§4.6.2)."""
    parties = length_prefixed(algorithm.encode(), b"", b"")
    return sha256((1).to_bytes(4, "big") + secret + parties + (256).to_bytes(4, "big")).digest()


# Content encryption (RFC 7518 §5) --------------------------------------------------------------------------------------------------


def _gcm(cek: bytes, plain: bytes, aad: bytes) -> tuple[bytes, bytes, bytes]:
    iv = os.urandom(12)
    sealed = AESGCM(cek).encrypt(iv, plain, aad)
    return iv, sealed[:-16], sealed[-16:]


def _cbc_hmac(cek: bytes, plain: bytes, aad: bytes) -> tuple[bytes, bytes, bytes]:
    """§5.2.2.1: the first half authenticates, the second encrypts."""
    iv, fill = os.urandom(16), 16 - len(plain) % 16
    cipher = Cipher(algorithms.AES(cek[16:]), modes.CBC(iv)).encryptor()
    text = cipher.update(plain + bytes([fill]) * fill) + cipher.finalize()
    tag = hmac.digest(cek[:16], aad + iv + text + (8 * len(aad)).to_bytes(8, "big"), "sha256")
    return iv, text, tag[:16]


_CONTENT: Final[Mapping[str, Callable[[bytes, bytes, bytes], tuple[bytes, bytes, bytes]]]] = MappingProxyType(
    {"A256GCM": _gcm, "A128CBC-HS256": _cbc_hmac}
)
