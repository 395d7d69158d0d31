"""Every test: real parts from the kit, a clean environment, markers that follow from what is used."""

import os
import re
from collections.abc import Iterator

import pytest

pytest_plugins = [
    "pytester",
    "tests.kit.clock",
    "tests.kit.services",
    "tests.kit.browser",
    "tests.kit.house",
    "tests.kit.softhsm",
]

SERVICES = {"postgres": "postgres", "redis": "redis", "chromium": "browser"}
ROW = re.compile(r"[A-Z]\d{2,3}")


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
