"""The sequencer: committed events become leaves of the log's tree, in one order for ever, and the new head is signed.

One step is one batch: the head moves by compare-and-swap on its size together with the tiles that it needs, so that two leaders can't make two
histories, and a process that dies leaves the tree before the step or after it. An event that committed before another began comes before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from idp.audit import note
from idp.audit.facets import facets
from idp.audit.growth import Growth, grow
from idp.audit.merkle import EMPTY
from idp.audit.note import Checkpoint, Signing, Verifier
from idp.audit.tiles import WIDTH
from idp.errors import Unavailable
from idp.parts import Parts
from idp.ports import Committed, Delete, Insert, Op, Update, Write
from idp.records import Event, EventFacet, EventPending, TreeBundle, TreeHead, TreeTile
from keys.log_keys import log_keys

LOG: Final = "log"
BATCH: Final = 2048
SECOND: Final = 1_000_000


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
    origin = parts.config.log_origin
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
        grown = grow(
            old.size, [(e.seq, e.entry) for e in events], lambda level, n: tile(parts, level, n), _last(parts, old)
        )
    except KeyError:
        if head(parts) != old:  # another leader was faster
            return 0
        raise Unavailable("audit log: a tile is missing; run `idp audit verify`") from None
    done = parts.store.commit(_writes(old, grown, events, signer, now))
    return len(events) if isinstance(done, Committed) else 0


def catch_up(parts: Parts, signer: LogSigner, now: int) -> int:
    """Sequence all that is committed now; how many."""
    total = 0
    while count := step(parts, signer, now):
        total += count
    return total


def _last(parts: Parts, old: TreeHead) -> tuple[bytes, bytes]:
    """Entries and seqs of the bundle that is not full yet."""
    if old.size % WIDTH == 0:
        return b"", b""
    found = parts.store.one(TreeBundle, n=old.size // WIDTH)
    if found is None:
        raise KeyError(old.size // WIDTH)
    return found.entries, found.seqs


def _writes(old: TreeHead, grown: Growth, events: Sequence[Event], signer: LogSigner, now: int) -> list[Write]:
    seqs = tuple(e.seq for e in events)
    signed = signer.sign(grown.size, grown.root, now)
    new = TreeHead(LOG, grown.size, grown.root, max(old.last_seq, *seqs), signed, now)
    return [
        _move(old, new),
        *(Insert(TreeTile(level, n, hashes), on_conflict="replace") for (level, n), hashes in grown.tiles.items()),
        *(Insert(_bundle(n, *both), on_conflict="replace") for n, both in grown.bundles.items()),
        *(Insert(EventFacet(name, value, e.seq), on_conflict="ignore") for e in events for name, value in facets(e)),
        Delete(EventPending, {"seq": Op("in", seqs)}),
    ]


def _move(old: TreeHead, new: TreeHead) -> Write:
    if not old.note:
        return Insert(new)
    values = {"size": new.size, "root": new.root, "last_seq": new.last_seq, "note": new.note, "at": new.at}
    return Update(TreeHead, {"name": LOG, "size": old.size, "root": old.root}, values)


def _bundle(n: int, entries: bytes, seqs: bytes) -> TreeBundle:
    numbers = [int.from_bytes(seqs[i : i + 8], "big") for i in range(0, len(seqs), 8)]
    return TreeBundle(n, entries, seqs, min(numbers), max(numbers))
