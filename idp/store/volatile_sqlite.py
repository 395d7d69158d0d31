"""The Volatile port on one SQLite file that the workers of a machine share.

The file forgets at most what a power cut takes from the unsynchronised end of its log. It remembers the machine's boot: opened after another
boot it empties itself and is born anew, so that whoever relies on its memory refuses older proofs. A file deleted under a running process is
noticed before the next verb.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from idp.errors import Unavailable
from idp.ports import Bump, Clock, Consumed, Forget, Put, Verb
from idp.store.sqlite_file import SqliteFile, path_of
from idp.store.volatile_entry import CLAIM, COUNTER, VALUE, name, unwrap, wrap

_SECOND = 1_000_000
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_ENTRIES = (
    "CREATE TABLE IF NOT EXISTS entries (name BLOB PRIMARY KEY, used INTEGER NOT NULL, n INTEGER NOT NULL, value BLOB,"
    " expires_at INTEGER NOT NULL) WITHOUT ROWID"
)
_SCHEMA = (
    _ENTRIES,
    "CREATE INDEX IF NOT EXISTS ix_entries_expires_at ON entries (expires_at)",
    "CREATE TABLE IF NOT EXISTS birth (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL, boot TEXT NOT NULL)",
)
_PEEK = "SELECT value FROM entries WHERE name = ? AND used = 0 AND expires_at > ?"
_PUT = "INSERT OR REPLACE INTO entries VALUES (?, 0, 0, ?, ?)"
_FIND = "SELECT used, value FROM entries WHERE name = ? AND expires_at > ?"
_USE = "UPDATE entries SET used = 1, value = NULL WHERE name = ?"
_DROP = "DELETE FROM entries WHERE name = ?"
_FORGET = "DELETE FROM entries WHERE name IN (?, ?, ?)"
_CLAIM = (
    "INSERT INTO entries VALUES (?1, 0, 0, NULL, ?2) ON CONFLICT (name) DO UPDATE SET expires_at = excluded.expires_at"
    " WHERE entries.expires_at <= ?3"
)
_BUMP = (
    "INSERT INTO entries VALUES (?1, 0, ?2, NULL, ?3) ON CONFLICT (name) DO UPDATE SET"
    " n = CASE WHEN entries.expires_at <= ?4 THEN ?2 ELSE entries.n + ?2 END,"
    " expires_at = CASE WHEN entries.expires_at <= ?4 THEN ?3 ELSE entries.expires_at END RETURNING n"
)
_COUNT = "SELECT n FROM entries WHERE name = ? AND expires_at > ?"
_SWEEP = "DELETE FROM entries WHERE name IN (SELECT name FROM entries WHERE expires_at <= ? LIMIT 1000)"


def boot_id() -> str:
    """What names this run of the machine; empty where the system does not say."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


