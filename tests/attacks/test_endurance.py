"""Faults that come with size, with time and with the machine: power, randomness, many tokens, many requests."""

import gc
import os
import sqlite3
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from idp.audit.events import RequestPushed, record
from idp.flows import client_status
from idp.flows.cleanup import clean
from idp.ports import Insert
from idp.records import Event, Grant, OneTime, Refresh, RevokedToken, Session, UsedAssertion
from keys.tokens import new_token
from tests.attacks.authorize_ground import rows
from tests.kit.house import App, House

DAY_S = 86_400


# Power ---------------------------------------------------------------------------------------------------------------------


def told(house: House, n: int) -> Insert:
    return record(RequestPushed(client_id=f"client-{n}"), at=house.clock(), entropy=house.parts.entropy)


@pytest.mark.attack("F13")
@pytest.mark.parametrize("tail", [0, 1, 24, 31, 4_000, 4_119, 9_001], ids=lambda n: f"{n}-bytes-more")
def test_a_power_cut_keeps_what_was_acknowledged(house: House, tmp_path: Path, tail: int) -> None:
    """What is on the disk at an acknowledgement, with any piece of the next commit behind it, opens whole and holds it all (DESIGN §5).

    The log of a database reaches the disk before a commit is acknowledged (SQLite: ``synchronous=FULL`` under WAL).
    """
    main = Path(house.config.database_url.removeprefix("sqlite:///"))
    wal = main.with_name(main.name + "-wal")
    store: Any = house.parts.store
    connection = store.file.connect()
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    acknowledged = []
    for n in range(20):
        row = told(house, n)
        house.parts.store.commit([row])
        assert isinstance(row.record, Event)
        acknowledged.append(row.record.id)
    disk, log = main.read_bytes(), wal.read_bytes()
    house.parts.store.commit([told(house, 99)])
    torn = wal.read_bytes()[len(log) : len(log) + tail]
    cut = tmp_path / "cut.db"
    cut.write_bytes(disk)
    cut.with_name("cut.db-wal").write_bytes(log + torn[:-1] + b"\xff" * bool(torn))
    opened = sqlite3.connect(cut)
    assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    kept = {row[0] for row in opened.execute("SELECT id FROM events")}
    assert set(acknowledged) <= kept
    opened.close()


# Randomness ---------------------------------------------------------------------------------------------------------------


class Failing:
    """The system's randomness until told otherwise; what the edge names a request with (5 bytes) is still there."""

    def __init__(self) -> None:
        self.gone = False

    def __call__(self, n: int) -> bytes:
        if self.gone and n != 5:
            raise OSError("no entropy")
        return os.urandom(n)


@pytest.mark.attack("F47", "A167")
def test_without_randomness_nothing_is_given_out(make_house: Callable[..., House]) -> None:
    """No fallback: requests that need a fresh value fail, nothing is written, and it goes on when the source is back (DESIGN §2.6)."""
    source = Failing()
    house = make_house()
    house = House(house.config, house.clock, source)
    try:
        app, machine, account = house.register(), house.machine("social"), house.citizen()
        browser = house.signed_in(account)
        assert house.code(browser, app)
        before, source.gone = rows(house), True
        assert house.as_client(machine, "/token", {"grant_type": "client_credentials"}).status_code == 500
        assert house.authorize(browser, app).status_code == 500
        assert house.authorize(house.browser(), app).status_code == 500
        assert rows(house) == before
        source.gone = False
        assert house.code(browser, app)
    finally:
        house.close()


@pytest.mark.attack("F47", "A167")
def test_forked_processes_draw_different_values(house: House) -> None:
    """Nothing of the random source is copied with a process: children of one parent give out no token twice (CWE-335)."""
    drawn: list[bytes] = []
    for _ in range(6):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:  # the child: says what it drew, and goes without running anybody's clean-up
            os.write(write, b"".join(new_token(house.parts.ring, "code", house.parts.entropy).hash for _ in range(50)))
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as said:
            values = said.read()
        os.waitpid(child, 0)
        drawn += [values[i : i + 32] for i in range(0, len(values), 32)]
    assert len(drawn) == 300 and len(set(drawn)) == 300


# Many tokens --------------------------------------------------------------------------------------------------------------


