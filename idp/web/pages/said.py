"""A masked value in the words of the reader: truth values, dates, languages and countries are not shown as programs write them."""

import re
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from flask_babel import force_locale

from idp.web.theme import instant_text, locale_name
from idp.web.wording import WORDS

_STARS = re.compile(r"\*{9,}")
"""More would break the line on a phone, and their number tells nothing."""
_SECONDS = 1_000_000
_LONGEST_YEAR = 253_402_300_799  # the last second of the year 9999


def said(code: str, text: str, lang: str) -> str:
    """The value of attribute ``code``, as ``release.mask`` gives it, for a page in ``lang``. What has no words stays as it is."""
    text = _STARS.sub("********", text)
    if code == "updated_at":
        return _instant(text, lang)
    if code == "birthdate":
        return _birthdate(text, lang)
    if code == "locale":
        return _language(text, lang)
    if code == "nationality":
        return _country(text, lang)
    if text not in WORDS:
        return text
    with force_locale(locale_name(lang)):
        return str(WORDS[text])


def whole(code: str, value: Any, lang: str) -> str:
    """The value of an attribute as it is held, for its owner's own copy: nothing masked."""
    if isinstance(value, dict):
        return ("、" if lang == "zh-Hans" else ", ").join(str(part) for part in value.values())
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return said(code, text, lang)


def _instant(text: str, lang: str) -> str:
    """OIDC Core §5.1: seconds since 1970 UTC."""
    if not (text.isascii() and text.isdigit() and int(text) <= _LONGEST_YEAR):
        return text
    return instant_text(int(text) * _SECONDS, lang)


def _birthdate(text: str, lang: str) -> str:
    year, dash, rest = text.partition("-")
    if not dash or not year.isdigit() or rest != "**-**" or lang == "en":
        return text
    return f"{year}年**月**日"


def _language(text: str, lang: str) -> str:
    try:
        name = Locale.parse(text.replace("-", "_")).get_display_name(locale_name(lang))
    except (UnknownLocaleError, ValueError):
        return text
    return name or text


def _country(text: str, lang: str) -> str:
    """ISO 3166-1, in two or three letters."""
    aliases: dict[str, list[str]] = get_global("territory_aliases")  # type: ignore[assignment]
    code = (aliases.get(text) or [text])[0]
    return str(Locale.parse(locale_name(lang)).territories.get(code, text))
