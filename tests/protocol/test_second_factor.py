"""The one rule of the second factor, as a table: why it is due, and where it is not."""

import itertools

import pytest

from idp.protocol.acr import ONE_FACTOR, TWO_FACTORS
from idp.protocol.second_factor import Holder, Wanted, due

NOBODY = Holder()
HAS = Holder(enrolled=True)
ALWAYS = Holder(enrolled=True, always=True)
CHOSE_AND_LOST = Holder(always=True)
STAFF = Holder(staff=True, enrolled=True)
NEW_STAFF = Holder(staff=True)

PLAIN = Wanted()
OWN = Wanted(own_page=True)
SHORT = Wanted(short_password=True)
CLIENT = Wanted(client=True)
ESSENTIAL = Wanted(essential=(TWO_FACTORS,))
WISH = Wanted(voluntary=(TWO_FACTORS,))
EITHER = Wanted(essential=(ONE_FACTOR, TWO_FACTORS), voluntary=(TWO_FACTORS, ONE_FACTOR))
UNKNOWN = Wanted(essential=("urn:gold",), voluntary=("urn:gold",))
ALL = Wanted(short_password=True, own_page=True, client=True, essential=(TWO_FACTORS,), voluntary=(TWO_FACTORS,))


@pytest.mark.parametrize(
    ("holder", "wanted", "expected"),
    [
        # who has none is not asked, whoever wants it
        (NOBODY, PLAIN, None),
        (NOBODY, ALL, None),
        (CHOSE_AND_LOST, PLAIN, None),
        (CHOSE_AND_LOST, ALL, None),
        # who has one is asked where something wants it
        (HAS, PLAIN, None),
        (HAS, OWN, "own_page"),
        (HAS, SHORT, "short_password"),
        (HAS, CLIENT, "client"),
        (HAS, ESSENTIAL, "essential_acr"),
        (HAS, WISH, "acr_values"),
        (HAS, EITHER, None),
        (HAS, UNKNOWN, None),
        (HAS, ALL, "short_password"),
        # or always, by their own choice
        (ALWAYS, PLAIN, "always"),
        (ALWAYS, ALL, "always"),
        # staff are, whatever they have and chose
        (STAFF, PLAIN, "staff"),
        (STAFF, ALL, "staff"),
        (NEW_STAFF, PLAIN, "staff"),
        (Holder(staff=True, enrolled=True, always=True), PLAIN, "staff"),
    ],
)
def test_why_a_second_factor_is_due(holder: Holder, wanted: Wanted, expected: str | None) -> None:
    """Issue 2.6: required for staff; asked when the client or acr_values wants it and the citizen has it; or always, if the citizen chose so."""
    assert due(ONE_FACTOR, holder, wanted) == expected


def test_two_factors_are_enough_for_everything() -> None:
    flags = itertools.product((False, True), repeat=3)
    assert {due(TWO_FACTORS, Holder(*one), wanted) for one in flags for wanted in (PLAIN, OWN, ALL)} == {None}


@pytest.mark.parametrize("held", ["", "urn:other"])
def test_what_is_no_level_of_ours_reaches_nothing(held: str) -> None:
    assert due(held, ALWAYS) == "always" and due(held, STAFF) == "staff" and due(held, HAS, CLIENT) == "client"
