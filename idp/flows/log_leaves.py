"""Leaves as they are taken away: each with its event, and where that is not as it was written and was accepted, with what the tree holds of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from idp.audit.fitting import fits
from idp.audit.proof import Proof
from idp.audit.siem import instant
from idp.audit.tiles import WIDTH
from idp.audit.verify import Bad
from idp.flows import log_reading
from idp.flows.log_accepted import Accepted, accepted
from idp.flows.log_reading import exported, index_of, leaves_of, proof_of, rows_of, seqs_of
from idp.flows.sequencer import Damaged, head
from idp.parts import Parts
from idp.records import Event, TreeBundle, TreeHead


@dataclass(frozen=True, slots=True)
class Leaf:
    """``entry`` as the tree holds it; ``row`` None for one that is gone; ``accepted``: when an operator accepted that it is not as it was written
    (microseconds), else None."""

    index: int
    row: Event | None
    entry: bytes
    accepted: int | None

    @property
    def altered(self) -> bool:
        """Whether it is not as it was written, and nobody accepted that."""
        return self.accepted is None and (self.row is None or self.row.entry != self.entry or not fits(self.row))

    def document(self) -> dict[str, Any]:
        """What an auditor gets of it: what is gone or can't be read is empty, and its entry is the tree's."""
        try:
            told = exported(self.index, self.row) if self.row is not None else {}
        except (ValueError, TypeError, AttributeError):  # spoilt by hand
            told = {}
        if self.accepted is None and told:
            return told
        accepted_ = {"accepted": instant(self.accepted)} if self.accepted is not None else {}
        gone = {"gone": True} if self.row is None else {}
        empty = {"index": self.index, "head": "", "salt": "", "fields": []}
        return {**empty, **told, "entry": self.entry.hex(), **accepted_, **gone}


def leaves(parts: Parts, start: int, end: int, known: Accepted | None = None) -> Iterator[Leaf]:
    """The leaves start ≤ index < end. What nobody accepted comes as it stands: the verifier names it. Raises Damaged where such a row is gone."""
    known = accepted(parts) if known is None else known
    for n in range(start // WIDTH, -(-end // WIDTH)):
        bundle = parts.store.one(TreeBundle, n=n)
        if bundle is None:
            raise Damaged
        numbers = seqs_of(bundle)
        rows = rows_of(parts, numbers)
        for index, (seq, entry) in enumerate(zip(numbers, leaves_of(bundle), strict=False), n * WIDTH):
            if not start <= index < end:
                continue
            found = leaf(index, rows.get(seq), entry, known.when(index, seq))
            if found.row is None and found.accepted is None:
                raise Damaged(Bad(index, "the event is gone"))
            yield found


def leaf(index: int, row: Event | None, entry: bytes, at: int | None) -> Leaf:
    """A leaf with its row; ``at``: when it was accepted, if it was. A row that is as it was written needs no acceptance; another event in its place
    (a number may be given again) is not its row."""
    own = row is not None and row.entry == entry
    whole = row is not None and fits(row)
    if own and whole:
        return Leaf(index, row, entry, None)
    return Leaf(index, None if whole and at is not None else row, entry, at)


def leaf_of(parts: Parts, event: Event, index: int | None = None) -> Leaf:
    """The leaf of an event. Raises Refusal where it has none (yet), Damaged."""
    index = index_of(parts, event.seq) if index is None else index
    bundle = parts.store.one(TreeBundle, n=index // WIDTH)
    if bundle is None:
        raise Damaged
    entry = leaves_of(bundle)[index % WIDTH]
    found = leaf(index, event, entry, None)
    if event.entry == entry and fits(event):
        return found
    return leaf(index, event, entry, accepted(parts).when(index, event.seq))


def prove(parts: Parts, what: Leaf, at: TreeHead | None = None) -> Proof:
    """A proof that the leaf stands in the signed tree (``at``, or the present one), with its document as ``extra``. Of a row that was accepted it
    proves the entry alone.

    Raises Damaged when the stored tree is not whole, or the row is not as it was written and nobody accepted it.
    """
    if what.accepted is not None:
        return proof_of(parts, what.index, what.entry, at or head(parts), msgspec.json.encode(what.document()))
    if what.altered:
        raise Damaged(Bad(what.index, "the event is not as it was written"))
    assert what.row is not None
    return log_reading.prove(parts, what.row, at, what.index)
