"""``idp audit``: read, check, prove and export the log."""

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from idp.cli.common import fail, iso, opened, progress_bar, show, verb
from idp.errors import Code, Refusal
from idp.parts import Parts
from idp.ports import Op
from idp.records import Event

if TYPE_CHECKING:
    from idp.audit.search import Query

MEANING = {
    "rows_let_in": "numbers (column seq) of rows that wait for their leaf and do not fit. They would get one and stay named for ever; to be rid of "
    "one instead, delete it by its number from the tables events and events_pending, then accept.",
    "rows_amiss": "places (index) of events that have their leaf and were altered or are gone. They would stay named for ever; a copy of the "
    "database (`idp restore`) is what mends them.",
    "what": "something that no acceptance passes over: `idp audit verify` goes on saying it.",
}
"""What stands in the trial of an acceptance."""
PAGE = 500
OVERLAP = 500
"""So many numbers are looked at again."""


@click.group()
def audit() -> None:
    """The log of every access: each event sealed in the commit of what it tells."""


@audit.command("list")
@click.option("--follow", "-f", is_flag=True, help="Go on as new events come; Ctrl-C ends.")
@click.option("--kind", default=None, help="Only this kind, for example code.replayed.")
@click.option("--client", default=None, help="Only this client: its id or name.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The last so many.")
@verb
def list_(follow: bool, kind: str | None, client: str | None, limit: int, as_json: bool) -> None:
    """The latest events, oldest first. Persons appear by pseudonym.

    An event that has no place in the signed log yet says so, and one that is not as it was written (`idp audit verify` names it).
    """
    from idp.cli.audit_rows import line, listed

    with opened() as parts:
        named = None if client is None else _client(parts, client)
        where = {k: v for k, v in (("kind", kind), ("client_id", named)) if v is not None}
        if not follow:
            rows = parts.store.find(Event, where, order=("-seq",), limit=limit)
            show(listed(parts, rows[::-1], as_json), as_json)
            return
        for event in _followed(parts, where, limit):
            click.echo(line(event, as_json))


def _followed(parts: Parts, where: dict[str, Any], limit: int) -> Iterator[Event]:
    """The last ``limit`` events, then each that comes, once.

    PostgreSQL numbers an event before it commits it, so that a smaller number may come into sight later.
    """
    newest = parts.store.find(Event, order=("-seq",), limit=OVERLAP)
    if newest:
        there = {**where, "seq": Op("<=", newest[0].seq)}
        yield from parts.store.find(Event, there, order=("-seq",), limit=limit)[::-1]
    seen = {event.seq for event in newest}
    while True:
        after = min(seen, default=1) - 1
        rows = parts.store.find(Event, {"seq": Op(">", after)}, order=("seq",), limit=PAGE + OVERLAP)
        fresh = [event for event in rows if event.seq not in seen]
        yield from (event for event in fresh if all(getattr(event, name) == value for name, value in where.items()))
        seen = set(sorted(seen | {event.seq for event in fresh})[-OVERLAP:])
        if not fresh:
            time.sleep(0.5)


