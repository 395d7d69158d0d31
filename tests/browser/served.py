"""The demonstration as anybody starts it: one subprocess of ``idp demo``, its accounts, its data, its end."""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idp.app import close_parts, open_parts
from idp.cli.demo import environment, is_free
from idp.config import load
from idp.flows.provision import add_account
from idp.parts import Parts
from tests.kit.process import PATIENCE_S, WORKER, alive

START_S = 300
PASSWORD = "seven lanterns over the quiet harbour"
OFFICES = {"tax": 1, "social": 2, "housing": 3, "library": 4}


@dataclass(frozen=True, slots=True)
class Account:
    """Who signs in. ``totp_secret`` of somebody with a second factor."""

    username: str
    password: str
    email: str = ""
    phone: str = ""
    totp_secret: str | None = None


@dataclass(slots=True)
class Demo:
    """A running demonstration. ``told`` is what it printed; ``seen`` the pages that were looked at already."""

    process: subprocess.Popen[str]
    port: int
    data: Path
    told: dict[str, Any]
    parts: Parts
    seen: set[object] = field(default_factory=set)
    made: int = 0

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}"

    def app(self, office: str, path: str = "/") -> str:
        """The address of a department's app."""
        return f"http://localhost:{self.port + OFFICES[office]}{path}"

    def client_id(self, office: str) -> str:
        """What the provider calls the app."""
        apps = json.loads((self.data / "apps.json").read_text(encoding="utf-8"))["apps"]
        return str(next(a["client_id"] for a in apps if a["office"] == office))

    def printed(self, username: str) -> Account:
        """An account of the printed list."""
        found = next(a for a in self.told["accounts"] if a["username"] == username)
        return Account(username, found["password"], totp_secret=found.get("totp_secret"))

    def account(self, **more: Any) -> Account:
        """A new citizen in the running provider's data; ``more`` as ``idp accounts add`` takes it."""
        self.made += 1
        n = self.made
        one = Account(f"chen.{n}", PASSWORD, f"chen.{n}@example.cn", f"+861390000{n:04d}")
        claims = {
            "name": "陈小明",
            "given_name": "小明",
            "family_name": "陈",
            "birthdate": "1990-02-03",
            "email": one.email,
            "email_verified": True,
            "phone_number": one.phone,
            "phone_number_verified": True,
            "address": {"country": "CN", "region": "浙江省", "locality": "杭州市", "street_address": "解放路 1 号"},
        }
        document = {
            "identifiers": [one.username, one.email, one.phone],
            "password": one.password,
            "claims": claims,
            **more,
        }
        add_account(self.parts, document, how="sample")
        return one


def free_port() -> int:
    """The first of five free ports in a row, with the management's a thousand above; below those of the system's callers, no other worker's."""
    for _ in range(200):
        port = 20_000 + 10 * (8 * secrets.randbelow(140) + WORKER)
        if all(is_free(p) for p in (*range(port, port + 5), port + 1000)):
            return port
    raise AssertionError("no free ports")


def start(port: int, tmp: Path, *more: str) -> subprocess.Popen[str]:
    """``idp demo`` with a temporary directory of its own, so that what it leaves can be seen; as in a terminal, a process group of its own."""
    tmp.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "idp.cli", "demo", "--port", str(port), *more],
        env={**os.environ, "TMPDIR": str(tmp)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def first_line(process: subprocess.Popen[str], stack: ExitStack) -> str:
    """What it prints when it is ready; fails when it ends before."""
    assert process.stdout is not None
    watchdog = subprocess.Popen([sys.executable, "-c", _KILL, str(process.pid), str(START_S)], stdin=subprocess.PIPE)
    stack.callback(watchdog.communicate)
    line = process.stdout.readline()
    assert line, f"the demonstration did not start: {process.stderr.read() if process.stderr else ''}"
    return line


OF_CITIZENS = re.compile(r"ALERT \w+: (?!log-)[a-z-]+ \(\S+\): \d+ events")

_KILL = """
import os, select, signal, sys
ready, _, _ = select.select([sys.stdin], [], [], float(sys.argv[2]))
if not ready:
    os.kill(int(sys.argv[1]), signal.SIGTERM)
"""


def family(pid: int) -> set[int]:
    """The process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found, todo = set[int](), [pid]
    while todo:
        one = todo.pop()
        found.add(one)
        todo.extend(children.get(one, []))
    return found


def stop(process: subprocess.Popen[str], sign: int = signal.SIGINT) -> set[int]:
    """Ctrl-C, and wait; the processes that are still there afterwards."""
    everyone = family(process.pid)
    os.kill(process.pid, sign)
    process.wait(PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while (left := {pid for pid in everyone if alive(pid)}) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def open_demo(root: Path, stack: ExitStack) -> Demo:
    """Start one, open its data beside it, and see it end when the stack unwinds."""
    port, data, tmp = free_port(), root / "data", root / "tmp"
    process = start(port, tmp, "--data", str(data), "--json")
    stack.callback(_ended, process, tmp)
    with ExitStack() as starting:
        told = json.loads(first_line(process, starting))
    parts = open_parts(load(environment(data, port)))
    stack.callback(close_parts, parts)
    return Demo(process, port, data, told, parts)


def _ended(process: subprocess.Popen[str], tmp: Path) -> None:
    try:
        left = stop(process)
    finally:
        if process.poll() is None:
            process.kill()
        out, err = process.communicate()
    assert left == set(), "processes outlive the demonstration"
    assert list(tmp.iterdir()) == [], "temporary files outlive the demonstration"
    # The citizens of a run, all from one address, do what alerts watch for: wrong passwords, factors removed. About the log itself nothing is told.
    said = "".join(line for line in err.splitlines(keepends=True) if not OF_CITIZENS.fullmatch(line.strip()))
    assert (out, said) == ("", "\nStopped.\n"), f"nothing else was said, but {out!r} {err[-4000:]!r}"
