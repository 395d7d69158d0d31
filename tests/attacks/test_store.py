"""Races, faults and planted values against the storage ports, on the real backends."""
# ruff: noqa: F811 - fixtures are imported by name and asked for by name

import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis as redis_py
import sqlalchemy as sa
from redis.connection import AbstractConnection

from idp.errors import Unavailable
from idp.ports import Add, Bump, Committed, Conflict, Consumed, Insert, Op, Store, Update, Write
from idp.records import (
    Account,
    Department,
    Event,
    Generation,
    Grant,
    InitialAccessToken,
    RecoveryCode,
    Refresh,
    Totp,
    UsedAssertion,
)
from idp.store import schema
from idp.store.open import open_store
from idp.store.postgres import PostgresStore
from idp.store.redis_line import RedisLine
from idp.store.sqlite import SqliteStore
from idp.store.volatile_redis import RedisVolatile
from tests.kit.clock import START, FakeClock
from tests.kit.postgres import Postgres
from tests.kit.process import PATIENCE_S, wait_until
from tests.kit.redis import Redis
from tests.ports.backends import (  # noqa: F401 - fixtures
    Volatiles,
    backend,
    empty_url,
    postgres_kept,
    sqlite_templates,
    store,
    store_url,
    volatile,
    volatiles,
)
from tests.ports.children import children, go
from tests.ports.sample import key, sample


def issue(store: Store, count: int) -> None:
    """So many grants with an outstanding code."""
    grants = [
        sample(Grant, id=key(n, 16), code_hash=key(n), origin=key(n), state="issued", expires_at=n)
        for n in range(count)
    ]
    assert isinstance(store.commit([Insert(grant) for grant in grants]), Committed)


def path_of(url: str) -> str:
    return url.removeprefix("sqlite:///")


# Races ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("F33", "A040")
def test_fifty_workers_in_five_processes_redeem_each_code_once(store: Store, store_url: str) -> None:
    """Single use is one UPDATE … WHERE state inside the commit: one winner a code, its token and event with it (DESIGN §2.2, RFC 6749 §4.1.2)."""
    rounds = 25
    issue(store, rounds)
    with children(5, "race", store_url, rounds, 10, 0, vary=2) as racers:
        go(racers)
        said = [racer.communicate(timeout=PATIENCE_S) for racer in racers]
        assert [racer.returncode for racer in racers] == [0] * 5, "\n".join(err for _, err in said)
        lines = [out for out, _ in said]
    won = Counter(int(n) for line in lines for n in line.split())
    assert won == dict.fromkeys(range(rounds), 1)
    assert store.count(Grant, {"state": "redeemed"}) == store.count(Refresh) == store.count(Event) == rounds


SINGLE_USE: dict[str, tuple[Any, Callable[[int], Update | Insert], int]] = {
    "totp step": (
        lambda: sample(Totp, account_id=b"x" * 16, last_step=5),
        lambda _: Update(Totp, {"account_id": b"x" * 16, "last_step": 5}, {"last_step": 6}),
        1,
    ),
    "recovery code": (
        lambda: sample(RecoveryCode, hash=key(1)),
        lambda n: Update(RecoveryCode, {"hash": key(1), "used_at": None}, {"used_at": n}),
        1,
    ),
    "initial access token with three uses": (
        lambda: sample(InitialAccessToken, hash=key(1), uses_left=3),
        lambda _: _one_use(),
        3,
    ),
    "assertion jti": (lambda: sample(Generation), lambda _: Insert(sample(UsedAssertion, hash=key(1))), 1),
}


def _one_use() -> Update:
    return Update(InitialAccessToken, {"hash": key(1), "uses_left": Op(">", 0)}, {"uses_left": Add(-1)})


@pytest.mark.attack("F33", "A060", "A097", "A125")
@pytest.mark.parametrize("what", SINGLE_USE)
def test_fifty_threads_use_what_may_be_used_so_often(store: Store, what: str) -> None:
    """Every single-use row has as many winners as it has uses, whatever the order (DESIGN §2.2, ASVS 6.5.1)."""
    make, write, uses = SINGLE_USE[what]
    store.commit([Insert(sample(Account, id=b"x" * 16)), Insert(sample(Department, id="x")), Insert(make())])
    gate = threading.Barrier(50)

    def run(n: int) -> bool:
        gate.wait()
        return isinstance(store.commit([write(n), Insert(sample(Event, seq=0, id=key(n, 16)))]), Committed)

    with ThreadPoolExecutor(50) as pool:
        answers = Counter(pool.map(run, range(50)))
    assert answers == {True: uses, False: 50 - uses}
    assert store.count(Event) == uses


