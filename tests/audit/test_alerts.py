"""Alert rules: threshold, window, grouping, silence; a file that can't be used says why."""

from datetime import datetime
from hashlib import sha256
from typing import Any

import pytest

from idp.audit import alerts, events
from idp.audit.alerts import DERIVED, SECOND, RulesError, Watcher, hours, parse
from idp.flows.alert_rules import starter

KINDS = tuple(events.vocabulary())
RULE = """
[many]
about = "x"
kind = ["session.refused"]
where = { reason = "password" }
group = ["client_id"]
count = 3
within = 60
severity = "high"
"""
SPRAY = """
[spray]
about = "x"
kind = ["session.refused"]
distinct = "person"
count = 3
within = 60
severity = "high"
"""


def seen(rules: str, *heads: dict[str, Any]) -> list[tuple[int, int, int, str]]:
    """(at which event, first, count, group) of each alert."""
    watcher = Watcher(parse(rules, KINDS))
    return [
        (index, alert.first, alert.count, alert.group)
        for index, head in enumerate(heads)
        for alert in watcher.see(index, head)
    ]


def refused(second: float, **more: Any) -> dict[str, Any]:
    return {"kind": "session.refused", "at": round(second * SECOND), "reason": "password", "client_id": "a", **more}


@pytest.mark.parametrize(
    ("heads", "found"),
    [
        ([refused(0), refused(30), refused(59.9)], [(2, 0, 3, "client_id=a")]),
        ([refused(0), refused(30), refused(60)], []),
        ([refused(0), refused(1), refused(2, client_id="b")], []),
        ([refused(0), refused(1), refused(2, reason="totp")], []),
        ([refused(0), refused(1), refused(2, kind="session.ended")], []),
        ([refused(0), refused(50), refused(70), refused(80)], [(3, 1, 3, "client_id=a")]),
        ([refused(n) for n in range(9)], [(2, 0, 3, "client_id=a")]),
        (
            [refused(n * 20) for n in range(9)],
            [(2, 0, 3, "client_id=a"), (5, 3, 3, "client_id=a"), (8, 6, 3, "client_id=a")],
        ),
        ([refused(n, client_id=None) for n in range(3)], [(2, 0, 3, "client_id=")]),
    ],
)
def test_so_many_within_a_window_of_one_group_raise_one_alert(heads, found):
    assert seen(RULE, *heads) == found


def test_different_values_count_once_each():
    """Spraying: many accounts, not many tries"""
    assert seen(SPRAY, *(refused(n, person="p") for n in range(20))) == []
    assert seen(SPRAY, *(refused(n, person=f"p{n % 3}") for n in range(3))) == [(2, 0, 3, "")]


def test_different_values_are_counted_of_what_lies_in_the_window_alone(monkeypatch):
    """By hand, over events in any order of values; as many are remembered as a rule needs, or a little more"""
    monkeypatch.setattr(alerts, "MAX_SEEN", 8)
    for seed in range(30):
        chance = sha256(bytes([seed])).digest() * 7
        heads = [refused(n * 7 % 50 + n, person=f"p{chance[n] % 6}") for n in range(200)]
        window, found, silent = list[tuple[int, int, str]](), [], -1
        for index, head in enumerate(heads):
            window = [*window[-7:], (head["at"], index, head["person"])]
            while window[0][0] <= head["at"] - 60 * SECOND:
                window.pop(0)
            different = len({person for _, _, person in window})
            if different >= 3 and silent <= head["at"]:
                found.append((index, window[0][1], different, ""))
                window, silent = [], head["at"] + 60 * SECOND
        assert found and seen(SPRAY, *heads) == found


def test_a_rule_at_its_bounds_remembers_no_more_than_it_needs():
    rule = RULE.replace("count = 3", f"count = {alerts.MAX_COUNT}").replace(
        "within = 60", f"within = {alerts.MAX_WITHIN}"
    )
    watcher = Watcher(parse(rule, KINDS))
    watcher.see(0, refused(0))
    assert [window.most for window in watcher._seen["many"].values()] == [alerts.MAX_COUNT]


