"""Cross-origin reading: everyone may read discovery and keys; token, userinfo and revocation answer the origins of registered clients.

Never with credentials, never on authorize, registration, introspection, PAR or a page (RFC 9700 §2.6). A browser origin is no proof of
anything: what it may do, its token says.
"""

from collections.abc import Callable
from typing import Final

from idp.caches import Cache
from idp.parts import Parts
from idp.records import ClientOrigin
from idp.web.ops.discovery import PATHS
from idp.web.wire import Request

Headers = list[tuple[str, str]]
ANYONE: Final = frozenset({*PATHS, "/jwks"})
REGISTERED: Final = frozenset({"/token", "/userinfo", "/revoke"})
_PREFLIGHT_AGE: Final = ("Access-Control-Max-Age", "600")
_ALLOWED: Final = ("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP")
_EXPOSED: Final = ("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After")
_VARY: Final = ("Vary", "Origin")
MAX_ORIGIN_CHARS: Final = 300


def cors_headers(parts: Parts) -> Callable[[Request, str], Headers]:
    """The headers that an answer gets besides its own; the second argument is what ``Allow`` says of the path."""
    origins: Cache[str, bool] = Cache(parts.generations, "client", lambda origin: _registered(parts, origin) or None)

    def headers(request: Request, methods: str) -> Headers:
        path = request.path
        if path in ANYONE:
            return [("Access-Control-Allow-Origin", "*"), *_preflight(request, methods)]
        if path not in REGISTERED:
            return []
        origin = request.header("Origin")
        if origin is None or len(origin) > MAX_ORIGIN_CHARS or not origins.get(origin):
            return [_VARY]
        return [("Access-Control-Allow-Origin", origin), _VARY, _EXPOSED, *_preflight(request, methods)]

    return headers


def _preflight(request: Request, methods: str) -> Headers:
    if request.method != "OPTIONS":
        return []
    return [("Access-Control-Allow-Methods", methods), _ALLOWED, _PREFLIGHT_AGE]


def _registered(parts: Parts, origin: str) -> bool:
    """Whether a client that is not disabled has a redirect URI of exactly this origin."""
    rows = parts.store.find(ClientOrigin, {"origin": origin}, limit=100)
    clients = (parts.clients.get(row.client_id) for row in rows)
    return any(client is not None and client.active for client in clients)
