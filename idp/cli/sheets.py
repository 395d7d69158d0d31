"""What the two catalogues' verbs share: a file read or written as JSON or CSV by its name, and the difference shown."""

from collections.abc import Iterable
from pathlib import Path

import click

from idp.cli.common import show
from idp.flows.catalogue import Proposal
from idp.release.items import Change


def form_of(path: Path) -> str:
    """``json`` or ``csv``, by the file's ending."""
    form = path.suffix.lower().removeprefix(".")
    if form not in ("json", "csv"):
        raise click.BadParameter(f"{path} must end in .json or .csv")
    return form


def told(proposals: Iterable[Proposal], as_json: bool, *, dry_run: bool) -> None:
    """Each entry with what it changes."""
    listed = [
        {"code": p.code, "what": p.what, "version": p.version, "changes": [_change(c) for c in p.changes]}
        for p in proposals
    ]
    if as_json:
        show({"dry_run": dry_run, "entries": listed}, as_json)
        return
    for entry in listed:
        click.echo(f"{entry['code']}  {entry['what']}  version {entry['version']}")
        changes: Iterable[dict[str, str]] = entry["changes"]  # type: ignore[assignment]
        for change in changes:
            lines(change["what"], change["before"], change["after"])
    if dry_run:
        click.echo("Nothing was written (--dry-run).")


def lines(what: str, before: str, after: str) -> None:
    """One difference as people read it."""
    if before:
        click.echo(f"  - {what}: {before}")
    if after:
        click.echo(f"  + {what}: {after}")


def _change(change: Change) -> dict[str, str]:
    return {"what": change.what, "before": change.before, "after": change.after}
