"""Starts ``tests.ports.worker`` and always ends it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def children(
    count: int, verb: str, url: str, *args: object, vary: int | None = None
) -> Iterator[list[subprocess.Popen[str]]]:
    """So many ready processes; ``vary``: which argument grows by 1000 from one process to the next."""
    started = []
    try:
        for n in range(count):
            words = [str(int(str(a)) + n * 1000) if i == vary else str(a) for i, a in enumerate(args)]
            command = [sys.executable, "-m", "tests.ports.worker", verb, url, *words]
            pipe = subprocess.PIPE
            started.append(subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True))
        if verb != "upgrade":
            for child in started:
                assert child.stdout is not None
                ready = child.stdout.readline()
                assert ready == "ready\n", child.stderr and child.stderr.read()
        yield started
    finally:
        for child in started:
            child.kill()
            child.communicate()


def go(started: list[subprocess.Popen[str]]) -> None:
    """Let them all begin."""
    for child in started:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
