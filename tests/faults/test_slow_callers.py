"""Callers that begin requests and never end them keep nobody else waiting. Slow bodies are the proxy's (``docker/Caddyfile``)."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.ground import Served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

BEGINNINGS = {
    "nothing": b"",
    "half a header": b"GET /jwks HTTP/1.1\r\nHost: HOST\r\nX-A: ",
}
CALLERS = 60


@contextlib.contextmanager
def held_open(served: Served, beginning: bytes, n: int) -> Iterator[None]:
    name, _, port = served.config.host.partition(":")
    with contextlib.ExitStack() as lines:
        for _ in range(n):
            line = lines.enter_context(socket.create_connection((name, int(port)), timeout=5))
            if beginning:
                line.sendall(beginning.replace(b"HOST", served.config.host.encode()))
        yield


def resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


@pytest.mark.attack("F35")
def test_unfinished_requests_keep_nobody_waiting(make_served: Callable[..., Served]) -> None:
    """Many more of them than there are threads: everyone else is answered, and the worker stays small."""
    served = make_served()
    served.start(1)
    app = served.machine()
    for what, beginning in BEGINNINGS.items():
        (worker,) = served.server.of("server")
        assert served.request("GET", "/jwks").status_code == 200
        before = resident_kb(worker)
        with held_open(served, beginning, CALLERS):
            for _ in range(10):
                assert served.request("GET", "/jwks").status_code == 200, what
                answer = served.as_client(app, "/token", {"grant_type": "client_credentials"})
                assert answer.status_code == 200, what
            assert resident_kb(worker) - before < 64 * 1024, what
