"""The sequencer: committed events become leaves of the log's tree, in one order for ever, and the new head is signed.

One step is one batch: the head moves by compare-and-swap on its size together with the tiles that it needs, so that two leaders can't make two
histories, and a process that dies leaves the tree before the step or after it. An event that committed before another began comes before it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from idp.audit import note
from idp.audit.counts import counts
from idp.audit.facets import facets
from idp.audit.fitting import fits
from idp.audit.growth import Growth, grow
from idp.audit.merkle import EMPTY
from idp.audit.note import Checkpoint, Signing, Verifier
from idp.audit.tiles import HASH, WIDTH
from idp.audit.verify import Bad
from idp.errors import Unavailable
from idp.flows.log_places import LOG, moved
from idp.flows.log_times import noted
from idp.parts import Parts
from idp.ports import Committed, Delete, Insert, InsertMany, Op, Write
from idp.records import Event, EventCount, EventFacet, EventPending, Record, TreeBundle, TreeHead, TreeTile
from keys.log_keys import log_keys

ACCEPTED: Final = "accepted"
"""The head that an operator accepted after an alarm: its newest rows may be gone."""
BATCH: Final = 2048
SECOND: Final = 1_000_000
MOST_ROWS: Final = 512
"""Lines of the index in one statement."""
NAMED: Final = 5
"""So many of the events that wait wrongly are named."""
NO_NAME: Final = "one without an id"
MANY: Final = 10 * BATCH
DAMAGED: Final = "audit log: the stored tree is not what was signed; run `idp audit verify`"


class Damaged(Unavailable):
    """The stored tree does not carry its head, its newest rows are gone, or what waits is not as it was written (``bad``): nothing is added to it."""

    def __init__(self, bad: Bad | None = None) -> None:
        super().__init__(DAMAGED)
        self.bad = bad

    def advice(self) -> str:
        """What to do; and what is wrong, where that is known."""
        return self.part if self.bad is None else f"audit log: {self.bad}; run `idp audit verify`"


@dataclass(frozen=True, slots=True)
class LogSigner:
    """Who signs checkpoints: the log's origin, its public keys, and the signatures that it makes."""

    origin: str
    verifiers: tuple[Verifier, ...]
    signings: tuple[Signing, ...]

    def sign(self, size: int, root: bytes, at: int) -> bytes:
        """A signed checkpoint; ``at`` microseconds."""
        head = Checkpoint(self.origin, size, root)
        return note.note(head.text(), [sign(head, at // SECOND) for sign in self.signings]).encode()


def log_signer(parts: Parts) -> LogSigner:
    """The signer of this house's log. Made once: ML-DSA keys cost a millisecond."""
    ed25519, mldsa44 = log_keys(parts.ring)
    origin = parts.config.log_name
    made = (note.ed25519_signer(origin, ed25519), note.mldsa44_cosigner(origin, mldsa44))
    return LogSigner(origin, tuple(public for public, _ in made), tuple(sign for _, sign in made))


def head(parts: Parts) -> TreeHead:
    """The head as stored; an empty tree before the first step."""
    return parts.store.one(TreeHead, name=LOG) or TreeHead(LOG, 0, EMPTY, 0, b"", 0)


def tile(parts: Parts, level: int, n: int) -> bytes:
    """The stored hashes of a tile. Raises KeyError when there is none."""
    found = parts.store.one(TreeTile, level=level, n=n)
    if found is None:
        raise KeyError((level, n))
    return found.hashes


def step(parts: Parts, signer: LogSigner, now: int, limit: int = BATCH) -> int:
    """Sequence at most ``limit`` events; how many. ``now`` microseconds. Raises Unavailable, also when the tree is damaged: nothing is added then."""
    old = head(parts)
    events = parts.store.unsequenced(old.last_seq, limit)
    if not events:
        return 0
    try:
        entries = all(len(e.entry) == HASH for e in events)
    except TypeError:  # SQLite keeps a number where bytes belong
        entries = False
    if not entries:
        raise Damaged
    if not all(map(fits, events)) and not _accepted(parts, old):
        raise Damaged(_misfits(events))
    try:
        last = _last(parts, old)
        grown = grow(old.size, [(e.seq, e.entry) for e in events], lambda level, n: tile(parts, level, n), last)
    except KeyError:
        if head(parts) != old:  # another leader was faster
            return 0
        raise Damaged from None
    try:
        writes = [*_writes(old, grown, events, signer, now), noted(parts.store, old.last_seq, events)]
    except (TypeError, ValueError, AttributeError):  # let in by an operator, but no index can hold what its columns are
        raise Damaged(_misfits(events)) from None
    if isinstance(parts.store.commit(writes), Committed):
        return len(events)
    if head(parts) == old:  # no other leader was faster: the stored head is such that it can't be moved
        raise Damaged
    return 0


def catch_up(parts: Parts, signer: LogSigner, now: int, most: int = MANY) -> int:
    """Sequence what is committed now, ``most`` events or a few more; how many."""
    total = 0
    while total < most and (count := step(parts, signer, now)):
        total += count
    return total


def check_tail(parts: Parts) -> None:
    """That the newest leaf and its event are there: also where their numbers are given again. Raises Damaged, Unavailable."""
    old = head(parts)
    try:
        _last(parts, old)
    except KeyError:
        if head(parts).size == old.size:
            raise Damaged from None


def sign_again(parts: Parts, signer: LogSigner, now: int) -> None:
    """Sign the head as it stands: an idle log's checkpoint stays young, so that an old one shows that the log was held back."""
    old = head(parts)
    if old.note:
        signed = signer.sign(old.size, old.root, now)
        parts.store.commit([_move(old, TreeHead(LOG, old.size, old.root, old.last_seq, signed, now))])


def _last(parts: Parts, old: TreeHead) -> tuple[bytes, bytes]:
    """Entries and seqs of the bundle that is not full yet. Raises KeyError when the stored tree is not the head's."""
    last = max(old.size - 1, 0) // WIDTH
    found = parts.store.one(TreeBundle, n=last)
    if not old.size:
        if found is not None:
            raise KeyError(LOG)  # a tree without its head: starting anew would write over it
        return b"", b""
    if found is None or len(found.entries) // HASH != (old.size - 1) % WIDTH + 1:
        raise KeyError(last)
    _still_there(parts, old, found)
    return (found.entries, found.seqs) if old.size % WIDTH else (b"", b"")


def _still_there(parts: Parts, old: TreeHead, bundle: TreeBundle) -> None:
    """The row of the last leaf: whoever deletes the newest rows, or lets their numbers be given again, is noticed here. Raises KeyError."""
    seq = int.from_bytes(bundle.seqs[-8:], "big")
    row = parts.store.one(Event, seq=seq)
    if (row is None or row.entry != bundle.entries[-HASH:]) and not _accepted(parts, old):
        raise KeyError(seq)


def _accepted(parts: Parts, old: TreeHead) -> bool:
    """Whether an operator accepted the log at this head: what was amiss then is passed over once, and stays named by the verifier."""
    known = parts.store.one(TreeHead, name=ACCEPTED)
    return known is not None and known.size == old.size


def _misfits(events: Sequence[Event]) -> Bad:
    """Which events of a batch do not fit their entries."""
    return unlike_written({event.seq: named(event) for event in events if not fits(event)})


def named(event: Event | None) -> str:
    """How a row that may be no event is called: by its id, where it has one; nothing for one that is gone."""
    if event is None:
        return ""
    try:
        return event.id.hex()
    except AttributeError:  # SQLite keeps a text where bytes belong
        return NO_NAME


def unlike_written(names: Mapping[int, str]) -> Bad:
    """What is said of events that wait for their leaf and were altered, forged or deleted: id by ``seq``, by which the rows are found."""
    first = ", ".join(f"{name or 'gone:'} (number {seq})" for seq, name in islice(names.items(), NAMED))
    more = ", …" if len(names) > NAMED else ""
    one = len(names) == 1
    which = "1 event that waits for its leaf is" if one else f"{len(names)} events that wait for their leaf are"
    return Bad(None, f"{which} not as {'it was' if one else 'they were'} written: {first}{more}")


def _writes(old: TreeHead, grown: Growth, events: Sequence[Event], signer: LogSigner, now: int) -> list[Write]:
    seqs = tuple(e.seq for e in events)
    signed = signer.sign(grown.size, grown.root, now)
    new = TreeHead(LOG, grown.size, grown.root, max(old.last_seq, *seqs), signed, now)
    return [
        _move(old, new),
        *(Insert(TreeTile(level, n, hashes), on_conflict="replace") for (level, n), hashes in grown.tiles.items()),
        *(Insert(_bundle(n, *both), on_conflict="replace") for n, both in grown.bundles.items()),
        *_index(events),
        *_counts(events),
        Delete(EventPending, {"seq": Op("in", seqs)}),
    ]


def _index(events: Sequence[Event]) -> Iterator[Write]:
    """The lines of the search index, in few statements of few lengths."""
    yield from _many([EventFacet(name, value, e.seq) for e in events for name, value in facets(e)])


def _counts(events: Sequence[Event]) -> Iterator[Write]:
    """What the events add to the counts by hour and day."""
    yield from _many([EventCount(*key, n) for key, n in sorted(counts(events).items())], add="n")


def _many(lines: Sequence[Record], add: str = "") -> Iterator[Write]:
    at = 0
    while at < len(lines):
        count = min(MOST_ROWS, 1 << (len(lines) - at).bit_length() - 1)
        yield InsertMany(lines[at : at + count], add)
        at += count


def _move(old: TreeHead, new: TreeHead) -> Write:
    return moved(old if old.note else None, new)


def _bundle(n: int, entries: bytes, seqs: bytes) -> TreeBundle:
    numbers = [int.from_bytes(seqs[i : i + 8], "big") for i in range(0, len(seqs), 8)]
    return TreeBundle(n, entries, seqs, min(numbers), max(numbers))
