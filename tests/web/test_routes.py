"""Every route of the composed application: methods, headers, and what hostile input gets. A new route is met here without being named."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from werkzeug.test import Client as Browser
from werkzeug.test import TestResponse

from tests.kit.house import CLAIMS, House
from tests.kit.person import FORM, PASSWORD, Person, authorize

EDGE = (
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/authorize",
    "/introspect",
    "/jwks",
    "/log/checkpoint",
    "/logout",
    "/par",
    "/register",
    "/revoke",
    "/token",
    "/userinfo",
    "/favicon.ico",
    "/robots.txt",
)
"""Answered without the pages; the files under ``/static/`` stand for themselves by one of them."""
FILES = {"/favicon.ico", "/robots.txt", "/log/checkpoint"}
SPEAKING_JSON = set(EDGE) - FILES - {"/authorize", "/logout"}
ANYONE = {path for path in EDGE if path.startswith("/.well-known/")}
ANYONE |= {"/jwks", "/log/checkpoint", "/services.json", "/trust-framework.json"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "CONNECT")
MARK = "\"'><script>alert(1)</script>{{7*7}}"
NAMES = [
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "prompt",
    "max_age",
    "acr_values",
    "claims",
    "code_challenge",
    "ui_locales",
    "code_challenge_method",
    "login_hint",
    "id_token_hint",
    "request",
    "request_uri",
    "lang",
    "other",
    "to",
    "handle",
    "proof",
    "ticket",
    "next",
    "language",
    "username",
    "password",
    "totp",
    "recovery_code",
    "identifier",
    "name",
    "new_password",
    "repeat_password",
    "code",
    "seen",
    "decision",
    "lasts",
    "decide",
    "after",
    "authorization_details",
    "token",
    "continue",
    "post_logout_redirect_uri",
    "grant_type",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "refresh_token",
    "code_verifier",
    "token_type_hint",
    "access_token",
    "account",
    "codes",
    "saved",
    "end",
    "instead",
    "contact",
]


def pages_of(house: House) -> Flask:
    """The Flask application behind the edge."""
    serve: Any = house.app._pages
    held = dict(zip(serve.__code__.co_freevars, (cell.cell_contents for cell in serve.__closure__), strict=True))
    found: Flask = held["inner"].__self__
    return found


def routes(house: House, *nowhere: str) -> dict[str, set[str]]:
    """Path → methods, with some of no page. Variables are filled with what nobody knows."""
    found = {path: {m.upper() for m in methods} for path, methods in house.app._operations.items()}
    statics = sorted(path for path in found if path.startswith("/static/"))
    for path in statics[1:]:
        del found[path]
    for rule in pages_of(house).url_map.iter_rules():
        if rule.rule != "/_render":
            found.setdefault(re.sub(r"<[^>]+>", "nobody", rule.rule), set()).update(rule.methods or ())
    return found | {path: {"GET", "POST"} for path in nowhere}


def test_the_edge_owns_these_and_no_others(house: House) -> None:
    assert {p for p in house.app._operations if not p.startswith("/static/")} == set(EDGE)
    assert len([p for p in routes(house) if p.startswith("/static/")]) == 1
    assert {rule.rule for rule in pages_of(house).url_map.iter_rules()}.isdisjoint(EDGE)


def judged(house: House, answer: TestResponse, path: str) -> None:
    """What every answer has, whatever was asked."""
    headers, where = answer.headers, f"{answer.request.method} {path} → {answer.status}"
    assert answer.status_code < 500, where
    for one in ("X-Content-Type-Options", "Referrer-Policy", "Strict-Transport-Security", "Content-Security-Policy"):
        assert len(headers.get_all(one)) == 1, (where, one)
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer", where
    policy = headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy and "default-src 'none'" in policy, where
    assert "unsafe" not in policy and "*" not in policy and "data:" not in policy, where
    assert not {"Server", "X-Powered-By"} & set(headers.keys()), where
    assert len(headers.get_all("Cache-Control")) == 1, where
    open_to_all = path in ANYONE or path.startswith(("/static/", "/favicon", "/robots"))
    assert (headers["Cache-Control"] == "no-store") or (open_to_all and answer.status_code in (200, 304)), where
    allowed = headers.get_all("Access-Control-Allow-Origin")
    assert allowed == ([] if path not in ANYONE else allowed), where
    if answer.data and headers.get("Content-Type", "").startswith("text/html"):
        assert headers["X-Frame-Options"] == "DENY" and headers["Cross-Origin-Opener-Policy"] == "same-origin", where
        assert MARK not in answer.text and "<script>alert" not in answer.text, where
        assert not re.search(r"<script(?![^>]*\ssrc=\"/static/)", answer.text), where
        assert not re.search(r"\son[a-z]+\s*=|\sstyle\s*=\s*\"", answer.text), where
        assert not re.search(r"(?:href|src|action)=\"(?:javascript:|data:|//|/\\|http:)", answer.text), where
    for value in headers.values():
        assert "<script" not in value.replace(policy, ""), where


@pytest.mark.attack("A014", "A151", "A087")
def test_methods_and_headers(house: House) -> None:
    """405 with Allow for every other method, HEAD without a body, the headers of its class on everything (RFC 9110 §9.1, §15.5.6)."""
    for path, known in routes(house).items():
        for method in METHODS:
            answer = house.request(method, path)
            judged(house, answer, path)
            if method == "OPTIONS":
                assert answer.status_code in (200, 204) and answer.data == b"", path
            elif not method.isupper():
                assert answer.status_code == 400, (method, path, answer.status)
            elif method not in known:
                assert answer.status_code == 405, (method, path, answer.status)
            if answer.status_code == 405 or method == "OPTIONS":
                named = {m.strip() for m in answer.headers["Allow"].split(",")} - {"OPTIONS"}
                assert named <= known and (method == "HEAD" or named >= known - {"HEAD", "OPTIONS"}), (method, path)
            if method == "HEAD":
                assert answer.data == b"", path


@pytest.mark.attack("A014")
def test_looking_changes_nothing(house: House) -> None:
    """HEAD and OPTIONS on every route leave every row as it was, even for someone signed in (RFC 9110 §9.2.1)."""
    from tests.attacks.authorize_ground import rows

    browser, app = house.signed_in(house.citizen()), house.register()
    begun = house.authorize(browser, app)
    assert 'id="consent-allow"' in begun.text
    before = rows(house)
    paths = [*routes(house), begun.request.path, f"/authorize?client_id={app.id}"]
    for path in paths:
        for method in ("HEAD", "OPTIONS"):
            browser.open(path, method=method, base_url=house.config.issuer)
    assert rows(house) == before


@pytest.mark.attack("A165")
@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/health",
        "/health/live",
        "/health/ready",
        "/debug",
        "/admin",
        "/admin/",
        "/docs",
        "/openapi.json",
        "/.git/config",
        "/.env",
        "/server-status",
        "/outbox",
        "/__debugger__",
        "/?__debugger__=yes&cmd=resource&f=debugger.js",
        "/_render",
        "/static/",
        "/static/../config.py",
        "/actuator",
        "/config",
        "/wp-login.php",
    ],
)
def test_no_open_back_room(house: House, path: str) -> None:
    """What operators and developers look at isn't there on the public address (ASVS 13.4.2); nothing is found by trying."""
    answer = house.request("GET", path)
    judged(house, answer, path)
    assert answer.status_code in (200, 404) and (answer.status_code == 404 or path.startswith("/?")), answer.status
    assert "EVALEX" not in answer.text and "SECRET" not in answer.text


