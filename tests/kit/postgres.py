"""A real PostgreSQL: own directory, Unix socket only, durable as in production."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from tests.kit.process import PATIENCE_S, Home, alive, frozen, need, wait_until

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "64MB",
    "logging_collector": "off",
}


def binaries() -> Path | None:
    """Where initdb and pg_ctl are: Debian keeps them off the PATH, the newest version last."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    found = debian[-1] if debian else shutil.which("initdb")
    return Path(found).parent if found else None


def name_in(url: str) -> str:
    """The database's name in its URL."""
    return urlsplit(url).path.removeprefix("/")


class Postgres:
    """One server. ``database()`` gives a fresh database; the verbs below make the faults."""

    def __init__(self) -> None:
        found = binaries()
        assert found is not None
        self._bin = found
        # PostgreSQL refuses to run as root.
        self._as: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        self.home = Home("pg", self._as.get("user"))
        self._process: subprocess.Popen[bytes] | None = None
        self._data, self.log = self.home.path / "data", self.home.path / "log"
        self._names, self._prepared = count(1), dict[str, str]()
        try:
            self._tool("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions")
            with (self._data / "postgresql.conf").open("a") as conf:
                conf.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
                conf.write(f"unix_socket_directories = '{self.home.path}'\n")
            self.start()
        except BaseException:
            self.home.close()
            raise

    def _tool(self, name: str, *args: str) -> None:
        command = [str(self._bin / name), "-D", str(self._data), *args]
        run = subprocess.run(
            command, check=False, cwd=self.home.path, capture_output=True, text=True, timeout=PATIENCE_S, **self._as
        )
        assert run.returncode == 0, f"{name}: {run.stdout}{run.stderr}"

    @property
    def pid(self) -> int:
        """The postmaster, our own child."""
        assert self._process is not None, "PostgreSQL is stopped"
        return self._process.pid

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self) -> None:
        """Start and wait until it answers; after a kill this recovers from the write-ahead log."""
        command = [str(self._bin / "postgres"), "-D", str(self._data)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.home.path,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as,
            )
        self.home.guarding(self.pid)
        wait_until(self._answers, "PostgreSQL's first answer")

    def _end(self, how: signal.Signals) -> None:
        family = [self.pid, *map(int, Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split())]
        os.kill(self.pid, how)
        assert self._process is not None
        self._process.wait(PATIENCE_S)
        self._process = None
        wait_until(lambda: not any(map(alive, family)), "the end of the postmaster's children")
        self.home.guarding(None)

    def stop(self) -> None:
        """A fast shutdown: sessions are ended in order."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """An immediate shutdown: the next start recovers from the write-ahead log."""
        self._end(signal.SIGQUIT)

    def kill(self) -> None:
        """SIGKILL the postmaster, as the out-of-memory killer does; its children follow by themselves."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def hanging(self) -> AbstractContextManager[None]:
        """Inside the block new connections hang."""
        return frozen(self.pid)

    def disconnect(self) -> None:
        """End every session, as a fail-over does."""
        self._admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A plain connection that commits each statement."""
        return psycopg.connect(host=str(self.home.path), user="postgres", dbname=database, autocommit=True)

    def _admin(self, statement: str, name: str = "", template: str = "") -> None:
        composed = sql.SQL(statement).format(name=sql.Identifier(name), template=sql.Identifier(template))
        with self.connect() as connection:
            connection.execute(composed)

    def url(self, database: str) -> str:
        """``postgresql://`` over the Unix socket, as IDP_DATABASE_URL takes it."""
        return f"postgresql://postgres@/{database}?host={self.home.path}"

    def database(self, template: str = "template0") -> str:
        """The URL of a fresh database copied from ``template``."""
        name = f"t{next(self._names)}"
        self._admin("CREATE DATABASE {name} TEMPLATE {template}", name, template)
        return self.url(name)

    def prepared(self, key: str, build: Callable[[str], object]) -> str:
        """The name of a template that ``build(url)`` fills once per server, for example with migrations."""
        if key not in self._prepared:
            url = self.database()
            build(url)
            self._prepared[key] = name_in(url)
        return self._prepared[key]

    def drop(self, url: str) -> None:
        """Remove a database, whoever is connected."""
        self._admin("DROP DATABASE IF EXISTS {name} WITH (FORCE)", name_in(url))

    def close(self) -> None:
        try:
            if self._process is not None:
                self.crash()
        finally:
            self.home.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server per run (per xdist worker). Tests that stop it start it again."""
    need("PostgreSQL", "postgresql", binaries())
    server = Postgres()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def postgres_database(postgres: Postgres) -> Iterator[Callable[..., str]]:
    """Factory of fresh databases, ``make(template="template0") -> url``, all dropped after the test."""
    made: list[str] = []

    def make(template: str = "template0") -> str:
        made.append(postgres.database(template))
        return made[-1]

    yield make
    for url in made:
        postgres.drop(url)


@pytest.fixture
def postgres_url(postgres_database: Callable[..., str]) -> str:
    """The URL of a fresh, empty database."""
    return postgres_database()
