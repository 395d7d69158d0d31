"""The law of C2SP tlog-witness: what a log sends, what a witness answers, what it must remember. Pure; depends on ``note`` and ``merkle`` alone.

A witness cosigns a tree only when it extends the one that it cosigned before: two histories of one log are then never both cosigned.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from idp.audit import merkle, note
from idp.audit.merkle import ProofError
from idp.audit.note import Checkpoint, NoteError, Signing, Verifier

MAX_PROOF = 63
MAX_BODY = 64 * 1024
SIZE_TYPE = "text/x.tlog.size"


@dataclass(frozen=True, slots=True)
class Submission:
    """``add-checkpoint``: the size that the log believes cosigned, the proof from there, the signed checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: str

    def body(self) -> bytes:
        """The request's body."""
        lines = "".join(f"{base64.b64encode(value).decode()}\n" for value in self.proof)
        return f"old {self.old}\n{lines}\n{self.checkpoint}".encode()


class Refused(Exception):
    """The witness's no: an HTTP status, and a body of its own for 409."""

    def __init__(self, status: int, body: str = "") -> None:
        super().__init__(status)
        self.status, self.body = status, body


def parse(body: bytes) -> Submission:
    """Read a body. Raises Refused(400)."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Refused(400) from None
    front, gap, checkpoint = text.partition("\n\n")
    lines = front.split("\n")
    word, _, digits = lines[0].partition(" ")
    if not gap or len(body) > MAX_BODY or word != "old" or len(lines) > MAX_PROOF + 1 or not _decimal(digits):
        raise Refused(400)
    return Submission(int(digits), tuple(_hash(line) for line in lines[1:]), checkpoint)


def judge(sent: Submission, logs: Mapping[str, Sequence[Verifier]], cosigned: Mapping[str, Checkpoint]) -> Checkpoint:
    """The tree to be cosigned. ``logs``: whom the witness serves, by origin; ``cosigned``: what it cosigned lastly. Raises Refused."""
    try:
        claimed = note.checkpoint(note.split(sent.checkpoint)[0])
    except NoteError:
        raise Refused(400) from None
    if claimed.origin not in logs:
        raise Refused(404)
    try:
        head, _ = note.opened(sent.checkpoint, claimed.origin, logs[claimed.origin])
    except NoteError:
        raise Refused(403) from None
    if sent.old > head.size:
        raise Refused(400)
    known = cosigned.get(head.origin, Checkpoint(head.origin, 0, merkle.EMPTY))
    if sent.old != known.size or (head.size == known.size and head.root != known.root):
        raise Refused(409, f"{known.size}\n")
    try:
        merkle.verify_consistency(known.size, known.root, head.size, head.root, sent.proof)
    except ProofError:
        raise Refused(422) from None
    return head


def cosign(head: Checkpoint, signings: Sequence[Signing], at: int) -> str:
    """The answer's body: one line per key. ``at`` seconds."""
    return "".join(sign(head, at).line() for sign in signings)


def accepted(checkpoint: str, answer: str, keys: Sequence[Verifier], now: int) -> list[str]:
    """The signature lines of a witness's answer that one of ``keys`` made over ``checkpoint``; lines of unknown keys are left out.

    Raises NoteError when a known key's line is wrong or from the future (a minute is forgiven), or when there is none.
    """
    text, _ = note.split(checkpoint)
    _, signatures = note.split(f"{text}\n{answer}")
    known = {(key.name, key.id): key for key in keys}
    lines = []
    for signature in signatures:
        key = known.get((signature.name, signature.id))
        if key is None:
            continue
        if not note.verifies(key, text, signature) or int.from_bytes(signature.value[:8], "big") > now + 60:
            raise NoteError("a witness's signature is wrong")
        lines.append(signature.line())
    if not lines:
        raise NoteError("the witness did not sign")
    return lines


def _decimal(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 19 and str(int(text)) == text


def _hash(line: str) -> bytes:
    try:
        value = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if len(value) != 32:
        raise Refused(400)
    return value
