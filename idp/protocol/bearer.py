"""Where a bearer token stands in a request (RFC 6750 §2), and how a refusal is announced (§3)."""

import re
from collections.abc import Mapping
from typing import Final

from idp.errors import Code, Refusal

_B64TOKEN: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
REALM: Final = "yimen"


def from_header(authorization: str | None) -> str | None:
    """The token of ``Authorization: Bearer``, scheme in any case (RFC 9110 §11.1); None without the header.

    Raises Refusal(invalid_token) for another scheme, invalid_request for no token behind it.
    """
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Refusal(Code.INVALID_TOKEN, "The Authorization header must carry a bearer token.", reason="scheme")
    token = token.strip(" ")
    if not _B64TOKEN.fullmatch(token):
        raise Refusal(Code.INVALID_REQUEST, "The bearer token is malformed.", reason="bearer_syntax")
    return token


def one_token(authorization: str | None, in_body: str | None, *, in_query: bool) -> str:
    """The one token of a request (RFC 6750 §2: not more than one method; never the query, RFC 9700 §4.3.2).

    Raises Refusal: ``invalid_request`` for two places or the query, ``invalid_token`` with reason ``no_token`` for none.
    """
    if in_query:
        raise Refusal(Code.INVALID_REQUEST, "An access token must not be sent in the query.", reason="token_in_query")
    in_header = from_header(authorization)
    if in_header is not None and in_body is not None:
        raise Refusal(Code.INVALID_REQUEST, "Send the access token in one place.", reason="two_tokens")
    token = in_header or in_body
    if token is None:
        raise Refusal(Code.INVALID_TOKEN, "An access token is needed.", reason="no_token")
    return token


STATUS: Final[Mapping[Code, int]] = {
    Code.INVALID_REQUEST: 400,
    Code.INVALID_TOKEN: 401,
    Code.INSUFFICIENT_SCOPE: 403,
}
"""RFC 6750 §3.1."""


def challenge(refusal: Refusal, scope: str | None = None, *, sent: bool = True) -> str:
    """The WWW-Authenticate header. A request without any token (``sent`` false) is told the scheme alone (§3.1)."""
    if refusal.reason == "no_token" or not sent:
        return f'Bearer realm="{REALM}"'
    text = f'Bearer realm="{REALM}", error="{refusal.code.value}", error_description="{refusal.public}"'
    return f'{text}, scope="{scope}"' if scope and refusal.code is Code.INSUFFICIENT_SCOPE else text
