"""A new epoch of the data key: everyone stays readable, two at once and a killed one are harmless, and the old key is destroyed at the end (F24)."""

import os
from dataclasses import replace
from typing import cast

import pytest
from click.testing import CliRunner

from idp.app import close_parts, open_parts
from idp.cli import main
from idp.errors import Refusal
from idp.flows import rewrap as flow
from idp.flows.rewrap import Rewrapped, rewrap
from idp.ports import Keyring
from idp.records import KeyringEntry, PurposeKey
from idp.release.vault import KeyGone
from keys.backends import open_root
from keys.errors import MissingKey
from keys.sealed import wrapped_version
from tests.faults.ground import environment
from tests.kit.house import House

Said = list[tuple[int, int]]


def run(house: House, said: Said | None = None, **how: bool) -> Rewrapped:
    told: Said = [] if said is None else said
    return rewrap(house.parts, open_root(house.config.keys_url), lambda a, b: told.append((a, b)), **how)


def epochs(house: House) -> dict[int, str]:
    rows = house.parts.store.find(PurposeKey, {"purpose": "data"}, order=("version",))
    return {row.version: row.state for row in rows}


def wrapped_under(house: House) -> list[int]:
    return [wrapped_version(entry.wrapped) for entry in house.parts.keyring.all()]


def test_every_key_moves_and_everyone_stays_readable(any_house: House) -> None:
    house, said = any_house, list[tuple[int, int]]()
    app, people = house.register(), [house.citizen(f"citizen-{n}") for n in range(5)]
    tokens = [house.tokens(app, account)["access_token"] for account in people]
    done = run(house, said)
    assert (done.epoch, done.unreadable, done.kept, done.destroyed) == (2, 0, (1,), ())
    assert done.total == done.rewrapped == len(house.parts.keyring.all()) >= 5
    assert set(wrapped_under(house)) == {2} and said[-1] == (done.total, done.total)
    for token in tokens:
        assert house.userinfo(token).get_json()["name"] == "李伟"
    assert epochs(house) == {1: "retiring", 2: "active"}


def test_it_resumes_and_destroys_at_the_end_alone(any_house: House) -> None:
    house = any_house
    token = house.tokens(house.register(), house.citizen())["access_token"]
    before = house.parts.store.one(PurposeKey, purpose="data", version=1)
    assert before is not None
    run(house)
    again = run(house)
    assert (again.epoch, again.rewrapped, again.kept) == (2, 0, (1,)), "no third epoch while the first is kept"
    assert run(house, destroy_old=True).destroyed == (1,)
    assert epochs(house) == {1: "retired", 2: "active"}
    gone = house.parts.store.one(PurposeKey, purpose="data", version=1)
    assert gone is not None and not gone.wrapped.strip(b"\x00") and before.wrapped != gone.wrapped
    assert house.userinfo(token).status_code == 200
    assert house.parts.ring.latest("data")[0] == 2
    with pytest.raises(MissingKey):
        house.parts.ring.get("data", 1)
    moves = [(e["version"], e["state"]) for e in house.events("key.epoch_moved")]
    assert moves == [(2, "active"), (1, "retired")]
    assert run(house, destroy_old=True).epoch == 3


