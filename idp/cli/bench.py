"""``idp bench``: what each operation costs on the real server, here and now, beside a peer when told to."""

from pathlib import Path

import click

from idp.cli.common import fail, verb

STACKS = {"sqlite": ("sqlite",), "postgres": ("postgres",), "all": ("sqlite", "postgres")}


@click.command()
@click.option(
    "--stack",
    type=click.Choice(list(STACKS)),
    default="all",
    show_default=True,
    help="SQLite files, PostgreSQL with Redis, or both; what is not installed is left out, and said so.",
)
@click.option("--seconds", default=3, show_default=True, help="How long each operation is loaded in each round.")
@click.option("--rounds", default=3, show_default=True, help="Interleaved rounds; the table shows their median.")
@click.option("--connections", default=32, show_default=True, help="Connections that the load generator keeps busy.")
@click.option(
    "--threads", default=16, show_default=True, help="Threads of the served worker, as `idp serve --threads`."
)
@click.option("--only", multiple=True, metavar="NAME", help="Only this operation; may be given more than once.")
@click.option(
    "--peer",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=None,
    help="Measure the provider in this folder in the same run, its packages installed with npm in a temporary folder (tests/bench/peer).",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Write all figures to this file as JSON.",
)
@verb
def bench(
    stack: str,
    seconds: int,
    rounds: int,
    connections: int,
    threads: int,
    only: tuple[str, ...],
    peer: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Measure the real server: operations per second, p50 and p99, and CPU time per operation of server, database and Redis.

    Starts `idp serve` with one worker on free loopback ports over temporary files, enters a department, clients and citizens, signs in
    through the pages, and loads each operation in turn with wrk. Everything measured shares the first core, the load comes from the
    last one. Nothing outside this machine is called (but the package registry for --peer), and nothing is left behind.

    Operations: discovery, jwks, client_credentials, login-es256, login-rs256 (authorize with a session, then token), refresh, userinfo,
    introspect, release-ecdh, release-rsa (eight attributes opened, planned, signed and encrypted, with their event on disk, without HTTP;
    beside that cryptography alone), userinfo-ecdh, userinfo-rsa (the same as whole requests), sign-in (password; beside Argon2id alone on
    the same core), log (appending to the audit log, integrating, verifying, proving).
    """
    from idp.bench.operations import LOG, NAMES
    from idp.bench.run import BenchError, Plan, run

    names = (*NAMES, LOG)
    unknown = sorted(set(only) - set(names))
    if unknown:
        raise click.BadParameter(f"{unknown[0]}: choose from {', '.join(names)}", param_hint="--only")
    if min(rounds, connections, threads) < 1 or not 1 <= seconds <= 600:
        raise click.BadParameter("at least one round, connection and thread, and 1 to 600 seconds")
    plan = Plan(
        stacks=STACKS[stack],
        seconds=seconds,
        rounds=rounds,
        connections=connections,
        threads=threads,
        operations=tuple(n for n in names if not only or n in only),
        peer=peer,
    )
    try:
        report = run(plan, tell=lambda line: click.echo(line, err=True))
    except BenchError as error:
        fail(str(error))
        return
    if out is not None:
        out.write_bytes(report.json())
    click.echo(report.json() if as_json else report.table())
