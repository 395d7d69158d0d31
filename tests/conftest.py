"""Every test: real parts from the kit, a clean environment, markers that follow from what is used."""

import gc
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = [
    "pytester",
    "tests.kit.clock",
    "tests.kit.services",
    "tests.kit.browser",
    "tests.kit.house",
    "tests.kit.softhsm",
]

SERVICES = {"postgres": "postgres", "redis": "redis", "chromium": "browser", "token": "pkcs11", "outbound": "network"}
ROW = re.compile(r"[A-Z]\d{2,3}")
MEMORY, ENOUGH = Path("/dev/shm"), 4 << 30

LONGEST = Path(__file__).with_name("longest_first.txt").read_text(encoding="utf-8").split()
"""Files that take long begin first, so that the workers end together. Others follow; an order that is out of date costs time alone."""


def pytest_configure(config: pytest.Config) -> None:
    """Databases and files of the tests lie in memory where there is enough of it: thousands of flushes to a disk are most of a run's waiting.

    They are flushed all the same, as in production: processes are killed here, machines never lose their power. Whoever names a place
    (TMPDIR) gets it.
    """
    if "TMPDIR" not in os.environ and (folder := in_memory()):
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    # Hundreds of commands are started: the first compiles the product for all that follow, whatever the environment says.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    gc.disable()  # until everything is collected: nothing of it is garbage


def in_memory() -> Path | None:
    """A folder of this user's in memory; None without the room, or where nothing may be executed (tests install commands)."""
    try:
        system = os.statvfs(MEMORY)
        if system.f_flag & os.ST_NOEXEC or system.f_bavail * system.f_frsize < ENOUGH:
            return None
        folder = MEMORY / f"yimen-tests-{os.getuid()}"
        folder.mkdir(0o711, exist_ok=True)  # the servers of the tests pass through under users of their own
        found = folder.lstat()
    except OSError:
        return None
    return folder if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() else None


def longest_first(items: list[pytest.Item]) -> None:
    """Whole files change places; the order within a file stays."""
    place = {name: n for n, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by the services used; hold attack tests to their form: rows of the catalogue, and a docstring that says which section."""
    for item in items:
        used = {*getattr(item, "fixturenames", ()), *chosen(item)}
        for fixture, marker in SERVICES.items():
            if fixture in used:
                item.add_marker(marker)
        for mark in item.iter_markers("attack"):
            if not mark.args or not all(isinstance(row, str) and ROW.fullmatch(row) for row in mark.args):
                raise pytest.UsageError(f"{item.nodeid}: attack() takes rows of the catalogue, like attack('A033')")
            if not getattr(getattr(item, "function", None), "__doc__", None):
                raise pytest.UsageError(
                    f"{item.nodeid}: an attack test says in one line what it holds off, with the section"
                )
    longest_first(items)


def pytest_collection_finish() -> None:
    """What is loaded by now stays to the end: Python's search for garbage, a quarter of small tests' work, looks at it no more."""
    gc.freeze()
    gc.enable()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long values name no test: nobody reads them, and generated ones would differ between xdist's workers."""
    return argname if isinstance(val, str | bytes) and len(val) > 40 else None


def chosen(item: pytest.Item) -> set[str]:
    """Words of the parameters that a test runs with: a fixture that takes "postgres+redis" needs both servers."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    return {word for value in params.values() if isinstance(value, str) for word in value.split("+")}


@pytest.fixture(autouse=True, scope="session")
def _clean_environment() -> Iterator[None]:
    """A developer's own IDP_* settings change no test."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("IDP_")}
    yield
    os.environ.update(kept)