@pytest.mark.parametrize(
    "head", [{}, {"kind": "session.refused"}, {"kind": 1, "at": 1}, {"kind": "session.refused", "at": "1"}]
)
def test_a_head_of_another_form_raises_nothing(head):
    assert seen(RULE, head, head, head) == []


def test_what_is_remembered_is_bounded(monkeypatch):
    """A stranger who makes groups without end fills no memory"""
    monkeypatch.setattr(alerts, "MAX_GROUPS", 10)
    watcher = Watcher(parse(RULE, KINDS))
    for n in range(1000):
        watcher.see(n, refused(n / 100, client_id=f"c{n}"))
    assert len(watcher._seen["many"]) <= 10
    for n in range(100):
        for again in range(3):
            watcher.see(n, refused(again, client_id=f"d{n}"))
    assert len(watcher._silent) <= 101


@pytest.mark.attack("A153")
def test_a_group_is_one_word_for_each_field():
    """CWE-117: a value can't pretend to be another field, nor break a line"""
    (found,) = seen(RULE, *(refused(n, client_id="a\nperson=x y") for n in range(3)))
    assert found[3] == "client_id=a?person?x?y"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("count = 3", "count = 0"), "count"),
        (("within = 60", "within = 0"), "within"),
        (("within = 60", "within = 9999999"), "within"),
        (('severity = "high"', 'severity = "dire"'), "severity"),
        (('"session.refused"', '"session.refuse"'), "session.refuse"),
        (('["session.refused"]', "[]"), "kind"),
        (('group = ["client_id"]', 'group = ["a.b"]'), "fields"),
        (('about = "x"', ""), "about"),
        (('about = "x"', 'about = "x"\ncolour = "red"'), "colour"),
        (("[many]", "[many"), "TOML"),
    ],
)
def test_a_rule_that_can_not_be_used_says_why(change, word):
    with pytest.raises(RulesError, match=word):
        parse(RULE.replace(*change), KINDS)


def test_the_starter_set_can_be_used_and_speaks_of_fields_that_there_are():
    rules = parse(starter(), KINDS)
    assert len(rules) >= 10
    for name, rule in rules.items():
        fields = {"person", "actor", "client_id", "reference", *DERIVED}
        for kind in rule.kind:
            fields |= set(events.vocabulary()[kind].__struct_fields__)
        assert {*rule.group, *rule.where, *([rule.distinct] if rule.distinct else [])} <= fields, name


NIGHT = 20 * 3600 * SECOND
"""Four in the morning in China, a Friday."""
RECORDED: dict[str, list[dict[str, Any]]] = {
    "guessing-at-many-accounts": [refused(n, person=f"p{n}", reason="wrong_password") for n in range(100)],
    "names-tried-that-are-nobodys": [refused(n, person="nobody", reason="unknown_identifier") for n in range(200)],
    "one-address-many-names": [{"kind": "session.throttled", "at": n, "rule": "address"} for n in range(10)],
    "guessing-at-one-account": [refused(n, person="p", reason="wrong_password") for n in range(10)],
    "code-replayed": [{"kind": "code.replayed", "at": 1, "client_id": "a"}],
    "refresh-token-reused": [{"kind": "token.refresh_replayed", "at": 1, "client_id": "a"}],
    "client-credentials-guessed": [
        {"kind": "token.refused", "at": n, "client_id": "a", "code": "invalid_client"} for n in range(30)
    ],
    "burst-of-releases": [
        {"kind": "attributes.released", "at": n, "client_id": "a", "person": str(n)} for n in range(1000)
    ],
    "one-citizen-read-often": [
        {"kind": "attributes.released", "at": n, "client_id": "a", "person": "p"} for n in range(60)
    ],
    "factors-removed": [{"kind": "account.factor_removed", "at": n, "person": str(n)} for n in range(3)],
    "key-activated-in-an-emergency": [{"kind": "key.moved", "at": 1, "emergency": True}],
    "log-taken-away": [{"kind": "audit.exported", "at": 1}],
    "log-not-whole": [{"kind": "audit.alarmed", "at": 1}],
    "witness-disagrees": [{"kind": "audit.witness", "at": 1, "state": "disagrees", "witness": "w"}],
    "one-address-many-accounts": [refused(n, person=f"p{n}", address="a") for n in range(15)],
    "one-network-many-failures": [refused(n, person=f"p{n % 9}", address=str(n % 20), network="n") for n in range(150)],
    "one-address-many-clients": [
        {"kind": "token.refused", "at": n, "client_id": str(n), "code": "invalid_client", "address": "a"}
        for n in range(5)
    ],
    "account-from-many-blocks": [
        {"kind": "session.started", "at": n, "person": "p", "block": str(n)} for n in range(5)
    ],
    "releases-outside-working-hours": [
        {"kind": "attributes.released", "at": NIGHT + n * SECOND, "client_id": "a", "person": str(n)}
        for n in range(500)
    ],
    "staff-made": [{"kind": "account.changed", "at": 1, "what": "roles"}],
    "log-behind": [{"kind": "session.started", "at": 1, "late": True}],
    "staff-without-second-factor": [
        {"kind": "account.factor_missing", "at": 1, "person": "p", "lacks": "second_factor"}
    ],
    "second-factor-guessed-at": [refused(n, person="p", reason="wrong_totp") for n in range(5)],
}


