"""A part of the log to carry away: events, the tiles that lead to the signed root, proofs, and the verifier itself, in one zip that is streamed."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import IO, Any

import msgspec

from idp.audit import tiles
from idp.audit.events import ExportMade, record
from idp.audit.siem import instant
from idp.audit.stretches import END
from idp.audit.tiles import WIDTH, Tile
from idp.errors import Code, Refusal, Unavailable
from idp.flows.log_accepted import Accepted, accepted
from idp.flows.log_leaves import Leaf, leaves, prove
from idp.flows.log_reading import NEIGHBOURS, TileReader, events_between, place_of
from idp.flows.log_times import first_at, times
from idp.flows.sequencer import Damaged, LogSigner, head
from idp.parts import Parts
from idp.ports import Committed, Op
from idp.records import TreeBundle, TreeHead

VERIFIER = ("merkle", "tiles", "note", "proof", "verify")
"""Modules of ``idp.audit`` that are put into an export."""
PROGRAM = b"""import sys
from pathlib import Path

from idp.audit.verify import main

if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    given = sys.argv[1:]
    at = 0
    while at + 1 < len(given) and given[at] == "--key":
        at += 2
    sys.exit(main(given if at < len(given) else [*given, str(here)]))
"""
README = b"""An extract of an audit log.

    python3 verify.py [--key VKEY ...]     checks it; needs Python 3.11 and the package cryptography (48 or newer) alone

events.jsonl        one event a line: index in the log, head exactly as hashed, salt, digests of personal fields, entry
                    (exit code 3: whole but for events that the provider accepted although they are not as written; each is named, has a member
                    "accepted" with the time, and stands with the entry that the tree holds; "gone": nothing else of it was left)
