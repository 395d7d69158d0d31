"""CPU time of running processes, read from /proc: to the nanosecond, without slowing them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROC = Path("/proc")


def family(root: int, proc: Path = PROC) -> list[int]:
    """A process and everything that descends from it now."""
    found = [root]
    for pid in found:
        for children in sorted(proc.glob(f"{pid}/task/*/children")):
            try:
                found += [int(word) for word in children.read_text().split()]
            except OSError:  # the thread has ended
                continue
    return found


def spent_ns(root: int, proc: Path = PROC) -> dict[str, int]:
    """Thread → nanoseconds on a CPU so far, of a process and its descendants. Empty when it is gone."""
    spent = {}
    for pid in family(root, proc):
        for schedstat in proc.glob(f"{pid}/task/*/schedstat"):
            try:
                spent[schedstat.parent.name] = int(schedstat.read_text().split()[0])
            except OSError:
                continue
    return spent


def between_us(before: dict[str, int], after: dict[str, int]) -> float:
    """Microseconds of CPU between two readings; a thread that began meanwhile counts whole."""
    return sum(ns - before.get(thread, 0) for thread, ns in after.items()) / 1000


def cores() -> tuple[int, int]:
    """(for what is measured, for the load): the first and the last core that we may use; the same one where there is no other."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """This thread, and every process and thread that it starts inside the block, stay on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
