"""What the log is searched and charted by, checked against its events: each line of the index, each count, and where a clock was set back.

Lines and counts stand in another order than the events. So each side is added up as it is read, every line by a hash under a key that nobody knew
when the rows were written: where the sums of a block of numbers or of a day agree, so do the rows; where not, that block or day is read once more and
compared.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, Protocol, TypeVar

import msgspec

from idp.audit.counts import DAY, HOUR, Key, counts, start_of
from idp.audit.facets import facets
from idp.audit.tiles import WIDTH
from idp.audit.verify import Bad
from idp.flows.log_reading import place_of, rows_of, seqs_of
from idp.flows.log_times import order
from idp.flows.sequencer import head
from idp.parts import Parts
from idp.ports import Op
from idp.records import Event, EventCount, EventFacet, Record, TreeBundle, TreeHead

R = TypeVar("R", bound=Record)
PAGE: Final = 5000
BLOCK: Final = 15
"""Numbers whose lines are added up together: two to the power of this."""
HIDDEN: Final = (
    "the row that says where the clock was set back does not know of it: the event is hidden from searches by time"
)
NOT_OURS: Final = "a row of the search index or of the counts is none that this log writes"


class Held(Protocol):
    """Which numbers have a leaf."""

    def __contains__(self, seq: int, /) -> bool: ...


class Sums:
    """Two sums: of the lines by block, of the counts by day; what the events give is added, what is stored taken away."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._secret, self._pack = parts.entropy(32), msgspec.msgpack.encode
        self._lines, self._counts = dict[int, int](), dict[int, int]()
        self._order = order(parts)

    def add(self, rows: Sequence[Event]) -> None:
        """Events that are in the tree, the next ones. Raises Bad for one that a search by time would not find."""
        mark, lines = self._mark, self._lines
        for row in rows:
            if not self._order.fits(row.seq, row.at):
                raise Bad(place_of(self._parts, row.seq), HIDDEN)
            block, total = row.seq >> BLOCK, 0
            for name, value in set(facets(row)):
                total += mark((name, value, row.seq))
            lines[block] = lines.get(block, 0) + total
        for key, n in counts(rows).items():
            day = start_of(key[2], DAY)
            self._counts[day] = self._counts.get(day, 0) + n * mark(key)

    def check(self, now: TreeHead, held: Held) -> None:
        """That the stored lines and counts are those of the events in the tree of ``now``. Raises Bad."""
        try:
            self._check_lines(now, held)
            self._check_counts(now, held)
        except (TypeError, OverflowError):  # SQLite keeps a text where a number belongs
            raise Bad(None, NOT_OURS) from None

    def _mark(self, line: tuple[Any, ...]) -> int:
        return int.from_bytes(blake2b(self._pack(line), key=self._secret, digest_size=16).digest())

    def _check_lines(self, now: TreeHead, held: Held) -> None:
        mark, lines, since = self._mark, self._lines, _Since(self._parts, now)
        for line in _all(self._parts, EventFacet, ("facet", "value", "seq")):
            seq = line.seq
            if seq in held:
                block = seq >> BLOCK
                lines[block] = lines.get(block, 0) - mark((line.facet, line.value, seq))
            elif seq not in since:
                raise Bad(None, "a line of the search index belongs to no event of the tree")
        differing = {block for block, total in lines.items() if total}
        for block in sorted(differing):
            self._name_line(block, now, held)

    def _name_line(self, block: int, now: TreeHead, held: Held) -> None:
        events = _events(self._parts, now, lambda seq: seq >> BLOCK == block)
        gone = {(name, value, e.seq) for e in events for name, value in facets(e)}
        foreign: int | None = None
        for line in _all(self._parts, EventFacet, ("facet", "value", "seq")):
            at = (line.facet, line.value, line.seq)
            if at in gone:
                gone.remove(at)
            elif line.seq >> BLOCK == block and line.seq in held:
                foreign = line.seq if foreign is None else min(foreign, line.seq)
        missing = min((seq for _, _, seq in gone), default=None)
        if missing is not None and (foreign is None or missing <= foreign):
            text = "a line of the event is gone from the search index: the event is hidden from searches"
            raise Bad(place_of(self._parts, missing), text)
        if foreign is not None:
            text = "the search index has a line that the event does not give: searches show the event where it does not belong"
            raise Bad(place_of(self._parts, foreign), text)

    def _check_counts(self, now: TreeHead, held: Held) -> None:
        for row in _all(self._parts, EventCount, ("span", "client_id", "start", "kind")):
            day = start_of(row.start, DAY)
            self._counts[day] = self._counts.get(day, 0) - row.n * self._mark(_key(row))
        differing = {day for day, total in self._counts.items() if total}
        if not differing:
            return
        low = Counter[Key]()
        for event in _events(self._parts, now, held.__contains__):
            if start_of(event.at, DAY) in differing:
                low.update(counts([event]))
        wrong = self._wrong_counts(now, low, differing)
        if wrong:
            span, client, start, kind = min(wrong, key=lambda key: (key[2], key[0], key[1], key[3]))
            which = f"{kind} in the {'hour' if span == HOUR else 'day'} from {start}{f' of {client}' if client else ''}"
            raise Bad(None, f"{len(wrong)} counts are not those of the events, the first: {which}")

    def _wrong_counts(self, now: TreeHead, low: Mapping[Key, int], days: set[int]) -> list[Key]:
        """Counts of these days that are too low or too high; the tree may grow meanwhile, and they with it."""
        stored = dict[Key, int]()
        for row in _all(self._parts, EventCount, ("span", "client_id", "start", "kind")):
            if start_of(row.start, DAY) in days:
                stored[_key(row)] = row.n
        added = counts(_Since(self._parts, now).events())
        keys = {*low, *stored}
        return [key for key in keys if not 0 <= stored.get(key, 0) - low.get(key, 0) <= added.get(key, 0)]


