"""The whole log checked against what was signed: every row, leaf, tile and signature; and that it extends what was remembered of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from idp.audit import note
from idp.audit.facets import facets
from idp.audit.note import NoteError
from idp.audit.tiles import HASH, WIDTH
from idp.audit.verify import Bad, Rebuilt, check_row
from idp.flows.log_reading import TileReader, leaves_of, row_of, rows_of, seqs_of
from idp.flows.sequencer import LogSigner, head
from idp.parts import Parts
from idp.ports import Op
from idp.records import Event, EventFacet, EventPending, TreeBundle, TreeHead

Progress = Callable[[int, int], object]
"""``progress(done, size)``."""
PAGE = 1000
FIRST = -(2**63)
"""A number before all that a column holds: ours begin at 1, a stranger's may not."""


@dataclass(frozen=True, slots=True)
class Whole:
    """The answer of a check that found nothing: how many leaves, their root, how many events wait for their leaf."""

    size: int
    root: bytes
    waiting: int


class _Seen:
    """Which numbers have a leaf: a bit each, so that ten million take a megabyte; numbers leap (``store.partitions``), so by pages."""

    def __init__(self) -> None:
        self._pages, self.count, self.lines = dict[int, bytearray](), 0, 0

    def add(self, seq: int) -> bool:
        """False when it was there before."""
        page = self._pages.setdefault(seq >> 15, bytearray(4096))
        byte, bit = seq >> 3 & 4095, 1 << (seq & 7)
        fresh = not page[byte] & bit
        page[byte] |= bit
        self.count += fresh
        return fresh

    def __contains__(self, seq: int) -> bool:
        page = self._pages.get(seq >> 15)
        return page is not None and bool(page[seq >> 3 & 4095] & 1 << (seq & 7))


