"""What a good service item says, how versions differ, and what is asked again."""

from typing import Any

import msgspec
import pytest

from idp.release.attributes import built_in
from idp.release.items import BadItem, check, difference, read_entry, versioned, wider
from idp.release.model import Need

LAW = {"zh": "第二十四条", "en": "Article 24"}
GOOD: dict[str, Any] = {
    "code": "housing-withdrawal",
    "department": "housing-fund",
    "titles": {"zh": "公积金提取", "en": "Housing fund withdrawal"},
    "purposes": {"zh": "办理提取", "en": "To pay out"},
    "needs": [
        {"attribute": "name", "essential": True},
        {"attribute": "birthdate", "basis": "statutory", "citation": LAW},
    ],
    "retention_days": 365,
}


def test_a_good_item() -> None:
    check(read_entry(GOOD), built_in)


@pytest.mark.parametrize(
    "change",
    [
        {"code": "Upper"},
        {"code": ""},
        {"code": "a b"},
        {"code": "../x"},
        {"code": "standard-login"},
        {"code": "loan.json"},
        {"code": "x" * 65},
        {"titles": {"zh": "只有中文"}},
        {"titles": {"zh": "一", "en": ""}},
        {"titles": {"zh": "一", "en": "x\u202ey"}},
        {"titles": {"zh": "一", "en": "x" * 101}},
        {"titles": {"zh": "一", "en": "one", "fr": "un"}},
        {"purposes": {}},
        {"purposes": {"zh": "一", "en": "a\nb"}},
        {"needs": []},
        {"needs": [{"attribute": "name"}, {"attribute": "name"}]},
        {"needs": [{"attribute": "ghost"}]},
        {"needs": [{"attribute": "name", "basis": "statutory"}]},
        {"needs": [{"attribute": "name", "basis": "interest"}]},
        {"needs": [{"attribute": "name", "essential": "yes"}]},
        {"needs": [{"attribute": f"age_over_{n}"} for n in range(1, 60)]},
        {"retention_days": -1},
        {"retention_days": 36_501},
        {"retention_days": "365"},
        {"surprise": 1},
    ],
)
def test_a_bad_one_says_why(change: dict[str, Any]) -> None:
    with pytest.raises(BadItem) as error:
        check(read_entry({**GOOD, **change}), built_in)
    assert str(error.value).endswith(".")


BEFORE = versioned(read_entry(GOOD), "housing-fund", 1)


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({}, False),
        ({"version": 2}, False),
        ({"titles": {"zh": "提取", "en": "Withdrawal"}}, False),
        ({"retention_days": 30}, False),
        ({"retention_days": 366}, True),
        ({"purposes": {"zh": "办理提取", "en": "To pay out and to advertise"}}, True),
        ({"needs": (Need(attribute="name", essential=True),)}, False),
        ({"needs": (*BEFORE.needs, Need(attribute="email"))}, True),
        ({"needs": (Need(attribute="name"), BEFORE.needs[1])}, False),
        (
            {"needs": (BEFORE.needs[0], Need(attribute="birthdate", basis="statutory", citation=LAW, essential=True))},
            True,
        ),
        ({"needs": (BEFORE.needs[0], Need(attribute="birthdate"))}, True),
        (
            {
                "needs": (
                    BEFORE.needs[0],
                    Need(attribute="birthdate", basis="statutory", citation={"zh": "一", "en": "1"}),
                )
            },
            True,
        ),
        ({"department_id": "tax"}, True),
    ],
)
def test_a_wider_version_asks_again(change: dict[str, Any], again: bool) -> None:
    assert wider(BEFORE, msgspec.structs.replace(BEFORE, **change)) is again


def test_the_difference_names_each_member() -> None:
    after = msgspec.structs.replace(
        BEFORE, version=2, retention_days=30, needs=(Need(attribute="name"), Need(attribute="email"))
    )
    assert {change.what: (change.before, change.after) for change in difference(BEFORE, after)} == {
        "retention_days": ("365", "30"),
        "needs.name": ("essential · consent", "optional · consent"),
        "needs.email": ("", "optional · consent"),
        "needs.birthdate": ("optional · statutory · 第二十四条 · Article 24", ""),
    }
    assert difference(BEFORE, msgspec.structs.replace(BEFORE, version=9)) == ()
    assert len(difference(None, BEFORE)) == len(difference(BEFORE, None)) == 8
