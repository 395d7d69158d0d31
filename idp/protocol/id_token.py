"""The claims of an ID token (OpenID Connect Core §2, §3.1.3.6, §12.2)."""

from collections.abc import Mapping
from typing import Any, Final

TYP: Final = "JWT"


def claims(
    *,
    issuer: str,
    subject: str,
    client_id: str,
    now_s: int,
    ttl_s: int,
    acr: str,
    amr: str,
    at_hash: str,
    sid: str,
    nonce: str | None = None,
    auth_time_s: int | None = None,
    released: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Claims in order. ``amr`` space-separated; ``auth_time_s`` only where it was asked for (DESIGN §8).

    ``nonce`` is that of the authorization request at the code's redemption, and None at a refresh (§12.2). ``released``: claims about the person
    that the request asked for in the ID token; they never take the place of a protocol claim.
    """
    answer: dict[str, Any] = dict(released or {})
    answer |= {
        "iss": issuer,
        "sub": subject,
        "aud": client_id,
        "exp": now_s + ttl_s,
        "iat": now_s,
        "acr": acr,
        "amr": amr.split(),
        "at_hash": at_hash,
        "sid": sid,
    }
    if nonce is not None:
        answer["nonce"] = nonce
    if auth_time_s is not None:
        answer["auth_time"] = auth_time_s
    return answer
