"""Back, and the same form once more: whoever asks for a code twice in a minute has one code, and it works; of several the newest does."""

import pytest

from idp.flows.sessions import SAME_FORM_S
from idp.records import OneTime
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, last_code, messages

NEW, TAKEN, NOBODY = "wang.fang@example.cn", "li.wei@example.cn", "no.one@example.cn"
ASKED = [("/sign-up", NEW, "sign_up_code"), ("/forgot", TAKEN, "reset_code")]


def ask(person: Person, path: str, typed: str) -> tuple[str, dict[str, str]]:
    """The form as it is sent, which the browser offers to send once more."""
    person.get(path)
    action, hidden = person.form()
    sent = {**hidden, "identifier": typed}
    person.post(action, sent)
    return action, sent


@pytest.fixture
def person(house: House) -> Person:
    house.citizen("li.wei", TAKEN, password=PASSWORD)
    return Person(house)


@pytest.mark.parametrize(("path", "typed", "kind"), ASKED)
def test_the_same_form_within_a_minute_sends_no_second_code(person: Person, path: str, typed: str, kind: str) -> None:
    house = person.house
    action, sent = ask(person, path, typed)
    house.clock.advance(SAME_FORM_S - 1)
    page = person.post(action, sent)
    assert 'id="confirm-code"' in page.text and len(messages(house, kind)) == 1
    assert 'id="new_password"' in person.submit(code=last_code(house, kind)).text


@pytest.mark.parametrize(("path", "typed", "kind"), ASKED)
def test_of_two_codes_the_page_says_which_works(person: Person, path: str, typed: str, kind: str) -> None:
    house = person.house
    action, sent = ask(person, path, typed)
    first = last_code(house, kind)
    house.clock.advance(SAME_FORM_S)
    person.post(action, sent)
    assert len(messages(house, kind)) == 2
    wrong = person.submit(code=first)
    assert wrong.status_code == 422 and "请使用最新一条中的验证码" in wrong.text
    assert 'id="new_password"' in person.submit(code=last_code(house, kind)).text


@pytest.mark.parametrize(("path", "typed", "kind"), ASKED)
def test_whoever_wants_another_code_gets_one_at_once(person: Person, path: str, typed: str, kind: str) -> None:
    ask(person, path, typed)
    house = person.house
    person.submit(form=1, again="1")
    assert len(messages(house, kind)) == 2
    assert 'id="new_password"' in person.submit(code=last_code(house, kind)).text
    ask(person, path, typed)
    assert len(messages(house, kind)) == 3, "the code is used"


@pytest.mark.parametrize(("path", "typed", "kind"), ASKED)
def test_another_code_asked_for_twice_is_one(person: Person, path: str, typed: str, kind: str) -> None:
    ask(person, path, typed)
    house, (action, hidden) = person.house, person.form(1)
    for _ in range(2):
        page = person.post(action, {**hidden, "again": "1"})
        assert page.status_code == 200 and len(messages(house, kind)) == 2
    assert 'id="new_password"' in person.submit(code=last_code(house, kind)).text
    assert person.post(action, {**hidden, "again": "1"}).status_code == 400, "nothing waits for a code any more"


@pytest.mark.parametrize("path", ["/sign-up", "/forgot"])
def test_a_code_that_was_guessed_at_too_often_is_not_kept(person: Person, path: str) -> None:
    typed = NEW if path == "/sign-up" else TAKEN
    action, sent = ask(person, path, typed)
    rows = person.house.parts.store.count(OneTime)
    for _ in range(5):
        person.submit(code="1")
    person.post(action, sent)
    assert person.house.parts.store.count(OneTime) == rows + 1


@pytest.mark.parametrize("path", ["/sign-up", "/forgot"])
def test_the_same_form_tells_nothing_of_accounts(person: Person, path: str) -> None:
    """As many rows, whether the address has an account or not, and only for this browser (OWASP ASVS 6.3.8)."""
    store, made = person.house.parts.store, []
    for typed in (TAKEN, NOBODY):
        before = store.count(OneTime)
        action, sent = ask(person, path, typed)
        person.post(action, sent)
        ask(Person(person.house), path, typed)
        made.append(store.count(OneTime) - before)
    assert made == [2, 2]


def test_a_new_address_of_ones_own_asked_for_twice_has_one_code(person: Person) -> None:
    """Also "Send another code" sent twice; another address is another form."""
    house = person.house
    person.sign_in()
    action, sent = ask(person, "/account/contacts/new", NEW)
    house.clock.advance(SAME_FORM_S - 1)
    person.post(action, sent)
    assert len(messages(house, "contact_code")) == 1
    resend, again = person.form(1)
    for _ in range(2):
        person.post(resend, {**again, "again": "1"})
        assert len(messages(house, "contact_code")) == 2
    for typed in ("fang@example.cn", NEW):
        house.clock.advance(1)
        person.post(action, {**sent, "identifier": typed})
    assert len(messages(house, "contact_code")) == 4
    assert 'id="change-done"' in person.submit(code=last_code(house, "contact_code")).text
