"""Whoever chooses the other language of a form keeps what was typed into it, but for secrets; nothing else happens, none of it is in an address."""

import re

import pytest

from idp.records import OneTime
from tests.journeys.test_languages import turned
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, attribute, authorize, last_code, messages

NEW = "harbour lantern seven quilts"


@pytest.fixture
def person(house: House) -> Person:
    house.citizen("li.wei", "li.wei@example.cn", claims={"nickname": "Wei"}, password=PASSWORD, source="self")
    return Person(house)


def kept(person: Person, field: str, typed: str, **secret: str) -> None:
    """The page in the other language holds what was typed, and none of ``secret``."""
    page = turned(person, **{field: typed}, **secret)
    tag = re.search(rf'<input[^>]* name="{field}"[^>]*>', page.text)
    assert tag is not None and attribute(tag[0], "value") == typed, tag
    assert not [name for name, value in secret.items() if value in page.text]


@pytest.mark.parametrize("wrong", [False, True], ids=["at first", "after a failure"])
def test_the_account_of_a_sign_in(person: Person, wrong: bool) -> None:
    person.get("/sign-in?to=security")
    if wrong:
        assert person.submit(username="li.wei", password="wrong").status_code == 422
    failures = len(person.house.events("sign_in.failed"))
    kept(person, "username", 'o"li.wei', password=NEW)
    assert person.cookie() is None and len(person.house.events("sign_in.failed")) == failures
    assert person.submit(username="li.wei", password=PASSWORD).request.path == "/account/security"


def test_why_a_service_asks_for_a_sign_in_is_said_again(person: Person) -> None:
    person.sign_in()
    authorize(person, person.house.register(), prompt="login")
    for again in ("to be sure that it is you", "以确认是您本人"):
        kept(person, "username", "li.wei", password=NEW)
        assert again in person.page.text
    assert "以确认是您本人" in person.submit(username="li.wei", password="wrong").text
    forged, hidden = person.form()
    assert "javascript" not in person.post(forged, {**hidden, "reason": "javascript", "shown": "1"}).text


def test_a_form_of_somebody_else_shows_nothing(person: Person) -> None:
    """RFC 9700 §4.7"""
    person.get("/sign-in")
    answer = person.post("/sign-in?lang=en", {"username": "li.wei", "shown": "1", "proof": "x"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("path", "kind", "step"), [("/sign-up", "sign_up_code", "name"), ("/forgot", "reset_code", "")]
)
def test_the_address_the_code_and_the_name(person: Person, path: str, kind: str, step: str) -> None:
    house, address = person.house, "li.wei@example.cn" if path == "/forgot" else "wang.fang@example.cn"
    person.get(path)
    kept(person, "identifier", address)
    assert messages(house) == []
    person.submit(identifier=address)
    kept(person, "code", "1234")
    (row,) = house.parts.store.find(OneTime)
    assert row.state == "open" and row.tries_left == 5 and len(messages(house, kind)) == 1
    wrong = person.submit(code="99")
    assert wrong.status_code == 422 and 'value="99"' not in wrong.text
    person.submit(code=last_code(house, kind))
    if step:
        kept(person, step, "王 芳", new_password=NEW, repeat_password=NEW)
        assert len(house.events("account.created")) == 1, "li.wei's"
    else:
        page = turned(person, new_password=NEW, repeat_password=NEW)
        assert NEW not in page.text


def test_a_password_that_is_too_short_alone_is_still_the_reason(person: Person) -> None:
    person.get("/forgot")
    action, hidden = person.form()
    person.post(action, {**hidden, "longer": "1", "shown": "1", "identifier": "li.wei"})
    assert 'id="too-short-alone"' in person.page.text
    kept(person, "identifier", "li.wei@example.cn")
    assert 'id="too-short-alone"' in person.page.text


def test_an_address_that_is_added_and_its_code(person: Person) -> None:
    person.sign_in()
    person.get("/account/contacts/new")
    kept(person, "identifier", "two@example.cn")
    assert messages(person.house, "contact_code") == []
    person.submit(identifier="two@example.cn")
    kept(person, "code", "1234")
    person.submit(code=last_code(person.house, "contact_code"))
    assert person.page.request.path == "/account/security"


def test_a_correction(person: Person) -> None:
    person.sign_in()
    person.get("/account/correct?attribute=nickname")
    kept(person, "value", "Xiao Wei")
    assert person.house.events("account.changed") == []
    person.submit(value="Xiao Wei")
    assert "/account/data" in person.page.request.path
