"""Deliveries from the durable outboxes: back-channel logout tokens to clients, notices to citizens."""

from typing import Final

import msgspec

from clients.outbound import Limits, OutboundError
from idp.audit.events import LogoutDelivered, record
from idp.errors import Refusal
from idp.flows.recipients import recipient
from idp.flows.sessions import person
from idp.parts import Parts
from idp.ports import Committed, Notifier, Op, Update, Write
from idp.protocol.logout import logout_claims
from idp.protocol.outbox import accepted, next_try
from idp.records import Account, LogoutDelivery, Message
from idp.release.envelope import envelope
from idp.release.vault import KeyGone
from keys.errors import SealBroken
from keys.subjects import sid, subject
from keys.tokens import open_flow
from keys.wire import b64url

LIMITS = Limits(connect_s=3.0, total_s=5.0, max_bytes=4096)
EARLIER = b"AQ"
"""How messages begin that an earlier version sealed under the flow key."""
FORM = "application/x-www-form-urlencoded"
BATCH = 200
HELD_S: Final = {LogoutDelivery: 15, Message: 120}
"""How long a try is its taker's alone: longer than the try can last."""


def due_logouts(parts: Parts, now: int, limit: int = BATCH) -> list[LogoutDelivery]:
    """Deliveries whose time has come, the oldest first."""
    return parts.store.find(
        LogoutDelivery, {"state": "pending", "next_at": Op("<=", now)}, order=("next_at",), limit=limit
    )


def postpone(parts: Parts, client_id: str, until: int) -> None:
    """A receiver just failed: what else is due for it waits, untried and uncounted, so that others' deliveries are not behind it."""
    where = {"client_id": client_id, "state": "pending", "next_at": Op("<", until)}
    parts.store.commit([Update(LogoutDelivery, where, {"next_at": until}, rows=None)])


def revive(parts: Parts, now: int, client_id: str | None = None) -> int:
    """Dead deliveries (of one client) are tried again from the beginning, after an operator saw to the receiver; how many."""
    where = {"state": "dead"} | ({"client_id": client_id} if client_id else {})
    again = {"state": "pending", "attempts": 0, "next_at": now}
    done = parts.store.commit([Update(LogoutDelivery, where, again, rows=None)])
    return done.rows[0] if isinstance(done, Committed) else 0


def _taken(parts: Parts, row: LogoutDelivery | Message, now: int) -> bool:
    """Takes the try that the row is due for: an older list and another leader find it taken. Who dies with it leaves it to be tried later."""
    where = {"id": row.id, "state": "pending", "attempts": row.attempts, "next_at": Op("<=", now)}
    taken = Update(type(row), where, {"next_at": now + HELD_S[type(row)] * 1_000_000})
    return isinstance(parts.store.commit([taken]), Committed)


def deliver_logout(parts: Parts, delivery: LogoutDelivery) -> str | None:
    """One try; the new state: sent, pending or dead. None: somebody else tries or tried it, nothing was done.

    A receiver's answer never reaches the log but as a status.
    """
    now = parts.clock()
    if not _taken(parts, delivery, now):
        return None
    client, account = parts.clients.get(delivery.client_id), parts.store.one(Account, id=delivery.account_id)
    if client is None or client.backchannel_logout_uri is None or account is None:
        return _settle(parts, delivery, None, "the client has no back-channel logout any more", now)
    claims = logout_claims(
        issuer=parts.config.issuer,
        client_id=client.client_id,
        sub=subject(parts.ring, account.pairwise_version, account.id, client.sector_id),
        sid=sid(parts.ring, delivery.session_id, client.client_id),
        jti=b64url(parts.entropy(16)),
        now_s=now // 1_000_000,
    )
    signer, issuer = parts.keys.signer(client.id_token_signed_response_alg), parts.config.issuer
    try:
        to = recipient(parts, client, "id_token", now)  # Back-Channel Logout 1.0 §2.4, §2.6: as the ID token
        token = envelope(claims, signer, "logout+jwt", to, iss=issuer)
        response = parts.outbound.post(client.backchannel_logout_uri, f"logout_token={token}".encode(), FORM, LIMITS)
    except (OutboundError, Refusal) as error:
        return _settle(parts, delivery, next_try(delivery.attempts + 1, parts.clock()), error.reason, parts.clock())
    if accepted(response.status):
        return _settle(parts, delivery, None, None, parts.clock())
    return _settle(
        parts, delivery, next_try(delivery.attempts + 1, parts.clock()), f"status {response.status}", parts.clock()
    )


def _settle(parts: Parts, delivery: LogoutDelivery, again_at: int | None, trouble: str | None, now: int) -> str:
    state = "sent" if trouble is None else "pending" if again_at else "dead"
    changed = {"state": state, "attempts": delivery.attempts + 1, "next_at": again_at or now, "last_error": trouble}
    # A try that lasted longer than it was its own tells its end once all the same: that the client took the token, or nothing.
    where: dict[str, object] = {"id": delivery.id, "state": "pending"}
    if state != "sent":
        where["attempts"] = delivery.attempts
    writes: list[Write] = [Update(LogoutDelivery, where, changed)]
    if state != "pending":
        fact = LogoutDelivered(
            client_id=delivery.client_id,
            session=delivery.session_id.hex(),
            outcome=state,
            attempts=delivery.attempts + 1,
        )
        writes.append(record(fact, at=now, entropy=parts.entropy, person=person(parts, delivery.account_id)))
    parts.store.commit(writes)
    return state


class Notice(msgspec.Struct, frozen=True):
    """What a sealed message holds."""

    channel: str
    to: str
    subject: str
    body: str

    def __repr__(self) -> str:
        return "Notice(…)"


def open_notice(parts: Parts, message: Message) -> Notice | None:
    """The notice, or None when it does not open any more."""
    if message.sealed.startswith(EARLIER):
        plain = open_flow(parts.ring, "message", message.sealed.decode())
        return msgspec.json.decode(plain, type=Notice) if plain else None
    vault, owner = parts.vault, message.account_id
    try:
        if owner is None:
            opened = vault.open_passing(message.created_at, "message", "notice", message.id, message.sealed)
        else:
            opened = vault.citizen(owner).open("message", "notice", message.id, 0, message.sealed)
    except (KeyGone, SealBroken):
        return None
    return msgspec.json.decode(opened, type=Notice)


def due_messages(parts: Parts, now: int) -> list[Message]:
    """Messages whose time has come."""
    return parts.store.find(Message, {"state": "pending", "next_at": Op("<=", now)}, order=("next_at",), limit=BATCH)


def deliver_message(parts: Parts, notifier: Notifier, message: Message) -> str | None:
    """One try, as `deliver_logout`; the new state. A message that does not open is dead."""
    if not _taken(parts, message, parts.clock()):
        return None
    notice = open_notice(parts, message)
    trouble: str | None = "does not open"
    if notice is not None:
        try:
            notifier.send(notice.channel, notice.to, notice.subject, notice.body)
            trouble = None
        except OSError as error:
            trouble = type(error).__name__
    now = parts.clock()
    again_at = next_try(message.attempts + 1, now) if notice is not None and trouble else None
    state = "sent" if trouble is None else "pending" if again_at else "dead"
    changed = {"state": state, "attempts": message.attempts + 1, "next_at": again_at or now, "last_error": trouble}
    where: dict[str, object] = {"id": message.id, "state": "pending"}
    if state != "sent":
        where["attempts"] = message.attempts
    parts.store.commit([Update(Message, where, changed, rows=None)])
    return state
