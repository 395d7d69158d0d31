"""Brings a database to this program's version, and says where it stands. One node at a time; a killed upgrade resumes.

Each migration is one transaction on both databases, so a kill leaves the version before or after it, never between.
"""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from idp.errors import Unavailable
from idp.store.sql import MARK, RestoreUnfinished, head_of, judge_version
from idp.store.sqlite_file import make_private, path_of
from idp.store.tables import KEYRING, MAIN

if TYPE_CHECKING:
    from alembic.config import Config  # Alembic is loaded where it works: a server that only serves starts without it

Progress = Callable[[str], None]

_SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"
_ALONE = threading.Lock()  # Alembic's ``op`` is one per process
LOCK = 0x59694D656E444221
""""YiMenDB!": one number for every node of the house. Whoever migrates or restores holds it."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """One history: the tables that it leads to and the folder of its versions."""

    metadata: sa.MetaData
    folder: str

    @property
    def version_table(self) -> str:
        return head_of(self.metadata)[0]

    @property
    def head(self) -> str:
        return head_of(self.metadata)[1]


MAIN_LINEAGE = Lineage(MAIN, "versions")
KEYRING_LINEAGE = Lineage(KEYRING, "versions/keyring")


def upgrade(
    url: str, progress: Progress = lambda _: None, *, lineage: Lineage = MAIN_LINEAGE, to: str = "head"
) -> None:
    """Apply what is missing, oldest first; ``progress`` hears one line per version. Waits while another node upgrades.

    Raises SchemaUnknown for a database newer than this program; Unavailable when it can't be reached.
    """
    from alembic import command
    from alembic.script import ScriptDirectory

    with _ALONE, alone(url), connection(url) as opened:
        _judge_finished(opened)
        found = _versions(opened, lineage)
        known = {script.revision for script in ScriptDirectory.from_config(_config(lineage)).walk_revisions()}
        if not set(found) <= known:
            judge_version(found, lineage.head)
        config = _config(lineage)
        config.attributes["connection"] = opened
        config.attributes["on_version_apply"] = _reporter(progress)
        command.upgrade(config, to)
        progress(f"at version {', '.join(_versions(opened, lineage))}")


def current(url: str, *, lineage: Lineage = MAIN_LINEAGE) -> str | None:
    """The version that the database stands at; None when it is empty."""
    with connection(url) as opened:
        found = _versions(opened, lineage)
    return found[0] if found else None


def head(*, lineage: Lineage = MAIN_LINEAGE) -> str:
    """The version that this program needs."""
    return lineage.head


def check(url: str, *, lineage: Lineage = MAIN_LINEAGE) -> None:
    """Pass when the database stands exactly at :func:`head`. Raises SchemaUnknown with the remedy, Unavailable."""
    with connection(url) as opened:
        _judge_finished(opened)
        judge_version(_versions(opened, lineage), lineage.head)


def unfinished(url: str) -> bool:
    """Whether a restore began here that has not ended (``store.restoring``). Raises Unavailable."""
    if url.startswith("sqlite:"):
        return False
    with connection(url) as opened:
        return _unfinished(opened)


def _config(lineage: Lineage) -> "Config":
    from alembic.config import Config

    config = Config(attributes={"version_table": lineage.version_table})
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("version_locations", str(_SCRIPTS / lineage.folder))
    config.set_main_option("path_separator", "newline")
    return config


def _versions(connection: sa.Connection, lineage: Lineage) -> list[str]:
    from alembic.runtime.migration import MigrationContext

    context = MigrationContext.configure(connection, opts={"version_table": lineage.version_table})
    found = list(context.get_current_heads())
    connection.rollback()
    return found


def _reporter(progress: Progress) -> Callable[..., None]:
    def applied(*, step: Any, **_: Any) -> None:
        progress(f"{step.up_revision_id} {step.up_revision.doc}")

    return applied


def _unfinished(opened: sa.Connection) -> bool:
    if opened.dialect.name == "sqlite":
        return False
    found = bool(opened.exec_driver_sql(f"SELECT to_regclass('{MARK}') IS NOT NULL").scalar())
    opened.rollback()
    return found


def _judge_finished(opened: sa.Connection) -> None:
    if _unfinished(opened):
        raise RestoreUnfinished


@contextmanager
def connection(url: str) -> Iterator[sa.Connection]:
    """A connection for changes of the schema, whatever stands there. Raises Unavailable."""
    try:
        engine = _sqlite_engine(url) if url.startswith("sqlite:") else _postgres_engine(url)
        with engine.connect() as opened:
            yield opened
    except (OSError, sa.exc.OperationalError) as error:
        raise Unavailable("database") from error


def _sqlite_engine(url: str) -> sa.Engine:
    path = path_of(url)
    make_private(path)
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=NullPool)

    @sa.event.listens_for(engine, "connect")
    def _plain(connection: Any, _: Any) -> None:
        connection.isolation_level = (
            None  # the driver must not begin or commit by itself: DDL belongs in the transaction
        )
        connection.execute("PRAGMA journal_mode=WAL")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgres_engine(url: str) -> sa.Engine:
    import psycopg

    return sa.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url, connect_timeout=5), poolclass=NullPool
    )


@contextmanager
def alone(url: str) -> Iterator[None]:
    """Hold the one lock of whoever migrates or restores: a lock file beside SQLite's file, an advisory lock in PostgreSQL."""
    if url.startswith("sqlite:"):
        path = path_of(url)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(f"{path}-migrate.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
        return
    import psycopg

    try:
        connection = psycopg.connect(url, connect_timeout=5, autocommit=True)
    except psycopg.OperationalError as error:
        raise Unavailable("database") from error
    with connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        yield
