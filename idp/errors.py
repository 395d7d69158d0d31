"""The one refusal type and the closed set of codes that the house speaks.

Inside, a rule that says no raises or returns a :class:`Refusal`. ``public`` may be shown to whoever asked; ``private`` goes to the
protected log only and still holds no secret, token or personal value. Where a refusal travels (page, redirect, JSON) is decided by the
stage it was made in (``idp.protocol.respond``), never by the rule that made it.
"""

import re
from enum import StrEnum
from typing import Final


class Code(StrEnum):
    """Wire error codes, each with the document that registers it."""

    # RFC 6749 §4.1.2.1, §5.2
    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    INVALID_SCOPE = "invalid_scope"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    UNSUPPORTED_RESPONSE_TYPE = "unsupported_response_type"
    ACCESS_DENIED = "access_denied"
    SERVER_ERROR = "server_error"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    # OpenID Connect Core §3.1.2.6; Prompt Create 1.0; Unmet Authentication Requirements 1.0
    INTERACTION_REQUIRED = "interaction_required"
    LOGIN_REQUIRED = "login_required"
    ACCOUNT_SELECTION_REQUIRED = "account_selection_required"
    CONSENT_REQUIRED = "consent_required"
    UNMET_AUTHENTICATION_REQUIREMENTS = "unmet_authentication_requirements"
    REQUEST_NOT_SUPPORTED = "request_not_supported"
    REQUEST_URI_NOT_SUPPORTED = "request_uri_not_supported"
    REGISTRATION_NOT_SUPPORTED = "registration_not_supported"
    # RFC 9101 §7
    INVALID_REQUEST_URI = "invalid_request_uri"
    INVALID_REQUEST_OBJECT = "invalid_request_object"
    # RFC 6750 §3.1
    INVALID_TOKEN = "invalid_token"
    INSUFFICIENT_SCOPE = "insufficient_scope"
    # RFC 7009 §2.2.1
    UNSUPPORTED_TOKEN_TYPE = "unsupported_token_type"
    # RFC 7591 §3.2.2
    INVALID_REDIRECT_URI = "invalid_redirect_uri"
    INVALID_CLIENT_METADATA = "invalid_client_metadata"
    # RFC 9396 §5
    INVALID_AUTHORIZATION_DETAILS = "invalid_authorization_details"
    # RFC 8707 §2
    INVALID_TARGET = "invalid_target"


_OF_A_MACHINE: Final = re.compile(r"(?!\d{7,}$)[A-Za-z0-9._~:/+-]{1,200}")

_NO_TIME: Final = 2**33
"""Seconds in the year 2242; telephone numbers of people lie beyond."""


def shown(value: object) -> str:
    """What a client's own list may hold of a value that came with a request: identifiers, addresses and times as they are, of anything else
    only its form, since a mistaken app may have put a person's data there."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value if _OF_A_MACHINE.fullmatch(value) else f"(a text of {len(value)} characters)"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value) if abs(value) < _NO_TIME else "(a number too large for seconds)"
    if isinstance(value, list | tuple):
        return " ".join(shown(member) for member in value[:5] if member is not None)
    return f"(a {'truth value' if isinstance(value, bool) else 'JSON object'})"


class Refusal(Exception):
    """A rule's no. Raised inside, turned into an answer at the border.

    ``code`` is the wire code; ``public`` one plain English sentence without quotes or backslashes (RFC 6749 §5.2 character set);
    ``private`` the reason for the protected log; ``received`` and ``expected`` stand side by side in the client's own list, the first as
    :func:`shown`; ``reason`` a short stable word that tests and metrics may count (``pkce_missing``);
    ``retry_after_s`` when the caller should come back.
    """

    def __init__(
        self,
        code: Code,
        public: str,
        *,
        reason: str = "",
        private: str = "",
        received: object = None,
        expected: str = "",
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(code.value)
        self.code = code
        self.public = public
        self.reason = reason or code.value
        self.private = private
        self.received = shown(received)
        self.expected = expected
        self.retry_after_s = retry_after_s

    def __repr__(self) -> str:
        return f"Refusal({self.code.value}, {self.reason})"


class Unavailable(Exception):
    """A part that the answer depends on cannot be reached: answer 503 with Retry-After, release nothing."""

    def __init__(self, part: str, retry_after_s: int = 2) -> None:
        super().__init__(part)
        self.part = part
        self.retry_after_s = retry_after_s

    def advice(self) -> str:
        """One line for an operator: what is wrong and what to do."""
        return f"{self.part} can't be reached; is it running, and is its URL right? See `idp doctor`."
