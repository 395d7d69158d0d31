"""Scope (RFC 6749 §3.3, OpenID Connect Core §3.1.2.1 and §11)."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from clients.model import Client
from idp.errors import Code, Refusal

MAX_SCOPES: Final = 100
MAX_CHARS: Final = 4096
MAX_ITEMS: Final = 20
"""So many service items in one request: each is looked up."""
OFFLINE: Final = "offline_access"
STANDARD: Final = ("openid", "profile", "email", "phone", "address", OFFLINE)
SERVICE: Final = "service:"
"""Ours: ``service:<code>`` asks for the service item ``<code>``. It is bound by the catalogue instead of the client's registration."""
_TOKEN: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")


@lru_cache(maxsize=1024)
def split(text: str) -> tuple[str, ...]:
    """The scope values, each once, in order. Raises Refusal: over 100 or over 4 kB, or a character that no scope may hold."""
    if len(text) > MAX_CHARS or text.count(" ") >= MAX_SCOPES:
        raise Refusal(Code.INVALID_REQUEST, "The scope parameter is too long.", reason="scope_too_long")
    values = tuple(dict.fromkeys(text.split(" ")))
    if not all(_TOKEN.fullmatch(value) for value in values):
        raise Refusal(Code.INVALID_SCOPE, "The scope parameter is malformed.", reason="scope_malformed")
    return values


def granted(asked: tuple[str, ...], client: Client) -> tuple[str, ...]:
    """What an authorization request may be granted of ``asked``.

    A scope that neither we nor the client's registration know is ignored (OIDC Core §3.1.2.1); ``offline_access`` of a client that can't use
    it too (§11); a standard scope beyond the registration is refused. Raises Refusal(invalid_scope).
    """
    return _granted(asked, client.scope, client.allows_grant("refresh_token"))


@lru_cache(maxsize=1024)
def _granted(asked: tuple[str, ...], registered: tuple[str, ...], refreshes: bool) -> tuple[str, ...]:
    kept = tuple(value for value in asked if _understood(value, registered, refreshes))
    if len(service_items(kept)) > MAX_ITEMS:
        raise Refusal(Code.INVALID_SCOPE, f"At most {MAX_ITEMS} service items.", reason="items_many")
    beyond = [value for value in kept if value not in registered and not value.startswith(SERVICE)]
    if beyond:
        raise Refusal(
            Code.INVALID_SCOPE,
            f"The scope {beyond[0]} is not registered for this client.",
            reason="scope_not_registered",
        )
    return kept


def _understood(value: str, registered: tuple[str, ...], refreshes: bool) -> bool:
    if value == OFFLINE:
        return OFFLINE in registered and refreshes
    return value in STANDARD or value in registered or value.startswith(SERVICE)


def service_items(scope: Iterable[str]) -> tuple[str, ...]:
    """The codes of the service items that scopes ask for."""
    return tuple(value.removeprefix(SERVICE) for value in scope if value.startswith(SERVICE))
