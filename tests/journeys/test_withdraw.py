"""Withdrawing: what a service was allowed ends at once, the service is told both ways, the history shows it."""

import re
from typing import Any

import pytest

from idp.flows import outbox
from idp.records import Grant, LogoutDelivery, Session
from keys.subjects import subject
from tests.journeys.test_history import citizen, sequenced
from tests.kit.house import App, House, claims_of
from tests.kit.person import Person, authorize, messages

BACK = "https://tax.example/backchannel"


def withdraw(person: Person) -> Any:
    handle = re.search(r'name="withdraw" value="([^"]+)"', person.get("/account/services").text)
    assert handle is not None
    return person.submit(withdraw=handle[1], sure="1")


def offline(house: House, app: App, person: Person) -> dict[str, Any]:
    """Tokens with ``offline_access`` through the pages."""
    code = house.code(person.browser, app, scope="openid profile offline_access", prompt="consent")
    return dict(house.redeem(app, code).get_json())


@pytest.mark.attack("A096")
def test_everything_ends_at_once_also_what_outlives_the_session(any_house: House) -> None:
    """Code, tokens, refresh family: dead in the commit of the withdrawal, offline access too; the next request asks again (ASVS 10.7.3)."""
    house = any_house
    account, person = citizen(house)
    app = house.register(backchannel_logout_uri=BACK)
    tokens = offline(house, app, person)
    code = house.code(person.browser, app, scope="openid")
    assert house.userinfo(tokens["access_token"]).status_code == 200
    withdraw(person)
    assert house.userinfo(tokens["access_token"]).status_code == 401
    assert not house.introspect(app, tokens["access_token"])["active"]
    assert not house.introspect(app, tokens["refresh_token"])["active"]
    assert house.refresh(app, tokens["refresh_token"]).get_json()["error"] == "invalid_grant"
    assert house.redeem(app, code).get_json()["error"] == "invalid_grant"
    assert 'id="consent-allow"' in authorize(person, app, scope="openid profile").text
    assert {g.ended_why for g in house.parts.store.find(Grant, {"account_id": account})} == {"withdrawn"}


def test_a_service_is_told_although_the_session_is_long_over(any_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-Channel Logout §2.4: the delivery waits in the outbox, with the ``sid`` of the sign-in that the service holds"""
    house = any_house
    account, person = citizen(house)
    app = house.register(backchannel_logout_uri=BACK, backchannel_logout_session_required=True)
    sid = claims_of(offline(house, app, person)["id_token"])["sid"]
    house.clock.advance(house.config.session_max + 60)
    person.sign_in()
    assert house.parts.store.count(LogoutDelivery) == 0
    withdraw(person)
    (row,) = house.parts.store.find(LogoutDelivery)
    sent: list[bytes] = []

    class Accepting:
        status = 200

    def post(self: object, url: str, body: bytes, kind: str, limits: object) -> Accepting:
        sent.append(body)
        return Accepting()

    monkeypatch.setattr(type(house.parts.outbound), "post", post)
    assert outbox.deliver_logout(house.parts, row) == "sent"
    claims = claims_of(sent[0].decode().removeprefix("logout_token="))
    assert claims["sid"] == sid and claims["sub"] == subject(house.parts.ring, 1, account, app.client.sector_id)


def test_the_contacts_of_a_service_get_a_notice(house: House) -> None:
    """RFC 7591 §2 ``contacts``: whom it concerns, under the name that only this department knows"""
    account, person = citizen(house)
    app = house.register(contacts=["privacy@tax.example", "not an address"])
    house.code(person.browser, app, scope="openid")
    withdraw(person)
    ((_, to, body),) = messages(house, "client_withdrawn")
    assert to == "privacy@tax.example" and app.id in body
    assert subject(house.parts.ring, 1, account, app.client.sector_id) in body
    assert "li.wei" not in body and account.hex() not in body and "://" not in body


def test_the_history_shows_it_and_others_stay(house: House) -> None:
    _, person = citizen(house)
    tax, social = house.register(client_name="Tax"), house.register("social", client_name="Social")
    house.code(person.browser, tax, scope="openid")
    house.clock.advance(1)
    kept = house.redeem(social, house.code(person.browser, social, scope="openid")).get_json()
    page = person.get("/account/services").text
    handles = re.findall(r'<bdi id="service-\d">([^<]+)</bdi>.*?name="withdraw" value="([^"]+)"', page, re.DOTALL)
    person.submit(withdraw=dict(handles)["Tax"], sure="1")
    sequenced(house)
    shown = person.get("/account/history?lang=en").text
    assert shown.index("You withdrew an authorization") < shown.index("You gave an authorization")
    assert house.userinfo(kept["access_token"]).status_code == 200
    assert house.parts.store.count(Session, {"ended_at": None}) == 1
