"""The management address: ``/health/live``, ``/health/ready``, ``/metrics``. Served by the parent, never by the public listener."""

import socket
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import msgspec
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from idp.config import Config, ConfigError
from idp.errors import Unavailable
from idp.parts import Parts
from keys.errors import KeysError

CHECK_S = 3.0
"""A part that says nothing for so long is as good as away."""


class Running(Protocol):
    """The background worker, as far as health is concerned."""

    def running(self) -> bool:
        """Whether it is there now."""


class Management:
    """A small HTTP server in a thread of the parent. Not ready while draining, or while a part can't be reached; over an alarm of the log it
    stays ready.

    ``listener``: the public address, which must accept connections. Raises ConfigError when the management address can't be had.
    """

    def __init__(self, config: Config, folder: Path, listener: tuple[str, int], background: Running | None) -> None:
        self._config, self._folder, self._listener, self._background = config, folder, listener, background
        self._stopping = False
        self._checks = ThreadPoolExecutor(1, thread_name_prefix="check")
        self._lock = threading.Lock()
        self._check: Future[str] | None = None
        self._parts: Parts | None = None
        self._server = _listen(config.management_bind, _handler(self))

    @property
    def port(self) -> int:
        """The bound port."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        threading.Thread(target=self._server.serve_forever, name="management", daemon=True).start()

    def draining(self) -> None:
        """From now on not ready: the balancer sends no more."""
        self._stopping = True

    def stop(self) -> None:
        """Close the listener."""
        self._server.shutdown()
        self._server.server_close()
        self._checks.shutdown(wait=False, cancel_futures=True)

    def ready(self) -> dict[str, str]:
        """Each part's state; all but the log's must be ``ok``: its alarm is every node's at once, and pages, sign-in and console go on over it."""
        state = {"serving": "stopping" if self._stopping else "ok", "listener": self._listening()}
        if self._background is not None:
            state["worker"] = "ok" if self._background.running() else "ended"
        state["stores"] = self._stores()
        state["log"] = self._log()
        return state

    def metrics(self) -> bytes:
        """All workers' metrics added up, Prometheus text."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self._folder))  # type: ignore[no-untyped-call]
        return generate_latest(registry) + self._log_metrics()

    def _log_metrics(self) -> bytes:
        """The audit log as the database has it now, whoever keeps it; nothing while the database does not answer."""
        from idp.flows.log_health import measures

        if self._stores() != "ok" or (parts := self._parts) is None:
            return b""
        registry = CollectorRegistry()
        try:
            for name, (text, value) in measures(parts).items():
                Gauge(name, text, registry=registry).set(value)
        except Unavailable:
            return b""
        return generate_latest(registry)

    def _log(self) -> str:
        """An alarm, told in words; a balancer that looked away for it would look away from every node."""
        from idp.flows.log_waiting import alarm

        try:
            parts = self._parts
            return "alarm" if parts is not None and alarm(parts) else "ok"
        except Unavailable:
            return "ok"  # ``stores`` says so

    def _listening(self) -> str:
        host, port = self._listener
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104  the wildcard, asked at home
        try:
            with socket.create_connection((host, port), timeout=1.0):
                return "ok"
        except OSError:
            return "closed"

    def _stores(self) -> str:
        """At most one look at a time; who comes meanwhile waits for the same one."""
        with self._lock:
            if self._check is None or self._check.done():
                self._check = self._checks.submit(self._look)
            check = self._check
        try:
            return check.result(CHECK_S)
        except Late:
            return "no answer"

    def _look(self) -> str:
        from idp.app import check_open, close_parts, open_parts

        try:
            self._parts = self._parts or open_parts(self._config)
            check_open(self._parts)
        except (Unavailable, KeysError) as error:
            if self._parts is not None:
                close_parts(self._parts)
            self._parts = None
            return f"{error.part} unavailable" if isinstance(error, Unavailable) else type(error).__name__
        return "ok"


def _listen(bind: str, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    host, _, port = bind.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ConfigError("IDP_MANAGEMENT_BIND must be HOST:PORT")
    kind = _Six if ":" in host else _Four
    try:
        return kind((host.strip("[]"), int(port)), handler)
    except OSError as error:
        raise ConfigError(f"IDP_MANAGEMENT_BIND {bind}: {error.strerror or 'no such address'}") from None


class _Four(ThreadingHTTPServer):
    daemon_threads = True


class _Six(_Four):
    address_family = socket.AF_INET6


def _handler(management: Management) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5.0
        server_version, sys_version = "Yimen", ""

        def do_GET(self) -> None:
            if self.path == "/health/live":
                self._send(200, b'{"live":true}', "application/json")
            elif self.path == "/health/ready":
                state = management.ready()
                ok = all(v == "ok" for name, v in state.items() if name != "log")
                self._send(200 if ok else 503, msgspec.json.encode(state), "application/json")
            elif self.path == "/metrics":
                self._send(200, management.metrics(), "text/plain; version=0.0.4; charset=utf-8")
            else:
                self._send(404, b"", "text/plain")

        def do_HEAD(self) -> None:
            self.do_GET()

        def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
            if code == HTTPStatus.NOT_IMPLEMENTED:  # what the base says to a method without a function here
                self._send(HTTPStatus.METHOD_NOT_ALLOWED, b"", "text/plain", Allow="GET, HEAD")
            else:
                super().send_error(code, message, explain)

        def _send(self, status: int, body: bytes, kind: str, **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Probes are not worth a line."""

    return Handler
