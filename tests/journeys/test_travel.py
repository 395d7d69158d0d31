"""Impossible travel in a whole house: real sign-ins, their sealed addresses opened by the watch for that rule alone; nothing of a place is told."""

from pathlib import Path

import pytest

from idp.audit.travel import Places
from idp.config import ConfigError
from idp.flows import log_alerts
from idp.places import open_places
from idp.records import Event
from tests.journeys.test_console import auditor, pseudonym, settle
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person

TABLE = "network,latitude,longitude,name\n1.2.0.0/16,39.9,116.4,北京\n9.9.0.0/16,43.8,87.6,乌鲁木齐\n2400:3200::/32,39.9,116.4,北京\n"


def table(path: Path, text: str = TABLE) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture
def places(tmp_path: Path, any_house: House) -> Places:
    from dataclasses import replace

    found = open_places(replace(any_house.config, network_places=table(tmp_path / "places.csv")))
    assert found is not None
    return found


def began(house: House, places: Places | None) -> log_alerts.Watch:
    watch = log_alerts.Watch(house.parts, trouble=lambda _: None, places=places)
    settle(house)
    drained(watch)
    return watch


def drained(watch: log_alerts.Watch) -> None:
    while watch.step():
        pass


def signs_in(house: House, remote: str, hours: float = 0) -> None:
    house.clock.advance(hours * 3600)
    assert Person(house, remote=remote).sign_in("li.wei").request.path == "/account"
    settle(house)


def raised(house: House) -> list[dict]:
    return [event for event in house.events("alert.raised") if event["rule"] == "impossible-travel"]


def test_two_places_too_far_apart_raise_one_alert_that_tells_neither(any_house: House, places: Places) -> None:
    house = any_house
    house.citizen("li.wei", claims={}, password=PASSWORD)
    watch = began(house, places)
    signs_in(house, "1.2.3.4")
    signs_in(house, "10.0.0.9", 0.2)
    signs_in(house, "2400:3200::7", 0.2)
    drained(watch)
    assert raised(house) == [], "no place, and the same place"
    signs_in(house, "9.9.9.9", 0.2)
    drained(watch)
    (told,) = raised(house)
    assert (told["group"], told["count"]) == (f"person={pseudonym(house, 'li.wei')}", 2)
    assert told["last"] > told["first"]
    row = house.parts.store.find(Event, {"kind": "alert.raised"})[0]
    for word in ("9.9.9", "1.2.3", "2400", "116.4", "87.6", "乌鲁木齐", "北京"):
        assert word.encode() not in row.head + (row.fields or b"")
    drained(watch)
    signs_in(house, "1.2.3.4", 9)
    drained(watch)
    assert len(raised(house)) == 1, "by plane"


def test_the_windows_are_read_again_after_a_restart(any_house: House, places: Places) -> None:
    house = any_house
    house.citizen("li.wei", claims={}, password=PASSWORD)
    watch = began(house, places)
    signs_in(house, "1.2.3.4")
    drained(watch)
    signs_in(house, "9.9.9.9", 0.1)
    drained(log_alerts.Watch(house.parts, trouble=lambda _: None, places=places))
    assert len(raised(house)) == 1


def test_without_a_table_no_address_is_opened_and_the_rules_page_says_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.citizen("li.wei", claims={}, password=PASSWORD)
    monkeypatch.setattr(log_alerts, "_place", None)
    watch = began(house, None)
    signs_in(house, "1.2.3.4")
    signs_in(house, "9.9.9.9", 0.1)
    drained(watch)
    assert raised(house) == []
    browser = auditor(house)
    assert "No table of places" in browser.get("/console/rules?lang=en").text
    assert 'id="blind"' in browser.get("/console/rules/impossible-travel").text
    assert 'id="blind"' not in browser.get("/console/rules/code-replayed").text


def test_an_erased_citizen_is_nowhere(any_house: House, places: Places) -> None:
    house = any_house
    account = house.citizen("li.wei", claims={}, password=PASSWORD)
    watch = began(house, places)
    signs_in(house, "1.2.3.4")
    signs_in(house, "9.9.9.9", 0.1)
    house.parts.keyring.erase(account)
    drained(watch)
    assert raised(house) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("network,latitude,longitude,name\n1.2.3.0/24,1,2,x\nnowhere,1,2,x\n", "line 3: 'nowhere' is no network"),
        ("", "line 1"),
    ],
)
def test_a_table_with_a_bad_line_is_refused_at_start(make_house, tmp_path: Path, text: str, said: str) -> None:
    house: House = make_house(network_places=table(tmp_path / "p.csv", text))
    with pytest.raises(ConfigError, match=f"IDP_NETWORK_PLACES: {said}"):
        open_places(house.config)


def test_a_table_that_is_not_there_is_refused(make_house, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="IDP_NETWORK_PLACES: the file can't be read"):
        open_places(make_house(network_places=str(tmp_path / "none.csv")).config)
