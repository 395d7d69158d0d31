"""The pages as one Flask application: blueprints, languages, what every POST must prove, and one place for what goes wrong."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from types import ModuleType
from typing import Any
from urllib.parse import quote, urlsplit

from flask import Blueprint, Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed

from idp.errors import Code, Refusal, Unavailable
from idp.flows.interactions import Lost
from idp.parts import Parts
from idp.web.access import Access
from idp.web.edge import TROUBLE
from idp.web.pages import (
    account,
    approvals,
    consent,
    console,
    contacts,
    cookies,
    data,
    directory,
    dispatch,
    enrol,
    framework,
    history,
    home,
    log,
    logout,
    outbox,
    receipts,
    recovery,
    recovery_codes,
    rights,
    security,
    sign_in,
    sign_up,
    staff,
    step_up,
)
from idp.web.pages.common import current, later_page, problem_page
from idp.web.theme import install
from idp.web.wire import Trouble

Renderer = Callable[[Any], Response]
WSGI = Callable[..., Iterable[bytes]]

JOURNEYS: tuple[ModuleType, ...] = (
    home,
    cookies,
    dispatch,
    consent,
    sign_in,
    sign_up,
    recovery,
    step_up,
    enrol,
    recovery_codes,
    account,
    security,
    contacts,
    history,
    receipts,
    data,
    rights,
    staff,
    directory,
    framework,
    approvals,
    logout,
    outbox,
    log,
    console,
)
"""Each has ``blueprint(parts)``; where outcomes of protocol operations need a page, ``renderers(parts)`` too."""

PROBLEM_OF_STATUS = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "method",
    413: "too_large",
    429: "too_many",
    503: "unavailable",
}


def create_pages(parts: Parts, access: Access) -> WSGI:
    """The WSGI application of every page; the edge calls it with its request in ``environ``."""
    app = Flask("idp.web", static_folder=None, template_folder=None)
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = True
    install(app)
    renderers: dict[type, Renderer] = {Trouble: _trouble}
    for module in JOURNEYS:
        app.register_blueprint(module.blueprint(parts))
        renderers |= getattr(module, "renderers", lambda _: {})(parts)
    app.register_blueprint(_rendering(renderers))
    app.before_request(_refuse_foreign_post)
    _handle_errors(app, access)
    inner = app.wsgi_app

    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["yimen.parts"] = parts
        return inner(environ, start_response)

    return serve


def _rendering(renderers: dict[type, Renderer]) -> Blueprint:
    """Where the edge hands over an outcome that needs a page; from outside this path is unknown."""
    pages = Blueprint("render", __name__)

    @pages.get("/_render")
    def render_outcome() -> Response:
        outcome = request.environ["yimen.outcome"]
        return renderers[type(outcome)](outcome)

    return pages


def _refuse_foreign_post() -> Response | None:
    """Every change comes from a page of ours (RFC 9700 §4.7): the browser's own word on it, beside the proof in the form.

    ``Sec-Fetch-Site`` decides where it is sent. Older browsers send ``Origin``, which our referrer policy turns into ``null`` for our own forms.
    """
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return None
    seen = current()
    site, origin = seen.header("Sec-Fetch-Site"), seen.header("Origin")
    same = site in ("same-origin", "none") if site is not None else origin in (None, "null", _own_origin())
    return (
        None
        if same
        else problem_page("bad_request", 403, code="forbidden", detail="The form was not sent from our own page.")
    )


def _own_origin() -> str:
    parts: Parts = request.environ["yimen.parts"]
    url = urlsplit(parts.config.issuer)
    return f"{url.scheme}://{url.netloc}"


def _handle_errors(app: Flask, access: Access) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.log_exception = _say_nothing  # type: ignore[method-assign, assignment]
    app.register_error_handler(Lost, _lost)
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _http)

    def unavailable(error: Unavailable) -> Response:
        request.environ[TROUBLE] = f"unavailable: {error.part}"
        return _trouble(Trouble("unavailable", 503, Code.TEMPORARILY_UNAVAILABLE.value, error.retry_after_s))

    def crashed(error: InternalServerError) -> Response:
        access.crash(current().reference, error.original_exception or error)
        return _trouble(Trouble("server", 500, Code.SERVER_ERROR.value))

    app.register_error_handler(Unavailable, unavailable)
    app.register_error_handler(InternalServerError, crashed)


def _trouble(trouble: Trouble) -> Response:
    """Something of ours failed: a page that reads no store, since the store may be what failed."""
    return problem_page(
        trouble.problem, trouble.status, code=trouble.code, retry_after_s=trouble.retry_after_s, service=None
    )


def _say_nothing(*_: object) -> None:
    """Flask's own log would hold the error's text, which may quote what people typed; its place is logged by ``Access.crash``."""


def _lost(lost: Lost) -> Response:
    handle = request.form.get("handle")
    here = f"/authorize/{quote(handle, safe='')}" if handle else None
    return problem_page(lost.problem, 400, client=lost.client, code=lost.code.value, here=here)


def _refused(refusal: Refusal) -> Response:
    if refusal.retry_after_s:
        return later_page(refusal)
    return problem_page("bad_request", 400, code=refusal.code.value, detail=refusal.public)


def _in_json(error: HTTPException, status: int) -> Response:
    """For a program that asked for something else than a page (RFC 9110 §12.5.1)."""
    code = "not_found" if status == 404 else "invalid_request"
    answer = jsonify(error=code, error_description=error.name)
    answer.status_code = status
    answer.headers["X-Yimen-Class"] = "json"
    return answer


def _on_page(status: int) -> Response:
    if status == 404 and current().path.startswith("/console/"):
        with suppress(Refusal, Unavailable):  # there is no such page, whatever can't be read besides
            found = console.lost(request.environ["yimen.parts"])
            if found is not None:
                return found
    return problem_page(PROBLEM_OF_STATUS.get(status, "bad_request"), status, service=None)


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    answer = _in_json(error, status) if not current().wants_page else _on_page(status)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer
