"""The citizen's own pages: where I am signed in, which services I use; and staff accounts."""

import re

import pytest

from idp.flows import staff
from idp.flows.people import meant
from idp.records import Consent, Grant, LogoutDelivery, Session, Totp
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, authorize, enrol, messages, totp_now

NEW = "harbour lantern seven quilts"


@pytest.fixture
def li_wei(house: House) -> Person:
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    person = Person(house)
    person.sign_in()
    return person


def test_sessions_show_device_and_address_and_end_one_by_one(li_wei: Person) -> None:
    phone = Person(
        li_wei.house, remote="198.51.100.9", agent="Mozilla/5.0 (iPhone; CPU iPhone OS) Version/18 Safari/605"
    )
    phone.sign_in()
    page = li_wei.get("/account/sessions").text
    assert "Chrome on Windows" in page and "Safari on iPhone" in page and "198.51.100.9" in page
    session_ids = [session.id.hex() for session in li_wei.house.parts.store.find(Session)]
    assert not any(value in page for value in session_ids)
    handle = re.search(r'name="end" value="([^"]+)"', page)
    assert handle is not None
    li_wei.submit(end=handle[1])
    assert phone.get("/account").request.path == "/sign-in"
    assert li_wei.get("/account").request.path == "/account"
    assert li_wei.house.events("session.ended")[-1]["why"] == "citizen"


def test_sign_out_everywhere_else(li_wei: Person) -> None:
    others = [Person(li_wei.house) for _ in range(3)]
    for other in others:
        other.sign_in()
    li_wei.get("/account/sessions")
    li_wei.submit(end_all="1")
    assert [other.get("/account").request.path for other in others] == ["/sign-in"] * 3
    assert li_wei.get("/account").request.path == "/account"


def consented(house: House, person: Person, **metadata):
    import msgspec

    from idp.flows.consent import Wanted
    from idp.ports import Insert

    app = house.register(client_name="Income tax online", **metadata)
    session = house.parts.store.find(Session, {"ended_at": None})[0]
    document = msgspec.json.encode(Wanted(("openid", "profile"), ("name", "birthdate")))
    house.parts.store.commit([Insert(Consent(session.account_id, app.id, document, b"d" * 32, house.clock(), None))])
    _, grant = house.grant(app, session.account_id, session=session)
    return app, grant


def test_services_say_what_they_see_and_withdrawal_ends_everything(li_wei: Person) -> None:
    app, _ = consented(li_wei.house, li_wei, backchannel_logout_uri="https://tax.example/backchannel")
    page = li_wei.get("/account/services?lang=en").text
    assert "Income tax online" in page and "Full name" in page and "Date of birth" in page and app.id not in page
    handle = re.search(r'name="withdraw" value="([^"]+)"', page)
    assert handle is not None
    asked = li_wei.submit(withdraw=handle[1])
    assert 'id="withdraw-confirm"' in asked.text and "Income tax online" in asked.text
    assert li_wei.house.events("consent.withdrawn") == [], "asking does nothing"
    assert 'href="/account/services"' in asked.text
    li_wei.submit(sure="1")
    assert "Income tax online" not in li_wei.page.text and 'id="change-done"' in li_wei.page.text
    assert all(grant.ended_at is not None for grant in li_wei.house.parts.store.find(Grant))
    assert all(consent.withdrawn_at is not None for consent in li_wei.house.parts.store.find(Consent))
    assert [row.client_id for row in li_wei.house.parts.store.find(LogoutDelivery)] == [app.id]
    assert li_wei.house.events("consent.withdrawn")[0]["grants"] == 1


def test_a_department_of_the_same_name_is_named_once(li_wei: Person) -> None:
    _, other = consented(li_wei.house, li_wei)
    li_wei.house.grant(li_wei.house.register(client_name="tax局"), other.account_id)
    page = li_wei.get("/account/services").text
    assert re.findall(r"<bdi[^>]*>(tax局|Income tax online)<", page).count("tax局") == 2, "one a name, one a department"
    stranger = authorize(Person(li_wei.house), li_wei.house.register(client_name="tax局")).text
    assert len(re.findall(r"<bdi[^>]*>tax局<", stranger)) == 1


def test_a_staff_link_makes_an_account_with_a_second_factor(house: House) -> None:
    path = staff.staff_link(house.parts, ["auditor"], now=house.clock()).removeprefix(house.config.issuer)
    person = Person(house)
    for _ in range(3):
        assert person.get(path).status_code == 200
    refused = person.submit(identifier="wang.audit", name="\ue000审", new_password=NEW, repeat_password=NEW)
    assert refused.status_code == 422 and "无法显示的字符" in refused.text
    answer = person.submit(identifier="wang.audit", name="\U00031350审", new_password=NEW, repeat_password=NEW)
    assert answer.request.path == "/sign-in/enrol" and person.cookie() is None
    assert person.get("/account").request.path == "/sign-in"
    secret = re.search(r'id="totp-secret">([^<]+)<', person.get("/sign-in/enrol").text)
    assert secret is not None
    assert person.get("/sign-in/enrol/qr.svg").status_code == 200
    person.get("/sign-in/enrol")
    assert "recovery-codes" in person.submit(totp=totp_now(house, secret[1])).text
    assert person.submit(saved="1").request.path == "/account/security"
    found = meant(house.parts, "wang.audit").person
    assert found is not None and found.account.roles == "auditor"
    assert Person(house).get(path).status_code == 400
    house.clock.advance(30)
    again = Person(house)
    assert again.sign_in("wang.audit", NEW).request.path == "/sign-in/totp"
    assert again.cookie() is None
    assert again.submit(totp=totp_now(house, secret[1])).request.path == "/account"
    assert house.events("session.started")[-1]["acr"] == "urn:yimen:acr:2"


def test_staff_without_a_factor_must_set_one_up_first(li_wei: Person) -> None:
    staff.set_roles(li_wei.house.parts, "li.wei", ["operator"], now=li_wei.house.clock())
    assert li_wei.get("/account").request.path == "/sign-in"
    assert li_wei.sign_in().request.path == "/sign-in/enrol"
    assert "enrol-cancel" not in li_wei.page.text
    assert li_wei.house.parts.store.count(Session, {"ended_at": None}) == 0


def test_reset_factor_by_the_operator(li_wei: Person) -> None:
    enrol(li_wei)
    assert staff.reset_factor(li_wei.house.parts, "li.wei@example.cn", "lost", now=li_wei.house.clock())
    assert li_wei.house.parts.store.count(Totp) == 0
    assert li_wei.get("/account").request.path == "/sign-in"
    event = li_wei.house.events("account.factor_removed")[0]
    assert (event["by"], event["reason"]) == ("cli", "lost")
    assert len(messages(li_wei.house, "totp_removed")) == 1
    assert not staff.reset_factor(li_wei.house.parts, "li.wei", "lost", now=li_wei.house.clock())


def test_the_outbox_is_a_page_of_the_demonstration_alone(make_house, house: House) -> None:
    assert Person(house).get("/outbox").status_code == 404
    demo = make_house(issuer="http://localhost:8000", outbox_page=True)
    browser = demo.browser()
    page = browser.get("/sign-up", base_url=demo.config.issuer).text
    proof = re.search(r'name="proof" value="([^"]+)"', page)
    assert proof is not None
    browser.post("/sign-up", base_url=demo.config.issuer, data={"proof": proof[1], "identifier": "new@example.cn"})
    shown = browser.get("/outbox", base_url=demo.config.issuer).text
    assert "new@example.cn" in shown and re.search(r"data-code>[0-9]{8}<", shown)
