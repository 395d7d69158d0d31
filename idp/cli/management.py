"""The management address: ``/health/live``, ``/health/ready``, ``/metrics``. Served by the parent, never by the public listener."""

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from idp.config import Config
from idp.errors import Unavailable
from keys.errors import KeysError


class Management:
    """A small HTTP server in a thread of the parent. Not ready while draining, or while a part can't be reached."""

    def __init__(self, config: Config, metrics_dir: str, background: "subprocess.Popen[bytes] | None") -> None:
        self._config, self._metrics_dir, self._background = config, metrics_dir, background
        self._stopping = False
        host, _, port = config.management_bind.rpartition(":")
        self._server = ThreadingHTTPServer((host.strip("[]"), int(port)), _handler(self))
        self._server.daemon_threads = True

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

    def ready(self) -> dict[str, str]:
        """Each part's state; all must be ``ok``."""
        from idp.app import check_parts

        state = {"serving": "stopping" if self._stopping else "ok"}
        if self._background is not None:
            state["worker"] = "ok" if self._background.poll() is None else "ended"
        try:
            check_parts(self._config)
            state["stores"] = "ok"
        except Unavailable as error:
            state["stores"] = f"{error.part} unavailable"
        except KeysError as error:
            state["stores"] = f"keys: {type(error).__name__}"
        return state

    def metrics(self) -> bytes:
        """All workers' metrics added up, Prometheus text."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=self._metrics_dir)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def _handler(management: Management) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/health/live":
                self._send(200, b'{"live":true}', "application/json")
            elif self.path == "/health/ready":
                state = management.ready()
                ok = all(v == "ok" for v in state.values())
                self._send(200 if ok else 503, msgspec.json.encode(state), "application/json")
            elif self.path == "/metrics":
                self._send(200, management.metrics(), "text/plain; version=0.0.4; charset=utf-8")
            else:
                self._send(404, b"", "text/plain")

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Probes are not worth a line."""

    return Handler
