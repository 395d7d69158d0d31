"""Batches as PostgreSQL gets them: prepared once, in one flight, each failure named by the write that failed."""

from collections.abc import Iterator

import psycopg
import pytest

from idp.errors import Unavailable
from idp.ports import Add, Committed, Conflict, Insert, InsertMany, Update
from idp.records import Generation, Refresh, UsedAssertion
from idp.store import flight
from idp.store.postgres import PostgresStore
from idp.store.schema import MAIN_LINEAGE, upgrade
from tests.kit.postgres import Postgres, name_in

pytestmark = pytest.mark.postgres


@pytest.fixture
def store(postgres: Postgres) -> Iterator[PostgresStore]:
    template = postgres.prepared("flight", lambda url: upgrade(url, lineage=MAIN_LINEAGE))
    made = PostgresStore(postgres.database(template), pool_size=1)
    yield made
    made.close()
    postgres.drop(made._url)


def used(n: int) -> Insert:
    return Insert(UsedAssertion(n.to_bytes(32, "big"), n))


def prepared(store: PostgresStore) -> int:
    with store._pool.lend() as (connection, _):
        query = "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'flight%'"
        count = connection.execute(query).fetchall()[0][0]
        assert count == len(connection.known)
        return int(count)


def test_a_statement_that_comes_twice_in_its_first_batch_is_prepared_once(store):
    assert store.commit([used(1), used(2), used(3)]) == Committed((1, 1, 1))
    assert prepared(store) == 1
    assert store.commit([used(4)]) == Committed((1,))
    assert prepared(store) == 1


def test_what_comes_behind_a_failure_is_prepared_when_it_comes_again(store):
    store.commit([used(1)])
    grow = Update(Generation, {"kind": "clients"}, {"n": Add(1)})
    assert store.commit([used(2), used(1), Insert(Generation("clients", 1)), grow]) == Conflict(1)
    assert store.count(UsedAssertion) == 1
    assert store.commit([used(2), Insert(Generation("clients", 1)), grow]) == Committed((1, 1, 1))
    assert prepared(store) == 3


def test_the_first_write_that_misses_is_named_before_one_that_fails(store):
    store.commit([used(1)])
    missing = Update(Generation, {"kind": "none"}, {"n": 1})
    assert store.commit([used(2), missing, used(1)]) == Conflict(1)
    assert store.count(UsedAssertion) == 1


def test_more_statements_than_are_kept_are_parsed_each_time(store, monkeypatch):
    monkeypatch.setattr(flight, "MOST_PREPARED", 1)
    for n in range(3):
        grow = Update(Generation, {"kind": f"{n}"}, {"n": Add(1)})
        assert store.commit([used(n), Insert(Generation(f"{n}", 1)), grow]) == Committed((1, 1, 1))
    assert prepared(store) == 1


def test_what_no_column_can_hold_is_refused_and_the_connection_lives(store):
    for bad in (Generation("a\x00", 1), Generation("a", 2**63)):
        with pytest.raises(psycopg.DataError):
            store.commit([used(1), Insert(bad)])
    with pytest.raises(UnicodeEncodeError):
        store.commit([used(1), Insert(Generation("\ud800", 1))])
    assert store.commit([used(1)]) == Committed((1,))


def test_extremes_and_nothing_travel_as_they_are(store):
    rows = [
        Refresh(bytes([n]) * 32, b"", "active", "门 ", -(2**63), 2**63 - 1, used_at)
        for n, used_at in enumerate([None, None])
    ]
    store.commit([InsertMany(rows)])
    store.commit(
        [
            InsertMany(
                [
                    Refresh(b"\x09" * 32, b"\x00\xff", "used", "", 0, 0, 7),
                    Refresh(b"\x0a" * 32, b"", "", "", 0, 0, None),
                ]
            )
        ]
    )
    found = store.find(Refresh, order=("hash",))
    assert found[:2] == rows
    assert [row.used_at for row in found[2:]] == [7, None]
    assert found[2].grant_id == b"\x00\xff"


def test_a_large_batch_is_answered_while_it_is_sent(store):
    batch = [Insert(Generation(f"{n}" + "x" * 4000, n)) for n in range(2000)]
    assert store.commit(batch) == Committed((1,) * 2000)


def test_a_session_ended_by_the_server_between_batches_is_replaced(postgres, store):
    store.commit([used(1)])
    postgres.disconnect()
    assert store.commit([used(2)]) == Committed((1,))
    assert prepared(store) == 1


def test_a_read_only_server_is_told_as_unavailable(postgres, store):
    with postgres.connect() as admin:
        admin.execute(f"ALTER DATABASE {name_in(store._url)} SET default_transaction_read_only = on")
    store._pool.drain()
    with pytest.raises(Unavailable):
        store.commit([used(1)])
    with postgres.connect() as admin:
        admin.execute(f"ALTER DATABASE {name_in(store._url)} RESET default_transaction_read_only")
    store._pool.drain()
    assert store.commit([used(1)]) == Committed((1,))
