"""Processes that never outlive the run, however it ends."""

import os
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from idp.cli.demo import is_free

STRICT = bool(os.environ.get("YIMEN_STRICT"))
PATIENCE_S = 90.0
"""What comes at all comes within this time, on a slow machine that stands still meanwhile too."""


def need(what: str, package: str, present: object) -> None:
    """Skip with the reason where a part is not installed; fail where nothing may be skipped (``YIMEN_STRICT``)."""
    if present:
        return
    reason = f"{what} is not installed (Debian: {package})"
    if STRICT:
        pytest.fail(reason)
    pytest.skip(reason)


def wait_until(done: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Poll until ``done()``; AssertionError that names ``what`` when it never is. The time is a hang's alone: no check of how fast it came."""
    end = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < end, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether the process exists and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
_GIVEN: set[int] = set()


def free_port() -> int:
    """For a server that binds it later. Between now and then nobody takes it: the system gives callers' ports from 32768 on, another worker of
    this run has others, and this one gives none twice."""
    for _ in range(10_000):
        port = 10_000 + 8 * secrets.randbelow(1250) + WORKER
        if port not in _GIVEN and is_free(port):
            _GIVEN.add(port)
            return port
    raise AssertionError("no free port")


class Home:
    """A private directory with a guard: when this process ends in whatever way, even by SIGKILL, the guard kills the
    process named in ``pid_file`` and removes the directory. The guard waits on a pipe that only we hold."""

    def __init__(self, prefix: str, owner: str | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"yimen-{prefix}-"))
        self.pid_file = self.path / "guarded.pid"
        if owner:
            shutil.chown(self.path, owner, owner)
        here, pids = shlex.quote(str(self.path)), shlex.quote(str(self.pid_file))
        # No signal that a terminal or a time limit sends to the run may stop the guard before its work.
        script = f"trap '' INT TERM HUP; cat >/dev/null; kill -KILL $(cat {pids}) 2>/dev/null; sleep 0.1; rm -rf {here}"
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def guarding(self, pid: int | None) -> None:
        """Name the process to be killed with this home, or none."""
        self.pid_file.write_text("" if pid is None else str(pid))

    def close(self) -> None:
        """Kill what is left, remove the directory."""
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._guard.wait(PATIENCE_S)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """The process hangs (SIGSTOP) inside the block: it neither answers nor closes its connections."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
