"""Many threads, one commit: batches that wait for SQLite's writing connection share a transaction, and so one flush to disk.

Each batch is all or none by a savepoint of its own and is judged in the order of arrival, as if it had committed alone. Nobody hears an answer
before COMMIT is durable; when that fails, everyone hears Unavailable, even of a conflict, which may have been with a neighbour that is not
there now.
"""

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Sequence

from idp.errors import Unavailable
from idp.ports import Committed, Conflict
from idp.store.sql import Prepared
from idp.store.sqlite_file import SqliteFile, trouble

_KEYS = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
}


class _Waiting:
    """One batch and, when ``done``, its answer. ``gate`` opens when it is done, or when it is this one's turn to lead."""

    __slots__ = ("answer", "batch", "done", "error", "gate")

    def __init__(self, batch: Sequence[Prepared]) -> None:
        self.batch = batch
        self.answer: Committed | Conflict | None = None
        self.error: Exception | None = None
        self.done = False
        self.gate = threading.Lock()
        self.gate.acquire()


class Gatherer:
    """Commits on the writing connection of ``file``. One thread leads: it commits for everyone in line, then the oldest newcomer leads.

    ``wait_s``: how long a batch waits in line.
    """

    def __init__(self, file: SqliteFile, wait_s: float) -> None:
        self._file, self._wait_s = file, wait_s
        self._reset()

    def _reset(self) -> None:
        self._pid, self._lock = os.getpid(), threading.Lock()
        self._line, self._led = deque[_Waiting](), False

    def run(self, batch: Sequence[Prepared]) -> Committed | Conflict:
        """``Store.commit``. Raises Unavailable; a fault of ours (a value of a wrong type, a broken rule of the schema) leaves as it is."""
        if os.getpid() != self._pid:  # the line was the parent's, who commits it
            self._reset()
        mine = _Waiting(batch)
        with self._lock:
            follows, self._led = self._led, True
            if follows:
                self._line.append(mine)
        if follows:
            self._wait(mine)
        if not mine.done:
            self._lead(mine)
        if mine.error is not None:
            raise mine.error
        assert mine.answer is not None
        return mine.answer

    def _wait(self, mine: _Waiting) -> None:
        """Until done, or due to lead. Out of patience the batch is withdrawn; one that is being committed just then has its answer soon."""
        if mine.gate.acquire(timeout=self._wait_s):
            return
        with self._lock:
            if mine in self._line:
                self._line.remove(mine)
                raise Unavailable(self._file.part)
        mine.gate.acquire()

    def _lead(self, mine: _Waiting) -> None:
        group = [mine]
        try:
            connection = self._file.hold()
            try:
                with self._lock:
                    group += self._line
                    self._line.clear()
                self._commit(connection, group)
            finally:
                self._file.let_go()
        finally:
            with self._lock:
                heir = self._line.popleft() if self._line else None
                self._led = heir is not None
            for waiting in group[1:]:
                waiting.gate.release()
            if heir is not None:
                heir.gate.release()

    def _commit(self, connection: sqlite3.Connection, group: list[_Waiting]) -> None:
        failed: Exception | None = Unavailable(self._file.part)
        try:
            _transact(connection, group, self._file.part)
            failed = None
        except sqlite3.Error as error:
            failed = trouble(self._file.part, error)
        finally:
            if failed is not None:
                self._file.roll_back(connection)
            for waiting in group:
                waiting.error = waiting.error or failed
                waiting.done = True


def _transact(connection: sqlite3.Connection, group: list[_Waiting], part: str) -> None:
    """One ``BEGIN IMMEDIATE`` transaction. Raises what failed for all."""
    connection.execute("BEGIN IMMEDIATE")
    if len(group) == 1:
        kept = _judge(connection, group[0], part)
    else:
        kept = False
        for waiting in group:
            if _stands_alone(waiting.batch):
                kept |= _judge(connection, waiting, part)
                continue
            connection.execute("SAVEPOINT batch")
            if _judge(connection, waiting, part):
                kept = True
            else:
                connection.execute("ROLLBACK TO batch")
            connection.execute("RELEASE batch")
    connection.execute("COMMIT" if kept else "ROLLBACK")


def _stands_alone(batch: Sequence[Prepared]) -> bool:
    """One insert is all or none by itself."""
    return len(batch) == 1 and batch[0][0].startswith("INSERT") and batch[0][2] == 1


def _judge(connection: sqlite3.Connection, waiting: _Waiting, part: str) -> bool:
    """Write one batch, its row counts checked; False when nothing of it may stay. Raises when the file, not the batch, is in trouble."""
    at, counts = 0, list[int]()
    try:
        for at, (sql, params, must) in enumerate(waiting.batch):
            done = connection.execute(sql, params)
            touched = done.rowcount if done.rowcount >= 0 else len(done.fetchall())  # a read has no count of its own
            if must is not None and touched != must:
                waiting.answer = Conflict(at)
                return False
            counts.append(touched)
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode in _KEYS:
            waiting.answer = Conflict(at)
        else:
            waiting.error = error
        return False
    except sqlite3.Error as error:
        if isinstance(trouble(part, error), Unavailable):
            raise
        waiting.error = error
        return False
    except Exception as error:  # noqa: BLE001  a value that can't be written is its batch's own mistake, raised there
        waiting.error = error
        return False
    waiting.answer = Committed(tuple(counts))
    return True
