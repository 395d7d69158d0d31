"""Entries of the log in bulk: the product's own facts, salts, seals, index lines, counts, leaves and tiles, put in by COPY from several processes.

What the sequencer does in small steps is done here once for all: a block of 256 tiles of leaves is one process's work, whatever came before it.
"""

import hashlib
import itertools
import multiprocessing
import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from idp.audit import events as told
from idp.audit.counts import Key, counts
from idp.audit.facets import facets
from idp.audit.merkle import leaf_hash, root_of, subtree
from idp.audit.networks import labels
from idp.audit.tiles import HASH, WIDTH, spans
from idp.flows import addresses
from idp.flows.addresses import month, months
from idp.flows.log_places import LOG
from idp.flows.sequencer import log_signer
from idp.parts import Parts
from idp.ports import Committed, Insert
from idp.records import Event, EventAddress, EventCount, EventFacet, TreeBundle, TreeHead, TreeTile
from idp.release.vault import Citizen
from idp.store.partitions import SPAN

BLOCK = WIDTH * WIDTH
"""Leaves of one tile of the second level."""
SPAN_US = 400 * 86_400 * 1_000_000
"""Time that the events are spread over: thirteen months."""
PEOPLE = 200_000
"""Pseudonyms; the first are those of the accounts that are there."""
AGENTS = ("Firefox 144, Windows 11", "Chrome 142, Android 16", "Safari 26, iOS 26", "Edge 142, Windows 11")
ATTACKER = "203.0.113.66"
"""Where one failed sign-in of fifty comes from."""
CLAIMS = ("name", "birthdate", "address", "phone_number", "email")


@dataclass(frozen=True, slots=True)
class World:
    """What events speak of. ``people``: citizens that are there; the rest of ``PEOPLE`` are made of numbers and share one key."""

    url: str
    seed: int
    until: int
    people: tuple[Citizen, ...]
    clients: tuple[str, ...]
    first: tuple[tuple[int, bytes], ...]
    """(seq, entry) of the events that are there already, which become the first leaves."""
    total: int
    keys: Mapping[int, Citizen] = field(default_factory=dict)
    """The keys of the months whose events are found by address; empty until loading begins."""

    def seq(self, index: int) -> int:
        """The number of the event at an index of the log."""
        return self.first[index][0] if index < len(self.first) else month(self.at(index)) * SPAN + index

    def at(self, index: int) -> int:
        """When it happened."""
        return self.until - SPAN_US + SPAN_US * index // self.total


@dataclass(frozen=True, slots=True)
class Block:
    """What a block leaves to be put together: its hashes on the second level, and its counts."""

    n: int
    roots: bytes
    counts: dict[Key, int]


