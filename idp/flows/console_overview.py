"""What security staff see first: how much happened lately, from the counts by hour, and how the log does."""

from dataclasses import dataclass
from typing import Final

import msgspec

from idp.audit.counts import ALL, HOUR, start_of
from idp.audit.kinds import REFUSALS
from idp.audit.tiles import WIDTH
from idp.audit.verify import Bad
from idp.flows import log_accepted, log_alerts
from idp.flows.console_search import counted
from idp.flows.log_health import lag
from idp.flows.log_memory import check, sound_alarm
from idp.flows.log_reading import CHECKED, COSIGNED, checkpoint
from idp.flows.log_reading import consistency as extends
from idp.flows.log_unsequenced import Gap
from idp.flows.log_waiting import alarm
from idp.flows.sequencer import Damaged, head, log_signer
from idp.parts import Parts
from idp.ports import Insert, Op
from idp.records import Objection, TreeHead

LINES: Final[dict[str, tuple[str, ...]]] = {
    "sign_ins": ("session.started",),
    "failures": ("session.refused", "session.throttled"),
    "releases": ("attributes.released",),
    "alerts": ("alert.raised",),
    "refusals": tuple(sorted(REFUSALS)),
}
"""Charts of the overview → what they count."""
PERIODS: Final[dict[str, tuple[int, int]]] = {"24h": (24, HOUR), "7d": (28, 6 * HOUR)}
"""Name → (bars, microseconds of each)."""
SEEN_S: Final = 90 * 86_400
CHECK_EVERY_S: Final = 10
MANY_ALERTS: Final = 100
LOOKED_AT: Final = 40
"""Bundles of 256 events each that a check at once reads: about ten thousand events, less than a second."""


@dataclass(frozen=True, slots=True)
class Overview:
    """``lines``: chart → counts from ``start`` on in steps of ``step`` microseconds; ``gap``: the time of which events may be missing while the log
    stands still."""

    start: int
    step: int
    lines: dict[str, tuple[int, ...]]
    gap: Gap | None = None


@dataclass(frozen=True, slots=True)
class LogState:
    """``checked_at``, ``witnessed_at``: when the log was last found whole, and cosigned; None for never. Times in microseconds."""

    size: int
    signed_at: int | None
    checked_at: int | None
    checked_size: int
    witnessed_at: int | None
    lag: int
    alarm: bool
    accepted: log_accepted.Standing | None
    """What the log is whole but for."""


class Seen(msgspec.Struct, frozen=True):
    """The checkpoint that someone saw at their last visit."""

    size: int
    root: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Proof:
    """The log since a visit: ``holds`` when the old tree is the beginning of the present one, None when there is nothing to compare."""

    seen: Seen | None
    holds: bool | None


def overview(parts: Parts, period: str, now: int) -> Overview:
    """The charts of a period of ``PERIODS``: at most a few hundred rows."""
    count, step = PERIODS[period]
    start = start_of(now, step) - (count - 1) * step
    where = {"span": HOUR, "client_id": ALL, "start": Op(">=", start)}
    rows, gap = counted(parts, where)
    lines = {name: [0] * count for name in LINES}
    for row in rows:
        at = (row.start - start) // step
        for name, of in LINES.items():
            if row.kind in of and 0 <= at < count:
                lines[name][at] += row.n
    return Overview(start, step, {name: tuple(bars) for name, bars in lines.items()}, gap)


def open_objections(parts: Parts) -> int:
    """Citizens' objections that nobody closed."""
    return parts.store.count(Objection, {"state": Op("in", ("open", "assigned"))})


def open_alerts(parts: Parts) -> int:
    """Alerts that nobody acknowledged, ``MANY_ALERTS`` at most. Raises Unavailable."""
    return len(log_alerts.shown(parts, open_only=True, limit=MANY_ALERTS))


def log_state(parts: Parts) -> LogState:
    """How the log does. Raises Unavailable."""
    now, checked = head(parts), parts.store.one(TreeHead, name=CHECKED)
    witnessed = parts.store.one(TreeHead, name=COSIGNED)
    return LogState(
        size=now.size,
        signed_at=now.at if now.note else None,
        checked_at=checked.at if checked else None,
        checked_size=checked.size if checked else 0,
        witnessed_at=witnessed.at if witnessed else None,
        lag=lag(parts),
        alarm=alarm(parts),
        accepted=log_accepted.standing(parts),
    )


def check_now(parts: Parts) -> None:
    """Check signature, tree and what was remembered, and the rows of the newest ``LOOKED_AT`` bundles, as the hourly check does; an alarm where they
    don't hold. Whoever asks again at once gets the answer of a moment ago. Raises Unavailable."""
    if not parts.volatile.claim("console-check", b"log", CHECK_EVERY_S):
        return
    bundles = -(-head(parts).size // WIDTH)
    try:
        whole = check(parts, log_signer(parts), range(max(0, bundles - LOOKED_AT), bundles))
    except Bad as bad:
        sound_alarm(parts, bad)
        return
    if whole.note:
        seen = msgspec.structs.replace(whole, name=CHECKED, at=parts.clock())
        parts.store.commit([Insert(seen, on_conflict="replace")])


def verification(parts: Parts, viewer: bytes, now: int, *, keep: bool) -> tuple[str, Proof]:
    """The checkpoint as published, and whether the one that this viewer saw last is its beginning; ``keep``: remember the present one."""
    text, present = checkpoint(parts).decode(), head(parts)
    kept = parts.volatile.peek("console-log", viewer)
    seen = msgspec.json.decode(kept, type=Seen) if kept else None
    proof = Proof(seen, _holds(parts, seen, present.size))
    if keep and present.note and proof.holds is not False:
        new = msgspec.json.encode(Seen(present.size, present.root, now))
        parts.volatile.put("console-log", viewer, new, SEEN_S)
    return text, proof


def verifier_keys(parts: Parts) -> tuple[str, ...]:
    """The log's public keys as C2SP verifier keys, for whoever checks a checkpoint elsewhere."""
    return tuple(public.text() for public in log_signer(parts).verifiers)


def _holds(parts: Parts, seen: Seen | None, size: int) -> bool | None:
    if seen is None:
        return None
    if seen.size > size:
        return False
    try:
        return extends(parts, seen.size, size)[0] == seen.root
    except Damaged:
        return False
