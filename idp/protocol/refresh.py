"""The law of refresh tokens (RFC 6749 §6, RFC 9700 §4.14, OIDC Core §11 and §12)."""

from dataclasses import dataclass
from typing import Protocol

from clients.model import Client
from idp.errors import Code, Refusal
from idp.protocol.scopes import OFFLINE, split
from idp.protocol.token import Dead, Good, Misused, Replayed, Verdict


class RefreshToken(Protocol):
    """What of a refresh token's row decides."""

    @property
    def state(self) -> str: ...
    @property
    def expires_at(self) -> int: ...


class Family(Protocol):
    """What of its grant decides."""

    @property
    def client_id(self) -> str: ...
    @property
    def ended_at(self) -> int | None: ...
    @property
    def expires_at(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Lives:
    """Expiries of a family in microseconds: ``family_at`` absolute, ``token_at`` for the token at hand if it is not used."""

    family_at: int
    token_at: int


def rotates(client: Client) -> bool:
    """Every use makes a new token, unless the client proves a key of its own at each use (RFC 9700 §2.2.2: sender-constrained)."""
    return client.token_endpoint_auth_method != "private_key_jwt"


def given(client: Client) -> bool:
    """Whether a code gives a refresh token: the client registered the grant type. Its life follows :data:`OFFLINE` in the grant."""
    return client.allows_grant("refresh_token")


def lives(now: int, family_at: int, idle_s: int) -> Lives:
    """``family_at``: absolute end of the family; an unused token ends ``idle_s`` seconds after ``now`` (microseconds)."""
    return Lives(family_at, min(family_at, now + idle_s * 1_000_000))


def judge(
    token: RefreshToken, family: Family, client_id: str, now: int, *, account_active: bool, session_alive: bool
) -> Verdict:
    """``session_alive``: True for a family that outlives its session (``offline_access``). ``now`` microseconds."""
    if family.client_id != client_id:
        return Misused("wrong_client")
    if token.state != "active":
        return Replayed()
    if family.ended_at is not None:
        return Dead("grant_ended")
    if now >= token.expires_at or now >= family.expires_at:
        return Dead("refresh_expired")
    if not account_active:
        return Dead("account_inactive")
    return Good() if session_alive else Dead("session_ended")


def narrowed(granted: str, asked: str | None) -> str:
    """The scope of the new access token: what was granted, or less if less is asked. Raises Refusal(invalid_scope) for more (RFC 6749 §6)."""
    if asked is None:
        return granted
    known, wanted = granted.split(), split(asked)
    if not set(wanted) <= set(known):
        raise Refusal(Code.INVALID_SCOPE, "The scope is wider than what was granted.", reason="scope_wider")
    return " ".join(value for value in known if value in wanted)


__all__ = ["OFFLINE", "Family", "Lives", "RefreshToken", "given", "judge", "lives", "narrowed", "rotates"]
