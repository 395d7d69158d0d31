"""The one translator between HTTP and frozen values: Request in, Answer out, headers by response class."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from http import HTTPStatus
from typing import Any

import msgspec

from idp.errors import Code, Refusal
from idp.protocol.params import EMPTY, Params, parse

FORM = "application/x-www-form-urlencoded"
_READABLE = frozenset({"text/html", "application/xhtml+xml", "text/*", "*/*"})


class Request:
    """One HTTP request, its body read once. ``remote`` is the caller's address after proxy rules; ``now`` microseconds UTC."""

    def __init__(self, environ: Mapping[str, Any], body: bytes, *, remote: str, reference: str, now: int) -> None:
        self.environ, self.body = environ, body
        self.remote, self.reference, self.now = remote, reference, now
        self.method: str = environ["REQUEST_METHOD"]
        self.path: str = environ.get("PATH_INFO", "")

    def header(self, name: str) -> str | None:
        """A header by its usual name."""
        value = self.environ.get("HTTP_" + name.upper().replace("-", "_"))
        return value if value is None else str(value)

    @property
    def wants_page(self) -> bool:
        """Whether the caller can read HTML (RFC 9110 §12.5.1); one that says nothing can."""
        accept = self.header("Accept")
        ranges = (part.partition(";")[0].strip().lower() for part in (accept or "*/*").split(","))
        return any(kind in _READABLE for kind in ranges)

    @property
    def content_type(self) -> str:
        """Media type without parameters, lower case."""
        return str(self.environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()

    @cached_property
    def query(self) -> Params:
        """Query parameters. Raises Refusal(invalid_request), also for bytes that should have been percent-encoded (RFC 3986 §2)."""
        encoded = str(self.environ.get("QUERY_STRING") or "")
        if not encoded.isascii():
            raise Refusal(Code.INVALID_REQUEST, "The query is not percent-encoded.", reason="malformed_query")
        return parse(encoded)

    @cached_property
    def form(self) -> Params:
        """Body parameters of a form; never the query's. Raises Refusal(invalid_request) for another media type or bad text."""
        if not self.body:
            return EMPTY
        if self.content_type != FORM:
            raise Refusal(Code.INVALID_REQUEST, f"The body must be {FORM}.", reason="wrong_content_type")
        try:
            return parse(self.body.decode("ascii"))
        except UnicodeDecodeError as error:
            raise Refusal(Code.INVALID_REQUEST, "The body is not form data.", reason="malformed_form") from error

    @property
    def cookies_lost(self) -> bool:
        """Whether there were cookies, but none can be read: the server empties a field in which any byte is not ASCII, as another site of the
        same domain can set one (RFC 6265 §5.2 keeps every byte)."""
        return self.environ.get("HTTP_COOKIE") == ""

    @cached_property
    def cookies(self) -> dict[str, str]:
        """Cookies by exact name; a name that came twice is left out, so that a planted twin can't win."""
        found: dict[str, str] = {}
        twice: set[str] = set()
        for part in str(self.environ.get("HTTP_COOKIE") or "").split(";"):
            name, eq, value = part.strip().partition("=")
            if eq:
                if name in found:
                    twice.add(name)
                found[name] = value
        return {k: v for k, v in found.items() if k not in twice}


def accepts(accept: str | None, media_type: str) -> bool:
    """Whether an Accept header names ``media_type`` itself, not by a range, with a weight above 0 (RFC 9110 §12.5.1)."""
    for entry in (accept or "").split(","):
        name, *parameters = (part.strip().lower() for part in entry.split(";"))
        if name == media_type:
            weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
            return weight.strip("0.") != ""
    return False


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out. ``kind`` picks the header class: json, public, redirect, page, static or text."""

    status: int
    kind: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ToPage:
    """Hand the request to the pages with an outcome to render; the pages neither parse nor decide again."""

    outcome: Any
    headers: tuple[tuple[str, str], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Trouble:
    """What kept a protocol operation that a citizen's browser called from an answer: a page in its place. ``problem``: its words."""

    problem: str
    status: int
    code: str
    retry_after_s: int | None = None


def json_answer(status: int, value: Any, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """JSON, never stored by caches."""
    return Answer(status, "json", msgspec.json.encode(value), (("Content-Type", "application/json"), *headers))


def redirect(location: str, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """303 See Other, so that a POST never travels on (RFC 9700 §4.12)."""
    return Answer(303, "redirect", b"", (("Location", location), *headers))


TOKEN_STATUS = {
    Code.INVALID_CLIENT: 401,
    Code.INVALID_TOKEN: 401,
    Code.INSUFFICIENT_SCOPE: 403,
    Code.SERVER_ERROR: 500,
    Code.TEMPORARILY_UNAVAILABLE: 503,
}


def refusal_answer(refusal: Refusal, *, basic: bool = False) -> Answer:
    """The token endpoint's JSON error (RFC 6749 §5.2). ``basic``: the client used the Authorization header, so 401 names the scheme."""
    status = 429 if refusal.retry_after_s else TOKEN_STATUS.get(refusal.code, 400)
    headers: list[tuple[str, str]] = []
    if status == 401 and basic:
        headers.append(("WWW-Authenticate", 'Basic realm="yimen", charset="UTF-8"'))
    if refusal.retry_after_s:
        headers.append(("Retry-After", str(refusal.retry_after_s)))
    return json_answer(status, {"error": refusal.code.value, "error_description": refusal.public}, headers)


_SHARED = (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"))
_BARE = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'{form_action}; frame-src {frame_src}; frame-ancestors 'none'; base-uri 'none'"
)
_NO_STORE = ("Cache-Control", "no-store")

CLASSES: dict[str, tuple[tuple[str, str], ...]] = {
    "json": (_NO_STORE, ("Content-Security-Policy", _BARE), *_SHARED),
    "text": (_NO_STORE, ("Content-Type", "text/plain; charset=utf-8"), ("Content-Security-Policy", _BARE), *_SHARED),
    "public": (("Content-Security-Policy", _BARE), ("Access-Control-Allow-Origin", "*"), *_SHARED),
    "redirect": (_NO_STORE, ("Content-Security-Policy", _BARE), *_SHARED),
    "static": (("Content-Security-Policy", _BARE), ("Cross-Origin-Resource-Policy", "same-origin"), *_SHARED),
    "page": (
        _NO_STORE,
        ("X-Frame-Options", "DENY"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
        *_SHARED,
    ),
}


def page_policy(form_action: Iterable[str] = (), frame_src: Iterable[str] = ()) -> str:
    """The Content-Security-Policy of a page.

    ``form_action``: the client origins where a form's chain may end; ``frame_src``: origins of front-channel logout.
    """
    frames = " ".join(frame_src) or "'none'"
    return _PAGE.format(form_action="".join(f" {o}" for o in form_action), frame_src=frames)


def headers_for(kind: str, own: Iterable[tuple[str, str]], *, secure: bool) -> list[tuple[str, str]]:
    """Class headers, overridden by the answer's own where the name is the same (Set-Cookie and Vary add up)."""
    own = list(own)
    return [*_of_class(kind, tuple([k for k, _ in own]), secure), *own]


@lru_cache(maxsize=512)
def _of_class(kind: str, own: tuple[str, ...], secure: bool) -> tuple[tuple[str, str], ...]:
    named = {name.lower() for name in own}
    out = [(k, v) for k, v in CLASSES[kind] if k.lower() not in named]
    if kind == "page" and "content-security-policy" not in named:
        out.append(("Content-Security-Policy", page_policy()))
    if secure:
        out.append(("Strict-Transport-Security", "max-age=63072000; includeSubDomains"))
    return tuple(out)


@lru_cache(maxsize=128)
def status_line(status: int) -> str:
    """``200 OK``."""
    return f"{status} {HTTPStatus(status).phrase}"
