"""``idp attributes``: the data elements that service items may need."""

from pathlib import Path

import click

from idp.cli.common import fail, opened, show, verb
from idp.cli.items import FILE
from idp.cli.sheets import form_of, told
from idp.release.model import AttributeKind


@click.group()
def attributes() -> None:
    """Attributes: what can be known of a citizen. The built-in ones, and those that were added."""


@attributes.command("import")
@click.argument("file", type=FILE)
@click.option("--dry-run", is_flag=True, help="Only show the difference.")
@verb
def import_(file: Path, dry_run: bool, as_json: bool) -> None:
    """Add or change the attributes of FILE (.json or .csv, as `idp attributes export` writes them): all or none, in force at once."""
    from idp.flows import catalogue

    with opened() as parts:
        kinds = catalogue.read_kinds(file.read_bytes(), form_of(file))
        told(catalogue.extend(parts, kinds, dry_run=dry_run), as_json, dry_run=dry_run)


@attributes.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@verb
def export(file: Path, as_json: bool) -> None:
    """Write the added attributes to FILE (.json or .csv)."""
    from idp.release import sheets
    from idp.release.attributes import BUILT_IN

    write = sheets.kinds_json if form_of(file) == "json" else sheets.kinds_csv
    with opened() as parts:
        added = [kind for code, kind in sorted(parts.catalogue.all_kinds().items()) if code not in BUILT_IN]
        file.write_bytes(write(added))
        show({"file": str(file), "attributes": len(added)}, as_json)


@attributes.command("list")
@verb
def list_(as_json: bool) -> None:
    """Every attribute; age_over_NN, resident_of_RRRRRR, …_masked and …_matches are computed besides."""
    from idp.release.attributes import BUILT_IN

    with opened() as parts:
        show([_summary(kind, kind.code in BUILT_IN) for kind in parts.catalogue.all_kinds().values()], as_json)


@attributes.command("show")
@click.argument("code")
@verb
def show_(code: str, as_json: bool) -> None:
    """One attribute."""
    from idp.release.attributes import built_in

    with opened() as parts:
        kind = parts.catalogue.kind(code)
        if kind is None:
            fail(f"there is no attribute {code}")
            return
        more = {"explanations": kind.explanations, "rule": kind.rule, "computed_from": list(kind.of)}
        show(_summary(kind, built_in(code) is not None) | more, as_json)


@attributes.command()
@click.argument("code")
@verb
def retire(code: str, as_json: bool) -> None:
    """Take an added attribute out of the catalogue; refused while an item needs it."""
    from idp.flows import catalogue

    with opened() as parts:
        catalogue.drop(parts, code)
        show({"code": code, "state": "retired"}, as_json)


def _summary(kind: AttributeKind, built_in: bool) -> dict[str, object]:
    return {
        "code": kind.code,
        "claim": kind.claim,
        "type": kind.type,
        "sensitive": kind.sensitive,
        "source": kind.source,
        "zh": kind.names["zh"],
        "en": kind.names["en"],
        "built_in": built_in,
    }
