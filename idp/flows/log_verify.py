"""The whole log checked against what was signed: every row, leaf, tile and signature; and that it extends what was remembered of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from idp.audit import note
from idp.audit.fitting import check_columns, fits, row_of
from idp.audit.note import NoteError
from idp.audit.tiles import HASH, WIDTH
from idp.audit.verify import Bad, Rebuilt, check_row
from idp.flows.log_accepted import Spared, Spoilt, accepted
from idp.flows.log_index import Sums
from idp.flows.log_reading import TileReader, leaves_of, rows_of, seqs_of
from idp.flows.sequencer import LogSigner, head, named, unlike_written
from idp.parts import Parts
from idp.ports import Op
from idp.records import Event, EventPending, TreeBundle, TreeHead

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
    spoilt: tuple[Spoilt, ...] = ()
    """What is not as it was written, and was accepted."""
    indexed: bool = True
    """Whether the search index could be compared with the events."""


class _Seen:
    """Which numbers have a leaf: a bit each, so that ten million take a megabyte; numbers leap (``store.partitions``), so by pages."""

    def __init__(self) -> None:
        self._pages, self.count = dict[int, bytearray](), 0

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
    parts: Parts,
    signer: LogSigner,
    progress: Progress = lambda *_: None,
    remembered: Mapping[int, bytes] | None = None,
    spared: Spared | None = None,
) -> Whole:
    """Check everything. ``remembered``: roots by size, of checkpoints kept elsewhere. What was accepted is passed over and named in the answer.

    Raises Bad, Unavailable.
    """
    now, spared = head(parts), spared or Spared(accepted(parts))
    check_signature(now, signer)
    marks = {size: root for size, root in (remembered or {}).items() if size <= now.size}
    if longer := [size for size in remembered or {} if size > now.size]:
        raise Bad(now.size, f"the log ends here, but had {max(longer)} events: it was cut or brought back from a copy")
    rebuilt, seen, sums = Rebuilt(TileReader(parts)), _Seen(), Sums(parts)
    sound = 0
    for n in range(-(-now.size // WIDTH)):
        _bundle(parts, now, n, rebuilt, seen, sums, marks, spared)
        sound = max([sound, *(size for size in marks if size <= rebuilt.size)])
        progress(rebuilt.size, now.size)
    rebuilt.end()
    if rebuilt.root() != now.root:
        raise Bad(None, f"the tree is not the one that was signed; up to index {sound} it is the remembered one")
    _no_strangers(parts, now, seen, spared)
    if spared.indexed:
        sums.check(now, seen)
    _check_waiting(parts, now, seen, spared)
    waiting = max(0, parts.store.count(Event) - now.size) if spared.found else parts.store.count(Event) - now.size
    return Whole(now.size, now.root, waiting, spared.spoilt(), spared.indexed)


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


def check_rows(
    parts: Parts, bundle: TreeBundle, only: range = range(WIDTH), spared: Spared | None = None
) -> list[Event]:
    """That each event of a bundle (``only`` these of it) is there and is what the tree holds, or is ``spared``; these events. Raises Bad."""
    checked = []
    numbers = seqs_of(bundle)
    rows = rows_of(parts, numbers)
    for offset, (seq, entry) in enumerate(zip(numbers, leaves_of(bundle), strict=False)):
        if offset not in only:
            continue
        row, index = rows.get(seq), bundle.n * WIDTH + offset
        try:
            _check_row(index, row, entry)
        except Bad:
            there = row is not None and row.entry == entry
            if spared is None or not spared.row(index, seq, there=there):
                raise
            if not there:
                continue
        assert row is not None
        checked.append(row)
    return checked


def _check_row(index: int, row: Event | None, entry: bytes) -> None:
    try:
        check_row(index, None if row is None else row_of(row), entry)
        assert row is not None
        check_columns(row)
    except (ValueError, TypeError, AttributeError):  # its parts can't even be read, or contradict each other
        raise Bad(index, "the event was altered") from None


def _bundle(
    parts: Parts,
    now: TreeHead,
    n: int,
    rebuilt: Rebuilt,
    seen: _Seen,
    sums: Sums,
    marks: Mapping[int, bytes],
    spared: Spared,
) -> None:
    bundle = parts.store.one(TreeBundle, n=n)
    width = min(WIDTH, now.size - n * WIDTH)
    if bundle is None or len(bundle.entries) < width * HASH or len(bundle.seqs) * HASH != len(bundle.entries) * 8:
        held = 0 if bundle is None else min(len(bundle.entries) // HASH, len(bundle.seqs) // 8)
        raise Bad(n * WIDTH + held, "the entry is gone from the tree")
    if len(bundle.entries) > width * HASH:  # the tree grew since its head was read
        entries, seqs = bundle.entries[: width * HASH], bundle.seqs[: width * 8]
        bundle = TreeBundle(n, entries, seqs, bundle.min_seq, bundle.max_seq)
    rows = check_rows(parts, bundle, spared=spared)
    if spared.indexed:
        sums.add(rows)
    for seq, entry in zip(seqs_of(bundle), leaves_of(bundle), strict=True):
        if rebuilt.size not in spared.gone and not seen.add(seq):
            raise Bad(rebuilt.size, "the event stands in the tree twice")
        rebuilt.add(entry)
        if rebuilt.size in marks and marks[rebuilt.size] != rebuilt.root():
            raise Bad(None, f"the first {rebuilt.size} events are not those that were signed before")


def _no_strangers(parts: Parts, now: TreeHead, seen: _Seen, spared: Spared) -> None:
    """No row that is old enough to have a leaf is without one: nothing was slipped in. Raises Bad."""
    old = {"seq": Op("<=", now.last_seq)}
    waiting = parts.store.count(EventPending, old)
    if parts.store.count(Event, old) - waiting <= seen.count:
        return
    after = FIRST
    while rows := parts.store.find(Event, {"seq": Op(">", after)}, order=("seq",), limit=PAGE):
        for row in rows:
            late = parts.store.one(EventPending, seq=row.seq) if row.seq not in seen else None
            if row.seq > now.last_seq or row.seq in seen or late is not None or _since(parts, now, row.seq):
                continue
            if row.seq not in spared.absent and not spared.row(None, row.seq):
                raise Bad(None, f"the event {row.id.hex()} was slipped in behind the log's back")
        after = rows[-1].seq


def _check_waiting(parts: Parts, now: TreeHead, seen: _Seen, spared: Spared) -> None:
    """That each event that waits for its leaf is there, waits for its first, and fits its entry. Raises Bad."""
    wrong = dict[int, str]()
    for seq, row in _waiting(parts, now):
        if (row is None or seq in seen or not fits(row)) and not spared.row(None, seq):
            wrong[seq] = named(row)
    if wrong:
        raise unlike_written(wrong)


def _waiting(parts: Parts, now: TreeHead) -> Iterator[tuple[int, Event | None]]:
    """The number of each event in the line with its row, then those that are younger than the tree: on SQLite they are the line."""
    after = FIRST
    while line := parts.store.find(EventPending, {"seq": Op(">", after)}, order=("seq",), limit=PAGE):
        rows = rows_of(parts, tuple(place.seq for place in line))
        yield from ((place.seq, rows.get(place.seq)) for place in line)
        after = line[-1].seq
    after = now.last_seq
    while found := parts.store.find(Event, {"seq": Op(">", after)}, order=("seq",), limit=PAGE):
        yield from ((row.seq, row) for row in found)
        after = found[-1].seq


def _since(parts: Parts, now: TreeHead, seq: int) -> bool:
    """Whether the tree took the event in after its head was read."""
    where = {"n": Op(">=", now.size // WIDTH), "min_seq": Op("<=", seq), "max_seq": Op(">=", seq)}
    return any(seq in seqs_of(b) for b in parts.store.find(TreeBundle, where, limit=100))
