"""A small bounded pool of PostgreSQL connections, one per process. Heals by itself: what is broken is thrown away and made anew."""

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import conninfo

from idp.errors import Unavailable
from idp.store.sql import MARK, RestoreUnfinished

WAIT_S = 2.5
CONNECT_S = 2
SETTINGS = {
    "synchronous_commit": "on",
    "statement_timeout": "2500",
    "lock_timeout": "2000",
    "idle_in_transaction_session_timeout": "10000",
    "default_transaction_isolation": "read\\ committed",
    "jit": "off",  # nothing here runs long enough to earn a compilation
}


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that knows which statements of ``store.flight`` are prepared on it: name by text, and how many names it gave."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.known: dict[str, bytes] = {}
        self.named = 0


def connect(url: str, restoring: bool = False, **settings: str) -> Connection:
    """A connection with the house's settings; ``settings`` override. ``restoring``: also into a database whose restore has not ended.

    Raises psycopg.OperationalError, RestoreUnfinished.
    """
    given = conninfo.conninfo_to_dict(url)
    options = " ".join(f"-c {name}={value}" for name, value in {**SETTINGS, **settings}.items())
    connection = Connection.connect(
        url,
        autocommit=True,
        prepare_threshold=1,
        connect_timeout=CONNECT_S,
        keepalives_idle=30,
        tcp_user_timeout=5000,
        application_name="yimen",
        options=f"{given.get('options', '')} {options}".strip(),
    )
    connection.prepared_max = 300
    if not restoring:
        _judge_finished(connection)
    return connection


class Slots:
    """So many may be taken at once; who waits longest is next. (A semaphore wakes one that waits, and lets whoever comes by be faster: under load
    some waited for seconds.)"""

    def __init__(self, size: int) -> None:
        self._lock, self._free = threading.Lock(), size
        self._line = deque[threading.Lock]()

    def take(self, wait_s: float) -> bool:
        """Whether one was free in time."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            gate = threading.Lock()
            gate.acquire()
            self._line.append(gate)
        if gate.acquire(timeout=wait_s):
            return True
        with self._lock:
            if gate in self._line:
                self._line.remove(gate)
                return False
        return True  # given just now

    def give(self) -> None:
        """Give one back: to who waits longest."""
        with self._lock:
            if self._line:
                self._line.popleft().release()
            else:
                self._free += 1


def _judge_finished(connection: Connection) -> None:
    try:
        found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [MARK], prepare=False).fetchone()
        if found and found[0]:
            raise RestoreUnfinished
    except BaseException:
        connection.close()
        raise


class Pool:
    """At most ``size`` connections. The latest returned is the first lent, so that few stay warm."""

    def __init__(self, url: str, size: int, part: str, wait_s: float = WAIT_S, restoring: bool = False) -> None:
        self._url, self._size, self._part, self._wait_s, self._restoring = url, size, part, wait_s, restoring
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._over = False
        self._slots = Slots(self._size)
        self._idle: list[Connection] = []

    @contextmanager
    def lend(self) -> Iterator[tuple[Connection, bool]]:
        """A connection, and whether it has been used before (and so may have died unnoticed).

        Raises Unavailable when none is free within ``wait_s`` or the server can't be reached.
        """
        if os.getpid() != self._pid:
            self._reset()  # after a fork: the parent's connections are the parent's
        slots, lender = self._slots, self._pid
        if not slots.take(self._wait_s):
            raise Unavailable(self._part)
        try:
            connection, used = self._take()
            try:
                yield connection, used
            finally:
                if os.getpid() == lender:  # else a fork came in between
                    self._give(connection)
        finally:
            slots.give()

    def _take(self) -> tuple[Connection, bool]:
        try:
            return self._idle.pop(), True
        except IndexError:
            pass
        try:
            return connect(self._url, self._restoring), False
        except psycopg.OperationalError as error:
            raise Unavailable(self._part) from error

    def _give(self, connection: Connection) -> None:
        clean = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        if clean and not connection.closed:
            self._idle.append(connection)
            if self._over:
                self.drain()
        else:
            connection.close()

    def close(self) -> None:
        """Close every idle connection, and those on loan when they come back. After a fork the parent keeps its own."""
        if os.getpid() != self._pid:
            self._reset()
        self._over = True
        self.drain()

    def drain(self) -> None:
        """Close every idle connection: after a server's restart all of them are dead."""
        if os.getpid() != self._pid:
            self._reset()
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:
                return
