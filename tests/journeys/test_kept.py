"""A deletion that signing in at a service cancelled: told on the way to the service, once."""

import re
from typing import Any

import pytest

from idp.protocol.acr import TWO_FACTORS
from idp.records import Erasure
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


@pytest.mark.parametrize("asked", [True, False])
def test_a_sign_in_reads_once_whether_a_deletion_waits(
    house: House, asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who begins the session says whether it kept the account; nobody looks again (DESIGN §9)."""
    _, person = citizen(house)
    if asked:
        ask(person)
    plain, seen = type(house.parts.store).one, list[Any]()

    def one(self: Any, kind: Any, **where: Any) -> Any:
        seen.append(kind)
        return plain(self, kind, **where)

    phone = Person(house)
    authorize(phone, house.register())
    monkeypatch.setattr(type(house.parts.store), "one", one)
    page = phone.submit(username="li.wei", password=PASSWORD, follow=False)
    assert ("账号予以保留" in page.text) is asked and seen.count(Erasure) == 1