# Death and restart ------------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("F01", "F02", "F03")
def test_what_was_acknowledged_survives_kill_9(store: Store, store_url: str) -> None:
    """Killed in the middle of commits: every acknowledged batch is there, and no half of any other (DESIGN §5, Store's contract)."""
    heard: list[int] = []
    for round_ in range(3):
        with children(1, "acknowledge", store_url, round_ * 100_000) as (child,):
            go([child])
            assert child.stdout is not None
            for line in child.stdout:
                heard.append(int(line))
                if len(heard) % 40 == 0:
                    child.kill()
                    break
            heard.extend(int(line) for line in child.stdout if line.endswith("\n"))
    events = {event.id for event in store.find(Event, limit=10**6)}
    tokens = {row.hash for row in store.find(UsedAssertion, limit=10**6)}
    assert len(heard) >= 120
    assert {key(n, 16) for n in heard} <= events
    assert {t[-16:] for t in tokens} == events, "both rows of a batch, or neither"
    if store_url.startswith("sqlite"):
        assert sqlite3.connect(path_of(store_url)).execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.attack("F07")
@pytest.mark.parametrize("how", ["stop", "crash", "kill"])
def test_a_postgres_restart_is_healed_without_a_restart_of_ours(
    postgres: Postgres, postgres_kept: dict[str, str], how: str
) -> None:
    """Unavailable while it is down, and the first call after it is up succeeds on dead connections' replacements (DESIGN §5)."""
    store = PostgresStore(_migrated(postgres, postgres_kept))
    with ExitStack() as lent:  # several connections lie idle
        for _ in range(4):
            lent.enter_context(store._pool.lend())
    assert store.count(Generation) >= 0
    tag = f"before-{how}"
    assert store.commit([Insert(Generation(tag, 1))]) == Committed((1,))
    getattr(postgres, how)()
    try:
        with pytest.raises(Unavailable):
            store.one(Generation, kind=tag)
        with pytest.raises(Unavailable):
            store.commit([Insert(Generation(tag + "-lost", 1))])
        with pytest.raises(Unavailable), store.lead("worker"):
            pass
    finally:
        postgres.start()
    assert store.commit([Insert(Generation(tag + "-after", 1))]) == Committed((1,))
    assert store.one(Generation, kind=tag) == Generation(tag, 1)
    assert store.one(Generation, kind=tag + "-lost") is None
    store.close()


def _migrated(postgres: Postgres, kept: dict[str, str]) -> str:
    """The run's main database; rows are told apart by their keys."""
    if "main" not in kept:
        kept["main"] = postgres.database()
        schema.upgrade(kept["main"])
    with psycopg.connect(kept["main"]) as connection:
        connection.execute("DELETE FROM generations")
    return kept["main"]


@pytest.mark.attack("F07", "F10")
def test_a_batch_on_a_connection_that_died_idle_is_written_once(
    postgres: Postgres, postgres_kept: dict[str, str]
) -> None:
    """Sessions ended by a fail-over cost the next batch nothing but a new connection (DESIGN §5)."""
    store = open_store(_migrated(postgres, postgres_kept))
    store.commit([Insert(Generation("ended", 0))])
    for n in range(1, 4):
        postgres.disconnect()
        assert store.commit([Update(Generation, {"kind": "ended"}, {"n": n})]) == Committed((1,))
        postgres.disconnect()
        assert store.one(Generation, kind="ended") == Generation("ended", n)
    store.close()


# Locked, slow, exhausted, full ------------------------------------------------------------------------------------------------------


