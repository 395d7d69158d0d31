"""Is a value of the form that its standard gives it? Pure predicates, by the rule's name in the attribute catalogue (:data:`RULES`)."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any, Final

_PROVINCES: Final = (
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82"
)
"""GB/T 2260: the first two digits."""
_ID_WEIGHTS: Final = tuple(pow(2, 17 - n, 11) for n in range(17))
_ID_CHECK: Final = "10X98765432"
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_CREDIT: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ALNUM: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_EMAIL: Final = re.compile(r"[^\s@]{1,64}@[^\s@.]+(?:\.[^\s@.]+)+")
_MAX_TEXT: Final = 500


def region(value: Any) -> bool:
    """An administrative region (GB/T 2260): six digits, the province known; a county belongs to a city."""
    if not (isinstance(value, str) and re.fullmatch("[0-9]{6}", value)) or value[:2] not in _PROVINCES.split():
        return False
    return value[2:4] != "00" or value[4:] == "00"


def national_id(value: Any) -> bool:
    """A citizen's identity number (GB 11643): region, birthday, sequence, check character (ISO 7064 MOD 11-2)."""
    if not (isinstance(value, str) and re.fullmatch("[0-9]{17}[0-9X]", value)) or value[:2] not in _PROVINCES.split():
        return False
    if not full_date(f"{value[6:10]}-{value[10:12]}-{value[12:14]}"):
        return False
    return _ID_CHECK[sum(int(c) * w for c, w in zip(value, _ID_WEIGHTS, strict=False)) % 11] == value[17]


def credit_code(value: Any) -> bool:
    """A unified social credit code (GB 32100), the organisation code inside it (GB 11714) with its own check character."""
    if not (isinstance(value, str) and len(value) == 18 and set(value) <= set(_CREDIT)) or not value[2:8].isdigit():
        return False
    total = sum(_CREDIT.index(c) * pow(3, n, 31) for n, c in enumerate(value[:17]))
    return _CREDIT[-total % 31] == value[17] and organisation_code(value[8:17])


def organisation_code(value: Any) -> bool:
    """An organisation code (GB 11714) without its hyphen."""
    if not (isinstance(value, str) and re.fullmatch("[0-9A-Z]{8}[0-9X]", value)):
        return False
    total = sum(_ALNUM.index(c) * w for c, w in zip(value, _ORGANISATION_WEIGHTS, strict=False))
    return "0123456789X0"[11 - total % 11] == value[8]


def full_date(value: Any) -> bool:
    """A day of the calendar, YYYY-MM-DD."""
    if not (isinstance(value, str) and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value)):
        return False
    try:
        return date.fromisoformat(value).year >= 1800
    except ValueError:
        return False


def birthdate(value: Any) -> bool:
    """OIDC Core §5.1: a day, a year alone, or a day whose year isn't told (0000)."""
    if isinstance(value, str) and value.startswith("0000-"):
        return full_date("2000" + value[4:])
    return full_date(value) or (isinstance(value, str) and re.fullmatch("(?:1[89]|20)[0-9]{2}", value) is not None)


def phone(value: Any) -> bool:
    """E.164, as OIDC Core §5.1 recommends."""
    return isinstance(value, str) and re.fullmatch(r"\+[1-9][0-9]{5,14}", value) is not None


def email(value: Any) -> bool:
    """An address of RFC 5322's plain form."""
    return isinstance(value, str) and len(value) <= 254 and _EMAIL.fullmatch(value) is not None


def nationality(value: Any) -> bool:
    """A country by its letters (ISO 3166-1 alpha-2 or alpha-3)."""
    return isinstance(value, str) and re.fullmatch("[A-Z]{2,3}", value) is not None


def marital_status(value: Any) -> bool:
    """The groups of GB/T 2261.2, as words."""
    return value in ("single", "married", "widowed", "divorced", "unstated")


def text(value: Any) -> bool:
    """Something written, of bounded length."""
    return isinstance(value, str) and value.strip() != "" and len(value) <= _MAX_TEXT


def truth(value: Any) -> bool:
    """True or false."""
    return isinstance(value, bool)


def address(value: Any) -> bool:
    """OIDC Core §5.1.1: an object of texts."""
    members = {"formatted", "street_address", "locality", "region", "postal_code", "country"}
    return isinstance(value, dict) and value != {} and set(value) <= members and all(map(text, value.values()))


RULES: Final[dict[str, Callable[[Any], bool]]] = {
    rule.__name__: rule
    for rule in (
        region, national_id, credit_code, organisation_code, full_date, birthdate, phone, email, nationality, marital_status, text,
        truth, address,
    )
}  # fmt: skip
"""Name → predicate."""


def valid(rule: str | None, value: Any) -> bool:
    """Whether ``value`` meets the rule; without one everything does. Raises KeyError for a rule that there isn't."""
    return rule is None or RULES[rule](value)