def verify(
    parts: Parts, signer: LogSigner, progress: Progress = lambda *_: None, remembered: Mapping[int, bytes] | None = None
) -> Whole:
    """Check everything. ``remembered``: roots by size, of checkpoints kept elsewhere. Raises Bad, Unavailable."""
    now = head(parts)
    check_signature(now, signer)
    marks = {size: root for size, root in (remembered or {}).items() if size <= now.size}
    if longer := [size for size in remembered or {} if size > now.size]:
        raise Bad(now.size, f"the log ends here, but had {max(longer)} events: it was cut or brought back from a copy")
    rebuilt, seen = Rebuilt(TileReader(parts)), _Seen()
    sound = 0
    for n in range(-(-now.size // WIDTH)):
        _bundle(parts, now, n, rebuilt, seen, marks)
        sound = max([sound, *(size for size in marks if size <= rebuilt.size)])
        progress(rebuilt.size, now.size)
    rebuilt.end()
    if rebuilt.root() != now.root:
        raise Bad(None, f"the tree is not the one that was signed; up to index {sound} it is the remembered one")
    _no_strangers(parts, now, seen)
    if (found := parts.store.count(EventFacet)) < seen.lines:
        raise Bad(None, f"{seen.lines - found} lines are gone from the search index: events are hidden from searches")
    return Whole(now.size, now.root, parts.store.count(Event) - now.size)


def check_signature(now: TreeHead, signer: LogSigner) -> None:
    """That the stored head is the one that both keys of the log signed. Raises Bad."""
    if not now.note:
        return
    try:
        signed, keys = note.opened(now.note.decode(), signer.origin, signer.verifiers)
    except (NoteError, UnicodeDecodeError) as error:
        raise Bad(None, f"the checkpoint is not signed by this log: {error}") from None
    if len(keys) != len(signer.verifiers):
        raise Bad(None, "a signature under the checkpoint is missing")
    if (signed.size, signed.root) != (now.size, now.root):
        raise Bad(None, "the head is not the one that was signed")


class _Columns(msgspec.Struct):
    """What of a head stands in columns too, to be searched by."""

    id: str
    at: int
    kind: str
    client_id: str | None = None
    person: str | None = None


_HEAD: Final = msgspec.json.Decoder(_Columns)


def check_columns(row: Event) -> None:
    """That the columns say what the sealed head says: nothing is hidden from a search. Raises ValueError."""
    said, person = _HEAD.decode(row.head), row.actor.hex() if row.actor else None
    if (row.id.hex(), row.at, row.kind, row.client_id, person) != (
        said.id,
        said.at,
        said.kind,
        said.client_id,
        said.person,
    ):
        raise ValueError("a column was altered")


def check_rows(parts: Parts, bundle: TreeBundle, only: range = range(WIDTH)) -> int:
    """That each event of a bundle (``only`` these of it) is there and is what the tree holds; how many lines of the search index they have.

    Raises Bad.
    """
    lines = 0
    numbers = seqs_of(bundle)
    rows = rows_of(parts, numbers)
    for offset, (seq, entry) in enumerate(zip(numbers, leaves_of(bundle), strict=False)):
        if offset not in only:
            continue
        row = rows.get(seq)
        try:
            check_row(bundle.n * WIDTH + offset, None if row is None else row_of(row), entry)
            assert row is not None
            check_columns(row)
            lines += len(set(facets(row)))
        except (ValueError, TypeError):  # its parts can't even be read, or contradict each other
            raise Bad(bundle.n * WIDTH + offset, "the event was altered") from None
    return lines


def _bundle(parts: Parts, now: TreeHead, n: int, rebuilt: Rebuilt, seen: _Seen, marks: Mapping[int, bytes]) -> None:
    bundle = parts.store.one(TreeBundle, n=n)
    width = min(WIDTH, now.size - n * WIDTH)
    if bundle is None or len(bundle.entries) < width * HASH or len(bundle.seqs) * HASH != len(bundle.entries) * 8:
        held = 0 if bundle is None else min(len(bundle.entries) // HASH, len(bundle.seqs) // 8)
        raise Bad(n * WIDTH + held, "the entry is gone from the tree")
    if len(bundle.entries) > width * HASH:  # the tree grew since its head was read
        entries, seqs = bundle.entries[: width * HASH], bundle.seqs[: width * 8]
        bundle = TreeBundle(n, entries, seqs, bundle.min_seq, bundle.max_seq)
    seen.lines += check_rows(parts, bundle)
    for seq, entry in zip(seqs_of(bundle), leaves_of(bundle), strict=True):
        if not seen.add(seq):
            raise Bad(rebuilt.size, "the event stands in the tree twice")
        rebuilt.add(entry)
        if rebuilt.size in marks and marks[rebuilt.size] != rebuilt.root():
            raise Bad(None, f"the first {rebuilt.size} events are not those that were signed before")


def _no_strangers(parts: Parts, now: TreeHead, seen: _Seen) -> None:
    """No row that is old enough to have a leaf is without one: nothing was slipped in. Raises Bad."""
    old = {"seq": Op("<=", now.last_seq)}
    waiting = parts.store.count(EventPending, old)
    if parts.store.count(Event, old) - waiting <= seen.count:
        return
    after = FIRST
    while rows := parts.store.find(Event, {"seq": Op(">", after)}, order=("seq",), limit=PAGE):
        for row in rows:
            late = parts.store.one(EventPending, seq=row.seq) if row.seq not in seen else None
            if row.seq <= now.last_seq and row.seq not in seen and late is None and not _since(parts, now, row.seq):
                raise Bad(None, f"the event {row.id.hex()} was slipped in behind the log's back")
        after = rows[-1].seq


def _since(parts: Parts, now: TreeHead, seq: int) -> bool:
    """Whether the tree took the event in after its head was read."""
    where = {"n": Op(">=", now.size // WIDTH), "min_seq": Op("<=", seq), "max_seq": Op(">=", seq)}
    return any(seq in seqs_of(b) for b in parts.store.find(TreeBundle, where, limit=100))
