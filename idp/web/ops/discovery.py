"""GET /.well-known/openid-configuration, /.well-known/oauth-authorization-server and /jwks: ready bytes, whatever the request says."""

from collections.abc import Callable, Mapping

from idp.flows.discovery import Discovery, Jwks, Published
from idp.parts import Parts
from idp.web.edge import Operation
from idp.web.wire import Answer, Request

DISCOVERY_MAX_AGE_S = 3600
PATHS = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")


def operations(parts: Parts) -> Mapping[str, Mapping[str, Operation]]:
    """The operations by path and method. Raises ValueError when the document contradicts its specifications."""
    document, jwks = Discovery(parts), Jwks(parts)
    about = _public(document.now, "application/json", DISCOVERY_MAX_AGE_S)
    keys = _public(jwks.now, "application/jwk-set+json", parts.config.jwks_max_age)
    return {path: {"GET": about, "HEAD": about} for path in PATHS} | {"/jwks": {"GET": keys, "HEAD": keys}}


def _public(get: Callable[[], Published], media_type: str, max_age_s: int) -> Operation:
    caching = ("Cache-Control", f"public, max-age={max_age_s}")

    def answer(request: Request) -> Answer:
        found = get()
        headers = (("Content-Type", media_type), caching, ("ETag", found.etag))
        wanted = request.header("If-None-Match")
        if wanted is not None and _names(wanted, found.etag):
            return Answer(304, "public", b"", headers[1:])
        return Answer(200, "public", found.body, headers)

    return answer


def _names(header: str, etag: str) -> bool:
    """RFC 9110 §13.1.2: any of the tags, compared weakly, or ``*``."""
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return etag in tags or tags == ["*"]
