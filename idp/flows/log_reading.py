"""What the stored log can show: where an event stands, that it stands there, and that an older tree is the beginning of the present one."""

from collections.abc import Callable, Iterator

import msgspec

from idp.audit import merkle, tiles
from idp.audit.entry import unpack
from idp.audit.facets import ID
from idp.audit.fitting import row_of
from idp.audit.proof import Proof
from idp.audit.tiles import ENTRIES, HASH, WIDTH, Tile
from idp.audit.verify import entry_of
from idp.errors import Code, Refusal
from idp.flows.ids import raw_id
from idp.flows.log_unsequenced import unsequenced
from idp.flows.log_waiting import waiting
from idp.flows.sequencer import Damaged, head, tile
from idp.parts import Parts
from idp.ports import Op
from idp.records import Event, EventFacet, TreeBundle, TreeHead

EVER_KEPT = 4096
NEIGHBOURS = 16
"""Bundles whose ranges of numbers may overlap: as many as events commit out of order; a commit that hung for long is looked for farther away."""
MANY_NEIGHBOURS = 10_000
COSIGNED = "cosigned"
"""The head that the configured witnesses cosigned lastly."""
CHECKED = "checked"
"""The head that the self-check found whole lastly, and when."""
BEHIND_US = 60 * 1_000_000
WAIT_S = 2.0
"""So long an export waits for its events to come into the signed tree."""
STEP_S = 0.05

Pause = Callable[[float], object]


class TileReader:
    """The stored tiles, each read once: for one proof or one walk. A tile that grows meanwhile grows at its end alone."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._known = parts, dict[tuple[int, int], bytes]()

    def __call__(self, level: int, n: int) -> bytes:
        """``tiles.Fetch``. Raises KeyError."""
        found = self._known.get((level, n))
        if found is None:
            if len(self._known) > EVER_KEPT:
                self._known.clear()
            found = self._known[level, n] = tile(self._parts, level, n)
        return found

    def root(self, size: int) -> bytes:
        """The root at ``size``. Raises KeyError."""
        return merkle.subtree(0, size, tiles.spans(self))


def checkpoint(parts: Parts) -> bytes:
    """The checkpoint to show: with the witnesses' cosignatures as long as they keep up, else the newest. Empty before the first."""
    now = head(parts)
    if not parts.config.log_witnesses:
        return now.note
    cosigned = parts.store.one(TreeHead, name=COSIGNED)
    return now.note if cosigned is None or now.at - cosigned.at > BEHIND_US else cosigned.note


def published(parts: Parts, asked: Tile) -> bytes | None:
    """A tile or entry bundle as tlog-tiles serves it; None when the tree has none of this width."""
    if not tiles.holds(asked, head(parts).size):
        return None
    if asked.level == ENTRIES:
        found = parts.store.one(TreeBundle, n=asked.n)
        return None if found is None else tiles.bundle(leaves_of(found)[: asked.width])
    try:
        return tile(parts, asked.level, asked.n)[: asked.width * HASH]
    except KeyError:
        return None


def seqs_of(bundle: TreeBundle) -> tuple[int, ...]:
    """The ``seq`` of each leaf of a bundle."""
    return tuple(int.from_bytes(bundle.seqs[i : i + 8], "big") for i in range(0, len(bundle.seqs), 8))


def leaves_of(bundle: TreeBundle) -> list[bytes]:
    """The entry of each leaf of a bundle."""
    return [bundle.entries[i : i + HASH] for i in range(0, len(bundle.entries), HASH)]


def rows_of(parts: Parts, seqs: tuple[int, ...]) -> dict[int, Event]:
    """The events of these numbers that are there."""
    found = parts.store.find(Event, {"seq": Op("in", seqs)}, limit=len(seqs)) if seqs else []
    return {event.seq: event for event in found}


