"""Sealed values altered, moved, truncated, downgraded or rolled back in the database: that person's answer fails closed, is on record, and is nobody
else's trouble (A085, F26)."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from idp.flows import notices
from idp.flows.log_alerts import acknowledge
from idp.flows.outbox import deliver_message, open_notice
from idp.flows.people import load
from idp.ports import Update
from idp.records import AlertDone, Attribute, Grant, Identifier, Message, Password, Session, Totp
from tests.journeys.test_cases import alert
from tests.journeys.test_console import auditor, pseudonym
from tests.kit.house import PASSWORD, House
from tests.kit.person import Person, enrol, totp_now

Change = Callable[[bytes, bytes], bytes]
CHANGES: dict[str, Change] = {
    "bit flipped": lambda own, _: own[:-1] + bytes([own[-1] ^ 1]),
    "tag shortened": lambda own, _: own[:-4],
    "truncated to the head": lambda own, _: own[:3],
    "empty": lambda _, __: b"",
    "another's": lambda _, other: other,
    "suite downgraded": lambda own, _: b"\x02" + own[1:],
    "unknown suite": lambda own, _: b"\xff" + own[1:],
    "key version": lambda own, _: own[:1] + b"\x00\x09" + own[3:],
    "in the clear": lambda _, __: b'"li.wei@example.cn"' + bytes(60),
}


def put(house: House, kind: type[Any], where: dict[str, Any], sealed: bytes) -> None:
    house.parts.store.commit([Update(kind, where, {"sealed": sealed})])


def places(house: House) -> list[str]:
    return [event["place"] for event in house.events("seal.failed")]


@pytest.mark.attack("A085", "F26")
@pytest.mark.parametrize("change", CHANGES)
def test_an_attribute(any_house: House, change: str) -> None:
    """UserInfo and the ID token refuse for that citizen alone; nothing is consumed, released or shown (DESIGN §6, OWASP ASVS 11.2.5)."""
    house = any_house
    app, hurt, well = house.register(), house.citizen(), house.citizen("zhang.min", "zhang@example.cn")
    token, others = (house.tokens(app, account)["access_token"] for account in (hurt, well))
    own, other = (house.parts.store.one(Attribute, account_id=who, code="email") for who in (hurt, well))
    assert own is not None and other is not None
    put(house, Attribute, {"account_id": hurt, "code": "email"}, CHANGES[change](own.sealed, other.sealed))

    answer = house.userinfo(token)
    assert answer.status_code == 500 and set(answer.get_json()) == {"error", "error_description"}
    code, _ = house.grant(app, hurt, claims=b'{"id_token":{"email":null}}')
    refused = house.redeem(app, code)
    assert refused.status_code == 500 and refused.get_json()["error"] == "server_error"
    for text in (answer.text, refused.text):
        assert "@" not in text and "eyJ" not in text
    assert house.events("attributes.released") == [] and places(house) == ["attribute.value"]
    pseudonym = house.parts.vault.citizen(hurt).pseudonym.hex()
    assert house.events("seal.failed")[0]["person"] == pseudonym

    assert house.userinfo(others).status_code == 200
    put(house, Attribute, {"account_id": hurt, "code": "email"}, own.sealed)  # as from a backup
    assert house.userinfo(token).status_code == 200 and house.redeem(app, code).status_code == 200


@pytest.mark.attack("A085")
def test_an_older_value_of_the_same_attribute(house: House) -> None:
    """A value that was replaced does not come back: its place is bound to the row's version (DESIGN §6)."""
    account = house.citizen()
    token = house.tokens(house.register(), account)["access_token"]
    old = house.parts.store.one(Attribute, account_id=account, code="email")
    assert old is not None
    citizen = house.parts.vault.citizen(account)
    new = citizen.seal_claim("email", "new@example.cn", old.row_version + 1, "self", house.clock())
    changed = {"sealed": new.sealed, "row_version": new.row_version}
    house.parts.store.commit([Update(Attribute, {"account_id": account, "code": "email"}, changed)])
    assert house.userinfo(token).get_json()["email"] == "new@example.cn"
    put(house, Attribute, {"account_id": account, "code": "email"}, old.sealed)
    assert house.userinfo(token).status_code == 500


