"""What an older copy of the database brings back to life, ended again: after ``idp restore``, and where an operator accepts a log that lost events.

A copy does not know what was revoked, used or forgotten after it was made, so everything that could have been is over.
"""

from typing import Any, Final

from idp.audit.events import Restored, record
from idp.errors import Unavailable
from idp.flows import addresses
from idp.flows.erasure import after_restore
from idp.flows.log_purge import end_again, end_months
from idp.parts import Parts
from idp.ports import Committed, Update, Write
from idp.records import Grant, OneTime, Session

OPEN: Final[tuple[tuple[str, type[Any], dict[str, object]], ...]] = (
    ("sessions", Session, {"ended_at": None}),
    ("grants", Grant, {"ended_at": None}),
    ("codes", OneTime, {"state": "open"}),
)
"""What ends, by the name that an operator reads: a grant with its code and refresh tokens, codes and links that were sent."""


def would_end(parts: Parts) -> dict[str, int]:
    """How many of each are open now. Raises Unavailable."""
    return {f"would_end_{name}": parts.store.count(kind, where) for name, kind, where in OPEN}


def end_again_all(parts: Parts) -> dict[str, int]:
    """End them, forget again whom the keyring forgot, destroy again the keys whose time is over; how many of each. Repeats harmlessly.

    Raises ConfigError, Unavailable.
    """
    ended = _end_open(parts)
    return {**ended, "erased_again": after_restore(parts, parts.clock()), "keys_destroyed_again": _end_keys(parts)}


def _end_open(parts: Parts) -> dict[str, int]:
    now = parts.clock()
    over: dict[str, object] = {"ended_at": now, "ended_why": "restored"}
    writes: list[Write] = [
        Update(kind, where, {"state": "used"} if kind is OneTime else over, rows=None) for _, kind, where in OPEN
    ]
    done = parts.store.commit([*writes, record(Restored(), at=now, entropy=parts.entropy)])
    if not isinstance(done, Committed):
        raise Unavailable("database")
    return {f"{name}_ended": count for (name, _, _), count in zip(OPEN, done.rows, strict=False)}


def _end_keys(parts: Parts) -> int:
    """Keys of the log's months and of past days that the copies brought back: what the log says was destroyed, and what is over by the rules."""
    now = parts.clock()
    return len([*end_again(parts), *end_months(parts), *addresses.end_again(parts, now)]) + parts.vault.end_passing(now)
