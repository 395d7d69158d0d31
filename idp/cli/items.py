"""``idp items``: service items 事项, what each service may ask of a citizen and why."""

from pathlib import Path

import click

from idp.cli.common import fail, iso, opened, show, verb
from idp.cli.sheets import form_of, lines, told
from idp.records import ServiceItemRow

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def items() -> None:
    """Service items: drafted by departments, in force once approved, published at /services."""


@items.command("import")
@click.argument("file", type=FILE)
@click.option("--dry-run", is_flag=True, help="Only show the difference to what is in force.")
@verb
def import_(file: Path, dry_run: bool, as_json: bool) -> None:
    """Enter the items of FILE (.json or .csv, as `idp items export` writes them) as drafts: all or none."""
    from idp.flows import catalogue

    with opened() as parts:
        entries = catalogue.read_items(file.read_bytes(), form_of(file))
        told(catalogue.propose(parts, entries, dry_run=dry_run), as_json, dry_run=dry_run)


@items.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@verb
def export(file: Path, as_json: bool) -> None:
    """Write every item in force to FILE (.json or .csv)."""
    from idp.flows import catalogue
    from idp.release import sheets

    write = sheets.items_json if form_of(file) == "json" else sheets.items_csv
    with opened() as parts:
        found = catalogue.published(parts, limit=100_000)
        file.write_bytes(write(found))
        show({"file": str(file), "items": len(found)}, as_json)


@items.command("list")
@click.option("--department", default=None, help="Only this department's.")
@click.option(
    "--state", type=click.Choice(["draft", "approved", "retired", "rejected"]), default=None, help="Only these."
)
@verb
def list_(department: str | None, state: str | None, as_json: bool) -> None:
    """All versions of all items."""
    where = {k: v for k, v in (("department_id", department), ("state", state)) if v is not None}
    with opened() as parts:
        rows = parts.store.find(ServiceItemRow, where, order=("code", "-version"), limit=100_000)
        show([_summary(row) for row in rows], as_json)


@items.command("show")
@click.argument("code")
@verb
def show_(code: str, as_json: bool) -> None:
    """One item: the version in force, and what a waiting draft would change."""
    from idp.flows import catalogue
    from idp.release.items import difference
    from idp.release.sheets import item_document

    with opened() as parts:
        rows = catalogue.versions(parts, code)
        if not rows:
            fail(f"there is no item {code}")
        in_force = catalogue.approved(parts, code)
        drafts = [w for w in catalogue.waiting(parts) if w.item.code == code]
        summaries = [_summary(row) for row in rows]
        if as_json:
            show(
                {
                    "versions": summaries,
                    "approved": item_document(in_force) if in_force else None,
                    "draft": item_document(drafts[0].item) if drafts else None,
                },
                as_json,
            )
            return
        show(summaries, as_json)
        if in_force is not None:
            click.echo(f"\nIn force, version {in_force.version}:")
            for change in difference(None, in_force):
                lines(change.what, "", change.after)
        for draft in drafts:
            click.echo(f"\nDraft, version {draft.item.version}:")
            for change in draft.changes:
                lines(change.what, change.before, change.after)


@items.command()
@click.argument("code")
@verb
def approve(code: str, as_json: bool) -> None:
    """Put the waiting draft of CODE into force, in the operator's name. Approvers do this on /approvals."""
    _decide(code, True, as_json)


@items.command()
@click.argument("code")
@verb
def reject(code: str, as_json: bool) -> None:
    """Refuse the waiting draft of CODE."""
    _decide(code, False, as_json)


@items.command()
@click.argument("code")
@verb
def retire(code: str, as_json: bool) -> None:
    """Take CODE out of force: from now on nothing is released for it."""
    from idp.flows import catalogue

    with opened() as parts:
        item = catalogue.retire(parts, code)
        show({"code": item.code, "version": item.version, "state": "retired"}, as_json)


def _decide(code: str, approve: bool, as_json: bool) -> None:
    from idp.flows import catalogue

    with opened() as parts:
        draft = catalogue.draft_of(parts, code)
        catalogue.decide(parts, draft, approve=approve)
        state = "approved" if approve else "rejected"
        show({"code": code, "version": draft.item.version, "state": state}, as_json)


def _summary(row: ServiceItemRow) -> dict[str, object]:
    return {
        "code": row.code,
        "version": row.version,
        "department": row.department_id,
        "state": row.state,
        "created": iso(row.created_at),
        "decided": iso(row.decided_at),
        "by": row.decided_by,
    }