@pytest.mark.attack("A085", "F26")
def test_two_citizens_keys_exchanged(any_house: House) -> None:
    """Neither opens with the other's key; both are refused, others are not, and both come back with their rows (DESIGN §6)."""
    house = any_house
    app = house.register()
    people = [house.citizen(name) for name in ("a-citizen", "b-citizen", "c-citizen")]
    tokens = [house.tokens(app, account)["access_token"] for account in people]
    ring = house.parts.keyring
    first, second = (ring.get(account) for account in people[:2])
    assert first is not None and second is not None
    assert ring.swap_key(people[0], first.wrapped, second.wrapped)
    assert ring.swap_key(people[1], second.wrapped, first.wrapped)
    house.clock.advance(2)
    assert [house.userinfo(token).status_code for token in tokens] == [401, 401, 200]
    assert places(house) == ["keyring", "keyring"]
    assert ring.swap_key(people[0], second.wrapped, first.wrapped)
    assert ring.swap_key(people[1], first.wrapped, second.wrapped)
    assert [house.userinfo(token).status_code for token in tokens] == [200, 200, 200]


@pytest.mark.attack("A085", "F26")
def test_a_grant_that_was_moved_to_somebody_else(any_house: House) -> None:
    """A token tells of nobody but the subject that it was made for, whoever the row names since (DESIGN §6)."""
    house, app = any_house, any_house.register()
    li, zhang = house.citizen("li.wei"), house.citizen("zhang.min")
    tokens = house.tokens(app, li, offline=1)
    assert house.userinfo(tokens["access_token"]).status_code == 200
    house.parts.store.commit([Update(Grant, {"account_id": li}, {"account_id": zhang})])
    assert house.userinfo(tokens["access_token"]).status_code == 401
    assert house.introspect(app, tokens["access_token"]) == {"active": False}


@pytest.mark.attack("A085")
@pytest.mark.parametrize("change", ["bit flipped", "another's", "truncated to the head"])
def test_what_one_signs_in_with(house: House, change: str) -> None:
    """A damaged password row lets nobody in and says no more than a wrong password; another's sealed hash opens nothing either (DESIGN §6)."""
    hurt = house.citizen("li.wei", password=PASSWORD)
    well = house.citizen("zhang.min", password=PASSWORD)
    own, other = (house.parts.store.one(Password, account_id=who) for who in (hurt, well))
    assert own is not None and other is not None
    put(house, Password, {"account_id": hurt}, CHANGES[change](own.sealed, other.sealed))
    browser = house.browser()
    page = house.follow(browser, browser.get("/sign-in", base_url=house.config.issuer))
    answer = house.submit(browser, page, username="li.wei", password=PASSWORD)
    assert answer.status_code in (200, 422) and "Traceback" not in answer.text
    assert 'id="password"' in answer.text, "asked again"
    assert places(house) == ["password.phc"]
    page = house.submit(browser, answer, username="zhang.min", password=PASSWORD)
    assert 'id="password"' not in page.text


@pytest.mark.attack("A085", "F26")
def test_the_account_page_of_a_damaged_row_shows_nothing_of_it(house: House) -> None:
    """A page, not a trace: 500 with a reference, without data; the other citizen's page is whole (CWE-209)."""
    hurt, well = house.citizen(), house.citizen("zhang.min", "zhang@example.cn")
    rows = house.parts.store.find(Identifier, {"account_id": hurt})
    for row in rows:
        put(house, Identifier, {"id": row.id}, CHANGES["bit flipped"](row.sealed, b""))
    page = house.signed_in(hurt).get("/account", base_url=house.config.issuer)
    assert page.status_code == 500 and "li.wei" not in page.text and 'id="error-code"' in page.text
    assert places(house) == ["identifier.value"]
    assert house.signed_in(well).get("/account", base_url=house.config.issuer).status_code == 200


@pytest.mark.attack("A085")
def test_a_session_whose_place_does_not_open(house: House) -> None:
    """Device and address are for show: damaged, they are empty, and the page with the session is there (DESIGN §6)."""
    account = house.citizen()
    browser = house.signed_in(account)
    (row,) = house.parts.store.find(Session, {"account_id": account})
    put(house, Session, {"id": row.id}, CHANGES["bit flipped"](row.sealed, b""))
    assert browser.get("/account/sessions", base_url=house.config.issuer).status_code == 200
    assert places(house) == ["session.where"]