@pytest.mark.attack("F24")
def test_f24_killed_at_half_it_goes_on_and_both_halves_open(any_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each key opens with the old or the new epoch at every moment; the old one is needed until the last key has moved."""
    house = any_house
    app, people = house.register(), [house.citizen(f"citizen-{n}") for n in range(6)]
    tokens = [house.tokens(app, account)["access_token"] for account in people]

    def until_half(done: int, total: int) -> None:
        if done >= 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(flow, "BATCH", 3)
    with pytest.raises(KeyboardInterrupt):
        rewrap(house.parts, open_root(house.config.keys_url), until_half, destroy_old=True)
    assert sorted(set(wrapped_under(house))) == [1, 2] and epochs(house) == {1: "retiring", 2: "active"}
    assert all(house.userinfo(token).status_code == 200 for token in tokens)
    done = run(house, destroy_old=True)
    assert done.rewrapped == done.total - 3 and done.destroyed == (1,)
    assert all(house.userinfo(token).status_code == 200 for token in tokens)


def test_another_node_follows_without_a_restart(any_house: House) -> None:
    house = any_house
    account = house.citizen()
    other = open_parts(house.config, clock=house.clock)
    try:
        run(house, destroy_old=True)
        assert other.vault.claims(other.vault.citizen(account), ("name",)) == {"name": "李伟"}
        made = other.vault.create(os.urandom(16))
        entry = house.parts.keyring.get(made.account_id)
        assert entry is not None and wrapped_version(entry.wrapped) == 2
    finally:
        close_parts(other)


def test_a_citizen_made_while_the_epoch_turns_is_not_left_behind(any_house: House) -> None:
    """The node reads the epoch, then another begins, passes through and destroys the first; only then the new key is kept."""
    house, late = any_house, os.urandom(16)
    other = open_parts(house.config, clock=house.clock)
    keep = other.keyring.put

    class Slow:
        def __getattr__(self, name: str) -> object:
            return getattr(other.keyring, name)

        def put(self, entry: KeyringEntry) -> None:
            assert wrapped_version(entry.wrapped) == 1
            run(house, destroy_old=True)
            keep(entry)

    try:
        vault = replace(other.vault, keyring=cast(Keyring, Slow()))
        made = vault.create(late)
        sealed = made.seal("attribute", "value", "x", 1, b"here")
        assert house.parts.vault.citizen(late).open("attribute", "value", "x", 1, sealed) == b"here"
    finally:
        close_parts(other)


@pytest.mark.attack("F26")
@pytest.mark.parametrize("left", [-1, 3], ids=["a byte short", "the head"])
def test_f26_a_damaged_key_stops_the_destruction_and_nobody_elses(any_house: House, left: int) -> None:
    """A truncated keyring row: that person's release fails closed, others' don't, and what could repair it from a backup is kept."""
    house = any_house
    app, hurt, well = house.register(), house.citizen(), house.citizen("zhang.min")
    tokens = {account: house.tokens(app, account)["access_token"] for account in (hurt, well)}
    entry = house.parts.keyring.get(hurt)
    assert entry is not None
    assert house.parts.keyring.swap_key(hurt, entry.wrapped, entry.wrapped[:left])
    house.clock.advance(2)
    assert house.userinfo(tokens[hurt]).status_code == 401 and house.userinfo(tokens[well]).status_code == 200
    assert [(e["place"], e["person"]) for e in house.events("seal.failed")] == [("keyring", entry.pseudonym.hex())]
    with pytest.raises(Refusal, match="server_error") as refused:
        run(house, destroy_old=True)
    assert "--drop-unreadable" in refused.value.public and epochs(house)[1] == "retiring"
    assert house.parts.keyring.swap_key(hurt, entry.wrapped[:left], entry.wrapped), "the backup's row"
    assert run(house, destroy_old=True).destroyed == (1,)
    assert house.userinfo(tokens[hurt]).status_code == 200


def test_what_was_erased_before_the_epoch_ended_opens_no_more_from_any_copy(any_house: House) -> None:
    """DESIGN §6: a copy of the dead row, from an old page or a backup of the keyring, is wrapped by a key that is gone."""
    house, account = any_house, any_house.citizen()
    entry = house.parts.keyring.get(account)
    assert entry is not None
    assert house.parts.keyring.destroy(account)
    run(house, destroy_old=True)
    house.parts.keyring.put(entry)
    house.clock.advance(1)
    with pytest.raises(KeyGone):
        house.parts.vault.citizen(account)


def test_two_at_once_do_no_harm(any_house: House) -> None:
    from concurrent.futures import ThreadPoolExecutor

    house = any_house
    for n in range(40):
        house.parts.vault.create(bytes([n]) * 16)
    other = open_parts(house.config, clock=house.clock)
    root = open_root(house.config.keys_url)
    try:
        with ThreadPoolExecutor(2) as pool:
            both = [
                pool.submit(rewrap, parts, root, lambda _, __: None, destroy_old=True) for parts in (house.parts, other)
            ]
            done = [future.result() for future in both]
    finally:
        close_parts(other)
    live = [version for version, state in epochs(house).items() if state != "retired"]
    assert live == [max(one.epoch for one in done)]
    assert set(wrapped_under(house)) == set(live)
    for n in range(40):
        house.parts.vault.citizen(bytes([n]) * 16)


def test_the_command(house: House) -> None:
    house.citizen()
    done = CliRunner().invoke(main, ["keys", "rewrap", "--destroy-old", "--json"], env=environment(house.config))
    assert done.exit_code == 0, done.output
    assert '"epoch": 2' in done.stdout and '"unreadable": 0' in done.stdout
    assert epochs(house) == {1: "retired", 2: "active"}


def test_the_progress_is_told_in_parts(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(120):
        house.parts.vault.create(bytes([n, 1]) * 8)
    said: list[tuple[int, int]] = []
    monkeypatch.setattr(flow, "BATCH", 50)
    total = run(house, said).total
    assert said[:3] == [(50, total), (100, total), (total, total)]
