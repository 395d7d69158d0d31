"""Removing what has expired, in bounded steps that never meet a live item or a replay record early."""

from typing import Any

from idp.parts import Parts
from idp.ports import Delete, Op
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


def clean(parts: Parts, now: int) -> int:
    """Delete expired rows and sweep the volatile store; how many rows went."""
    past = now - MARGIN_US
    rules: tuple[tuple[type, dict[str, Any]], ...] = (
        (Refresh, {"expires_at": Op("<", past)}),
        (Grant, {"expires_at": Op("<", past)}),
        (RevokedToken, {"expires_at": Op("<", past)}),
        (UsedAssertion, {"expires_at": Op("<", past)}),
        (OneTime, {"expires_at": Op("<", past - DAY_US)}),
        (InitialAccessToken, {"expires_at": Op("<", past)}),
        (Session, {"expires_at": Op("<", past - 30 * DAY_US)}),
        (LogoutDelivery, {"state": "sent", "created_at": Op("<", past - DAY_US)}),
        (LogoutDelivery, {"state": "dead", "created_at": Op("<", past - 30 * DAY_US)}),
        (Message, {"state": Op("!=", "pending"), "created_at": Op("<", past - DAY_US)}),
        (ClientRefusal, {"at": Op("<", past - 30 * DAY_US)}),
    )
    gone = 0
    for kind, where in rules:
        done = parts.store.commit([Delete(kind, where)])
        gone += getattr(done, "rows", (0,))[0]
    return gone + parts.volatile.sweep()
