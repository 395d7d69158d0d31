"""The frame of the pages: errors, languages, what is never reachable from outside."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from idp.errors import Unavailable
from idp.ports import Insert
from idp.records import ClientLogo
from idp.web.theme import install, render_kept
from tests.journeys.test_authorize import query
from tests.kit.house import ISSUER, House


@pytest.mark.parametrize(
    "path", ["/nowhere", "/_render", "/_unknown", "/authorize/", "/authorize//x", "//evil.example", "/static"]
)
def test_an_unknown_path_is_a_page_with_a_reference(house: House, path: str) -> None:
    page = house.browser().get("/", base_url=ISSUER, environ_overrides={"PATH_INFO": path})
    assert page.status_code in (400, 404)
    assert 'id="error-code"' in page.text and "Location" not in page.headers


def test_rfc9110_15_5_6_a_wrong_method_names_the_right_ones(house: House) -> None:
    page = house.browser().post("/", base_url=ISSUER)
    assert page.status_code == 405 and "GET" in page.headers["Allow"]


@pytest.mark.parametrize(
    ("accept", "lang"), [("en-GB,zh;q=0.5", "en"), ("zh-TW", "zh-Hans"), ("fr", "zh-Hans"), (None, "zh-Hans")]
)
def test_a_page_speaks_the_browsers_language_or_the_houses(house: House, accept: str | None, lang: str) -> None:
    page = house.browser().get("/", base_url=ISSUER, headers={"Accept-Language": accept} if accept else {})
    assert f'<html lang="{lang}"' in page.text and page.headers["Content-Language"] == lang


def test_an_error_that_no_rule_foresaw_tells_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    page = house.authorize(house.signed_in(house.citizen()), house.register())
    browser = house.signed_in(house.citizen("b.b"))

    def broken(*_: object) -> None:
        raise RuntimeError("li.wei@example.cn typed this")

    monkeypatch.setattr(type(house.parts.vault), "rows", broken)
    page = house.authorize(browser, house.register("social"))
    assert page.status_code == 500 and 'id="error-code"' in page.text
    assert "typed this" not in page.text
    said = b"".join(house.lines)
    assert b"RuntimeError" in said and b"typed this" not in said and b"li.wei" not in said


def test_a_part_that_does_not_answer_is_503_with_retry_after(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    start = house.browser().get("/authorize", query_string=query(house.register()), base_url=ISSUER).headers["Location"]

    def gone(*_: object, **__: object) -> None:
        raise Unavailable("volatile")

    monkeypatch.setattr(type(house.parts.volatile), "peek", gone)
    page = house.browser().get(start, base_url=ISSUER)
    assert (page.status_code, page.headers["Retry-After"]) == (503, "2")
    assert 'id="error-code"' in page.text


SAID = {
    "en": ("Not available just now", "Something went wrong on our side"),
    "zh-CN": ("暂时无法使用", "我们这边出现了问题"),
}
WAYS: tuple[dict[str, Any], ...] = (
    {"path": "/authorize", "method": "GET"},
    {"path": "/authorize", "method": "POST"},
    {"path": "/logout", "method": "GET"},
    {"path": "/sign-in", "method": "GET"},
    {"path": "/account", "method": "GET"},
)


def ask(house: House, way: dict[str, Any], **headers: str) -> TestResponse:
    """A request of somebody who is signed in, so that every way needs the store."""
    browser, asked = house.signed_in(house.citizen()), query(house.register())
    sent = (
        {"data": asked} if way["method"] == "POST" else {"query_string": asked if way["path"] == "/authorize" else ""}
    )
    fail: tuple[Any, str] = (house.parts.store, "rows")
    if way["method"] == "POST":  # it needs no session: only room for the request
        fail = (house.parts.volatile, "put")

    def gone(*_: object, **__: object) -> None:
        raise Unavailable("database") if "crash" not in way else RuntimeError("li.wei")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(fail[0]), fail[1], gone)
        return browser.open(way["path"], method=way["method"], base_url=ISSUER, headers=headers, **sent)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way['method']} {way['path']}")
@pytest.mark.parametrize("language", SAID)
def test_people_are_told_on_a_page_that_a_store_is_away(house: House, way: dict[str, Any], language: str) -> None:
    """And the log in one line, which the page's reference finds (RFC 9110 §15.6.4, DESIGN §10)"""
    page = ask(house, way, **{"Accept-Language": language, "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (page.status_code, page.headers["Retry-After"]) == (503, "2")
    assert page.content_type == "text/html; charset=utf-8" and SAID[language][0] in page.text
    assert {"en": "Try again in about 2 seconds.", "zh-CN": "请在约 2 秒后重试。"}[language] in page.text
    assert 'id="error-code"' in page.text and "default-src 'none'" in page.headers["Content-Security-Policy"]
    reference = page.text.partition('id="error-code">')[2].partition("<")[0]
    (told,) = [json.loads(line) for line in house.lines if reference.encode() in line]
    assert told["status"] == 503 and told["trouble"] == "unavailable: database" and told["method"] == way["method"]


@pytest.mark.parametrize("way", WAYS[:3], ids=lambda way: f"{way['method']} {way['path']}")
@pytest.mark.parametrize("language", SAID)
def test_people_are_told_on_a_page_of_what_no_rule_foresaw(house: House, way: dict[str, Any], language: str) -> None:
    page = ask(house, way | {"crash": True}, **{"Accept-Language": language})
    assert page.status_code == 500 and SAID[language][1] in page.text and "li.wei" not in page.text


@pytest.mark.parametrize("way", WAYS[:3], ids=lambda way: f"{way['method']} {way['path']}")
@pytest.mark.parametrize("accept", ["application/json", "application/json, application/jwt;q=0.5", "image/png"])
def test_programs_are_told_in_json(house: House, way: dict[str, Any], accept: str) -> None:
    answer = ask(house, way, Accept=accept)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.get_json()["error"] == "temporarily_unavailable"
    (told,) = [json.loads(line) for line in house.lines]
    assert (told["event"], told["status"], told["trouble"]) == ("request", 503, "unavailable: database")


@pytest.mark.parametrize("path", ["/token", "/userinfo", "/introspect", "/par", "/register"])
def test_endpoints_of_programs_answer_json_whatever_is_accepted(house: House, path: str) -> None:
    def gone(*_: object, **__: object) -> None:
        raise Unavailable("database")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(house.parts.store), "one", gone)
        patch.setattr(type(house.parts.store), "find", gone)
        house.clock.advance(10)
        headers = {"Accept": "text/html", "Authorization": "Bearer abc"}
        method = "GET" if path in ("/userinfo", "/register") else "POST"
        if path in ("/token", "/introspect", "/par"):
            headers["Authorization"] = "Basic YTpi"
        answer = house.request(
            method, path, headers=headers, query_string={"client_id": "x"} if path == "/register" else ""
        )
    assert answer.content_type == "application/json" and answer.status_code in (401, 503)


def test_an_error_page_speaks_the_language_that_the_service_asks_for(house: House) -> None:
    """OpenID Connect Core §3.1.2.1: ``ui_locales`` counts before the browser's own wish."""
    asked = {"client_id": "nobody", "ui_locales": "fr en"}
    page = house.browser().get("/authorize", query_string=asked, base_url=ISSUER, headers={"Accept-Language": "zh"})
    assert "This service is not registered" in page.text


def test_the_start_page_knows_who_is_signed_in_only_masked(house: House) -> None:
    stranger = house.browser().get("/", base_url=ISSUER)
    assert 'id="to-sign-in"' in stranger.text
    known = house.signed_in(house.citizen("li.wei@example.cn")).get("/", base_url=ISSUER)
    assert 'id="to-account"' in known.text and "li.wei@example.cn" not in known.text


def test_a_sign_in_page_made_once_serves_each_visit_with_its_own_proof(house: House) -> None:
    """RFC 9700 §4.7: what stands in a form is this browser's and this journey's, whoever asked for the same page before."""
    tax, fund = house.register(client_name="Tax"), house.register(client_name="Fund")
    seen = [house.authorize(house.browser(), app).text for app in (tax, tax, fund)]
    own = [set(re.findall(r'name="(?:handle|proof)" value="([^"]+)"', page)) for page in seen]
    assert all(len(mine) == 2 for mine in own) and len(own[0] | own[1] | own[2]) == 6
    for mine, page in zip(own, seen, strict=True):
        others = set().union(*own) - mine
        assert not any(value in page for value in others)
        assert not any(place in page for place in render_kept.PLACES)
    plain = [re.sub("|".join(map(re.escape, mine)), "", page) for mine, page in zip(own, seen, strict=True)]
    assert plain[0] == plain[1] != plain[2]
    assert "Fund" in seen[2] and "Fund" not in seen[1]


def test_a_page_with_what_somebody_typed_is_never_kept(house: House) -> None:
    person = house.browser()
    form = house.authorize(person, house.register(), login_hint="planted@example.cn")
    assert "planted@example.cn" in form.text
    assert not any("planted" in made for made in render_kept._made.values())
    assert not any("planted" in part for key in render_kept._made for part in key)


def test_a_page_that_holds_the_letter_of_a_place_is_made_anew() -> None:
    letter, app = render_kept.PLACES[0], Flask(__name__)
    install(app)
    with app.test_request_context():
        pages = [
            render_kept("sign_in.html", "en", [proof], hidden={"proof": proof}, service={"name": f"Tax {letter}"})
            for proof in ("first", "second")
        ]
    assert [page.count(letter) for page in pages] == [1, 1]
    assert 'value="first"' in pages[0] and 'value="second"' in pages[1]


def test_a_logo_is_served_from_here_and_named_on_the_pages(house: House) -> None:
    app = house.register()
    assert house.browser().get(f"/logo/{app.id}", base_url=ISSUER).status_code == 404
    house.parts.store.commit([Insert(ClientLogo(app.id, b"\x89PNG...", house.clock()))])
    picture = house.browser().get(f"/logo/{app.id}", base_url=ISSUER)
    assert (picture.status_code, picture.content_type, picture.data) == (200, "image/png", b"\x89PNG...")
    assert f'src="/logo/{app.id}"' in house.authorize(house.browser(), app).text


def test_an_interaction_keeps_nothing_personal_in_the_clear(house: House) -> None:
    app = house.register()
    claims = msgspec.json.encode({"id_token": {"email": {"value": "planted@example.cn"}}}).decode()
    house.authorize(house.browser(), app, login_hint="planted@example.cn", claims=claims)
    folder = Path(house.config.volatile_url.removeprefix("sqlite:///")).parent
    stored = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert "volatile.db" in stored
    assert [name for name, held in stored.items() if b"planted" in held] == []
