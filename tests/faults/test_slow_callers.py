"""Callers that begin requests and never end them keep nobody else waiting. Nor do those whose body does not come."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from idp.cli.slow_bodies import DEADLINE_S, HURRIED_S, Input, SlowBodies
from tests.faults.ground import Served
from tests.kit.process import PATIENCE_S

pytestmark = pytest.mark.slow

BEGINNINGS = {
    "nothing": b"",
    "half a header": b"GET /jwks HTTP/1.1\r\nHost: HOST\r\nX-A: ",
}
SLOW_BODY = b"POST /token HTTP/1.1\r\nHost: HOST\r\nContent-Length: 100\r\n\r\ngrant_type="
SLOW_CHUNKS = b"POST /token HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ngra\r\n"
CALLERS = 60
SLOW = 40


@contextlib.contextmanager
def held_open(served: Served, beginning: bytes, n: int) -> Iterator[list[socket.socket]]:
    name, _, port = served.config.host.partition(":")
    opened = []
    with contextlib.ExitStack() as lines:
        for _ in range(n):
            line = lines.enter_context(socket.create_connection((name, int(port)), timeout=PATIENCE_S))
            if beginning:
                line.sendall(beginning.replace(b"HOST", served.config.host.encode()))
            opened.append(line)
        yield opened


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


@pytest.mark.attack("F35")
def test_bodies_that_do_not_come_stop_no_sign_in(make_served: Callable[..., Served]) -> None:
    """Ten times as many of them as there are threads: they are told why and let go, and a citizen signs in."""
    served = make_served()
    served.start(1, "--threads", "4")
    citizen = served.citizen()
    with held_open(served, SLOW_BODY, SLOW) as lines, held_open(served, SLOW_CHUNKS, SLOW) as chunked:
        served.signed_in(citizen)
        for line in chunked:  # nobody waits for their end
            line.settimeout(PATIENCE_S)
            assert line.recv(64).startswith(b"HTTP/1.1 411 ")
        for line in lines[:-4]:  # the last may take their time
            line.settimeout(PATIENCE_S)
            answer = line.recv(64)
            assert answer.startswith(b"HTTP/1.1 408 ")
            while line.recv(65536):
                """The connection ends."""


def body(bodies: SlowBodies, began: float) -> Input:
    made = Input(bodies, None, None, {"REMOTE_ADDR": "192.0.2.1", "SERVER_PORT": "80"})
    bodies.reading[made] = began
    return made


def test_a_process_that_stood_still_cuts_nobody_off() -> None:
    """Suspended, or on a machine with no time for it: the bodies have come meanwhile, and are read first."""
    bodies = SlowBodies(4)
    reading = [body(bodies, n / 1000) for n in range(4)]
    assert bodies.look(60.0) == [], "a minute without a look is no minute of waiting"
    assert bodies.look(0.1) == []
    assert bodies.look(HURRIED_S) == reading[:3], "they did not come in the time that the process had"
    assert [one.cut for one in reading] == [True, True, True, False]
    while bodies.watched_s < DEADLINE_S - 0.1:
        assert bodies.look(0.1) == []
    assert bodies.look(60.0) == reading[3:]


def test_a_body_may_take_its_time_while_threads_are_free() -> None:
    bodies = SlowBodies(16)
    kept = [body(bodies, n / 10) for n in range(4)]
    assert bodies.late(HURRIED_S * 2) == []
    assert bodies.late(DEADLINE_S + 0.15) == kept[:2]
    more = [body(bodies, 5.0), body(bodies, 5.0)]
    assert bodies.late(5.1) == kept[:2], "the longest waiting make room"
    kept[0].cut = True
    assert bodies.late(5.1) == kept[1:2]
    assert bodies.late(5.0 + DEADLINE_S + 1) == [*kept[1:], *sorted(more, key=id)]
