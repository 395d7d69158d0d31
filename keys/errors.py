"""What can go wrong with a key. No text here ever holds a key, a token, a path's content or a personal value."""


class KeysError(Exception):
    """Base of this package's errors: a plain sentence for the operator."""


class WrongRootKey(KeysError):
    """The root key is not the one that wrapped this value, or its file is damaged, or its permissions are lax."""


class MissingKey(KeysError):
    """A key that is needed is not there: no root key file, no active version, a version that was destroyed."""


class BackendDown(KeysError):
    """The module that holds the keys does not answer: nothing is signed or opened now; trying again may help."""


class SealBroken(KeysError):
    """A sealed value does not open in this place: altered, truncated, moved, or sealed under another key."""


class TokenInvalid(KeysError):
    """A JWS or JWE does not pass. ``reason`` is a short stable word for metrics and the protected log, never for the wire."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
