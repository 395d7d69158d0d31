"""The Store on PostgreSQL: autocommit reads, batches sent as one pipeline, row counts judged before COMMIT.

A connection lost before COMMIT was sent is replaced and the work done again; lost after it, the batch is in doubt and the answer is
Unavailable: whoever asked must not assume either way (a code that was consumed stays consumed).
"""

import contextlib
import logging
import os
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import conninfo, errors, sql
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine.interfaces import Dialect

from idp.errors import Unavailable
from idp.ports import Committed, Conflict, Leads
from idp.records import Event
from idp.store.flight import end, fly, idle
from idp.store.keyring import SqlKeyring
from idp.store.partitions import part_off
from idp.store.pool import WAIT_S, Connection, Pool, connect
from idp.store.sql import Prepared, SqlStore, head_of, judge_version
from idp.store.statements import Statements
from idp.store.tables import KEYRING, MAIN

TRIES = 4  # the first and three more
POOL_SIZE = 8
DIALECT: Dialect = PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]
STATEMENTS = Statements(DIALECT)
"""Texts know nothing of a database: those of one process share them."""

logging.getLogger("psycopg").setLevel(logging.ERROR)  # it warns of every conflict, which is an answer here

_KEYS = (errors.UniqueViolation, errors.ForeignKeyViolation)
_AGAIN = (errors.SerializationFailure, errors.DeadlockDetected)
_UNSEQUENCED = (
    f"SELECT {', '.join(f'events.{name}' for name in Event.__struct_fields__)} FROM events"  # noqa: S608 - names of ours
    " JOIN events_pending ON events_pending.seq = events.seq ORDER BY events.seq LIMIT %s"
)
_TROUBLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.ReadOnlySqlTransaction,
    errors.IdleInTransactionSessionTimeout,
)


