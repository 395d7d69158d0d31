"""The Store on one SQLite file: WAL, every commit on disk before it is answered, one writer at a time."""

from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from idp.ports import Committed, Conflict, Op
from idp.records import Event
from idp.store.gather import Gatherer
from idp.store.keyring import SqlKeyring
from idp.store.sql import Prepared, SqlStore, head_of, judge_version
from idp.store.sqlite_file import WAIT_S, SqliteFile, path_of
from idp.store.statements import Statements
from idp.store.tables import KEYRING, MAIN

DIALECT = SQLiteDialect_pysqlite(paramstyle="qmark")
STATEMENTS = Statements(DIALECT)
"""Texts know nothing of a file: those of one process share them."""


class SqliteStore(SqlStore):
    """Implements ``idp.ports.Store``. ``url``: ``sqlite:///path``; ``metadata``: whose tables; ``wait_s``: a writer's patience."""

    def __init__(
        self,
        url: str,
        *,
        metadata: sa.MetaData = MAIN,
        secure_delete: bool = False,
        part: str = "database",
        wait_s: float = WAIT_S,
    ) -> None:
        self.statements = STATEMENTS
        self.file = SqliteFile(path_of(url), synchronous="FULL", secure_delete=secure_delete, part=part, wait_s=wait_s)
        self._gatherer = Gatherer(self.file, wait_s)
        self._version_table, self._head = head_of(metadata)

    def rows(self, sql: str, params: list[Any]) -> list[Any]:
        """One read. A value that no column can hold (beyond 64 bits, a lone surrogate) meets no row."""
        try:
            return self.file.rows(sql, params)
        except (OverflowError, UnicodeEncodeError):
            return []

    def run(self, batch: list[Prepared]) -> Committed | Conflict:
        """One transaction, shared with the batches of other threads that wait just then (``idp.store.gather``)."""
        return self._gatherer.run(batch)

    def unsequenced(self, after: int, limit: int) -> list[Event]:
        """``Store.unsequenced``: one writer at a time, so ``seq`` is the order of commits."""
        return self.find(Event, {"seq": Op(">", after)}, order=("seq",), limit=limit)

    def part_off(self, month: int) -> bool:  # noqa: ARG002
        """``Store.part_off``: SQLite has no partitions."""
        return False

    def lead(self, name: str) -> AbstractContextManager[bool]:
        """``Store.lead`` by a lock file beside the database."""
        return self.file.lead(name)

    def check(self) -> None:
        """``Store.check``. Raises SchemaUnknown or Unavailable."""
        table = self.file.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", [self._version_table])
        found = self.file.rows(f"SELECT version_num FROM {self._version_table}", []) if table else []  # noqa: S608
        judge_version([str(row[0]) for row in found], self._head)

    def backup(self, target: str) -> None:
        """``Store.backup`` through SQLite's online backup."""
        self.file.copy_to(target)

    def close(self) -> None:
        """``Store.close``."""
        self.file.close()


def sqlite_keyring(url: str) -> SqlKeyring:
    """The keyring in a SQLite file of its own; scrubbing cuts the write-ahead log, which holds pages as they were."""
    store = SqliteStore(url, metadata=KEYRING, secure_delete=True, part="keyring")
    return SqlKeyring(store, store.file.truncate_log)
