"""A tiny server that shows every page with sample values under the real security policy: for the browser tests and for looking.

``python -m tests.web.face_preview 8099`` serves an index at ``/``.
"""

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from flask import Flask, Response, abort, request
from werkzeug.serving import WSGIRequestHandler, make_server

from idp.web.theme import LANGUAGES, install, render, static_file
from tests.web.face_samples import PAGES, QR, sample

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'"
)
"""At least as strict as ``idp.web.wire.page_policy``: no page script ever writes markup, so Trusted Types may be required."""


class Quiet(WSGIRequestHandler):
    """Serves without a line per request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def make_preview() -> Flask:
    app = Flask("preview", static_folder=None)
    install(app)

    @app.get("/static/<path:_rest>")
    def static(_rest: str) -> Response:
        found = static_file(request.path)
        if found is None:
            abort(404)
        kept = {"ETag": found.etag, "Cache-Control": "public, max-age=3600"}
        return Response(found.body, content_type=found.content_type, headers=kept)

    @app.get("/qr.svg")
    def qr() -> Response:
        return Response(QR, content_type="image/svg+xml")

    @app.route("/", methods=["GET"])
    def index() -> str:
        return "".join(
            f'<a href="/page/{page}/{lang}/{state}">{page} {lang} {state}</a><br>'
            for page in PAGES
            for lang in LANGUAGES
            for state in PAGES[page]
        )

    @app.route("/page/<page>/<language>/<state>", methods=["GET", "POST"])
    def page(page: str, language: str, state: str) -> Response:
        body = render(f"{page}.html", language, **sample(page, state, language))
        return Response(body, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": POLICY})

    @app.post("/done")
    def done() -> Response:
        pairs = sorted((name, value) for name, values in request.form.lists() for value in values)
        return Response(
            "\n".join(f"{name}={value!r}" for name, value in pairs), content_type="text/plain; charset=utf-8"
        )

    return app


@cache
def preview() -> Flask:
    """One app for all, so that each template is compiled once."""
    return make_preview()


@contextmanager
def serving() -> Iterator[str]:
    """The preview on an ephemeral port; yields its origin."""
    server = make_server("127.0.0.1", 0, preview(), threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def every_page() -> Iterable[tuple[str, str, str]]:
    """(page, language, state) of every sample."""
    return [(page, language, state) for page in PAGES for language in LANGUAGES for state in PAGES[page]]


def html(page: str, language: str, state: str, **changes: Any) -> str:
    """One page rendered without a server."""
    app = preview()
    with app.test_request_context("/"):
        return render(f"{page}.html", language, **{**sample(page, state, language), **changes})


if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), make_preview(), threaded=True).serve_forever()
