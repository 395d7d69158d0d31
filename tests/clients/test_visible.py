"""Texts that show what they hold."""

import pytest

from clients.visible import legible

BLANK = "\u3164\u115f\u1160\uffa0\u2800\u034f\u17b4\u180b\u200b\u2060\ufe0f\U000e0100"
"""Characters that nobody sees: fillers, the empty Braille cell, joiners, variation selectors."""


@pytest.mark.parametrize("char", BLANK, ids=ascii)
def test_what_nobody_sees_is_not_legible(char: str) -> None:
    """Default_Ignorable_Code_Point (Unicode, DerivedCoreProperties), and the blank Braille pattern."""
    assert not legible(char)
    assert not legible(f"a{char}b")


@pytest.mark.parametrize(
    "text", ["国家税务总局", "Tax office", "세무서", "Bureau des impôts", "कर कार्यालय", "税務署 ⠁", "E\u0301tat"]
)
def test_what_people_write_is_legible(text: str) -> None:
    assert legible(text)


@pytest.mark.parametrize("text", ["", " ", "\u3000", "a\u202eb", "a\nb", "\ue000", "\ud800"], ids=ascii)
def test_nothing_controls_and_private_letters_are_not(text: str) -> None:
    assert not legible(text)
