"""Whether an ``id_token_hint`` is an ID token of ours, for both doors that take one (OIDC Core §3.1.2.1; RP-Initiated Logout §2)."""

from typing import Any

from idp.parts import Parts
from keys.errors import TokenInvalid
from keys.jose import unverified_header, verify
from keys.signing import SIGNING_ALGS


def claims(parts: Parts, token: str) -> dict[str, Any] | None:
    """Claims of an ID token that we signed and issued, expired or not; None for anything else, which proves nothing."""
    try:
        found = verify(token, parts.keys.of_hints(), SIGNING_ALGS, "JWT")
    except TokenInvalid:
        return None
    return found if found.get("iss") == parts.config.issuer and "events" not in found else None


def of_a_retired_key(parts: Parts, token: str) -> bool:
    """Whether it names a key that was ours and vouches no more. Nothing is proven by that: it tells which error helps its sender."""
    try:
        kid = unverified_header(token).get("kid")
    except TokenInvalid:
        return False
    return isinstance(kid, str) and parts.keys.retired(kid) and kid not in parts.keys.of_hints().kids()