# Hostile input ----------------------------------------------------------------------------------------------------------------

Hostile = Callable[[], dict[str, Any]]
EVERYTHING = urlencode([(name, MARK) for name in NAMES])
INPUTS: dict[str, Hostile] = {
    "NUL in the query": lambda: {"query_string": "client_id=a%00b&handle=%00&to=%00&lang=%00"},
    "invalid UTF-8 in the query": lambda: {
        "query_string": "client_id=%ff%fe&handle=%c3%28&lang=%ff&to=%ff&state=%ed%a0%80"
    },
    "bytes in the query": lambda: {"environ_overrides": {"QUERY_STRING": "client_id=\xff\xfe&lang=\xe9"}},
    "markup in every parameter": lambda: {"query_string": EVERYTHING},
    "everything twice": lambda: {"query_string": f"{EVERYTHING}&{EVERYTHING}"},
    "a name of one's own twice": lambda: {"query_string": urlencode([(MARK, "1"), (MARK, "2"), ("client_id", "x")])},
    "a huge value": lambda: {"query_string": "state=" + "a" * 100_000},
    "a thousand parameters": lambda: {"query_string": "&".join(f"p{n}=1" for n in range(1000))},
    "an odd cookie": lambda: {
        "headers": {"Cookie": "__Host-yimen-session=\xff; __Host-yimen-browser=" + "é" * 47 + "; =; ;;a"}
    },
    "a huge cookie": lambda: {"headers": {"Cookie": "__Host-yimen-session=" + "A" * 60_000}},
    "a cookie twice": lambda: {
        "headers": {"Cookie": "__Host-yimen-browser=a; __Host-yimen-browser=b; __Host-yimen-language=" + MARK}
    },
    "markup in headers": lambda: {
        "headers": dict.fromkeys(
            (
                "User-Agent",
                "Referer",
                "Accept-Language",
                "Origin",
                "Authorization",
                "If-None-Match",
                "X-Forwarded-For",
                "X-Forwarded-Host",
                "Forwarded",
                "X-Original-URL",
                "X-HTTP-Method-Override",
                "Sec-Fetch-Site",
            ),
            MARK,
        )
    },
    "odd languages": lambda: {"headers": {"Accept-Language": "zh;q=²,en;q=1e9," + ",".join(["x" * 99] * 500)}},
    "broken Basic": lambda: {"headers": {"Authorization": "Basic ====\xff"}},
    "Basic of bytes": lambda: {"headers": {"Authorization": "Basic //79/Q=="}},
    "an empty Bearer": lambda: {"headers": {"Authorization": "Bearer "}},
    "a Bearer of bytes": lambda: {"headers": {"Authorization": "Bearer é\xff"}},
    "a long Bearer": lambda: {"headers": {"Authorization": "Bearer " + "a." * 30_000}},
}
BODIES: dict[str, Hostile] = {
    "NUL": lambda: {"data": b"handle=a%00b&client_id=%00", "content_type": FORM},
    "invalid UTF-8": lambda: {"data": b"handle=%ff&client_id=%c3%28&token=%ed%a0%80", "content_type": FORM},
    "bytes": lambda: {"data": b"handle=\xff\xfe\x00&client_id=\x00", "content_type": FORM},
    "markup in every field": lambda: {"data": EVERYTHING, "content_type": FORM},
    "everything twice": lambda: {"data": f"{EVERYTHING}&{EVERYTHING}", "content_type": FORM},
    "a value over its size": lambda: {
        "data": "token=" + "a" * 60_000 + "&handle=" + "b" * 60_000,
        "content_type": FORM,
    },
    "a thousand fields": lambda: {"data": "&".join(f"p{n}=1" for n in range(1000)), "content_type": FORM},
    "JSON for a form": lambda: {"data": b'{"grant_type":"x"}', "content_type": "application/json"},
    "deep JSON": lambda: {"data": b"[" * 60_000, "content_type": "application/json"},
    "deep JSON objects": lambda: {"data": b'{"a":' * 20_000, "content_type": "application/json"},
    "half a character": lambda: {
        "data": b'{"client_name":"\\ud800","\\udfff":1,"jwks":{"keys":[],"x":"\\ud800"}}',
        "content_type": "application/json",
    },
    "numbers without end": lambda: {
        "data": b'{"default_max_age":' + b"9" * 5000 + b"}",
        "content_type": "application/json",
    },
    "a form with files": lambda: {
        "data": b'--x\r\nContent-Disposition: form-data; name="handle"; filename="a"\r\n\r\n\xff\r\n--x--',
        "content_type": "multipart/form-data; boundary=x",
    },
    "parts without end": lambda: {"data": b"--x\r\n" * 20_000, "content_type": "multipart/form-data; boundary=x"},
    "no boundary": lambda: {"data": b"abc", "content_type": "multipart/form-data"},
    "an odd type": lambda: {"data": b"abc", "content_type": 'text/plain; charset="\xff'},
    "an unknown charset": lambda: {"data": b"handle=a", "content_type": FORM + "; charset=utf-7"},
}


