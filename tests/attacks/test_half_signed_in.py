"""Attacks between the factors: a password that was proved is worth nothing once it, or its account, changed."""

import pytest

from idp.flows import staff
from idp.flows.people import load
from idp.flows.secrets import replace
from idp.ports import Update
from idp.records import Account, Session
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, enrol, totp_now


@pytest.mark.attack("A121", "A128")
@pytest.mark.parametrize("change", ["password", "account", "nothing"])
def test_a_change_between_the_factors(house: House, change: str) -> None:
    """Whoever knew the old password stands at the code page and gets no further, with a right code too (ASVS 7.4.3, 6.4.3)."""
    account_id = house.citizen("li.wei", password=PASSWORD)
    owner = Person(house)
    owner.sign_in()
    secret, _ = enrol(owner)
    staff.set_roles(house.parts, "li.wei", ["auditor"], now=house.clock())
    thief = Person(house, remote="198.51.100.9")
    thief.sign_in()
    assert thief.page.request.path == "/sign-in/totp"
    house.clock.advance(1)
    person = load(house.parts, account_id)
    assert person is not None
    if change == "password":
        house.parts.store.commit([replace(house.parts, person, "another good password", house.clock())])
    elif change == "account":
        house.parts.store.commit([Update(Account, {"id": account_id}, {"status": "disabled"})])
    answer = thief.submit(totp=totp_now(house, secret), follow=False)
    assert answer.status_code == (303 if change == "nothing" else 400)
    living = house.parts.store.count(Session, {"ended_at": None})
    assert living == (1 if change == "nothing" else 0)
