"""PostgreSQL fails over to its standby: with a synchronous one nothing is lost, and what an asynchronous one lost is noticed (F08)."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idp.flows import log_memory
from idp.flows.log_keeper import LogKeeper
from idp.flows.log_verify import verify
from idp.flows.sequencer import head, log_signer
from tests.journeys.test_sequencer import happen
from tests.kit.clock import FakeClock
from tests.kit.house import House, _prepare_postgres, config_in
from tests.kit.postgres import Postgres, name_in
from tests.kit.process import Home, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


class Standby(Postgres):
    """A streaming replica of another server, made of a base backup."""

    def __init__(self, primary: Postgres) -> None:
        self._bin, self._as = primary._bin, primary._as
        self.home = Home("pg", self._as.get("user"))
        self._data, self.log, self._process = self.home.path / "data", self.home.path / "log", None
        words = [
            "-h",
            str(primary.home.path),
            "-U",
            "postgres",
            "-D",
            str(self._data),
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
        ]
        subprocess.run(
            [str(self._bin / "pg_basebackup"), *words], check=True, cwd=self.home.path, capture_output=True, **self._as
        )
        with (self._data / "postgresql.conf").open("a") as conf:
            conf.write(f"unix_socket_directories = '{self.home.path}'\n")
        self.start()

    def promote(self) -> None:
        """It becomes the primary."""
        with self.connect() as admin:
            assert admin.execute("SELECT pg_promote()").fetchall() == [(True,)]
            # What it has of the configuration of the primary must not make it wait for a standby of its own.
            admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
            admin.execute("SELECT pg_reload_conf()")


@pytest.fixture
def servers() -> Iterator[tuple[Postgres, Standby]]:
    primary = Postgres()
    try:
        standby = Standby(primary)
        try:
            yield primary, standby
        finally:
            standby.close()
    finally:
        primary.close()


@pytest.fixture
def make_house_on(prepared_house: Path, tmp_path: Path, clock: FakeClock) -> Iterator[Callable[..., House]]:
    """``make(url)``: the same house, its main database there; what is beside the database stays."""
    shutil.copytree(prepared_house, tmp_path, dirs_exist_ok=True)
    built: list[House] = []

    def make(url: str) -> House:
        built.append(House(replace(config_in(tmp_path), database_url=url), clock))
        return built[-1]

    yield make
    for house in built:
        house.close()


def kept(house: House) -> LogKeeper:
    """The log's keeper after a look at everything."""
    keeper = LogKeeper(house.parts, trouble=lambda _: None)
    keeper.sequence()
    keeper.tick()
    return keeper


def moved(url: str, server: Postgres) -> str:
    return server.url(name_in(url))


def begun(primary: Postgres, prepared: Path, make: Callable[..., House]) -> tuple[House, Any, str]:
    url = primary.database()
    _prepare_postgres(prepared, url, "main")
    house = make(url)
    app = house.machine()
    happen(house, 5)
    kept(house)
    return house, app, url


@pytest.mark.attack("F08", "A155")
def test_a_synchronous_standby_has_every_event(servers, prepared_house, make_house_on) -> None:
    """Availability without loss: what was answered is on the standby too (issue: faults on the log)"""
    primary, standby = servers
    with primary.connect() as admin:
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        admin.execute("SELECT pg_reload_conf()")
        wait_until(lambda: _state(admin) == "sync", "the synchronous standby")
    house, app, url = begun(primary, prepared_house, make_house_on)
    happen(house, 300)
    kept(house)
    size = head(house.parts).size
    primary.kill()
    standby.promote()
    after = make_house_on(moved(url, standby))
    kept(after)
    assert head(after.parts).size == size
    assert verify(after.parts, log_signer(after.parts)).size == size
    assert after.as_client(app, "/token", {"grant_type": "client_credentials"}).status_code == 200


@pytest.mark.attack("F08", "A155")
def test_what_a_lagging_standby_lost_stops_issuing_until_an_operator_decides(
    servers, prepared_house, make_house_on
) -> None:
    """RFC 9162 §2.1.4: a tree that does not extend the remembered one is not the same log"""
    primary, standby = servers
    house, app, url = begun(primary, prepared_house, make_house_on)
    person = house.register()
    revoked = house.tokens(person, house.citizen())["refresh_token"]
    kept(house)
    small = head(house.parts).size
    with primary.connect() as admin:
        wait_until(lambda: _caught_up(admin), "the standby")
    standby.stop()
    assert house.as_client(person, "/revoke", {"token": revoked}).status_code == 200
    happen(house, 300)
    kept(house)
    size = head(house.parts).size
    primary.kill()
    standby.start()
    standby.promote()
    after = make_house_on(moved(url, standby))
    keeper = kept(after)
    assert (head(after.parts).size, log_memory.had(after.parts)) == (small, size)
    after.clock.advance(1)
    assert after.as_client(app, "/token", {"grant_type": "client_credentials"}).status_code == 503
    keeper.sequence()
    told = log_memory.accept(after.parts, log_signer(after.parts), "the standby lagged")
    assert (told["had"], told["sessions_ended"], told["grants_ended"]) == (size, 1, 1)
    after.clock.advance(1)
    assert after.refresh(person, revoked).get_json()["error"] == "invalid_grant", "its revocation was lost"
    assert after.as_client(app, "/token", {"grant_type": "client_credentials"}).status_code == 200
    keeper.sequence()
    assert verify(after.parts, log_signer(after.parts)).size > small


def _state(admin: Any) -> str:
    return "".join(row[0] for row in admin.execute("SELECT sync_state FROM pg_stat_replication").fetchall())


def _caught_up(admin: Any) -> bool:
    query = "SELECT bool_and(replay_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication"
    return admin.execute(query).fetchall() == [(True,)]
