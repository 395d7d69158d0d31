"""Userinfo that was encrypted to this app: open with the own key, then check who signed it (OpenID Connect Core §5.3.2, §10)."""

from typing import Any

from joserfc import jwe, jwt
from joserfc.jwk import ECKey, KeySet

ALG, ENC, SIGNED = "ECDH-ES+A256KW", "A256GCM", "ES256"


def opened(raw: str, key: ECKey, keys: KeySet, *, issuer: str, client_id: str) -> dict[str, Any]:
    """The claims of a nested JWT. ``raw`` as it came; ``keys`` the provider's. Raises JoseError for anything altered or meant for others."""
    inner = jwe.decrypt_compact(raw, key, algorithms=[ALG, ENC]).plaintext
    claims = dict(jwt.decode((inner or b"").decode("ascii"), keys, algorithms=[SIGNED]).claims)
    jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": issuer}, aud={"essential": True, "value": client_id}
    ).validate(claims)
    return claims
