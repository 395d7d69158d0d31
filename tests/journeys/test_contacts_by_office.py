"""Who lost mailbox and password goes to the office: an address or number set by the operator, for a reason (DECISIONS 101)."""

from typing import Any

import pytest

from idp.authn.identifiers import canonical
from idp.errors import Refusal
from idp.flows.contacts import by_office
from idp.flows.people import meant
from idp.flows.provision import identifier_row
from idp.flows.staff import set_status
from idp.ports import Conflict, Insert
from idp.records import Account, Grant, Identifier, OneTime, Session
from tests.journeys.test_contacts import CLAIMS as TOLD
from tests.journeys.test_contacts import NEW, OLD, PHONE, claims, signs_in, told
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, last_code


@pytest.fixture
def lost(any_house: House) -> House:
    """Their owner is signed in nowhere; somebody else who reads the old mailbox is, and has asked for a new password."""
    house = any_house
    account = house.citizen("li.wei", OLD, claims=TOLD, password=PASSWORD)
    house.citizen("zhao.min", "zhao.min@example.cn", password=PASSWORD)
    house.clock.advance(60)
    thief = Person(house)
    thief.sign_in()
    for session in house.parts.store.find(Session, {"ended_at": None}):
        house.grant(house.register(scope="openid offline_access"), account, session=session, offline=1)
    Person(house).get("/forgot")
    asking = Person(house)
    asking.get("/forgot")
    asking.submit(identifier=OLD)
    asking.submit(code=last_code(house, "reset_code"))
    house.clock.advance(60)
    return house


def set_(house: House, new: str = NEW, instead: str = OLD, typed: str = "li.wei") -> str:
    return by_office(house.parts, typed, new, instead, "lost", now=house.clock())


def refused(house: House, new: str = NEW, instead: str = OLD, typed: str = "li.wei") -> str:
    with pytest.raises(Refusal) as said:
        set_(house, new, instead, typed)
    return said.value.reason


def test_a_lost_mailbox_makes_way_and_everything_ends(lost: House) -> None:
    """As by a new password: sessions, grants that outlive them, and open resets; old and new hear of it; the event says who and why"""
    house = lost
    assert house.parts.store.count(Session, {"ended_at": None}) == 1
    assert house.parts.store.count(OneTime, {"purpose": "reset", "state": "open"}) >= 1
    assert set_(house) == "replaced"
    assert (
        house.parts.store.count(Session, {"ended_at": None}) == house.parts.store.count(Grant, {"ended_at": None}) == 0
    )
    assert house.parts.store.count(OneTime, {"purpose": "reset", "state": "open"}) == 0
    assert (told(house, "contact_replaced"), told(house, "contact_office")) == ([OLD], [NEW])
    fact = house.events("account.contact_changed")[-1]
    told_ = {name: fact.get(name) for name in ("how", "channel", "by", "reason")}
    assert told_ == {"how": "replaced", "channel": "email", "by": "cli", "reason": "lost"}
    assert NEW not in str(fact) and claims(house) == {"email": NEW, "email_verified": True}
    assert signs_in(house, NEW) and not signs_in(house, OLD)


def test_its_owner_sets_a_new_password_by_the_new_address(lost: House) -> None:
    """And the code that the old one got is worth nothing (ASVS 6.4.3)"""
    house = lost
    set_(house)
    owner = Person(house)
    owner.get("/forgot")
    owner.submit(identifier=NEW)
    owner.submit(code=last_code(house, "reset_code"))
    password = "harbour lantern seven quilts"
    assert 'id="change-done"' in owner.submit(new_password=password, repeat_password=password).text
    assert owner.sign_in(NEW, password=password).request.path == "/account"


@pytest.mark.parametrize(
    ("new", "instead", "how", "left"),
    [
        (PHONE, "", "added", {OLD, PHONE, "li.wei"}),
        (PHONE, OLD, "replaced", {PHONE, "li.wei"}),
        (" LI.WEI@New.Example.CN ", OLD, "replaced", {NEW, "li.wei"}),
    ],
)
def test_what_else_may_be_set(lost: House, new: str, instead: str, how: str, left: set[str]) -> None:
    house = lost
    assert set_(house, new, instead) == how
    person = meant(house.parts, "li.wei").person
    assert person is not None
    rows = house.parts.store.find(Identifier, {"account_id": person.account.id})
    values = {person.citizen.open("identifier", "value", row.id, 0, row.sealed).decode() for row in rows}
    assert values == left and house.parts.store.count(Session, {"ended_at": None}) == 0


def test_one_that_is_there_already_stays_alone(lost: House) -> None:
    """The citizen had added it; the lost one goes"""
    house = lost
    set_(house, NEW, "")
    assert set_(house) == "removed"
    assert told(house, "contact_removed") == sorted([OLD, NEW]) and not signs_in(house, OLD)


def test_an_address_that_was_never_confirmed_is_by_the_office(house: House) -> None:
    house.citizen("li.wei", password=PASSWORD)
    person = meant(house.parts, "li.wei").person
    assert person is not None
    house.parts.store.commit([_unconfirmed(house, person.account.id, NEW)])
    assert set_(house, NEW, "") == "confirmed" and claims(house)["email"] == "li.wei@example.cn"
    assert told(house, "contact_office") == [NEW]


def _unconfirmed(house: House, account_id: bytes, typed: str) -> Any:
    citizen = house.parts.vault.citizen(account_id)
    row = identifier_row(
        house.parts.ring, citizen, canonical(typed), house.parts.entropy(16), house.clock(), verified=False
    )
    return Insert(row)


@pytest.mark.parametrize(
    ("typed", "new", "instead", "reason"),
    [
        ("nobody", NEW, "", "account_unknown"),
        ("li.wei", "zhao.min@example.cn", OLD, "identifier_taken"),
        ("li.wei", "zhao.min", OLD, "identifier_taken"),
        ("li.wei", "wei.li", OLD, "identifier_invalid"),
        ("li.wei", "no address @", OLD, "identifier_invalid"),
        ("li.wei", OLD, "", "contact_own"),
        ("li.wei", NEW, "other@example.cn", "contact_unknown"),
        ("li.wei", NEW, "zhao.min@example.cn", "contact_unknown"),
        ("li.wei", OLD, OLD, "contact_own"),
    ],
)
def test_what_is_refused_changes_nothing(lost: House, typed: str, new: str, instead: str, reason: str) -> None:
    """DESIGN §2.9; an address of another's account above all"""
    house = lost
    before = len(house.events()), house.parts.store.find(Identifier), house.parts.store.find(Session)
    assert refused(house, new, instead, typed) == reason
    assert (len(house.events()), house.parts.store.find(Identifier), house.parts.store.find(Session)) == before


def test_a_suspended_account_is_let_on_first(lost: House) -> None:
    set_status(lost.parts, "li.wei", "disabled", "requested", now=lost.clock())
    assert refused(lost) == "account_disabled"


def test_of_two_at_once_one_is_set(lost: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a change that its owner makes meanwhile get lost (DESIGN §2.2)"""
    kind, done = type(lost.parts.store), list[Any]()
    plain = kind.commit

    def commit(self: Any, writes: Any) -> Any:
        monkeypatch.setattr(kind, "commit", plain)
        set_(lost, PHONE, "")
        done.append(plain(self, writes))
        return done[0]

    monkeypatch.setattr(kind, "commit", commit)
    assert refused(lost) == "account_conflict"
    assert isinstance(done[0], Conflict) and [e["how"] for e in lost.events("account.contact_changed")] == ["added"]
    assert told(lost, "contact_replaced") == [] and lost.parts.store.count(Account) == 2