@audit.command()
@click.option("--person", default=None, help="A pseudonym in hex: whom it concerned.")
@click.option("--staff", default=None, help="A pseudonym in hex: who of the staff acted.")
@click.option("--client", default=None, help="A client's id or name.")
@click.option("--kind", default=None, help="For example attributes.released.")
@click.option("--session", default=None, help="A session's id, as events show it.")
@click.option("--reference", default=None, help="The reference code of an error page.")
@click.option("--since", default=None, help="A time: 2026-11-24 or 2026-11-24T08:00:00Z.")
@click.option("--until", default=None, help="A time, itself not included.")
@click.option("--before", type=int, default=None, help="Go on where the page before ended.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@verb
def search(
    since: str | None, until: str | None, before: int | None, limit: int, as_json: bool, **asked: str | None
) -> None:
    """Find events, newest first; all that is given must hold. Quick however large the log is."""
    from idp.cli.audit_rows import listed
    from idp.flows import log_search
    from idp.flows.log_reading import rows_of

    wanted = _query(asked, since=_at(since), until=_at(until), below=before)
    with opened() as parts:
        wanted = msgspec.structs.replace(wanted, client=_client(parts, wanted.client))
        page = log_search.search(parts, wanted, parts.clock(), limit)
        events = rows_of(parts, tuple(found.seq for found in page.events))
        rows = listed(parts, [events[found.seq] for found in page.events if found.seq in events], as_json)
    missing = {"missing": {"since": iso(page.gap[0]), "until": iso(page.gap[1])}} if page.gap else {}
    if as_json:
        show({"events": rows, "before": page.below, **missing}, True)
        return
    show(rows, False)
    if page.gap:
        text = f"Events between {iso(page.gap[0])} and {iso(page.gap[1])} may be missing: more wait for the log than can be looked through."
        click.echo(text, err=True)
    if page.below is not None:
        click.echo(f"There may be more: --before {page.below}", err=True)


@audit.command()
@click.option(
    "--out", default="-", help="File to write: FILE.zip with proofs, else JSON lines; standard output when absent."
)
@click.option(
    "--from", "start", default=None, help="For a zip: the first index, or a time (2026-11-24 or 2026-11-24T08:00:00Z)."
)
@click.option("--to", "end", default=None, help="For a zip: the index or time before which it ends.")
@click.option("--csv", "sheet", is_flag=True, help="For a zip: add a table for spreadsheets.")
@verb
def export(out: str, start: str | None, end: str | None, sheet: bool, as_json: bool) -> None:
    """Take the log, or a part of it, away. Exporting is itself an event.

    FILE.zip holds events, tiles, checkpoint, proofs and a verifier: `python3 verify.py` in the unpacked folder needs Python and the package
    cryptography alone. JSON lines hold every event that is there, also one that has no leaf yet: the exact head, its entry, and digests of the
    personal fields; what is gone only a zip can name.
    """
    if not out.endswith(".zip"):
        if start or end or sheet:
            raise click.UsageError("--from, --to and --csv go with --out FILE.zip")
        with opened() as parts, click.open_file(out, "wb") as lines:
            _lines(parts, lines, as_json)
        return
    from idp.flows.log_export import extract, write
    from idp.flows.sequencer import log_signer

    with opened() as parts:
        signer = log_signer(parts)
        _wait(parts)
        what = extract(parts, _index(parts, start), _index(parts, end, until=True))
        part, amiss = Path(f"{out}.{os.getpid()}.part"), list[int]()
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with (
                os.fdopen(handle, "wb") as file,
                progress_bar(what.end - what.start, "exporting", as_json) as progress,
            ):
                count = write(parts, signer, what, file, sheet=sheet, progress=progress, altered=amiss.append)
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
        more = {"not_as_written": amiss} if amiss else {}
        show({"events": count, "from": what.start, "to": what.end, "file": out, **more}, as_json)
        if amiss:
            click.echo(
                "not_as_written: places (index) of events that were altered and not accepted; look with `idp audit verify`.",
                err=True,
            )


def _wait(parts: Parts) -> None:
    """Until the newest event is in the signed log, two seconds at most; then a word about what is not."""
    from idp.flows.log_health import lag
    from idp.flows.log_reading import WAIT_S, awaited
    from idp.flows.log_waiting import alarm

    newest = parts.store.find(Event, {}, order=("-seq",), limit=1)
    if newest and not awaited(parts, newest[0].seq, time.sleep):
        count = lag(parts)
        left = (
            "1 event is not in the signed log and is"
            if count == 1
            else f"{count} events are not in the signed log and are"
        )
        why = (
            "an alarm stands, look with `idp audit verify`"
            if alarm(parts)
            else f"waited {WAIT_S:.0f} s for it; is a worker running?"
        )
        click.echo(f"{left} left out: {why}", err=True)


def _lines(parts: Parts, out: Any, as_json: bool) -> None:
    from idp.audit.events import ExportMade, record
    from idp.cli.audit_rows import exported

    count = parts.store.count(Event)
    parts.store.commit([record(ExportMade(events=count), at=parts.clock(), entropy=parts.entropy)])
    spoilt = 0
    with progress_bar(count, "exporting", as_json) as progress:
        for event, done in zip(_all(parts), range(1, count + 1), strict=False):
            told = exported(event)
            spoilt += "as_written" in told
            out.write(msgspec.json.encode(told) + b"\n")
            if done % PAGE == 0 or done == count:
                progress(done, count)
    out.flush()
    more = {"not_as_written": spoilt} if spoilt else {}
    but = f", {spoilt} of them not as written (as_written: false; `idp audit verify` names them)" if spoilt else ""
    click.echo(msgspec.json.encode({"events": count, **more}) if as_json else f"{count} events exported{but}", err=True)


@audit.command()
@verb
def verify(as_json: bool) -> None:
    """Check the whole log: every event, leaf, tile and signature.

    Exit code 0: whole. 1: not whole, with the first bad index. 3: whole but for events that were accepted with `idp audit accept`; each is named,
    for ever.
    """
    from idp.audit.verify import Bad
    from idp.flows.log_accepted import accepted, held_against, words
    from idp.flows.log_memory import advice, remembered
    from idp.flows.log_verify import verify as check
    from idp.flows.sequencer import head, log_signer

    with opened() as parts:
        signer = log_signer(parts)
        try:
            with progress_bar(head(parts).size, "verifying", as_json) as progress:
                whole = check(parts, signer, progress, remembered(parts, signer))
        except Bad as bad:
            since = held_against(bad, accepted(parts))
            told = {"whole": False, "index": bad.index, "what": bad.what}
            show(told if since is None else {**told, "accepted": iso(since)}, as_json)
            click.echo(advice(bad), err=True)
            raise SystemExit(1) from None
        sizes = {"size": whole.size, "root": whole.root.hex(), "waiting": whole.waiting}
        if not whole.spoilt:
            show({"whole": True, **sizes}, as_json)
            return
        rows = [{"index": row.index, "seq": row.seq, "accepted": iso(row.at)} for row in whole.spoilt]
        but = words(whole.spoilt, len(whole.spoilt))
        if as_json:
            show({"whole": False, "what": but, "accepted": rows, "index_compared": whole.indexed, **sizes}, True)
        else:
            more = {} if whole.indexed else {"search index": "not compared: accepted rows were altered or are gone"}
            show({"whole": but.removeprefix("whole "), **sizes, **more}, False)
        raise SystemExit(3)


@audit.command()
@click.argument("event_id", metavar="ID")
@verb
def prove(event_id: str, as_json: bool) -> None:
    """Print a proof (C2SP tlog-proof) that the event ID is in the log; `idp audit list --json` shows ids.

    Exit code 3: its row is not as it was written, and was accepted with `idp audit accept`; proved is the entry that the tree holds.
    """
    from idp.audit.siem import instant
    from idp.flows.log_leaves import leaf_of
    from idp.flows.log_leaves import prove as prove_leaf
    from idp.flows.log_reading import event_by_id

    with opened() as parts:
        leaf = leaf_of(parts, event_by_id(parts, event_id))
        proof = prove_leaf(parts, leaf)
        told = {"index": proof.index, "proof": proof.text()}
        if leaf.accepted is None:
            show(told, True) if as_json else click.echo(proof.text(), nl=False)
            return
        at = instant(leaf.accepted)
        show({**told, "accepted": at}, True) if as_json else click.echo(proof.text(), nl=False)
        text = "The row of this event is not as it was written; accepted on"
        click.echo(f"{text} {at[:10]}. Proved is the entry that the tree holds.", err=True)
        raise SystemExit(3)


@audit.command()
@click.argument("old", type=click.IntRange(min=0), metavar="A")
@click.argument("size", type=click.IntRange(min=0), metavar="B")
@verb
def consistency(old: int, size: int, as_json: bool) -> None:
    """Prove that the log of B events is the log of A events and more (RFC 9162 §2.1.4): both roots and the hashes, in base64."""
    from base64 import b64encode

    from idp.flows.log_reading import consistency as prove_it

    with opened() as parts:
        old_root, root, hashes = prove_it(parts, old, size)
        told = [b64encode(value).decode() for value in (old_root, root, *hashes)]
        show({"old": old, "old_root": told[0], "size": size, "root": told[1], "proof": told[2:]}, as_json)


@audit.command()
@click.option(
    "--keys", is_flag=True, help="Print the log's verifier keys instead: give them to auditors and witnesses."
)
@verb
def checkpoint(keys: bool, as_json: bool) -> None:
    """Print the newest signed checkpoint (C2SP tlog-checkpoint)."""
    from idp.flows.sequencer import head, log_signer

    with opened() as parts:
        signer, now = log_signer(parts), head(parts)
        if keys:
            texts = [key.text() for key in signer.verifiers]
            show({"origin": signer.origin, "keys": texts}, True) if as_json else click.echo("\n".join(texts))
        elif not now.note:
            fail("the log has no checkpoint yet: is a worker running?")
        elif as_json:
            show({"size": now.size, "root": now.root.hex(), "time": iso(now.at), "checkpoint": now.note.decode()}, True)
        else:
            click.echo(now.note.decode(), nl=False)


@audit.command()
@click.option(
    "--reason",
    type=click.Choice(["restored", "failover", "lost", "other"]),
    required=True,
    help="Why the log is as it is; recorded. All but `other` say that commits are gone.",
)
@click.option("--yes", is_flag=True, help="Do it; without, only what would be accepted and ended is shown.")
@verb
def accept(reason: str, yes: bool, as_json: bool) -> None:
    """After an alarm: go on with the log as it is stored. Recorded in the log, with what it had and has.

    Where commits are gone (restored, failover, lost, or a log that lacks what was remembered), what revoked something may be among them. So every
    session, grant (with its codes and refresh tokens) and code or link that was sent ends first, as after `idp restore`: everybody signs in again.
    Whom the keyring has forgotten is forgotten again, and keys that are over by IDP_LOG_RETENTION are destroyed.

    What is not as it was written is named first (the whole log is read for it) and stays named: `idp audit verify` says "whole but for" with exit
    code 3. To be rid of a row that waits for its leaf and is not the house's, delete it by its seq from the tables events and events_pending before
    you accept: then the log is whole.

    Witnesses will not cosign a log that lost events under its old name: give it a new one (IDP_LOG_ORIGIN) when you accept a rollback.
    """
    from idp.audit.verify import Bad
    from idp.flows import log_memory
    from idp.flows.restored import would_end
    from idp.flows.sequencer import head, log_signer

    with opened() as parts:
        if not yes:
            now = head(parts)
            had = log_memory.had(parts)
            gone = log_memory.lost(parts, reason)
            with progress_bar(now.size, "reading", as_json) as progress:
                wrong = log_memory.wrong(parts, log_signer(parts), progress).told()
            show(
                {"had": had, "has": now.size, "accepted": False, **wrong, **(would_end(parts) if gone else {})}, as_json
            )
            for name, text in MEANING.items():
                if name in wrong:
                    click.echo(f"{name}: {text}", err=True)
            if gone and not as_json:
                click.echo("All of these end when you say --yes, as after `idp restore`: everybody signs in again.")
            return
        try:
            with progress_bar(head(parts).size, "reading", as_json) as progress:
                done = log_memory.accept(parts, log_signer(parts), reason, progress)
            show(done, as_json)
        except Bad as bad:
            fail(
                f"the stored tree does not carry its own head ({bad}): bring back a copy of the database first (`idp restore`)"
            )


@audit.command()
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--yes", is_flag=True, help="Destroy them; there is no way back.")
@verb
def purge(dry_run: bool, yes: bool, as_json: bool) -> None:
    """Destroy the personal details (addresses, devices) of events that are older than IDP_LOG_RETENTION says.

    Events and their leaves stay, and the log verifies as before. When a whole month of a class is over its key is destroyed in the keyring:
    then no older copy of the database can be read for it. Details that an older version sealed stay readable in such copies.
    """
    from idp.flows.log_purge import end_months, months_over, plan
    from idp.flows.log_purge import purge as destroy

    if dry_run == yes:
        raise click.UsageError("say --dry-run or --yes")
    with opened() as parts, progress_bar(parts.store.count(Event), "reading", as_json) as progress:
        counts = (plan if dry_run else destroy)(parts, lambda done: progress(done, 0))
        months = [f"{group} {month}" for group, month in (months_over if dry_run else end_months)(parts)]
    show(
        {"purged" if yes else "would_purge": counts, "keys_destroyed" if yes else "would_destroy_keys": months}, as_json
    )


def _index(parts: Parts, text: str | None, *, until: bool = False) -> int | None:
    """A bound of a range: an index as it is, a time by the log's own order."""
    if text is None or text.isdigit():
        return None if text is None else int(text)
    from idp.flows.log_export import index_at, index_until

    at = _at(text)
    assert at is not None
    return index_until(parts, at) if until else index_at(parts, at)


def _query(asked: Mapping[str, str | None], **bounds: int | None) -> "Query":
    """What the options look for, as the console looks for it; what is given and empty is not everything."""
    from idp.audit.search import Bad, parse

    given = {"action" if name == "kind" else name: text for name, text in asked.items() if text is not None}
    try:
        if empty := {name: "empty" for name, text in given.items() if not text.strip()}:
            raise Bad(empty)
        return msgspec.structs.replace(parse(given), within="all", **bounds)
    except Bad as bad:
        text = ", ".join(f"{'kind' if name == 'action' else name} ({word})" for name, word in bad.errors.items())
        raise Refusal(Code.INVALID_REQUEST, f"This can't be searched for: {text}.", reason="malformed_search") from None


def _client(parts: Parts, typed: str) -> str:
    """The id of the client that is meant. Raises Refusal where several bear the name."""
    from idp.flows.client_names import Several, meant

    try:
        return meant(parts, typed)
    except Several as several:
        ids = ", ".join(client.client_id for client in several.clients)
        text = f"Several clients bear this name; say which: {ids}."
        raise Refusal(Code.INVALID_REQUEST, text, reason="several_clients") from None


def _at(text: str | None) -> int | None:
    """A time in microseconds; UTC where no zone is given."""
    if text is None:
        return None
    from datetime import UTC, datetime

    try:
        time_ = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{text} is not a time like 2026-11-24T08:00:00Z") from None
    given = time_ if time_.tzinfo else time_.replace(tzinfo=UTC)
    return int(given.timestamp() * 1_000_000)


def _all(parts: Parts) -> Iterator[Event]:
    after = 0
    while rows := parts.store.find(Event, {"seq": Op(">", after)}, order=("seq",), limit=PAGE):
        yield from rows
        after = rows[-1].seq