@pytest.mark.attack("A013", "A011", "A163", "A169", "F36")
@pytest.mark.parametrize("what", INPUTS)
def test_hostile_requests(house: House, what: str) -> None:
    """No input makes a 5xx, none comes back unescaped, on any route (RFC 9700 §4; ASVS 2.2.1, 16.5.1)."""
    stranger, known = Browser(house.app, use_cookies=False), house.signed_in(house.citizen())
    for path, methods in routes(house, "/nobody", "/console/nobody").items():
        for browser in (stranger, known):
            for method in sorted(methods & {"GET", "POST"}):
                answer = browser.open(path, method=method, base_url=house.config.issuer, **INPUTS[what]())
                judged(house, answer, path)
    assert b'"crash"' not in b"".join(house.lines)


@pytest.mark.attack("A161", "A163", "A169", "F36")
@pytest.mark.parametrize("what", BODIES)
def test_hostile_bodies(house: House, what: str) -> None:
    """The same for bodies, also as somebody signed in who holds our cookies (ASVS 2.2.1, 16.5.1)."""
    stranger, person = Browser(house.app, use_cookies=False), Person(house)
    house.citizen(password=PASSWORD)
    assert person.sign_in().status_code == 200
    for path, methods in routes(house, "/nobody", "/console/nobody").items():
        for method in sorted(methods & {"POST", "PUT", "DELETE"}):
            for browser in (stranger, person.browser):
                answer = browser.open(path, method=method, base_url=house.config.issuer, **BODIES[what]())
                judged(house, answer, path)
    assert b'"crash"' not in b"".join(house.lines)


