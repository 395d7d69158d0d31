"""C2SP signed notes, checkpoints and cosignatures: what the log signs, and how it is checked. Depends on ``cryptography`` alone.

Two signatures stand under each checkpoint of ours: Ed25519 over the text (type 0x01), and ML-DSA-44 (type 0x06, tlog-cosignature), which a quantum
computer does not forge. Times are POSIX seconds.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

ED25519, COSIGNED_ED25519, COSIGNED_MLDSA44 = 0x01, 0x04, 0x06
MAX_NOTE = 1_000_000
MAX_SIGNATURES = 64
_DASH = "\N{EM DASH} "
_PUBLIC_BYTES = {ED25519: 32, COSIGNED_ED25519: 32, COSIGNED_MLDSA44: 1312}
_SIGNATURE_BYTES = {ED25519: 64, COSIGNED_ED25519: 8 + 64, COSIGNED_MLDSA44: 8 + 2420}


class NoteError(ValueError):
    """A note, key or checkpoint is malformed, or no known key signed it. The text says which, never a value."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under its name. ``public`` is the raw key; ``type`` a signature type of signed-note."""

    name: str
    type: int
    public: bytes

    @property
    def id(self) -> bytes:
        """Four bytes: SHA-256(name ‖ newline ‖ type ‖ key)[:4]."""
        return sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public).digest()[:4]

    def text(self) -> str:
        """The key as a vkey: ``name+id+base64(type ‖ key)``."""
        return f"{self.name}+{self.id.hex()}+{_base64(bytes([self.type]) + self.public)}"


@dataclass(frozen=True, slots=True)
class Signature:
    """One line under a note."""

    name: str
    id: bytes
    value: bytes

    def line(self) -> str:
        """The line with its newline."""
        return f"{_DASH}{self.name} {_base64(self.id + self.value)}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: whose log, how many entries, which root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"


Signing = Callable[[Checkpoint, int], Signature]
"""Signs a checkpoint at a time (seconds)."""


def verifier(text: str) -> Verifier:
    """Read a vkey. Raises NoteError."""
    name, _, rest = text.strip().partition("+")
    number, _, key = rest.partition("+")
    raw = _decoded(key)
    if not _named(name) or not raw or len(raw) - 1 != _PUBLIC_BYTES.get(raw[0]):
        raise NoteError("not a verifier key of a known type")
    found = Verifier(name, raw[0], raw[1:])
    if found.id.hex() != number:
        raise NoteError("the verifier key's id is not its own")
    return found


def ed25519_signer(name: str, key: Ed25519PrivateKey) -> tuple[Verifier, Signing]:
    """Signs the text itself."""
    public = Verifier(name, ED25519, key.public_key().public_bytes_raw())
    return public, lambda checkpoint, _at: Signature(name, public.id, key.sign(checkpoint.text().encode()))


def ed25519_cosigner(name: str, key: Ed25519PrivateKey) -> tuple[Verifier, Signing]:
    """Signs as a witness (tlog-cosignature): the text behind a header and the time."""
    public = Verifier(name, COSIGNED_ED25519, key.public_key().public_bytes_raw())

    def sign(checkpoint: Checkpoint, at: int) -> Signature:
        return Signature(name, public.id, at.to_bytes(8, "big") + key.sign(_timed(checkpoint.text(), at)))

    return public, sign


def mldsa44_cosigner(name: str, key: MLDSA44PrivateKey) -> tuple[Verifier, Signing]:
    """Signs as a cosigner with ML-DSA-44 (tlog-cosignature)."""
    public = Verifier(name, COSIGNED_MLDSA44, key.public_key().public_bytes_raw())

    def sign(checkpoint: Checkpoint, at: int) -> Signature:
        return Signature(name, public.id, at.to_bytes(8, "big") + key.sign(_subtree(name, checkpoint, at)))

    return public, sign


def note(text: str, signatures: Iterable[Signature]) -> str:
    """Text, empty line, signatures."""
    return text + "\n" + "".join(signature.line() for signature in signatures)


def split(signed: str) -> tuple[str, list[Signature]]:
    """Text and signatures of a note. Raises NoteError for what is not one."""
    if len(signed) > MAX_NOTE or any(c < " " and c != "\n" for c in signed):
        raise NoteError("not a note: too long, or with control characters")
    body, mark, lines = signed.rpartition("\n\n")
    if not mark or not lines.endswith("\n") or lines.count("\n") > MAX_SIGNATURES:
        raise NoteError("not a note: no signatures under an empty line")
    return body + "\n", [_signature(line) for line in lines[:-1].split("\n")]


def checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint. Raises NoteError. Extension lines are allowed and mean nothing here."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
        raise NoteError("not a checkpoint")
    origin, size, root = lines[0], lines[1], _decoded(lines[2])
    if not (size.isascii() and size.isdigit()) or str(int(size)) != size or len(size) > 19 or len(root) != 32:
        raise NoteError("not a checkpoint: wrong size or root")
    return Checkpoint(origin, int(size), root)


def opened(signed: str, origin: str, keys: Sequence[Verifier]) -> tuple[Checkpoint, list[Verifier]]:
    """The checkpoint of a note and the ``keys`` that signed it, at least one.

    Raises NoteError: another log's, signed by none of the keys, or a signature of one of them is wrong.
    """
    text, signatures = split(signed)
    found = checkpoint(text)
    if found.origin != origin:
        raise NoteError("the checkpoint is another log's")
    known = {(key.name, key.id): key for key in keys}
    signers = []
    for signature in signatures:
        key = known.get((signature.name, signature.id))
        if key is None:
            continue
        if not verifies(key, text, signature):
            raise NoteError("a signature under the checkpoint is wrong")
        if key not in signers:
            signers.append(key)
    if not signers:
        raise NoteError("no known key signed the checkpoint")
    return found, signers


def verifies(key: Verifier, text: str, signature: Signature) -> bool:
    """Whether ``signature`` is this key's over ``text``."""
    if len(signature.value) != _SIGNATURE_BYTES[key.type]:
        return False
    at, value = int.from_bytes(signature.value[:8], "big"), signature.value[8:]
    try:
        if key.type == ED25519:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature.value, text.encode())
        elif key.type == COSIGNED_ED25519:
            Ed25519PublicKey.from_public_bytes(key.public).verify(value, _timed(text, at))
        else:
            message = _subtree(key.name, checkpoint(text), at)
            MLDSA44PublicKey.from_public_bytes(key.public).verify(value, message)
    except (InvalidSignature, ValueError):
        return False
    return at < 1 << 63 or key.type == ED25519


def _timed(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def _subtree(name: str, head: Checkpoint, at: int) -> bytes:
    """``cosigned_message`` of tlog-cosignature for a whole tree."""
    who, log = name.encode(), head.origin.encode()
    if not (0 < len(who) < 256 and 0 < len(log) < 256):
        raise NoteError("a name is too long to be cosigned")
    parts = (b"subtree/v1\n\x00", bytes([len(who)]), who, at.to_bytes(8, "big"), bytes([len(log)]), log)
    return b"".join((*parts, (0).to_bytes(8, "big"), head.size.to_bytes(8, "big"), head.root))


def _signature(line: str) -> Signature:
    name, space, value = line.removeprefix(_DASH).partition(" ")
    raw = _decoded(value)
    if not line.startswith(_DASH) or not space or not _named(name) or len(raw) < 5:
        raise NoteError("not a note: a signature line is malformed")
    return Signature(name, raw[:4], raw[4:])


def _named(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() for c in name)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
