"""The one entry: proxy and Host check, body limit, one read of the body, reference id, access record, last-resort error.

Protocol operations are answered here from an exact (method, path) table; everything else is the pages'. A path has one owner.
"""

import io
import time
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from idp.errors import Refusal, Unavailable
from idp.parts import Parts
from idp.web.access import Access
from idp.web.wire import Answer, Request, ToPage, Trouble, headers_for, json_answer, refusal_answer, status_line
from keys.errors import BackendDown

Operation = Callable[[Request], Answer | ToPage]
StartResponse = Callable[..., Any]
MAX_BODY = 128 * 1024
MAX_HEADER = 32 * 1024
"""One header field; cookies of other services on the same host travel in one."""
MAX_HEADERS = 64 * 1024
"""What all of them hold together. The server itself takes no head (request line, names and all) above ``idp.cli.serving.MAX_HEAD``."""
OUTCOME, REFERENCE, REMOTE, NOW, REQUEST = (
    "yimen.outcome",
    "yimen.reference",
    "yimen.remote",
    "yimen.now",
    "yimen.request",
)
TROUBLE = "yimen.trouble"
"""What could not be reached, for the access record of this request."""
_Problem = tuple[int, str, str, tuple[tuple[str, str], ...]]
"""Status, text, words of a page, headers."""
FOR_PEOPLE = frozenset({"/authorize", "/logout"})
"""Protocol operations whose caller is a citizen's browser."""
FILES = ("/static/", "/robots.txt", "/favicon.ico", "/log/checkpoint")
"""Paths that hold neither JSON nor pages: what is wrong with a request is told as plain text."""
RENDER_PATH = "/_render"
"""Where an outcome is rendered inside; from outside it is an unknown path."""


