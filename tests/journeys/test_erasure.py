"""Forgetting: asked, waited for, cancelled by signing in, done by the worker; afterwards nothing of the person is readable, nor in older copies."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click import ClickException

from idp.app import emptied, occupied
from idp.audit.entry import entry, unpack
from idp.cli.restoring import _listed, bring_back, verify_copy
from idp.errors import Unavailable
from idp.flows import addresses, erasure, outbox, people
from idp.flows.worker import Worker
from idp.records import (
    Account,
    Attribute,
    Consent,
    Erasure,
    Event,
    EventAddress,
    Grant,
    Identifier,
    LogoutDelivery,
    Message,
    OneTime,
    Password,
    RecoveryCode,
    Session,
    Totp,
)
from idp.release.vault import KeyGone
from keys.file_backend import open_root
from tests.journeys.test_history import sequenced, told
from tests.kit.house import CLAIMS, House
from tests.kit.person import PASSWORD, Person, enrol, messages
from tests.kit.postgres import Postgres

DAY = 86400
BACK = "https://tax.example/backchannel"


def citizen(house: House, name: str = "li.wei") -> tuple[bytes, Person]:
    account = house.citizen(name, f"{name}@example.cn", claims=CLAIMS, password=PASSWORD)
    person = Person(house)
    person.sign_in(name)
    return account, person


def ask(person: Person) -> None:
    person.get("/account/delete")
    assert person.submit(sure="1").status_code == 200


def tick(house: House) -> None:
    """The worker's next round."""
    worker = Worker(house.parts, open_root(house.config.keys_url), None, lambda _: None)
    worker.tick()


def forgotten(house: House, account: bytes) -> bool:
    with pytest.raises(KeyGone):
        house.parts.vault.citizen(account)
    row = house.parts.store.one(Account, id=account)
    assert row is not None and (row.status, row.roles, row.locale) == ("erased", "", None)
    for kind in (Identifier, Attribute, Password, Totp, RecoveryCode, OneTime, Consent, Message):
        assert house.parts.store.count(kind, {"account_id": account}) == 0, kind
    for living in (Session, Grant):
        assert house.parts.store.count(living, {"account_id": account, "ended_at": None}) == 0, living
    return house.parts.keyring.get(account) is None and house.parts.keyring.erased(account)


def test_asking_signs_out_everywhere_and_waits(any_house: House) -> None:
    """Issue 3.8: erasure after a waiting period; services are told, a message says how to cancel"""
    house = any_house
    account, person = citizen(house)
    phone = Person(house)
    phone.sign_in()
    app = house.register(backchannel_logout_uri=BACK)
    tokens = house.redeem(app, house.code(person.browser, app, scope="openid profile offline_access", prompt="consent"))
    person.get("/account/delete")
    assert person.submit().status_code == 422 and house.parts.store.count(Erasure) == 0
    page = person.submit(sure="1")
    assert 'id="delete-done"' in page.text and person.cookie() in (None, "")
    assert phone.get("/account").request.path == "/sign-in"
    assert house.userinfo(tokens.get_json()["access_token"]).status_code == 401
    assert house.refresh(app, tokens.get_json()["refresh_token"]).status_code == 400
    assert {row.client_id for row in house.parts.store.find(LogoutDelivery)} == {app.id}
    ((_, to, body),) = messages(house, "erasure_asked")
    assert to == "li.wei@example.cn" and "30" in body
    house.clock.advance(29 * DAY)
    tick(house)
    assert house.parts.vault.citizen(account) is not None
    assert house.events("erasure.asked")[0]["due"] == house.clock() + DAY * 1_000_000


def test_signing_in_keeps_the_account(any_house: House) -> None:
    house = any_house
    account, person = citizen(house)
    ask(person)
    house.clock.advance(29 * DAY)
    page = person.sign_in()
    assert 'id="kept"' in page.text
    assert len(house.events("erasure.cancelled")) == 1 and len(messages(house, "erasure_cancelled")) == 1
    house.clock.advance(5 * DAY)
    tick(house)
    assert house.parts.vault.claims(house.parts.vault.citizen(account), ("name",)) == {"name": CLAIMS["name"]}
    again = Person(house)
    assert 'id="kept"' not in again.sign_in().text and len(house.events("erasure.cancelled")) == 1
    ask(again)
    assert house.parts.store.one(Erasure, account_id=account).state == "waiting"


def test_a_wrong_password_cancels_nothing(house: House) -> None:
    account, person = citizen(house)
    ask(person)
    Person(house).sign_in(password="wrong horse battery staple")
    row = house.parts.store.one(Erasure, account_id=account)
    assert row is not None and row.state == "waiting"


