"""The processes of a running house: server workers under one parent, the background worker beside them. None outlives the parent.

Workers are started as fresh programs, never forked: the parent has threads and open stores, and neither survives a fork unharmed.
"""

import atexit
import gc
import logging
import multiprocessing
import multiprocessing.connection
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing import resource_tracker
from multiprocessing.process import parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

import granian.server.mp
from granian import _signals
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.mp import MPServer

from idp.cli.slow_bodies import SlowBodies
from idp.config import Config

if TYPE_CHECKING:
    from idp.app import Application

STOP_S = 25
"""Requests under way have so long to finish; with the background worker's end this stays under the 30 s of service managers."""
HEAD_MS = 10_000
"""A caller that has not sent its headers by then is let go: it holds a connection, and the end of a worker."""
MAX_HEAD = 128 * 1024
"""Request line and header fields of one request; the server answers 431 beyond, before a worker's thread sees any of it. Half of it is for
the address, which may carry a signed request object of 64 kB."""
STEADY_S = 5.0
MOST_EARLY_DEATHS = 5
METRICS_PREFIX = "yimen-metrics-"
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
THREADS = "YIMEN_THREADS"
"""The environment variable in which a worker is told how many requests it handles at once."""

TUNABLES = "GLIBC_TUNABLES"

log = logging.getLogger("yimen.serving")


def worker_app() -> "Application":
    """What a server worker loads."""
    from idp.app import in_turn, serve_factory

    _signals.set_main_signals = _obey
    call: Callable[..., Any] = granian.server.mp._wsgi_call_wrap  # type: ignore[attr-defined]
    bodies = SlowBodies(int(os.environ[THREADS]))
    granian.server.mp._wsgi_call_wrap = lambda *given: bodies.watched(call(*given))  # type: ignore[attr-defined]
    atexit.register(_leave_at_once)
    application = serve_factory()
    in_turn()
    _steady()
    _began(Path(os.environ[FOLDER]), os.getpid()).touch()
    return application


def _began(folder: Path, pid: int) -> Path:
    return folder / f"began-{pid}"


def early(folder: Path, pid: int | None, lived_s: float) -> bool:
    """Whether a worker ended as soon as it began: soon after its birth, or before it had loaded what it serves, which takes a busy machine long."""
    mark = _began(folder, pid or 0)
    began = mark.exists()
    mark.unlink(missing_ok=True)
    return not began or lived_s < STEADY_S


def _steady() -> None:
    """What was loaded before the first request is for ever: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _obey(stop: Callable[..., object], _reload: Callable[..., object] | None = None) -> None:
    """In place of Granian's handlers: stop once, at the first SIGTERM or when the parent has ended, however it ended.

    A thread waits for either. Granian's own way can leave a signal unheard (the main thread sleeps on a lock, and another thread was
    interrupted), and its worker hangs when it is told twice, as terminals and service managers do.
    """
    heard, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()

    def wait() -> None:
        multiprocessing.connection.wait([heard] if parent is None else [heard, parent.sentinel])
        stop(signal.SIGTERM, None)
        time.sleep(STOP_S)
        os._exit(1)

    threading.Thread(target=wait, name="stop", daemon=True).start()


def _leave_at_once() -> None:
    """Everything is answered and committed: taking the interpreter apart takes long, and can hang on the server's own threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


