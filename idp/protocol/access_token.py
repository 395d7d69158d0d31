"""Access tokens as JWTs (RFC 9068): what they say, and what must hold before one is believed."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from idp.errors import Code, Refusal

TYP: Final = "at+jwt"
ALG: Final = "ES256"


class AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    """A verified access token. ``scope`` in order; times in seconds."""

    sub: str
    client_id: str
    audience: tuple[str, ...]
    scope: tuple[str, ...]
    jti: str
    iat: int
    exp: int

    def __repr__(self) -> str:
        return f"AccessToken({self.client_id})"


class _Claims(msgspec.Struct, frozen=True):
    """RFC 9068 §2.2; every one is required."""

    iss: str
    sub: str
    client_id: str
    aud: str | tuple[str, ...]
    jti: str
    iat: int
    exp: int
    scope: str = ""


def claims(
    *, issuer: str, subject: str, client_id: str, scope: str, jti: str, now_s: int, ttl_s: int
) -> dict[str, Any]:
    """The claims of a new token (RFC 9068 §2.2); the audience is the issuer. ``subject``: pairwise, or the client for its own token."""
    return {
        "iss": issuer,
        "sub": subject,
        "aud": issuer,
        "client_id": client_id,
        "scope": scope,
        "iat": now_s,
        "exp": now_s + ttl_s,
        "jti": jti,
    }


def read(payload: Mapping[str, Any], issuer: str) -> AccessToken:
    """The token behind verified claims. Raises Refusal(invalid_token) when it is not ours (RFC 9068 §4). Its times: :func:`check_time`."""
    try:
        found = msgspec.convert(payload, _Claims)
    except msgspec.ValidationError:
        raise invalid("claims") from None
    audience = (found.aud,) if isinstance(found.aud, str) else found.aud
    if found.iss != issuer or not audience:
        raise invalid("issuer")
    return AccessToken(
        sub=found.sub,
        client_id=found.client_id,
        audience=audience,
        scope=tuple(found.scope.split()),
        jti=found.jti,
        iat=found.iat,
        exp=found.exp,
    )


def check_time(token: AccessToken, now_s: int) -> None:
    """Raises Refusal(invalid_token) past ``exp``, and before ``iat`` by more than a minute (clocks of two nodes)."""
    if now_s >= token.exp or token.iat > now_s + 60:
        raise invalid("expired")


def invalid(reason: str) -> Refusal:
    """One text for every cause (RFC 6750 §3.1)."""
    return Refusal(Code.INVALID_TOKEN, "The access token is not valid.", reason=reason)
