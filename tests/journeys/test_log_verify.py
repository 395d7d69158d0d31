"""The whole log is checked, and whatever was done to it by hand is named with its place (F28, A155)."""

import sqlite3
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from idp.audit.entry import entry, unpack
from idp.audit.events import ClientTokenIssued, SignInFailed, record
from idp.audit.verify import Bad
from idp.flows import log_index
from idp.flows.log_memory import remembered
from idp.flows.log_verify import verify
from idp.flows.sequencer import catch_up, head, log_signer
from idp.records import Event, TreeHead
from tests.journeys.test_sequencer import happen
from tests.kit.house import House

SIZE = 700


@dataclass
class Insider:
    """Somebody with the database's password."""

    house: House

    def do(self, *statements: str) -> None:
        url = self.house.config.database_url
        file = url.removeprefix("sqlite:///")
        connection: Any = psycopg.connect(url) if file == url else sqlite3.connect(file)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()

    def seq(self, index: int) -> int:
        return self.house.parts.store.find(Event, order=("seq",), limit=SIZE)[index].seq


def written(house: House, size: int = SIZE) -> None:
    """A log of ``size`` events, each in the tree."""
    left = size - house.parts.store.count(Event)
    fact = ClientTokenIssued(client_id="c", scope="s")
    house.parts.store.commit([record(fact, at=house.clock(), entropy=house.parts.entropy) for _ in range(left)])
    catch_up(house.parts, log_signer(house.parts), house.clock())
    assert head(house.parts).size == size


def found(house: House) -> Bad | None:
    signer = log_signer(house.parts)
    try:
        verify(house.parts, signer, remembered=remembered(house.parts, signer))
    except Bad as bad:
        return bad
    return None


def test_a_whole_log_is_whole(any_house):
    house, told = any_house, list[tuple[int, int]]()
    written(house)
    happen(house, 3)
    whole = verify(house.parts, log_signer(house.parts), lambda *at: told.append(at))
    assert (whole.size, whole.root, whole.waiting) == (SIZE, head(house.parts).root, 3)
    assert told[-1] == (SIZE, SIZE)


@pytest.mark.parametrize("page", [1, 2, 7, 50])
def test_the_search_index_and_the_counts_are_read_whole_in_pages(any_house, monkeypatch, page):
    """Wherever a page ends: within a value, between two, between facets; a line at either end is seen"""
    monkeypatch.setattr(log_index, "PAGE", page)
    house, insider = any_house, Insider(any_house)
    written(house, 20)
    assert found(house) is None
    for facet in ("aaa", "zzz"):
        insider.do(
            f"INSERT INTO event_facets (facet, value, seq) SELECT '{facet}', value, seq FROM event_facets"
            f" WHERE facet = 'id' AND seq = {insider.seq(7)}"
        )
        bad = found(house)
        assert bad is not None and bad.index == 7
        insider.do(f"DELETE FROM event_facets WHERE facet = '{facet}'")
    assert found(house) is None


def test_what_comes_into_the_tree_while_it_is_checked_is_no_fault(any_house):
    """Lines and counts of younger events are there, and hide no count that is wrong beside them"""
    house, signer = any_house, log_signer(any_house.parts)
    written(house, 300)

    def grow(*_: int) -> None:
        happen(house, 3)
        catch_up(house.parts, signer, house.clock())

    before = head(house.parts).size
    assert verify(house.parts, signer, grow).size == before
    assert head(house.parts).size > before
    for wrong in ("n + 30", "n - 60"):
        Insider(house).do(f"UPDATE event_counts SET n = {wrong} WHERE client_id = 'c'")
        with pytest.raises(Bad, match="2 counts are not"):
            verify(house.parts, signer, grow)


FORGERIES = {
    "deleted": (300, ["DELETE FROM events WHERE seq = {300}"]),
    "the newest deleted": (650, ["DELETE FROM events WHERE seq >= {650}"]),
    "edited": (17, ["UPDATE events SET head = {blob} WHERE seq = {17}"]),
    "edited with its entry": (256, ["UPDATE events SET entry = {entry} WHERE seq = {256}"]),
    "hidden under another kind": (60, ["UPDATE events SET kind = 'zzz' WHERE seq = {60}"]),
    "hidden at another time": (61, ["UPDATE events SET at = at + 1000 WHERE seq = {61}"]),
    "hidden from its client": (62, ["UPDATE events SET client_id = 'other' WHERE seq = {62}"]),
    "hidden from its person": (63, ["UPDATE events SET actor = {blob} WHERE seq = {63}"]),
    "hidden from searches": (64, ["DELETE FROM event_facets WHERE seq = {64}"]),
    "fields cut off": (5, ["UPDATE events SET fields = NULL WHERE seq = {5}"]),
    "fields spoilt": (5, ["UPDATE events SET fields = {blob} WHERE seq = {5}"]),
    "swapped": (
        40,
        [
            "UPDATE events SET seq = -1 WHERE seq = {40}",
            "UPDATE events SET seq = {40} WHERE seq = {41}",
            "UPDATE events SET seq = {41} WHERE seq = -1",
        ],
    ),
    "moved to the end": (600, ["UPDATE events SET seq = 100000 WHERE seq = {600}"]),
    "a leaf's tile altered": (0, ["UPDATE tree_tiles SET hashes = {blob} WHERE level = 0 AND n = 0"]),
    "a tile gone": (512, ["DELETE FROM tree_tiles WHERE level = 0 AND n = 2"]),
    "a tile above altered": (0, ["UPDATE tree_tiles SET hashes = {blob} WHERE level = 1 AND n = 0"]),
    "a bundle gone": (256, ["DELETE FROM tree_bundles WHERE n = 1"]),
    "a bundle cut": (257, ["UPDATE tree_bundles SET entries = {entry}, seqs = {seqs} WHERE n = 1"]),
    "the head moved back": (None, ["UPDATE tree_heads SET size = 3"]),
    "another root": (None, ["UPDATE tree_heads SET root = {entry}"]),
    "no signature": (None, ["UPDATE tree_heads SET note = {blob}"]),
}


