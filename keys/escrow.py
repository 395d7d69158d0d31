"""The root key, carried to safety: encrypted to a recovery key whose private half lies elsewhere (a safe, a second authority).

Envelope: compact JWE, ``typ`` ``yimen-escrow+jwe``, ``kid`` = fingerprint of the root key; content = ``yimen-escrow/1`` ‖ 0x00 ‖ 32 bytes.
"""

import hmac
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from joserfc.jwk import ECKey, RSAKey

from keys import jwe
from keys.errors import KeysError, SealBroken, TokenInvalid
from keys.file_backend import FileRoot
from keys.ports import ExportableSealer

TYP: Final = "yimen-escrow+jwe"
_PREFIX: Final = b"yimen-escrow/1\x00"
_MIN_RSA_BITS: Final = 2048


def export_root(root: ExportableSealer, recovery_public_pem: bytes) -> str:
    """The escrow envelope. ``recovery_public_pem``: an EC P-256 or RSA (2048 bits or more) public key. Raises ``KeysError``."""
    try:
        key = load_pem_public_key(recovery_public_pem)
    except (ValueError, UnsupportedAlgorithm):
        raise KeysError("the recovery key is not a PEM public key") from None
    return jwe.encrypt(_PREFIX + root.export_material(), _usable(key), kid=root.fingerprint(), typ=TYP)


def recover_root(envelope: str, recovery_private_pem: bytes, password: bytes | None = None) -> bytes:
    """The root key's material, for ``file_backend.restore_root``. Raises ``SealBroken`` (envelope) or ``KeysError`` (private key)."""
    try:
        key = load_pem_private_key(recovery_private_pem, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeysError("the recovery private key or its password is wrong") from None
    try:
        plain, header = jwe.decrypt(envelope.strip(), _usable(key))
    except TokenInvalid:
        raise SealBroken("the escrow envelope does not open with this key") from None
    return _checked(plain, header.get("kid"), header.get("typ"))


def _checked(plain: bytes, kid: object, typ: object) -> bytes:
    if typ != TYP or not plain.startswith(_PREFIX):
        raise SealBroken("the envelope is not an escrowed root key")
    material = plain[len(_PREFIX) :]
    if not isinstance(kid, str) or not hmac.compare_digest(FileRoot(material).fingerprint().encode(), kid.encode()):
        raise SealBroken("the escrowed root key does not match its fingerprint")
    return material


def _usable(key: object) -> jwe.EncryptionKey:
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return ECKey(key, key)
    if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey) and key.key_size >= _MIN_RSA_BITS:
        return RSAKey(key, key)
    raise KeysError("a recovery key is EC P-256 or RSA of 2048 bits or more")
