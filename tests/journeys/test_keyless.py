"""People whose keys a keyring lacks, counted whole and by chance (``idp.flows.keyless``)."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from idp.flows import keyless
from idp.flows.keyless import People, people
from tests.kit.house import House


def looked_at(ids: list[bytes], start: int, page: int, most: int) -> list[bytes]:
    """Page by page from behind one to the last, then from the first to that one, until so many are seen."""
    seen: list[bytes] = []
    for those in (ids[start + 1 :], ids[: start + 1]):
        for at in range(0, len(those), page):
            if len(seen) < most:
                seen += those[at : at + page]
    return seen


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
def test_whole_or_from_a_random_person_on(house: House, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    monkeypatch.setattr(keyless, "PAGE", page)
    ids = sorted(house.citizen(f"citizen.{n}") for n in range(5))
    with closing(sqlite3.connect(house.config.keyring_url.removeprefix("sqlite:///"))) as file, file:
        file.execute("DELETE FROM keyring WHERE account_id = ?", (ids[2],))
    assert people(house.parts) == People(4, 1)
    assert people(house.parts, 50) == People(4, 1)
    for start in range(5):
        seen = looked_at(ids, start, page, 3)
        by_chance = replace(house.parts, entropy=lambda _, start=start: ids[start])  # type: ignore[misc]
        assert people(by_chance, 3) == People(len(seen) - (ids[2] in seen), int(ids[2] in seen)), start
