"""Revocation (RFC 7009): what a client may end, and where to look first."""

from typing import Final, Literal

Kind = Literal["refresh_token", "access_token"]
ORDER: Final[tuple[Kind, Kind]] = ("refresh_token", "access_token")


def look_up_order(hint: str | None) -> tuple[Kind, ...]:
    """§2.1: the hint says where to look first; a wrong or unknown hint never hides a token."""
    return ("access_token", "refresh_token") if hint == "access_token" else ORDER


def may_end(client_id: str, token_client_id: str) -> bool:
    """§2.1: a token is ended by the client that it was issued to."""
    return client_id == token_client_id
