"""``idp objections``: the cases that citizens opened about what was told of them."""

import click

from idp.cli.common import iso, opened, show, verb

OUTCOMES = ("upheld", "explained", "unfounded")


@click.group()
def objections() -> None:
    """Citizens' objections (*this was not me*, *I object*): list, read, close with an answer. Each look at their words is an event."""


@objections.command("list")
@click.option("--state", type=click.Choice(["open", "waiting", "closed", "all"]), default="open", show_default=True)
@verb
def list_(state: str, as_json: bool) -> None:
    """The cases, the oldest first; no words and no names."""
    from idp.flows.objections import listed

    with opened() as parts:
        rows = listed(parts, None if state == "all" else state)
        show(
            [
                {
                    "id": row.id.hex(),
                    "kind": row.kind,
                    "state": row.state,
                    "client": row.client_id,
                    "opened": iso(row.created_at),
                    "closed": iso(row.closed_at),
                }
                for row in rows
            ],
            as_json,
        )


@objections.command("show")
@click.argument("case")
@verb
def show_(case: str, as_json: bool) -> None:
    """Read CASE: what was told, to whom, and the citizen's words. The person appears by pseudonym. This look is recorded."""
    from idp.flows.objections import read

    with opened() as parts:
        found = read(parts, case, by="cli", now=parts.clock())
        show(
            {
                "id": found.row.id.hex(),
                "kind": found.row.kind,
                "state": found.row.state,
                "opened": iso(found.row.created_at),
                "client": found.row.client_id,
                "event": found.row.event_id.hex(),
                "about": found.told.kind if found.told else None,
                "at": iso(found.told.at) if found.told else None,
                "attributes": list(found.told.claims) if found.told else [],
                "person": found.person or None,
                "words": found.case.words if found.case else None,
                "outcome": (found.case.outcome if found.case else "") or None,
                "answer": (found.case.answer if found.case else "") or None,
            },
            as_json,
        )


@objections.command()
@click.argument("case")
@click.option("--outcome", type=click.Choice(OUTCOMES), required=True, help="What came of it; the citizen sees it.")
@click.option("--answer", default="", help="Words for the citizen, who reads them on their own page.")
@verb
def close(case: str, outcome: str, answer: str, as_json: bool) -> None:
    """Close CASE; the citizen is told that there is an answer."""
    from idp.flows.objections import close as finish

    with opened() as parts:
        finish(parts, case, outcome, answer, by="cli", now=parts.clock())
        show({"id": case, "state": "closed", "outcome": outcome}, as_json)
