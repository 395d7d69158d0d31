"""How the signing keys do: what each is for now, when its state ends, and whether what was due was done."""

from dataclasses import dataclass
from typing import Final

from idp.flows.keys import ACTIVE_LIFE_S, policy
from idp.parts import Parts
from idp.records import SigningKey
from keys.lifecycle import plan
from keys.model import ACTIVE, NEXT, RETIRED, RETIRING

SECOND: Final = 1_000_000
LATE_S: Final = 600
"""A worker looks every second: what was due so long ago is done by none."""
RETIRED_SHOWN: Final = 3
_ORDER: Final = (ACTIVE, NEXT, RETIRING, RETIRED)


@dataclass(frozen=True, slots=True)
class KeyHealth:
    """``keys`` those that count first; ``late``: what was due was not done; ``without``: algorithms that nothing signs with."""

    keys: list[SigningKey]
    late: bool
    without: tuple[str, ...]


def key_health(parts: Parts, now: int) -> KeyHealth:
    """By the rows; ``now`` microseconds. Raises Unavailable."""
    rows = parts.store.find(SigningKey)
    rules = policy(parts.config)
    shown = sorted(rows, key=lambda row: (_ORDER.index(row.state), row.alg, -row.version))
    retired = [row for row in shown if row.state == RETIRED]
    retired.sort(key=lambda row: -(row.retired_at or 0))
    signing = {row.alg for row in rows if row.state == ACTIVE}
    return KeyHealth(
        [row for row in shown if row.state != RETIRED] + retired[:RETIRED_SHOWN],
        bool(plan(rows, now - LATE_S * SECOND, rules)),
        tuple(alg for alg in rules.algs if alg not in signing),
    )


def turns_at(row: SigningKey) -> int | None:
    """When an active key is replaced, if nobody asks before; microseconds."""
    return None if row.state != ACTIVE or row.activated_at is None else row.activated_at + ACTIVE_LIFE_S * SECOND
