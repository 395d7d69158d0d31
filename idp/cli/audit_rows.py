"""How ``idp audit`` writes an event: one that is not as it was written says so, and holds nobody up."""

from collections.abc import Sequence
from typing import Any

import msgspec

from idp.audit.entry import unpack
from idp.audit.fitting import fits
from idp.cli.common import iso
from idp.flows.log_unsequenced import waits
from idp.parts import Parts
from idp.records import Event


def exported(event: Event) -> dict[str, Any]:
    """For a line of an export: the exact head, and digests of the personal fields."""
    try:
        digests = [{"name": f.name, "digest": f.digest.hex()} for f in unpack(event.fields)] if event.fields else []
    except (ValueError, TypeError, AttributeError):  # spoilt by hand, as below
        digests = []
    try:
        head = event.head.decode(errors="replace")
    except AttributeError:
        head = str(event.head)
    told = {"head": head, "salt": _hex(event.salt), "fields": digests, "entry": _hex(event.entry)}
    return told if fits(event) else {**told, "as_written": False}


def _hex(value: object) -> str:
    """SQLite keeps a text where bytes belong."""
    return value.hex() if isinstance(value, bytes) else str(value)


def _time(event: Event) -> str | None:
    try:
        return iso(event.at)
    except (TypeError, ValueError, OverflowError, OSError):  # no time of ours
        return str(event.at)


def _row(event: Event, as_json: bool, *, late: bool = False) -> dict[str, Any]:
    """``late``: it has no leaf yet."""
    try:
        head = msgspec.json.decode(event.head, type=dict[str, Any])
    except (ValueError, TypeError):
        head = {"id": _hex(event.id), "kind": event.kind}
    whole = fits(event)
    if as_json:
        marks = {**({} if whole else {"as_written": False}), **({"in_log": False} if late else {})}
        return {**head, "time": _time(event), "entry": _hex(event.entry), **marks}
    rest = {
        k: v
        for k, v in head.items()
        if k not in ("v", "id", "at", "kind", "person", "actor", "client_id") and v not in (None, "")
    }
    said = [*([] if whole else ["[NOT AS IT WAS WRITTEN]"]), *(["[not yet in the log]"] if late else [])]
    return {
        "time": _time(event),
        "kind": event.kind,
        "person": _hex(event.actor)[:12] if event.actor else None,
        "client": event.client_id,
        "details": " ".join([*said, *(f"{k}={v}" for k, v in rest.items())]),
    }


def listed(parts: Parts, events: Sequence[Event], as_json: bool) -> list[dict[str, Any]]:
    """Rows of a list, each with what is amiss with its event."""
    late = waits(parts, {event.seq for event in events})
    return [_row(event, as_json, late=event.seq in late) for event in events]


def line(event: Event, as_json: bool) -> str:
    """An event as it comes to a list that is followed."""
    row = _row(event, as_json)
    return msgspec.json.encode(row).decode() if as_json else "  ".join(str(v or "-") for v in row.values())
