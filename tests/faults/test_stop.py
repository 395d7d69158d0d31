"""Stopping: requests under way finish, the balancer is told first, nothing is left behind, however the parent ends (F04, F06)."""

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from idp.cli.serving import METRICS_PREFIX, TUNABLES, huge_pages, metrics_folder
from tests.faults.ground import Gone, Load, Served
from tests.kit.process import alive, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def served(make_served: Callable[..., Served]) -> Served:
    return make_served()


def slow(served: Served, seconds: float) -> Callable[[], int]:
    """A request that is under way so long: another writer holds the database meanwhile, as long as a writer waits."""
    app = served.machine()

    def ask() -> int:
        return served.as_client(app, "/token", {"grant_type": "client_credentials"}).status_code

    file = served.parts.store.file  # type: ignore[attr-defined]
    connection = file.hold()
    connection.execute("BEGIN IMMEDIATE")

    def release() -> None:
        time.sleep(seconds)
        connection.execute("ROLLBACK")
        file.let_go()

    threading.Thread(target=release).start()
    return ask


def test_workers_have_huge_pages_unless_the_operator_tunes_glibc() -> None:
    assert set(huge_pages({})) == {TUNABLES} and "hugetlb=1" in huge_pages({})[TUNABLES]
    assert huge_pages({TUNABLES: ""}) == {}


def test_requests_under_way_finish_while_the_balancer_is_told(served: Served) -> None:
    server = served.start(2)
    served.machine()
    server.family()
    ask = slow(served, 1.5)
    with ThreadPoolExecutor(6) as pool:
        under_way = [pool.submit(ask) for _ in range(6)]
        time.sleep(0.5)
        began = time.monotonic()
        server.popen.terminate()
        wait_until(lambda: served.health()[1].get("serving") == "stopping", "draining", 2)
        assert served.health()[0] == 503
        assert [f.result() for f in under_way] == [200] * 6
    assert server.popen.wait(30) == 0, server.output()
    assert time.monotonic() - began < 30
    wait_until(lambda: server.left() == [], "the end of every child", 5)
    assert list(server.temporary.iterdir()) == []


@pytest.mark.attack("F06")
def test_who_heeds_readiness_loses_no_request(served: Served) -> None:
    """A balancer that looks every tenth of a second, and a server that goes on for a second: a rolling restart is not seen outside."""
    app = served.machine()
    server = served.start(2, "--drain", "1")
    open_door = threading.Event()
    open_door.set()
    answers: list[int] = []

    def balancer() -> None:
        if served.health()[0] != 200:
            open_door.clear()
        time.sleep(0.1)

    def caller() -> None:
        if open_door.is_set():
            answers.append(served.as_client(app, "/token", {"grant_type": "client_credentials"}).status_code)

    with Load(balancer, caller, caller, caller):
        wait_until(lambda: len(answers) > 30, "load")
        server.popen.terminate()
        assert server.popen.wait(30) == 0
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
        wait_until(lambda: len(now := set(server.of("server"))) == 2 and not now & before, "other workers", 40)
    assert set(answers) == {200}
    assert server.stop() == 0


def test_nothing_outlives_a_killed_parent(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    server = served.start(2)
    family = server.family()
    assert sorted(k for k in family.values() if k != "other") == ["server", "server", "worker"]
    server.kill()
    wait_until(lambda: not [pid for pid in family if alive(pid)], "the end of every child", 10)
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
        server.popen.wait(30)
        server.family()
        assert "Traceback" not in server.output()
        wait_until(lambda server=server: server.left() == [], "the end of every child", 10)  # type: ignore[misc]
        assert list(server.temporary.iterdir()) == []


def test_ctrl_c_on_the_terminal(served: Served) -> None:
    """The terminal interrupts the whole group at once: that is a stop like any other."""
    server = served.start(2, ready=False)
    wait_until(lambda: served.health()[0] == 200, "readiness", 40)  # another worker may still be loading
    server.family()
    os.killpg(server.pid, signal.SIGINT)
    assert server.popen.wait(30) == 0
    wait_until(lambda: server.left() == [], "the end of every child", 5)
    assert "Traceback" not in server.output() and "Unexpected" not in server.output(), server.output()