@contextmanager
def _holding(url: str, table: str) -> Iterator[None]:
    """Another program holds the database (SQLite) or the table (PostgreSQL)."""
    if url.startswith("sqlite"):
        other: Any = sqlite3.connect(path_of(url), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
    else:
        other = psycopg.connect(url)
        other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    try:
        yield
    finally:
        other.rollback()
        other.close()


@pytest.mark.attack("F09", "F12")
def test_a_lock_that_lasts_too_long_is_unavailable_and_writes_nothing(store: Store, store_url: str) -> None:
    """`database is locked` and a held table end within the wait, all or none, and pass when the lock ends (DESIGN §5)."""
    patient = SqliteStore(store_url, wait_s=0.3) if store_url.startswith("sqlite") else store
    batch = [Insert(Generation("a", 1)), Insert(sample(UsedAssertion, hash=key(1)))]
    with _holding(store_url, "used_assertions"), pytest.raises(Unavailable):
        patient.commit(batch)  # while it is still held
    assert store.one(Generation, kind="a") is None
    assert patient.commit(batch) == Committed((1, 1))
    patient.close()


@pytest.mark.attack("F12")
def test_a_lock_that_ends_in_time_is_waited_for(store: Store, store_url: str) -> None:
    """A writer waits its turn behind another process (DESIGN §5)."""
    done: list[object] = []
    patient = SqliteStore(store_url, wait_s=PATIENCE_S) if store_url.startswith("sqlite") else store
    writer = threading.Thread(target=lambda: done.append(patient.commit([Insert(Generation("a", 1))])))
    with _holding(store_url, "generations"):
        writer.start()
        time.sleep(0.3)
        assert done == []
    writer.join(PATIENCE_S)
    assert done == [Committed((1,))]
    patient.close()


@pytest.mark.attack("F12")
def test_a_long_read_holds_up_no_writer(store: Store, store_url: str) -> None:
    """Readers see a snapshot and block nobody (DESIGN §5: WAL)."""
    issue(store, 3)
    reader: Any = sqlite3.connect(path_of(store_url)) if store_url.startswith("sqlite") else psycopg.connect(store_url)
    cursor = reader.execute("SELECT id FROM grants ORDER BY expires_at")
    assert cursor.fetchone() is not None
    assert isinstance(store.commit([Update(Grant, {"state": "issued"}, {"state": "redeemed"}, rows=3)]), Committed)
    reader.rollback()
    reader.close()


@pytest.mark.attack("F10")
def test_an_exhausted_pool_refuses_in_time_and_recovers(postgres: Postgres, postgres_kept: dict[str, str]) -> None:
    """Connections are bounded; whoever finds none within the wait gets Unavailable (DESIGN §5)."""
    store = PostgresStore(_migrated(postgres, postgres_kept), pool_size=1, wait_s=0.2)
    with store._pool.lend(), pytest.raises(Unavailable):
        store.count(Generation)
    assert store.count(Generation) == 0
    store.close()


@pytest.mark.attack("F11")
def test_a_deadlock_is_tried_again_and_seen_by_nobody(postgres: Postgres, postgres_kept: dict[str, str]) -> None:
    """The loser of a deadlock is rolled back by PostgreSQL and done again by the store (DESIGN §5, at most three times)."""
    url = _migrated(postgres, postgres_kept)
    store = open_store(url)
    store.commit([Insert(Generation("a", 0)), Insert(Generation("b", 0))])
    both = [Update(Generation, {"kind": k}, {"n": 5}) for k in ("a", "b")]
    with psycopg.connect(url) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SET deadlock_timeout = '30s'")
        other.execute("UPDATE generations SET n = 1 WHERE kind = 'b'")
        ours = pool.submit(store.commit, both)
        _until_waiting(postgres)
        other.execute("UPDATE generations SET n = 1 WHERE kind = 'a'")
        other.commit()
        assert ours.result(PATIENCE_S) == Committed((1, 1))
    assert [g.n for g in store.find(Generation)] == [5, 5]
    store.close()


def _until_waiting(postgres: Postgres) -> None:
    with postgres.connect() as admin:
        waiting = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"
        wait_until(lambda: admin.execute(waiting).fetchall() == [(True,)], "somebody who waits")


@pytest.mark.attack("F14", "F15")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_full_disk_refuses_writes_keeps_reads_and_recovers(store: Store, store_url: str) -> None:
    """Refused by the file system in the middle of a batch: nothing of it is there, reads go on, writes go on when there is space (DESIGN §2.6)."""
    with children(1, "starve", store_url, path_of(store_url)) as (child,):
        go([child])
        lines = child.communicate(timeout=PATIENCE_S)[0].splitlines()
    assert lines[0].startswith("refused after ")
    assert 5 <= int(lines[0].split()[-1]) < 5000
    assert lines[1:] == ["readable True", "recovered True"]
    assert sqlite3.connect(path_of(store_url)).execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.attack("F15", "F27")
def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    """A broken or unreadable file is a refusal, never an empty store (DESIGN §2.6)."""
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"not a database" * 1000)
    for path in (broken, tmp_path):
        opened = SqliteStore(f"sqlite:///{path}")
        acts: list[Callable[[], object]] = [
            opened.check,
            partial(opened.one, Generation, kind="a"),
            partial(opened.commit, [Insert(Generation("a", 1))]),
        ]
        for act in acts:
            with pytest.raises(Unavailable):
                act()
        opened.close()


