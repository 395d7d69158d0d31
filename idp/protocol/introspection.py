"""Introspection (RFC 7662): who may learn what of a token. Anything that is not the caller's own is inactive, and no more is said."""

from collections.abc import Mapping
from typing import Any, Final

from idp.protocol.access_token import AccessToken

TYP: Final = "token-introspection+jwt"
"""RFC 9701 §5; as a media type with ``application/`` before it."""
DEFAULT_ALG: Final = "RS256"
"""RFC 9701 §6: where the client registered none."""
INACTIVE: Final[Mapping[str, Any]] = {"active": False}


def may_see(client_id: str, token_client_id: str, audience: tuple[str, ...] = ()) -> bool:
    """The client that a token was made for, and whom it is for (RFC 7662 §4)."""
    return client_id == token_client_id or client_id in audience


def of_access(token: AccessToken, issuer: str) -> dict[str, Any]:
    """RFC 7662 §2.2 for an access token."""
    return {
        "active": True,
        "scope": " ".join(token.scope),
        "client_id": token.client_id,
        "token_type": "Bearer",
        "exp": token.exp,
        "iat": token.iat,
        "sub": token.sub,
        "aud": token.audience[0] if len(token.audience) == 1 else list(token.audience),
        "iss": issuer,
        "jti": token.jti,
    }


def of_refresh(
    *, client_id: str, scope: str, subject: str, created_at: int, expires_at: int | None, issuer: str
) -> dict[str, Any]:
    """The same for a refresh token, which has no token type (RFC 6749 §5.1). Times in microseconds.

    ``expires_at`` None for a token that ends with its session: that moment is one for every client of the citizen, and tells when they signed
    in (DESIGN §2.4); ``exp`` is optional (RFC 7662 §2.2).
    """
    told = {
        "active": True,
        "scope": scope,
        "client_id": client_id,
        "iat": created_at // 1_000_000,
        "sub": subject,
        "iss": issuer,
    }
    return told if expires_at is None else told | {"exp": expires_at // 1_000_000}


def jwt_claims(answer: Mapping[str, Any], *, issuer: str, client_id: str, now_s: int) -> dict[str, Any]:
    """The same answer as a JWT's claims (RFC 9701 §5): no ``sub`` and no ``exp`` beside it, so that it is never taken for an access token."""
    return {"iss": issuer, "aud": client_id, "iat": now_s, "token_introspection": dict(answer)}
