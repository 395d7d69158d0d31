"""The frame of the pages: errors, languages, what is never reachable from outside."""

from pathlib import Path

import msgspec
import pytest

from idp.errors import Unavailable
from idp.ports import Insert
from idp.records import ClientLogo
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

    monkeypatch.setattr(type(house.parts.vault), "claims", broken)
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


def test_the_start_page_knows_who_is_signed_in_only_masked(house: House) -> None:
    stranger = house.browser().get("/", base_url=ISSUER)
    assert 'id="to-sign-in"' in stranger.text
    known = house.signed_in(house.citizen("li.wei@example.cn")).get("/", base_url=ISSUER)
    assert 'id="to-account"' in known.text and "li.wei@example.cn" not in known.text


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
