"""People whose keys a keyring lacks, counted whole and by chance (``idp.flows.keyless``)."""

import sqlite3

import pytest

from idp.flows import keyless
from idp.flows.keyless import People, people
from tests.kit.house import House


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
def test_whole_or_from_a_random_person_on(house: House, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    monkeypatch.setattr(keyless, "PAGE", page)
    ids = [house.citizen(f"citizen.{n}") for n in range(5)]
    with sqlite3.connect(house.config.keyring_url.removeprefix("sqlite:///")) as file:
        file.execute("DELETE FROM keyring WHERE account_id = ?", (ids[2],))
    assert people(house.parts) == People(4, 1)
    assert people(house.parts, 50) == People(4, 1)
    some = [people(house.parts, 3) for _ in range(40)]
    assert all(3 <= one.readable + one.unreadable < 3 + page or page > 5 for one in some)
    assert all(one.readable + one.unreadable <= 5 for one in some)
    assert {one.unreadable for one in some} == ({1} if page > 5 else {0, 1})
