"""Whether a text shows what it holds: a name that looks empty, or like another's, misleads whoever is asked to trust it."""

import unicodedata
from typing import Final

import idna

_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
_IGNORABLE: Final = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2065, 0x2065),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0xE0000, 0xE0FFF),
)
"""Default_Ignorable_Code_Point (Unicode, DerivedCoreProperties), but for those that their category tells: fillers, joiners, variation selectors."""
_BLANK: Final = "\N{BRAILLE PATTERN BLANK}"
_A_LABEL: Final = "xn--"
_STROKES: Final = "\u4e00\u4e28\u4e36\u4e3f\u4e85"
"""Han letters that pass for a dash, a bar, a dot or a slash."""


def hidden(char: str) -> bool:
    """Control, format, private and unassigned characters, separators of lines, and what is a letter or mark by name and shows as nothing (UTS 39)."""
    return (
        unicodedata.category(char) in _HIDDEN_CATEGORIES
        or char == _BLANK
        or any(first <= ord(char) <= last for first, last in _IGNORABLE)
    )


def legible(text: str) -> bool:
    """Not blank, and without a hidden character."""
    return bool(text.strip()) and not any(map(hidden, text))


def domain(name: str) -> str:
    """A domain in A-labels for people to read: a label shows its letters where all of them are Han, which look like no other script's; any other
    stays as it is sent (UTS 39 §5, RFC 5890 §4.4)."""
    return ".".join(_label(label) for label in name.split("."))


def _label(label: str) -> str:
    if not label.startswith(_A_LABEL):
        return label
    try:
        letters = idna.decode(label)
    except idna.IDNAError:
        return label
    return letters if legible(letters) and all(map(_han, letters)) else label


def _han(char: str) -> bool:
    return char not in _STROKES and unicodedata.name(char, "").startswith("CJK UNIFIED IDEOGRAPH-")
