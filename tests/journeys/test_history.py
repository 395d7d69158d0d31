"""*Who saw my data*: every telling of one citizen and of no other, page by page, as files, with a case for what was wrong."""

import csv
import io
import json
import re
from typing import Any

import pytest

from idp.flows import objections
from idp.flows.sequencer import catch_up, log_signer
from idp.records import Event, EventFacet, Objection
from tests.kit.house import CLAIMS, App, House
from tests.kit.person import PASSWORD, Person, messages

HANDLE = re.compile(r'href="/account/history/([A-Za-z0-9_-]+)"')


def sequenced(house: House) -> None:
    catch_up(house.parts, log_signer(house.parts), house.clock())


def told(house: House, app: App, account: bytes, scope: str = "openid profile") -> None:
    """A release by userinfo."""
    tokens = house.tokens(app, account, scope=scope)
    assert house.userinfo(tokens["access_token"]).status_code == 200
    sequenced(house)


def citizen(house: House, name: str = "li.wei", **claims: Any) -> tuple[bytes, Person]:
    account = house.citizen(name, claims=claims or CLAIMS, password=PASSWORD)
    person = Person(house)
    person.sign_in(name)
    return account, person


def lines(page: Any) -> list[str]:
    return HANDLE.findall(page.text)


def test_a_release_and_a_consent_are_lines(any_house: House) -> None:
    """Issue 3.7: when, who, which attributes, why, by which way; newest first, in words of both languages"""
    house = any_house
    _, person = citizen(house)
    names: dict[str, Any] = {"client_name#zh-Hans": "个税在线"}
    app = house.register(client_name="Income tax online", **names)
    assert 'id="history-none"' in person.get("/account/history").text
    tokens = house.redeem(app, house.code(person.browser, app, scope="openid email")).get_json()
    house.clock.advance(60)
    house.userinfo(tokens["access_token"])
    sequenced(house)
    page = person.get("/account/history?lang=en")
    assert len(lines(page)) == 2
    assert page.text.index("Your information was told") < page.text.index("You gave an authorization")
    assert "Income tax online" in page.text and "tax bureau" in page.text and "E-mail address" in page.text
    assert "Date of birth" not in page.text and CLAIMS["email"] not in page.text.replace("l***@example.cn", "")
    assert "个税在线" in person.get("/account/history?lang=zh-Hans").text
    detail = person.get(f"/account/history/{lines(page)[0]}?lang=en").text
    assert "The service asked our server for it" in detail and "You authorized it" in detail


def test_the_id_token_is_a_way_too(house: House) -> None:
    """OIDC Core §5.5: what was in the proof of the sign-in is in the history"""
    account, person = citizen(house)
    app = house.register()
    house.tokens(app, account, claims=b'{"id_token":{"birthdate":null}}')
    sequenced(house)
    page = person.get("/account/history?lang=en")
    assert "Date of birth" in page.text
    assert "in the proof of your sign-in" in person.get(f"/account/history/{lines(page)[0]}?lang=en").text


def test_pages_hold_every_line_once(any_house: House) -> None:
    """Keyset paging: no line twice, none lost, also while new ones come"""
    house = any_house
    account, person = citizen(house)
    app = house.register()
    tokens = house.tokens(app, account, scope="openid profile")
    for _ in range(60):
        house.clock.advance(1)
        house.userinfo(tokens["access_token"])
    sequenced(house)
    seen, path = 0, "/account/history"
    times: list[str] = []
    while path:
        page = person.get(path)
        seen += len(lines(page))
        times += re.findall(r'</bdi></h2>.*?datetime="([^"]+)"', page.text, re.DOTALL)
        house.userinfo(tokens["access_token"])
        sequenced(house)
        more = re.search(r'id="history-more"|href="([^"]+)" rel="next"', page.text)
        path = more[1].replace("&amp;", "&") if more and more[1] else ""
    assert seen == 60 and times == sorted(times, reverse=True)


