"""Programs that the bench starts, each in a session of its own, and ends with everything they started."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from idp.bench.cpu import cores, on_core

START_S = 180
STOP_S = 60


class BenchError(Exception):
    """The bench can't go on; the text says what to do."""


class Missing(BenchError):
    """A program is not installed; the text names it and its Debian package."""


def program(name: str, package: str) -> str:
    """The path of an installed program. Raises Missing."""
    found = shutil.which(name)
    if found is None:
        raise Missing(f"{name} is not installed (Debian: apt-get install {package})")
    return found


def free_port() -> int:
    """A loopback port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    **popen: Any,
) -> Iterator[subprocess.Popen[bytes]]:
    """The program on the measured core, its output in ``log``; at the end it is asked to stop, then its whole session is killed."""
    with log.open("ab") as sink, on_core(cores()[0]):
        process = subprocess.Popen(  # noqa: S603  programs that the bench names itself
            command,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            **popen,
        )
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_S)


def wait_until(done: Callable[[], bool], process: subprocess.Popen[bytes], what: str, log: Path) -> None:
    """Poll until ``done()``. Raises BenchError with the log's end when the process ends first, or it takes too long."""
    deadline = time.monotonic() + START_S
    while not done():
        if process.poll() is not None or time.monotonic() > deadline:
            told = log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
            raise BenchError("\n".join([f"{what} did not start:", *told]))
        time.sleep(0.05)
