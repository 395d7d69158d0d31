"""Impossible travel: distances, speeds, a table of places whose bad lines are named; what the rule makes of it."""

from typing import Any

import pytest

from idp.audit import alerts
from idp.audit.alerts import SECOND, RulesError, Watcher
from idp.audit.alerts import parse as rules
from idp.audit.travel import HOUR_US, Place, PlacesError, Travel, distance, impossible, parse
from idp.flows.alert_rules import kinds, starter

HEAD = "network,latitude,longitude,name"
BEIJING, SHANGHAI, URUMQI = Place(39.9042, 116.4074), Place(31.2304, 121.4737), Place(43.8256, 87.6168)
FIJI, SAMOA = Place(-17.7, 179.0), Place(-13.8, -172.1)
LIMIT = Travel(faster_than=900, farther_than=500)
TABLE = [
    HEAD,
    "1.2.0.0/16,39.9042,116.4074,北京",
    "1.2.3.0/24,31.2304,121.4737,上海",
    "1.2.3.9/32,43.8256,87.6168,乌鲁木齐",
    "2400:3200::/32,31.2304,121.4737,上海",
    "10.0.0.0/8,0,0,ours",
]


@pytest.mark.parametrize(
    ("a", "b", "km"),
    [
        (BEIJING, BEIJING, 0),
        (BEIJING, SHANGHAI, 1067),
        (SHANGHAI, BEIJING, 1067),
        (BEIJING, URUMQI, 2408),
        (FIJI, SAMOA, 1046),
        (Place(0, 0), Place(0, 180), 20015),
        (Place(90, 0), Place(-90, 77), 20015),
        (Place(90, 0), Place(90, 170), 0),
    ],
)
def test_the_distance_over_the_ground(a: Place, b: Place, km: int) -> None:
    assert distance(a, b) == pytest.approx(km, abs=3)


@pytest.mark.parametrize(
    ("a", "b", "hours", "found"),
    [
        (BEIJING, SHANGHAI, 1, True),
        (BEIJING, SHANGHAI, -1, True),
        (BEIJING, SHANGHAI, 1.2, False),
        (BEIJING, SHANGHAI, 0, True),
        (BEIJING, BEIJING, 0, False),
        (BEIJING, Place(39.1, 117.2), 0, False),
        (BEIJING, URUMQI, 2.6, True),
        (BEIJING, URUMQI, 2.7, False),
    ],
    ids=["too fast", "in the other order", "by plane", "at once", "same place", "near", "a little too fast", "just so"],
)
def test_what_nobody_travels(a: Place, b: Place, hours: float, found: bool) -> None:
    assert impossible(a, b, round(hours * HOUR_US), LIMIT) is found


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("1.2.9.9", BEIJING),
        ("1.2.3.4", SHANGHAI),
        ("1.2.3.9", URUMQI),
        ("::ffff:1.2.3.9", URUMQI),
        ("2400:3200::7", SHANGHAI),
        ("1.3.0.1", None),
        ("2400:3201::7", None),
        ("10.1.2.3", None),
        ("192.168.0.1", None),
        ("127.0.0.1", None),
        ("fe80::1", None),
        ("", None),
        ("li.wei", None),
    ],
)
def test_the_longest_prefix_says_where_and_private_addresses_are_nowhere(address: str, place: Place | None) -> None:
    assert parse(TABLE).of(address) == place


def test_a_network_of_everything_is_one_too() -> None:
    places = parse([HEAD, "0.0.0.0/0,1,2,x", "", "::/0,3,4,y"])
    assert (len(places), places.of("9.9.9.9"), places.of("2400::1")) == (2, Place(1, 2), Place(3, 4))


def test_a_network_of_mapped_addresses_is_that_network() -> None:
    assert parse([HEAD, "::ffff:1.2.3.0/120,1,2,x"]).of("1.2.3.9") == Place(1, 2)
    with pytest.raises(PlacesError, match="line 3: 1.2.3.0/24 was there before"):
        parse([HEAD, "1.2.3.0/24,1,2,x", "::ffff:1.2.3.0/120,1,2,x"])


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "line 1: it must be network,latitude,longitude,name"),
        (["1.2.0.0/16,1,2,x"], "line 1: it must be"),
        ([HEAD], "no network"),
        ([HEAD, "1.2.0.0/16,1,2,x", "nowhere,1,2,x"], "line 3: 'nowhere' is no network"),
        ([HEAD, "1.2.3.4/16,1,2,x"], "line 2: '1.2.3.4/16' is no network"),
        ([HEAD, "1.2.0.0/16,1,2"], "line 2: it has 3 columns, not 4"),
        ([HEAD, "1.2.0.0/16,north,2,x"], "line 2: latitude and longitude must be numbers"),
        ([HEAD, "1.2.0.0/16,91,2,x"], "line 2: latitude must be"),
        ([HEAD, "1.2.0.0/16,nan,2,x"], "line 2: latitude must be"),
        ([HEAD, "1.2.0.0/16,1,180.1,x"], "line 2: latitude must be"),
        ([HEAD, "1.2.0.0/16,1,2,x", "1.2.0.0/16,1,2,y"], "line 3: 1.2.0.0/16 was there before"),
        ([HEAD, '1.2.0.0/16,1,2,"x'], "line 2"),
    ],
)
def test_a_bad_line_is_named(lines: list[str], said: str) -> None:
    with pytest.raises(PlacesError) as found:
        parse(lines)
    assert said in str(found.value)


