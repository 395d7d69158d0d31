"""Stopping: requests under way finish, the balancer is told first, nothing is left behind, however the parent ends (F04, F06)."""

import os
import signal
import socket
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable

import pytest

from idp.cli.serving import METRICS_PREFIX, TUNABLES, huge_pages, metrics_folder
from tests.faults.ground import Gone, Load, Served
from tests.kit.house import App
from tests.kit.process import PATIENCE_S, alive, wait_until

pytestmark = pytest.mark.slow
DRAIN_S = 1


@pytest.fixture
def served(make_served: Callable[..., Served]) -> Served:
    return make_served()


FORM = b"grant_type=client_credentials"


def begun(served: Served, app: App) -> socket.socket:
    """A request that is under way: the server reads its body (RFC 9110 §10.1.1: that is when it says so), which has not come yet."""
    basic = b64encode(f"{app.id}:{app.secret}".encode()).decode()
    lines = (
        "POST /token HTTP/1.1",
        f"Host: {served.config.host}",
        f"Authorization: Basic {basic}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(FORM)}",
        "Expect: 100-continue",
        "Connection: close",
    )
    line = socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S)
    line.sendall("\r\n".join((*lines, "", "")).encode())
    said = b""
    while not said.endswith(b"\r\n\r\n"):
        said += (part := line.recv(1))
        assert part, said
    assert said.startswith(b"HTTP/1.1 100 "), said
    return line


def finished(line: socket.socket) -> int:
    """The body comes; the status of the answer."""
    with line:
        line.sendall(FORM)
        return int(b"".join(iter(lambda: line.recv(65_536), b"")).split(b" ", 2)[1])


def test_workers_have_huge_pages_unless_the_operator_tunes_glibc() -> None:
    assert set(huge_pages({})) == {TUNABLES} and "hugetlb=1" in huge_pages({})[TUNABLES]
    assert huge_pages({TUNABLES: ""}) == {}


def test_requests_under_way_finish_while_the_balancer_is_told(served: Served) -> None:
    app = served.machine()
    server = served.start(2, "--threads", "64")  # six bodies that have yet to come are no crowd
    server.family()
    under_way = [begun(served, app) for _ in range(6)]
    server.popen.terminate()
    wait_until(lambda: served.health()[1].get("serving") == "stopping", "draining")
    assert served.health()[0] == 503
    time.sleep(1.5)  # who does not wait for them has ended them by now
    assert [finished(line) for line in under_way] == [200] * 6
    assert server.popen.wait(PATIENCE_S) == 0, server.output()
    wait_until(lambda: server.left() == [], "the end of every child")
    assert list(server.temporary.iterdir()) == []


@pytest.mark.attack("F06")
def test_who_heeds_readiness_loses_no_request(served: Served) -> None:
    """A balancer that has looked within the second for which the server goes on: a rolling restart is not seen outside."""
    app = served.machine()
    server = served.start(2, "--drain", str(DRAIN_S))
    answers: list[int] = []

    def caller() -> None:
        looked = time.monotonic()
        if served.health()[0] != 200:
            return
        time.sleep(DRAIN_S / 2)
        try:
            answers.append(served.as_client(app, "/token", {"grant_type": "client_credentials"}).status_code)
        except Gone:
            if time.monotonic() - looked < DRAIN_S:  # else this caller stood still, and its look is too old to go by
                raise

    with Load(*[caller] * 8):
        wait_until(lambda: len(answers) > 30, "load")
        server.popen.terminate()
        assert server.popen.wait(PATIENCE_S) == 0
    assert set(answers) == {200}


def test_workers_renewed_one_by_one(served: Served) -> None:
    """SIGHUP: other processes, no request refused in between."""
    app = served.machine()
    server = served.start(2, "--no-worker")
    before = set(server.of("server"))
    answers: list[int] = []

    def caller() -> None:
        for _ in range(3):  # a proxy tries again when the connection was reset before anything was read
            try:
                answers.append(served.as_client(app, "/token", {"grant_type": "client_credentials"}).status_code)
            except Gone:
                continue
            return
        raise AssertionError("refused eight times")

    with Load(caller, caller):
        server.popen.send_signal(signal.SIGHUP)
        wait_until(lambda: len(now := set(server.of("server"))) == 2 and not now & before, "other workers")
    assert set(answers) == {200}
    assert server.stop() == 0


def test_nothing_outlives_a_killed_parent(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    server = served.start(2)
    family = server.family()
    assert sorted(k for k in family.values() if k != "other") == ["server", "server", "worker"]
    server.kill()
    wait_until(lambda: not [pid for pid in family if alive(pid)], "the end of every child")
    (left,) = server.temporary.glob(f"{METRICS_PREFIX}*")
    monkeypatch.setattr(tempfile, "tempdir", str(server.temporary))
    ours = metrics_folder()  # what a killed parent could not remove, the next one removes, and its own alone
    assert not left.exists() and ours.exists()


def test_a_stop_before_anything_is_served(served: Served) -> None:
    """SIGTERM at any moment of the start ends everything."""
    for pause_s in (0.4, 0.9, 1.4):
        server = served.start(2, ready=False)
        time.sleep(pause_s)
        server.family()
        server.popen.terminate()
        server.popen.wait(PATIENCE_S)
        server.family()
        assert "Traceback" not in server.output()
        wait_until(lambda server=server: server.left() == [], "the end of every child")  # type: ignore[misc]
        assert list(server.temporary.iterdir()) == []


def test_ctrl_c_on_the_terminal(served: Served) -> None:
    """The terminal interrupts the whole group at once: that is a stop like any other."""
    server = served.start(2, ready=False)
    wait_until(lambda: served.health()[0] == 200, "readiness")  # another worker may still be loading
    server.family()
    os.killpg(server.pid, signal.SIGINT)
    assert server.popen.wait(PATIENCE_S) == 0
    wait_until(lambda: server.left() == [], "the end of every child")
    assert "Traceback" not in server.output() and "Unexpected" not in server.output(), server.output()
