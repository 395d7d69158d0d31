"""Values against the forms of their standards. The numbers are published ones, examples of the standards, or made for the test."""

from typing import Any

import pytest

from idp.release import validators
from idp.release.attributes import BUILT_IN

GOOD: dict[str, tuple[Any, ...]] = {
    "national_id": ("11010519491231002X", "440524188001010014"),
    "credit_code": ("914403001922038216", "9144030071526726XG", "91330100799655058B", "91110000802100433B"),
    "organisation_code": ("192203821", "71526726X", "799655058"),
    "region": ("330000", "330100", "330102", "110105"),
    "full_date": ("1988-03-14", "2000-02-29"),
    "birthdate": ("1988-03-14", "1988", "0000-02-29"),
    "phone": ("+8613800138000", "+442071838750"),
    "email": ("li.wei@example.cn", "a@b.c.d"),
    "nationality": ("CN", "CHN"),
    "marital_status": ("single", "married", "widowed", "divorced", "unstated"),
    "text": ("李伟", "x" * 500),
    "truth": (True, False),
    "address": ({"locality": "杭州市"}, {"formatted": "x", "country": "CN"}),
}
BAD: dict[str, tuple[Any, ...]] = {
    "national_id": (
        "110105194912310021",  # check character
        "11010519491231002x",
        "110105194902300024",  # 30 February
        "00010519491231002X",  # no such province
        "11010519491231002",
        "11010519491231002X0",
        "１１010519491231002X",
        110105194912310020,
        None,
        "",
    ),
    "credit_code": (
        "914403001922038217",
        "914403001922038219",
        "914403001922038216 ",
        "91440300I922038216",
        "91440300192203822",
        "914403001922038226",
        "9144030071526726xg",
        None,
        7,
    ),
    "organisation_code": ("192203822", "19220382-1", "", None),
    "region": ("990000", "330002", "33010", "3301022", "", "33010x", 330100, None),
    "full_date": ("1988-02-30", "1988-3-14", "0001-01-01", "88-03-14", "", None, 19880314),
    "birthdate": ("0000-02-30", "1988-13-01", "0988", "2100", "--03-14", None, 1988),
    "phone": ("13800138000", "+0123456789", "+86 138", "+" + "1" * 16, "", None),
    "email": ("li.wei", "@example.cn", "a@b", "a b@c.d", "a@" + "b" * 260 + ".cn", None),
    "nationality": ("cn", "C", "CHNA", "", None),
    "marital_status": ("Single", "", None, 10),
    "text": ("", "   ", "x" * 501, None, 5),
    "truth": ("true", 1, 0, None),
    "address": ({}, {"planet": "Earth"}, {"locality": ""}, {"locality": 1}, "杭州市", None),
}


@pytest.mark.parametrize(("rule", "value"), [(r, v) for r, values in GOOD.items() for v in values])
def test_what_its_standard_allows(rule: str, value: Any) -> None:
    assert validators.valid(rule, value)


@pytest.mark.parametrize(("rule", "value"), [(rule, value) for rule, values in BAD.items() for value in values])
def test_what_its_standard_does_not(rule: str, value: Any) -> None:
    assert not validators.valid(rule, value)


@pytest.mark.parametrize("rule", ["national_id", "credit_code"])
def test_every_change_of_one_character_is_noticed(rule: str) -> None:
    """GB 11643 and GB 32100: the check character finds each single substitution."""
    good = str(GOOD[rule][0])
    for place in range(len(good)):
        others = (
            set("0123456789") - {good[place]}
            if place < 17 or rule == "credit_code"
            else set("0123456789X") - {good[place]}
        )
        for other in others:
            assert not validators.valid(rule, good[:place] + other + good[place + 1 :]), (place, other)


def test_every_rule_of_the_catalogue_is_there() -> None:
    assert set(GOOD) == set(BAD) == set(validators.RULES)
    assert {kind.rule for kind in BUILT_IN.values() if kind.rule} <= set(validators.RULES)
    assert validators.valid(None, object())