def load(parts: Parts, world: World, processes: int, progress: Callable[[int], object]) -> None:
    """Make the events of ``world`` up to its total, and the signed tree over all. The log must not have been sequenced yet."""
    for number in sorted(months(world.until - SPAN_US, world.until)):
        parts.store.part_off(number)
    kept = months(addresses.oldest(parts, world.until), world.until)
    world = replace(world, keys={number: addresses.begun(parts, number) for number in kept})
    with psycopg.connect(world.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE events DISABLE TRIGGER pending")
        connection.execute("ALTER TABLE event_facets DROP CONSTRAINT event_facets_pkey")
        connection.execute("DELETE FROM events_pending")
        roots, added, done = dict[int, bytes](), Counter[Key](), 0
        with multiprocessing.get_context("fork").Pool(processes, _begin, (world,)) as pool:
            for block in pool.imap_unordered(_make, range(-(-world.total // BLOCK))):
                roots[block.n] = block.roots
                added.update(block.counts)
                done += min(BLOCK, world.total - block.n * BLOCK)
                progress(done)
        connection.execute("SET maintenance_work_mem = '1GB'")
        connection.execute("ALTER TABLE event_facets ADD PRIMARY KEY (facet, value, seq)")
        connection.execute("ALTER TABLE events ENABLE TRIGGER pending")
        connection.execute(
            "SELECT setval(pg_get_serial_sequence('events', 'seq'), %s)", [world.seq(world.total - 1)]
        ).fetchone()
        _copy(connection, EventCount, (EventCount(*key, n) for key, n in sorted(added.items())))
        _sign(parts, connection, world, b"".join(roots[n] for n in sorted(roots)))
        for table in ("events", "event_facets", "event_addresses", "event_counts", "tree_tiles", "tree_bundles"):
            connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))


def _sign(parts: Parts, connection: psycopg.Connection[Any], world: World, hashes: bytes) -> None:
    """The tiles above the second level's leaves and the signed head."""
    level = 1
    while hashes:
        cut = [hashes[i : i + WIDTH * HASH] for i in range(0, len(hashes), WIDTH * HASH)]
        _copy(connection, TreeTile, (TreeTile(level, n, tile) for n, tile in enumerate(cut)))
        hashes = b"".join(root_of(_split(tile)) for tile in cut if len(tile) == WIDTH * HASH)
        level += 1

    def fetch(at: int, n: int) -> bytes:
        found = parts.store.one(TreeTile, level=at, n=n)
        if found is None:
            raise KeyError((at, n))
        return found.hashes

    root = subtree(0, world.total, spans(fetch))
    note = log_signer(parts).sign(world.total, root, world.until)
    head = TreeHead(LOG, world.total, root, world.seq(world.total - 1), note, world.until)
    assert isinstance(parts.store.commit([Insert(head)]), Committed)


_world: World
_connection: psycopg.Connection[Any]


def _begin(world: World) -> None:
    global _world, _connection
    _world, _connection = world, psycopg.connect(world.url, autocommit=True)
    _connection.execute("SET synchronous_commit = off")


def _make(n: int) -> Block:
    """One block: rows, index lines, bundles and the tiles of the first level."""
    world, start, end = _world, n * BLOCK, min((n + 1) * BLOCK, _world.total)
    there = [entry for _, entry in world.first[start:end]]
    made, places = list[Event](), list[EventAddress]()
    for event, place in _events(world, start + len(there), end):
        made.append(event)
        places += [place] if place is not None else []
    numbers = [world.seq(i) for i in range(start, end)]
    entries = [*there, *(event.entry for event in made)]
    hashes = b"".join(map(leaf_hash, entries))
    tiles = [hashes[i : i + WIDTH * HASH] for i in range(0, len(hashes), WIDTH * HASH)]
    old = _stored(len(there)) if there else []
    with _connection.transaction():
        _copy(_connection, Event, made)
        _copy(_connection, EventFacet, (EventFacet(*line, e.seq) for e in (*old, *made) for line in facets(e)))
        _copy(_connection, EventAddress, places)
        _copy(_connection, TreeBundle, _bundles(start // WIDTH, entries, numbers))
        _copy(_connection, TreeTile, (TreeTile(0, start // WIDTH + i, tile) for i, tile in enumerate(tiles)))
    roots = b"".join(root_of(_split(tile)) for tile in tiles if len(tile) == WIDTH * HASH)
    return Block(n, roots, dict(counts([*old, *made])))


def _stored(count: int) -> list[Event]:
    """The events that were there before."""
    names = sql.SQL(", ").join(map(sql.Identifier, Event.__struct_fields__))
    query = sql.SQL("SELECT {} FROM events ORDER BY seq LIMIT {}").format(names, sql.Literal(count))
    return [Event(*row) for row in _connection.execute(query, binary=True).fetchall()]


def _bundles(first: int, entries: Sequence[bytes], numbers: Sequence[int]) -> Iterator[TreeBundle]:
    for i in range(0, len(entries), WIDTH):
        seqs = numbers[i : i + WIDTH]
        packed = b"".join(seq.to_bytes(8, "big") for seq in seqs)
        yield TreeBundle(first + i // WIDTH, b"".join(entries[i : i + WIDTH]), packed, min(seqs), max(seqs))


def _split(tile: bytes) -> Iterator[bytes]:
    return (tile[i : i + HASH] for i in range(0, len(tile), HASH))


_TYPES = {int: "int8", str: "text", bytes: "bytea"}


def _copy(connection: psycopg.Connection[Any], kind: type[msgspec.Struct], records: Iterable[msgspec.Struct]) -> None:
    from idp.store.tables import TABLES

    columns = sql.SQL(", ").join(map(sql.Identifier, kind.__struct_fields__))
    table = TABLES[kind]
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(sql.Identifier(table.name), columns)
    with connection.cursor().copy(statement) as copy:
        copy.set_types([_TYPES[column.type.python_type] for column in table.columns])
        for record in records:
            copy.write_row(msgspec.structs.astuple(record))


# What happens -----------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=50_000)
def _person(n: int) -> Citizen:
    if n < len(_world.people):
        return _world.people[n]
    digest = hashlib.sha256(f"{_world.seed}/{n}".encode()).digest()
    return Citizen(digest[:16], digest[16:], _world.people[0].key, os.urandom)


def _events(world: World, start: int, end: int) -> Iterator[tuple[Event, EventAddress | None]]:
    chance = random.Random(f"{world.seed}/{start}")
    pending: list[told.Fact] = []
    person, at = _person(0), 0
    for index in range(start, end):
        if not pending:
            # Few people and clients are busy, most are not; both are drawn anew for each visit.
            person = _person(int(PEOPLE * chance.random() ** 3))
            client = world.clients[int(len(world.clients) * chance.random() ** 2)]
            pending = list(_visit(chance, client))
        at = world.at(index)
        fact = pending.pop(0)
        private = {
            "address": _address(chance, fact),
            "device": chance.choice(AGENTS),
        }
        personal = {name: private[name] for name in fact.PERSONAL} or None
        about = None if isinstance(fact, told.ClientTokenIssued) else person
        made = told.record(fact, at=at, entropy=os.urandom, person=about, personal=personal).record
        assert isinstance(made, Event)
        event = msgspec.structs.replace(made, seq=world.seq(index))
        key = world.keys.get(month(at)) if personal is not None and "address" in personal else None
        place = addresses.row(key, event, labels(private["address"]), person.account_id) if key is not None else None
        yield event, place


def _address(chance: random.Random, fact: told.Fact) -> str:
    attack = isinstance(fact, told.SignInFailed) and chance.random() < 0.02
    return ATTACKER if attack else f"198.51.{chance.randrange(256)}.{chance.randrange(256)}"


def _visit(chance: random.Random, client: str) -> Iterator[told.Fact]:
    """What one visit of a citizen leaves in the log."""
    draw = chance.random()
    if draw < 0.04:
        yield told.SignInFailed(reason="password", client_id=client, reference=f"{chance.getrandbits(50):010X}"[:10])
        return
    if draw < 0.10:
        yield told.ClientTokenIssued(client_id=client, scope="openid")
        return
    if draw < 0.1005:
        yield told.CodeReplayed(client_id=client, grant=_hex(chance), by_client=client)
        return
    session, grant, scope = _hex(chance), _hex(chance), "openid profile"
    if draw < 0.5:
        yield told.SignedIn(session=session, amr="pwd", acr="urn:yimen:acr:1")
    if draw < 0.2:
        yield told.ConsentGiven(client_id=client, scope=scope, claims=CLAIMS, digest=_hex(chance) * 2)
    yield told.CodeIssued(client_id=client, grant=grant, scope=scope, acr="urn:yimen:acr:1")
    yield told.CodeRedeemed(client_id=client, grant=grant, scope=scope, refresh=True)
    if draw < 0.8:
        yield told.AttributesReleased(client_id=client, grant=grant, claims=CLAIMS, via="userinfo")
    for _ in itertools.repeat(None, chance.randrange(3)):
        yield told.TokenRefreshed(client_id=client, grant=grant, scope=scope, rotated=True)
    if draw < 0.3:
        yield told.SessionEnded(session=session, why="logout")


def _hex(chance: random.Random) -> str:
    return f"{chance.getrandbits(128):032x}"
