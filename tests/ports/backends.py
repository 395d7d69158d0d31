"""Every backend of every storage port, fresh and migrated, behind one fixture each."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import sql

from idp.ports import Clock, Keyring, Store, Volatile
from idp.store import schema
from idp.store.open import open_keyring, open_store, open_volatile
from tests.kit.clock import FakeClock
from tests.kit.postgres import Postgres

SQL = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
VOLATILE = ["sqlite", pytest.param("redis", marks=pytest.mark.redis)]

LINEAGES = {"main": schema.MAIN_LINEAGE, "keyring": schema.KEYRING_LINEAGE}


@pytest.fixture(scope="session")
def sqlite_templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One migrated file per lineage; tests copy it."""
    home = tmp_path_factory.mktemp("templates")
    schema.upgrade(f"sqlite:///{home}/main.db")
    schema.upgrade(f"sqlite:///{home}/keyring.db", lineage=schema.KEYRING_LINEAGE)
    return {"main": home / "main.db", "keyring": home / "keyring.db"}


@pytest.fixture(params=SQL)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _fresh(request: pytest.FixtureRequest, backend: str, lineage: str) -> str:
    if backend == "sqlite":
        path: Path = request.getfixturevalue("tmp_path") / f"{lineage}.db"
        shutil.copy(request.getfixturevalue("sqlite_templates")[lineage], path)
        return f"sqlite:///{path}"
    kept: dict[str, str] = request.getfixturevalue("postgres_kept")
    server: Postgres = request.getfixturevalue("postgres")
    if lineage not in kept:
        kept[lineage] = server.database()
        schema.upgrade(kept[lineage], lineage=LINEAGES[lineage])
    with psycopg.connect(kept[lineage]) as connection:  # emptied, not made anew: a database costs a quarter of a second
        for table in reversed(LINEAGES[lineage].metadata.sorted_tables):
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)))
    return kept[lineage]


@pytest.fixture(scope="session")
def postgres_kept() -> dict[str, str]:
    """The run's migrated databases by lineage."""
    return {}


@pytest.fixture
def store_url(request: pytest.FixtureRequest, backend: str) -> str:
    """A migrated, empty main store."""
    return _fresh(request, backend, "main")


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    opened = open_store(store_url)
    yield opened
    opened.close()


@pytest.fixture
def keyring_url(request: pytest.FixtureRequest, backend: str) -> str:
    """A migrated, empty keyring."""
    return _fresh(request, backend, "keyring")


@pytest.fixture
def keyring(keyring_url: str) -> Iterator[Keyring]:
    opened = open_keyring(keyring_url)
    yield opened
    opened.close()


@pytest.fixture
def empty_url(request: pytest.FixtureRequest, backend: str, tmp_path: Path) -> str:
    """A database without any table."""
    return f"sqlite:///{tmp_path}/empty.db" if backend == "sqlite" else request.getfixturevalue("postgres_url")


@dataclass(frozen=True)
class Volatiles:
    """One volatile backend: ``open`` another node on it; ``lapse`` lets seconds pass as it counts them, in Redis by bringing each end nearer."""

    kind: str
    url: str
    clock: FakeClock

    def open(self, clock: Clock | None = None) -> Volatile:
        return open_volatile(self.url, clock or self.clock)

    def lapse(self, seconds: float) -> None:
        self.clock.advance(seconds)
        if self.kind == "redis":
            with redis.Redis.from_url(self.url) as server:
                for key in server.scan_iter():
                    if (left_ms := server.pttl(key)) >= 0:
                        server.pexpire(key, left_ms - int(seconds * 1000))


@pytest.fixture(params=VOLATILE)
def volatiles(request: pytest.FixtureRequest, tmp_path: Path) -> Volatiles:
    kind = str(request.param)
    url = f"sqlite:///{tmp_path}/volatile.db" if kind == "sqlite" else request.getfixturevalue("redis_url")
    return Volatiles(kind, url, FakeClock())


@pytest.fixture
def volatile(volatiles: Volatiles) -> Iterator[Volatile]:
    opened = volatiles.open()
    yield opened
    opened.close()


__all__ = [
    "Volatiles",
    "backend",
    "empty_url",
    "keyring",
    "keyring_url",
    "postgres_kept",
    "sqlite_templates",
    "store",
    "store_url",
    "volatile",
    "volatiles",
]
