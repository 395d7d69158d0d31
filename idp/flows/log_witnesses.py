"""Cosignatures under our checkpoints: each configured witness sees every tree that we show, and would see a second history (C2SP tlog-witness)."""

from collections.abc import Sequence
from dataclasses import dataclass

from clients.outbound import Limits, OutboundError, Response
from idp.audit import merkle, note, tiles
from idp.audit.events import WitnessTold, record
from idp.audit.note import NoteError, Verifier
from idp.audit.witness import Submission, accepted
from idp.config import ConfigError
from idp.flows.log_places import moved
from idp.flows.log_reading import COSIGNED, TileReader
from idp.flows.sequencer import SECOND, head
from idp.parts import Parts
from idp.records import TreeHead

LIMITS = Limits(connect_s=3.0, total_s=5.0, max_bytes=64 * 1024)


@dataclass(frozen=True, slots=True)
class Witness:
    """One witness: its submission prefix and keys, all under one name."""

    url: str
    keys: tuple[Verifier, ...]

    @property
    def name(self) -> str:
        """Its name in cosignatures."""
        return self.keys[0].name


def witnesses(settings: Sequence[str]) -> list[Witness]:
    """From ``IDP_LOG_WITNESSES``; keys with the same address are one witness's. Raises ConfigError."""
    by_url: dict[str, list[Verifier]] = {}
    for text in settings:
        key, at, url = text.rpartition("@")
        try:
            found = note.verifier(key)
        except NoteError as error:
            raise ConfigError(f"IDP_LOG_WITNESSES must hold VKEY@URL: {error}") from None
        if not at or not url.startswith(("https://", "http://")) or found.type == note.ED25519:
            raise ConfigError("IDP_LOG_WITNESSES must hold VKEY@URL with a cosigner's key (type 4 or 6)")
        by_url.setdefault(url.rstrip("/"), []).append(found)
    return [Witness(url, tuple(keys)) for url, keys in by_url.items()]


class Witnessing:
    """Asks the witnesses. Remembers what each cosigned, in this process; a witness says so itself where we do not know."""

    def __init__(self, parts: Parts, settings: Sequence[str]) -> None:
        self._parts, self._witnesses = parts, witnesses(settings)
        self._sizes: dict[str, int] = {}
        self._states: dict[str, str] = {}

    def ask(self, now: int) -> dict[str, str]:
        """Have the present head cosigned by whoever can, store it with their lines; how each did: ok, away or disagrees. Raises Unavailable."""
        if not self._witnesses:
            return {}
        shown, head_ = self._parts.store.one(TreeHead, name=COSIGNED), head(self._parts)
        if not head_.note:
            return {}
        lines: list[str] = []
        for witness in self._witnesses:
            state = "ok"
            try:
                lines += self._cosigned(witness, head_, now)
            except OutboundError:
                state = "away"
            except NoteError:
                state = "disagrees"
            self._told(witness, state, now)
        if lines:
            signed = head_.note + "".join(lines).encode()
            row = TreeHead(COSIGNED, head_.size, head_.root, head_.last_seq, signed, now)
            self._parts.store.commit([moved(shown, row)])  # never an older tree in place of what another leader brought
        return dict(self._states)

    def _cosigned(self, witness: Witness, head_: TreeHead, now: int) -> list[str]:
        """Raises OutboundError, NoteError when it answers that our tree is not what it saw."""
        old = self._sizes.get(witness.url, 0)
        answer = self._send(witness, old, head_)
        if answer.status == 409:
            old = _size(answer.body)
            if old > head_.size:
                raise NoteError("the witness saw a larger tree")
            answer = self._send(witness, old, head_)
        if answer.status in (409, 422, 403):
            raise NoteError("the witness saw another tree")
        if answer.status != 200:
            raise OutboundError("unreachable")
        try:
            lines = accepted(head_.note.decode(), answer.body.decode(), witness.keys, now // SECOND)
        except UnicodeDecodeError:
            raise NoteError("the witness's answer is not text") from None
        self._sizes[witness.url] = head_.size
        return lines

    def _send(self, witness: Witness, old: int, head_: TreeHead) -> Response:
        span = tiles.spans(TileReader(self._parts))
        try:
            proof = merkle.consistency(old, head_.size, span)
        except (KeyError, ValueError):
            raise NoteError("our own tree can't be proved to extend the witness's") from None
        body = Submission(old, tuple(proof), head_.note.decode()).body()
        return self._parts.outbound.post(f"{witness.url}/add-checkpoint", body, "text/plain; charset=utf-8", LIMITS)

    def _told(self, witness: Witness, state: str, now: int) -> None:
        """A change of state is an event; the same state again is none."""
        if self._states.get(witness.url) != state:
            fact = WitnessTold(witness=witness.name, state=state)
            self._parts.store.commit([record(fact, at=now, entropy=self._parts.entropy)])
            self._states[witness.url] = state


def _size(body: bytes) -> int:
    text = body.decode("ascii", "replace").strip()
    if not text.isdigit() or len(text) > 19:
        raise NoteError("the witness's answer is no size")
    return int(text)
