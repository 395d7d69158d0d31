"""Alerts that wait for their leaf. Each stands beside the tree too, from its own commit on, until the tree holds it: so that a log that stands
still silences none.

The rows are ``tree_heads`` of the size ``WAITS``, which no tree has.
"""

from typing import Final

import msgspec

from idp.audit.ahead import PATIENCE_US, Waiting
from idp.audit.cases import AlertRaised
from idp.audit.events import record
from idp.audit.facets import ID
from idp.flows.sequencer import head
from idp.parts import Parts
from idp.ports import Delete, Insert, Write
from idp.records import Event, EventFacet, Generation, TreeHead

ALARM: Final = "log-alarm"
"""The generation row that every process reads anyway; not 0 while there is an alarm."""
ALARM_RULE: Final = "log-not-whole"
"""The rule whose alert the alarm is; it is raised whether or not that rule is there and on."""
WAITS: Final = -1
MOST: Final = 1000


class _Said(msgspec.Struct):
    rule: str


_HEAD: Final = msgspec.json.Decoder(_Said)
_EVENT: Final = msgspec.msgpack.Decoder(Event)


def alarm(parts: Parts) -> bool:
    """Whether there is an alarm that nobody accepted. Raises Unavailable."""
    known = parts.store.one(Generation, kind=ALARM)
    return known is not None and known.n != 0


def stands_still(parts: Parts) -> bool:
    """Whether the log takes nothing in since an alarm: not every alarm stops it. Raises Unavailable."""
    if not alarm(parts):
        return False
    oldest = parts.store.unsequenced(head(parts).last_seq, 1)
    return bool(oldest) and not 0 <= parts.clock() - oldest[0].at < PATIENCE_US


def raising(parts: Parts, fact: AlertRaised) -> tuple[Event, list[Write]]:
    """An alert, and what is written for it."""
    told = record(fact, at=parts.clock(), entropy=parts.entropy)
    event = told.record
    assert isinstance(event, Event)
    row = TreeHead(f"waits:{event.id.hex()}", WAITS, b"", 0, msgspec.msgpack.encode(event), event.at)
    return event, [told, Insert(row)]


def waiting(parts: Parts) -> dict[bytes, tuple[Event, Waiting]]:
    """Alerts that wait, by id, the oldest first. Raises Unavailable."""
    found = {}
    for row in parts.store.find(TreeHead, {"size": WAITS}, order=("at",), limit=MOST):
        try:
            event = _EVENT.decode(row.note)
            again = _HEAD.decode(event.head).rule == ALARM_RULE
        except (ValueError, TypeError):  # spoilt by hand: its event still gets a leaf
            continue
        found[event.id] = event, Waiting(row.at, again)
    return found


def tidy(parts: Parts) -> None:
    """Let go of what has its leaf; of the alarm's only when the alarm is over. Raises Unavailable."""
    held = waiting(parts)
    standing = bool(held) and alarm(parts)
    done = [
        name
        for name, (_, how) in held.items()
        if not (how.again and standing) and parts.store.find(EventFacet, {"facet": ID, "value": name}, limit=1)
    ]
    if done:
        parts.store.commit(
            [Delete(TreeHead, {"name": f"waits:{name.hex()}", "size": WAITS}, rows=None) for name in done]
        )
