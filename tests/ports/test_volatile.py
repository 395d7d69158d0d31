"""The Volatile port's contract (``idp.ports.Volatile``) on every backend."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from idp.ports import Bump, Consumed, Forget, Put, Verb, Volatile
from idp.store.volatile_sqlite import SqliteVolatile
from tests.kit.clock import START, FakeClock
from tests.kit.redis import Redis
from tests.ports.backends import Volatiles

FRESH, REPLAYED, UNKNOWN = Consumed.FRESH, Consumed.REPLAYED, Consumed.UNKNOWN


def test_put_peek_replace_forget(volatile: Volatile) -> None:
    assert volatile.peek("par", b"k") is None
    volatile.put("par", b"k", b"\x00one\xff", 60)
    assert volatile.peek("par", b"k") == b"\x00one\xff"
    volatile.put("par", b"k", b"", 60)
    assert volatile.peek("par", b"k") == b""
    volatile.forget("par", b"k")
    volatile.forget("par", b"k")
    assert volatile.peek("par", b"k") is None


def test_take_gives_the_value_once(volatile: Volatile) -> None:
    volatile.put("par", b"k", b"v", 60)
    assert [volatile.take("par", b"k") for _ in range(2)] == [b"v", None]
    assert volatile.peek("par", b"k") is None


def test_consume_is_fresh_once_then_replayed(volatile: Volatile) -> None:
    assert volatile.consume("par", b"k") == (UNKNOWN, None)
    volatile.put("par", b"k", b"v", 60)
    assert [volatile.consume("par", b"k") for _ in range(3)] == [(FRESH, b"v"), (REPLAYED, None), (REPLAYED, None)]
    assert volatile.peek("par", b"k") is None
    assert volatile.take("par", b"k") is None
    assert volatile.consume("par", b"k") == (REPLAYED, None)


def test_a_value_put_again_is_fresh_again(volatile: Volatile) -> None:
    volatile.put("par", b"k", b"v", 60)
    volatile.consume("par", b"k")
    volatile.put("par", b"k", b"w", 60)
    assert volatile.consume("par", b"k") == (FRESH, b"w")


def test_claim_is_the_first_ones(volatile: Volatile) -> None:
    assert [volatile.claim("jti", b"k", 60) for _ in range(3)] == [True, False, False]
    volatile.forget("jti", b"k")
    assert volatile.claim("jti", b"k", 60)


def test_settle_keeps_the_first_value(volatiles: Volatiles) -> None:
    volatile = volatiles.open()
    assert [volatile.settle("word", b"k", word, 60) for word in (b"yes", b"no", b"yes")] == [b"yes"] * 3
    assert volatile.peek("word", b"k") == b"yes"
    volatile.forget("word", b"k")
    assert volatile.settle("word", b"k", b"no", 60) == b"no"
    assert volatile.settle("other", b"k", b"", 60) == b""
    volatile.close()


def test_bump_counts_and_zero_reads(volatile: Volatile) -> None:
    assert volatile.bump("rate", b"k", 60, by=0) == 0
    assert [volatile.bump("rate", b"k", 60), volatile.bump("rate", b"k", 60, by=5)] == [1, 6]
    assert volatile.bump("rate", b"k", 60, by=0) == 6
    volatile.forget("rate", b"k")
    assert volatile.bump("rate", b"k", 60) == 1
    assert [volatile.bump("rate", b"below", 60, by=-1), volatile.bump("rate", b"below", 60, by=0)] == [-1, -1]


def test_several_verbs_in_one_journey_do_what_each_does(volatile: Volatile) -> None:
    volatile.put("known", b"old", b"v", 60)
    verbs: list[Verb] = [
        Bump("rate", b"a", 60),
        Put("known", b"k", b"w", 60),
        Bump("rate", b"a", 60, 5),
        Bump("rate", b"b", 60, -1),
    ]
    assert volatile.several([*verbs, Forget("known", b"old")]) == [1, 6, -1]
    assert (volatile.peek("known", b"k"), volatile.peek("known", b"old")) == (b"w", None)
    assert volatile.several([Forget("rate", b"a"), Bump("rate", b"a", 60)]) == [1]
    assert volatile.several([]) == []


def test_several_journeys_at_once_lose_no_count(volatiles: Volatiles) -> None:
    nodes = [volatiles.open() for _ in range(4)]
    both = [Bump("rate", b"a", 60), Bump("rate", b"b", 60)]
    with ThreadPoolExecutor(20) as pool:
        counts = list(pool.map(lambda n: nodes[n % 4].several(both if n % 2 else both[::-1]), range(80)))
    assert max(map(max, counts)) == 80
    assert [nodes[0].bump("rate", key, 60, by=0) for key in (b"a", b"b")] == [80, 80]
    for node in nodes:
        node.close()


def test_kinds_uses_and_keys_do_not_meet(volatile: Volatile) -> None:
    volatile.put("ab", b"c", b"v", 60)
    assert volatile.peek("a", b"bc") is None
    assert volatile.claim("ab", b"c", 60)
    assert volatile.bump("ab", b"c", 60) == 1
    assert volatile.peek("ab", b"c") == b"v"


def test_everything_expires(volatile: Volatile, volatiles: Volatiles) -> None:
    for key in (b"peek", b"take", b"use", b"used"):
        volatile.put("k", key, b"v", 100)
    volatile.put("k", b"long", b"v", 6000)
    assert volatile.consume("k", b"used") == (FRESH, b"v")
    assert volatile.claim("k", b"claim", 100)
    assert volatile.bump("k", b"count", 100) == 1
    volatiles.lapse(60)
    assert volatile.bump("k", b"count", 100) == 2, "the window began at the first bump"
    assert not volatile.claim("k", b"claim", 100)
    volatiles.lapse(60)
    assert volatile.peek("k", b"peek") is None
    assert volatile.take("k", b"take") is None
    assert volatile.consume("k", b"use") == (UNKNOWN, None)
    assert volatile.consume("k", b"used") == (UNKNOWN, None)
    assert volatile.claim("k", b"claim", 100)
    assert volatile.bump("k", b"count", 100, by=0) == 0
    assert volatile.bump("k", b"count", 100) == 1
    assert volatile.peek("k", b"long") == b"v"


def test_sweep_removes_what_expired_alone(volatile: Volatile, volatiles: Volatiles) -> None:
    if volatiles.kind == "redis":
        assert volatile.sweep() == 0
        return
    for n in range(2500):
        volatile.claim("jti", b"%d" % n, 5)
    volatile.put("par", b"k", b"v", 60)
    assert volatile.sweep() == 0
    volatiles.lapse(6)
    assert volatile.sweep() == 2500
    assert volatile.peek("par", b"k") == b"v"


def _settled(volatile: Volatile, key: bytes) -> bool:
    """Whether this worker's own word or another's stands, and stands for good."""
    word = volatile.settle("r", key, b"%d" % threading.get_ident(), 60)
    return word == volatile.peek("r", key)


RACES: dict[str, tuple[Callable[[Volatile, bytes], object], Callable[[Volatile, bytes], object], dict[object, int]]] = {
    "take": (lambda v, k: v.put("r", k, b"v", 60), lambda v, k: v.take("r", k), {b"v": 1, None: 49}),
    "consume": (lambda v, k: v.put("r", k, b"v", 60), lambda v, k: v.consume("r", k)[0], {FRESH: 1, REPLAYED: 49}),
    "claim": (lambda v, k: None, lambda v, k: v.claim("r", k, 60), {True: 1, False: 49}),
    "settle": (lambda v, k: None, _settled, {True: 50}),
    "bump": (lambda v, k: None, lambda v, k: v.bump("r", k, 60), dict.fromkeys(range(1, 51), 1)),
}


@pytest.mark.parametrize("verb", RACES)
def test_fifty_at_once_have_one_winner(volatiles: Volatiles, verb: str) -> None:
    """Four nodes (connections, files) of their own, fifty workers, ten rounds."""
    prepare, act, expected = RACES[verb]
    nodes = [volatiles.open() for _ in range(4)]
    gate = threading.Barrier(50)

    def worker(n: int, key: bytes) -> object:
        gate.wait()
        return act(nodes[n % 4], key)

    with ThreadPoolExecutor(50) as pool:
        for round_ in range(10):
            key = b"%d" % round_
            prepare(nodes[0], key)
            assert Counter(pool.map(worker, range(50), [key] * 50)) == expected
    for node in nodes:
        node.close()


def test_birth_is_the_moment_of_making_and_stays(volatiles: Volatiles) -> None:
    first = volatiles.open()
    assert first.birth() == START
    volatiles.clock.advance(5)
    second = volatiles.open()
    assert second.birth() == first.birth() == START
    first.put("k", b"k", b"v", 60)
    assert second.peek("k", b"k") == b"v"
    first.close()
    assert second.birth() == START
    second.close()


def test_a_new_file_is_born_anew_even_under_a_running_process(tmp_path: Path, clock: FakeClock) -> None:
    """DESIGN §5: any proof issued before the birth is refused, so forgetting must move it."""
    url = f"sqlite:///{tmp_path}/v.db"
    node, other = SqliteVolatile(url, clock), SqliteVolatile(url, clock)
    assert node.claim("jti", b"k", 60)
    clock.advance(5)
    for path in tmp_path.iterdir():
        path.unlink()
    assert node.claim("jti", b"k", 60), "the memory is lost"
    assert node.birth() == other.birth() == START + 5_000_000, "and says so"
    assert not other.claim("jti", b"k", 60), "both are in the new file"
    node.close()
    other.close()


def test_a_file_from_before_the_machines_boot_is_emptied(tmp_path: Path, clock: FakeClock) -> None:
    url = f"sqlite:///{tmp_path}/v.db"
    before = SqliteVolatile(url, clock, boot="one")
    assert before.claim("jti", b"k", 60)
    before.close()
    clock.advance(5)
    after = SqliteVolatile(url, clock, boot="two")
    assert after.birth() == START + 5_000_000
    assert after.claim("jti", b"k", 60)
    after.close()


def test_without_a_boot_id_every_verb_is_on_disk(tmp_path: Path, clock: FakeClock) -> None:
    node = SqliteVolatile(f"sqlite:///{tmp_path}/v.db", clock, boot="")
    with closing(node._file.connect()) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    node.close()


def test_flush_and_restart_of_redis_move_the_birth(redis: Redis, redis_url: str, clock: FakeClock) -> None:
    node = Volatiles("redis", redis_url, clock).open()
    assert node.birth() == START
    for key, forget in ((b"flush", redis.flush), (b"restart", redis.restart)):
        assert node.claim("jti", key, 60)
        later = clock.advance(5)
        forget()
        assert node.claim("jti", key, 60)
        assert node.birth() == later
    node.close()


def test_a_redis_that_loads_its_old_files_is_born_anew(redis: Redis, redis_url: str, clock: FakeClock) -> None:
    """What it acknowledged after its last save is forgotten, so its old birth must not be believed."""
    node = Volatiles("redis", redis_url, clock).open()
    assert node.birth() == START
    with redis.client() as client:
        saved = client.get("yimen:birth")
        redis.restart()
        client.set("yimen:birth", saved)  # what loading a file would bring back
        later = clock.advance(5)
        assert node.claim("jti", b"k", 60)
        assert node.birth() == later
        client.set("yimen:birth", saved)  # and what a restore under a connected process would
    assert node.birth() == later
    node.close()


def test_a_redis_that_evicts_is_refused(redis: Redis, redis_url: str, clock: FakeClock) -> None:
    node = Volatiles("redis", redis_url, clock).open()
    node.check()
    with redis.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", 10**9)
        try:
            with pytest.raises(Exception, match="noeviction"):
                node.check()
        finally:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", 0)
    node.close()
