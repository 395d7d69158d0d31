"""``idp audit``: read and export the log."""

import time
from collections.abc import Iterator
from typing import Any

import click
import msgspec

from idp.cli.common import iso, opened, show, verb
from idp.parts import Parts
from idp.ports import Op
from idp.records import Event

PAGE = 500
OVERLAP = 500
"""So many numbers are looked at again."""


@click.group()
def audit() -> None:
    """The log of every access: each event sealed in the commit of what it tells."""


@audit.command("list")
@click.option("--follow", "-f", is_flag=True, help="Go on as new events come; Ctrl-C ends.")
@click.option("--kind", default=None, help="Only this kind, for example code.replayed.")
@click.option("--client", default=None, help="Only this client.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The last so many.")
@verb
def list_(follow: bool, kind: str | None, client: str | None, limit: int, as_json: bool) -> None:
    """The latest events, oldest first. Persons appear by pseudonym."""
    where = {k: v for k, v in (("kind", kind), ("client_id", client)) if v is not None}
    with opened() as parts:
        rows = parts.store.find(Event, where, order=("-seq",), limit=limit)[::-1]
        if not follow:
            show([_row(e, as_json) for e in rows], as_json)
            return
        for event in rows:
            click.echo(_line(event, as_json))
        for event in _coming(parts, where):
            click.echo(_line(event, as_json))


def _coming(parts: Parts, where: dict[str, Any]) -> Iterator[Event]:
    """Each event from now on, once. PostgreSQL numbers an event before it commits it, so that a smaller number may come into sight later."""
    newest = parts.store.find(Event, order=("-seq",), limit=OVERLAP)
    seen, last = {event.seq for event in newest}, newest[0].seq if newest else 0
    while True:
        after = max(0, last - OVERLAP)
        rows = parts.store.find(Event, {"seq": Op(">", after)}, order=("seq",), limit=PAGE + OVERLAP)
        fresh = [event for event in rows if event.seq not in seen]
        yield from (event for event in fresh if all(getattr(event, name) == value for name, value in where.items()))
        last = max([last, *(event.seq for event in fresh)])
        seen = {seq for seq in seen if seq > last - OVERLAP} | {event.seq for event in fresh}
        if not fresh:
            time.sleep(0.5)


@audit.command()
@click.option("--out", type=click.File("wb"), default="-", help="File to write; standard output when absent.")
@verb
def export(out: Any, as_json: bool) -> None:
    """Every event as JSON lines: the exact head, its entry, and digests of the personal fields. Exporting is itself an event."""
    from idp.audit.events import ExportMade, record

    with opened() as parts:
        count = 0
        for event in _all(parts):
            out.write(msgspec.json.encode(_exported(event)) + b"\n")
            count += 1
        out.flush()
        parts.store.commit([record(ExportMade(events=count), at=parts.clock(), entropy=parts.entropy)])
        click.echo(msgspec.json.encode({"events": count}) if as_json else f"{count} events exported", err=True)


def _all(parts: Parts) -> Iterator[Event]:
    after = 0
    while rows := parts.store.find(Event, {"seq": Op(">", after)}, order=("seq",), limit=PAGE):
        yield from rows
        after = rows[-1].seq


def _exported(event: Event) -> dict[str, Any]:
    from idp.audit.entry import unpack

    digests = [{"name": f.name, "digest": f.digest.hex()} for f in unpack(event.fields)] if event.fields else []
    return {"head": event.head.decode(), "salt": event.salt.hex(), "fields": digests, "entry": event.entry.hex()}


def _row(event: Event, as_json: bool) -> dict[str, Any]:
    head = msgspec.json.decode(event.head)
    if as_json:
        return {**head, "time": iso(event.at), "entry": event.entry.hex()}
    rest = {
        k: v
        for k, v in head.items()
        if k not in ("v", "id", "at", "kind", "person", "actor", "client_id") and v not in (None, "")
    }
    return {
        "time": iso(event.at),
        "kind": event.kind,
        "person": event.actor.hex()[:12] if event.actor else None,
        "client": event.client_id,
        "details": " ".join(f"{k}={v}" for k, v in rest.items()),
    }


def _line(event: Event, as_json: bool) -> str:
    row = _row(event, as_json)
    return msgspec.json.encode(row).decode() if as_json else "  ".join(str(v or "-") for v in row.values())