# Backup and migration ---------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("F30")
def test_a_backup_under_load_is_one_moment_of_the_store(
    store: Store, store_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Taken while batches are written, the copy holds whole batches and an unbroken run of them (Store.backup; DESIGN §5)."""
    target = tmp_path / "copy"
    with children(1, "acknowledge", store_url, 0) as (child,):
        go([child])
        assert child.stdout is not None
        while int(child.stdout.readline()) < 50:
            pass
        store.backup(str(target))
        said = int(child.stdout.readline())
        child.kill()
    assert target.stat().st_mode & 0o077 == 0
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".part")] == []
    if store_url.startswith("sqlite"):
        copy = open_store(f"sqlite:///{target}")
    else:
        url = request.getfixturevalue("postgres_database")()
        program = shutil.which("pg_restore")
        assert program
        assert subprocess.run([program, f"--dbname={url}", "--no-owner", str(target)], check=False).returncode == 0
        copy = open_store(url)
    copy.check()
    events = {event.id for event in copy.find(Event, limit=10**6)}
    assert events == {key(n, 16) for n in range(len(events))}
    assert len(events) >= 50
    assert copy.count(UsedAssertion) == len(events)
    assert said >= 50
    copy.close()


@pytest.mark.attack("F31")
@pytest.mark.parametrize("after", [4, 25, 50])
def test_an_upgrade_killed_half_way_left_nothing_and_runs_again(empty_url: str, after: int) -> None:
    """Each migration is one transaction: SIGKILL in its middle leaves the version before it (DESIGN §3)."""
    with children(1, "upgrade", empty_url, after) as (child,):
        child.communicate(timeout=PATIENCE_S)
        assert child.returncode == -9
    assert schema.current(empty_url) is None
    with schema.connection(empty_url) as connection:
        assert set(sa.inspect(connection).get_table_names()) <= {"schema_version"}
    schema.upgrade(empty_url)
    schema.check(empty_url)


@pytest.mark.attack("F31")
def test_two_nodes_upgrade_one_after_the_other(empty_url: str) -> None:
    """One holds the lock and migrates, the other waits and finds nothing to do (DESIGN §3)."""
    with children(2, "upgrade", empty_url, 0) as nodes:
        said = [node.communicate(timeout=PATIENCE_S)[0].splitlines() for node in nodes]
        assert [node.returncode for node in nodes] == [0, 0]
    versions = len(list(Path(schema._SCRIPTS, "versions").glob("0*.py")))
    assert sorted(len(lines) for lines in said) == [1, versions + 1]
    schema.check(empty_url)


# Redis ------------------------------------------------------------------------------------------------------------------------------


class Cancelled(BaseException):
    """What a cancelled caller is hit by."""


@pytest.mark.attack("A160")
def test_a_cancelled_call_never_leaves_its_reply_to_the_next(
    redis: Redis, redis_url: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection whose reply was not read is never lent again (CVE-2023-28858, CVE-2023-28859)."""
    line = RedisLine(redis_url, clock)
    assert line.call("ECHO", b"warm") == b"warm"
    plain = AbstractConnection.read_response

    def cancelled(*_: object, **__: object) -> object:
        raise Cancelled

    with ThreadPoolExecutor(1) as pool:
        with redis.hanging():  # the first reply is still to come when the second command is sent
            monkeypatch.setattr(AbstractConnection, "read_response", cancelled)
            with pytest.raises(Cancelled):
                line.call("ECHO", b"another citizen's")
            monkeypatch.setattr(AbstractConnection, "read_response", plain)
            second = pool.submit(line.call, "ECHO", b"mine")
            time.sleep(0.1)
        try:
            assert second.result(PATIENCE_S) == b"mine"
        except Unavailable:
            assert line.call("ECHO", b"mine") == b"mine"
    line.close()


@pytest.mark.attack("A160", "F18")
def test_timeouts_under_load_cross_no_replies(redis: Redis, redis_url: str, clock: FakeClock) -> None:
    """While the server stalls again and again, whoever gets an answer gets his own (A160's stress; CVE-2023-28858)."""
    line = RedisLine(redis_url, clock)
    line._pool.connection_kwargs["socket_timeout"] = 0.02
    end, wrong, right = threading.Event(), list[bytes](), list[bytes]()

    def ask(who: int) -> None:
        n = 0
        while not end.is_set():
            n += 1
            token = b"%d-%d" % (who, n)
            try:
                (right if line.call("ECHO", token) == token else wrong).append(token)
            except Unavailable:
                continue

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, who) for who in range(8)]
        try:
            for _ in range(25):
                with redis.hanging():
                    time.sleep(0.04)
                before = len(right)
                wait_until(lambda: len(right) > before + 4, "answers after a stall")  # noqa: B023  it is asked now
        finally:
            end.set()
        for task in asked:
            task.result(PATIENCE_S)
    assert wrong == []
    assert len(right) > 100
    line.close()


