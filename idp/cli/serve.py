"""``idp serve`` and ``idp worker``: the processes of a running house."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from idp.cli.common import configuration, fail, show, verb

if TYPE_CHECKING:
    from idp.cli.management import Management


@click.command()
@click.option(
    "--bind", default="127.0.0.1:8000", show_default=True, help="Address to listen on; the proxy in front speaks TLS."
)
@click.option("--workers", default=1, show_default=True, help="Processes; one per core is right.")
@click.option("--threads", default=8, show_default=True, help="Requests at once in each process.")
@click.option("--no-worker", is_flag=True, help="Do not run the background worker here (run `idp worker` elsewhere).")
@verb
def serve(bind: str, workers: int, threads: int, no_worker: bool, as_json: bool) -> None:
    """Serve the provider. Health and metrics are on the management address (IDP_MANAGEMENT_BIND).

    Never migrates: run `idp db upgrade` first. SIGTERM finishes requests under way (30 s at most), then ends.
    """
    host, _, port = bind.rpartition(":")
    if not port.isdigit():
        raise click.BadParameter("give HOST:PORT", param_hint="--bind")
    # Before the first metric is made: each worker writes its own file, the parent adds them up.
    metrics_dir = tempfile.mkdtemp(prefix="yimen-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics_dir
    from idp.app import close_parts, open_parts
    from idp.cli.management import Management

    config = configuration()
    close_parts(open_parts(config))  # a clear error now rather than a worker that dies at start
    _no_core_dumps()
    show({"serving": config.issuer, "bind": bind, "management": config.management_bind}, as_json)
    background = None if no_worker else _start_worker()
    management = Management(config, metrics_dir, background)
    management.start()
    try:
        _granian(host.strip("[]"), int(port), workers, threads, management)
    finally:
        management.stop()
        if background is not None:
            _end(background)
        for file in Path(metrics_dir).glob("*"):
            file.unlink(missing_ok=True)
        Path(metrics_dir).rmdir()


@click.command()
@verb
def worker(as_json: bool) -> None:
    """Do the background work: deliver logouts and notices, clean up, rotate keys. Any number may run; one leads."""
    from idp.app import close_parts, open_parts
    from idp.flows.worker import Worker
    from idp.notifiers import open_notifier
    from keys.backends import open_root

    config = configuration()
    parts = open_parts(config)
    _no_core_dumps()
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    parent = os.getppid()
    show({"worker": os.getpid()}, as_json)
    try:
        Worker(parts, open_root(config.keys_url), open_notifier(config, parts.outbound)).run(
            stop, alive=lambda: os.getppid() == parent
        )
    finally:
        close_parts(parts)


def _granian(host: str, port: int, workers: int, threads: int, management: "Management") -> None:
    from granian.constants import Interfaces
    from granian.server import Server

    server = Server(
        "idp.app:serve_factory",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=threads,
        factory=True,
        respawn_failed_workers=True,
        workers_kill_timeout=30,
        log_access=False,
        log_level="warning",  # type: ignore[arg-type]
        websockets=False,
    )
    server.on_shutdown(management.draining)
    server.serve()


def _start_worker() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "idp.cli", "worker"], start_new_session=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _no_core_dumps() -> None:
    """A core dump would hold keys in the clear."""
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):
        fail("core dumps can't be switched off here; they would hold keys (ulimit -c 0)")
