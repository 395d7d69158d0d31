"""``idp alerts``: what the rules found in the audit log, and that somebody dealt with it."""

from pathlib import Path

import click

from idp.cli.common import configuration, iso, opened, show, verb


@click.group()
def alerts() -> None:
    """Alerts: rules over the audit log. What they find is an event of the log itself."""


@alerts.command("list")
@click.option("--all", "everything", is_flag=True, help="Acknowledged ones too.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="The latest so many.")
@verb
def list_(everything: bool, limit: int, as_json: bool) -> None:
    """The open alerts, newest first."""
    from idp.flows.log_alerts import shown

    with opened() as parts:
        found = shown(parts, open_only=not everything, limit=limit)
    names = ("id", "severity", "rule", "group", "count", "first", "last", "outcome")
    show([{"time": iso(told["at"]), **{name: told[name] for name in names}} for told in found], as_json)


@alerts.command()
@click.argument("alert_id", metavar="ID")
@click.option(
    "--as", "outcome", type=click.Choice(["handled", "harmless", "duplicate"]), required=True, help="What became of it."
)
@verb
def ack(alert_id: str, outcome: str, as_json: bool) -> None:
    """Acknowledge an alert. Recorded in the log."""
    from idp.flows.log_alerts import acknowledge

    with opened() as parts:
        acknowledge(parts, alert_id, outcome)
    show({"id": alert_id, "outcome": outcome}, as_json)


@alerts.command()
@click.option(
    "--starter", is_flag=True, help="Print the starter set's file: a beginning for your own (IDP_LOG_ALERTS)."
)
@verb
def rules(starter: bool, as_json: bool) -> None:
    """The rules of the file as they are in use: what staff switched off or changed in the console is marked. Exit code 1 and the reason when the file
    can't be used."""
    from idp.audit.alerts import Change, changed
    from idp.flows import log_alerts

    if starter:
        click.echo(log_alerts.starter(), nl=False)
        return
    found = log_alerts.load_rules(configuration())
    with opened() as parts:
        changes = log_alerts.changes_of(parts)
    names, rows = ("severity", "count", "within"), []
    for name, written in found.items():
        made = changes.get(name, Change())
        rule = changed(written, made)
        state = {"live": made.live, "changed": rule != written or not made.live}
        rows.append(
            {"rule": name, **{f: getattr(rule, f) for f in names}, **state, "group": rule.group, "about": rule.about}
        )
    show(rows, as_json)


@alerts.command()
@click.option(
    "--rules",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="Rules to try; those in use when absent.",
)
@click.option("--from", "start", type=click.IntRange(0), default=0, show_default=True, help="The first index.")
@click.option("--to", "end", type=click.IntRange(1), default=None, help="The index before which it ends.")
@verb
def test(file: Path | None, start: int, end: int | None, as_json: bool) -> None:
    """Try rules on the recorded log: what they would have found; without a file, as they are in use. Nothing is written."""
    from dataclasses import replace

    from idp.audit.alerts import overlaid
    from idp.flows.log_alerts import changes_of, load_rules, tried
    from idp.flows.sequencer import head

    config = configuration()
    found = load_rules(config if file is None else replace(config, log_alerts=str(file)))
    with opened() as parts:
        size = head(parts).size
        if file is None:
            found = overlaid(found, changes_of(parts))
        made = tried(parts, found, start, size if end is None else min(end, size))
    names = ("severity", "rule", "group", "count", "first", "last")
    show([{"time": iso(alert.at), **{name: getattr(alert, name) for name in names}} for alert in made], as_json)
