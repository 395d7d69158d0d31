"""The bench's own parts: CPU readings, the small browser's forms, what wrk tells, the peer's lock."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from idp.bench.citizen import Form
from idp.bench.cpu import between_us, family, spent_ns
from idp.bench.processes import BenchError, Missing, program, running, wait_until
from idp.bench.services import postgres_programs
from idp.bench.target import CLIENTS, Credentials, Login, Target
from idp.bench.wrk import read
from tests.kit.process import alive
from tests.kit.process import wait_until as until

PEER = Path(__file__).parent / "peer"
BUSY = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\ntime.sleep(60)"
PARENT = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}])"


def test_cpu_of_descendants_counts_and_waiting_does_not(tmp_path: Path) -> None:
    with running([sys.executable, "-c", PARENT], tmp_path / "log") as process:
        wait_until(lambda: len(family(process.pid)) == 2, process, "the child", tmp_path / "log")
        wait_until(lambda: between_us({}, spent_ns(process.pid)) > 200_000, process, "0.2 s", tmp_path / "log")
        time.sleep(0.1)
        before = spent_ns(process.pid)
        time.sleep(0.2)
        assert between_us(before, spent_ns(process.pid)) < 100_000
        child = family(process.pid)[1]
    until(lambda: not alive(child), "the end of what it had started")


def test_between_counts_a_new_thread_whole_and_forgets_an_ended_one() -> None:
    assert between_us({"1": 5_000, "2": 9_000}, {"1": 8_000, "3": 4_000}) == 7.0


def test_a_program_that_ends_early_is_told_with_its_last_lines(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('no room'); raise SystemExit(3)"]
    with (
        running(command, tmp_path / "log") as process,
        pytest.raises(BenchError, match="the thing did not start:\nno room"),
    ):
        wait_until(lambda: False, process, "the thing", tmp_path / "log")


def test_what_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="apt-get install wrk"):
        program("wrk", "wrk")
    with pytest.raises(Missing, match="apt-get install postgresql"):
        postgres_programs(tmp_path)


def test_the_newest_postgres_is_taken(tmp_path: Path) -> None:
    for number in ("9", "15", "14"):
        (tmp_path / number / "bin").mkdir(parents=True)
        (tmp_path / number / "bin/initdb").touch()
    assert postgres_programs(tmp_path) == tmp_path / "15/bin"


PAGE = """<form action="/language"><input name="lang"></form>
<form method="post" action="/sign-in"><input type="hidden" name="proof" value="a&amp;b"><input id=u name="username">
<input type="password" name="password"><input type="checkbox" name="keep" value="1"><button name="decision" value="allow">
</button><button name="decision" value="deny"></button></form><form method="post"><input name="other"></form>"""


def test_the_first_form_that_posts_is_filled_as_a_person_would() -> None:
    form = Form(PAGE)
    assert form.action == "/sign-in"
    filled = form.filled(Login("li.wei", "secret"))
    assert filled == {"proof": "a&b", "username": "li.wei", "password": "secret", "decision": "allow"}


def test_a_secret_shows_in_no_repr() -> None:
    assert "hidden" not in repr(Login("li.wei", "hidden")) + repr(Credentials("id", "hidden"))


def test_basic_authentication_is_percent_encoded() -> None:
    """RFC 6749 §2.3.1."""
    assert Credentials("a:b", "c d").basic == "Basic YSUzQWI6YyUyMGQ="


def test_an_authorization_request_encodes_every_value() -> None:
    target = Target("x", "", {"authorization": "/auth"}, {"es256": Credentials("a b", "")}, (), {})
    assert target.authorize("es256").startswith("/auth?response_type=code&client_id=a%20b&redirect_uri=https%3A%2F%2F")


RESULT = 'RESULT {"operations":7,"requests":9,"seconds":1.0,"p50_ms":1,"p99_ms":2.5,"errors":1,"last_error":"400 \\u0022x\\u0022"}'


def test_what_wrk_tells_is_read() -> None:
    load = read(f"Running 1s test\n\n{RESULT}\n")
    assert (load.operations, load.requests, load.errors, load.last_error) == (7, 9, 1, '400 "x"')


def test_a_load_that_tells_nothing_is_an_error() -> None:
    with pytest.raises(BenchError, match="cannot open"):
        read("Running 1s test", "cannot open fixed.lua")


def test_the_peer_is_pinned_and_its_lock_has_hashes() -> None:
    package = json.loads((PEER / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((PEER / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    wanted = package["dependencies"] | package["optionalDependencies"]
    assert {name: lock[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert [name for name, entry in lock.items() if name and not entry.get("integrity", "").startswith("sha512-")] == []
    assert [name for name, entry in lock.items() if "resolved" in entry] == []


def test_every_client_authenticates_with_a_secret_and_asks_for_what_is_measured() -> None:
    assert {name: client.get("id_token_signed_response_alg") for name, client in CLIENTS.items()} == {
        "machine": None,
        "es256": "ES256",
        "rs256": "RS256",
    }


def test_the_verb_refuses_an_operation_that_it_does_not_know() -> None:
    command = [sys.executable, "-m", "idp.cli", "bench", "--only", "everything"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert run.returncode == 2
    assert "choose from discovery" in run.stderr
