"""Files: those that the pages name, each under one exact path with the hash of all, and those that browsers and crawlers ask for unasked."""

from collections.abc import Mapping
from pathlib import Path

from idp.parts import Parts
from idp.web.edge import Operation
from idp.web.theme import StaticFile, static_files
from idp.web.wire import Answer, Request

_ROBOTS = b"User-agent: *\nDisallow: /\n"
_DAY = ("Cache-Control", "public, max-age=86400")
_EVER = ("Cache-Control", "public, max-age=31536000, immutable")


def operations(parts: Parts) -> Mapping[str, Mapping[str, Operation]]:  # noqa: ARG001 - the shape of every module here
    """``/static/…``, ``/robots.txt`` (nothing here is for an index) and ``/favicon.ico``."""
    mark = (Path(__file__).parents[1] / "static" / "mark.svg").read_bytes()
    files = {
        "/robots.txt": _fixed(_ROBOTS, "text/plain; charset=utf-8"),
        "/favicon.ico": _fixed(mark, "image/svg+xml"),
    }
    files |= {path: _named_by_content(file) for path, file in static_files().items()}
    return {path: {"GET": operation, "HEAD": operation} for path, operation in files.items()}


def _fixed(body: bytes, media_type: str) -> Operation:
    answer = Answer(200, "static", body, (("Content-Type", media_type), _DAY))

    def serve(_: Request) -> Answer:
        return answer

    return serve


def _named_by_content(file: StaticFile) -> Operation:
    answer = Answer(200, "static", file.body, (("Content-Type", file.content_type), _EVER, ("ETag", file.etag)))

    def serve(_: Request) -> Answer:
        return answer

    return serve
