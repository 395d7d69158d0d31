"""JWE in this profile: ECDH-ES+A256KW, ECDH-ES or RSA-OAEP-256, with A256GCM or A128CBC-HS256, compact, never compressed.

Encrypts what is released to a client, and the root key for escrow. RSA1_5 (padding oracles), PBES2 (chosen work), ``dir`` and ``zip`` do not
exist here; every failure to decrypt is the same error. Encrypting is written over the primitives and draws its randomness from the operating
system; decrypting is joserfc's.
"""

import hmac
import os
from collections.abc import Callable, Mapping
from functools import partial
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
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from keys.errors import TokenInvalid
from keys.wire import ascii64, length_prefixed, unb64url

JWE_ALGS: Final = ("ECDH-ES+A256KW", "RSA-OAEP-256", "ECDH-ES")
JWE_ENCS: Final = ("A256GCM", "A128CBC-HS256")
MAX_JWE_CHARS: Final = 262_144
_MAX_HEADER_CHARS: Final = 2_048
_CEK_BYTES: Final = 32  # of both encryptions (RFC 7518 §5.2.3, §5.3)
_OAEP: Final = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)

EncryptionKey = ECKey | RSAKey | OKPKey
_Agreeing = Callable[[], tuple[bytes, bytes]]
"""A fresh ephemeral key: the secret it shares with the recipient's, and the header's member ``epk`` as JSON."""


class _Registry(jwe.JWERegistry):
    max_protected_header_length = _MAX_HEADER_CHARS
    max_encrypted_key_length = 1_400
    max_ciphertext_length = MAX_JWE_CHARS


_REGISTRY: Final = _Registry(algorithms=[*JWE_ALGS, *JWE_ENCS])


def algorithm_for(key: EncryptionKey) -> str:
    """The key-management algorithm that fits a key where nobody chose one."""
    return "RSA-OAEP-256" if isinstance(key, RSAKey) else "ECDH-ES+A256KW"


class Encrypter:
    """Encrypts to one public key with one choice of algorithms: what no two tokens differ in is prepared once. Immutable, for all threads."""

    __slots__ = ("_after", "_agree", "_before", "_derive", "_enclose", "_oaep", "_protected")

    def __init__(
        self,
        key: Key,
        *,
        alg: str | None = None,
        enc: str = JWE_ENCS[0],
        kid: str | None = None,
        typ: str | None = None,
        cty: str | None = None,
        iss: str | None = None,
    ) -> None:
        """``cty``: ``JWT`` when what is encrypted is a signed token (RFC 7519 §5.2). Raises ``ValueError`` for an unusable key."""
        if not isinstance(key, EncryptionKey) or alg not in {None, *JWE_ALGS} or enc not in JWE_ENCS:
            raise ValueError("the key cannot be encrypted to")
        alg, public = alg or algorithm_for(key), key.public_key
        optional = {name: value for name, value in (("kid", kid), ("typ", typ), ("cty", cty), ("iss", iss)) if value}
        header: dict[str, str] = {"alg": alg, "enc": enc}
        self._enclose = _CONTENT[enc]
        self._protected, self._oaep, self._agree = b"", None, None
        if alg == "RSA-OAEP-256":
            if not isinstance(public, rsa.RSAPublicKey):
                raise ValueError("the key cannot be encrypted to")
            self._oaep = partial(public.encrypt, padding=_OAEP)
            self._protected = ascii64(msgspec.json.encode({**header, **optional}))
            return
        self._agree = _agreeing(public)
        # §4.6: with ECDH-ES alone the agreed key is the content encryption key
        self._derive = _deriving(enc if alg == "ECDH-ES" else alg), alg == "ECDH-ES"
        self._before = msgspec.json.encode(header)[:-1] + b',"epk":'
        self._after = b"," + msgspec.json.encode(optional)[1:] if optional else b"}"

    def __call__(self, plain: bytes) -> str:
        """Compact JWE (RFC 7516 §5.1) under a fresh content encryption key."""
        protected, encrypted_key = self._protected, b""
        if self._agree is None:
            assert self._oaep is not None
            cek = os.urandom(_CEK_BYTES)
            encrypted_key = self._oaep(cek)
        else:
            (secret, epk), (derive, direct) = self._agree(), self._derive
            agreed, protected = derive(secret), ascii64(self._before + epk + self._after)
            cek = agreed if direct else os.urandom(_CEK_BYTES)
            encrypted_key = b"" if direct else aes_key_wrap(agreed, cek)
        iv, text, tag = self._enclose(cek, plain, protected)
        return b".".join((protected, ascii64(encrypted_key), ascii64(iv), ascii64(text), ascii64(tag))).decode("ascii")


def encrypt(plain: bytes, key: Key, **chosen: str) -> str:
    """Compact JWE to a public key, of which nothing is kept; ``chosen`` as :class:`Encrypter` takes it. Raises ``ValueError`` for an unusable key."""
    return Encrypter(key, **chosen)(plain)


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


def _agreeing(public: Any) -> _Agreeing:
    """How a fresh ephemeral key is made and agrees with ``public`` (§4.6.1.1, RFC 8037 §3.2)."""
    if isinstance(public, X25519PublicKey):
        return partial(_agreed_x25519, public)
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name not in _CURVES:
        raise ValueError("the key cannot be encrypted to")
    curve = public.curve
    start = b'{"kty":"EC","crv":"%s","x":"' % _CURVES[curve.name].encode()
    return partial(_agreed_on_curve, public, curve, (curve.key_size + 7) // 8, start)


def _agreed_x25519(public: X25519PublicKey) -> tuple[bytes, bytes]:
    mine = X25519PrivateKey.generate()
    x = ascii64(mine.public_key().public_bytes_raw())
    return mine.exchange(public), b'{"kty":"OKP","crv":"X25519","x":"%s"}' % x


def _agreed_on_curve(
    public: ec.EllipticCurvePublicKey, curve: ec.EllipticCurve, size: int, start: bytes
) -> tuple[bytes, bytes]:
    mine = ec.generate_private_key(curve)
    point = mine.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)  # 0x04 ‖ x ‖ y
    x, y = ascii64(point[1 : size + 1]), ascii64(point[size + 1 :])
    return mine.exchange(_ECDH, public), b'%s%s","y":"%s"}' % (start, x, y)


_ECDH: Final = ec.ECDH()
_CURVES: Final[Mapping[str, str]] = MappingProxyType({"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"})


def _deriving(algorithm: str) -> Callable[[bytes], bytes]:
    """Concat KDF to 256 bits: one round of SHA-256, no party information (§4.6.2)."""
    info = length_prefixed(algorithm.encode(), b"", b"") + (256).to_bytes(4, "big")
    return lambda secret: sha256(b"\x00\x00\x00\x01" + secret + info).digest()


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
