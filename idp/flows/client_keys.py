"""The keys that answers are encrypted to, as the house has seen them: a new one is on record before it is used, and may be held (ATTACKS A081)."""

from collections.abc import Sequence

import msgspec

from clients.model import Client
from idp.audit import client_keys as facts
from idp.audit.events import ClientKeyChanged, record
from idp.caches import bump
from idp.errors import Code, Refusal
from idp.parts import Parts
from idp.ports import Committed, Insert, Op, Update, Write
from idp.records import ClientKeySeen
from idp.release.envelope import KINDS, Kind, NoKey, Recipient, recipient
from idp.release.model import KeyState
from idp.release.vault import Citizen
from keys.jwe import JWE_ALGS

MICROSECONDS = 1_000_000
MOST_HELD = 100


def key_state(parts: Parts, client: Client, to: Recipient | None, now: int) -> KeyState:
    """Whether sensitive attributes may be encrypted to ``to``: a key that changed is held for as long as the operator said (ATTACKS A081)."""
    if to is None:
        return "no_client_key"
    seen = parts.seen_keys.get((client.client_id, to.alg))
    if seen is None:  # the first of all, or one that came with another algorithm
        others = [parts.seen_keys.get((client.client_id, alg)) for alg in JWE_ALGS]
        known = {row.thumbprint for row in others if row is not None}
        changed = bool(known) and to.key.thumbprint not in known
        return "key_held" if changed and parts.config.client_key_hold else "usable"
    if seen.thumbprint != to.key.thumbprint:
        return "key_held" if parts.config.client_key_hold else "usable"
    return "key_held" if seen.held_until is not None and now < seen.held_until else "usable"


def key_now(parts: Parts, client: Client, kind: Kind, now: int) -> KeyState:
    """The same before an answer is due: nothing is recorded."""
    try:
        to = recipient(parts.client_keys, client, kind, now // MICROSECONDS)
    except NoKey:
        return "no_client_key"
    return key_state(parts, client, to, now)


def held(parts: Parts, now: int) -> list[ClientKeySeen]:
    """Keys that sensitive attributes wait for, the oldest first."""
    return parts.store.find(ClientKeySeen, {"held_until": Op(">", now)}, order=("first_seen_at",), limit=MOST_HELD)


def confirm(parts: Parts, client_id: str, now: int, actor: Citizen | None = None, rights: Sequence[Write] = ()) -> int:
    """Somebody stands for the client's present keys (``actor`` of staff, with the ``rights`` that must hold still; None: at the command line):
    sensitive attributes wait no longer. How many keys were held. Raises Refusal."""
    waiting = [row for row in parts.store.find(ClientKeySeen, {"client_id": client_id}) if row.held_until is not None]
    writes: list[Write] = []
    for row in waiting:
        where = {"client_id": client_id, "alg": row.alg, "thumbprint": row.thumbprint}
        fact = ClientKeyChanged(
            client_id=client_id, alg=row.alg, thumbprint=row.thumbprint, before=row.thumbprint, confirmed=True
        )
        event = record(fact, at=now, entropy=parts.entropy, actor=actor)
        writes += [Update(ClientKeySeen, where, {"held_until": None}), event]
    if writes and not isinstance(parts.store.commit([*rights, *writes, *bump("client_key")]), Committed):
        raise Refusal(Code.INVALID_REQUEST, "The key changed meanwhile. Look again.", reason="key_conflict")
    parts.generations.reread()
    return len(waiting)


def thumbprint(to: Recipient | None) -> str | None:
    """What the log keeps of the key that a release was encrypted to."""
    return to.key.thumbprint if to is not None else None


def see(parts: Parts, client: Client, to: Recipient, now: int) -> None:
    """Record a key that this client did not use last. A read of memory alone while it stays the same."""
    for _ in range(2):
        seen = parts.seen_keys.get((client.client_id, to.alg))
        if seen is not None and seen.thumbprint == to.key.thumbprint:
            return
        if isinstance(parts.store.commit([*_turn(parts, client, to, seen, now), *bump("client_key")]), Committed):
            parts.generations.reread()
            return
        parts.generations.reread()  # another node saw it first


def _turn(parts: Parts, client: Client, to: Recipient, seen: ClientKeySeen | None, now: int) -> list[Write]:
    if seen is not None:
        row = _row(parts, client, to, now, held=True)
        where = {"client_id": client.client_id, "alg": to.alg, "thumbprint": seen.thumbprint}
        changed = {n: v for n, v in msgspec.structs.asdict(row).items() if n not in ("client_id", "alg")}
        return [Update(ClientKeySeen, where, changed), _changed(parts, client, to, seen.thumbprint, now)]
    rows = parts.store.find(ClientKeySeen, {"client_id": client.client_id}, order=("-first_seen_at",))
    if not rows:
        return [write for first in _registered(parts, client, to, now) for write in _first(parts, client, first, now)]
    if to.key.thumbprint in {row.thumbprint for row in rows}:
        return _first(parts, client, to, now)
    # Another algorithm does not make another key the first one.
    return [Insert(_row(parts, client, to, now, held=True)), _changed(parts, client, to, rows[0].thumbprint, now)]


def _registered(parts: Parts, client: Client, to: Recipient, now: int) -> list[Recipient]:
    """The keys of all answers that the client has encrypted, as they are when the first one is used; one for each algorithm."""
    found = {to.alg: to}
    for kind in KINDS:
        try:
            other = recipient(parts.client_keys, client, kind, now // MICROSECONDS)
        except NoKey:
            continue
        if other is not None:
            found.setdefault(other.alg, other)
    return list(found.values())


def _first(parts: Parts, client: Client, to: Recipient, now: int) -> list[Write]:
    fact = facts.ClientKeySeen(client_id=client.client_id, alg=to.alg, thumbprint=to.key.thumbprint)
    return [
        Insert(_row(parts, client, to, now, held=False)),
        record(fact, at=now, entropy=parts.entropy),
    ]


def _row(parts: Parts, client: Client, to: Recipient, now: int, *, held: bool) -> ClientKeySeen:
    hold = parts.config.client_key_hold * MICROSECONDS if held else 0
    return ClientKeySeen(client.client_id, to.alg, to.key.thumbprint, now, now + hold if hold else None)


def _changed(parts: Parts, client: Client, to: Recipient, before: str, now: int) -> Write:
    fact = ClientKeyChanged(client_id=client.client_id, alg=to.alg, thumbprint=to.key.thumbprint, before=before)
    return record(fact, at=now, entropy=parts.entropy)
