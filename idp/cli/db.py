"""``idp db``: schema of the main store and of the keyring."""

import click

from idp.cli.common import configuration, fail, show, verb


@click.group()
def db() -> None:
    """Schema: upgrade, and check what is there. Serving never migrates by itself."""


@db.command()
@verb
def upgrade(as_json: bool) -> None:
    """Bring both stores to this version's schema, and make the first keys when there are none. Safe to run twice or on two nodes."""
    from idp.app import prepare

    show(prepare(configuration()), as_json)


@db.command()
@verb
def check(as_json: bool) -> None:
    """Say which schema is there and which is needed; exit code 1 when they differ."""
    from idp.app import schema_state

    state = schema_state(configuration())
    show(state, as_json)
    if any(s["current"] != s["needed"] for s in state):
        fail("the schema is not this version's; run `idp db upgrade` (or start the version that made it)")
