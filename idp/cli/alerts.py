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
    """The rules as they are in use: the file's, with what staff switched off or changed in the console, and those that staff wrote there. Exit code 1
    and the reason when the file can't be used."""
    from idp.audit.rule_draft import spelled
    from idp.flows import alert_rules

    if starter:
        click.echo(alert_rules.starter(), nl=False)
        return
    written = alert_rules.load_rules(configuration())
    with opened() as parts:
        found = alert_rules.held(parts, written, alert_rules.rows(parts))
    show(
        [
            {
                "rule": name,
                "severity": one.rule.severity,
                "count": one.rule.count,
                "within": one.rule.within if as_json else spelled(one.rule.within),
                "live": one.state == alert_rules.ON,
                "changed": one.changed,
                "of": "console" if one.own else "file",
                "group": one.rule.group,
                "about": one.rule.about,
            }
            for name, one in found.items()
            if one.state != alert_rules.REMOVED
        ],
        as_json,
    )


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
    """Try rules on the recorded log: what they would have found; without a file, as they are in use. Nothing is written. Rules about
    travel find nothing here: the watch alone opens addresses."""
    from dataclasses import replace

    from idp.flows import alert_rules
    from idp.flows.log_alerts import tried
    from idp.flows.sequencer import head

    config = configuration()
    found = alert_rules.load_rules(config if file is None else replace(config, log_alerts=str(file)))
    with opened() as parts:
        size = head(parts).size
        if file is None:
            found = alert_rules.at_work(alert_rules.held(parts, found, alert_rules.rows(parts)))
        made = tried(parts, found, start, size if end is None else min(end, size))
    names = ("severity", "rule", "group", "count", "first", "last")
    show([{"time": iso(alert.at), **{name: getattr(alert, name) for name in names}} for alert in made], as_json)
