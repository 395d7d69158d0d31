"""What both SQL stores share: the port's verbs over a driver that runs text. The driver is SQLite's or PostgreSQL's."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from msgspec import Struct

from idp.errors import Unavailable
from idp.ports import Committed, Conflict, Write
from idp.store.statements import Statements

S = TypeVar("S", bound=Struct)
T = TypeVar("T", bound=Struct)
Prepared = tuple[str, Sequence[Any], int | None]

_NOTHING: Mapping[str, Any] = {}


class SchemaUnknown(Unavailable):
    """The database's tables are not those of this program; the text says what to do."""

    def advice(self) -> str:
        """The text as it is: it names the remedy."""
        return self.part


MARK = "restore_unfinished"
"""A table that stands beside those of a copy while it comes back (``store.restoring``)."""


class RestoreUnfinished(SchemaUnknown):
    """A copy came back, and not everything in it is ended."""

    def __init__(self) -> None:
        super().__init__(
            "a restore was begun here and has not ended, so that sessions and grants in it may be alive that were revoked: "
            "run `idp restore` again, which begins anew"
        )


class SqlStore:
    """Reads and batches; a subclass runs them."""

    statements: Statements

    def rows(self, sql: str, params: list[Any]) -> list[Any]:
        """Run one read. Raises Unavailable."""
        raise NotImplementedError

    def run(self, batch: list[Prepared]) -> Committed | Conflict:
        """Run one batch, all or none. Raises Unavailable."""
        raise NotImplementedError

    def check(self) -> None:
        """``Store.check``. Raises SchemaUnknown, Unavailable."""
        raise NotImplementedError

    def backup(self, target: str) -> None:
        """``Store.backup``."""
        raise NotImplementedError

    def close(self) -> None:
        """``Store.close``."""
        raise NotImplementedError

    def one(self, kind: type[S], /, **where: Any) -> S | None:
        """``Store.one``."""
        statements = self.statements
        found = self.rows(*statements.select(kind, where, (), 2))
        if not found:
            return None
        assert len(found) == 1, f"more than one {kind.__name__} meets {sorted(where)}"
        return statements.make(kind)(found)[0]

    def pair(self, kind: type[S], other: type[T], via: str, /, **where: Any) -> tuple[S, T | None] | None:
        """``Store.pair``."""
        found = self.rows(*self.statements.select_pair(kind, other, via, where))
        if not found:
            return None
        assert len(found) == 1, f"more than one {kind.__name__} meets {sorted(where)}"
        row, width = found[0], len(kind.__struct_fields__)
        first = self.statements.make(kind)((row[:width],))[0]
        return first, None if row[width] is None else self.statements.make(other)((row[width:],))[0]

    def find(
        self, kind: type[S], where: Mapping[str, Any] | None = None, *, order: Sequence[str] = (), limit: int = 1000
    ) -> list[S]:
        """``Store.find``."""
        rows = self.rows(*self.statements.select(kind, where or _NOTHING, tuple(order), limit))
        return self.statements.make(kind)(rows)

    def count(self, kind: type[Struct], where: Mapping[str, Any] | None = None) -> int:
        """``Store.count``."""
        found = self.rows(*self.statements.count(kind, where or _NOTHING))
        return int(found[0][0]) if found else 0

    def commit(self, writes: Sequence[Write]) -> Committed | Conflict:
        """``Store.commit``. An empty batch is committed without touching the database."""
        if not writes:
            return Committed(())
        prepare = self.statements.write
        return self.run([prepare(write) for write in writes])


def head_of(metadata: sa.MetaData) -> tuple[str, str]:
    """Version table and newest version of a lineage."""
    from idp.store import tables

    if metadata is tables.KEYRING:
        return tables.KEYRING_VERSION_TABLE, tables.KEYRING_HEAD
    return tables.MAIN_VERSION_TABLE, tables.MAIN_HEAD


def judge_version(found: list[str], head: str) -> None:
    """Pass when the database stands at ``head``. Raises SchemaUnknown, which names the remedy."""
    if found == [head]:
        return
    if not found:
        raise SchemaUnknown("the database is empty or not ours: run `idp db upgrade`")
    if all(version < head for version in found):
        raise SchemaUnknown(f"the database is at version {found[0]}, this program needs {head}: run `idp db upgrade`")
    raise SchemaUnknown(
        f"the database is at version {found[0]}, which this program ({head}) does not know: use a newer one"
    )