@pytest.mark.attack("A160")
def test_keys_are_hashed_and_typed(redis: Redis, redis_url: str, clock: FakeClock) -> None:
    """No part of a key comes from the user as it is, and no use of a key can meet another use (CVE-2021-32785)."""
    node = RedisVolatile(redis_url, clock)
    hostile = b"a}b{c* \r\nFLUSHALL %s li.wei"
    node.put("par", hostile, b"v", 60)
    node.claim("par", hostile, 60)
    node.bump("par", hostile, 60)
    with redis.client() as client:
        names = sorted(k for k in client.keys("*") if k != b"yimen:birth")
        slots = {client.execute_command("CLUSTER", "KEYSLOT", k) for k in names} if _cluster(client) else {0}
    assert [n[:9] for n in names] == [b"yimen:c:{", b"yimen:n:{", b"yimen:v:{"]
    assert all(len(n) == 9 + 64 + 1 for n in names)
    assert len({n[8:] for n in names}) == 1
    assert len(slots) == 1
    node.close()


def _cluster(client: redis_py.Redis) -> bool:
    try:
        client.execute_command("CLUSTER", "KEYSLOT", "x")
    except redis_py.ResponseError:
        return False
    return True


PLANTED: dict[str, Callable[[redis_py.Redis, bytes], object]] = {
    "a list": lambda c, k: c.rpush(k, "x"),
    "a hash": lambda c, k: c.hset(k, "a", "b"),
    "a pickle": lambda c, k: c.set(k, b"\x80\x04cos\nsystem\n(S'id'\ntR."),
    "huge JSON": lambda c, k: c.set(k, b"[" * 1_000_000),
    "empty": lambda c, k: c.set(k, b""),
    "one bit turned": lambda c, k: c.setbit(k, 100, 1 - int(c.getbit(k, 100))),
}


@pytest.mark.attack("F19")
@pytest.mark.parametrize("what", PLANTED)
def test_planted_values_are_ignored_and_deleted(redis: Redis, redis_url: str, clock: FakeClock, what: str) -> None:
    """What the verbs did not put there does not exist: no value, no exception, nothing left; a claim fails closed (DESIGN §2.6)."""
    node = RedisVolatile(redis_url, clock)
    acts: list[tuple[Callable[[], object], object]] = [
        (lambda: node.peek("k", b"k"), None),
        (lambda: node.take("k", b"k"), None),
        (lambda: node.consume("k", b"k"), (Consumed.UNKNOWN, None)),
        (lambda: node.bump("k", b"k", 60), 1),
        (lambda: node.bump("k", b"k", 60, by=0), 0),
        (lambda: node.several([Bump("k", b"other", 60), Bump("k", b"k", 60)])[1], 1),
    ]
    with redis.client() as client:
        for number, (act, expected) in enumerate(acts):
            node.forget("k", b"k")
            node.put("k", b"k", b"a value that is long enough", 60)
            use = b"n" if number >= 3 else b"v"
            name = next(iter(client.keys("yimen:v:*"))).replace(b":v:", b":" + use + b":")
            if what != "one bit turned":
                client.delete(name)
            elif use == b"n":
                client.set(name, b"\xff" * 20)
            PLANTED[what](client, name)
            assert act() == expected, number
            assert client.get(name) in (None, b"1"), number
    node.close()


