"""Whether a text shows what it holds: a name that looks empty, or like another's, misleads whoever is asked to trust it."""

import unicodedata
from typing import Final

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
