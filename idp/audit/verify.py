"""The stand-alone verifier: rebuilds the log's tree from its events and says where it is not what was signed.

Needs Python and ``cryptography`` alone; ``idp audit export`` puts it beside what it exports, an auditor carries an own copy. As a program:
``python verify.py [--key VKEY …] [FILE.zip or folder]``.
"""

import hashlib
import json
import sys
import zipfile
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idp.audit import merkle, note, proof, tiles
from idp.audit.merkle import ProofError, leaf_hash, root_of, subtree
from idp.audit.note import Checkpoint, NoteError, Verifier
from idp.audit.tiles import HASH, WIDTH

TAG = b"yimen-event/1"
Read = Callable[[str], bytes]
"""``read(name)`` answers a file of an export. Raises KeyError."""


class Bad(Exception):
    """The log is not whole. ``index`` is the first leaf that can be named, None where only the tree as a whole can."""

    def __init__(self, index: int | None, what: str) -> None:
        super().__init__(what if index is None else f"index {index}: {what}")
        self.index, self.what = index, what


@dataclass(frozen=True, slots=True)
class Row:
    """One event as stored: ``head`` in its exact bytes, ``digests`` of its personal fields, ``entry`` as written."""

    salt: bytes
    head: bytes
    digests: Sequence[bytes]
    entry: bytes


def entry_of(row: Row) -> bytes:
    """The entry recomputed: SHA-256(tag ‖ SHA-256(salt ‖ head) ‖ digests)."""
    return hashlib.sha256(TAG + hashlib.sha256(row.salt + row.head).digest() + b"".join(row.digests)).digest()


def check_row(index: int, row: Row | None, entry: bytes) -> None:
    """That the row of leaf ``index`` is there and is what the tree holds. Raises Bad."""
    if row is None:
        raise Bad(index, "the event is gone")
    if entry_of(row) != row.entry:
        raise Bad(index, "the event was altered")
    if row.entry != entry:
        raise Bad(index, "another event stands in its place")


class Rebuilt:
    """The tree from its entries, each tile compared with the stored one (``fetch``: as ``tiles.spans`` takes it) as soon as it is known."""

    def __init__(self, fetch: tiles.Fetch) -> None:
        self._fetch, self._frontier = fetch, merkle.Frontier()
        self._open: list[bytearray] = []
        """Per level, the tile that is not full yet."""
        self._full: list[int] = []

    @property
    def size(self) -> int:
        """How many leaves so far."""
        return self._frontier.size

    def root(self) -> bytes:
        """The root so far."""
        return self._frontier.root()

    def add(self, entry: bytes) -> None:
        """The next entry. Raises Bad."""
        leaf = leaf_hash(entry)
        self._frontier.append(leaf)
        self._put(0, leaf)

    def end(self) -> None:
        """Compare the tiles that are not full. Raises Bad."""
        for level, hashes in enumerate(self._open):
            if hashes:
                self._compare(level, bytes(hashes))

    def _put(self, level: int, value: bytes) -> None:
        if level == len(self._open):
            self._open.append(bytearray())
            self._full.append(0)
        hashes = self._open[level]
        hashes += value
        if len(hashes) == WIDTH * HASH:
            self._compare(level, bytes(hashes))
            self._put(level + 1, root_of(_hashes(hashes)))
            self._open[level] = bytearray()
            self._full[level] += 1

    def _compare(self, level: int, hashes: bytes) -> None:
        n = self._full[level]
        try:
            stored = self._fetch(level, n)
        except KeyError:
            stored = b""
        if stored[: len(hashes)] == hashes:
            return
        offset = next(i for i, value in enumerate(_hashes(hashes)) if stored[i * HASH : (i + 1) * HASH] != value)
        raise Bad((n * WIDTH + offset) << 8 * level, f"the stored tile {level}/{n} is not its leaves'")


