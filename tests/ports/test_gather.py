"""Batches that share a transaction on SQLite (``idp.store.gather``): each is judged as if it were alone, all are answered together."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from idp.errors import Unavailable
from idp.ports import Committed, Conflict, Delete, Insert, Write
from idp.records import UsedAssertion
from idp.store.schema import MAIN_LINEAGE, upgrade
from idp.store.sqlite import SqliteStore
from idp.store.sqlite_file import SqliteFile
from tests.kit.process import PATIENCE_S, wait_until


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    url = f"sqlite:///{tmp_path}/main.db"
    upgrade(url, lineage=MAIN_LINEAGE)
    made = SqliteStore(url, wait_s=PATIENCE_S)
    yield made
    made.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as threads:
        yield threads


def used(key: bytes, at: int = 1) -> Insert:
    return Insert(UsedAssertion(key, at))


class Queue:
    """Batches sent while the writing connection is taken: one thread waits for it, the others in line behind that one."""

    def __init__(self, store: SqliteStore, pool: ThreadPoolExecutor) -> None:
        self.store, self.pool, self.sent = store, pool, list["Future[Committed | Conflict]"]()

    def send(self, *writes: Write) -> None:
        line = self.store._gatherer._line
        before = len(line)
        self.sent.append(self.pool.submit(self.store.commit, writes))
        sent = self.sent[-1]
        if len(self.sent) > 1:
            wait_until(lambda: len(line) > before or sent.done(), "a place in line")
        else:
            wait_until(lambda: self.store._gatherer._led or sent.done(), "the leader")


def answers(sent: list["Future[Committed | Conflict]"]) -> list[object]:
    return [f.exception(PATIENCE_S) or f.result() for f in sent]


def keys(store: SqliteStore) -> set[bytes]:
    return {row.hash for row in store.find(UsedAssertion)}


def test_each_batch_is_judged_alone_and_all_share_one_flush(store: SqliteStore, pool: ThreadPoolExecutor) -> None:
    store.commit([used(b"there")])
    queue, said = Queue(store, pool), list[str]()
    connection = store.file.hold()
    connection.set_trace_callback(said.append)
    try:
        queue.send(used(b"a"))
        queue.send(used(b"b"), used(b"b2"))
        queue.send(used(b"c"), used(b"there"))
        queue.send(used(b"d"), Delete(UsedAssertion, {"hash": b"not there"}, rows=1))
        queue.send(used(b"a"))
        queue.send(used(b"e", at=2**70))
        queue.send(used(b"f"))
    finally:
        store.file.let_go()
    told = answers(queue.sent)
    connection.set_trace_callback(None)
    assert told[:5] == [Committed((1,)), Committed((1, 1)), Conflict(1), Conflict(1), Conflict(0)]
    assert isinstance(told[5], OverflowError)
    assert told[6] == Committed((1,))
    assert keys(store) == {b"there", b"a", b"b", b"b2", b"f"}
    assert said.count("COMMIT") == 1


def test_when_the_flush_fails_nobody_is_told_of_success_or_conflict(
    store: SqliteStore, pool: ThreadPoolExecutor
) -> None:
    """The third batch conflicts with the first alone, which is not there in the end; the second fills the file."""
    queue, connection = Queue(store, pool), store.file.hold()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")
    try:
        queue.send(used(b"a"))
        queue.send(used(b"a"))
        queue.send(*(used(f"{n:0>400}".encode()) for n in range(300)))
    finally:
        store.file.let_go()
    assert [type(a) for a in answers(queue.sent)] == [Unavailable] * 3
    assert keys(store) == set()
    connection.execute("PRAGMA max_page_count=1073741823")
    assert store.commit([used(b"a")]) == Committed((1,))


def test_out_of_patience_nothing_of_the_batch_comes_later(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    url = f"sqlite:///{tmp_path}/main.db"
    upgrade(url, lineage=MAIN_LINEAGE)
    store = SqliteStore(url, wait_s=0.2)
    queue = Queue(store, pool)
    store.file.hold()
    try:
        for key in (b"a", b"b", b"c"):
            queue.send(used(key))
        assert [type(a) for a in answers(queue.sent)] == [Unavailable] * 3
    finally:
        store.file.let_go()
    assert store.commit([used(b"d")]) == Committed((1,))
    assert keys(store) == {b"d"}
    store.close()


def test_many_threads_on_few_rows_lose_and_double_nothing(store: SqliteStore, pool: ThreadPoolExecutor) -> None:
    def take(n: int) -> bool:
        return isinstance(store.commit([used(str(n % 50).encode()), used(f"mine-{n}".encode())]), Committed)

    assert sum(pool.map(take, range(400))) == 50
    assert store.count(UsedAssertion) == 100


def test_a_closed_file_leaves_no_connection_to_the_collector(tmp_path: Path) -> None:
    """Who still reads when the process ends gives its connection back to nobody; a late write is refused."""
    file = SqliteFile(tmp_path / "one.db", synchronous="FULL")
    with file.reading() as held:
        file.close()
        assert held.execute("SELECT 1").fetchall() == [(1,)]
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        held.execute("SELECT 1")
    with pytest.raises(Unavailable), file.writing():
        pass


def test_what_reads_a_file_that_was_left_is_not_read_with_again(tmp_path: Path) -> None:
    """Else a reader of a file that was deleted would answer for the new one."""
    file = SqliteFile(tmp_path / "one.db", synchronous="FULL")
    with file.reading() as old:
        file.leave()
    with file.reading() as new:
        assert new is not old
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        old.execute("SELECT 1")
    file.close()
