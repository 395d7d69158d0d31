"""A search becomes a rule: what it watches, its name, its fields; each wrong one is named."""

import pytest

from idp.audit.alerts import MAX_COUNT, MAX_WITHIN
from idp.audit.rule_draft import Watched, drafted, named, span, spelled, watched
from idp.audit.search import Bad, parse
from idp.flows.alert_rules import fields, kinds

TYPED = {"about": "Many wrong passwords", "count": "3", "within": "60", "severity": "high", "distinct": ""}
BASE = Watched(("session.refused",), {})


@pytest.mark.parametrize(
    ("typed", "kind", "where"),
    [
        ({"action": "code.replayed"}, ("code.replayed",), {}),
        ({"action": "sign-in", "outcome": "refused"}, ("session.refused", "session.throttled"), {}),
        (
            {"action": "session.started", "person": "A" * 32, "within": "1h"},
            ("session.started",),
            {"person": "a" * 32},
        ),
        ({"action": "cases", "client": "tax"}, None, {"client_id": "tax"}),
        ({"session": "b" * 32, "action": "sign-in"}, None, {"session": "b" * 32}),
    ],
)
def test_a_search_says_what_is_watched(typed: dict[str, str], kind: tuple[str, ...] | None, where: dict) -> None:
    found = watched(parse(typed), fields())
    assert dict(found.where) == where and (kind is None or found.kind == kind)
    assert not any(name.startswith("alert.") for name in found.kind)
    assert all("session" in fields()[name] for name in found.kind) or "session" not in where


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"within": "7d"},
        {"data": "address"},
        {"department": "tax"},
        {"address": "a" * 32},
        {"action": "alert.raised"},
        {"action": "attributes.released", "item": "tax-annual"},
    ],
)
def test_what_no_event_bears_by_itself_is_no_rule(typed: dict[str, str]) -> None:
    with pytest.raises(Bad) as bad:
        watched(parse(typed), fields())
    assert bad.value.errors == {"search": "rule_search"}


@pytest.mark.parametrize(
    ("typed", "name"),
    [("one", "one"), ("  Many   failures ", "Many-failures"), ("批量 失败", "批量-失败"), ("a_b-2", "a_b-2")],
)
def test_a_name_is_one_word(typed: str, name: str) -> None:
    assert named(typed) == name


@pytest.mark.parametrize("typed", ["", "  ", "-", "a/b", "a.b", "a\x00b", 'a"b', "x" * 61, "new", "<b>"])
def test_a_name_that_can_not_be_is_said(typed: str) -> None:
    with pytest.raises(Bad) as bad:
        named(typed)
    assert bad.value.errors == {"name": "rule_name"}


def test_a_form_is_a_rule() -> None:
    rule = drafted(BASE, {**TYPED, "distinct": "person"}, ["address"], kinds())
    assert (rule.about, rule.count, rule.within, rule.severity) == ("Many wrong passwords", 3, 60, "high")
    assert (rule.group, rule.distinct, rule.kind) == (("address",), "person", ("session.refused",))


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [
        ("60", 60),
        (" 60 ", 60),
        ("60s", 60),
        ("10 min", 600),
        ("10 Minutes", 600),
        ("90 分钟", 5400),
        ("1 h", 3600),
        ("1小时", 3600),
        ("7 d", MAX_WITHIN),
        ("7 天", MAX_WITHIN),
        ("8 d", 0),
        ("30 d", 0),
        ("0 d", 0),
        ("d", 0),
        ("1.5 h", 0),
        ("-1 h", 0),
        ("1 h 5 min", 0),
        ("1 week", 0),
        ("٣ d", 0),
        ("9" * 400 + " d", 0),
        ("", 0),
    ],
)
def test_a_length_of_time_is_typed_with_its_unit(typed: str, seconds: int) -> None:
    assert span(typed, MAX_WITHIN) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"), [(1, "1 s"), (61, "61 s"), (5400, "90 min"), (7200, "2 h"), (86_400, "1 d"), (90_000, "25 h")]
)
def test_a_length_of_time_is_told_in_its_largest_unit_and_taken_back(seconds: int, text: str) -> None:
    assert spelled(seconds) == text and span(text, MAX_WITHIN) == seconds


@pytest.mark.parametrize(
    ("change", "group", "errors"),
    [
        ({"count": "0"}, [], {"count": "rule_count"}),
        ({"count": str(MAX_COUNT + 1)}, [], {"count": "rule_count"}),
        ({"count": "three"}, [], {"count": "rule_count"}),
        ({"count": "٣"}, [], {"count": "rule_count"}),
        ({"within": str(MAX_WITHIN + 1)}, [], {"within": "rule_within"}),
        ({"within": "-1"}, [], {"within": "rule_within"}),
        ({"severity": "dire"}, [], {"severity": "unknown"}),
        ({"about": " "}, [], {"about": "rule_about"}),
        ({"about": "x" * 301}, [], {"about": "rule_about"}),
        ({}, ["person", "client_id", "actor", "session", "reason"], {"group": "rule_group"}),
        ({}, ["head"], {"group": "unknown"}),
        ({"distinct": "person"}, ["person"], {"distinct": "rule_distinct"}),
        ({"distinct": "head"}, [], {"distinct": "rule_distinct"}),
        (
            {"count": "", "within": "", "about": ""},
            [],
            {"about": "rule_about", "count": "rule_count", "within": "rule_within"},
        ),
    ],
)
def test_every_wrong_field_is_named(change: dict[str, str], group: list[str], errors: dict[str, str]) -> None:
    with pytest.raises(Bad) as bad:
        drafted(BASE, {**TYPED, **change}, group, kinds())
    assert bad.value.errors == errors