def test_the_worker_forgets_whoever_waited(any_house: House) -> None:
    """Afterwards: no key, no pseudonym, nothing that finds the account; the id is never used again; others stay; every event still verifies"""
    house = any_house
    account, person = citizen(house)
    other, neighbour = citizen(house, "zhang.min")
    enrol(person)
    app = house.register(backchannel_logout_uri=BACK)
    told(house, app, account)
    ask(person)
    house.clock.advance(30 * DAY)
    tick(house)
    assert forgotten(house, account)
    sequenced(house)
    for row in house.parts.store.find(Event, limit=10_000):
        digests = [f.digest for f in unpack(row.fields)] if row.fields else []
        assert entry(row.salt, row.head, digests) == row.entry
    event = house.events("account.erased")[0]
    assert (event["how"], event["reason"]) == ("asked", "")
    with pytest.raises(FileExistsError):
        house.parts.vault.create(account)
    stranger = Person(house)
    page = stranger.sign_in()
    unknown = Person(house).sign_in("nobody.here")
    assert page.status_code == unknown.status_code and stranger.cookie() is None
    assert people.meant(house.parts, "li.wei").person is None
    neighbour.sign_in("zhang.min")
    assert neighbour.page.request.path == "/account"
    fresh = house.citizen("li.wei", "li.wei@example.cn", claims={}, password=PASSWORD)
    assert fresh != account and Person(house).sign_in().request.path == "/account"
    assert house.parts.store.one(Erasure, account_id=account).state == "done"
    assert house.parts.vault.citizen(other) is not None


def test_services_are_told_after_the_key_is_gone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-Channel Logout §2.4: the delivery needs no key of the citizen"""
    account, person = citizen(house)
    app = house.register(backchannel_logout_uri=BACK)
    house.redeem(app, house.code(person.browser, app, scope="openid offline_access", prompt="consent"))
    erasure.by_order(house.parts, "li.wei", "court-order", now=house.clock())
    assert forgotten(house, account)
    (row,) = house.parts.store.find(LogoutDelivery)

    class Accepting:
        status = 200

    monkeypatch.setattr(type(house.parts.outbound), "post", lambda *_: Accepting())
    assert outbox.deliver_logout(house.parts, row) == "sent"


def test_a_worker_that_dies_between_the_batch_and_the_key_is_followed(
    any_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the batch: the account is ended, and the next round destroys the key"""
    house = any_house
    account, person = citizen(house)
    ask(person)
    house.clock.advance(30 * DAY)

    class Killed(RuntimeError):
        pass

    def die(self: object, account_id: bytes) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(type(house.parts.keyring), "erase", die)
        with pytest.raises(Killed):
            erasure.run_due(house.parts, house.clock())
    assert house.parts.keyring.get(account) is not None
    assert Person(house).sign_in().request.path != "/account"
    assert erasure.run_due(house.parts, house.clock()) == 1
    assert forgotten(house, account) and erasure.run_due(house.parts, house.clock()) == 0
    assert len(house.events("account.erased")) == 1


