"""Whether a text shows what it holds: a name that looks empty, or like another's, misleads whoever is asked to trust it."""

import unicodedata
from typing import Final

import idna

_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
_HAN_PLANES: Final = (0x20000, 0x3FFFD)
"""The Supplementary and the Tertiary Ideographic Plane. What this Python's tables leave out there is Han of a later Unicode, and stands in names."""
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
_JOINERS: Final = "\u200c\u200d"
_MONGOLIAN_SELECTORS: Final = "\u180b\u180c\u180d\u180f"
_SELECTORS: Final = (("\ufe00", "\ufe0f"), ("\U000e0100", "\U000e01ef"))
_BLANK: Final = "\N{BRAILLE PATTERN BLANK}"
_A_LABEL: Final = "xn--"
_STROKES: Final = "\u4e00\u4e28\u4e36\u4e3f\u4e85"
"""Han letters that pass for a dash, a bar, a dot or a slash."""


def hidden(char: str) -> bool:
    """Control, format, private and unassigned characters, separators of lines, and what is a letter or mark by name and shows as nothing (UTS 39)."""
    category = unicodedata.category(char)
    return (
        category in _HIDDEN_CATEGORIES
        or (category == "Cn" and not _later_han(char))
        or char == _BLANK
        or any(first <= ord(char) <= last for first, last in _IGNORABLE)
    )


def legible(text: str) -> bool:
    """Not blank, and without a hidden character."""
    return bool(text.strip()) and not any(map(hidden, text))


def writable(text: str) -> bool:
    """Whether what people say of themselves shows what it holds: as :func:`legible`, with the characters without a shape that some writings
    need: joiners where RFC 5892 (A.1, A.2) has them, selectors behind what they vary (UTS 37; Unicode 16, §13.5, §23.4). ``text`` is NFC."""
    return not any(hidden(char) and not _in_place(text, at) for at, char in enumerate(text))


def _in_place(text: str, at: int) -> bool:
    char, before = text[at], text[at - 1 : at]
    if char in _JOINERS:
        try:
            return bool(idna.core.valid_contextj(text, at))
        except ValueError:  # behind a character without a name
            return False
    if char in _MONGOLIAN_SELECTORS:
        return "\u1820" <= before <= "\u18aa"
    if any(first <= char <= last for first, last in _SELECTORS):
        return bool(before) and (_later_han(before) or unicodedata.category(before) in ("Lo", "So"))
    return False


def _later_han(char: str) -> bool:
    first, last = _HAN_PLANES
    return first <= ord(char) <= last and ord(char) & 0xFFFF < 0xFFFE


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
