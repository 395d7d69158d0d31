"""JWE in this profile: ECDH-ES+A256KW or RSA-OAEP-256 with A256GCM, compact, never compressed.

Encrypts what is released to a client, and the root key for escrow. RSA1_5 (padding oracles) and PBES2 (chosen work) do not exist here;
every failure to decrypt is the same error.
"""

from typing import Any, Final

import msgspec
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from keys.errors import TokenInvalid
from keys.wire import unb64url

JWE_ALGS: Final = ("ECDH-ES+A256KW", "RSA-OAEP-256")
JWE_ENCS: Final = ("A256GCM",)
MAX_JWE_CHARS: Final = 262_144
_MAX_HEADER_CHARS: Final = 2_048

EncryptionKey = ECKey | RSAKey


class _Registry(jwe.JWERegistry):
    max_protected_header_length = _MAX_HEADER_CHARS
    max_encrypted_key_length = 1_400
    max_ciphertext_length = MAX_JWE_CHARS


_REGISTRY: Final = _Registry(algorithms=[*JWE_ALGS, *JWE_ENCS])


def algorithm_for(key: EncryptionKey) -> str:
    """The key-management algorithm that fits a key."""
    return "RSA-OAEP-256" if isinstance(key, RSAKey) else "ECDH-ES+A256KW"


def encrypt(
    plain: bytes, key: EncryptionKey, *, kid: str | None = None, typ: str | None = None, cty: str | None = None
) -> str:
    """Compact JWE to a public key. ``cty``: ``JWT`` when ``plain`` is a signed token (RFC 7519 §5.2). Raises ``ValueError`` for an
    unusable key."""
    optional = {"kid": kid, "typ": typ, "cty": cty}
    header = {
        "alg": algorithm_for(key),
        "enc": JWE_ENCS[0],
        **{name: value for name, value in optional.items() if value},
    }
    try:
        return jwe.encrypt_compact(header, plain, key, registry=_REGISTRY)
    except JoseError:
        raise ValueError("the key cannot be encrypted to") from None


def decrypt(token: str, key: EncryptionKey, *, max_len: int = MAX_JWE_CHARS) -> tuple[bytes, dict[str, Any]]:
    """(plaintext, protected header). Raises ``TokenInvalid`` with reason ``jwe``, whatever was wrong."""
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
    if header.get("alg") != algorithm_for(key) or header.get("enc") not in JWE_ENCS:
        raise TokenInvalid("jwe")
