"""The product as it is served, with citizens that sign in by its real pages, for relying parties that nobody here wrote."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.app import prepare
from tests.faults.ground import Served, WallClock, served_config
from tests.kit.agent import Agent, over_http
from tests.kit.house import PASSWORD


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """``idp serve`` on a free port over SQLite, with its background worker; one for the run."""
    folder = tmp_path_factory.mktemp("served")
    config = served_config(folder)
    prepare(config, clock=WallClock())
    house = Served(config, folder)
    try:
        house.citizen(password=PASSWORD)
        house.start(workers=1)
        yield house
    finally:
        house.close()


@pytest.fixture
def agent(served: Served) -> Agent:
    """A browser of the citizen's without a session yet."""
    return over_http(served.config.issuer)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parents[2]
