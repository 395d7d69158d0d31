"""The built-in catalogue, and attributes that are computed instead of told."""

from datetime import date
from typing import Any

import pytest

from idp.release.attributes import BUILT_IN, built_in, minimising
from idp.release.claims import STANDARD
from idp.release.minimise import computed

TODAY = date(2026, 3, 1)


def test_every_attribute_speaks_both_languages() -> None:
    for kind in BUILT_IN.values():
        assert set(kind.names) == {"zh", "en"} and all(kind.names.values()), kind.code
        assert set(kind.explanations) in (set(), {"zh", "en"}), kind.code


def test_every_standard_claim_is_an_attribute_and_ordinary() -> None:
    """OIDC Core §5.1: ordinary software gets ordinary attributes (DESIGN §7)."""
    for claim in STANDARD:
        assert BUILT_IN[claim].claim == claim and not BUILT_IN[claim].sensitive
    assert BUILT_IN["national_id"].sensitive


@pytest.mark.parametrize(
    ("code", "value", "told"),
    [
        ("age_over_18", "2008-03-01", True),
        ("age_over_18", "2008-03-02", False),
        ("age_over_18", "2008-02-29", True),
        ("age_over_18", "1990-12-31", True),
        ("age_over_18", "2008", False),
        ("age_over_18", "2007", True),
        ("age_over_60", "1990-02-03", False),
        ("age_over_18", "0000-03-01", None),
        ("age_over_18", "yesterday", None),
        ("age_over_18", None, None),
        ("resident_of_330000", "330102", True),
        ("resident_of_330100", "330102", True),
        ("resident_of_330100", "330200", False),
        ("resident_of_330102", "330102", True),
        ("resident_of_330102", "330100", False),
        ("resident_of_110000", "330102", False),
        ("resident_of_110000", "here", None),
        ("national_id_masked", "11010519491231002X", "110*************2X"),
        ("phone_number_masked", "+8613800138000", "+86*********00"),
        ("phone_number_masked", "12345", None),
        ("phone_number_masked", None, None),
    ],
)
def test_a_verdict_instead_of_the_value(code: str, value: Any, told: Any) -> None:
    kind = minimising(code)
    assert kind is not None
    answer = computed(kind, {kind.of[0]: value}, TODAY)
    assert answer == told and type(answer) is type(told)


def test_the_day_before_the_leap_day_of_a_common_year() -> None:
    kind = minimising("age_over_18")
    assert kind is not None
    assert computed(kind, {"birthdate": "2008-02-29"}, date(2026, 2, 28)) is False


@pytest.mark.parametrize(
    "code",
    ["age_over_0", "age_over_", "age_over_130", "age_over_018", "resident_of_3301", "name_masked", "Age_over_18", ""],
)
def test_what_is_not_in_the_catalogue(code: str) -> None:
    assert built_in(code) is None
