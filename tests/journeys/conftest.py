"""An installation and its operator, for the journeys on the command line."""

import shutil
from pathlib import Path

import pytest

from tests.kit.operator import Operator


@pytest.fixture
def idp(tmp_path: Path, prepared_house: Path) -> Operator:
    """An installation after ``idp db upgrade``."""
    shutil.copytree(prepared_house, tmp_path, dirs_exist_ok=True)
    return Operator(tmp_path)


@pytest.fixture
def department(idp: Operator) -> str:
    added = idp.ask(
        "departments",
        "add",
        "税务局",
        "--name-en",
        "Tax Bureau",
        "--credit-code",
        "11330000MB0000019E",
        "--region",
        "330100",
        "--level",
        "city",
    )
    return str(added["id"])