class PostgresStore(SqlStore):
    """Implements ``idp.ports.Store``. ``url`` is a libpq URL; ``pool_size`` bounds the connections of this process, ``wait_s`` the wait for one;
    ``restoring`` opens it although a restore has not ended."""

    def __init__(
        self,
        url: str,
        *,
        metadata: sa.MetaData = MAIN,
        part: str = "database",
        pool_size: int = POOL_SIZE,
        wait_s: float = WAIT_S,
        restoring: bool = False,
    ) -> None:
        self.statements = STATEMENTS
        self._url, self._part, self._restoring = url, part, restoring
        self._pool = Pool(url, pool_size, part, wait_s, restoring)
        self._version_table, self._head = head_of(metadata)

    def rows(self, sql: str, params: list[Any]) -> list[Any]:
        """One autocommit read. A value that no column can hold (NUL, beyond 64 bits, a lone surrogate) meets no row."""
        for _ in range(TRIES):
            with self._pool.lend() as (connection, used):
                try:
                    return connection.execute(sql, params, binary=True).fetchall()
                except (psycopg.DataError, UnicodeEncodeError):
                    return []
                except _TROUBLE as error:
                    if not (used and connection.closed):
                        raise Unavailable(self._part) from error
            self._pool.drain()
        raise Unavailable(self._part)

    def run(self, batch: list[Prepared]) -> Committed | Conflict:
        """One READ COMMITTED transaction; tried again, three times at most, after a deadlock or a connection that had died idle."""
        for _ in range(TRIES):
            with self._pool.lend() as (connection, used):
                try:
                    judged = _judge(batch, *fly(connection, batch))
                except _AGAIN:
                    _abandon(connection)
                    continue
                except _TROUBLE as error:
                    if not (used and connection.closed):
                        _abandon(connection)
                        raise Unavailable(self._part) from error
                    judged = None
                except BaseException:
                    _abandon(connection)
                    raise
                if judged is not None:
                    return self._finish(connection, judged)
            self._pool.drain()
        raise Unavailable(self._part)

    def _finish(self, connection: Connection, judged: Committed | Conflict) -> Committed | Conflict:
        try:
            end(connection, b"COMMIT" if isinstance(judged, Committed) else b"ROLLBACK")
        except psycopg.Error as error:
            _abandon(connection)
            raise Unavailable(self._part) from error
        return judged

    def unsequenced(self, after: int, limit: int) -> list[Event]:  # noqa: ARG002
        """``Store.unsequenced`` from ``events_pending``: a lower ``seq`` may commit after a higher one."""
        return self.statements.make(Event)(self.rows(_UNSEQUENCED, [limit]))

    def part_off(self, month: int) -> bool:
        """``Store.part_off`` on a connection of its own, which alone may make tables."""
        try:
            with connect(self._url, self._restoring) as connection:
                return part_off(connection, month)
        except psycopg.Error as error:
            raise Unavailable(self._part) from error

    @contextmanager
    def lead(self, name: str) -> Iterator[Leads]:
        """``Store.lead`` by an advisory lock on a connection of its own; the server frees it when the connection ends."""
        number = zlib.crc32(f"yimen-lead/{self._version_table}/{name}".encode())
        try:
            connection = connect(self._url, self._restoring)
        except psycopg.OperationalError as error:
            raise Unavailable(self._part) from error
        with connection:
            try:
                row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LEAD, number - 2**31]).fetchone()
            except _TROUBLE as error:
                raise Unavailable(self._part) from error
            leader = bool(row and row[0])
            try:
                yield _Lead(connection) if leader else False
            finally:
                if leader:  # the server notices the end of a connection a little later
                    with contextlib.suppress(*_TROUBLE):
                        connection.execute("SELECT pg_advisory_unlock(%s, %s)", [_LEAD, number - 2**31])

    def check(self) -> None:
        """``Store.check``. Raises SchemaUnknown or Unavailable."""
        known = self.rows("SELECT to_regclass(%s) IS NOT NULL", [self._version_table])
        query = f"SELECT version_num FROM {self._version_table}"  # noqa: S608 - a constant of tables.py
        found = self.rows(query, []) if known[0][0] else []
        judge_version([str(row[0]) for row in found], self._head)

    def backup(self, target: str) -> None:
        """``Store.backup`` by ``pg_dump`` in its custom format. Raises FileNotFoundError without that program, Unavailable, OSError."""
        program = shutil.which("pg_dump")
        if program is None:
            raise FileNotFoundError("pg_dump is not on PATH: install PostgreSQL's client programs")
        part = Path(f"{target}.{os.getpid()}.part")
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600))
        command = [program, "--format=custom", "--no-owner", "--no-password", f"--file={part}"]
        done = subprocess.run(command, env=_dump_environment(self._url), capture_output=True, check=False)  # noqa: S603
        if done.returncode:
            part.unlink()
            raise Unavailable(self._part)
        part.replace(target)

    def vacuum(self, table: str) -> None:
        """Clear the pages of deleted rows. Raises Unavailable."""
        try:
            with connect(self._url, self._restoring, statement_timeout="0") as connection:
                connection.execute(sql.SQL("VACUUM {}").format(sql.Identifier(table)))
        except _TROUBLE as error:
            raise Unavailable(self._part) from error

    def close(self) -> None:
        """``Store.close``."""
        self._pool.close()


class _Lead:
    """True as long as the connection that holds the lock is there: the server gave the lock away with it, and nobody else would notice."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __bool__(self) -> bool:
        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True


_LEAD = 0x59694D65  # the house's half of an advisory lock's name


def _judge(batch: list[Prepared], counts: list[int], failed: psycopg.Error | None) -> Committed | Conflict:
    """How the batch would end. Raises the error of a write, unless it is a key's, which is an answer."""
    for at, (count, (_, _, must)) in enumerate(zip(counts, batch, strict=False)):
        if must is not None and count != must:
            return Conflict(at)
    if failed is None:
        return Committed(tuple(counts))
    if isinstance(failed, _KEYS):
        return Conflict(len(counts))
    raise failed


def _abandon(connection: Connection) -> None:
    """Undo whatever is open; a connection that can't is closed, which undoes too."""
    try:
        clean = idle(connection)
        if clean:
            end(connection, b"ROLLBACK")
    except psycopg.Error:
        clean = False
    if not clean:
        connection.close()


def _dump_environment(url: str) -> dict[str, str]:
    """Connection settings as libpq's environment, so that no password stands in a process list."""
    names = {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD"}
    names |= {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY"}
    given = conninfo.conninfo_to_dict(url)
    return os.environ | {env: str(given[name]) for name, env in names.items() if name in given}


def postgres_keyring(url: str, *, restoring: bool = False) -> SqlKeyring:
    """The keyring in a PostgreSQL database of its own."""
    store = PostgresStore(url, metadata=KEYRING, part="keyring", restoring=restoring)
    return SqlKeyring(store, lambda: store.vacuum("keyring"))
