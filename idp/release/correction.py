"""What citizens may say of themselves: which attributes, in which form. Pure.

Everything that others vouch for, and what decides about rights (date of birth, sex, numbers of registers) or is proved by a code (e-mail, phone),
is not among them. What is said this way stays marked ``self``.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from clients.visible import writable

SELF: Final = "self"
ADDRESS: Final = ("country", "region", "locality", "street_address", "postal_code")
"""Members of OIDC Core §5.1.1 that a form asks, from the widest down."""
MAX_NAME, MAX_LINE, MAX_URL = 80, 200, 300


class BadValue(ValueError):
    """Not of the attribute's form. ``error``: a key of the wording; ``field``: where it stands in the form."""

    def __init__(self, error: str, field: str = "value") -> None:
        super().__init__(error)
        self.error, self.field = error, field


def correctable(code: str, source: str | None) -> bool:
    """Whether a citizen may set or take back ``code``. ``source``: of the value that is there; None when there is none."""
    return code in RULES and source in (None, SELF)


def value_of(code: str, typed: Mapping[str, str]) -> Any:
    """The value that was typed (``value``, or the members of :data:`ADDRESS`); None when it is to be taken back. Raises BadValue."""
    if code == "address":
        found = {name: _line(typed.get(name, ""), MAX_LINE, "value_text", name) for name in ADDRESS}
        return {name: text for name, text in found.items() if text} or None
    text = typed.get("value", "")
    return RULES[code](text) if text.strip() else None


def _line(text: str, longest: int, error: str, field: str = "value") -> str:
    """One line of visible characters (NFC), inner space joined."""
    said = " ".join(unicodedata.normalize("NFC", text).split())
    if len(said) > longest:
        raise BadValue(error, field)
    if not writable(said):
        raise BadValue("value_characters", field)
    return said


def name_of(text: str) -> str:
    """A person's name, which may be empty. Raises BadValue."""
    return _line(text, MAX_NAME, "name_invalid")


def _url(text: str) -> str:
    """An https address without a user in it (OIDC Core §5.1)."""
    said = text.strip()
    try:
        url = urlsplit(said)
        sound = url.scheme == "https" and bool(url.hostname) and url.username is None and url.port != 0
    except ValueError:
        sound = False
    if not sound or len(said) > MAX_URL or not said.isprintable() or re.search(r"[\s\\\"<>]", said):
        raise BadValue("value_url")
    return said


def _zone(text: str) -> str:
    """A name of the IANA time zone database (OIDC Core §5.1)."""
    if text.strip() not in _zones():
        raise BadValue("value_zone")
    return text.strip()


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _language(text: str) -> str:
    """A language tag of BCP 47's plain form (OIDC Core §5.1)."""
    if not re.fullmatch(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}", text.strip()):
        raise BadValue("value_language")
    return text.strip()


def _address(_: str) -> str:
    """Read member by member in :func:`value_of`."""
    raise BadValue("value_text")


RULES: Final[Mapping[str, Callable[[str], Any]]] = {
    "name": name_of, "family_name": name_of, "given_name": name_of, "middle_name": name_of, "nickname": name_of,
    "preferred_username": name_of,
    "profile": _url, "website": _url, "zoneinfo": _zone, "locale": _language, "address": _address,
}  # fmt: skip
"""Attribute → its form."""
