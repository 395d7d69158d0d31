"""Ten thousand faults inside of one process: failed statements, rolled back batches, edits by hand. The log is whole, or it is said where not."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from idp.audit.events import ClientTokenIssued, record
from idp.audit.verify import Bad
from idp.errors import Unavailable
from idp.flows.log_memory import check, remember
from idp.flows.log_verify import verify
from idp.flows.sequencer import catch_up, head, log_signer, step
from idp.ports import Committed, Insert
from idp.records import Event, TreeHead
from idp.store.sqlite import SqliteStore
from tests.journeys.test_log_verify import written
from tests.kit.house import House

pytestmark = pytest.mark.slow
FAULTS, EDITS = 9_000, 1_000


class Dice:
    """Numbers that are the same in every run."""

    def __init__(self, seed: str) -> None:
        self._seed, self._n = seed, 0

    def below(self, limit: int) -> int:
        self._n += 1
        return int.from_bytes(hashlib.sha256(f"{self._seed}/{self._n}".encode()).digest()[:8]) % limit


@contextmanager
def interrupted(store: SqliteStore, steps: int) -> Iterator[None]:
    """SQLite's virtual machine is stopped after so many instructions of the writing connection: in any statement, at any place of it."""
    connection = store.file.hold()
    store.file.let_go()
    left = steps

    def count() -> int:
        nonlocal left
        left -= 1
        return left < 0

    connection.set_progress_handler(count, 1)
    try:
        yield
    finally:
        with suppress(sqlite3.ProgrammingError):  # one that could not even roll back was thrown away
            connection.set_progress_handler(None, 0)


@pytest.mark.attack("A155", "F05")
def test_failed_statements_and_rolled_back_batches_leave_the_log_whole(house: House) -> None:
    """SQLite is stopped in the middle of appends and steps, wherever it is"""
    store, signer, dice = house.parts.store, log_signer(house.parts), Dice("faults")
    assert isinstance(store, SqliteStore)
    written(house, 20)
    committed, failed, steps_done = store.count(Event), 0, 0
    fact, twin = ClientTokenIssued(client_id="c", scope="s"), store.find(Event, limit=1)[0]
    for turn in range(FAULTS):
        events: list[Any] = [record(fact, at=turn, entropy=house.parts.entropy) for _ in range(1 + dice.below(2))]
        what = dice.below(10)
        try:
            with interrupted(store, dice.below(60 if what < 6 else 900) if what else 10**9):
                if what < 6:
                    batch = [*events, Insert(twin)] if what == 5 else events
                    done = isinstance(store.commit(batch), Committed)
                    committed += len(events) if done else 0
                    failed += not done
                else:
                    steps_done += step(house.parts, signer, turn, limit=1 + dice.below(9))
        except (Unavailable, sqlite3.OperationalError):
            failed += 1
            there = store.count(Event)  # stopped behind COMMIT, a batch is there although nobody was told so
            assert there - committed in (0, len(events)), "all of a batch, or nothing"
            committed = there
        if turn % 300 == 0:
            assert store.count(Event) == committed, "all of a batch, or nothing"
            check(house.parts, signer)
            remember(house.parts, signer)
    catch_up(house.parts, signer, house.clock())
    whole = verify(house.parts, signer)
    assert (whole.size, whole.waiting) == (committed, 0)
    assert failed > FAULTS // 4 and steps_done > 500 and committed > 1000


COLUMNS = ("at", "kind", "head", "salt", "fields", "entry", "id")


@pytest.mark.attack("A155", "F28")
def test_every_edit_by_hand_is_named(house: House) -> None:
    """Rows changed, deleted, swapped; tiles, bundles and head changed: each is found, and the untouched log is whole again"""
    written(house, 300)
    signer, dice = log_signer(house.parts), Dice("edits")
    rows = house.parts.store.find(Event, order=("seq",), limit=300)
    file = sqlite3.connect(house.config.database_url.removeprefix("sqlite:///"), isolation_level=None)
    named = 0
    for _ in range(EDITS):
        index = dice.below(299)
        what = dice.below(8)
        undo = _edit(file, rows, index, what, dice)
        with pytest.raises(Bad) as bad:
            verify(house.parts, signer)
        assert bad.value.index == (None if what in (6, 7) else index), (what, str(bad.value))
        named += 1
        for statement, values in undo:
            file.execute(statement, values)
    file.close()
    assert named == EDITS
    verify(house.parts, signer)


Undo = list[tuple[str, tuple[Any, ...]]]


def _edit(file: sqlite3.Connection, rows: list[Event], index: int, what: int, dice: Dice) -> Undo:
    """Do one edit; how to take it back."""
    seq, other = rows[index].seq, rows[index + 1].seq
    if what == 0:
        names = ", ".join(Event.__struct_fields__)
        values = file.execute(f"SELECT {names} FROM events WHERE seq = ?", (seq,)).fetchone()
        file.execute("DELETE FROM events WHERE seq = ?", (seq,))
        return [(f"INSERT INTO events ({names}) VALUES ({', '.join('?' * len(values))})", tuple(values))]
    if what == 1:
        return _changed(file, "events", "head", "seq", seq, dice)
    if what == 2:
        return _changed(file, "events", "salt", "seq", seq, dice)
    if what == 3:
        return _changed(file, "events", "entry", "seq", seq, dice)
    if what == 4:
        _swap(file, seq, other)
        return [("UPDATE events SET seq = ? WHERE seq = ?", pair) for pair in ((-1, seq), (seq, other), (other, -1))]
    if what == 5:
        n, offset = divmod(index, 256)
        return _changed(file, "tree_tiles", "hashes", "level = 0 AND n", n, dice, offset * 32)
    if what == 6:
        return _changed(file, "tree_heads", "root", "name", "log", dice)
    return _changed(file, "tree_heads", "note", "name", "log", dice, 60 + dice.below(3000))


def _swap(file: sqlite3.Connection, seq: int, other: int) -> None:
    for new, old in ((-1, seq), (seq, other), (other, -1)):
        file.execute("UPDATE events SET seq = ? WHERE seq = ?", (new, old))


def _changed(
    file: sqlite3.Connection, table: str, column: str, key: str, value: Any, dice: Dice, at: int | None = None
) -> Undo:
    """Flip one bit."""
    old = file.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", (value,)).fetchone()[0]
    place = dice.below(len(old)) if at is None else min(at, len(old) - 3)
    new = old[:place] + bytes([old[place] ^ (1 << dice.below(3))]) + old[place + 1 :]
    file.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (new, value))
    return [(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (old, value))]


def test_a_head_that_moved_under_a_step_is_not_overwritten(house: House) -> None:
    """Two leaders: the slower one's step is a conflict, and nothing of it is there"""
    written(house, 30)
    before = house.parts.store.find(TreeHead)
    with suppress(Unavailable):
        step(house.parts, log_signer(house.parts), house.clock())
    assert house.parts.store.find(TreeHead) == before and head(house.parts).size == 30
