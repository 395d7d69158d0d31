"""What every verb shares: configuration, opened parts, output, errors with a clear text and exit code.

Exit codes: 0 done, 1 refused or not possible (the text says why), 2 wrong usage.
"""

import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click
import msgspec

from clients.errors import ClientError
from idp.config import Config, ConfigError, load
from idp.errors import Refusal, Unavailable
from idp.parts import Parts
from keys.errors import KeysError

F = TypeVar("F", bound=Callable[..., Any])


def verb(function: F) -> F:
    """Add ``--json`` and turn the house's errors into a line on stderr and exit code 1."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (ConfigError, KeysError) as error:
            fail(str(error))
        except Refusal as error:
            fail(error.public)
        except ClientError as error:
            fail(f"{error.code}: {error.public}")
        except Unavailable as error:
            fail(error.advice())
        except BrokenPipeError:  # the reader (`| head`) has enough: click ends in silence
            raise
        except OSError as error:
            fail(f"{error.filename or 'a file'}: {(error.strerror or 'can not be used').lower()}")

    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(run)  # type: ignore[return-value]


def fail(text: str) -> None:
    """One line on stderr, exit code 1."""
    click.echo(f"idp: {text}", err=True)
    sys.exit(1)


def configuration() -> Config:
    """From the environment. Raises ConfigError."""
    return load(os.environ)


@contextmanager
def opened() -> Any:
    """The parts, opened from the environment and closed afterwards."""
    from idp.app import close_parts, open_parts

    no_core_dumps(for_good=False)
    parts: Parts = open_parts(configuration())
    try:
        yield parts
    finally:
        close_parts(parts)


@contextmanager
def progress_bar(length: int, label: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """``progress(done, of)`` moves a bar on standard error, where that is a terminal; ``of`` 0: ``length`` was right. Nothing where ``quiet``."""
    if quiet or not sys.stderr.isatty():
        yield lambda *_: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:

        def progress(done: int, of: int) -> None:
            bar.length = of or bar.length
            bar.update(done - bar.pos)

        yield progress


def no_core_dumps(*, for_good: bool = True) -> None:
    """A core dump would hold keys, and values that were opened, in the clear: off for this process and all that it starts. ``for_good``: none of
    them can switch it on again."""
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0 if for_good else resource.getrlimit(resource.RLIMIT_CORE)[1]))
    except (OSError, ValueError):
        fail("core dumps can't be switched off here; they would hold keys (ulimit -c 0)")


def show(value: Any, as_json: bool, *, columns: Sequence[str] | None = None, longest: int | None = None) -> None:
    """Print ``value``: JSON, or for people a table (list of mappings) or ``name: value`` lines (mapping).

    ``longest``: characters of a cell of the table, for values that a stranger chose; JSON has them whole.
    """
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
    elif isinstance(value, Mapping):
        width = max((len(str(k)) for k in value), default=0)
        for key, item in value.items():
            click.echo(f"{str(key).ljust(width)}  {_text(item)}")
    else:
        _table(list(value), columns, longest)


def _table(rows: list[Mapping[str, Any]], columns: Sequence[str] | None, longest: int | None) -> None:
    if not rows:
        click.echo("Nothing yet.")
        return
    names = list(columns or rows[0])
    cells = [[_cut(_text(r.get(n)), longest) for n in names] for r in rows]
    widths = [max(len(n), *(len(c[i]) for c in cells)) for i, n in enumerate(names)]
    for line in [[n.upper() for n in names], *cells]:
        click.echo("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())


def _cut(text: str, longest: int | None) -> str:
    return text if longest is None or len(text) <= longest else f"{text[: longest - 1]}…"


def _text(item: Any) -> str:
    if item is None:
        return "-"
    if isinstance(item, bool):
        return "yes" if item else "no"
    if isinstance(item, Iterable) and not isinstance(item, str | bytes | Mapping):
        return " ".join(_text(i) for i in item)
    return str(item)


def iso(at: int | None) -> str | None:
    """Microseconds UTC as RFC 3339 to the second."""
    from datetime import UTC, datetime

    return None if at is None else datetime.fromtimestamp(at // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
