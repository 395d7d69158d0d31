"""Served houses on every backend: prepared once, copied for each test, always torn down."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from idp.app import prepare
from tests.faults.ground import Served, WallClock, served_config
from tests.kit.house import _prepare_postgres
from tests.kit.postgres import Postgres

BACKENDS = ["sqlite", pytest.param("postgres+redis", marks=[pytest.mark.postgres, pytest.mark.redis])]


@pytest.fixture(scope="session")
def prepared_served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated SQLite files and keys of today."""
    folder = tmp_path_factory.mktemp("served")
    prepare(served_config(folder), clock=WallClock())
    return folder


@pytest.fixture
def make_served(
    request: pytest.FixtureRequest, prepared_served: Path, tmp_path: Path
) -> Iterator[Callable[..., Served]]:
    """``make(backend, **settings)``: a house in a folder of its own, not started."""
    built: list[tuple[Served, list[str]]] = []

    def make(backend: str = "sqlite", **settings: Any) -> Served:
        folder = tmp_path / f"house{len(built)}"
        shutil.copytree(prepared_served, folder)
        urls = _urls(request, prepared_served) if backend != "sqlite" else {}
        house = Served(served_config(folder, **urls, **settings), folder)
        built.append((house, [u for u in urls.values() if u.startswith("postgresql")]))
        return house

    yield make
    for house, databases in built:
        house.close()
        for url in databases:
            request.getfixturevalue("postgres").drop(url)


def _urls(request: pytest.FixtureRequest, prepared: Path) -> dict[str, str]:
    postgres: Postgres = request.getfixturevalue("postgres")
    # Keyed by the folder: two packages that import these fixtures have a folder, and so a root key, each.
    main = postgres.prepared(f"{prepared}/main", lambda url: _prepare_postgres(prepared, url, "main"))
    keyring = postgres.prepared(f"{prepared}/keyring", lambda url: _prepare_postgres(prepared, url, "keyring"))
    return {
        "database_url": postgres.database(main),
        "keyring_url": postgres.database(keyring),
        "volatile_url": request.getfixturevalue("redis_url"),
    }
