"""Which claims belong to which scope, and what one grant may be told (OpenID Connect Core §5.1, §5.4, §5.5)."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

SCOPE_CLAIMS: Final[dict[str, tuple[str, ...]]] = {
    "profile": (
        "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "gender",
        "birthdate", "zoneinfo", "locale", "updated_at",
    ),
    "email": ("email", "email_verified"),
    "phone": ("phone_number", "phone_number_verified"),
    "address": ("address",),
}  # fmt: skip
"""§5.4."""

STANDARD: Final = tuple(claim for claims in SCOPE_CLAIMS.values() for claim in claims)
"""Every claim about a person that can be told; §5.1 without ``sub``, which everyone learns."""
ABOUT_THE_SIGN_IN: Final = frozenset({"sub", "acr", "auth_time"})
"""What ``claims`` may ask for besides: no attribute of the person."""


def of_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """The claims that scopes stand for, in the order of §5.1."""
    return tuple(claim for scope, claims in SCOPE_CLAIMS.items() if scope in set(scopes) for claim in claims)


def askable(registered: Iterable[str]) -> frozenset[str]:
    """What the ``claims`` parameter of a client may ask for: claims of the scopes it registered, and about the sign-in. Fail closed."""
    return frozenset(of_scopes(tuple(registered))) | ABOUT_THE_SIGN_IN


def for_userinfo(scope: str, claims: bytes | None) -> tuple[str, ...]:
    """The attributes that UserInfo answers for a grant: of its scopes (§5.4) and asked for there (§5.5). ``scope`` space-separated."""
    asked = _member(claims, "userinfo")
    told = set(of_scopes(scope.split()))
    return tuple(claim for claim in STANDARD if claim in told or claim in asked)


def for_id_token(claims: bytes | None) -> tuple[str, ...]:
    """The attributes that the ID token holds: only those asked for there (§5.4: with an access token, scopes are answered at UserInfo)."""
    asked = _member(claims, "id_token")
    return tuple(claim for claim in STANDARD if claim in asked)


def asks_auth_time(claims: bytes | None) -> bool:
    """Whether ``auth_time`` was asked for in the ID token (§5.5.1)."""
    return "auth_time" in _member(claims, "id_token")


def _member(claims: bytes | None, name: str) -> dict[str, Any]:
    document = msgspec.json.decode(claims) if claims else {}
    found = document.get(name)
    return found if isinstance(found, dict) else {}
