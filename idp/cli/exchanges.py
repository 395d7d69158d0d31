"""``idp exchanges``: which department may hand which other department its own identifier of a citizen."""

import click

from idp.cli.common import iso, opened, show, verb


@click.group()
def exchanges() -> None:
    """Registered exchanges of identifiers between two departments' clients: propose, approve, end, list. Off unless approved."""


@exchanges.command()
@click.argument("client")
@click.argument("to_client")
@click.option("--purpose", required=True, help="Why, and by which law; kept with the exchange.")
@verb
def propose(client: str, to_client: str, purpose: str, as_json: bool) -> None:
    """CLIENT may get identifiers that TO_CLIENT alone can read, once somebody approves it."""
    from idp.flows.exchanges import propose as enter

    with opened() as parts:
        row = enter(parts, client, to_client, purpose, by="cli", now=parts.clock())
        show({"id": row.id.hex(), "state": row.state}, as_json)


@exchanges.command()
@click.argument("exchange")
@verb
def approve(exchange: str, as_json: bool) -> None:
    """Approve EXCHANGE: from now on it can be used, and each use is in the citizen's history."""
    _decide(exchange, "approved", as_json)


@exchanges.command()
@click.argument("exchange")
@verb
def end(exchange: str, as_json: bool) -> None:
    """End EXCHANGE at once."""
    _decide(exchange, "ended", as_json)


@exchanges.command("list")
@verb
def list_(as_json: bool) -> None:
    """Every exchange with its state and purpose."""
    from idp.flows.exchanges import listed

    with opened() as parts:
        rows = listed(parts)
        show(
            [
                {
                    "id": row.id.hex(),
                    "client": row.client_id,
                    "to": row.to_client_id,
                    "state": row.state,
                    "proposed": iso(row.created_at),
                    "decided": iso(row.decided_at),
                    "purpose": row.purpose,
                }
                for row in rows
            ],
            as_json,
        )


def _decide(exchange: str, state: str, as_json: bool) -> None:
    from idp.flows.exchanges import decide

    with opened() as parts:
        decide(parts, exchange, state, by="cli", now=parts.clock())
        show({"id": exchange, "state": state}, as_json)
