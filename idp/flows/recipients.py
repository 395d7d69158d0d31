"""Whom an answer is encrypted to: found before anything is used up; a key that is new is on record before it is used (ATTACKS A081)."""

import msgspec

from clients.model import Client
from idp.audit.events import ClientKeyChanged, record
from idp.caches import bump
from idp.errors import Code, Refusal
from idp.flows.client_auth import refused
from idp.parts import Parts
from idp.ports import Committed, Insert, Update, Write
from idp.records import ClientKeySeen
from idp.release.envelope import Kind, NoKey, Recipient
from idp.release.envelope import recipient as current

MICROSECONDS = 1_000_000


def recipient(parts: Parts, client: Client, kind: Kind, now: int) -> Recipient | None:
    """The client's current key for that answer, None where none is to be encrypted. ``now`` microseconds.

    Raises Refusal(invalid_request) when the client has no usable key: the answer is not given then, and nothing was used up.
    """
    try:
        to = current(parts.client_keys, client, kind, now // MICROSECONDS)
    except NoKey as none:
        text = f"The {kind} is to be encrypted, and jwks or jwks_uri of the client has no usable key for it now."
        raise Refusal(Code.INVALID_REQUEST, text, reason="no_client_key", private=none.reason) from None
    if to is not None:
        _see(parts, client, to, now)
    return to


def or_recorded(
    parts: Parts, client: Client, kind: Kind, endpoint: str, now: int, reference: str = ""
) -> Recipient | None:
    """As :func:`recipient`, where no journey around it records refusals: the event and the client's error line are committed first."""
    try:
        return recipient(parts, client, kind, now)
    except Refusal as refusal:
        parts.store.commit(refused(parts, client, refusal, endpoint, now, reference))
        raise


def thumbprint(to: Recipient | None) -> str | None:
    """What the log keeps of the key that a release was encrypted to."""
    return to.key.thumbprint if to is not None else None


def _see(parts: Parts, client: Client, to: Recipient, now: int) -> None:
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
    fact = ClientKeyChanged(
        client_id=client.client_id,
        alg=to.alg,
        thumbprint=to.key.thumbprint,
        before=seen.thumbprint if seen is not None else "",
    )
    row = ClientKeySeen(client.client_id, to.alg, to.key.thumbprint, now, None)
    if seen is None:
        return [Insert(row), record(fact, at=now, entropy=parts.entropy)]
    where = {"client_id": client.client_id, "alg": to.alg, "thumbprint": seen.thumbprint}
    changed = {n: v for n, v in msgspec.structs.asdict(row).items() if n not in ("client_id", "alg")}
    return [Update(ClientKeySeen, where, changed), record(fact, at=now, entropy=parts.entropy)]
