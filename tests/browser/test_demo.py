"""``idp demo`` as a stranger starts it: what it prints, that it says no more, that Ctrl-C leaves nothing."""

import os
import re
import signal
from contextlib import ExitStack

import pytest
from click.testing import CliRunner

from idp.cli import main
from idp.cli.demo import STOPS, Stops
from tests.browser.served import family, first_line, free_port, start, stop
from tests.kit.process import PATIENCE_S, alive, wait_until

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_end_leaves_nothing_behind(tmp_path, sign):
    port, tmp = free_port(), tmp_path / "tmp"
    with ExitStack() as stack:
        process = start(port, tmp)
        said = [first_line(process, stack)]
        while "Ctrl-C stops everything." not in said[-1]:
            said.append(process.stdout.readline())
        assert len(family(process.pid)) >= 4, "provider, its worker, department apps"
        assert any(tmp.iterdir())
        assert stop(process, sign) == set()
    rest, errors = process.communicate()
    text = "".join(said) + rest
    assert process.returncode == 0
    assert list(tmp.iterdir()) == []
    assert errors == "\nStopped.\n"
    assert f"http://localhost:{port}" in text
    assert re.search(r"li\.wei +\S+-\S+", text)
    assert not re.search(r"(?i)warning|worker|serving|bind", text), "only its own lines"


def test_an_end_before_it_is_ready_leaves_nothing_behind(tmp_path):
    """The server's program waits while the data is prepared; it ends with the demonstration"""
    tmp = tmp_path / "tmp"
    process = start(free_port(), tmp)
    wait_until(lambda: len(family(process.pid)) > 1, "the server's program waits")
    assert stop(process) == set()
    assert process.communicate() == ("", "\nStopped.\n")
    assert list(tmp.iterdir()) == []


@pytest.mark.parametrize("ready", [True, False], ids=["ready", "preparing"])
def test_a_killed_one_takes_its_parts_along(tmp_path, ready):
    """``kill -9`` tells nobody, and whoever it was cannot remove passwords and secrets of sample citizens."""
    tmp = tmp_path / "tmp"
    with ExitStack() as stack:
        process = start(free_port(), tmp)
        if ready:
            first_line(process, stack)
        wait_until(lambda: len(family(process.pid)) > 1 and any(tmp.iterdir()), "a child and its data")
        everyone = family(process.pid)
        process.kill()
        process.wait()
    wait_until(lambda: not [pid for pid in everyone if alive(pid)], "the end of every part")
    assert list(tmp.iterdir()) == []
    process.communicate()


def test_a_port_that_leaves_no_room_is_said():
    for port in ("0", "64536", "80000"):
        told = CliRunner().invoke(main, ["demo", "--port", port])
        assert told.exit_code == 2 and "1<=x<=64535" in told.output


def test_a_stop_at_a_childs_start_waits_until_the_child_is_known():
    """Who is started but in no list would outlive the demonstration, its ports taken"""
    before, started = {name: signal.getsignal(name) for name in STOPS}, []

    def begin(stops, name):
        with stops.later():
            os.kill(os.getpid(), name)
            started.append(name)

    try:
        for name in STOPS:
            stops = Stops()
            stops.hear()
            with pytest.raises(KeyboardInterrupt):
                begin(stops, name)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(name)
    finally:
        for name, old in before.items():
            signal.signal(name, old)
    assert started == list(STOPS)


def test_a_taken_port_is_said(tmp_path, demo):
    process = start(demo.port - 1, tmp_path / "tmp")
    out, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (1, "")
    assert f"port {demo.port} is taken" in errors
    assert list((tmp_path / "tmp").iterdir()) == []


def test_data_of_another_port_is_refused(tmp_path, demo):
    process = start(free_port(), tmp_path / "tmp", "--data", str(demo.data))
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert f"belongs to {demo.issuer}" in errors
    assert os.path.exists(demo.data / "demo.json")  # noqa: PTH110
