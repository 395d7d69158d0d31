"""Texts that show what they hold."""

import pytest

from clients.visible import domain, legible, writable

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


NAMES = {
    "Han of Unicode 15 and 15.1 (Ext H, I), whatever this Python's tables know": (
        "\U00031350",
        "\U0002ebf0\u660e",
        "\U000323b0\U0003347f",
    ),
    "a variant of a Han letter (UTS 37)": ("\u845b\U000e0100\u57ce", "\u8fbb\ufe00", "\U0002ebf0\U000e0101"),
    "Persian and Sinhala (RFC 5892 A.1, A.2)": (
        "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
        "\u0dc1\u0dca\u200d\u0dbb\u0dd3",
    ),
    "Mongolian (Unicode 16 §13.5)": ("\u182d\u180b\u1820",),
    "Tibetan, Uyghur, with a heart, none": ("\u0f56\u0f0b", "\u0626\u06d5", "Li \u2764\ufe0f", ""),
}


@pytest.mark.parametrize("name", [name for names in NAMES.values() for name in names], ids=ascii)
def test_names_that_people_write(name: str) -> None:
    assert writable(name)


@pytest.mark.parametrize(
    "text",
    [
        "a\u200db", "\u200c", "\u674e\u200d\u660e", "\U0002ebf0\u200d", "a\ufe0f", "\ufe00", "\U000e0100\u845b", "a\u180b", "\u180b",
        "\u3164", "\u2800", "a\u202eb", "a\x00b", "\ue000", "\U000f0000", "\ud800", "\U0002ffff", "\U0003fffe", "\U00040000", "\u0378",
        "\U000e0041",
    ],
    ids=ascii,
)  # fmt: skip
def test_names_that_hide_something(text: str) -> None:
    """Where nothing needs it: joiners, selectors; always: fillers, controls, private and unassigned characters but those of the planes for Han."""
    assert not writable(text)
    assert not legible(text)


@pytest.mark.parametrize("text", ["\U00031350\u5c40", "\U0002ebf0"], ids=ascii)
def test_later_han_is_legible(text: str) -> None:
    assert legible(text)


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
