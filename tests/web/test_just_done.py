"""A page says that something was done because it was: no address that anybody can write says it."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from idp.web.done_words import CONTACT_DONE, DONE
from tests.journeys.test_contacts import OLD, add
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, authorize, enrol

WORDS = [
    "withdrawn",
    "second-step",
    "code-resent",
    "1",
    "true",
    "x" * 4000,
    "\ufffd",
    *DONE,
    *(f"contact-{how}" for how in CONTACT_DONE),
]
PAGES = [
    "/account",
    "/account/security",
    "/account/services",
    "/account/sessions",
    "/account/contacts",
    "/account/data",
    "/account/history",
    "/account/password",
    "/account/second-step",
    "/logout",
    "/sign-in",
    "/forgot",
    "/",
]


@pytest.fixture
def li_wei(house: House) -> Person:
    return citizen(house, "li.wei", OLD)


def citizen(house: House, name: str, address: str) -> Person:
    house.citizen(name, address, claims={"email": address}, password=PASSWORD)
    house.clock.advance(60)
    person = Person(house)
    person.sign_in(name)
    return person


def words(person: Person, path: str) -> tuple[int, str]:
    """What a page says, without what differs each time."""
    page = re.sub(r"<head>.*?</head>|<!--.*?-->", "", person.get(path).text, flags=re.DOTALL)
    return person.page.status_code, " ".join(re.sub(r"<[^>]*>|[0-9A-F]{10}", "", page).split())


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("signed_in", [True, False], ids=["signed in", "nobody"])
def test_no_parameter_says_what_was_done(house: House, path: str, signed_in: bool) -> None:
    """With the words of every sentence that the house says once something is done, a page says what it says without (CWE-451)."""
    person = citizen(house, "li.wei", OLD) if signed_in else Person(house)
    if signed_in:
        enrol(person)
    plain = words(person, path)
    for name in ("done", "ended"):
        for word in WORDS:
            assert words(person, f"{path}?{urlencode({name: word})}") == plain, (name, word[:20])


def changed(person: Person, typed: str) -> str:
    """The address of the page that says that it was added."""
    person.get("/account/contacts/new")
    assert 'id="change-done"' in add(person, typed).text
    return f"{urlsplit(person.page.request.url).path}?{urlsplit(person.page.request.url).query}"


def test_it_is_said_in_both_languages_and_to_its_session_for_ten_minutes(li_wei: Person) -> None:
    """The language links keep it; another session of the same citizen, another citizen, and later nobody hears it (CWE-451)."""
    house = li_wei.house
    at = changed(li_wei, "new@example.cn")
    links = re.findall(r'href="(/account/security\?done=[^"]+?)(?:&amp;|&)lang=en"', li_wei.page.text)
    assert links == [at]
    assert str(CONTACT_DONE["added"][0]) in words(li_wei, f"{at}&lang=en")[1]
    elsewhere, other = Person(house), citizen(house, "zhang.min", "zhang.min@example.cn")
    elsewhere.sign_in()
    for person in (elsewhere, other):
        assert 'id="change-done"' not in person.get(at).text
        assert "done=" not in person.page.text, "nor is it handed on"
    house.clock.advance(530)
    assert 'id="change-done"' in li_wei.get(at).text
    house.clock.advance(20)
    assert 'id="change-done"' not in li_wei.get(at).text


def test_each_page_says_its_own(li_wei: Person) -> None:
    """A word of one page says nothing on another, nor as another parameter (CWE-451)."""
    value = dict(parse_qsl(changed(li_wei, "new@example.cn").partition("?")[2]))["done"]
    assert 'id="change-done"' not in li_wei.get(f"/account/services?done={value}").text
    li_wei.get("/logout")
    li_wei.submit(decision="logout")
    signed_out = li_wei.page.text
    links = re.findall(r'href="(/logout\?ended=[^"]+?)(?:&amp;|&)lang=en"', signed_out)
    assert len(links) == 1, signed_out
    for ended in (value, "1"):
        assert "You are not signed in" in li_wei.get(f"/logout?ended={ended}&lang=en").text
    assert "You are signed out" in li_wei.get(f"{links[0]}&lang=en").text
    assert "You are not signed in" in Person(li_wei.house).get(f"{links[0]}&lang=en").text
    li_wei.house.clock.advance(601)
    assert "You are not signed in" in li_wei.get(f"{links[0]}&lang=en").text


def test_a_choice_that_was_undone_since_is_not_said(li_wei: Person) -> None:
    """“You are asked at every sign-in” stands beside “off” in no tab."""
    enrol(li_wei)
    li_wei.get("/account/security")
    li_wei.submit(form=1, ask_always="1")
    at = urlsplit(li_wei.page.request.url)
    assert (
        'id="change-done"' in li_wei.page.text
        and str(DONE["factor_always"][0]) in words(li_wei, f"{at.path}?{at.query}&lang=en")[1]
    )
    li_wei.submit(form=1, ask_always="0")
    assert "is turned off" in li_wei.page.text
    assert 'id="change-done"' not in li_wei.get(f"{at.path}?{at.query}").text


def test_a_withdrawal_is_said_where_it_happened(li_wei: Person) -> None:
    """And by nothing but itself."""
    authorize(li_wei, li_wei.house.register())
    li_wei.submit(decision="allow", follow=False)
    li_wei.get("/account/services?lang=en")
    found = re.search(r'name="withdraw" value="([^"]+)"', li_wei.page.text)
    assert found is not None
    li_wei.submit(withdraw=found[1])
    li_wei.submit(sure="1")
    assert li_wei.page.request.path == "/account/services"
    assert str(DONE["withdrawn"][0]) in li_wei.page.text


@pytest.mark.parametrize("journey", ["/account/contacts/new", "/sign-up", "/forgot"])
def test_another_code_is_told_to_who_asked_for_it(li_wei: Person, journey: str) -> None:
    """Else the page after *Send another code* is the page before; no link says it, and whose the address is has no part in it (ASVS 6.3.8)."""
    seen = set()
    for typed in ("new@example.cn", "zhang.min@example.cn"):
        li_wei.get(f"{journey}?lang=en")
        li_wei.submit(identifier=typed)
        assert 'id="code-resent"' not in li_wei.page.text
        if journey.startswith("/account"):
            assert 'id="code-resent"' not in li_wei.get("/account/contacts/code?done=code-resent&lang=en").text
        li_wei.submit(form=1, again="1")
        seen.add('id="code-resent"' in li_wei.page.text)
        assert li_wei.submit(code="00000000").status_code == 422 and 'id="code-resent"' not in li_wei.page.text
    assert seen == {True}


def test_that_something_was_kept_is_said_where_it_was(li_wei: Person) -> None:
    """The page that asks for the password names no draft because of its address."""
    assert "is kept" not in li_wei.get("/account/confirm?to=contact-kept&lang=en").text
    li_wei.get("/account/contacts/new?lang=en")
    li_wei.house.clock.advance(301)
    assert "is kept" in li_wei.submit(identifier="new@example.cn").text
    assert "is kept" not in li_wei.get("/account/confirm?to=contacts&lang=en").text
