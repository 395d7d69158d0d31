"""The log against what was remembered of it outside of the database: cut, rewritten or brought back from a copy, it is noticed.

At start and every hour; an alarm is an event, a line, a metric and, unless configured otherwise, the end of issuing until an operator decides.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from idp.audit import note
from idp.audit.cases import AlertRaised
from idp.audit.events import LogAccepted, LogAlarmed, record
from idp.audit.merkle import leaf_hash
from idp.audit.note import Checkpoint, NoteError
from idp.audit.tiles import WIDTH
from idp.audit.verify import Bad, Trusted
from idp.caches import Generations
from idp.errors import Unavailable
from idp.flows.log_accepted import MOST, Spared, accepted
from idp.flows.log_places import LOG
from idp.flows.log_reading import TileReader, leaves_of, rows_of, seqs_of
from idp.flows.log_verify import Progress, check_rows, check_signature, verify
from idp.flows.log_waiting import ALARM, ALARM_RULE, raising, waiting
from idp.flows.restored import end_again_all
from idp.flows.sequencer import ACCEPTED, LogSigner, head
from idp.parts import Parts
from idp.ports import Committed, Insert, Update, Write
from idp.records import Generation, TreeBundle, TreeHead

LOSING: Final = ("restored", "failover", "lost")
"""Reasons to accept a log that say that commits are gone."""
_WAITS: Final = (
    "to be rid of a row that waits and is not the house's, delete it by its number first (column seq of the tables events and events_pending), and "
    "the log will be whole; accepted with the row in it, the log names that row for ever"
)
_STANDS: Final = (
    "what has its leaf is mended by a copy of the database alone (`idp restore`); accepted, the log names it for ever"
)
_GO_ON: Final = "Once you know why, `idp audit accept` goes on with the log as it is"
ADVICE: Final = f"look with `idp audit verify`; {_WAITS}. {_GO_ON}"


def advice(bad: Bad) -> str:
    """What to do about what the verifier found."""
    return f"{_WAITS if bad.index is None else _STANDS}. {_GO_ON}"


def alarmed(generations: Generations) -> bool:
    """Whether there is an alarm: a look-up in memory. Raises Unavailable."""
    return bool(generations.now(ALARM))


def remembered(parts: Parts, signer: LogSigner) -> dict[int, bytes]:
    """Root by size of the checkpoint that was remembered; empty when none was. Raises Bad for one that this log did not sign, Unavailable."""
    kept = _kept(_read(parts), signer)
    return {} if kept is None else {kept.size: kept.root}


def check(parts: Parts, signer: LogSigner, slices: range = range(0)) -> TreeHead:
    """That the stored tree carries its signed head and extends what was remembered; and that the rows of the last bundle and of ``slices`` are there.

    Raises Bad, Unavailable.
    """
    now = head(parts)
    check_signature(now, signer)
    reader = TileReader(parts)
    trusted = Trusted(Checkpoint(signer.origin, now.size, now.root), reader)
    extends(remembered(parts, signer), now, reader)
    known, spared = parts.store.one(TreeHead, name=ACCEPTED), Spared(accepted(parts))
    for n in sorted({*slices, max(-(-now.size // WIDTH) - 1, 0)}):
        _slice(parts, now, n, trusted, 0 if known is None else known.size, spared)
    return now


def extends(older: dict[int, bytes], now: TreeHead, reader: TileReader) -> None:
    """That the tree is one of the ``older`` roots by size and more. Raises Bad."""
    for size, root in older.items():
        if size > now.size:
            raise Bad(now.size, f"the log ends here, but had {size} events: it was cut or brought back from a copy")
        try:
            found = reader.root(size)
        except KeyError:
            found = b""
        if found != root:
            raise Bad(None, f"the first {size} events are not those that were signed before")


def remember(parts: Parts, signer: LogSigner) -> TreeHead:
    """Remember the present head if it extends what was remembered. Raises Bad, Unavailable."""
    now = head(parts)
    reader = TileReader(parts)

    def decide(old: str) -> str:
        kept = _kept(old, signer)
        if kept is not None:
            if kept.size > now.size and head(parts).size >= kept.size:
                return old  # another node remembered a newer head meanwhile
            extends({kept.size: kept.root}, now, reader)
        return now.note.decode() or old

    _change(parts, decide)
    return now


def sound_alarm(parts: Parts, bad: Bad) -> bool:
    """Record an alarm and its alert, once until it is accepted; whether it is new. One that stands without its alert has not been told: it is sounded
    anew. Raises Unavailable."""
    known = parts.store.one(Generation, kind=ALARM)
    if known is not None and known.n and any(how.again for _, how in waiting(parts).values()):
        return False
    index = -1 if bad.index is None else bad.index
    alert, told = raising(
        parts, AlertRaised(rule=ALARM_RULE, severity="high", group="", count=1, first=index, last=index)
    )
    fact = LogAlarmed(what=bad.what, index=index, alert=alert.id.hex())
    sounded = (
        Insert(Generation(ALARM, 1))
        if known is None
        else Update(Generation, {"kind": ALARM, "n": known.n}, {"n": known.n + 1})
    )
    done = parts.store.commit([sounded, *told, record(fact, at=parts.clock(), entropy=parts.entropy)])
    parts.generations.reread()
    return isinstance(done, Committed)


def accept(parts: Parts, signer: LogSigner, reason: str, progress: Progress = lambda *_: None) -> dict[str, object]:
    """Go on with the log as it is stored: an event says what it had and has, then the memory is set anew and the alarm ends. ``progress`` of reading
    the whole log.

    Before, all that a lost revocation may have brought back to life is ended as after a restore (:func:`lost`); the answer counts it.
    Raises Bad when the stored tree does not even carry its own head; ConfigError, Unavailable.
    """
    _own_head(parts, signer)
    ended = end_again_all(parts) if lost(parts, reason) else {}
    now, had = _own_head(parts, signer), _unchecked(_read(parts))
    amiss = wrong(parts, signer, progress)
    fact = LogAccepted(
        reason=reason,
        had=had.size,
        had_root=had.root.hex(),
        has=now.size,
        has_root=now.root.hex(),
        let_in=amiss.let_in,
        amiss=amiss.amiss,
        what=amiss.what,
    )
    writes: list[Write] = [
        record(fact, at=parts.clock(), entropy=parts.entropy),
        Update(Generation, {"kind": ALARM}, {"n": 0}, rows=None),
    ]
    if now.note:
        there = _last_there(parts, now)
        writes.append(Insert(msgspec.structs.replace(now, name=ACCEPTED), on_conflict="replace"))
        writes.append(Update(TreeHead, {"name": LOG, "size": now.size}, {"last_seq": there}))
    done = parts.store.commit(writes)
    if not isinstance(done, Committed):
        raise Unavailable("database")
    _change(parts, lambda _: now.note.decode())
    parts.generations.reread()
    return {"had": had.size, "has": now.size, "reason": reason, **amiss.told(), **ended}


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is not as it was written and was not accepted yet: rows without a leaf by number, rows in the tree by index, and what else."""

    let_in: tuple[int, ...]
    amiss: tuple[int, ...]
    what: str

    def told(self) -> dict[str, object]:
        """For the operator; nothing where nothing is wrong."""
        found = {"rows_let_in": list(self.let_in), "rows_amiss": list(self.amiss), "what": self.what}
        return {name: value for name, value in found.items() if value}


