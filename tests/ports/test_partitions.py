"""The log's table on PostgreSQL, parted by month: every event has a place at every moment, and is found in its month's partition alone."""

import itertools
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from idp.errors import Unavailable
from idp.ports import Committed, Insert, Op
from idp.records import Event
from idp.store import schema
from idp.store.open import open_store
from idp.store.partitions import SPAN
from idp.store.postgres import PostgresStore
from tests.ports.sample import key, sample

pytestmark = pytest.mark.postgres
NAMES = itertools.count(1)


def event() -> Insert:
    return Insert(sample(Event, seq=0, id=key(next(NAMES), 16)))


def kept(url: str) -> list[tuple[str, int]]:
    """Where each event is, by its number."""
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT tableoid::regclass::text, seq FROM events ORDER BY seq").fetchall()


def plan(connection: psycopg.Connection[Any], query: str) -> str:
    return "\n".join(row[0] for row in connection.execute(f"EXPLAIN {query}").fetchall())


@pytest.fixture
def url(postgres_database: Callable[..., str], postgres: Any) -> str:
    """A migrated database of its own: numbers that leapt stay where they are."""
    return postgres_database(postgres.prepared("partitions", schema.upgrade))


@pytest.fixture
def store(url: str) -> Any:
    opened = open_store(url)
    yield opened
    opened.close()


def test_each_month_has_a_partition_and_a_number_leads_to_it(store, url):
    for month in (None, 202611, 202612, 202701):
        assert month is None or store.part_off(month)
        assert isinstance(store.commit([event(), event()]), Committed)
    places = [("before", 1), ("before", 2), *((m, int(m.replace("_", "")) * SPAN + n) for m in MONTHS for n in (0, 1))]
    assert kept(url) == [(f"events_{name}", seq) for name, seq in places]
    assert [row.seq for row in store.unsequenced(0, 10)] == [seq for _, seq in places]
    assert [row.seq for row in store.find(Event, order=("-seq",), limit=3)] == [seq for _, seq in places[:-4:-1]]
    assert store.one(Event, seq=202612 * SPAN).seq == 202612 * SPAN
    assert store.count(Event, {"seq": Op("in", (1, 202701 * SPAN, 202702 * SPAN))}) == 2


MONTHS = ("2026_11", "2026_12", "2027_01")


def test_a_month_begins_once_and_none_comes_back(store, url):
    assert store.part_off(202612)
    store.commit([event()])
    for month in (202612, 202611, 199912, 0, -1):
        assert not store.part_off(month)
    store.commit([event()])
    assert [seq - 202612 * SPAN for _, seq in kept(url)] == [0, 1]


def test_a_look_up_by_number_reads_one_partition(store, url):
    for month in (202611, 202612):
        store.part_off(month)
        store.commit([event() for _ in range(50)])
    with psycopg.connect(url) as connection:
        connection.execute("ANALYZE events")
        for query in (
            f"SELECT * FROM events WHERE seq = {202611 * SPAN + 7}",
            f"SELECT * FROM events WHERE seq IN ({202611 * SPAN}, {202611 * SPAN + 7})",
            f"UPDATE events SET fields = NULL WHERE seq = {202611 * SPAN} AND entry = 'x'",
        ):
            found = plan(connection, query)
            assert "events_2026_11" in found, found
            assert "events_before" not in found and "events_2026_12" not in found, found
        newest = plan(connection, "SELECT * FROM events ORDER BY seq DESC LIMIT 1")
        assert "Sort" not in newest, newest


@pytest.mark.attack("F32")
def test_commits_under_way_are_waited_for_a_moment_and_keep_their_place(store, url):
    """A commit that began before a month's partition was there is never given one of its numbers; while it lasts nobody is refused (DESIGN §5)."""
    insert = f"INSERT INTO events ({', '.join(Event.__struct_fields__[1:])}) SELECT %s, 1, 'x', NULL, NULL, 'x', 'x', NULL, 'x'"
    with psycopg.connect(url) as slow:
        slow.execute(insert, [key(1, 16)])
        with pytest.raises(Unavailable):
            store.part_off(202611)
        assert isinstance(store.commit([event()]), Committed)
        slow.execute(insert, [key(2, 16)])
        slow.commit()
    assert store.part_off(202611)
    store.commit([event()])
    assert [name for name, _ in kept(url)] == ["events_before"] * 3 + ["events_2026_11"]


