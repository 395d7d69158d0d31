"""PKCE at the authorization endpoint (RFC 7636 §4.3, RFC 9700 §2.1.1): S256 or nothing."""

import re
from typing import Final

from clients.model import Client
from idp.errors import Code, Refusal

METHODS: Final = ("S256",)
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""Base64url of a SHA-256, without padding."""


def read_challenge(challenge: str | None, method: str | None, client: Client) -> str | None:
    """The challenge, None where the client need not send one. Raises Refusal(invalid_request) (RFC 7636 §4.4.1)."""
    if challenge is None:
        _may_be_absent(method, client)
        return None
    if method not in METHODS:  # absent means plain (§4.3), which shows the verifier to whoever sees the request
        raise Refusal(Code.INVALID_REQUEST, "code_challenge_method must be S256.", reason="pkce_method")
    if not _CHALLENGE.fullmatch(challenge):
        raise Refusal(Code.INVALID_REQUEST, "code_challenge is not an S256 challenge.", reason="pkce_malformed")
    return challenge


def _may_be_absent(method: str | None, client: Client) -> None:
    if method is not None:
        raise Refusal(Code.INVALID_REQUEST, "code_challenge is missing.", reason="pkce_missing")
    if client.require_pkce or client.public:
        raise Refusal(
            Code.INVALID_REQUEST, "code_challenge is missing: this client must use PKCE.", reason="pkce_missing"
        )