def counted(house: House, monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> int:
    """How many writes an act sends to the store."""
    sent: list[int] = []
    commit = type(house.parts.store).commit

    def counting(store: Any, batch: Any) -> Any:
        batch = list(batch)
        sent.append(len(batch))
        return commit(store, batch)

    with monkeypatch.context() as patch:
        patch.setattr(type(house.parts.store), "commit", counting)
        act()
    return sum(sent)


def granted(house: House, app: App, n: int) -> list[str]:
    account = house.citizen(f"c.{app.id[:8]}")
    session = house.session(account)[0]
    tokens = []
    for _ in range(n):
        code, _ = house.grant(app, account, session=session)
        tokens.append(house.redeem(app, code).get_json()["access_token"])
    return tokens


@pytest.mark.attack("F39", "A058")
def test_ending_all_tokens_of_a_client_costs_the_same_however_many(
    any_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set-based: as many statements for forty grants as for one, all dead at once; another client's go on (RFC 7009 §2.1)."""
    house = any_house
    few, many, other = house.register("few"), house.register("many"), house.register("other")
    (one,), all_of_them, (alive,) = granted(house, few, 1), granted(house, many, 40), granted(house, other, 1)
    now = house.clock.advance(1)
    costs = [
        counted(house, monkeypatch, partial(client_status.disable, house.parts, app.id, "leaked", now=now))
        for app in (few, many)
    ]
    assert costs[0] == costs[1]
    house.parts.generations.reread()
    assert {house.userinfo(token).status_code for token in (one, *all_of_them)} == {401}
    assert house.userinfo(alive).status_code == 200
    assert house.parts.store.count(Grant, {"client_id": many.id, "ended_at": None}) == 0


# Many requests ------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("F48")
def test_nothing_is_kept_of_requests_that_are_over(house: House) -> None:
    """After a warm-up, hundreds of requests leave no object and no open file behind in the process (CWE-401)."""
    app, machine = house.register(), house.machine("social")
    token = house.tokens(app, house.citizen())["access_token"]

    def round_of_requests() -> None:
        house.request("GET", "/jwks")
        house.request("GET", "/.well-known/openid-configuration")
        assert house.as_client(machine, "/token", {"grant_type": "client_credentials"}).status_code == 200
        assert house.userinfo(token).status_code == 200
        house.authorize(house.browser(), app, prompt="none")
        assert house.as_client(app, "/token", {"grant_type": "password"}).status_code == 400
        house.request("GET", "/nowhere")
        house.lines.clear()

    def standing() -> tuple[int, int]:
        gc.collect()
        # what a dead weak reference names is gone; its owner sweeps them by the hundred
        kept = sum(not (isinstance(one, weakref.ref) and one() is None) for one in gc.get_objects())
        return kept, len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(25):  # the client's error list has room for twenty lines a minute: what comes then is counted
        round_of_requests()
    objects, files = standing()
    for _ in range(60):
        round_of_requests()
    more_objects, more_files = standing()
    assert more_objects - objects < 60, "less than one object a round"
    assert more_files <= files


@pytest.mark.attack("F48", "F49")
def test_what_has_expired_is_cleaned_away(any_house: House) -> None:
    """Sessions, grants, tokens and one-time values go after their time; the log stays (DESIGN §5)."""
    house = any_house
    app, signing = (
        house.register(),
        house.signing("social", grant_types=["client_credentials"], redirect_uris=[], default_scope="openid"),
    )
    for n in range(5):
        tokens = house.tokens(app, house.citizen(f"c.{n}"))
        house.as_client(app, "/revoke", {"token": tokens["access_token"]})
        house.as_client(signing, "/token", {"grant_type": "client_credentials"})
    kept = (Session, Grant, Refresh, RevokedToken, UsedAssertion)
    assert all(house.parts.store.count(kind) >= 5 for kind in kept)
    events = house.parts.store.count(Event)
    house.clock.advance(400 * DAY_S)
    while clean(house.parts, house.clock()):
        pass
    assert {kind.__name__: house.parts.store.count(kind) for kind in (*kept, OneTime)} == dict.fromkeys(
        [kind.__name__ for kind in (*kept, OneTime)], 0
    )
    assert house.parts.store.count(Event) >= events