class Supervisor(MPServer):
    """Granian's parent under the house's rules: whoever dies is started again, ``draining`` is told first, SIGHUP renews one by one.

    ``drain_s``: how long it goes on serving after SIGTERM, so that the balancer has looked away before the listener closes.
    """

    def __init__(
        self, host: str, port: int, workers: int, threads: int, drain_s: float, draining: Callable[[], object]
    ) -> None:
        multiprocessing.set_start_method("spawn", force=True)
        resource_tracker.ensure_running()  # its start lets signals through that are held back below
        super().__init__(
            "idp.cli.serving:worker_app",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=workers,
            blocking_threads=threads,
            factory=True,
            respawn_failed_workers=True,
            workers_kill_timeout=STOP_S,
            http=HTTPModes.http1,  # one protocol, one reading of a request: HTTP/2 has a second name for the host
            http1_settings=HTTP1Settings(header_read_timeout=HEAD_MS, max_buffer_size=MAX_HEAD),
            log_access=False,
            log_level="error",  # type: ignore[arg-type]
            websockets=False,
        )
        self._drain_s, self._draining, self._early = drain_s, draining, 0

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """SIGTERM, SIGINT."""
        self._draining()
        super().signal_handler_interrupt(*args, **kwargs)  # type: ignore[no-untyped-call]

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Any) -> Any:  # type: ignore[override]
        """A worker that Ctrl-C does not reach: the parent hears it, and tells the workers in order."""
        worker: Any = super()._spawn_worker(idx, target, callback_loader)
        begin = worker.start

        def start() -> None:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited by the worker for good
            try:
                begin()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

        worker.start = start
        return worker

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        while True:
            while not self.main_loop_interrupt.wait(0.5):
                """A sleep without end can miss a signal that another thread was interrupted by."""
            self.main_loop_interrupt.clear()
            if self.interrupt_signal:
                time.sleep(self._drain_s)
                self.interrupt_children.clear()  # a service manager tells every process at once: that they ended is no failure
                return
            if self.reload_signal:
                self._reload(spawn_target, target_loader)  # type: ignore[no-untyped-call]
            if not self._revive(spawn_target, target_loader):
                return

    def _revive(self, spawn_target: Any, target_loader: Any) -> bool:
        """Start again whoever died; False when workers die as soon as they begin, again and again."""
        while self.interrupt_children:
            number = self.interrupt_children.pop(0)
            ended = self.wrks[number]
            soon = early(Path(os.environ[FOLDER]), ended.inner.pid, time.monotonic() - ended.birth)
            self._early = self._early + 1 if soon else 0
            if self._early > MOST_EARLY_DEATHS:
                log.error("server workers end as soon as they begin; the lines above say why")
                self.interrupt_children.append(number)  # the exit code tells
                return False
            if self._early > 1:
                time.sleep(min(0.1 * 2**self._early, 2.0))
            if self.interrupt_signal:
                self.main_loop_interrupt.set()
                return True
            self._respawn_workers([number], spawn_target, target_loader)
        return True


class Background:
    """``idp worker`` as a child, started again whenever it ends, until :meth:`stop`."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and keep it."""
        self._begin()
        threading.Thread(target=self._keep, name="background", daemon=True).start()

    def running(self) -> bool:
        """Whether it is there now."""
        return self._process is not None and self._process.poll() is None

    def stop(self, timeout_s: float) -> None:
        """End it: what it is delivering is finished or tried again by the next one."""
        self._stopping.set()
        with self._lock:
            process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _begin(self) -> None:
        command = [sys.executable, "-m", "idp.cli", "worker", "--parent", str(os.getpid())]
        with self._lock:
            if not self._stopping.is_set():
                self._process = subprocess.Popen(command, start_new_session=True)  # noqa: S603  our own program

    def _keep(self) -> None:
        pause_s = 0.5
        while not self._stopping.is_set():
            assert self._process is not None
            began = time.monotonic()
            self._process.wait()
            pause_s = 0.5 if time.monotonic() - began > STEADY_S else min(2 * pause_s, 30.0)
            if not self._stopping.wait(pause_s):
                self._begin()


def huge_pages(environ: Mapping[str, str]) -> dict[str, str]:
    """Settings for workers whose memory the kernel backs with huge pages, where the C library is glibc and nobody tuned it otherwise: a password's
    19 MiB are hashed in a twentieth less time. They have one arena, as glibc's others never grow in huge pages."""
    return {} if TUNABLES in environ else {TUNABLES: "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1"}


def leave_room(config: Config, threads: int) -> dict[str, str]:
    """Settings for workers of so many threads: passwords, hashed or waiting, never hold the last quarter of them."""
    room = threads - max(1, threads // 4)
    hashing = min(config.hashing_threads, room)
    hashes = {"IDP_HASH_THREADS": str(hashing), "IDP_HASH_QUEUE": str(min(config.hash_queue, room - hashing))}
    return hashes | {THREADS: str(threads)}


def metrics_folder() -> Path:
    """A fresh folder for the workers' counts; those of parents that were killed are removed."""
    for old in Path(tempfile.gettempdir()).glob(f"{METRICS_PREFIX}*"):
        owner = old.name.removeprefix(METRICS_PREFIX).partition("-")[0]
        if owner.isdigit() and not _lives(int(owner)):
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{METRICS_PREFIX}{os.getpid()}-"))


def _lives(pid: int) -> bool:
    """Whether another process has this number."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