def test_the_filter_by_service_and_day(house: House) -> None:
    account, person = citizen(house)
    tax, social = house.register("tax", client_name="Tax"), house.register("social", client_name="Social")
    for app in (tax, social, tax):
        told(house, app, account)
        house.clock.advance(86400)
        person.sign_in()
    person.get("/account/history")
    service = re.search(r'<option value="([^"]+)">Social<', person.page.text)
    assert service is not None and len(lines(person.page)) == 3
    page = person.submit(service=service[1], show="1")
    assert len(lines(page)) == 1 and "Social" in page.text
    assert len(lines(person.get("/account/history?from=2026-01-02&to=2026-01-02"))) == 1
    assert len(lines(person.get("/account/history?from=2026-01-02"))) == 2
    nothing = person.get("/account/history?from=2027-01-01")
    assert 'id="history-none"' in nothing.text and nothing.status_code == 200
    for bad in ("from=2026-13-01", "to=yesterday", "from=0001-01-01", "to=9999-12-31"):
        assert person.get(f"/account/history?{bad}").status_code in (200, 422), bad
    assert person.get("/account/history?from=2026-13-01").status_code == 422


def test_files_for_people_and_programs(house: House) -> None:
    """CSV and JSON of what the filter lets through; taking one is an event"""
    account, person = citizen(house)
    told(house, house.register(client_name="Tax"), account)
    person.get("/account/history?lang=en")
    table = person.submit(file="csv")
    assert (
        table.headers["Content-Disposition"].startswith("attachment") and table.headers["Cache-Control"] == "no-store"
    )
    (head, line) = list(csv.reader(io.StringIO(table.data.decode("utf-8-sig"))))
    assert head[0] == "When" and line[3] == "Tax" and "Full name" in line[5]
    person.get("/account/history?lang=en")
    whole = json.loads(person.submit(file="json").data)
    assert whole["complete"] and whole["lines"][0]["client_id"] and whole["issuer"] == house.config.issuer
    assert "name" in {a["claim"] for a in whole["lines"][0]["attributes"]}
    assert [e["form"] for e in house.events("account.copy_taken")] == ["csv", "json"]


@pytest.mark.attack("A091")
def test_no_cell_is_a_formula(house: House) -> None:
    """A service's name can't become a formula in a spreadsheet (OWASP CSV injection)."""
    account, person = citizen(house)
    told(house, house.register(client_name='=HYPERLINK("https://evil.example","x")'), account)
    person.get("/account/history")
    text = person.submit(file="csv").data.decode("utf-8-sig")
    assert "'=HYPERLINK" in text and '"=' not in text


@pytest.mark.attack("A095")
def test_another_citizens_lines(any_house: House) -> None:
    """Lists, files, lines and positions are of one citizen alone: a reference of another's answers 404 and opens no case (CWE-639)."""
    house = any_house
    account, li_wei = citizen(house)
    _, zhang_min = citizen(house, "zhang.min")
    app = house.register()
    tokens = house.tokens(app, account, scope="openid profile")
    for _ in range(30):
        house.userinfo(tokens["access_token"])
    sequenced(house)
    page = li_wei.get("/account/history")
    handle = lines(page)[0]
    more = re.search(r'href="(/account/history\?after=[^"]+)"', page.text)
    service = re.search(r'<option value="([^"]+)">tax<', page.text)
    assert more is not None and service is not None
    assert not lines(zhang_min.get("/account/history"))
    event = max(house.parts.store.find(Event, {"kind": "attributes.released"}), key=lambda e: e.seq)
    tried = [handle, event.id.hex(), str(event.seq), "x", handle[:-2] + "AA"]
    for value in tried:
        assert zhang_min.get(f"/account/history/{value}").status_code == 404, value
    zhang_min.get("/account/history")
    hidden = zhang_min.form()[1]
    for value in tried:
        form = {**hidden, "kind": "not_me", "words": ""}
        assert zhang_min.post(f"/account/history/{value}", form).status_code in (403, 404)
    for query in (more[1], f"/account/history?service={service[1]}", f"/account/history?service={app.id}"):
        assert zhang_min.get(query).status_code == 404, query
    assert house.parts.store.count(Objection) == 0
    assert li_wei.get(f"/account/history/{handle}").status_code == 200
    secret = {account.hex(), event.id.hex(), event.actor.hex() if event.actor else ""}
    assert not [value for value in secret if value in li_wei.page.text]


