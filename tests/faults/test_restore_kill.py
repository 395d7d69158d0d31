"""A restore that is killed (SIGKILL) at each of its steps: nobody serves what it left, and beginning again does it (F29, F30; DECISIONS 92)."""

import multiprocessing
import os
import signal
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click import ClickException
from click.testing import CliRunner
from psycopg.errors import UndefinedTable

from idp.app import close_parts, occupied, open_parts
from idp.cli import main
from idp.cli.restoring import bring_back
from idp.config import Config
from idp.ports import Store
from idp.records import Grant, OneTime, Session
from idp.store.open import open_store
from idp.store.restoring import bring_in
from idp.store.sql import RestoreUnfinished
from tests.faults import restoring
from tests.kit.house import CLAIMS, House
from tests.kit.operator import environment
from tests.kit.person import PASSWORD, Person
from tests.kit.postgres import Postgres
from tests.kit.process import PATIENCE_S

PLACES = {
    "when the database alone is marked": ("idp.cli.restoring.begin_restore", 2),
    "before the copies": ("idp.cli.restoring._put", 1),
    "between the copies": ("idp.cli.restoring._put", 2),
    "before anything is ended": ("idp.cli.restoring._finished", 1),
    "before the forgotten are forgotten": ("idp.flows.restored.after_restore", 1),
    "when all is ended": ("idp.cli.restoring._name", 1),
}
pytestmark = pytest.mark.slow
BETWEEN_THE_NAMES = ("idp.cli.restoring._name", 2)


@pytest.fixture
def copies(any_house: House, tmp_path: Path) -> tuple[Path, Path]:
    """Of a house with somebody who is signed in, with a service and a code on its way."""
    house = any_house
    account = house.citizen("li.wei", "li.wei@example.cn", claims=CLAIMS, password=PASSWORD)
    Person(house).sign_in("li.wei")
    app = house.register()
    house.tokens(app, account)
    visitor = Person(house)
    visitor.get("/forgot")
    visitor.submit(identifier="li.wei@example.cn")
    copy, ring = tmp_path / "database-1", tmp_path / "keyring"
    house.parts.store.backup(str(copy))
    house.parts.keyring.backup(str(ring))
    assert min(alive(house.config)) > 0
    return copy, ring


@pytest.fixture
def empty(any_house: House, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Config]:
    """The house's settings over empty stores of the same kind."""
    if any_house.config.database_url.startswith("sqlite"):
        place = tmp_path / "again"
        yield replace(
            any_house.config, database_url=f"sqlite:///{place}/main.db", keyring_url=f"sqlite:///{place}/keyring.db"
        )
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    config = replace(any_house.config, database_url=postgres.database(), keyring_url=postgres.database())
    yield config
    for url in (config.database_url, config.keyring_url):
        postgres.drop(url)


@pytest.fixture
def serving(empty: Config) -> Iterator[Store | None]:
    """One that was connected before the restore began; to a file nobody can be."""
    if empty.database_url.startswith("sqlite"):
        yield None
        return
    store = open_store(empty.database_url)
    with pytest.raises(UndefinedTable):
        store.find(Session)
    yield store
    store.close()


def alive(config: Config) -> tuple[int, int, int]:
    """Sessions, grants and codes that could be used."""
    store = open_store(config.database_url)
    found = (
        store.count(Session, {"ended_at": None}),
        store.count(Grant, {"ended_at": None}),
        store.count(OneTime, {"state": "open"}),
    )
    store.close()
    return found


def killed(config: Config, copies: tuple[Path, Path], place: tuple[str, int]) -> None:
    child = multiprocessing.get_context("spawn").Process(target=restoring.die, args=(config, *copies, *place))
    child.start()
    child.join(5 * PATIENCE_S)
    assert child.exitcode == -signal.SIGKILL


def refused(config: Config) -> None:
    """By whatever opens the house, as `serve` and `worker` do, and `doctor` says why."""
    if config.database_url.startswith("sqlite"):
        assert not any(Path(url.removeprefix("sqlite:///")).exists() for url in occupied(config.database_url))
        return
    with pytest.raises(RestoreUnfinished):
        open_parts(config)
    for verb in (["db", "upgrade"], ["doctor", "--offline"]):
        told = CliRunner(env=environment(config)).invoke(main, verb)
        assert (told.exit_code, "idp restore" in told.output + told.stderr) == (1, True), (verb, told.output)


@pytest.mark.attack("F29", "F30")
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_killed_restore_is_served_by_nobody(
    copies: tuple[Path, Path], empty: Config, serving: Store | None, place: tuple[str, int]
) -> None:
    """Also by one that was up all the time; the same command again is all that it needs (DESIGN §2.6)."""
    killed(empty, copies, place)
    refused(empty)
    if serving is not None:
        with pytest.raises(RestoreUnfinished):
            serving.find(Session)
    assert bring_back(empty, *copies)["whole"]
    assert alive(empty) == (0, 0, 0)
    close_parts(open_parts(empty))
    if serving is not None:
        assert serving.count(Session, {"ended_at": None}) == 0
    with pytest.raises(ClickException, match="never overwrites"):
        bring_back(empty, *copies)


@pytest.mark.attack("F29", "F30")
def test_killed_between_the_two_names_the_keyring_is_whole(copies: tuple[Path, Path], empty: Config) -> None:
    """The keyring's comes first: what is left is a keyring that can be kept"""
    killed(empty, copies, BETWEEN_THE_NAMES)
    refused(empty)
    with pytest.raises(ClickException, match="--keep-keyring"):
        bring_back(empty, *copies)
    assert bring_back(empty, copies[0], None)["whole"]
    assert alive(empty) == (0, 0, 0)


@pytest.mark.attack("F29", "F30")
def test_an_unfinished_keyring_is_none_to_keep(copies: tuple[Path, Path], empty: Config) -> None:
    """Its copy may not be there at all"""
    killed(empty, copies, PLACES["between the copies"])
    with pytest.raises(ClickException, match="keyring"):
        bring_back(empty, copies[0], None)
    assert bring_back(empty, *copies)["whole"]


@pytest.mark.postgres
@pytest.mark.attack("A154")
def test_no_password_stands_in_a_process_list(
    postgres: Postgres, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What pg_restore is started with can be read by every process of the machine (PostgreSQL, libpq: PGPASSWORD)"""
    program, said = tmp_path / "pg_restore", tmp_path / "said"
    program.write_text(f'#!/bin/sh\necho "$*" > {said}\nexit 1\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    url = postgres_url.replace("postgres@", "postgres:correct-horse@")
    assert not bring_in(url, tmp_path / "copy")
    assert "--single-transaction" in said.read_text() and "correct-horse" not in said.read_text()