class Edge:
    """The WSGI application that is served."""

    def __init__(
        self,
        parts: Parts,
        operations: Mapping[str, Mapping[str, Operation]],
        pages: Callable[..., Iterable[bytes]],
        access: Access,
        cors: Callable[[Request, str], list[tuple[str, str]]],
    ) -> None:
        self._parts, self._operations, self._pages, self._access, self._cors = parts, operations, pages, access, cors
        self._secure, self._host = parts.config.secure, parts.config.host.lower()
        self._proxies = tuple(ip_network(n, strict=False) for n in parts.config.trusted_proxies)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        reference = self._parts.entropy(5).hex().upper()
        path = environ.get("PATH_INFO", "")
        methods = self._operations.get(path)
        route = path if methods is not None else "page"
        try:
            answer = self._answer(environ, methods, reference)
            if isinstance(answer, ToPage):
                return self._page(environ, start_response, answer, route, began, reference)
        except (Unavailable, BackendDown) as error:
            lost = error if isinstance(error, Unavailable) else Unavailable("signing keys")
            environ[TROUBLE] = f"unavailable: {lost.part}"
            if _for_people(environ, path):
                trouble = Trouble("unavailable", 503, "temporarily_unavailable", lost.retry_after_s)
                return self._page(environ, start_response, ToPage(trouble), route, began, reference)
            answer = _unavailable(lost)
        except Exception as error:  # noqa: BLE001  the last resort: nothing of the error leaves, its place goes to the protected log
            self._access.crash(reference, error)
            if _for_people(environ, path):
                trouble = Trouble("server", 500, "server_error")
                return self._page(environ, start_response, ToPage(trouble), route, began, reference)
            answer = json_answer(500, {"error": "server_error", "error_description": f"Reference {reference}."})
        body = b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.body
        headers = headers_for(answer.kind, answer.headers, secure=self._secure)
        if answer.status not in (204, 304):  # RFC 9110 §8.6: neither has a length
            headers.append(("Content-Length", str(len(answer.body))))
        start_response(status_line(answer.status), headers)
        took, why = time.perf_counter() - began, environ.get(TROUBLE)
        self._access.record(environ["REQUEST_METHOD"], route, answer.status, took, reference, why)
        return [body]

    def _answer(
        self, environ: dict[str, Any], methods: Mapping[str, Operation] | None, reference: str
    ) -> Answer | ToPage:
        problem = self._problem(environ)
        body: bytes | None = b""
        late = False
        try:
            body = _read_body(environ) if problem is None else b""
        except (EOFError, OSError):
            late = True
        request = Request(
            environ, body or b"", remote=self._remote(environ), reference=reference, now=self._parts.clock()
        )
        environ[REQUEST] = request
        if problem is not None:
            return _wrong(environ, methods, *problem)
        if late:
            return _wrong(environ, methods, 408, "The request body did not come.", "bad_request", _CLOSE)
        if body is None:
            return _wrong(environ, methods, 413, "The request body is too large.", "too_large", _CLOSE)
        if methods is None:
            if _encoded(environ):
                return ToPage(None)
            return _wrong(environ, methods, 400, "The query is not percent-encoded.", "bad_request")
        return self._operate(request, methods)

    def _operate(self, request: Request, methods: Mapping[str, Operation]) -> Answer | ToPage:
        operation = methods.get(request.method)
        cors = self._cors(request, ", ".join(methods))
        if operation is None:
            allow = ("Allow", ", ".join(methods))
            if request.method == "OPTIONS":
                return Answer(204, "json", b"", (allow, *cors))
            return _wrong(request.environ, methods, 405, "This method is not allowed here.", "method", (allow,))
        try:
            answer = operation(request)
        except Refusal as refusal:
            answer = refusal_answer(refusal, basic="HTTP_AUTHORIZATION" in request.environ)
        if cors and isinstance(answer, Answer):
            answer = Answer(answer.status, answer.kind, answer.body, (*answer.headers, *cors))
        return answer

    def _problem(self, environ: dict[str, Any]) -> _Problem | None:
        """What is wrong before the body is read."""
        if str(environ.get("HTTP_HOST", "")).lower() != self._host:
            text = f"This server answers for {self._parts.config.issuer} only (setting IDP_ISSUER)."
            return 421, text, "", ()
        if environ.get("CONTENT_LENGTH") and environ.get("HTTP_TRANSFER_ENCODING"):
            return 400, "Ambiguous message length.", "bad_request", _CLOSE
        if environ.get("HTTP_TRANSFER_ENCODING"):  # a read ends alike whether they are whole or broke off
            return 411, "Send the request body with a Content-Length, not in chunks.", "bad_request", _CLOSE
        if not environ["REQUEST_METHOD"].isupper():  # RFC 9110 §9.1: case matters, and not every layer below heeds it
            return 400, "There is no such method.", "bad_request", ()
        if environ.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
            return 415, "Encoded bodies are not accepted.", "bad_request", ()
        if len("".join([text for text in environ.values() if type(text) is str])) > MAX_HEADER and _swollen(environ):
            return 431, "The request header fields are too large.", "bad_request", ()
        return None

    def _remote(self, environ: Mapping[str, Any]) -> str:
        """The caller: the last forwarded address that is not one of our proxies, believed only behind a proxy (RFC 7239 §8.1)."""
        peer = str(environ.get("REMOTE_ADDR") or "")
        if not self._proxies or not _within(peer, self._proxies):
            return peer
        for hop in reversed([h.strip() for h in str(environ.get("HTTP_X_FORWARDED_FOR") or "").split(",")]):
            if not _is_address(hop):
                return peer
            peer = hop
            if not _within(hop, self._proxies):
                return hop
        return peer

    def _page(
        self,
        environ: dict[str, Any],
        start_response: StartResponse,
        to: ToPage,
        route: str,
        began: float,
        reference: str,
    ) -> Iterable[bytes]:
        request: Request = environ[REQUEST]
        environ["wsgi.input"] = io.BytesIO(request.body)
        environ["CONTENT_LENGTH"] = str(len(request.body))
        environ[REFERENCE], environ[REMOTE], environ[NOW] = reference, request.remote, request.now
        if to.outcome is not None:
            environ[OUTCOME], environ["PATH_INFO"], environ["REQUEST_METHOD"] = to.outcome, RENDER_PATH, "GET"
            environ["QUERY_STRING"] = environ.get("QUERY_STRING", "") if _encoded(environ) else ""
        elif request.path == RENDER_PATH:
            environ["PATH_INFO"] = "/_unknown"

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            out = [(k, v) for k, v in headers if k.lower() != "x-yimen-class"]
            kind = next((v for k, v in headers if k.lower() == "x-yimen-class"), "page")
            took, why = time.perf_counter() - began, environ.get(TROUBLE)
            self._access.record(request.method, route, int(status[:3]), took, reference, why)
            return start_response(status, headers_for(kind, [*out, *to.headers], secure=self._secure), exc_info)

        answer = self._pages(environ, start)
        return [b"" for _ in answer] if request.method == "HEAD" else answer