class Trusted:
    """Tiles of a tree whose root is known: each is led up to the root before it is believed (as far as levels are stored)."""

    def __init__(self, head: Checkpoint, fetch: tiles.Fetch) -> None:
        self._fetch, self._known = fetch, dict[tuple[int, int], bytes]()
        self._size = head.size
        try:
            root = subtree(0, head.size, tiles.spans(fetch))
        except KeyError as error:
            raise Bad(None, f"a tile is missing: {error}") from None
        if root != head.root:
            raise Bad(None, "the tiles are not those of the signed root")

    def tile(self, level: int, n: int) -> bytes:
        """The hashes of a tile. Raises Bad."""
        known = self._known.get((level, n))
        if known is not None:
            return known
        width = min(WIDTH, (self._size >> 8 * level) - n * WIDTH)
        try:
            hashes = self._fetch(level, n)[: max(width, 0) * HASH]
        except KeyError:
            hashes = b""
        if width <= 0 or len(hashes) != width * HASH:
            raise Bad((n * WIDTH) << 8 * level, f"the tile {level}/{n} is missing")
        if width == WIDTH and self._size >> 8 * (level + 1):
            above = self.tile(level + 1, n // WIDTH)
            at = n % WIDTH * HASH
            if root_of(_hashes(hashes)) != above[at : at + HASH]:
                raise Bad((n * WIDTH) << 8 * level, f"the tile {level}/{n} was altered")
        self._known[level, n] = hashes
        return hashes

    def leaf(self, index: int) -> bytes:
        """The leaf hash at ``index``. Raises Bad."""
        n, offset = divmod(index, WIDTH)
        return self.tile(0, n)[offset * HASH : (offset + 1) * HASH]


def check_events(
    head: Checkpoint, fetch: tiles.Fetch, rows: Iterable[tuple[int, Row]], accepted: Container[int] = ()
) -> tuple[int, list[int]]:
    """That exported ``rows`` (index, row) follow each other without a gap and are leaves of the signed tree; how many, and which of ``accepted`` are
    in the tree by their entry alone. Raises Bad."""
    trusted, count, before, passed = Trusted(head, fetch), 0, None, list[int]()
    for index, row in rows:
        if before is not None and index != before + 1:
            raise Bad(before + 1, "the event is left out")
        if not 0 <= index < head.size:
            raise Bad(index, "outside of the tree")
        known = index in accepted
        if leaf_hash(row.entry if known else entry_of(row)) != trusted.leaf(index):
            raise Bad(index, "the event is not the one in the tree")
        if known:
            passed.append(index)
        count, before = count + 1, index
    return count, passed


# An export ------------------------------------------------------------------------------------------------------------------------


def check_export(read: Read, lines: Iterable[bytes], keys: Sequence[Verifier] = ()) -> dict[str, object]:
    """Check an export: signature, tiles, events and proofs. ``keys``: whom to trust; none: the keys that came with it, and the report says so.

    Raises Bad, NoteError, ProofError.
    """
    manifest = json.loads(read("manifest.json"), object_pairs_hook=_once)
    trusted = list(keys) or [note.verifier(line) for line in read("keys").decode().split("\n") if line]
    head, signers = note.opened(read("checkpoint").decode(), manifest["origin"], trusted)
    wanted = range(manifest["from"], manifest["to"])

    def fetch(level: int, n: int) -> bytes:
        for width in (WIDTH, (head.size >> 8 * level) % WIDTH):
            if width:
                try:
                    return read(tiles.path(tiles.Tile(level, n, width)))
                except KeyError:
                    continue
        raise KeyError((level, n))

    accepted = {int(row["index"]): str(row["at"]) for row in manifest.get("accepted", ())}
    count, passed = check_events(head, fetch, _rows(lines), accepted)
    if count != len(wanted):
        raise Bad(wanted.start + count, "the event is left out")
    ends = (("first", wanted.start, "begin"), ("last", wanted.stop - 1, "end")) if count else ()
    for name, index, does in ends:
        found = proof.parse(read(f"{name}.tlog-proof").decode())
        entry = bytes.fromhex(json.loads(found.extra, object_pairs_hook=_once)["entry"])
        proof.verify(found, entry, head.origin, trusted)
        if found.index != index:
            raise Bad(index, f"the events do not {does} where the export says")
    return {
        "log": head.origin,
        "size": head.size,
        "events": count,
        "first": wanted.start,
        "signed_by": [key.name for key in signers],
        "keys": "given"
        if keys
        else "as they came with the export: compare them with those that the provider publishes",
        "whole": True if not passed else _but_for(passed, accepted),
    }


def _but_for(passed: Sequence[int], accepted: Mapping[int, str]) -> str:
    days = ", ".join(sorted({accepted[index][:10] for index in passed}))
    return f"but for {len(passed)} of these events, accepted by the provider on {days}: index {', '.join(map(str, passed))}"


def _rows(lines: Iterable[bytes]) -> Iterator[tuple[int, Row]]:
    for line in lines:
        value = json.loads(line, object_pairs_hook=_once)
        digests = [bytes.fromhex(field["digest"]) for field in value["fields"]]
        row = Row(bytes.fromhex(value["salt"]), value["head"].encode(), digests, bytes.fromhex(value["entry"]))
        yield value["index"], row


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A member that stands there twice would be read as one event here and as another by another reader (RFC 8259 §4)."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member came twice")
    return found


def _hashes(tile: bytes | bytearray) -> Iterator[bytes]:
    return (bytes(tile[i : i + HASH]) for i in range(0, len(tile), HASH))


def check_archive(path: Path, keys: Sequence[Verifier] = ()) -> dict[str, object]:
    """Check an export that is a zip or the folder that it was unpacked to. Raises as ``check_export``, and OSError."""
    if path.is_dir():
        with (path / "events.jsonl").open("rb") as lines:
            return check_export(lambda name: _file(path / name), lines, keys)
    with zipfile.ZipFile(path) as archive, archive.open("events.jsonl") as packed:
        return check_export(archive.read, packed, keys)


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise KeyError(path.name) from None


def main(arguments: Sequence[str]) -> int:
    """``[--key VKEY …] [PATH]``; exit code 0 when whole, 1 when not, 2 for wrong usage, 3 when whole but for what the export says was accepted."""
    keys, paths, rest = list[Verifier](), list[str](), list(arguments)
    report: Mapping[str, object]
    try:
        while rest:
            word = rest.pop(0)
            if word == "--key" and rest:
                keys.append(note.verifier(rest.pop(0)))
            else:
                paths.append(word)
        if len(paths) > 1 or any(path.startswith("-") for path in paths):
            sys.stderr.write("usage: verify.py [--key VKEY ...] [FILE.zip or folder]\n")
            return 2
        report = check_archive(Path(paths[0] if paths else "."), keys)
    except (Bad, NoteError, ProofError) as error:
        sys.stderr.write(f"NOT WHOLE: {error}\n")
        return 1
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        sys.stderr.write(f"not an export of the log, or a damaged one: {type(error).__name__} {error}\n")
        return 1
    sys.stdout.write("".join(f"{name}: {value}\n" for name, value in report.items()))
    return 0 if report["whole"] is True else 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
