"""The keys that answers are encrypted to, as the house has seen them: a new one is on record before it is used, and may be held (ATTACKS A081)."""

import msgspec

from clients.model import Client
from idp.audit import client_keys as facts
from idp.audit.events import ClientKeyChanged, record
from idp.caches import bump
from idp.errors import Code, Refusal
from idp.parts import Parts
from idp.ports import Committed, Insert, Update, Write
from idp.records import ClientKeySeen
from idp.release.envelope import Kind, NoKey, Recipient, recipient
from idp.release.model import KeyState

MICROSECONDS = 1_000_000


def key_state(parts: Parts, client: Client, to: Recipient | None, now: int) -> KeyState:
    """Whether sensitive attributes may be encrypted to ``to``: a key that changed is held for as long as the operator said (ATTACKS A081)."""
    if to is None:
        return "no_client_key"
    seen = parts.seen_keys.get((client.client_id, to.alg))
    if seen is None:
        return "usable"
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


def confirm(parts: Parts, client_id: str, now: int) -> int:
    """An operator stands for the client's present keys: sensitive attributes wait no longer. How many keys were held."""
    held = [row for row in parts.store.find(ClientKeySeen, {"client_id": client_id}) if row.held_until is not None]
    writes: list[Write] = []
    for row in held:
        where = {"client_id": client_id, "alg": row.alg, "thumbprint": row.thumbprint}
        fact = ClientKeyChanged(
            client_id=client_id, alg=row.alg, thumbprint=row.thumbprint, before=row.thumbprint, confirmed=True
        )
        event = record(fact, at=now, entropy=parts.entropy)
        writes += [Update(ClientKeySeen, where, {"held_until": None}), event]
    if writes and not isinstance(parts.store.commit([*writes, *bump("client_key")]), Committed):
        raise Refusal(Code.INVALID_REQUEST, "The key changed meanwhile. Look again.", reason="key_conflict")
    parts.generations.reread()
    return len(held)


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
    client_id, alg, thumbprint = client.client_id, to.alg, to.key.thumbprint
    hold = parts.config.client_key_hold * MICROSECONDS if seen is not None else 0
    row = ClientKeySeen(client_id, alg, thumbprint, now, now + hold if hold else None)
    if seen is None:
        first = facts.ClientKeySeen(client_id=client_id, alg=alg, thumbprint=thumbprint)
        return [Insert(row), record(first, at=now, entropy=parts.entropy)]
    fact = ClientKeyChanged(client_id=client_id, alg=alg, thumbprint=thumbprint, before=seen.thumbprint)
    where = {"client_id": client.client_id, "alg": to.alg, "thumbprint": seen.thumbprint}
    changed = {n: v for n, v in msgspec.structs.asdict(row).items() if n not in ("client_id", "alg")}
    return [Update(ClientKeySeen, where, changed), record(fact, at=now, entropy=parts.entropy)]
