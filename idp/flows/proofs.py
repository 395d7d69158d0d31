"""The hidden value that every form outside an authorization carries: made for one session or browser and one action (RFC 9700 §4.7)."""

import hmac

from idp.parts import Parts
from keys.purpose import subkey
from keys.wire import b64url, length_prefixed


def proof(parts: Parts, bound: bytes, action: str) -> str:
    """``bound``: the token hash of the session, or the hash of the browser's cookie where nobody is signed in; ``action``: the form's path."""
    return _proof(parts.ring.current("flow")[1], bound, action)


def holds(parts: Parts, bound: bytes, action: str, shown: str | None) -> bool:
    """Whether ``shown`` was made for just this; constant time; under any usable key version."""
    if not shown:
        return False
    keys = (parts.ring.get("flow", version) for version in parts.ring.versions("flow"))
    return any(
        hmac.compare_digest(_proof(key, bound, action).encode(), shown.encode("utf-8", "replace")) for key in keys
    )


def _proof(key: bytes, bound: bytes, action: str) -> str:
    return b64url(subkey(key, length_prefixed(b"form-proof", bound, action.encode())))