def test_a_sign_in_and_the_erasure_at_the_same_moment(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever commits first wins: a cancelled erasure touches nothing, a begun one can't be cancelled"""
    account, person = citizen(house)
    ask(person)
    house.clock.advance(30 * DAY)
    commit, meanwhile = type(house.parts.store).commit, []

    def cancelling(self: Any, writes: Any) -> Any:
        if not meanwhile:
            meanwhile.append(1)
            Person(house).sign_in()
        return commit(self, writes)

    with monkeypatch.context() as patched:
        patched.setattr(type(house.parts.store), "commit", cancelling)
        assert erasure.run_due(house.parts, house.clock()) == 0
    assert house.parts.vault.citizen(account) is not None
    row = house.parts.store.one(Erasure, account_id=account)
    assert row is not None and row.state == "cancelled"


@pytest.mark.parametrize("reason", ["court-order", "deceased"])
def test_a_lawful_order_does_not_wait(house: House, reason: str) -> None:
    account, _ = citizen(house)
    erasure.by_order(house.parts, "li.wei@example.cn", reason, now=house.clock())
    assert forgotten(house, account)
    event = house.events("account.erased")[0]
    assert (event["how"], event["reason"]) == ("order", reason)


# Older copies ---------------------------------------------------------------------------------------------------------


def canaries(house: House) -> list[bytes]:
    return [text.encode() for text in ("李伟", "li.wei@example.cn", "13800138000", "1990-02-03", "杭州市")]


def test_yesterdays_database_beside_todays_keyring(house: House, tmp_path: Path) -> None:
    """Issue 3: the person stays unreadable, everyone else works; `restore --verify` is content; nothing opens with every key that is left"""
    account, person = citizen(house)
    other, _ = citizen(house, "zhang.min")
    person.get("/forgot")
    person.submit(identifier="li.wei@example.cn")  # a code on its way, in the copy
    copy, ring = tmp_path / "database-1", tmp_path / "keyring"
    house.parts.store.backup(str(copy))
    ask(person)
    house.clock.advance(30 * DAY)
    tick(house)
    house.parts.keyring.backup(str(ring))
    assert verify_copy(house.config, copy, ring)["whole"]
    place = tmp_path / "again"
    config = replace(
        house.config,
        database_url=f"sqlite:///{place}/main.db",
        keyring_url=f"sqlite:///{place}/keyring.db",
        volatile_url=f"sqlite:///{place}/volatile.db",
    )
    place.mkdir()
    shutil.copy(copy, place / "main.db")
    shutil.copy(ring, place / "keyring.db")
    bare = House(config, house.clock)  # as it stands, before `idp restore` has looked at it
    assert people.meant(bare.parts, "li.wei").person is None
    assert Person(bare).sign_in().request.path != "/account"
    assert Person(bare).sign_in("zhang.min").request.path == "/account"
    unreadable(bare, account)
    assert by_address(bare, account) > 0
    assert erasure.after_restore(bare.parts, bare.clock()) == 1
    assert by_address(bare, account) == 0 < by_address(bare, other)
    bare.close()
    shutil.rmtree(place)
    report = bring_back(config, copy, ring)
    assert report["whole"] and report["erased_again"] == 1 and report["accounts"] == 1
    restored = House(config, house.clock)
    assert forgotten(restored, account)
    assert Person(restored).sign_in("zhang.min").request.path == "/account"
    assert restored.parts.vault.claims(restored.parts.vault.citizen(other), ("name",)) == {"name": CLAIMS["name"]}
    restored.citizen("li.wei", claims={}, password=PASSWORD)
    restored.close()


def by_address(house: House, account: bytes) -> int:
    """Events of a citizen that can be found by the address that they came from."""
    writes = addresses.forget(house.parts, account, house.clock())
    return sum(house.parts.store.count(EventAddress, dict(write.where)) for write in writes)


def unreadable(house: House, account: bytes) -> None:
    """Every sealed value of every row of the person, tried with every key that this house still has."""
    tried = 0
    for message in house.parts.store.find(Message, {"account_id": account}):
        assert outbox.open_notice(house.parts, message) is None
        tried += 1
    from idp.flows.one_time import facts_of

    for row in house.parts.store.find(OneTime, {"account_id": account}):
        assert facts_of(house.parts, row) is None
        tried += 1
    assert tried >= 2
    assert house.parts.store.count(Attribute, {"account_id": account}) > 5
    with pytest.raises(KeyGone):
        house.parts.vault.citizen(account)


@pytest.mark.attack("A154")
def test_no_file_holds_what_was_forgotten(house: House, tmp_path: Path) -> None:
    """Databases, logs and copies hold none of the person's values, and the keyring none of their key's bytes (OWASP ASVS 14.2)."""
    account, person = citizen(house)
    held = house.parts.keyring.get(account)
    assert held is not None
    ask(person)
    house.clock.advance(30 * DAY)
    tick(house)
    house.parts.store.backup(str(tmp_path / "copy"))
    files = [*Path(house.config.database_url.removeprefix("sqlite:///")).parent.rglob("*"), tmp_path / "copy"]
    for path in files:
        if path.is_file():
            data = path.read_bytes()
            assert not [c for c in canaries(house) if c in data], path
            assert held.wrapped not in data and (path.name != "keyring.db" or held.pseudonym not in data), path


def test_a_restore_begins_the_waiting_anew(house: House, tmp_path: Path) -> None:
    """A cancellation may be younger than the copy: nobody is erased for want of it"""
    account, person = citizen(house)
    ask(person)
    copy, ring = tmp_path / "database-1", tmp_path / "keyring"
    house.parts.store.backup(str(copy))
    house.clock.advance(29 * DAY)
    person.sign_in()
    house.parts.keyring.backup(str(ring))
    place = tmp_path / "again"
    config = replace(
        house.config, database_url=f"sqlite:///{place}/main.db", keyring_url=f"sqlite:///{place}/keyring.db"
    )
    bring_back(config, copy, ring)
    restored = House(config, house.clock)
    row = restored.parts.store.one(Erasure, account_id=account)
    assert row is not None and row.state == "waiting" and row.due_at > house.clock()
    restored.close()


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.attack("F29", "F30")
def test_a_refused_restore_on_postgresql_leaves_nothing(
    served_house: House, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All targets are looked at before anything is written, and what was written goes when anything fails (DECISIONS 7)"""
    house = served_house
    citizen(house)
    copy, ring = tmp_path / "database-1", tmp_path / "keyring"
    house.parts.store.backup(str(copy))
    house.parts.keyring.backup(str(ring))
    config = replace(house.config, database_url=postgres.database(), keyring_url=postgres.database())
    with pytest.raises(ClickException, match="keyring exists.*--keep-keyring"):
        bring_back(replace(config, keyring_url=house.config.keyring_url), copy, ring)
    with pytest.raises(ClickException, match="not empty.*DROP DATABASE") as used:
        bring_back(house.config, copy, ring)
    assert "-wal" not in used.value.message, "no words of SQLite"
    assert occupied(config.database_url) == []
    told, later = verify_copy(house.config, copy, ring), tmp_path / "database-2"
    assert "whole" not in told and "not_looked_at" in told, "what was not read is not called whole"
    house.parts.store.backup(str(later))
    while _listed(later) == _listed(ring):  # archives tell the second
        house.parts.store.backup(str(later))
    with pytest.raises(ClickException, match="older than the database"):
        verify_copy(house.config, later, ring)

    def dies(*_: object) -> None:
        raise Unavailable("keyring")

    with monkeypatch.context() as broken:
        broken.setattr("idp.flows.restored.after_restore", dies)
        with pytest.raises(Unavailable):
            bring_back(config, copy, ring)
    assert occupied(config.database_url, config.keyring_url) == []
    assert bring_back(config, copy, ring)["whole"]
    assert occupied(config.database_url, config.keyring_url) == [config.database_url, config.keyring_url]
    emptied(config.database_url)
    assert bring_back(config, copy, None)["keyring"] == "kept as it was"
    for url in (config.database_url, config.keyring_url):
        postgres.drop(url)


@pytest.mark.postgres
@pytest.mark.redis
def test_yesterdays_database_on_postgresql(served_house: House, postgres: Postgres, tmp_path: Path) -> None:
    """The same with pg_dump and pg_restore"""
    house = served_house
    account, person = citizen(house)
    citizen(house, "zhang.min")
    copy, ring = tmp_path / "database-1", tmp_path / "keyring"
    house.parts.store.backup(str(copy))
    ask(person)
    house.clock.advance(30 * DAY)
    tick(house)
    assert forgotten(house, account)
    house.parts.keyring.backup(str(ring))
    config = replace(house.config, database_url=postgres.database(), keyring_url=postgres.database())
    report = bring_back(config, copy, ring)
    assert report["whole"] and report["erased_again"] == 1
    restored = House(config, house.clock)
    assert forgotten(restored, account)
    assert Person(restored).sign_in("zhang.min").request.path == "/account"
    restored.close()
    for url in (config.database_url, config.keyring_url):
        postgres.drop(url)


def test_the_command_of_a_lawful_order(house: House) -> None:
    from click.testing import CliRunner

    from idp.cli import main

    account, _ = citizen(house)
    env = {
        "IDP_ISSUER": house.config.issuer,
        "IDP_DATABASE_URL": house.config.database_url,
        "IDP_KEYRING_URL": house.config.keyring_url,
        "IDP_VOLATILE_URL": house.config.volatile_url,
        "IDP_KEYS_URL": house.config.keys_url,
    }
    run = CliRunner(env=env)
    refused = run.invoke(main, ["accounts", "erase", "li.wei", "--reason", "court-order"], input="n\n")
    assert refused.exit_code == 1 and house.parts.vault.citizen(account) is not None
    done = run.invoke(main, ["accounts", "erase", "li.wei", "--reason", "court-order", "--yes", "--json"])
    assert done.exit_code == 0 and json.loads(done.stdout)["erased"], done.output
    assert forgotten(house, account)
    again = run.invoke(main, ["accounts", "erase", "li.wei", "--reason", "court-order", "--yes"])
    assert again.exit_code == 1 and "no such account" in again.output


KEPT = {
    "Account": "its id must never be used again; it is emptied",
    "Session": "tells a replay from an unknown; device and address are sealed",
    "Grant": "refuses what comes late; names no person",
    "LogoutDelivery": "services are told after the key is gone",
    "Objection": "staff close the case; words are sealed",
    "Erasure": "that it was done",
    "KeyringEntry": "the mark that somebody was erased: no key, no pseudonym",
}
"""Rows of an account that outlive it, and why."""


def test_every_row_of_an_account_goes_or_has_a_reason_to_stay() -> None:
    """A new table with an account in it is met here without being named"""
    from idp.store.tables import TABLES

    of_accounts = {kind.__name__ for kind in TABLES if "account_id" in kind.__struct_fields__} | {"Account"}
    gone = {kind.__name__ for kind in erasure.OF_THE_PERSON}
    assert of_accounts == gone | set(KEPT) and not gone & set(KEPT)
