"""A key for each class of events and month: without it nothing opens a detail, in the database or in any copy of it (issue: retention)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from idp.audit.entry import unpack
from idp.audit.events import PasswordChanged, SignedIn, SignInFailed, record
from idp.audit.retention import DetailsPurged, month_of
from idp.cli.restoring import bring_back
from idp.flows import addresses, cleanup
from idp.flows.log_keeper import LogKeeper
from idp.flows.log_purge import end_again, end_months, months_over, plan, purge
from idp.flows.log_verify import verify
from idp.flows.rewrap import rewrap
from idp.flows.sequencer import catch_up, log_signer
from idp.records import Event, KeyringEntry
from idp.release.details import DetailKeys, detail_id
from idp.release.vault import Citizen, KeyGone
from keys.backends import open_root
from keys.errors import SealBroken
from tests.kit.house import House

DAY = 86_400
ADDRESS = {"address": "192.0.2.77", "device": "a telephone"}


def signs_in(house: House, account: bytes) -> None:
    fact = SignedIn(session="5e" * 16, amr="pwd", acr="urn:yimen:acr:1")
    person = house.parts.vault.citizen(account)
    house.parts.store.commit(
        [record(fact, at=house.clock(), entropy=house.parts.entropy, person=person, personal=ADDRESS)]
    )


def signed_in(house: House) -> list[Event]:
    return house.parts.store.find(Event, {"kind": "session.started"}, order=("seq",))


def read(house: House, account: bytes, event: Event) -> list[str]:
    """Its details, opened; KeyGone when they are over."""
    person = house.parts.vault.citizen(account)
    return [
        person.open_event(event.kind, event.at, event.id, f.name, f.sealed)[16:].decode()
        for f in unpack(event.fields or b"")
    ]


def test_a_copy_of_the_database_from_before_opens_nothing_of_a_month_that_is_over(any_house):
    house = any_house
    account = house.citizen()
    signs_in(house, account)  # on the first of January
    house.clock.advance(31 * DAY)
    signs_in(house, account)  # in February
    copy = signed_in(house)
    assert [read(house, account, event) for event in copy] == [["192.0.2.77", "a telephone"]] * 2
    house.clock.advance(180 * DAY)
    assert plan(house.parts) == {"session": 1} and months_over(house.parts) == [], "its last day is not over"
    purge(house.parts)
    assert read(house, account, copy[0]) == ["192.0.2.77", "a telephone"], "the copy still has it"
    house.clock.advance(4 * DAY)
    assert months_over(house.parts) == [("session", "2026-01")]
    assert read(house, account, copy[0]), "looking destroys nothing"
    assert end_months(house.parts) == [("session", "2026-01")]
    with pytest.raises(KeyGone):
        read(house, account, copy[0])
    assert read(house, account, copy[1]) == ["192.0.2.77", "a telephone"]
    assert end_months(house.parts) == months_over(house.parts) == []
    told = house.parts.store.find(Event, {"kind": "audit.purged"}, order=("seq",))[-1]
    assert b'"group":"session","month":"2026-01"' in told.head
    signer = log_signer(house.parts)
    catch_up(house.parts, signer, house.clock())
    assert verify(house.parts, signer).waiting == 0


def test_classes_end_apart(house):
    account = house.citizen()
    signs_in(house, account)
    person, fact = house.parts.vault.citizen(account), PasswordChanged(how="change")
    house.parts.store.commit(
        [
            record(
                fact,
                at=house.clock(),
                entropy=house.parts.entropy,
                person=person,
                personal={"address": "192.0.2.77"},
            )
        ]
    )
    (changed,) = house.parts.store.find(Event, {"kind": "account.password_changed"})
    house.clock.advance(400 * DAY)
    assert ("session", "2026-01") in end_months(house.parts)
    assert read(house, account, changed) == ["192.0.2.77"], "no rule ends the details of accounts"


def test_neither_key_opens_alone(house):
    account, other = house.citizen(), house.citizen("zhang.min", claims={})
    signs_in(house, account)
    (event,) = signed_in(house)
    field = unpack(event.fields or b"")[0]
    person = house.parts.vault.citizen(account)
    with pytest.raises(SealBroken):
        person.open("event", field.name, event.id, 0, field.sealed)
    with pytest.raises(SealBroken):
        read(house, other, event)
    with pytest.raises(KeyGone):
        person.open_event(event.kind, event.at + 40 * DAY * 1_000_000, event.id, field.name, field.sealed)
    house.parts.keyring.erase(account)
    house.parts.vault.forget(account)
    with pytest.raises(KeyGone):
        read(house, account, event)


def test_details_of_an_older_version_open_as_before(house):
    account = house.citizen()
    person = house.parts.vault.citizen(account)
    old = Citizen(person.account_id, person.pseudonym, person.key, person.entropy)
    sealed = old.seal_event("session.started", house.clock(), b"e" * 16, "address", b"s" * 16 + b"192.0.2.77")
    plain = person.open_event("session.started", house.clock(), b"e" * 16, "address", sealed)
    assert plain[16:] == b"192.0.2.77"


def test_the_keyring_is_asked_once_for_a_class_and_month(house, monkeypatch):
    account = house.citizen()
    signs_in(house, account)
    asked: list[bytes] = []
    get = house.parts.keyring.get

    def listening(entry_id: bytes) -> KeyringEntry | None:
        asked.append(entry_id)
        return get(entry_id)

    monkeypatch.setattr(house.parts.keyring, "get", listening)
    for _ in range(3):
        house.clock.advance(10)
        signs_in(house, account)
    assert set(asked) == {account}


def test_processes_that_begin_a_month_together_share_its_key(any_house):
    parts, at = any_house.parts, any_house.clock()
    makers = [DetailKeys(parts.ring, parts.keyring, parts.entropy, parts.clock) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda maker: maker.sealing("session.started", at)._key, makers))
    assert set(made) == {made[0]}
    assert DetailKeys(parts.ring, parts.keyring, parts.entropy, parts.clock).sealing("session.x", at)._key == made[0]


def test_what_is_sealed_into_a_month_that_is_over_opens_nowhere(house):
    account = house.citizen()
    signs_in(house, account)
    house.parts.vault.details.destroy("session", month_of(house.clock()))
    signs_in(house, account)  # a clock that was set back by months
    for event in signed_in(house):
        with pytest.raises(KeyGone):
            read(house, account, event)
    assert not house.parts.vault.details.known("session", month_of(house.clock()))


def test_an_epoch_of_the_data_key_turns_them_too(house):
    account = house.citizen()
    signs_in(house, account)
    entry_id = detail_id("session", month_of(house.clock()))
    before = house.parts.keyring.get(entry_id)
    rewrap(house.parts, open_root(house.config.keys_url), lambda _, __: None, destroy_old=True)
    after = house.parts.keyring.get(entry_id)
    assert before is not None and after is not None and before.wrapped != after.wrapped
    assert read(house, account, signed_in(house)[0]) == ["192.0.2.77", "a telephone"]


def test_a_citizens_copy_leaves_out_what_is_over(house):
    from idp.flows.copies import _personal
    from idp.flows.people import meant

    account = house.citizen()
    signs_in(house, account)
    person = meant(house.parts, "li.wei").person
    assert person is not None
    (event,) = signed_in(house)
    assert _personal(person, event, {}) == ADDRESS
    house.parts.vault.details.destroy("session", month_of(house.clock()))
    again = meant(house.parts, "li.wei").person
    assert again is not None and _personal(again, event, {}) == {}


def over(house: House) -> tuple[Event, bytes, list[KeyringEntry]]:
    """An event of January, whose, and the keys of that month as an older copy of the keyring has them; destroyed in July."""
    account = house.citizen()
    signs_in(house, account)
    (event,) = signed_in(house)
    fact = SignInFailed(reason="password")
    failed = record(fact, at=house.clock(), entropy=house.parts.entropy)
    house.parts.store.commit([failed, *addresses.line(house.parts, failed, "192.0.2.77")])
    old = [house.parts.keyring.get(name) for name in (detail_id("session", "2026-01"), b"addresses-202601")]
    house.clock.advance(220 * DAY)
    assert ("session", "2026-01") in end_months(house.parts)
    cleanup.clean(house.parts, house.clock())
    return event, account, [entry for entry in old if entry is not None]


def brought_back(house: House, old: list[KeyringEntry]) -> None:
    """As the older copy has them: keys, not marks."""
    for entry in old:
        house.parts.keyring.destroy(entry.account_id)
        house.parts.keyring.put(entry)


def gone(house: House, old: list[KeyringEntry]) -> bool:
    return len(old) == 2 and all(house.parts.keyring.erased(entry.account_id) for entry in old)


@pytest.mark.parametrize("sequenced", [True, False], ids=["in the tree", "not yet"])
def test_an_older_keyring_brings_no_month_back(any_house, sequenced):
    """DESIGN §2 (6): the worker destroys again what the log says was destroyed, when it starts"""
    house, said = any_house, list[str]()
    event, account, old = over(house)
    if sequenced:
        catch_up(house.parts, log_signer(house.parts), house.clock())
    assert gone(house, old)
    brought_back(house, old)
    assert not gone(house, old) and read(house, account, event)
    keeper = LogKeeper(house.parts, trouble=said.append)
    keeper.tick()
    assert gone(house, old) and "2 destroyed keys" in said[0]
    with pytest.raises(KeyGone):
        read(house, account, event)
    LogKeeper(house.parts, trouble=pytest.fail).tick()


def test_a_restore_ends_what_is_over(house, tmp_path):
    """Also where both copies are from before the end, so that the log does not tell of it"""
    account = house.citizen()
    signs_in(house, account)
    (event,) = signed_in(house)
    day = house.parts.vault.passing(house.clock()).account_id
    copy, ring, place = tmp_path / "database-1", tmp_path / "keyring", tmp_path / "again"
    house.parts.store.backup(str(copy))
    house.parts.keyring.backup(str(ring))
    config = replace(house.config, database_url=f"sqlite:///{place}/m.db", keyring_url=f"sqlite:///{place}/k.db")
    report = bring_back(config, copy, ring)  # today, by the machine's clock
    assert report["keys_destroyed_again"] >= 1
    restored = House(config, house.clock)
    with pytest.raises(KeyGone):
        read(restored, account, event)
    assert restored.parts.keyring.erased(day)
    restored.close()


def test_a_row_that_says_a_young_month_was_destroyed_destroys_nothing(house):
    account = house.citizen()
    signs_in(house, account)
    for month in ("2026-01", "x", "2026-99"):
        fact = DetailsPurged(events=0, group="session", month=month)
        house.parts.store.commit([record(fact, at=house.clock(), entropy=house.parts.entropy)])
    assert end_again(house.parts) == []
    assert read(house, account, signed_in(house)[0])
