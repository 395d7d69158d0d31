"""``idp config``: what is set, from where."""

import os
from dataclasses import fields
from urllib.parse import urlsplit

import click

from idp.cli.common import configuration, show, verb
from idp.config import Config, names, sources


@click.group()
def config() -> None:
    """Settings: all come from the environment, secrets also from a file named by NAME_FILE."""


@config.command("show")
@verb
def show_(as_json: bool) -> None:
    """Print every setting with its value, its source and its meaning; secrets are masked."""
    have, came = configuration(), sources(os.environ)
    by_field = {f: n for n, f in names().items()}
    rows = [
        {
            "name": by_field[f.name],
            "value": _masked(getattr(have, f.name), bool(f.metadata["secret"])),
            "source": came[f.name],
            "meaning": f.metadata["doc"],
        }
        for f in fields(Config)
    ]
    show(rows, as_json)


def _masked(value: object, secret: bool) -> object:
    """User and password give way to stars; where the setting points to stays readable."""
    if secret and isinstance(value, str) and "@" in urlsplit(value).netloc:
        url = urlsplit(value)
        return url._replace(netloc="****@" + url.netloc.rpartition("@")[2]).geturl()
    return list(value) if isinstance(value, tuple) else value
