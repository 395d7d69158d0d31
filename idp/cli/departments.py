"""``idp departments``: the organisations whose systems use the door."""

import click

from idp.cli.common import iso, opened, show, verb
from idp.records import Department


@click.group()
def departments() -> None:
    """Organisations: tax bureau, social security, housing fund, …"""


@departments.command()
@click.argument("name_zh")
@click.option("--name-en", required=True, help="English name, shown to people who read English.")
@click.option("--credit-code", required=True, help="Unified social credit code (GB 32100), 18 characters.")
@click.option("--region", required=True, help="Administrative region code (GB/T 2260), 6 digits.")
@click.option("--level", type=click.Choice(["national", "provincial", "city", "county"]), required=True)
@click.option(
    "--id",
    "department_id",
    default=None,
    help="Short identifier: small letters, digits, hyphens; made from the credit code when absent.",
)
@verb
def add(
    name_zh: str, name_en: str, credit_code: str, region: str, level: str, department_id: str | None, as_json: bool
) -> None:
    """Enter a department."""
    from idp.flows.provision import add_department

    with opened() as parts:
        department = add_department(
            parts,
            name_zh=name_zh,
            name_en=name_en,
            credit_code=credit_code,
            region=region,
            level=level,
            department_id=department_id,
        )
        show(_row(department), as_json)


@departments.command("list")
@verb
def list_(as_json: bool) -> None:
    """All departments."""
    with opened() as parts:
        show([_row(d) for d in parts.store.find(Department, order=("created_at",))], as_json)


def _row(d: Department) -> dict[str, object]:
    return {
        "id": d.id,
        "name_zh": d.name_zh,
        "name_en": d.name_en,
        "credit_code": d.credit_code,
        "region": d.region,
        "level": d.level,
        "created": iso(d.created_at),
    }