BY_PLACE = {"impossible-travel"}
"""Tried with places in ``test_travel``."""


@pytest.mark.parametrize("name", sorted(set(parse(starter(), KINDS)) - BY_PLACE))
def test_each_rule_of_the_starter_set_finds_its_traffic_and_one_event_less_is_none(name):
    watcher = Watcher(parse(starter(), KINDS))
    heads = RECORDED[name]
    found = [alert.rule for index, head in enumerate(heads) for alert in watcher.see(index, head)]
    assert found == [name]
    watcher = Watcher(parse(starter(), KINDS))
    assert [alert for index, head in enumerate(heads[:-1]) for alert in watcher.see(index, head)] == []


@pytest.mark.parametrize(
    ("alarm", "rule", "met"),
    [
        ({}, RULE.replace("count = 3", "count = 1"), True),
        ({"alert": "ab"}, RULE.replace("count = 3", "count = 1"), False),
        ({"alert": "ab"}, RULE.replace("count = 3", "count = 2"), True),
        ({"alert": "ab", "kind": "alert.acknowledged"}, RULE.replace("count = 3", "count = 1"), True),
    ],
)
def test_an_alarm_that_was_told_when_it_was_sounded_is_not_told_again(alarm, rule, met):
    """One of an older version was not; several of them are still counted; an acknowledgement names its alert in a field of the same name"""
    kinds = [*KINDS, "audit.alarmed", "alert.acknowledged"]
    watcher = Watcher(parse(rule.replace('"session.refused"', '"audit.alarmed", "alert.acknowledged"'), kinds))
    heads = [{"kind": "audit.alarmed", "at": n, "client_id": "a", "reason": "password", **alarm} for n in range(2)]
    assert bool([alert for index, head in enumerate(heads) for alert in watcher.see(index, head)]) is met


@pytest.mark.parametrize(
    ("at", "found"),
    [
        ("2026-11-24T08:00:00+08:00", "working"),
        ("2026-11-24T17:59:59+08:00", "working"),
        ("2026-11-24T18:00:00+08:00", "off"),
        ("2026-11-24T07:59:59+08:00", "off"),
        ("2026-11-27T10:00:00+08:00", "working"),
        ("2026-11-28T10:00:00+08:00", "off"),
        ("2026-11-29T10:00:00+08:00", "off"),
        ("2026-11-30T10:00:00+08:00", "working"),
    ],
)
def test_hours_are_those_of_a_week_in_china(at, found):
    assert hours(round(datetime.fromisoformat(at).timestamp()) * SECOND) == found


ADDRESS = SPRAY.replace('distinct = "person"', 'distinct = "person"\ngroup = ["address"]')


def test_a_rule_by_address_counts_each_address_and_tells_none():
    heads = [refused(n, person=str(n), address="ab" * 8 if n % 2 else "cd" * 8) for n in range(5)]
    assert seen(ADDRESS, *heads) == [(4, 0, 3, "address=sealed")]
    assert seen(ADDRESS, *(refused(n, person=str(n)) for n in range(9))) == [], "events without an address are no group"