class _Since:
    """The numbers that came into the tree after its head was read."""

    def __init__(self, parts: Parts, now: TreeHead) -> None:
        self._parts, self._now, self._seqs, self._read = parts, now, set[int](), now.size

    def __contains__(self, seq: int) -> bool:
        if seq not in self._seqs:
            self._go_on()
        return seq in self._seqs

    def events(self) -> Iterator[Event]:
        """Those events."""
        self._go_on()
        return _rows(self._parts, tuple(self._seqs))

    def _go_on(self) -> None:
        size = head(self._parts).size
        while self._read < size:
            bundle = self._parts.store.one(TreeBundle, n=self._read // WIDTH)
            if bundle is None:
                return
            self._seqs.update(seqs_of(bundle)[self._read % WIDTH :])
            self._read = min(size, (bundle.n + 1) * WIDTH)


def _key(row: EventCount) -> Key:
    return row.span, row.client_id, row.start, row.kind


def _events(parts: Parts, now: TreeHead, wanted: Callable[[int], bool]) -> Iterator[Event]:
    """The events of the tree whose numbers are wanted, once more."""
    for n in range(-(-now.size // WIDTH)):
        bundle = parts.store.one(TreeBundle, n=n)
        seqs = seqs_of(bundle)[: now.size - n * WIDTH] if bundle is not None else ()
        yield from _rows(parts, tuple(filter(wanted, seqs)))


def _rows(parts: Parts, seqs: tuple[int, ...]) -> Iterator[Event]:
    for i in range(0, len(seqs), WIDTH):
        yield from rows_of(parts, seqs[i : i + WIDTH]).values()


def _all(parts: Parts, kind: type[R], key: tuple[str, ...]) -> Iterator[R]:
    """Every row, in the order of its key, in pages that the key's own index gives."""
    fixed, where, last = 0, dict[str, Any](), dict[str, Any]()
    while True:
        rows = parts.store.find(kind, where, order=key, limit=PAGE)
        yield from rows
        if len(rows) == PAGE:
            fixed = len(key)
            last = {name: getattr(rows[-1], name) for name in key}
        elif fixed == 0:
            return
        fixed -= 1
        where = {name: last[name] for name in key[:fixed]} | {key[fixed]: Op(">", last[key[fixed]])}
