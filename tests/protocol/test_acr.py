"""Authentication levels: order, and telling the truth."""

import pytest

from idp.protocol import acr
from idp.protocol.acr import ONE_FACTOR, TWO_FACTORS


@pytest.mark.parametrize(
    ("held", "wanted", "expected"),
    [
        (ONE_FACTOR, (), True),
        (ONE_FACTOR, (ONE_FACTOR,), True),
        (ONE_FACTOR, (TWO_FACTORS,), False),
        (ONE_FACTOR, (TWO_FACTORS, ONE_FACTOR), True),
        (TWO_FACTORS, (ONE_FACTOR,), True),
        (TWO_FACTORS, ("urn:other",), False),
        ("", (ONE_FACTOR,), False),
    ],
)
def test_a_level_holds_whatever_is_listed_up_to_it(held: str, wanted: tuple[str, ...], expected: bool) -> None:
    assert acr.holds(held, wanted) is expected


@pytest.mark.parametrize(
    ("held", "wanted", "expected"),
    [
        (ONE_FACTOR, (), ONE_FACTOR),
        (TWO_FACTORS, (), TWO_FACTORS),
        (TWO_FACTORS, (ONE_FACTOR,), ONE_FACTOR),
        (TWO_FACTORS, (ONE_FACTOR, TWO_FACTORS), TWO_FACTORS),
        (ONE_FACTOR, (TWO_FACTORS,), ONE_FACTOR),
        (ONE_FACTOR, ("urn:other",), ONE_FACTOR),
    ],
)
def test_core_5_5_1_1_the_told_level_is_listed_where_one_was_reached_and_never_higher_than_reached(
    held: str, wanted: tuple[str, ...], expected: str
) -> None:
    assert acr.told(held, wanted) == expected


def test_two_factors_stand_exactly_where_mfa_does() -> None:
    assert acr.of_amr(["pwd", "otp", "mfa"]) == TWO_FACTORS
    assert acr.of_amr(["pwd"]) == acr.of_amr(["otp"]) == ONE_FACTOR