RULE = """
[travel]
about = "x"
kind = ["session.started"]
group = ["person"]
travel = { faster_than = 900, farther_than = 500 }
count = 1
within = 86400
severity = "high"
"""
KINDS = ("session.started",)
HOUR = 3600


def seen(*events: tuple[str, float, Place | None]) -> list[tuple[int, int, int, str]]:
    """(at which event, first, count, group) of each alert; events are (person, hour, place)."""
    watcher = Watcher(rules(RULE, KINDS))
    heads = [
        ({"kind": "session.started", "at": round(hour * HOUR) * SECOND, "person": who}, place)
        for who, hour, place in events
    ]
    return [
        (index, alert.first, alert.count, alert.group)
        for index, (head, place) in enumerate(heads)
        for alert in watcher.see(index, head, place)
    ]


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([("p", 0, BEIJING), ("p", 1, URUMQI)], [(1, 0, 2, "person=p")]),
        ([("p", 0, BEIJING), ("q", 1, URUMQI)], []),
        ([("p", 0, BEIJING), ("p", 9, URUMQI)], []),
        ([("p", 0, BEIJING), ("p", 1, BEIJING)], []),
        ([("p", 0, BEIJING), ("p", 1, None), ("p", 2, URUMQI)], [(2, 0, 2, "person=p")]),
        ([("p", 0, None), ("p", 1, URUMQI)], []),
        ([("p", 1, BEIJING), ("p", 0, URUMQI)], [(1, 0, 2, "person=p")]),
        ([("p", 9, BEIJING), ("p", 0, URUMQI), ("p", 10, BEIJING)], []),
        ([("p", 0, BEIJING), ("p", 1, URUMQI), ("p", 2, BEIJING), ("p", 3, URUMQI)], [(1, 0, 2, "person=p")]),
        ([("p", n, BEIJING if n % 2 else URUMQI) for n in range(0, 60, 9)], []),
    ],
    ids=[
        "impossible",
        "two people",
        "by plane",
        "same place",
        "over an unknown place",
        "from an unknown place",
        "in the other order",
        "late in the log",
        "silent for one window",
        "much on the way",
    ],
)
def test_one_account_at_two_places(events: list[tuple[str, float, Place | None]], found: list[Any]) -> None:
    assert seen(*events) == found


def test_the_rule_of_the_starter_set_is_met_by_one_journey() -> None:
    watcher = Watcher(rules(starter(), kinds()))
    heads = [{"kind": "session.started", "at": hour * HOUR * SECOND, "person": "p"} for hour in range(3)]
    found = [
        watcher.see(n, head, place) for n, (head, place) in enumerate(zip(heads, (BEIJING, URUMQI, None), strict=True))
    ]
    assert [[alert.rule for alert in alerts] for alerts in found] == [[], ["impossible-travel"], []]


def test_travellers_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "MAX_TRAVELLERS", 3)
    watcher = Watcher(rules(RULE, KINDS))
    for n in range(20):
        watcher.see(n, {"kind": "session.started", "at": n, "person": str(n)}, BEIJING)
    assert list(watcher._last["travel"]) == ["person=17", "person=18", "person=19"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("faster_than = 900", "faster_than = 0"), "speed"),
        (("farther_than = 500", "farther_than = -1"), "distance"),
        (("faster_than = 900", "faster_than = inf"), "speed"),
        (("count = 1", "count = 2"), "count of 1"),
        (('group = ["person"]', ""), "group"),
        (("farther_than = 500", "far = 1"), "far"),
    ],
)
def test_a_rule_of_travel_that_can_not_be_used_says_why(change: tuple[str, str], word: str) -> None:
    with pytest.raises(RulesError, match=word):
        rules(RULE.replace(*change), KINDS)