class SqliteVolatile:
    """Implements ``idp.ports.Volatile``. ``boot``: see :func:`boot_id`; without one every verb is synchronised to the disk instead."""

    def __init__(self, url: str, clock: Clock, *, boot: str | None = None) -> None:
        self._boot = boot_id() if boot is None else boot
        self._clock = clock
        self._file = SqliteFile(path_of(url), synchronous="NORMAL" if self._boot else "FULL", part="volatile store")
        self._inode = 0
        self._opening = threading.Lock()
        self._open()

    def put(self, kind: str, key: bytes, value: bytes, ttl_s: int) -> None:
        """``Volatile.put``."""
        self.several((Put(kind, key, value, ttl_s),))

    def peek(self, kind: str, key: bytes) -> bytes | None:
        """``Volatile.peek``."""
        entry = VALUE + name(kind, key)
        rows = self._rows(_PEEK, [entry, self._clock()])
        return self._opened(entry, rows[0][0]) if rows else None

    def take(self, kind: str, key: bytes) -> bytes | None:
        """``Volatile.take``."""
        entry = VALUE + name(kind, key)
        with self._alone() as connection:
            rows = connection.execute(_PEEK, (entry, self._clock())).fetchall()
            if rows:
                connection.execute(_DROP, (entry,))
        return self._opened(entry, rows[0][0]) if rows else None

    def consume(self, kind: str, key: bytes) -> tuple[Consumed, bytes | None]:
        """``Volatile.consume``."""
        entry = VALUE + name(kind, key)
        with self._alone() as connection:
            rows = connection.execute(_FIND, (entry, self._clock())).fetchall()
            if rows and not rows[0][0]:
                connection.execute(_USE, (entry,))
        if not rows:
            return Consumed.UNKNOWN, None
        if rows[0][0]:
            return Consumed.REPLAYED, None
        value = self._opened(entry, rows[0][1])
        return (Consumed.UNKNOWN, None) if value is None else (Consumed.FRESH, value)

    def claim(self, kind: str, key: bytes, ttl_s: int) -> bool:
        """``Volatile.claim``. Whoever relies on it reads ``birth`` after this, never before."""
        now = self._clock()
        with self._alone() as connection:
            done = connection.execute(_CLAIM, (CLAIM + name(kind, key), now + ttl_s * _SECOND, now))
            return done.rowcount == 1

    def settle(self, kind: str, key: bytes, value: bytes, ttl_s: int) -> bytes:
        """``Volatile.settle``."""
        placed = VALUE + name(kind, key)
        now = self._clock()
        with self._alone() as connection:
            rows = connection.execute(_PEEK, (placed, now)).fetchall()
            there = unwrap(placed, rows[0][0]) if rows and isinstance(rows[0][0], bytes) else None
            if there is None:
                connection.execute(_PUT, (placed, wrap(placed, value), now + ttl_s * _SECOND))
        return value if there is None else there

    def bump(self, kind: str, key: bytes, window_s: int, by: int = 1) -> int:
        """``Volatile.bump``."""
        if by == 0:
            rows = self._rows(_COUNT, [COUNTER + name(kind, key), self._clock()])
            return int(rows[0][0]) if rows else 0
        return self.several((Bump(kind, key, window_s, by),))[0]

    def forget(self, kind: str, key: bytes) -> None:
        """``Volatile.forget``: value, claim and counter of this key."""
        self.several((Forget(kind, key),))

    def several(self, verbs: Sequence[Verb]) -> list[int]:
        """``Volatile.several``, all or none of them."""
        asked = [(verb, name(verb.kind, verb.key)) for verb in verbs]
        counts: list[int] = []
        with self._alone() as connection:
            now = self._clock()
            for verb, entry in asked:
                match verb:
                    case Put():
                        placed = VALUE + entry
                        row = (placed, wrap(placed, verb.value), now + verb.ttl_s * _SECOND)
                        connection.execute(_PUT, row)
                    case Bump():
                        counted = (COUNTER + entry, verb.by, now + verb.window_s * _SECOND, now)
                        counts.append(int(connection.execute(_BUMP, counted).fetchall()[0][0]))
                    case Forget():
                        connection.execute(_FORGET, (VALUE + entry, CLAIM + entry, COUNTER + entry))
        return counts

    def birth(self) -> int:
        """``Volatile.birth``."""
        rows = self._rows("SELECT at FROM birth", [])
        if not rows:
            raise Unavailable("volatile store")
        return int(rows[0][0])

    def sweep(self) -> int:
        """``Volatile.sweep``, at most a thousand entries per transaction so that nobody waits long."""
        total, now = 0, self._clock()
        while True:
            with self._alone() as connection:
                count = connection.execute(_SWEEP, (now,)).rowcount
            total += count
            if count < 1000:
                return total

    def check(self) -> None:
        """``Volatile.check``."""
        self.birth()

    def close(self) -> None:
        """``Volatile.close``."""
        self._file.close()

    def _open(self) -> None:
        """Make the tables; a new file, or one from before the machine's last boot, is born now and empty."""
        now = self._clock()
        with self._file.writing() as connection:
            for statement in _SCHEMA:
                connection.execute(statement)
            known = connection.execute("SELECT boot FROM birth").fetchall()
            if not known or known[0][0] != self._boot:
                connection.execute("DELETE FROM entries")
                connection.execute("INSERT OR REPLACE INTO birth VALUES (1, ?, ?)", (now, self._boot))
        self._inode = self._present()

    def _present(self) -> int:
        try:
            return self._file.path.stat().st_ino
        except OSError:
            return -1

    def _follow(self) -> None:
        """Notice that the file was deleted or replaced: this process must not go on in a file that nobody else sees."""
        if self._present() == self._inode:
            return
        with self._opening:
            if self._present() != self._inode:
                self._file.leave()
                self._open()

    def _rows(self, sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
        self._follow()
        return self._file.rows(sql, params)

    @contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        self._follow()
        with self._file.writing() as connection:
            yield connection

    def _opened(self, entry: bytes, wrapped: object) -> bytes | None:
        """The value; a damaged one is deleted and does not exist."""
        value = unwrap(entry, wrapped) if isinstance(wrapped, bytes) else None
        if value is None:
            with self._file.writing() as connection:
                connection.execute(_DROP, (entry,))
        return value
