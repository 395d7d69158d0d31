"""A deletion that signing in at a service cancelled: told on the way to the service, once."""

import re

import pytest

from idp.protocol.acr import TWO_FACTORS
from tests.journeys.test_erasure import ask, citizen
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, authorize, enrol, totp_now


@pytest.mark.parametrize("second", [False, True])
def test_who_keeps_the_account_by_signing_in_at_a_service_reads_so(house: House, second: bool) -> None:
    _, person = citizen(house)
    secret = enrol(person)[0] if second else ""
    app = house.register(client_name="Income tax online", default_acr_values=[TWO_FACTORS] if second else [])
    ask(person)
    phone = Person(house)
    authorize(phone, app)
    page = phone.submit(username="li.wei", password=PASSWORD)
    assert 'id="change-done">您的账号予以保留<' in page.text and "Income tax online" in page.text
    onward = re.search(r'class="govuk-button" href="(/authorize/[^"]+)"', page.text)
    assert onward is not None
    page = phone.get(onward[1])
    if second:
        page = phone.submit(totp=totp_now(house, secret))
    assert 'id="consent-allow"' in page.text, "said once"
    house.clock.advance(1)
    again = Person(house)
    authorize(again, app)
    assert "账号予以保留" not in again.submit(username="li.wei", password=PASSWORD).text
