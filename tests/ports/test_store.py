"""The Store port's contract (``idp.ports.Store``), one sentence a test, on every backend."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec.structs import astuple

from idp.ports import Add, Committed, Conflict, Delete, Holds, Insert, InsertMany, Op, Store, Update, Write
from idp.records import (
    Account,
    Consent,
    Department,
    Event,
    EventCount,
    Generation,
    Grant,
    Identifier,
    OneTime,
    Refresh,
    SigningKey,
    UsedAssertion,
)
from idp.store.open import open_store
from idp.store.sqlite_file import SqliteFile
from tests.kit.process import wait_until
from tests.ports.children import ROOT
from tests.ports.sample import key, sample


def refresh(n: int, **given: Any) -> Refresh:
    return sample(Refresh, **{"hash": key(n), "expires_at": n, "state": "active", **given})


def fill(store: Store, count: int) -> None:
    assert isinstance(store.commit([Insert(refresh(n)) for n in range(count)]), Committed)


def test_every_record_comes_back_as_it_went_in(store: Store) -> None:
    rows = [
        sample(Department, id="d", name_zh="税务局"),
        sample(Account, id=key(1, 16), locale=None),
        sample(Identifier, account_id=key(1, 16), verified_at=None, index=b"\x00\xff" * 8),
        sample(Grant, nonce="n", ended_at=2**62, claims=b""),
        sample(SigningKey, kid="k", activated_at=None),
    ]
    assert store.commit([Insert(row) for row in rows]) == Committed((1,) * len(rows))
    assert [store.find(type(row)) for row in rows] == [[row] for row in rows]


def test_one_answers_the_row_or_none(store: Store) -> None:
    fill(store, 3)
    assert store.one(Refresh, hash=key(1)) == refresh(1)
    assert store.one(Refresh, hash=key(9)) is None
    with pytest.raises(AssertionError):
        store.one(Refresh, state="active")


def test_what_a_batch_rests_on_holds_or_nothing_is_written(store: Store) -> None:
    fill(store, 2)
    write = Insert(Generation("k", 1))
    assert store.commit([Holds(Refresh, {"hash": key(1), "state": "used"}), write]) == Conflict(0)
    assert store.commit([write, Holds(Refresh, {"state": "active"})]) == Conflict(1)  # two rows are not one
    assert store.count(Generation) == 0
    assert store.commit([Holds(Refresh, {"hash": key(1), "state": "active", "used_at": None}), write]) == Committed(
        (1, 1)
    )
    assert store.one(Refresh, hash=key(1)) == refresh(1)


def test_a_pair_is_a_row_and_the_row_that_its_column_names(store: Store) -> None:
    grant = sample(Grant, id=b"g" * 16, account_id=b"a" * 16)
    store.commit([Insert(refresh(1, grant_id=grant.id)), Insert(refresh(2, grant_id=b"?" * 16)), Insert(grant)])
    assert store.pair(Refresh, Grant, "grant_id", hash=key(1)) == (refresh(1, grant_id=grant.id), grant)
    assert store.pair(Refresh, Grant, "grant_id", hash=key(2)) == (refresh(2, grant_id=b"?" * 16), None)
    assert store.pair(Refresh, Grant, "grant_id", hash=key(9)) is None
    with pytest.raises(AssertionError):
        store.pair(Refresh, Grant, "grant_id", state="active")


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({}, [0, 1, 2, 3]),
        ({"expires_at": Op("<", 2)}, [0, 1]),
        ({"expires_at": Op("<=", 2)}, [0, 1, 2]),
        ({"expires_at": Op(">", 2)}, [3]),
        ({"expires_at": Op(">=", 2)}, [2, 3]),
        ({"expires_at": Op("!=", 2)}, [0, 1, 3]),
        ({"expires_at": Op("in", (0, 2, 3))}, [0, 2, 3]),
        ({"expires_at": Op("in", ())}, []),
        ({"used_at": None}, [0, 1, 2]),
        ({"used_at": Op("!=", None)}, [3]),
        ({"used_at": None, "expires_at": Op("in", (1,))}, [1]),
    ],
)
def test_where_means_equality_or_its_sign(store: Store, where: dict[str, Any], found: list[int]) -> None:
    fill(store, 3)
    store.commit([Insert(refresh(3, used_at=5))])
    assert [row.expires_at for row in store.find(Refresh, where, order=("expires_at",))] == found
    assert store.count(Refresh, where) == len(found)


@pytest.mark.parametrize("op", [Op("~", 1), Op("<", None), Op("= 1 OR 1", 1)])
def test_an_unknown_sign_is_refused(store: Store, op: Op) -> None:
    with pytest.raises(ValueError, match="sign|compares"):
        store.find(Refresh, {"expires_at": op})


def test_order_and_limit(store: Store) -> None:
    store.commit([Insert(refresh(n, created_at=n % 2)) for n in range(6)])
    found = store.find(Refresh, order=("-created_at", "expires_at"), limit=4)
    assert [row.expires_at for row in found] == [1, 3, 5, 0]


@pytest.mark.parametrize("value", [b"\x00", "\x00", "\udc80", "a" * 5000, -1])
def test_a_value_that_no_row_can_have_meets_none(store: Store, value: Any) -> None:
    """Promise 9: bad input is no fault of the server."""
    fill(store, 1)
    where = {bytes: {"hash": value}, str: {"scope": value}, int: {"expires_at": 2**64}}[type(value)]
    assert store.one(Refresh, **where) is None
    assert store.find(Refresh, where) == []
    assert store.count(Refresh, where) == 0


def test_a_batch_is_all_or_none_and_says_which_write_failed(store: Store) -> None:
    fill(store, 2)
    batch: list[Write] = [
        Insert(refresh(5)),
        Update(Refresh, {"hash": key(0)}, {"state": "used"}),
        Update(Refresh, {"hash": key(9)}, {"state": "used"}),
        Insert(refresh(6)),
    ]
    assert store.commit(batch) == Conflict(2)
    assert store.find(Refresh, order=("expires_at",)) == [refresh(0), refresh(1)]


@pytest.mark.parametrize(
    ("rows", "answer"), [(2, Committed((2,))), (None, Committed((2,))), (1, Conflict(0)), (0, Conflict(0))]
)
@pytest.mark.parametrize("verb", ["update", "delete"])
def test_the_row_count_is_judged_before_the_commit(store: Store, verb: str, rows: int | None, answer: object) -> None:
    fill(store, 3)
    where = {"expires_at": Op("<", 2)}
    write = Update(Refresh, where, {"state": "used"}, rows) if verb == "update" else Delete(Refresh, where, rows)
    assert store.commit([write]) == answer
    left = 1 if isinstance(answer, Committed) else 3
    assert store.count(Refresh, {"state": "active"}) == left


def test_the_first_failing_write_is_named_when_several_fail(store: Store) -> None:
    fill(store, 1)
    lost = Update(Refresh, {"hash": key(7)}, {"state": "used"})
    assert store.commit([Insert(refresh(3)), lost, Insert(refresh(0))]) == Conflict(1)
    assert store.commit([Insert(refresh(3)), Insert(refresh(0)), lost]) == Conflict(1)


@pytest.mark.parametrize("clash", [{"id": key(1)}, {"origin": key(1)}])
def test_any_unique_key_is_a_conflict(store: Store, clash: dict[str, bytes]) -> None:
    first = sample(Grant, id=key(1), code_hash=key(1), origin=key(1))
    second = sample(Grant, **{"id": key(2), "code_hash": key(2), "origin": key(2), **clash})
    assert store.commit([Insert(first)]) == Committed((1,))
    assert store.commit([Insert(refresh(1)), Insert(second)]) == Conflict(1)
    assert store.count(Grant) == 1
    assert store.count(Refresh) == 0


def test_conflicts_leave_nothing_behind_on_the_connection(store: Store) -> None:
    """Whatever failed before, the next batch of the same shape is judged by its own rows alone."""
    fill(store, 1)
    for n in range(1, 12):
        assert store.commit(
            [Insert(refresh(0)), Insert(Generation("x", n)), Insert(sample(UsedAssertion))]
        ) == Conflict(0)
        fresh: list[Write] = [
            Insert(refresh(n)),
            Insert(Generation(f"g{n}", n)),
            Insert(sample(UsedAssertion, hash=key(n))),
        ]
        assert store.commit(fresh) == Committed((1, 1, 1))
        assert store.commit([*fresh[1:], Insert(refresh(100 + n))]) == Conflict(0)


def test_an_identifier_needs_its_account(store: Store) -> None:
    assert store.commit([Insert(sample(Identifier))]) == Conflict(0)
    account = sample(Account, id=b"x" * 16)
    assert store.commit([Insert(account), Insert(sample(Identifier))]) == Committed((1, 1))


def test_replace_takes_every_column_but_key_and_created_at(store: Store) -> None:
    store.commit([Insert(sample(Consent, client_id="c", digest=b"old", created_at=1))])
    again = sample(Consent, client_id="c", digest=b"new", created_at=9, withdrawn_at=7)
    assert store.commit([Insert(again, on_conflict="replace")]) == Committed((1,))
    assert store.find(Consent) == [sample(Consent, client_id="c", digest=b"new", created_at=1, withdrawn_at=7)]


def test_replace_inserts_what_is_not_there_and_still_meets_other_unique_keys(store: Store) -> None:
    one = sample(OneTime, id=key(1), hash=key(1))
    assert store.commit([Insert(one, on_conflict="replace")]) == Committed((1,))
    assert store.commit([Insert(sample(OneTime, id=key(2), hash=key(1)), on_conflict="replace")]) == Conflict(0)


def test_ignore_says_whether_it_was_first(store: Store) -> None:
    write = Insert(sample(UsedAssertion, hash=key(1)), on_conflict="ignore")
    assert store.commit([write]) == Committed((1,))
    assert store.commit([write]) == Committed((0,))
    assert store.count(UsedAssertion) == 1


def test_many_rows_go_in_at_once_and_those_that_are_there_stay(store: Store) -> None:
    fill(store, 3)
    rows = [refresh(n, state="used") for n in range(2, 9)]
    assert isinstance(store.commit([InsertMany(rows), InsertMany(rows[:1])]), Committed)
    assert [r.state for r in store.find(Refresh, order=("expires_at",))] == ["active"] * 3 + ["used"] * 6


def test_many_rows_add_to_those_that_are_there(store: Store) -> None:
    for n in (1, 2, 7):
        rows = [EventCount(60, client, 0, "code.issued", n) for client in ("", "a", "b")[: 1 + n % 3]]
        assert isinstance(store.commit([InsertMany(rows, add="n")]), Committed)
    assert [r.n for r in store.find(EventCount, order=("client_id",))] == [10, 10, 2]


def test_an_unknown_conflict_mode_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="on_conflict"):
        store.commit([Insert(refresh(1), on_conflict="merge")])


def test_add_counts_from_the_present_value(store: Store) -> None:
    store.commit([Insert(Generation("clients", 5))])
    store.commit([Update(Generation, {"kind": "clients"}, {"n": Add(1)})] * 3)
    assert store.one(Generation, kind="clients") == Generation("clients", 8)


def test_writes_of_a_batch_see_each_other_in_order(store: Store) -> None:
    step = Update(Refresh, {"hash": key(1), "state": "active"}, {"state": "used"})
    assert store.commit([Insert(refresh(1)), step]) == Committed((1, 1))
    assert store.commit([step]) == Conflict(0)


def test_events_are_numbered_by_the_database(store: Store) -> None:
    events = [sample(Event, seq=0, id=key(n, 16)) for n in range(3)]
    store.commit([Insert(event) for event in events])
    numbers = [event.seq for event in store.find(Event, order=("seq",))]
    assert numbers == sorted(set(numbers))
    assert min(numbers) > 0
    assert [e.id for e in store.find(Event, {"seq": Op(">", numbers[0])}, order=("-seq",))] == [key(2, 16), key(1, 16)]


def test_a_given_event_number_is_kept(store: Store) -> None:
    """A restored event keeps its place."""
    store.commit([Insert(sample(Event, seq=40))])
    assert [event.seq for event in store.find(Event)] == [40]


def test_an_empty_batch_is_committed(store: Store) -> None:
    assert store.commit([]) == Committed(())


def test_a_fault_of_ours_is_raised_and_writes_nothing(store: Store) -> None:
    with pytest.raises(KeyError):
        store.commit([Insert(refresh(1)), Update(Refresh, {"no_such_column": 1}, {"state": "used"})])
    broken = sample(Refresh, hash=key(2), scope=None)
    with pytest.raises(Exception, match="(?i)null"):
        store.commit([Insert(refresh(1)), Insert(broken)])
    assert store.count(Refresh) == 0
    assert store.commit([Insert(refresh(1))]) == Committed((1,))


def test_what_was_committed_is_there_after_reopening(store: Store, store_url: str) -> None:
    fill(store, 2)
    store.close()
    again = open_store(store_url)
    assert again.count(Refresh) == 2
    again.close()


def test_two_nodes_see_each_others_commits_at_once(store: Store, store_url: str) -> None:
    other = open_store(store_url)
    for n in range(20):
        writer, reader = (store, other) if n % 2 else (other, store)
        writer.commit([Insert(refresh(n))])
        assert reader.one(Refresh, hash=key(n)) == refresh(n)
    other.close()


def test_a_forked_process_takes_connections_of_its_own(store: Store) -> None:
    """A worker forked after the store was used shares no connection with its parent, and ending it harms nobody."""
    fill(store, 1)
    for n in range(1, 4):
        child = os.fork()
        if child == 0:
            done = store.commit([Insert(refresh(n))]) == Committed((1,)) and store.count(Refresh) == n + 1
            store.close()
            os._exit(0 if done else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert store.one(Refresh, hash=key(n)) == refresh(n)
    assert store.commit([Insert(refresh(9))]) == Committed((1,))


@pytest.mark.parametrize("last", ["close", "leave", "give back", "read and give back"])
def test_a_child_that_leaves_closes_no_file_of_its_parent(tmp_path: Path, last: str) -> None:
    """Nor with the fork in the middle of a read: SQLite's locks are a process's, and who closes last takes the write-ahead log along (DESIGN §5)."""
    file = SqliteFile(tmp_path / "one.db", synchronous="FULL")
    with file.writing() as writer:
        writer.execute("CREATE TABLE t (n INTEGER)")
    with file.reading() as outer, file.reading():
        pass
    with file.reading() as held:
        ours = (writer, outer, held)
        child = os.fork()
        if child:
            assert os.waitpid(child, 0)[1] == 0
        elif last == "read and give back":
            file.rows("SELECT 1", [])
        elif last != "give back":
            getattr(file, last)()
            os._exit(0 if all(is_open(connection) for connection in ours) else 1)
    if not child:
        os._exit(0 if all(is_open(connection) for connection in ours) else 1)
    with file.writing() as again:
        again.execute("INSERT INTO t VALUES (1)")
    assert file.rows("SELECT n FROM t", []) == [(1,)]
    file.close()
    assert not any(is_open(connection) for connection in ours)


def is_open(connection: sqlite3.Connection) -> bool:
    try:
        return connection.total_changes >= 0
    except sqlite3.ProgrammingError:
        return False


LOOKS_IN = "import sys; from idp.store.open import open_store; s = open_store(sys.argv[1]); s.check(); s.close()"


def test_a_process_that_looks_in_and_leaves_takes_no_commit_along(store: Store, store_url: str) -> None:
    """A command beside a serving process, which has several connections open and goes on committing."""
    fill(store, 1)
    assert store.count(Refresh) == 1
    for n in range(1, 4):
        subprocess.run([sys.executable, "-c", LOOKS_IN, store_url], cwd=ROOT, check=True)
        assert store.commit([Insert(refresh(n))]) == Committed((1,))
        other = open_store(store_url)
        assert other.one(Refresh, hash=key(n)) == refresh(n)
        other.close()


def test_one_leads_until_it_leaves(store: Store, store_url: str) -> None:
    other = open_store(store_url)
    with store.lead("worker") as first, other.lead("worker") as second, other.lead("clean-up") as third:
        assert (bool(first), bool(second), bool(third)) == (True, False, True)
    with other.lead("worker") as now:
        assert now
    other.close()


@pytest.mark.postgres
@pytest.mark.parametrize("backend", ["postgres"])
def test_whose_place_ended_unnoticed_leads_no_more(store: Store, store_url: str, backend: str) -> None:
    """The server ends an idle connection, and gives its lock to the next: there are not two leaders from then on (DESIGN §5)"""
    other = open_store(store_url)
    here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    end = f"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND {here}"
    with store.lead("worker") as leads:
        assert leads
        with psycopg.connect(store_url) as server:
            server.execute(end)
        wait_until(lambda: not leads, "the end of the place", 10)
        with other.lead("worker") as now:
            assert now and not leads
    other.close()


def test_reads_take_the_text_from_memory(store: Store) -> None:
    """PERFORMANCE: statements are compiled once per shape, however many values they meet."""
    fill(store, 3)
    store.one(Refresh, hash=key(0))
    known = dict(store.statements._sql)  # type: ignore[attr-defined]
    for n in range(50):
        store.one(Refresh, hash=key(n))
        store.find(Refresh, {"hash": key(n)}, limit=2)
    assert store.statements._sql == known  # type: ignore[attr-defined]
    assert astuple(refresh(1))[0] == key(1)
