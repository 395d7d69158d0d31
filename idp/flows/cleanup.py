"""Removing what has expired, in bounded steps that never meet a live item or a replay record early."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from idp.flows import addresses
from idp.parts import Parts
from idp.ports import Committed, Delete, Op, Update
from idp.records import (
    ClientRefusal,
    Grant,
    InitialAccessToken,
    LogoutDelivery,
    Message,
    OneTime,
    Refresh,
    RevokedToken,
    Session,
    UsedAssertion,
)

DAY_US = 86400 * 1_000_000
MARGIN_US = 120 * 1_000_000
"""Clocks of nodes differ: nothing goes before it is past its time everywhere."""
STEP, STEPS = 500, 40
"""Rows in one commit, and commits of one kind in one round."""


def clean(parts: Parts, now: int) -> int:
    """Delete expired rows and sweep the volatile store; how many rows went. What is more than one round's share waits for the next."""
    past = now - MARGIN_US
    rules: tuple[tuple[type[Struct], str, dict[str, Any]], ...] = (
        (RevokedToken, "hash", {"expires_at": Op("<", past)}),
        (UsedAssertion, "hash", {"expires_at": Op("<", past)}),
        (OneTime, "id", {"expires_at": Op("<", past - DAY_US)}),
        (InitialAccessToken, "hash", {"expires_at": Op("<", past)}),
        (Session, "id", {"expires_at": Op("<", past - 30 * DAY_US)}),
        (LogoutDelivery, "id", {"state": "sent", "created_at": Op("<", past - DAY_US)}),
        (LogoutDelivery, "id", {"state": "dead", "created_at": Op("<", past - 30 * DAY_US)}),
        (Message, "id", {"state": Op("!=", "pending"), "created_at": Op("<", past - DAY_US)}),
        (ClientRefusal, "id", {"at": Op("<", past - 30 * DAY_US)}),
    )
    gone = sum(_remove(parts, kind, key, where) for kind, key, where in rules)
    gone += _remove_families(parts, past) + addresses.expire(parts, past) + parts.volatile.sweep()
    parts.vault.end_passing(past)
    return gone


def _remove_families(parts: Parts, past: int) -> int:
    """Grants that ended for good, each with its refresh tokens: all of a step or none of it. One whose session lives stays as long as that: its
    client took part and has to be told of the end (Back-Channel Logout §2.5); no token lives longer for it, as each has an end of its own."""
    gone, old = 0, {"expires_at": Op("<", past)}
    for _ in range(STEPS):
        grants = parts.store.find(Grant, old, limit=STEP)
        if not grants:
            break
        ends = _living_until(parts, {grant.session_id for grant in grants}, past)
        ids = tuple(grant.id for grant in grants if grant.state != "redeemed" or grant.session_id not in ends)
        took_part = {**old, "state": "redeemed"}
        kept = [Update(Grant, {**took_part, "session_id": s}, {"expires_at": at}, rows=None) for s, at in ends.items()]
        over = [
            Delete(Grant, {**old, "id": Op("in", ids)}, rows=len(ids)),
            Delete(Refresh, {"grant_id": Op("in", ids)}),
        ]
        done = parts.store.commit([*kept, *(over if ids else ())])
        gone += sum(done.rows[len(kept) :]) if isinstance(done, Committed) else 0
    return gone


def _living_until(parts: Parts, session_ids: set[bytes], past: int) -> dict[bytes, int]:
    """Those sessions that nobody ended, and until when they may live."""
    where = {"id": Op("in", tuple(session_ids)), "ended_at": None, "expires_at": Op(">=", past)}
    return {session.id: session.expires_at for session in parts.store.find(Session, where, limit=len(session_ids))}


def _remove(parts: Parts, kind: type[Struct], key: str, where: Mapping[str, Any]) -> int:
    """In small commits, so that no request waits behind a long one. The condition stands again in each deletion: a row that came back to life
    in between stays."""
    gone = 0
    for _ in range(STEPS):
        names = tuple(getattr(row, key) for row in parts.store.find(kind, where, limit=STEP))
        if not names:
            break
        done = parts.store.commit([Delete(kind, {**where, key: Op("in", names)})])
        gone += done.rows[0] if isinstance(done, Committed) else 0
        if len(names) < STEP:
            break
    return gone