def test_a_case_is_opened_read_answered_and_seen(any_house: House) -> None:
    """Issue 3.7: *this was not me / I object* opens a case; each step is an event; the citizen is told when it is closed"""
    house = any_house
    account, person = citizen(house)
    told(house, house.register(client_name="Tax"), account)
    person.get("/account/history?lang=en")
    path = f"/account/history/{lines(person.page)[0]}"
    person.get(path)
    assert person.submit(kind="object", words=" ").status_code == 422
    assert person.submit(words="hm").status_code == 422
    assert person.submit(kind="not_me", words="x" * 2001).status_code == 422
    assert house.parts.store.count(Objection) == 0
    page = person.submit(kind="not_me", words="昨天我没有登录过")
    assert "昨天我没有登录过" in page.text and 'id="objection-open"' not in page.text
    (row,) = house.parts.store.find(Objection)
    assert "昨天".encode() not in row.sealed and row.state == "open"
    assert "You objected: open" in person.get("/account/history?lang=en").text
    found = objections.read(house.parts, row.id.hex(), by="cli", now=house.clock())
    assert found.case is not None and found.case.words == "昨天我没有登录过"
    assert found.told is not None and "name" in found.told.claims and account.hex() not in found.person
    objections.close(house.parts, row.id.hex(), "upheld", "已终止该服务的访问", by="cli", now=house.clock())
    assert "已终止该服务的访问" in person.get(path).text
    assert "You objected: answered" in person.get("/account/history?lang=en").text
    kinds = [e["kind"] for e in house.events() if e["kind"].startswith("objection.")]
    assert kinds == ["objection.opened", "objection.read", "objection.closed"]
    assert len({e["person"] for e in house.events() if e["kind"].startswith("objection.")}) == 1


def test_two_clicks_open_one_case(house: House) -> None:
    account, person = citizen(house)
    told(house, house.register(), account)
    person.get("/account/history")
    person.get(f"/account/history/{lines(person.page)[0]}")
    action, hidden = person.form()
    for _ in range(2):
        person.post(action, {**hidden, "kind": "not_me", "words": ""})
    assert house.parts.store.count(Objection) == 1 and len(house.events("objection.opened")) == 1


def test_the_citizen_hears_of_the_answer(house: House) -> None:
    """The notice names nothing and nobody, and has no link (DECISIONS 22)."""
    account = house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    person = Person(house)
    person.sign_in()
    told(house, house.register(client_name="Tax"), account)
    person.get("/account/history")
    person.get(f"/account/history/{lines(person.page)[0]}")
    person.submit(kind="not_me", words="secret words")
    (row,) = house.parts.store.find(Objection)
    objections.close(house.parts, row.id.hex(), "explained", "secret answer", by="cli", now=house.clock())
    ((_, to, body),) = messages(house, "objection_closed")
    assert to == "li.wei@example.cn" and "secret" not in body and "Tax" not in body and "://" not in body


def test_the_index_holds_only_what_was_told(any_house: House) -> None:
    """The search index is made after the commit and finds one person's tellings without reading their sign-ins"""
    house = any_house
    account, _ = citizen(house)
    told(house, house.register(), account)
    facets = house.parts.store.find(EventFacet, {"facet": "told"})
    kinds = [house.parts.store.one(Event, seq=f.seq).kind for f in facets]
    assert kinds == ["attributes.released"]
    assert {f.value for f in facets} == {house.parts.vault.citizen(account).pseudonym}
