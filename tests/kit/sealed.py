"""A client's own encryption keys, and opening what was encrypted to them with a library that is not ours (joserfc)."""

from typing import Any

import msgspec
from joserfc import jwe
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from idp.parts import Parts
from keys.jose import verify
from tests.kit.house import header_of

EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "enc"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "enc"})
X25519 = OKPKey.generate_key("X25519", {"kid": "x", "use": "enc"})
KEYS: dict[str, Key] = {"ECDH-ES+A256KW": EC, "RSA-OAEP-256": RSA, "ECDH-ES": X25519}
ALGS = [*KEYS, "A256GCM", "A128CBC-HS256"]


def public(*keys: Key, **members: Any) -> dict[str, Any]:
    """A JWK Set of their public parts, each with ``members``."""
    return {"keys": [{**key.as_dict(private=False), **members} for key in keys]}


def encrypting(alg: str, *answers: str, enc: str | None = "A256GCM") -> dict[str, Any]:
    """Client metadata that asks for ``answers`` (``id_token``…) to be encrypted with ``alg`` to its key of :data:`KEYS`."""
    metadata: dict[str, Any] = {"jwks": public(KEYS[alg])}
    for answer in answers:
        metadata[f"{answer}_encrypted_response_alg"] = alg
        if enc is not None:
            metadata[f"{answer}_encrypted_response_enc"] = enc
    return metadata


def opened(token: str, key: Key) -> bytes:
    """The content of a compact JWE."""
    registry = jwe.JWERegistry(algorithms=ALGS, strict_check_header=False)  # RFC 7516 §4: unknown members are ignored
    plain = jwe.decrypt_compact(token, key, registry=registry).plaintext
    assert plain is not None
    return plain


def nested(parts: Parts, token: str, key: Key, alg: str = "ES256", typ: str = "JWT") -> dict[str, Any]:
    """The claims of a token that was signed by the house, then encrypted to ``key`` (RFC 7519 §5.2)."""
    header = header_of(token)
    assert header["cty"] == "JWT" and header["kid"] == key.kid and "zip" not in header
    return verify(opened(token, key).decode(), parts.keys.verifying(), (alg,), typ)


def document(token: str, key: Key) -> dict[str, Any]:
    """The JSON of an answer that was encrypted and not signed."""
    return dict(msgspec.json.decode(opened(token, key)))
