"""The one error type of this package, with the wire codes it may carry."""

from enum import StrEnum


class ClientErrorCode(StrEnum):
    """Wire codes, equal by value to those of the provider; each names the document that registers it."""

    INVALID_REQUEST = "invalid_request"  # RFC 6749 §5.2
    INVALID_CLIENT = "invalid_client"  # RFC 6749 §5.2
    INVALID_REDIRECT_URI = "invalid_redirect_uri"  # RFC 7591 §3.2.2
    INVALID_CLIENT_METADATA = "invalid_client_metadata"  # RFC 7591 §3.2.2
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"  # RFC 6749 §4.1.2.1


def plain(text: str) -> str:
    """``text`` within the characters that ``error_description`` may hold: no quote, backslash, control or non-ASCII (RFC 6749 §5.2)."""
    return "".join(char if " " <= char <= "~" and char not in '"\\' else "?" for char in text)


class ClientError(Exception):
    """A rule's no.

    ``code`` travels on the wire; ``public`` is one plain sentence for whoever asked; ``reason`` a short stable word for tests and
    metrics; ``private`` the detail for the protected log, still without secrets; ``received`` the member at fault as it came, and ``expected``
    what would have been right: for the client's own list, once the first is made fit to be shown.
    """

    def __init__(
        self,
        code: ClientErrorCode,
        public: str,
        reason: str = "",
        private: str = "",
        received: object = None,
        expected: str = "",
    ) -> None:
        super().__init__(code.value)
        self.code = code
        self.public = plain(public)
        self.reason = reason or code.value
        self.private = private
        self.received = received
        self.expected = expected

    def __repr__(self) -> str:
        return f"ClientError({self.code.value}, {self.reason})"


def bad_metadata(public: str, reason: str) -> ClientError:
    """``invalid_client_metadata`` (RFC 7591 §3.2.2)."""
    return ClientError(ClientErrorCode.INVALID_CLIENT_METADATA, public, reason)
