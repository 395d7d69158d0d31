"""A process of its own for the races and the kills: ``python -m tests.ports.worker VERB URL …``. Speaks lines on its output."""

import os
import resource
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sqlalchemy as sa

from idp.errors import Unavailable
from idp.ports import Committed, Conflict, Insert, Store, Update
from idp.records import Event, Grant, Refresh, UsedAssertion
from idp.store import schema
from idp.store.open import open_store
from tests.ports.sample import key, sample


def say(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def redeem(store: Store, n: int, who: int) -> bool:
    """One redemption of the code of grant ``n``: DESIGN §4's single-use commit with its token and event."""
    tag = key(n * 100_000 + who)
    batch = (
        Update(Grant, {"code_hash": key(n), "state": "issued"}, {"state": "redeemed"}),
        Insert(sample(Refresh, hash=tag, grant_id=key(n, 16))),
        Insert(sample(Event, seq=0, id=tag[-16:])),
    )
    return isinstance(store.commit(batch), Committed)


def race(store: Store, rounds: int, threads: int, first: int) -> None:
    """Every thread tries every grant; says which it won."""
    gate = threading.Barrier(threads)

    def run(who: int) -> list[int]:
        gate.wait()
        return [n for n in range(rounds) if redeem(store, n, who)]

    with ThreadPoolExecutor(threads) as pool:
        won = [n for wins in pool.map(run, range(first, first + threads)) for n in wins]
    say(" ".join(map(str, won)))


def acknowledge(store: Store, first: int) -> None:
    """Commit until killed; a number is said only after its batch was acknowledged."""
    n = first
    while True:
        batch = [Insert(sample(Event, seq=0, id=key(n, 16))), Insert(sample(UsedAssertion, hash=key(n)))]
        assert isinstance(store.commit(batch), Committed)
        say(n)
        n += 1


def starve(store: Store, path: str) -> None:
    """Commit while the file may grow no further (as on a full disk), then again when it may."""
    fill(store, 0, 5)
    limit = max(Path(path + tail).stat().st_size for tail in ("", "-wal")) + 20_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    done = fill(store, 5, 5000)
    say(f"refused after {done}")
    say(f"readable {store.count(UsedAssertion) == store.count(Event) == done}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    say(f"recovered {fill(store, done, done + 1) == done + 1 and store.count(Event) == done + 1}")


def fill(store: Store, first: int, last: int) -> int:
    for n in range(first, last):
        try:
            done = store.commit(
                [
                    Insert(sample(UsedAssertion, hash=key(n))),
                    Insert(sample(Event, seq=0, id=key(n, 16), head=b"h" * 500)),
                ]
            )
        except Unavailable:
            return n
        assert not isinstance(done, Conflict)
    return last


def upgrade(url: str, die_after: int) -> None:
    """Upgrade; kill this process after so many statements (0: never)."""
    left = die_after

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(sa.Engine, "after_cursor_execute", count)
    schema.upgrade(url, say)


def main() -> None:
    verb, url, *rest = sys.argv[1:]
    if verb == "upgrade":
        upgrade(url, int(rest[0]))
        return
    store = open_store(url)
    store.count(Grant)
    say("ready")
    sys.stdin.readline()
    if verb == "race":
        race(store, *map(int, rest))
    elif verb == "acknowledge":
        acknowledge(store, int(rest[0]))
    elif verb == "starve":
        starve(store, rest[0])


if __name__ == "__main__":
    main()
