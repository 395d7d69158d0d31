"""C2SP tlog-proof: that an entry stands in a signed tree, in a text that is checked without the log. Standard library and ``note`` alone."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from idp.audit import merkle
from idp.audit.merkle import ProofError
from idp.audit.note import Checkpoint, Verifier, opened

HEADER = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 63
"""A tree of 2⁶³ leaves has proofs this long."""
MAX_EXTRA = 256 * 1024


@dataclass(frozen=True, slots=True)
class Proof:
    """``index`` of the entry, inclusion ``hashes`` from its sibling up, the signed ``checkpoint`` verbatim, ``extra`` that nothing vouches for."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""

    def text(self) -> str:
        """The file's text."""
        extra = f"extra {base64.b64encode(self.extra).decode()}\n" if self.extra else ""
        lines = "".join(f"{base64.b64encode(value).decode()}\n" for value in self.hashes)
        return f"{HEADER}\n{extra}index {self.index}\n{lines}\n{self.checkpoint}"


def parse(text: str) -> Proof:
    """Read a proof. Raises ProofError for what is not one."""
    front, gap, checkpoint = text.partition("\n\n")
    lines = front.split("\n")
    if not gap or lines.pop(0) != HEADER or not lines:
        raise ProofError("not a tlog-proof")
    extra = b""
    if lines[0].startswith("extra "):
        extra = _decoded(lines.pop(0).removeprefix("extra "))
    if not lines or len(lines) > MAX_HASHES + 1 or len(extra) > MAX_EXTRA:
        raise ProofError("not a tlog-proof: too long, or without an index")
    word, _, digits = lines[0].partition(" ")
    if word != "index" or not _decimal(digits):
        raise ProofError("not a tlog-proof: without an index")
    hashes = tuple(_decoded(line) for line in lines[1:])
    if any(len(value) != 32 for value in hashes):
        raise ProofError("not a tlog-proof: a hash has 32 bytes")
    return Proof(int(digits), hashes, checkpoint, extra)


def verify(proof: Proof, entry: bytes, origin: str, keys: Sequence[Verifier]) -> tuple[Checkpoint, list[Verifier]]:
    """That ``entry`` stands at the proof's index in a tree of the log ``origin`` that at least one of ``keys`` signed.

    Answers the checkpoint and who signed it. Raises NoteError for the checkpoint, ProofError for the entry.
    """
    head, signers = opened(proof.checkpoint, origin, keys)
    merkle.verify_inclusion(merkle.leaf_hash(entry), proof.index, head.size, proof.hashes, head.root)
    return head, signers


def _decimal(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 19 and str(int(text)) == text


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ProofError("not a tlog-proof: not base64") from None
