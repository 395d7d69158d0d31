"""One SQLite file of ours: its connections, its one writer per process, its errors in the house's words."""

import fcntl
import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from idp.errors import Unavailable

WAIT_S = 2.5

_PARENTS: list[
    tuple[list[sqlite3.Connection], sqlite3.Connection | None]
] = []  # connections that came through a fork: closing one here could end the parent's write-ahead log

_TROUBLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
}


def path_of(url: str) -> Path:
    """File of ``sqlite:///relative`` or ``sqlite:////absolute``. Raises ValueError for a URL without a file."""
    path = url.removeprefix("sqlite:///")
    if path == url or not path or "?" in path:
        raise ValueError("a SQLite URL is sqlite:///path/to/file.db")
    return Path(path)


_MAKING = threading.Lock()


def make_private(path: Path) -> None:
    """Make the file, for its owner alone, where it is not there yet. Raises OSError.

    One that is there is never opened: closing any descriptor of a file drops every POSIX lock that this process holds on it, and the next
    process to leave would then take the write-ahead log with it, under connections that go on writing into it.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _MAKING:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return


def trouble(part: str, error: sqlite3.Error) -> Exception:
    """``Unavailable`` when the file can't serve now (locked, full, unreadable); else the error itself: a fault of ours."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return Unavailable(part) if code in _TROUBLE else error


class SqliteFile:
    """Connections to one file. Readers come from a stack; writers wait in line for the process's one writing connection.

    Waiting inside the process is by lock (first come, first served); between processes by SQLite's busy handler. Both give up after
    ``wait_s``. A fork is noticed by its process id: connections of the parent are left alone and new ones made.
    """

    def __init__(
        self,
        path: Path,
        *,
        synchronous: str,
        secure_delete: bool = False,
        part: str = "database",
        wait_s: float = WAIT_S,
    ) -> None:
        self.path, self.part, self._wait_s = path, part, wait_s
        self._pragmas = (
            f"PRAGMA busy_timeout={int(wait_s * 1000)}",
            "PRAGMA journal_mode=WAL",
            f"PRAGMA synchronous={synchronous}",
            "PRAGMA foreign_keys=ON",
            f"PRAGMA secure_delete={'ON' if secure_delete else 'OFF'}",
            "PRAGMA temp_store=MEMORY",
            "PRAGMA trusted_schema=OFF",
            "PRAGMA journal_size_limit=67108864",
        )
        self._reset()

    def _forked(self) -> None:
        _PARENTS.append((self._readers, self._writer))
        self._reset()

    def _reset(self) -> None:
        self._pid, self._over = os.getpid(), False
        self._readers: list[sqlite3.Connection] = []
        self._writer: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def connect(self) -> sqlite3.Connection:
        """A new connection; the file is made for its owner alone. Raises Unavailable."""
        try:
            make_private(self.path)
            connection = sqlite3.connect(
                self.path, timeout=self._wait_s, isolation_level=None, check_same_thread=False, cached_statements=512
            )
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(self.part) from error
        try:
            for pragma in self._pragmas:
                connection.execute(pragma)
        except sqlite3.Error as error:
            connection.close()
            raise trouble(self.part, error) from error
        return connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Borrow a connection for reads. SQLite's troubles leave as Unavailable."""
        if os.getpid() != self._pid:
            self._forked()
        readers = self._readers
        try:
            connection = readers.pop()
        except IndexError:
            connection = self.connect()
        try:
            yield connection
        except sqlite3.Error as error:
            raise trouble(self.part, error) from error
        finally:
            self._give_back(connection, readers)

    def _give_back(self, connection: sqlite3.Connection, readers: list[sqlite3.Connection]) -> None:
        """To the stack that it came from; closed where that one was left meanwhile, as it may read a file that is not there any more. What was lent
        before a fork is the parent's."""
        readers.append(connection)
        left = self._over or readers is not self._readers
        if left and os.getpid() == self._pid and not any(readers is theirs for theirs, _ in _PARENTS):
            _close_each(readers)

    def rows(self, sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
        """All rows of one read: the hot path, without a context manager."""
        if os.getpid() != self._pid:
            self._forked()
        readers = self._readers
        try:
            connection = readers.pop()
        except IndexError:
            connection = self.connect()
        try:
            return connection.execute(sql, params).fetchall()
        except sqlite3.Error as error:
            raise trouble(self.part, error) from error
        finally:
            self._give_back(connection, readers)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """``BEGIN IMMEDIATE`` on the writing connection; commits when the block ends, rolls back when it raises.

        Raises Unavailable after ``wait_s`` in line, or when SQLite can't write; nothing of the block is there then.
        """
        connection = self.hold()
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except BaseException as error:
            self.roll_back(connection)
            if isinstance(error, sqlite3.Error):
                raise trouble(self.part, error) from error
            raise
        finally:
            self._lock.release()

    def hold(self) -> sqlite3.Connection:
        """Wait for the writing connection; the caller releases with :meth:`let_go`. Raises Unavailable, also once the file is closed."""
        if os.getpid() != self._pid:
            self._forked()
        if not self._lock.acquire(timeout=self._wait_s):
            raise Unavailable(self.part)
        if self._over:
            self._lock.release()
            raise Unavailable(self.part)
        if self._writer is None:
            try:
                self._writer = self.connect()
            except BaseException:
                self._lock.release()
                raise
        return self._writer

    def let_go(self) -> None:
        """Give the writing connection back."""
        self._lock.release()

    def roll_back(self, connection: sqlite3.Connection) -> None:
        """Undo; a connection that can't even do that is thrown away, which undoes too."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._writer = None
            connection.close()

    def copy_to(self, target: str) -> None:
        """A consistent copy as of now, in place of ``target``, while others read and write. Raises Unavailable, OSError."""
        part = Path(f"{target}.{os.getpid()}.part")
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600))
        try:
            copy = sqlite3.connect(part)
            try:
                with self.reading() as source:
                    source.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")
            finally:
                copy.close()
            _sync(part)
            part.replace(target)
            _sync(Path(target).parent)
        finally:
            part.unlink(missing_ok=True)

    def truncate_log(self) -> None:
        """Move everything from the write-ahead log into the file and cut the log to nothing. Raises Unavailable when readers hold it."""
        until = time.monotonic() + self._wait_s
        connection = self.hold()
        try:
            while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() > until:
                    raise Unavailable(self.part)
                time.sleep(0.01)
        except sqlite3.Error as error:
            raise trouble(self.part, error) from error
        finally:
            self.let_go()

    @contextmanager
    def lead(self, name: str) -> Iterator[bool]:
        """True inside for the one holder of the lock file beside the database; the kernel frees it at exit or death."""
        safe = re.sub(r"[^a-z0-9-]", "-", name.lower())
        lock = Path(f"{self.path}-{safe}.lock")
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable(self.part) from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                leader = True
            except BlockingIOError:
                leader = False
            yield leader
        finally:
            os.close(handle)

    def close(self) -> None:
        """Close the writing connection, the idle ones, and those that are read on when they come back. After a fork the parent keeps its own."""
        if os.getpid() != self._pid:
            self._forked()
        self._over = True
        self.leave()

    def leave(self) -> None:
        """Close what is idle, and what is read on when it comes back; the next use opens whatever file is there then."""
        if os.getpid() != self._pid:
            self._forked()
        with self._lock:
            left, self._readers = self._readers, []
            _close_each(left)
            if self._writer is not None:
                self._writer.close()
                self._writer = None


def _close_each(readers: list[sqlite3.Connection]) -> None:
    while readers:
        try:
            readers.pop().close()
        except IndexError:
            return


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