@pytest.mark.attack("A155", "F28")
@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_an_insider_does_by_hand_is_named(any_house, forgery):
    """RFC 9162 §2.1: no event, leaf or tile changes without the signed root"""
    house, insider = any_house, Insider(any_house)
    house.citizen()
    person = house.parts.vault.citizen(house.citizen("zhang.min"))
    for _ in range(6):
        fact = SignInFailed(reason="password")
        personal = {"address": "192.0.2.1", "device": "d"}
        event = record(fact, at=house.clock(), entropy=house.parts.entropy, person=person, personal=personal)
        house.parts.store.commit([event])
    written(house)
    index, statements = FORGERIES[forgery]
    postgres = house.config.database_url.startswith("postgres")
    named = {str(i): insider.seq(i) for i in range(SIZE)}
    raw = {"blob": b"{}", "entry": b"e" * 32, "seqs": named["256"].to_bytes(8, "big")}
    blobs = {k: f"'\\x{v.hex()}'" if postgres else f"x'{v.hex()}'" for k, v in raw.items()}
    with_fields = next(i for i, e in enumerate(house.parts.store.find(Event, order=("seq",), limit=SIZE)) if e.fields)
    if "fields" in forgery:
        index, named["5"] = with_fields, insider.seq(with_fields)
    insider.do(*(_filled(s, {k: str(v) for k, v in named.items()} | blobs) for s in statements))
    bad = found(house)
    assert bad is not None
    assert bad.index == index, str(bad)


def _filled(statement: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        statement = statement.replace("{" + name + "}", value)
    return statement


@pytest.mark.attack("A155")
def test_an_edit_that_makes_row_entry_leaf_and_tiles_agree_fails_at_the_signed_root(any_house):
    """Without the log's keys nothing makes another tree the signed one (C2SP tlog-checkpoint)"""
    house, insider = any_house, Insider(any_house)
    written(house, 300)
    events = house.parts.store.find(Event, order=("seq",), limit=400)
    forged = events[70].head.replace(b'"scope":"s"', b'"scope":"t"')
    digests = [f.digest for f in unpack(events[70].fields)] if events[70].fields else []
    renewed = entry(events[70].salt, forged, digests)
    _rebuild(house, insider, 70, forged, renewed)
    bad = found(house)
    assert bad is not None and bad.index is None and "signed" in bad.what


def _rebuild(house: House, insider: Insider, index: int, forged: bytes, renewed: bytes) -> None:
    """All that a database user can write: the row, and the whole tree over it."""
    from idp.audit.growth import grow
    from idp.flows.log_reading import seqs_of
    from idp.ports import Insert, Update
    from idp.records import TreeBundle, TreeTile

    store, now = house.parts.store, head(house.parts)
    bundles = store.find(TreeBundle, order=("n",))
    seqs = [seq for b in bundles for seq in seqs_of(b)]
    entries = [b.entries[i : i + 32] for b in bundles for i in range(0, len(b.entries), 32)]
    entries[index] = renewed

    def none(level: int, n: int) -> bytes:
        raise KeyError((level, n))

    grown = grow(0, list(zip(seqs, entries, strict=True)), none, (b"", b""))
    store.commit(
        [
            Update(Event, {"seq": seqs[index]}, {"head": forged, "entry": renewed}),
            *(Insert(TreeTile(level, n, h), on_conflict="replace") for (level, n), h in grown.tiles.items()),
            *(Update(TreeBundle, {"n": n}, {"entries": e}) for n, (e, _) in grown.bundles.items()),
            Update(TreeHead, {"size": now.size}, {"root": grown.root}),
        ]
    )


@pytest.mark.attack("A155")
def test_a_row_put_in_behind_the_logs_back_is_named(any_house):
    """An event that is old enough for a leaf and has none was never sequenced"""
    house, insider = any_house, Insider(any_house)
    written(house, 40)
    columns = "id, at, kind, client_id, actor, head, salt, fields, entry"
    insider.do(
        f"INSERT INTO events (seq, {columns}) SELECT -5, {columns} FROM events WHERE seq = {insider.seq(3)}",
        "DELETE FROM events_pending",
    )
    bad = found(house)
    assert bad is not None and "slipped in" in bad.what


@pytest.mark.attack("A155", "F28")
def test_the_numbers_of_deleted_rows_are_not_taken_again_unseen(any_house):
    """Deleting the newest rows stops the sequencer at its next step"""
    from idp.flows.sequencer import Damaged, step

    house, insider = any_house, Insider(any_house)
    written(house, 60)
    insider.do(f"DELETE FROM events WHERE seq >= {insider.seq(50)}")
    happen(house, 30)
    with pytest.raises(Damaged):
        step(house.parts, log_signer(house.parts), house.clock())
    bad = found(house)
    assert bad is not None and bad.index == 50