def began(store, month: int) -> bool:
    """As the keeper of the log does it: where a commit under way holds the table for longer than the patience, not now."""
    try:
        return store.part_off(month)
    except Unavailable:
        return False


def test_a_commit_that_takes_long_puts_the_month_off(store, url):
    """It waits a fifth of a second, leaves everything as it was, and begins at the next try"""
    store.commit([event()])
    with psycopg.connect(url) as busy:
        busy.execute("LOCK TABLE events IN ROW EXCLUSIVE MODE")  # what an insert holds until its commit
        with pytest.raises(Unavailable):
            store.part_off(202611)
        assert isinstance(store.commit([event()]), Committed)
        assert {name for name, _ in kept(url)} == {"events_before"}
    assert began(store, 202611)
    store.commit([event()])
    assert [name for name, _ in kept(url)] == ["events_before"] * 2 + ["events_2026_11"]


def test_no_event_is_refused_while_months_begin(store, url):
    answers: list[object] = []

    def write() -> None:
        answers.extend(store.commit([event(), event(), event()]) for _ in range(60))

    writers = [threading.Thread(target=write) for _ in range(4)]
    for one in writers:
        one.start()
    other = PostgresStore(url)
    for month in (202608, 202609, 202610, 202611):
        while not began(other, month):
            pass
    other.close()
    for one in writers:
        one.join()
    assert all(isinstance(answer, Committed) for answer in answers)
    assert len(store.unsequenced(0, 1000)) == len(kept(url)) == 720


def test_a_table_that_is_not_a_partition_is_none(store, url):
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE events_2026_11 (LIKE events)")
    with pytest.raises(Unavailable):
        store.part_off(202611)
    assert isinstance(store.commit([event()]), Committed)


def test_rows_rights_and_numbers_live_through_the_change(postgres_url, tmp_path):
    """As an upgrade finds them: rows stay in their file, a reader's rights and the next number are kept, and a dump comes back."""
    schema.upgrade(postgres_url, to="0006")
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP ROLE IF EXISTS auditing")
        connection.execute("CREATE ROLE auditing")
        connection.execute("GRANT SELECT ON events TO auditing")
        connection.execute(
            "INSERT INTO events (id, at, kind, head, salt, entry) SELECT 'x', 1, 'x', 'x', 'x', 'x' FROM generate_series(1, 5)"
        )
        before = connection.execute(
            "SELECT pg_relation_filenode('events'), pg_relation_filenode('events_pkey')"
        ).fetchone()
    schema.upgrade(postgres_url)
    with psycopg.connect(postgres_url) as connection:
        query = "SELECT pg_relation_filenode('events_before'), pg_relation_filenode('events_before_pkey')"
        assert connection.execute(query).fetchone() == before
        connection.execute("SET ROLE auditing")
        assert connection.execute("SELECT count(*), max(seq) FROM events").fetchone() == (5, 5)
        connection.execute("RESET ROLE")
        connection.execute("REVOKE ALL ON events, events_before FROM auditing")
        connection.execute("DROP ROLE auditing")
    store = open_store(postgres_url)
    store.commit([event()])
    assert store.part_off(202611)
    store.commit([event()])
    copy = tmp_path / "copy"
    store.backup(str(copy))
    store.close()
    assert [seq for _, seq in kept(postgres_url)] == [1, 2, 3, 4, 5, 6, 202611 * SPAN]
    _comes_back(postgres_url, copy)


def _comes_back(url: str, copy: Path) -> None:
    found = kept(url)
    with psycopg.connect(url) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    program = shutil.which("pg_restore")
    assert program
    subprocess.run([program, "--no-owner", "--exit-on-error", f"--dbname={url}", str(copy)], check=True)
    assert kept(url) == found
    store = open_store(url)
    assert not store.part_off(202611)
    store.commit([event()])
    assert [row.seq for row in store.unsequenced(0, 100)] == [*(seq for _, seq in found), 202611 * SPAN + 1]
    store.close()
