"""Attacks on the log of every access: rows edited, swapped and deleted by hand; yesterday's copy; wildcards in what is searched for."""

import pytest

from idp.audit.search import Query
from idp.flows.log_search import search
from tests.journeys.test_log_memory import brought_back, keeper
from tests.journeys.test_log_verify import Insider, found, written
from tests.journeys.test_sequencer import happen
from tests.kit.house import House

SIZE = 300
BY_HAND = {
    "a row edited": (17, ("UPDATE events SET client_id = 'other' WHERE seq = {0}",)),
    "a row deleted": (17, ("DELETE FROM events WHERE seq = {0}",)),
    "two rows swapped": (
        17,
        (
            "UPDATE events SET seq = -1 WHERE seq = {0}",
            "UPDATE events SET seq = {0} WHERE seq = {1}",
            "UPDATE events SET seq = {1} WHERE seq = -1",
        ),
    ),
    "the last hundred deleted": (SIZE - 100, ("DELETE FROM events WHERE seq >= {2}",)),
}


@pytest.mark.attack("A155", "F28")
@pytest.mark.parametrize("what", BY_HAND)
def test_what_is_done_by_hand_is_named_with_its_place(any_house: House, what: str) -> None:
    """``idp audit verify`` fails at the first bad row (RFC 9162 §2.1; ASVS 16.4.2)."""
    written(any_house, SIZE)
    assert found(any_house) is None
    index, statements = BY_HAND[what]
    insider = Insider(any_house)
    places = insider.seq(17), insider.seq(18), insider.seq(SIZE - 100)
    insider.do(*(statement.format(*places) for statement in statements))
    bad = found(any_house)
    assert bad is not None and bad.index == index


@pytest.mark.attack("A155", "F29")
def test_over_yesterdays_copy_nothing_is_issued(make_house, house: House) -> None:
    """A restored older database is known by what is remembered outside of it, and no token leaves (C2SP tlog-checkpoint)."""
    written(house, 40)
    app = house.machine()

    def today() -> None:
        happen(house, 30)
        keeping = keeper(house)
        keeping.sequence()
        keeping.tick()

    old = brought_back(make_house, house, today)
    keeper(old).tick()
    old.clock.advance(1)
    assert old.as_client(app, "/token", {"grant_type": "client_credentials"}).status_code == 503


@pytest.mark.attack("A158")
@pytest.mark.parametrize("text", ["%", "_", "*", "c%", "' OR 1=1 --"])
def test_a_wildcard_finds_itself_alone(house: House, text: str) -> None:
    """A searched word is compared as it stands (CWE-943)."""
    written(house, 40)
    assert search(house.parts, Query(within="all", client="c"), house.clock()).events
    assert not search(house.parts, Query(within="all", client=text), house.clock()).events