def wrong(parts: Parts, signer: LogSigner, progress: Progress = lambda *_: None) -> Wrong:
    """Read the whole log for what an acceptance takes in; the first ``MOST`` rows of it, the rest is an alarm again. Raises Unavailable."""
    known = accepted(parts)
    spared, what = Spared(known, every=True), ""
    try:
        verify(parts, signer, progress, spared=spared)
    except Bad as bad:
        what = str(bad)
    fresh = [row for row in spared.spoilt() if known.when(row.index, row.seq) is None][:MOST]
    return Wrong(
        tuple(row.seq for row in fresh if row.index is None),
        tuple(row.index for row in fresh if row.index is not None),
        what,
    )


def lost(parts: Parts, reason: str) -> bool:
    """Whether commits are gone, and with them perhaps what revoked something: by the ``reason``, and whatever it says where the stored tree does not
    hold all that was remembered. Raises Unavailable."""
    was = _unchecked(_read(parts))
    try:
        extends({was.size: was.root} if was.size else {}, head(parts), TileReader(parts))
    except Bad:
        return True
    return reason in LOSING


def _own_head(parts: Parts, signer: LogSigner) -> TreeHead:
    now = head(parts)
    check_signature(now, signer)
    Trusted(Checkpoint(signer.origin, now.size, now.root), TileReader(parts))
    return now


def had(parts: Parts) -> int:
    """How many events the remembered checkpoint speaks of, whoever signed it. Raises Unavailable."""
    return _unchecked(_read(parts)).size


def _last_there(parts: Parts, now: TreeHead) -> int:
    """The highest ``seq`` whose row is the tree's: where rows are gone, SQLite gives their numbers again, and those events want leaves too."""
    for n in range((now.size - 1) // WIDTH, -1, -1):
        bundle = parts.store.one(TreeBundle, n=n)
        held = {} if bundle is None else dict(zip(seqs_of(bundle), leaves_of(bundle), strict=False))
        there = [seq for seq, row in rows_of(parts, tuple(held)).items() if held[seq] == row.entry]
        if there:
            return max(there) if max(held) != max(there) else now.last_seq
    return 0


def _slice(parts: Parts, now: TreeHead, n: int, trusted: Trusted, passed: int, spared: Spared) -> None:
    """One bundle: its entries are the tree's leaves, its rows are there; of the first ``passed`` leaves an operator knows about the rows."""
    width = min(WIDTH, now.size - n * WIDTH)
    if width <= 0:
        return
    bundle = parts.store.one(TreeBundle, n=n)
    entries = [] if bundle is None else leaves_of(bundle)[:width]
    for offset in range(width):
        if offset >= len(entries) or leaf_hash(entries[offset]) != trusted.leaf(n * WIDTH + offset):
            raise Bad(n * WIDTH + offset, "the stored entry is not its leaf's")
    assert bundle is not None
    if passed < now.size:
        check_rows(parts, bundle, range(max(0, passed - n * WIDTH), width), spared)


def _kept(text: str, signer: LogSigner) -> Checkpoint | None:
    if not text:
        return None
    try:
        kept, _ = note.opened(text, signer.origin, signer.verifiers)
    except NoteError as error:
        raise Bad(None, f"the remembered checkpoint is not this log's: {error}") from None
    return kept


def _unchecked(text: str) -> Checkpoint:
    """Whatever was remembered, for the record; nothing rests on it."""
    try:
        return note.checkpoint(note.split(text)[0])
    except NoteError:
        return Checkpoint("", 0, b"")


def _read(parts: Parts) -> str:
    try:
        return parts.log_memory.read()
    except OSError:
        raise Unavailable("the remembered checkpoint (IDP_LOG_CHECKPOINT_FILE)") from None


def _change(parts: Parts, decide: Callable[[str], str]) -> None:
    try:
        parts.log_memory.change(decide)
    except OSError:
        raise Unavailable("the remembered checkpoint (IDP_LOG_CHECKPOINT_FILE)") from None
