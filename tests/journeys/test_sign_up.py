"""A new account, from the address to the signed-in citizen."""

import pytest

from idp.flows.people import meant
from idp.records import Account
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, last_code, messages

NEW = "harbour lantern seven quilts"


def sign_up(person: Person, address: str, name: str = "王芳", password: str = NEW):
    person.get("/sign-up")
    person.submit(identifier=address)
    person.submit(code=last_code(person.house, "sign_up_code"))
    return person.submit(name=name, new_password=password, repeat_password=password)


@pytest.mark.parametrize(
    ("address", "claims"),
    [
        ("Wang.Fang@Example.cn", {"email": "wang.fang@example.cn", "email_verified": True}),
        ("139 0013 9000", {"phone_number": "+8613900139000", "phone_number_verified": True}),
    ],
)
def test_sign_up_ends_signed_in_with_verified_claims(house: House, address: str, claims: dict) -> None:
    person = Person(house)
    answer = sign_up(person, address)
    assert answer.request.path == "/account" and "王芳" in answer.text
    found = meant(house.parts, address).person
    assert found is not None
    held = house.parts.vault.claims(found.citizen, ("name", *claims))
    assert held == {"name": "王芳", **claims}
    kinds = [event["kind"] for event in house.events()]
    assert [k for k in kinds if k.startswith(("account", "session"))] == [
        "account.one_time_sent",
        "account.created",
        "account.password_changed",
        "session.started",
    ]
    assert Person(house).sign_in(address, NEW).request.path == "/account"


@pytest.mark.parametrize("address", ["", "not an address", "li.wei", "a@b@c.cn"])
def test_addresses_that_are_none(house: House, address: str) -> None:
    person = Person(house)
    person.get("/sign-up")
    assert person.submit(identifier=address).status_code == 422
    assert not messages(house)


@pytest.mark.parametrize(
    ("password", "repeated"),
    [("", ""), ("short words", "short words"), ("x" * 129, "x" * 129), ("woaini1314520woaini", "woaini1314520woaini"),
     ("wang.fang@example.cn!!", "wang.fang@example.cn!!"), (NEW, NEW + "!")],
)  # fmt: skip
def test_unfit_passwords_are_explained_and_the_ticket_stays(house: House, password: str, repeated: str) -> None:
    person = Person(house)
    person.get("/sign-up")
    person.submit(identifier="wang.fang@example.cn")
    person.submit(code=last_code(house, "sign_up_code"))
    answer = person.submit(name="王芳", new_password=password, repeat_password=repeated)
    assert answer.status_code == 422 and "govuk-error-summary" in answer.text
    assert "王芳" in answer.text
    assert person.submit(name="王芳", new_password=NEW, repeat_password=NEW).request.path == "/account"


@pytest.mark.parametrize("name", ["\U0002ebf0\u660e", "\U00031350"], ids=ascii)
def test_a_rare_letter_of_a_name_is_taken_as_it_is(house: House, name: str) -> None:
    answer = sign_up(Person(house), "wang.fang@example.cn", name)
    assert answer.request.path == "/account" and name in answer.text
    found = meant(house.parts, "wang.fang@example.cn").person
    assert found is not None and house.parts.vault.claims(found.citizen, ("name",)) == {"name": name}


@pytest.mark.parametrize(
    ("language", "name", "words"),
    [
        ("en", "\ue000\u660e", "a character that can&#39;t be shown"),
        ("zh-CN", "\ue000\u660e", "无法显示的字符"),
        ("en", "x" * 81, "Enter a name of at most 80 characters"),
        ("zh-CN", "x" * 81, "姓名最多 80 个字符"),
    ],
    ids=ascii,
)
def test_a_name_that_is_refused_is_told_why(house: House, language: str, name: str, words: str) -> None:
    person = Person(house)
    person.accepts = language
    answer = sign_up(person, "wang.fang@example.cn", name)
    assert answer.status_code == 422 and words in answer.text


def test_wrong_code_then_right(house: House) -> None:
    person = Person(house)
    person.get("/sign-up")
    person.submit(identifier="wang.fang@example.cn")
    code = last_code(house, "sign_up_code")
    assert person.submit(code=f"{(int(code) + 1) % 10**8:08d}").status_code == 422
    assert person.submit(code=f"{code[:4]} {code[4:]}").status_code == 200
    assert 'id="set-password"' in person.page.text


def test_a_code_that_was_tried_too_often_says_what_helps(house: House) -> None:
    """Waiting does not help: another code does."""
    person = Person(house)
    person.get("/sign-up")
    person.submit(identifier="wang.fang@example.cn")
    right = last_code(house, "sign_up_code")
    said = [person.submit(code="00000000" if right != "00000000" else "1").text for _ in range(6)]
    assert ["请重新发送" in text for text in said] == [False] * 5 + [True]
    person.submit(code=right)
    assert person.page.status_code == 422
    person.submit({"again": "1"}, form=1)
    assert person.submit(code=last_code(house, "sign_up_code")).status_code == 200


def test_another_code_ends_the_first(house: House) -> None:
    person = Person(house)
    person.get("/sign-up")
    person.submit(identifier="wang.fang@example.cn")
    first, before = last_code(house, "sign_up_code"), person.form()
    house.clock.advance(1)
    person.submit(form=1, again="1")
    assert len(messages(house, "sign_up_code")) == 2
    assert person.post(before[0], {**before[1], "code": first}).status_code == 400
    assert house.parts.store.count(Account) == 0


def test_an_address_with_an_account_gets_a_notice(house: House) -> None:
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    person = Person(house)
    person.get("/sign-up")
    answer = person.submit(identifier="LI.WEI@example.cn")
    assert answer.status_code == 200 and 'id="confirm-code"' in answer.text
    assert [kind for kind, _, _ in messages(house)] == ["exists"]


def test_the_code_comes_in_the_language_of_the_page(house: House) -> None:
    person = Person(house)
    person.get("/sign-up?lang=en")
    person.submit(identifier="wang.fang@example.cn")
    assert messages(house)[-1][2].startswith("Your code is ")
    person.submit(form=1, again="1")
    assert messages(house)[-1][2].startswith("Your code is ")
    other = Person(house)
    other.get("/sign-up?lang=zh-Hans")
    other.submit(identifier="li.na@example.cn")
    assert messages(house)[-1][2].startswith("您的验证码是")


def test_an_owner_is_told_in_the_owners_language(house: House) -> None:
    """Whoever types the address chooses nothing of what its owner gets"""
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    person = Person(house)
    person.get("/sign-up?lang=en")
    person.submit(identifier="li.wei@example.cn")
    assert not messages(house, "exists")[-1][2].isascii()
