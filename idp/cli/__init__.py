"""The command line: one file per noun.

Owns: arguments, output (tables for people, ``--json`` for programs), exit codes.
Never: holds a rule or writes SQL; every verb calls a flow.
Called by: operators, through the ``idp`` script.
"""

import importlib

import click

NOUNS = {
    "demo": "demo:demo",
    "serve": "serve:serve",
    "worker": "serve:worker",
    "doctor": "doctor:doctor",
    "config": "config:config",
    "db": "db:db",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "departments": "departments:departments",
    "clients": "clients:clients",
    "accounts": "accounts:accounts",
    "items": "items:items",
    "attributes": "attributes:attributes",
    "release": "release:release",
    "objections": "objections:objections",
    "receipts": "receipts:receipts",
    "exchanges": "exchanges:exchanges",
    "keys": "keys:keys",
    "audit": "audit:audit",
    "alerts": "alerts:alerts",
    "witness": "witness:witness",
    "bench": "bench:bench",
}


class Lazy(click.Group):
    """Loads a noun's file when it is asked for, so that ``idp --help`` is quick."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Every noun, in the order an operator meets them."""
        return list(NOUNS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The noun's command or None."""
        if cmd_name not in NOUNS:
            return None
        module, _, name = NOUNS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(f"idp.cli.{module}"), name)
        return command


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="yimen", prog_name="idp")
def main() -> None:
    """Yimen 一门: one login across departmental systems.

    \b
    Try it:      idp demo
    Run it:      idp db upgrade && idp serve --bind 127.0.0.1:8000
    Look at it:  idp doctor; idp config show; idp audit list --follow

    Settings come from the environment (IDP_ISSUER, IDP_DATABASE_URL, …): `idp config show` lists them all.
    """
