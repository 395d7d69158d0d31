"""The readable copy of everything: in words of its reader's language, whole, and no wider than their phone."""

import html
import re
from typing import Any

import pytest
from playwright.sync_api import Browser

from idp.audit.events import AccountChanged, record
from idp.audit.lookups import PersonSearched
from tests.journeys.test_data import copied
from tests.journeys.test_history import citizen, lines, sequenced
from tests.journeys.test_service_items import TICKED, allow, ask
from tests.kit.catalogue import item
from tests.kit.house import CLAIMS, House
from tests.kit.person import Person

SAID = {
    "en": {
        "Your information": ["Male", "Married", "Yes", "Whether your e-mail address is confirmed"],
        "Services I use": ["Housing desk", "Full name, Marital status", "Date of birth"],
        "Your cases": ["Open"],
        "What happened in your account": [
            "The account was locked",
            "The account was let on again",
            "Security staff looked up whose account this is",
        ],
    },
    "zh-Hans": {
        "您的个人信息": ["男", "已婚", "是"],
        "我使用的服务": ["公积金窗口", "姓名、婚姻状况", "出生日期"],
        "您的异议": ["处理中"],
        "账号中发生的事": ["账号被锁定", "账号已恢复使用", "安全工作人员查找了账号属于谁"],
    },
}
"""Language → section → cells that stand there."""
RAW = ["male", "married", "True", "birthdate", "email_verified", "marital_status", "search.person", "account.changed"]


@pytest.fixture
def person(house: House) -> Person:
    """A citizen who allowed a service item that gets some of it by law, objected to it, was looked up, and whose account was locked for a while."""
    claims = {**CLAIMS, "gender": "male", "marital_status": "married", "email_verified": True}
    account, person = citizen(house, **claims)
    names: dict[str, Any] = {"client_name#zh-Hans": "公积金窗口"}
    item(house)
    browser = house.signed_in(account)
    allow(house, browser, ask(house, browser, house.register(client_name="Housing desk", **names)), **TICKED)
    key = house.parts.vault.citizen(account)
    for fact in (
        PersonSearched(by="email", reason="report", found=True),
        AccountChanged(what="status", value="disabled", by="staff"),
        AccountChanged(what="status", value="active", by="staff"),
    ):
        house.parts.store.commit([record(fact, at=house.clock(), entropy=house.parts.entropy, person=key)])
    sequenced(house)
    person.get(f"/account/history/{lines(person.get('/account/history'))[0]}")
    person.submit(kind="object", words="w" * 300)
    return person


def sections(page: str) -> dict[str, list[str]]:
    """Heading → cells."""
    return {
        html.unescape(part.partition("</h2>")[0]): [
            html.unescape(cell) for cell in re.findall("<td>(.*?)</td>", part, re.DOTALL)
        ]
        for part in page.split("<h2>")[1:]
    }


@pytest.mark.parametrize("lang", ["en", "zh-Hans"])
def test_a_copy_speaks_its_readers_language(person: Person, lang: str) -> None:
    """Issue 3.8: readable HTML. What the law orders and what service items get stand there too; no code stands for a word"""
    person.get(f"/account/copy?lang={lang}")
    found = sections(copied(person, "html").text)
    for section, cells in SAID[lang].items():
        assert [cell for cell in cells if cell not in found[section]] == [], (section, found[section])
    shown = [cell for cells in found.values() for cell in cells]
    assert [raw for raw in RAW if any(raw in re.split("[,、 ]+", cell) for cell in shown)] == []


def test_a_program_reads_what_service_items_get(person: Person) -> None:
    (service,) = copied(person, "json").get_json()["services"]
    assert (service["attributes"], service["attributes_by_law"]) == (["marital_status", "name"], ["birthdate"])
    assert service["items"] == [{"code": "loan", "version": 1, "attributes": ["birthdate", "marital_status", "name"]}]


@pytest.mark.browser
def test_a_copy_is_no_wider_than_a_phone(person: Person, chromium: Browser) -> None:
    """WCAG 2.2 §1.4.10: long tables scroll within themselves"""
    body = copied(person, "html").text
    page = chromium.new_page(viewport={"width": 390, "height": 800})
    page.set_content(body)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    page.close()
