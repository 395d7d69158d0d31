"""``idp serve`` and ``idp worker``: the processes of a running house."""

import os
import shutil
import signal
import socket
import sys
import threading
from contextlib import ExitStack, closing
from typing import Any

import click

from idp.cli.common import configuration, fail, no_core_dumps, show, verb
from idp.config import Config
from idp.parts import Parts


@click.command()
@click.option(
    "--bind", default="127.0.0.1:8000", show_default=True, help="Address to listen on; the proxy in front speaks TLS."
)
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes; one per core is right."
)
@click.option(
    "--threads",
    type=click.IntRange(2),
    default=16,
    show_default=True,
    help="Requests at once in each process; a quarter is never taken by passwords, so that tokens go on in a storm of sign-ins.",
)
@click.option("--no-worker", is_flag=True, help="Do not run the background worker here (run `idp worker` elsewhere).")
@click.option(
    "--drain",
    default=0.0,
    show_default=True,
    help="Seconds to go on serving after SIGTERM while /health/ready says no, so that the balancer looks away first.",
)
@verb
def serve(bind: str, workers: int, threads: int, no_worker: bool, drain: float, as_json: bool) -> None:
    """Serve the provider. Health and metrics are on the management address (IDP_MANAGEMENT_BIND).

    Never migrates: run `idp db upgrade` first. SIGTERM finishes requests under way (25 s at most), then ends; SIGHUP renews the workers one by
    one. A worker that dies is started again.
    """
    host, port = _address(bind, "--bind")
    signal.signal(signal.SIGTERM, _leave)
    config = configuration()
    _check(config)
    no_core_dumps()
    _must_be_free(host, port, "--bind")
    _serve(config, host, port, workers, threads, drain, no_worker, as_json)


def _serve(
    config: Config, host: str, port: int, workers: int, threads: int, drain: float, no_worker: bool, as_json: bool
) -> None:
    from idp.cli.serving import FOLDER, Background, Supervisor, huge_pages, leave_room, metrics_folder

    # Before the first metric is made: each worker writes its own file, the parent adds them up.
    folder = metrics_folder()
    os.environ[FOLDER] = str(folder)
    os.environ |= leave_room(config, threads) | huge_pages(os.environ)
    os.environ.pop("IDP_HASH_QUEUE_FILE", None)
    from idp.cli.management import Management

    background = None if no_worker else Background()
    try:
        management = Management(config, folder, (host, port), background)
        server = Supervisor(host, port, workers, threads, drain, management.draining)
        management.start()
        try:
            show({"serving": config.issuer, "bind": f"{host}:{port}", "management": config.management_bind}, as_json)
            sys.stdout.flush()
            if background is not None:
                background.start()
            server.serve()
        finally:
            if background is not None:
                background.stop(timeout_s=4)
            management.stop()
    except OSError as error:
        fail(f"can't listen: {error.strerror or type(error).__name__} ({host}:{port} or {config.management_bind})")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@click.command()
@click.option("--parent", type=int, hidden=True, help="End when this process has ended.")
@verb
def worker(parent: int | None, as_json: bool) -> None:
    """Do the background work: deliver logouts and notices, clean up, rotate keys, keep the audit log. Any number may run; one leads."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    from idp.app import close_parts, open_parts
    from idp.flows.log_alerts import RAISED, Watch
    from idp.flows.log_keeper import LogKeeper
    from idp.flows.log_stream import Stream
    from idp.flows.worker import Worker
    from idp.notifiers import open_notifier
    from idp.places import open_places
    from idp.receivers import open_alert_sinks, open_receivers, open_sinks
    from keys.backends import open_root

    config = configuration()
    parts = open_parts(config)
    no_core_dumps()
    if parent is None:
        show({"worker": os.getpid()}, as_json)
        sys.stdout.flush()

    def alive() -> bool:
        return parent is None or os.getppid() == parent

    with ExitStack() as left:
        left.callback(close_parts, parts)
        notifier = open_notifier(config, parts.outbound)
        root = left.enter_context(closing(open_root(config.keys_url)))
        working = Worker(parts, root, notifier, trouble=_tell)
        keeping: list[LogKeeper | Stream | Watch] = [
            LogKeeper(parts, open_receivers(config, parts.outbound), trouble=_tell),
            Watch(parts, trouble=_tell, places=open_places(config)),
            *(Stream(parts, sink, trouble=_tell) for sink in open_sinks(config, parts.outbound)),
            *(
                Stream(parts, sink, trouble=_tell, only=RAISED)
                for sink in open_alert_sinks(config, parts.outbound, notifier)
            ),
        ]
        beside = [threading.Thread(target=one.run, args=(stop, alive), name="log") for one in keeping]
        for thread in beside:
            thread.start()
        try:
            working.run(stop, alive)
        finally:
            stop.set()
            for thread in beside:
                thread.join()


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _leave(*_: Any) -> None:
    """SIGTERM before anything is served."""
    raise SystemExit(0)


def _check(config: Config) -> None:
    """A clear error now rather than workers that die at start: stores, keys, and the composition itself."""
    from idp.app import check_open, close_parts, create_app, open_parts
    from idp.flows.alert_rules import load_rules
    from idp.flows.log_purge import kept
    from idp.flows.log_witnesses import witnesses
    from idp.notifiers import open_notifier
    from idp.places import open_places
    from idp.receivers import open_alert_sinks, open_receivers, open_sinks

    parts = open_parts(config)
    try:
        check_open(parts)
        notifier = open_notifier(config, parts.outbound)
        open_receivers(config, parts.outbound)
        open_sinks(config, parts.outbound)
        open_alert_sinks(config, parts.outbound, notifier)
        load_rules(config)
        open_places(config)
        witnesses(config.log_witnesses)
        kept(parts)
        create_app(config, parts)
        _check_log(config, parts)
    finally:
        close_parts(parts)


def _check_log(config: Config, parts: Parts) -> None:
    """Nothing is issued over a log that was cut, rewritten or brought back from a copy, until an operator decides (IDP_LOG_ALARM)."""
    from idp.audit.verify import Bad
    from idp.flows.log_memory import ADVICE, check, sound_alarm
    from idp.flows.sequencer import log_signer

    try:
        check(parts, log_signer(parts))
    except Bad as bad:
        sound_alarm(parts, bad)
        text = f"the audit log is not what was signed and remembered: {bad}; {ADVICE}"
        if config.log_alarm == "stop":
            fail(text)
        _tell(text)


def _address(text: str, option: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535 or not host:
        raise click.BadParameter("give HOST:PORT", param_hint=option)
    return host.strip("[]"), int(port)


def _must_be_free(host: str, port: int, option: str) -> None:
    """Workers share the port among themselves, so the system would let a second server in unseen; and then both answer."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            fail(f"can't listen on {host}:{port} ({option}): {error.strerror}")
