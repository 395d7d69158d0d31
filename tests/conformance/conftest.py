"""A run of each plan over the composed application."""

import pytest

from tests.conformance.suite import Suite
from tests.kit.house import House


@pytest.fixture(params=["query", "form_post"])
def suite(house: House, request: pytest.FixtureRequest) -> Suite:
    """Plans Basic (``response_mode`` default) and Form Post Basic (``form_post``): the same modules."""
    return Suite(house, mode=request.param)


@pytest.fixture
def plain(house: House) -> Suite:
    """A run with ``client_secret_basic``, as the logout plans ask."""
    return Suite(house)


@pytest.fixture
def proving(house: House) -> Suite:
    """Plan Dynamic: ``private_key_jwt``."""
    return Suite(house, auth="private_key_jwt")
