"""Telling services that a citizen is gone from them: the back-channel logout of every sign-in they hold, and a notice to their contacts.

Both wait in the durable outboxes; they ride in the batch of what ended.
"""

from typing import Final

from clients.model import Client
from idp.authn.identifiers import BadIdentifier, canonical
from idp.flows import notices, sessions
from idp.parts import Parts
from idp.ports import Insert, Op, Write
from idp.records import Account, Grant, LogoutDelivery
from keys.subjects import subject

MAX_CONTACTS: Final = 3


def logouts(parts: Parts, account_id: bytes, client: Client, now: int) -> list[Write]:
    """One delivery for each sign-in that the client may still hold (Back-Channel Logout §2): of a living session, or under a living grant, which
    with ``offline_access`` outlives its session."""
    if not client.backchannel_logout_uri:
        return []
    held: dict[str, object] = {"account_id": account_id, "client_id": client.client_id}
    ids = {
        s.id for s in sessions.living(parts, account_id, now) if parts.store.count(Grant, {**held, "session_id": s.id})
    }
    ids |= set(_granted(parts, held))
    return [
        Insert(
            LogoutDelivery(parts.entropy(16), client.client_id, account_id, session_id, "pending", 0, now, now, None)
        )
        for session_id in sorted(ids)
    ]


def notice(parts: Parts, account: Account, client: Client, kind: str, now: int) -> list[Write]:
    """A message to the addresses that the client registered as ``contacts`` (RFC 7591 §2): whom it concerns, by their own subject alone."""
    known_as = subject(parts.ring, account.pairwise_version, account.id, client.sector_id)
    found: list[Write] = []
    for contact in client.contacts[:MAX_CONTACTS]:
        try:
            to = canonical(contact)
        except BadIdentifier:
            continue
        if to.kind == "email":
            found.append(notices.message(parts, to, kind, None, now, subject=known_as, client=client.client_id))
    return found


def _granted(parts: Parts, held: dict[str, object]) -> list[bytes]:
    """The sessions of the living grants, each once, one look for each."""
    found = [b""]
    where = {**held, "ended_at": None}
    while rows := parts.store.find(Grant, {**where, "session_id": Op(">", found[-1])}, order=("session_id",), limit=1):
        found.append(rows[0].session_id)
    return found[1:]
