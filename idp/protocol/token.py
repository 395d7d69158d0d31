"""The token endpoint's law: what a request asks, and whether a code may become tokens (RFC 6749 §4.1.3, §4.4, §5; RFC 7636 §4.6)."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Final, Protocol

from clients.model import Client
from idp.errors import Code, Refusal
from idp.protocol.params import Params
from idp.protocol.scopes import split

GRANT_TYPES: Final = ("authorization_code", "refresh_token", "client_credentials")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
"""RFC 7636 §4.1."""


SKEW_US: Final = 60_000_000
"""How far the clocks of two nodes may lie apart."""


class CodeGrant(Protocol):
    """What of a grant decides over its code; times in microseconds."""

    @property
    def client_id(self) -> str: ...
    @property
    def redirect_uri(self) -> str: ...
    @property
    def code_challenge(self) -> str | None: ...
    @property
    def state(self) -> str: ...
    @property
    def created_at(self) -> int: ...
    @property
    def code_expires_at(self) -> int: ...
    @property
    def ended_at(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """RFC 6749 §4.1.3."""

    code: str
    redirect_uri: str | None
    verifier: str | None

    def __repr__(self) -> str:
        return "CodeRequest(…)"


@dataclass(frozen=True, slots=True)
class Good:
    """The code may be used up."""


@dataclass(frozen=True, slots=True)
class Misused:
    """Not by its owner, or not with its owner's proof: the code stays good for the owner. ``reason`` a stable word."""

    reason: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """Its owner's proof for a code that is spent: the family ends (RFC 6749 §4.1.2)."""


@dataclass(frozen=True, slots=True)
class Dead:
    """The owner's, and no longer good. ``reason`` a stable word."""

    reason: str


Verdict = Good | Misused | Replayed | Dead


def check_grant_type(grant_type: str, client: Client) -> None:
    """Raises Refusal: ``unsupported_grant_type`` for what we do not do, ``unauthorized_client`` for what it did not register (§5.2)."""
    if grant_type not in GRANT_TYPES:
        raise Refusal(Code.UNSUPPORTED_GRANT_TYPE, "This grant type is not supported.", reason="grant_type")
    if not client.allows_grant(grant_type):
        raise Refusal(
            Code.UNAUTHORIZED_CLIENT,
            f"The client is not registered for {grant_type}.",
            reason="grant_type_unregistered",
        )


def check_details(form: Params) -> None:
    """RFC 9396 §6: a token request may narrow what was granted; we do not offer it, and never give more than was asked for unsaid."""
    if "authorization_details" in form:
        raise Refusal(
            Code.INVALID_AUTHORIZATION_DETAILS,
            "authorization_details can be sent to the authorization endpoint and PAR only.",
            reason="details_at_token",
        )


def read_code(form: Params) -> CodeRequest:
    """Raises Refusal(invalid_request) for a missing code or a verifier that is none (RFC 7636 §4.1)."""
    code = form.required("code")
    verifier = form.one("code_verifier")
    if verifier is not None and not _VERIFIER.fullmatch(verifier):
        raise Refusal(Code.INVALID_REQUEST, "code_verifier is malformed.", reason="verifier_malformed")
    return CodeRequest(code, form.one("redirect_uri"), verifier)


def judge_code(
    grant: CodeGrant, client_id: str, asked: CodeRequest, now: int, *, account_active: bool, session_alive: bool
) -> Verdict:
    """Whose code, with what proof; then whether it is spent; then whether all that it rests on still stands. ``now`` microseconds."""
    reason = _proof(grant, client_id, asked)
    if reason:
        return Misused(reason)
    if grant.state != "issued":
        return Replayed()
    if grant.ended_at is not None:
        return Dead("grant_ended")
    if not grant.created_at - SKEW_US <= now < grant.code_expires_at:  # a clock set back makes no code live longer
        return Dead("code_expired")
    if not account_active:
        return Dead("account_inactive")
    return Good() if session_alive else Dead("session_ended")


def _proof(grant: CodeGrant, client_id: str, asked: CodeRequest) -> str:
    """Empty when owner, redirect URI (RFC 6749 §4.1.3) and verifier (RFC 7636 §4.6, RFC 9700 §4.8.2) are those of the request."""
    if grant.client_id != client_id:
        return "wrong_client"
    if asked.redirect_uri != grant.redirect_uri:
        return "wrong_redirect_uri"
    if grant.code_challenge is None:
        return "verifier_unexpected" if asked.verifier is not None else ""
    if asked.verifier is None:
        return "verifier_missing"
    return "" if _matches(asked.verifier, grant.code_challenge) else "wrong_verifier"


def _matches(verifier: str, challenge: str) -> bool:
    digest = urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=")
    return hmac.compare_digest(digest, challenge.encode())


def client_scope(form: Params, client: Client) -> str:
    """The scope of a client's own token (RFC 6749 §3.3): what it asks within its registration, else its default, else all that it
    is registered for; the answer says which.

    Raises Refusal(invalid_scope) beyond the registration, and where nothing is registered.
    """
    text = form.one("scope")
    asked = split(text) if text is not None else client.default_scope or client.scope
    if not asked:
        raise Refusal(
            Code.INVALID_SCOPE, "scope is missing and the client is registered for none.", reason="scope_missing"
        )
    beyond = [value for value in asked if value not in client.scope]
    if beyond:
        raise Refusal(
            Code.INVALID_SCOPE,
            f"The scope {beyond[0]} is not registered for this client.",
            reason="scope_not_registered",
        )
    return " ".join(asked)


def invalid_grant(reason: str) -> Refusal:
    """One text for every cause: who holds a wrong code learns nothing of the right one (RFC 6749 §5.2)."""
    return Refusal(
        Code.INVALID_GRANT, "The code or token is unknown, spent, expired or not for this client.", reason=reason
    )


def answer(
    access_token: str, ttl_s: int, scope: str, refresh_token: str | None = None, id_token: str | None = None
) -> dict[str, object]:
    """The successful answer (RFC 6749 §5.1, OIDC Core §3.1.3.3)."""
    document: dict[str, object] = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": ttl_s,
        "scope": scope,
    }
    if refresh_token is not None:
        document["refresh_token"] = refresh_token
    if id_token is not None:
        document["id_token"] = id_token
    return document
