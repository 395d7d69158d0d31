"""Texts that show what they hold."""

import pytest

from clients.visible import domain, legible

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


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("example.cn", "example.cn"),
        ("xn--fsqu00a.xn--fiqs8s", "例子.中国"),
        ("mail.xn--fsqu00a.cn", "mail.例子.cn"),
        ("xn--80ak6aa92e.com", "xn--80ak6aa92e.com"),
        ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
        ("xn--a-kb7a.cn", "xn--a-kb7a.cn"),
        ("xn--4gq.cn", "xn--4gq.cn"),
        ("xn--999999999.cn", "xn--999999999.cn"),
        ("xn--.cn", "xn--.cn"),
        ("XN--FSQU00A.cn", "XN--FSQU00A.cn"),
        ("", ""),
    ],
)
def test_a_domain_shows_han_letters_and_no_others(sent: str, shown: str) -> None:
    """Cyrillic that reads apple, Latin with marks, letters of two scripts, a stroke like a dash, what decodes to nothing: as sent (UTS 39 §5)."""
    assert domain(sent) == shown
