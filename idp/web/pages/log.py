"""GET /log/tile/…: hashes and entries of the audit log's tree (C2SP tlog-tiles). Entries are salted hashes: nobody finds anything in them."""

from flask import Blueprint, Response

from idp.audit.tiles import parse
from idp.flows.log_reading import published
from idp.parts import Parts

_EVER = "public, max-age=31536000, immutable"


def blueprint(parts: Parts) -> Blueprint:
    """The one route; each tile has one spelling, anything else is not found."""
    pages = Blueprint("log", __name__)

    @pages.get("/log/tile/<path:rest>")
    def tile(rest: str) -> Response:
        asked = parse(f"tile/{rest}")
        found = published(parts, asked) if asked is not None else None
        if found is None:
            response = Response("The log has no such tile.\n", 404, content_type="text/plain; charset=utf-8")
            response.headers["X-Yimen-Class"] = "text"
            return response
        response = Response(found, content_type="application/octet-stream")
        response.headers["X-Yimen-Class"] = "public"
        response.headers["Cache-Control"] = _EVER
        return response

    return pages