FRONTS: tuple[tuple[int, dict[str, str]], ...] = (
    (421, {"HTTP_HOST": "evil.example"}),
    (421, {"HTTP_HOST": ""}),
    (421, {"HTTP_HOST": "id.example@evil.example"}),
    (421, {"HTTP_HOST": "id.example, evil.example"}),
    (421, {"HTTP_HOST": "\xff"}),
    (400, {"CONTENT_LENGTH": "3", "HTTP_TRANSFER_ENCODING": "chunked"}),
    *(
        (411, {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": coding})
        for coding in ("chunked", "Chunked", "gzip, chunked")
    ),
    (415, {"HTTP_CONTENT_ENCODING": "gzip"}),
    *((413, {"CONTENT_LENGTH": length}) for length in ("131073", "-1", "²", "9" * 5000, "1 1")),
    (408, {"CONTENT_LENGTH": "5"}),
)


@pytest.mark.attack("A118", "A163", "A164", "F36")
@pytest.mark.parametrize(("status", "environ"), FRONTS, ids=str)
def test_what_the_front_refuses(house: House, status: int, environ: dict[str, str]) -> None:
    """Another host, two lengths, none, odd lengths, encoded bodies, half a body: refused before anything is looked at (RFC 9112 §6.3, §3.2)."""
    for path in routes(house):
        answer = house.request("POST", path, environ_overrides=environ)
        assert answer.status_code == status, (path, answer.status)
        assert "evil" not in answer.text and "Location" not in answer.headers
        if path in SPEAKING_JSON:
            assert answer.get_json()["error"] == "invalid_request", path
        elif path in FILES or status == 421 or path.startswith("/static/"):
            assert answer.headers["Content-Type"] == "text/plain; charset=utf-8", path
        else:
            assert 'id="error-code"' in answer.text, path


@pytest.mark.attack("A171", "A005")
@pytest.mark.parametrize(
    "path",
    [
        "/\\evil.example",
        "//evil.example/",
        "/\\\\evil.example",
        "/\t/evil.example",
        "/x\r\nSet-Cookie: a=b",
        "/x?y#z",
        f"/{MARK}",
    ],
)
def test_a_path_leads_nowhere_else(house: House, path: str) -> None:
    """The links of an error page stay here, whatever path was asked for (WHATWG URL §4.4: a backslash counts as a slash)."""
    answer = house.request("GET", "/", environ_overrides={"PATH_INFO": path})
    judged(house, answer, path)
    assert answer.status_code == 404
    links = re.findall(r'href="([^"]*)"', answer.text)
    assert links and not [link for link in links if re.match(r"[/\\]\s*[/\\]|[^/]", link.replace("#main-content", "/"))]
    assert not [link for link in links if set(link) & set("\\<>\t\r\n")]


TYPED = (
    "\u202eevil\u202c",
    "a" * 4096,
    "😀" * 500,
    MARK,
    "\r\nSet-Cookie: x=y",
    "=cmd|' /C calc'!A0",
    "\x1b[31m",
    "%00",
    "a@b@c",
    "ｆｕｌｌ",
    "a\u0000",
    "\u2028",
    "İ",
    "ß" * 300,
)


@pytest.fixture
def li_wei(house: House) -> Person:
    house.citizen(claims={**CLAIMS, "name": MARK}, password=PASSWORD)
    return Person(house)


def visible(page: str) -> Iterator[str]:
    """Names of the fields that people fill in on a page."""
    for tag in re.findall(r"<input[^>]*>", page):
        kind, name = re.search(r'type="([^"]*)"', tag), re.search(r'name="([^"]*)"', tag)
        if name and (kind is None or kind[1] not in ("hidden", "submit")):
            yield name[1]


@pytest.mark.attack("A091", "A106", "A153")
@pytest.mark.parametrize("typed", TYPED, ids=ascii)
def test_hostile_values_in_our_own_forms(li_wei: Person, typed: str) -> None:
    """Typed with a good proof into every form that a stranger and a citizen see: an answer, escaped, and one JSON line a log line (ASVS 16.4.1)."""
    house, app = li_wei.house, li_wei.house.register()
    for path in ("/sign-in", "/sign-up", "/forgot"):
        page = li_wei.get(path)
        names = list(visible(page.text))
        assert names, path
        judged(house, li_wei.submit(dict.fromkeys(names, typed)), path)
    page = authorize(li_wei, app, login_hint=typed.replace("\x00", ""), state=typed.replace("\x00", ""))
    judged(house, page, "/authorize")
    li_wei.sign_in()
    for path in (
        "/account/password",
        "/account/confirm",
        "/account/totp",
        "/account/recovery-codes",
        "/account/security",
        "/account/contacts/new",
        "/account/contacts/code",
        "/account",
    ):
        page = li_wei.get(path)
        judged(house, page, path)
        if "<form" in page.text and (names := list(visible(page.text))):
            judged(house, li_wei.submit(dict.fromkeys(names, typed)), path)
    for line in house.lines:
        assert line.count(b"\n") == 1 and line.endswith(b"}\n") and b"\x1b" not in line
    assert b'"crash"' not in b"".join(house.lines)