@pytest.mark.attack("A085")
def test_a_damaged_message_is_sent_to_nobody(house: House) -> None:
    """A message moved into another row, or altered, is dead and recorded; none goes to the wrong person (DESIGN §6)."""
    sent: list[str] = []

    class Collector:
        def send(self, channel: str, to: str, subject: str, body: str) -> None:
            sent.append(to)

    for name in ("li.wei", "zhang.min"):
        person = load(house.parts, house.citizen(name, f"{name}@example.cn"))
        assert person is not None
        house.parts.store.commit(notices.to_person(house.parts, person, "guessing", house.clock()))
    one, two = house.parts.store.find(Message, order=("created_at", "id"))
    assert one.account_id != two.account_id and {one.account_id, two.account_id} != {None}
    put(house, Message, {"id": one.id}, two.sealed)
    moved = msgspec.structs.replace(one, sealed=two.sealed)
    assert deliver_message(house.parts, Collector(), moved) == "dead" and sent == []
    assert deliver_message(house.parts, Collector(), two) == "sent" and len(sent) == 1
    assert places(house) == ["message.notice"]


def test_a_message_goes_with_its_citizen(house: House) -> None:
    """DESIGN §6: once the key is destroyed, nothing that was written to the citizen opens any more."""
    account = house.citizen("li.wei", "li.wei@example.cn")
    person = load(house.parts, account)
    assert person is not None
    house.parts.store.commit(notices.to_person(house.parts, person, "guessing", house.clock()))
    (row,) = house.parts.store.find(Message)
    assert open_notice(house.parts, row) is not None
    house.parts.keyring.destroy(account)
    assert open_notice(house.parts, row) is None


@pytest.mark.attack("A085")
def test_a_damaged_second_factor_lets_nobody_in(house: House) -> None:
    """A TOTP secret that does not open is no factor that was passed, and the code that fits it is refused (DESIGN §2.6)."""
    account, li_wei = house.citizen("li.wei", password=PASSWORD), Person(house)
    li_wei.sign_in()
    secret, _ = enrol(li_wei)
    row = house.parts.store.one(Totp, account_id=account)
    assert row is not None
    put(house, Totp, {"account_id": account}, CHANGES["bit flipped"](row.sealed, b""))
    house.clock.advance(400)
    li_wei.get("/account/security")
    assert li_wei.submit(remove_totp="1").request.path == "/account/confirm"
    assert li_wei.submit(password=PASSWORD).request.path == "/sign-in/totp"
    assert li_wei.submit(totp=totp_now(house, secret)).status_code == 422
    assert places(house) == ["totp.secret"] and house.parts.store.count(Totp) == 1


@pytest.mark.attack("A085")
@pytest.mark.parametrize("about", [True, False], ids=["about somebody", "about nobody"])
@pytest.mark.parametrize("change", ["bit flipped", "truncated to the head", "another's", "in the clear"])
def test_a_note_on_an_alert(house: House, change: str, about: bool) -> None:
    """The page stays whole without the words, and it is on record, under whichever key the note was sealed (DESIGN §6)."""
    watch, words = auditor(house), "Called the owner at noon"
    house.citizen("li.wei")
    group = f"person={pseudonym(house, 'li.wei')}" if about else ""
    first, second = alert(house, group), alert(house, group)
    for event in (first, second):
        acknowledge(house.parts, event, "handled", words)
    assert words in watch.get(f"/console/alerts/{first}").text
    own, other = (house.parts.store.one(AlertDone, alert_id=bytes.fromhex(event)) for event in (first, second))
    assert own is not None and other is not None and own.sealed and other.sealed
    put(house, AlertDone, {"alert_id": own.alert_id}, CHANGES[change](own.sealed, other.sealed))
    page = watch.get(f"/console/alerts/{first}")
    assert page.status_code == 200 and 'id="acknowledged"' in page.text and words not in page.text
    assert places(house) == ["alert.note"]
    assert words in watch.get(f"/console/alerts/{second}").text
