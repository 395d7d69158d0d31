"""Levels of assurance through the real pages: the second factor where a client, a request or a role wants it."""

import re

import pytest

from idp.records import Grant
from tests.kit.house import PASSWORD, House
from tests.kit.person import Person, authorize, enrol, totp_now

ONE, TWO = "urn:yimen:acr:1", "urn:yimen:acr:2"
ESSENTIAL = f'{{"id_token": {{"acr": {{"essential": true, "values": ["{TWO}"]}}}}}}'


@pytest.fixture
def known(house: House) -> tuple[House, str]:
    """Li Wei has a second factor: the house and the app's secret."""
    house.citizen("li.wei", password=PASSWORD)
    person = Person(house)
    person.sign_in()
    return house, enrol(person)[0]


def with_password_alone(house: House) -> Person:
    person = Person(house)
    person.sign_in()
    return person


def last_grant(house: House) -> Grant:
    return house.parts.store.find(Grant, order=("-created_at",))[0]


@pytest.mark.parametrize("wish", [{"acr_values": TWO}, {"claims": ESSENTIAL}, {"registered": "yes"}])
def test_core_5_5_1_1_the_second_factor_is_asked_in_place_and_told(
    known: tuple[House, str], wish: dict[str, str]
) -> None:
    house, secret = known
    app = house.register(require_second_factor="registered" in wish)
    person = with_password_alone(house)
    asked = {name: value for name, value in wish.items() if name != "registered"}
    page = authorize(person, app, **asked)
    assert 'id="totp"' in page.text
    page = person.submit(totp=totp_now(house, secret))
    assert 'id="consent-allow"' in page.text
    assert "code=" in person.submit(decision="allow").headers["Location"]
    assert (last_grant(house).acr, last_grant(house).amr) == (TWO, "pwd otp mfa")
    assert "code=" in authorize(person, app, **asked, prompt="none").headers["Location"]


def test_core_3_1_2_6_silently_it_is_interaction_required_where_it_must_be_and_nothing_where_it_is_a_wish(
    known: tuple[House, str],
) -> None:
    house, _ = known
    person = with_password_alone(house)
    plain, strict = house.register(), house.register("social", require_second_factor=True)
    authorize(person, plain)
    person.submit(decision="allow")
    wished = authorize(person, plain, acr_values=TWO, prompt="none").headers["Location"]
    assert "code=" in wished and last_grant(house).acr == ONE
    assert "error=interaction_required" in authorize(person, plain, claims=ESSENTIAL, prompt="none").headers["Location"]
    assert "error=interaction_required" in authorize(person, strict, prompt="none").headers["Location"]


def test_the_level_that_was_listed_is_told_where_more_was_reached(known: tuple[House, str]) -> None:
    house, secret = known
    person, app = with_password_alone(house), house.register()
    authorize(person, app, acr_values=TWO)
    person.submit(totp=totp_now(house, secret))
    person.submit(decision="allow")
    house.clock.advance(1)
    authorize(person, app, acr_values=ONE)
    assert last_grant(house).acr == ONE
    house.clock.advance(1)
    authorize(person, app)
    assert last_grant(house).acr == TWO


def test_prompt_create_leads_to_sign_up_and_a_sign_in_instead_answers_it(house: House) -> None:
    house.citizen("li.wei", password=PASSWORD)
    app, person = house.register(), Person(house)
    page = authorize(person, app, prompt="create")
    assert page.request.path == "/sign-up" and 'id="identifier"' in page.text
    link = re.search(r'href="(/authorize/[^"]+other=1)"', page.text)
    assert link is not None
    page = person.get(link[1])
    assert 'id="sign-in"' in page.text
    page = person.submit(username="li.wei", password=PASSWORD)
    assert 'id="consent-allow"' in page.text
