"""Committed events become leaves: each once, in an order that respects what was over before it, under a head that two leaders can't fork."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from idp.audit import merkle, note, tiles
from idp.audit.events import ClientTokenIssued, record
from idp.audit.search import Query
from idp.errors import Unavailable
from idp.flows import log_search, sequencer
from idp.flows.log_keeper import LogKeeper
from idp.flows.log_verify import verify
from idp.flows.sequencer import SECOND, catch_up, head, log_signer, step
from idp.ports import Committed, Delete, Insert
from idp.records import Event, EventPending, TreeBundle, TreeTile
from tests.kit.house import House

DAY_S = 86_400


def happen(house: House, count: int = 1) -> None:
    """So many facts, each in a batch of its own."""
    for _ in range(count):
        fact = ClientTokenIssued(client_id="c", scope="s")
        event = record(fact, at=house.clock(), entropy=house.parts.entropy)
        assert isinstance(house.parts.store.commit([event]), Committed)


def in_the_tree(house: House) -> list[int]:
    """The ``seq`` of each leaf, in order; the whole tree is recomputed from entries and compared with head, tiles and signature."""
    parts, signer = house.parts, log_signer(house.parts)
    now = head(parts)
    bundles = parts.store.find(TreeBundle, order=("n",), limit=10_000)
    entries = [b.entries[i : i + 32] for b in bundles for i in range(0, len(b.entries), 32)]
    seqs = [int.from_bytes(b.seqs[i : i + 8], "big") for b in bundles for i in range(0, len(b.seqs), 8)]
    assert len(entries) == len(seqs) == now.size
    known = {e.seq: e.entry for e in parts.store.find(Event, limit=100_000)}
    assert [known[seq] for seq in seqs] == entries
    assert merkle.root_of(map(merkle.leaf_hash, entries)) == now.root
    assert merkle.subtree(0, now.size, tiles.spans(lambda level, n: sequencer.tile(parts, level, n))) == now.root
    opened, keys = note.opened(now.note.decode(), signer.origin, signer.verifiers)
    assert (opened.size, opened.root, len(keys)) == (now.size, now.root, 2)
    return seqs


def test_every_event_is_a_leaf_once_and_in_order(any_house):
    """Issue 4: every committed event exactly once, no gap"""
    house, signer = any_house, log_signer(any_house.parts)
    for count in (1, 3, 254, 2, 300):
        happen(house, count)
        catch_up(house.parts, signer, house.clock())
        seqs = in_the_tree(house)
        assert seqs == [e.seq for e in house.parts.store.find(Event, order=("seq",), limit=100_000)]
    assert house.parts.store.count(EventPending) == 0
    assert step(house.parts, signer, house.clock()) == 0


def test_each_head_extends_the_one_before(any_house):
    """RFC 9162 §2.1.4 between all checkpoints of a run"""
    house, signer = any_house, log_signer(any_house.parts)
    span, before = tiles.spans(lambda level, n: sequencer.tile(house.parts, level, n)), head(house.parts)
    for count in (5, 1, 250, 7):
        happen(house, count)
        step(house.parts, signer, house.clock(), limit=200)
        now = head(house.parts)
        proof = merkle.consistency(before.size, now.size, span)
        merkle.verify_consistency(before.size, before.root, now.size, now.root, proof)
        before = now


def test_steps_of_many_leaders_while_events_come_make_one_history(any_house):
    """Issue 4: swapped by compare-and-swap; two leaders can't fork the log"""
    house, done = any_house, threading.Event()
    signer = log_signer(house.parts)

    def lead() -> int:
        total = 0
        while not done.is_set():
            total += step(house.parts, signer, house.clock(), limit=7)
        return total

    with ThreadPoolExecutor(8) as pool:
        leaders = [pool.submit(lead) for _ in range(3)]
        for writer in [pool.submit(happen, house, 40) for _ in range(4)]:
            writer.result()
        done.set()
        sequenced = sum(leader.result() for leader in leaders)
    sequenced += catch_up(house.parts, signer, house.clock())
    seqs = in_the_tree(house)
    assert sequenced == len(seqs) == len(set(seqs)) == house.parts.store.count(Event)


@pytest.mark.parametrize("kind", [TreeTile, TreeBundle])
def test_a_damaged_tree_grows_no_further(any_house, kind):
    """Fail closed: what is missing is not made up"""
    house, signer = any_house, log_signer(any_house.parts)
    happen(house, 3)
    catch_up(house.parts, signer, house.clock())
    house.parts.store.commit([Delete(kind, {"n": 0})])
    happen(house)
    before = head(house.parts)
    with pytest.raises(Unavailable, match="audit"):
        step(house.parts, signer, house.clock())
    assert head(house.parts) == before


def test_a_person_is_found_by_pseudonym(any_house):
    """DESIGN §6: the actor's pseudonym unlinks with the keyring row"""
    from idp.records import EventFacet

    house = any_house
    person = house.citizen()
    catch_up(house.parts, log_signer(house.parts), house.clock())
    pseudonym = house.parts.keyring.get(person).pseudonym
    found = house.parts.store.find(EventFacet, {"facet": "person", "value": pseudonym})
    assert {f.seq for f in found} == {e.seq for e in house.parts.store.find(Event, limit=1000) if e.actor == pseudonym}
    assert found


def test_an_event_waits_in_line_from_its_own_commit_on(any_house):
    """A batch that conflicts leaves neither event nor place in the line"""
    house = any_house
    happen(house)
    catch_up(house.parts, log_signer(house.parts), house.clock())
    row = house.parts.store.find(Event, limit=1)[0]
    event = record(ClientTokenIssued(client_id="c", scope="s"), at=1, entropy=house.parts.entropy)
    assert not isinstance(house.parts.store.commit([event, Insert(row)]), Committed)
    assert house.parts.store.unsequenced(head(house.parts).last_seq, 10) == []


def test_the_tree_grows_over_the_months_and_their_partitions(any_house):
    """Issue 4 §7: on PostgreSQL each month's events are a partition; what reads the log by time, by number or whole finds the same on both"""
    house, keeping = any_house, LogKeeper(any_house.parts, trouble=pytest.fail)
    start, signer = house.clock(), log_signer(house.parts)
    for _ in range(3):
        keeping.tick()
        happen(house, 3)
        house.clock.advance(31 * DAY_S)
    end = house.clock()
    catch_up(house.parts, signer, end)
    assert in_the_tree(house) == [e.seq for e in house.parts.store.find(Event, order=("seq",), limit=1000)]
    assert verify(house.parts, signer).size == head(house.parts).size >= 9
    second = Query(
        within="", since=start + DAY_S * SECOND, until=end - 32 * DAY_S * SECOND, action="token.client_issued"
    )
    found = log_search.search(house.parts, second, end).events
    months = {event.seq // 10**12 for event in house.parts.store.find(Event, limit=1000)}
    assert len(found) == 3
    assert months - {0} == (set() if house.config.database_url.startswith("sqlite") else {202601, 202602, 202603})