@pytest.mark.attack("F19")
def test_a_value_moved_to_another_key_is_not_believed(redis: Redis, redis_url: str, clock: FakeClock) -> None:
    """A value is bound to the entry that it was put in (neighbour of F19; DESIGN §5)."""
    node = RedisVolatile(redis_url, clock)
    node.put("k", b"mine", b"v1", 60)
    with redis.client() as client:
        mine = next(iter(client.keys("yimen:v:*")))
        node.put("k", b"yours", b"v2", 60)
        yours = next(k for k in client.keys("yimen:v:*") if k != mine)
        client.copy(mine, yours, replace=True)
    assert node.peek("k", b"yours") is None
    assert node.peek("k", b"mine") == b"v1"
    node.close()


@pytest.mark.attack("F16")
def test_after_a_flush_no_old_proof_is_believed(redis: Redis, redis_url: str, clock: FakeClock) -> None:
    """What was claimed before the flush is claimable again, so everything issued before the new birth is refused (DESIGN §5)."""
    node = RedisVolatile(redis_url, clock)
    issued_at = clock.now()
    assert node.claim("jti", b"proof", 60)
    clock.advance(1)
    redis.flush()
    replayed = node.claim("jti", b"proof", 60) and issued_at >= node.birth()
    assert not replayed
    node.close()


@pytest.mark.attack("F17", "F18")
def test_a_lost_redis_is_unavailable_quickly_and_heals(redis: Redis, redis_url: str, clock: FakeClock) -> None:
    """Killed, hanging, full or read-only: every verb refuses while it lasts, and works again afterwards (DESIGN §2.6)."""
    node = RedisVolatile(redis_url, clock)
    assert node.birth() == START

    def refused() -> None:
        with pytest.raises(Unavailable):
            node.claim("jti", b"k", 60)

    redis.kill()
    refused()
    redis.start()
    assert node.claim("jti", b"k", 60)
    with redis.hanging():
        refused()
    assert not node.claim("jti", b"k", 60)
    redis.full()
    refused()
    redis.full(0)
    with redis.client() as client:
        client.config_set("replica-serve-stale-data", "yes")
        client.replicaof("127.0.0.1", "1")  # a read-only replica
        refused()
        client.replicaof("NO", "ONE")
    assert node.claim("jti", b"again", 60)
    node.close()


@pytest.mark.attack("F17")
def test_a_redis_that_does_not_accept_is_given_up_in_200_ms(tmp_path: Path, clock: FakeClock) -> None:
    """Connect timeout at most 200 ms (F17; DESIGN §5)."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        node = RedisVolatile(f"redis://127.0.0.1:{full.getsockname()[1]}", clock)
        with pytest.raises(Unavailable) as refused:
            node.peek("k", b"k")
        assert isinstance(refused.value.__cause__, redis_py.TimeoutError), "it said no by itself"
        assert node._line._pool.connection_kwargs["socket_connect_timeout"] <= 0.2
        for one in waiting:
            one.close()
    node.close()


@pytest.mark.attack("F49")
def test_sweeping_beside_use_forgets_nothing_early(volatiles: Volatiles) -> None:
    """A cleaner that runs all the time deletes no live entry and no replay record before its time (DESIGN §5)."""
    node, cleaner = volatiles.open(), volatiles.open()
    stop = threading.Event()

    def clean() -> None:
        while not stop.is_set():
            cleaner.sweep()

    sweeper = threading.Thread(target=clean)
    sweeper.start()
    try:
        for n in range(100):
            assert node.claim("jti", b"%d" % n, 60)
            volatiles.clock.advance(0.1)
        assert not any(node.claim("jti", b"%d" % n, 60) for n in range(100))
    finally:
        stop.set()
        sweeper.join()
    node.close()
    cleaner.close()


@pytest.mark.attack("F34")
def test_the_same_batch_twice_has_one_effect(store: Store) -> None:
    """A retried or double-clicked commit conflicts as a whole (DESIGN §2.2)."""
    issue(store, 1)
    batch: list[Write] = [
        Update(Grant, {"code_hash": key(0), "state": "issued"}, {"state": "redeemed"}),
        Insert(sample(Event, seq=0)),
    ]
    assert store.commit(batch) == Committed((1, 1))
    assert store.commit(batch) == Conflict(0)
    assert store.count(Event) == 1