_CLOSE = (("Connection", "close"),)


def _wrong(
    environ: Mapping[str, Any],
    methods: Mapping[str, Operation] | None,
    status: int,
    text: str,
    problem: str = "",
    headers: tuple[tuple[str, str], ...] = (),
) -> Answer | ToPage:
    """What is wrong with a request as HTTP, in the form that is spoken there: JSON by protocol endpoints (RFC 6749 §5.2), a page to people
    (``problem``: its words; none for what only an operator can mend), plain text beside files."""
    path = environ.get("PATH_INFO", "")
    if methods is not None and path.startswith(FILES):
        return Answer(status, "text", f"{text}\n".encode(), headers)
    request: Request = environ[REQUEST]
    if (methods is None or path in FOR_PEOPLE) and request.wants_page:
        if not problem:
            return Answer(status, "text", f"{text}\n".encode(), headers)
        return ToPage(Trouble(problem, status, "invalid_request"), headers)
    return json_answer(status, {"error": "invalid_request", "error_description": text}, headers)


def _swollen(environ: Mapping[str, Any]) -> bool:
    """Whether one header field or all together are larger than anything that is meant for us (RFC 6585 §5)."""
    fields = [len(v) for k, v in environ.items() if k.startswith(("HTTP_", "CONTENT_")) and isinstance(v, str)]
    return max(fields, default=0) > MAX_HEADER or sum(fields) > MAX_HEADERS


def _for_people(environ: Mapping[str, Any], path: str) -> bool:
    """Whether a citizen's browser asked, so that trouble is told on a page."""
    request: Request | None = environ.get(REQUEST)
    return path in FOR_PEOPLE and request is not None and request.wants_page


def _encoded(environ: Mapping[str, Any]) -> bool:
    """RFC 3986 §2: what isn't ASCII was not percent-encoded, and has no one reading."""
    return str(environ.get("QUERY_STRING") or "").isascii()


def _unavailable(error: Unavailable) -> Answer:
    body = {"error": "temporarily_unavailable", "error_description": "The service is busy. Please try again."}
    return json_answer(503, body, (("Retry-After", str(error.retry_after_s)),))


def _read_body(environ: Mapping[str, Any]) -> bytes | None:
    """The whole body, or None when it is over the limit; never more than the limit is held. Raises EOFError when the caller left in the midst of
    it, OSError (TimeoutError) when it was cut off."""
    length = environ.get("CONTENT_LENGTH")
    if length:
        if not (str(length).isascii() and str(length).isdigit() and len(str(length)) < 12) or int(length) > MAX_BODY:
            return None
        body = bytes(environ["wsgi.input"].read(int(length))) if int(length) else b""
        if len(body) < int(length):
            raise EOFError
        return body
    return b""


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _within(address: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return _is_address(address) and any(ip_address(address) in n for n in networks)
