"""What shares a process's connections (``idp.store.pool``): in order of waiting, and none is lost."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from idp.errors import Unavailable
from idp.store.pool import Connection, Pool, Slots, connect
from tests.kit.process import PATIENCE_S, wait_until


def test_who_waits_is_next_however_fast_another_comes_by() -> None:
    slots, got = Slots(1), list[bool]()
    assert slots.take(0)
    waiting = threading.Thread(target=lambda: got.append(slots.take(PATIENCE_S)))
    waiting.start()
    wait_until(lambda: len(slots._line) == 1, "somebody in line")
    slots.give()
    assert not slots.take(0.01)  # at once, and yet too late
    waiting.join()
    assert got == [True]
    slots.give()
    assert slots.take(0)


def test_first_in_line_is_first_served() -> None:
    slots, order = Slots(1), list[int]()
    assert slots.take(0)

    def wait(number: int) -> None:
        assert slots.take(PATIENCE_S)
        order.append(number)
        slots.give()

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        wait_until(lambda: len(slots._line) == len(threads), "one more in line")
    slots.give()
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


def test_who_gives_up_leaves_the_line_and_takes_nothing_along() -> None:
    slots = Slots(2)
    assert slots.take(0) and slots.take(0)
    assert not slots.take(0.01)
    assert len(slots._line) == 0
    slots.give()
    slots.give()
    assert [slots.take(0) for _ in range(3)] == [True, True, False]


def test_many_at_once_never_hold_more_than_there_are() -> None:
    slots, lock, held = Slots(3), threading.Lock(), [0, 0]

    def work(number: int) -> bool:
        if not slots.take(0.001 if number % 3 else PATIENCE_S):
            return False
        with lock:
            held[0] += 1
            held[1] = max(held)
        with lock:
            held[0] -= 1
        slots.give()
        return True

    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(work, range(2000)))
    assert done.count(True) >= 600 and held[1] <= 3
    assert [slots.take(0) for _ in range(4)] == [True, True, True, False]


def test_a_pool_with_nothing_free_is_unavailable_and_recovers(postgres_url: str) -> None:
    pool = Pool(postgres_url, 1, "database", wait_s=0.05)
    with pool.lend() as (connection, used):
        assert not used and connection.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(Unavailable), pool.lend():
            pass
    with pool.lend() as (_, used):
        assert used
    pool.drain()


def test_a_connection_on_loan_when_the_pool_closes_is_closed_when_it_comes_back(postgres_url: str) -> None:
    pool = Pool(postgres_url, 2, "database")
    with pool.lend() as (held, _):
        with pool.lend():
            pass
        pool.close()
        assert held.execute("SELECT 1").fetchone() == (1,)
    assert held.closed


@pytest.mark.parametrize("last", ["close", "drain", "give back"])
def test_a_child_that_leaves_ends_no_connection_of_its_parent(postgres_url: str, last: str) -> None:
    """A farewell on the parent's socket would end the parent's session with the server (DESIGN §5)."""
    pool = Pool(postgres_url, 2, "database")
    with pool.lend() as (outer, _), pool.lend():
        pass
    with pool.lend() as (held, _):
        held.execute("BEGIN")
        child = os.fork()
        if child:
            assert os.waitpid(child, 0)[1] == 0
            assert held.execute("SELECT 1").fetchone() == (1,)
            held.execute("COMMIT")
        elif last != "give back":
            getattr(pool, last)()
            os._exit(0 if not held.closed and not outer.closed else 1)
    if not child:
        os._exit(0 if not held.closed else 1)
    assert {connection.execute("SELECT 1").fetchone() for connection in pool._idle} == {(1,)} and len(pool._idle) == 2
    pool.close()


def test_a_connection_whose_database_cannot_be_judged_is_closed(postgres_url: str) -> None:
    """Nothing waits for the collector of garbage: a server that goes just then has no leftover of ours."""
    made: list[Connection] = []

    class Broken(Connection):
        def execute(self, *_: Any, **__: Any) -> Any:
            made.append(self)
            raise psycopg.OperationalError("gone")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("idp.store.pool.Connection", Broken)
        with pytest.raises(psycopg.OperationalError, match="gone"):
            connect(postgres_url)
    assert [connection.closed for connection in made] == [True]