checkpoint          the tree head as signed (C2SP signed-note, tlog-checkpoint)
keys                verifier keys of the log: compare them with those that you got from the provider on another way
tile/               the hashes that lead from the events to the signed root (C2SP tlog-tiles)
*.tlog-proof        inclusion of the first and of the last event (C2SP tlog-proof)
idp/audit/          the verifier's source; an auditor had better use an own copy
"""
STAMP = (1980, 1, 1, 0, 0, 0)
COLUMNS = ("index", "at", "time", "kind", "person", "actor", "client_id", "reference", "details", "entry", "accepted")
Progress = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Extract:
    """Which leaves of which signed tree: start ≤ index < end."""

    head: TreeHead
    start: int
    end: int


def extract(parts: Parts, start: int | None, end: int | None) -> Extract:
    """The range in the present tree; None: from the first, to the last. Raises Refusal(invalid_request) when it holds nothing."""
    now = head(parts)
    first, last = start or 0, now.size if end is None else min(end, now.size)
    if not 0 <= first < last:
        raise Refusal(Code.INVALID_REQUEST, "The log holds no events in this range.", reason="empty_range")
    return Extract(now, first, last)


def index_at(parts: Parts, at: int) -> int:
    """The index of the first event of ``at`` (microseconds) or later. The log's order is that of commits: neighbours may be older, by a moment, and
    where a clock was set back by more."""
    size, found = head(parts).size, times(parts).ranges(at, END)
    if not found:
        return size
    start, _ = _leaves(parts, found[-1][0], size)
    return next((index for index, event in events_between(parts, start, size, gaps=True) if event.at >= at), size)


def index_until(parts: Parts, at: int) -> int:
    """The index behind the last event from before ``at``; likewise, neighbours may be younger."""
    size, found = head(parts).size, times(parts).ranges(0, at)
    if not found:
        return 0
    _, top, stretch = found[0]
    start, _ = _leaves(parts, first_at(parts, at - stretch.fall, stretch.seq, top + 1), size)
    _, end = _leaves(parts, top, size)
    for index, event in events_between(parts, start, end, gaps=True):
        if event.at < at:
            start = index + 1
    return start


def _leaves(parts: Parts, seq: int, size: int) -> tuple[int, int]:
    """Between which indexes the event of a number stands, or would."""
    near = parts.store.find(TreeBundle, {"max_seq": Op(">=", seq)}, order=("max_seq",), limit=NEIGHBOURS)
    if not near:
        return size, size
    reached = [bundle.n for bundle in near if bundle.min_seq <= seq] or [min(bundle.n for bundle in near)]
    return min(bundle.n for bundle in near) * WIDTH, min(size, (max(reached) + 1) * WIDTH)


def write(
    parts: Parts,
    signer: LogSigner,
    what: Extract,
    out: IO[bytes],
    *,
    sheet: bool,
    progress: Progress,
    altered: Callable[[int], object] = lambda _: None,
) -> int:
    """Record the export, then write it; how many events. ``sheet``: with a CSV too; ``altered`` hears the index of each that is not as it was written
    and was not accepted. Raises Unavailable, OSError."""
    count = what.end - what.start
    fact = ExportMade(events=count, start=what.start, form="zip")
    done = parts.store.commit([record(fact, at=parts.clock(), entropy=parts.entropy)])
    if not isinstance(done, Committed):
        raise Unavailable("database")
    known = accepted(parts)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        _front(archive, signer, what, _accepted(parts, what, known))
        for name, data in _tiles(parts, what):
            _put(archive, name, data)
        for name, index in (("first", what.start), ("last", what.end - 1)):
            leaf = next(leaves(parts, index, index + 1, known))
            _put(archive, f"{name}.tlog-proof", prove(parts, leaf, what.head).text().encode())
        with archive.open(_named("events.jsonl"), "w", force_zip64=True) as lines:
            for leaf in leaves(parts, what.start, what.end, known):
                lines.write(msgspec.json.encode(leaf.document()) + b"\n")
                if leaf.altered:
                    altered(leaf.index)
                progress(leaf.index + 1 - what.start, count)
        if sheet:
            with archive.open(_named("events.csv"), "w", force_zip64=True) as raw:
                _sheet(leaves(parts, what.start, what.end, known), raw)
    return count


def _accepted(parts: Parts, what: Extract, known: Accepted) -> list[dict[str, object]]:
    """Rows of the range that are not as they were written and were accepted."""
    places = {*known.amiss, *(place_of(parts, seq) for seq in known.let_in)}
    found = (
        leaf
        for i in sorted(i for i in places if i is not None and what.start <= i < what.end)
        for leaf in leaves(parts, i, i + 1, known)
    )
    return [{"index": leaf.index, "at": instant(leaf.accepted)} for leaf in found if leaf.accepted is not None]


def _front(archive: zipfile.ZipFile, signer: LogSigner, what: Extract, spoilt: list[dict[str, object]]) -> None:
    manifest: dict[str, object] = {
        "origin": signer.origin,
        "size": what.head.size,
        "from": what.start,
        "to": what.end,
        **({"accepted": spoilt} if spoilt else {}),
    }
    _put(archive, "README.txt", README)
    _put(archive, "manifest.json", msgspec.json.encode(manifest))
    _put(archive, "checkpoint", what.head.note)
    _put(archive, "keys", "".join(f"{key.text()}\n" for key in signer.verifiers).encode())
    _put(archive, "verify.py", PROGRAM)
    _put(archive, "idp/__init__.py", b"")
    _put(archive, "idp/audit/__init__.py", b"")
    for module in VERIFIER:
        _put(archive, f"idp/audit/{module}.py", (files("idp.audit") / f"{module}.py").read_bytes())


def _tiles(parts: Parts, what: Extract) -> Iterator[tuple[str, bytes]]:
    """Every tile above the leaves; of the leaves' those of the range, and the last."""
    size, fetch, level = what.head.size, TileReader(parts), 0
    while count := size >> 8 * level:
        last = (count - 1) // WIDTH
        wanted = {*range(what.start // WIDTH, (what.end - 1) // WIDTH + 1), last} if level == 0 else range(last + 1)
        for n in sorted(wanted):
            width = min(WIDTH, count - n * WIDTH)
            try:
                yield tiles.path(Tile(level, n, width)), fetch(level, n)[: width * tiles.HASH]
            except KeyError:
                raise Damaged from None
        level += 1


def _sheet(listed: Iterable[Leaf], raw: IO[bytes]) -> None:
    text = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="", write_through=True)
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for leaf in listed:
        table.writerow([harmless(cell) for cell in cells(leaf)])
    text.detach()


def cells(leaf: Leaf) -> list[str]:
    """A leaf as a row of ``COLUMNS``: ``at`` in microseconds since 1970 UTC as the head has it, ``time`` the same in ISO 8601, ``accepted`` when an
    operator accepted that it is not as it was written; what can't be read of it is empty."""
    end = [leaf.entry.hex(), instant(leaf.accepted) if leaf.accepted is not None else ""]
    event = leaf.row
    if event is None:
        return [str(leaf.index), *[""] * (len(COLUMNS) - 3), *end]
    try:
        head_ = msgspec.json.decode(event.head, type=dict[str, Any])
    except (ValueError, TypeError):  # spoilt by hand
        head_ = {}
    known = {"v", "id", "at", "kind", "person", "actor", "client_id", "reference"}
    rest = " ".join(f"{k}={v}" for k, v in head_.items() if k not in known and v not in (None, ""))
    named = [str(head_.get(name) or "") for name in ("person", "actor", "client_id", "reference")]
    return [str(leaf.index), str(event.at), instant(event.at), event.kind, *named, rest, *end]


def harmless(cell: str) -> str:
    """A cell that no spreadsheet runs: what would begin a formula stands behind an apostrophe (CWE-1236)."""
    return (
        f"'{cell}"
        if cell.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
        else cell
    )


def _put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(_named(name), data)


def _named(name: str) -> zipfile.ZipInfo:
    """Without a time: the archive of the same events is the same archive."""
    info = zipfile.ZipInfo(name, STAMP)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info
