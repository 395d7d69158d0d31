"""What the operator does to a client by the command line: pause it, let it on again, remove it for good. Security staff may do the first two.

Pausing and removing end every grant and token at once. A pause tells the client, once for each session, to sign its people out; letting it on
brings nothing back. A removed id is gone: ids are drawn at random and never given out twice.
"""

from typing import Final

import msgspec

from clients.model import Client, from_json
from idp.audit.events import ClientDisabled, ClientEnabled, ClientRemoved, Fact, record
from idp.errors import Code, Refusal
from idp.flows import client_rows, colleagues, sessions
from idp.flows.people import Person
from idp.parts import Parts
from idp.ports import Conflict, Delete, Op, Update, Write
from idp.records import ClientRow, Grant, LogoutDelivery, Session

_PAGE: Final = 1000


def disable(parts: Parts, client_id: str, reason: str, *, now: int, actor: Person | None = None) -> bool:
    """Pause a client. False when it is paused already. Raises Refusal for an unknown one; ``now`` microseconds; ``actor`` staff, who
    must be auditors still when it is committed."""
    client, version = _found(parts, client_id)
    if not client.active:
        return False
    paused = msgspec.structs.replace(client, status="disabled")
    told = _deliveries(parts, client, now)
    fact = ClientDisabled(client_id=client_id, reason=reason)
    _commit(parts, [*client_rows.change(paused, version, now), ended(client_id, now), *told], fact, now, actor)
    return True


def enable(parts: Parts, client_id: str, reason: str, *, now: int, actor: Person | None = None) -> bool:
    """Let a paused client on again, with nothing of what it had: its tokens, its own too, stay dead. False when it is not paused."""
    client, version = _found(parts, client_id)
    if client.active:
        return False
    active = msgspec.structs.replace(client, status="active", active_since=now)
    fact = ClientEnabled(client_id=client_id, reason=reason)
    # A node that had not heard of the pause yet may have issued a code after it.
    _commit(parts, [*client_rows.change(active, version, now), ended(client_id, now)], fact, now, actor)
    return True


def delete(parts: Parts, client_id: str, reason: str, *, now: int) -> None:
    """Remove a client and end all that it has. Raises Refusal for an unknown one."""
    _, version = _found(parts, client_id)
    waiting = Delete(LogoutDelivery, {"client_id": client_id, "state": "pending"})
    fact = ClientRemoved(client_id=client_id, how="cli", reason=reason)
    _commit(parts, [*client_rows.remove(client_id, version, now), waiting], fact, now)


def ended(client_id: str, now: int) -> Update:
    """The end of every grant that a client holds."""
    return Update(
        Grant, {"client_id": client_id, "ended_at": None}, {"ended_at": now, "ended_why": "client"}, rows=None
    )


def _found(parts: Parts, client_id: str) -> tuple[Client, int]:
    row = parts.store.one(ClientRow, client_id=client_id)
    if row is None:
        raise Refusal(Code.INVALID_REQUEST, f"There is no client {client_id}.", reason="client_unknown")
    return from_json(row.document), row.version


def _deliveries(parts: Parts, client: Client, now: int) -> list[Write]:
    """One message for each living session in which the client holds a grant (Back-Channel Logout §2)."""
    if client.backchannel_logout_uri is None:
        return []
    writes: list[Write] = []
    for session_id in _session_ids(parts, client.client_id):
        session = parts.store.one(Session, id=session_id)
        if session is not None and sessions.alive(session, now, parts.config.session_idle):
            writes += sessions.deliveries(parts, session, now, client.client_id)
    return writes


def _session_ids(parts: Parts, client_id: str) -> list[bytes]:
    found: dict[bytes, None] = {}
    last = b""
    while rows := parts.store.find(
        Grant, {"client_id": client_id, "ended_at": None, "id": Op(">", last)}, order=("id",), limit=_PAGE
    ):
        found |= dict.fromkeys(row.session_id for row in rows)
        last = rows[-1].id
    return list(found)


def _commit(parts: Parts, writes: list[Write], fact: Fact, now: int, actor: Person | None = None) -> None:
    event = record(fact, at=now, entropy=parts.entropy, actor=actor.citizen if actor else None)
    rights = [colleagues.holds(actor, colleagues.LOOKS)] if actor else []
    if isinstance(parts.store.commit([*rights, *writes, event]), Conflict):
        raise Refusal(Code.INVALID_REQUEST, "The client changed meanwhile; try again.", reason="client_conflict")
    parts.generations.reread()