def events_between(parts: Parts, start: int, end: int, *, gaps: bool = False) -> Iterator[tuple[int, Event]]:
    """The leaves start ≤ index < end with their events, bundle by bundle. Raises Damaged where one is gone; with ``gaps`` it is left out."""
    for n in range(start // WIDTH, -(-end // WIDTH)):
        bundle = parts.store.one(TreeBundle, n=n)
        if bundle is None:
            raise Damaged
        numbers = list(enumerate(seqs_of(bundle), n * WIDTH))[max(start - n * WIDTH, 0) : end - n * WIDTH]
        rows = rows_of(parts, tuple(seq for _, seq in numbers))
        for index, seq in numbers:
            if seq in rows:
                yield index, rows[seq]
            elif not gaps:
                raise Damaged


def found_by_id(parts: Parts, event_id: str) -> Event | None:
    """The event of an id in hex, also one that has no leaf (yet)."""
    raw = raw_id(event_id)
    if not raw:
        return None
    found = _indexed(parts, raw) or waiting(parts).get(raw, (None,))[0]
    if found is None:
        found = next(iter(unsequenced(parts, id=raw).rows.values()), None)
    return found or _indexed(parts, raw)  # it may have got its leaf meanwhile


def _indexed(parts: Parts, raw: bytes) -> Event | None:
    lines = parts.store.find(EventFacet, {"facet": ID, "value": raw}, limit=1)
    row = parts.store.one(Event, seq=lines[0].seq) if lines else None
    return row if row is not None and row.id == raw else None


def event_by_id(parts: Parts, event_id: str) -> Event:
    """The event of an id in hex, also one that has no leaf (yet). Raises Refusal(invalid_request) where there is none."""
    event = found_by_id(parts, event_id)
    if event is None:
        text = "There is no event of this id."
        raise Refusal(Code.INVALID_REQUEST, text, reason="unknown_event")
    return event


def place_of(parts: Parts, seq: int) -> int | None:
    """Where the tree holds the event ``seq``; None when it does not (yet)."""
    reaching = {"max_seq": Op(">=", seq)}
    for where, limit in ((reaching, NEIGHBOURS), ({**reaching, "min_seq": Op("<=", seq)}, MANY_NEIGHBOURS)):
        for bundle in parts.store.find(TreeBundle, where, order=("max_seq",), limit=limit):
            numbers = seqs_of(bundle)
            if seq in numbers:
                return bundle.n * WIDTH + numbers.index(seq)
    return None


def in_tree(parts: Parts, seq: int) -> bool:
    """Whether the signed tree holds the event ``seq``."""
    index = place_of(parts, seq)
    return index is not None and index < head(parts).size


def awaited(parts: Parts, seq: int, pause: Pause) -> bool:
    """Whether the signed tree holds the event ``seq`` within ``WAIT_S``: a worker that runs needs a second at most. ``pause(seconds)`` sleeps."""
    for _ in range(round(WAIT_S / STEP_S)):
        if in_tree(parts, seq):
            return True
        pause(STEP_S)
    return in_tree(parts, seq)


def index_of(parts: Parts, seq: int) -> int:
    """Where the tree holds the event ``seq``. Raises Refusal(invalid_request)."""
    index = place_of(parts, seq)
    if index is not None:
        return index
    text = "The event is not in the log's tree yet. That takes a second where a worker runs and no alarm stands: look with `idp doctor`."
    raise Refusal(Code.INVALID_REQUEST, text, reason="not_sequenced")


def prove(parts: Parts, event: Event, at: TreeHead | None = None, index: int | None = None) -> Proof:
    """A proof that the event stands in the signed tree (``at``, or the present one), at ``index`` where that is known; what its entry is made of
    comes along as ``extra``.

    Raises Refusal when it does not, Damaged when the stored tree is not whole.
    """
    index, now = index_of(parts, event.seq) if index is None else index, at or head(parts)
    try:
        if entry_of(row_of(event)) != event.entry:
            raise Damaged
        extra = msgspec.json.encode(exported(index, event))
    except (ValueError, TypeError, AttributeError):  # spoilt by hand
        raise Damaged from None
    return proof_of(parts, index, event.entry, now, extra)


def proof_of(parts: Parts, index: int, entry: bytes, at: TreeHead, extra: bytes) -> Proof:
    """A proof that ``entry`` is the leaf ``index`` of the tree ``at``. Raises Damaged."""
    try:
        hashes = merkle.inclusion(index, at.size, tiles.spans(TileReader(parts)))
        merkle.verify_inclusion(merkle.leaf_hash(entry), index, at.size, hashes, at.root)
    except (KeyError, ValueError):
        raise Damaged from None
    return Proof(index, tuple(hashes), at.note.decode(), extra)


def exported(index: int, event: Event) -> dict[str, object]:
    """What an auditor needs to recompute the entry; personal fields by their digests."""
    fields = [{"name": f.name, "digest": f.digest.hex()} for f in unpack(event.fields)] if event.fields else []
    told = {"head": event.head.decode(), "salt": event.salt.hex(), "fields": fields, "entry": event.entry.hex()}
    return {"index": index, **told}


def consistency(parts: Parts, old: int, size: int) -> tuple[bytes, bytes, list[bytes]]:
    """Roots at both sizes and the proof that the larger extends the smaller. Raises Refusal(invalid_request), Damaged."""
    if not 0 <= old <= size <= head(parts).size:
        raise Refusal(Code.INVALID_REQUEST, "The log has no trees of these sizes.", reason="unknown_size")
    reader = TileReader(parts)
    try:
        return reader.root(old), reader.root(size), merkle.consistency(old, size, tiles.spans(reader))
    except KeyError:
        raise Damaged from None
