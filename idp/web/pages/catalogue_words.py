"""Texts of the catalogues in the reader's language, for every page that shows a service item."""

from flask_babel import gettext as _
from flask_babel import ngettext

from idp.release.model import Texts

_KEYS = {"zh-Hans": "zh", "en": "en"}


def spoken(texts: Texts, lang: str) -> str:
    """The text in the page's language; empty where there is none."""
    return texts.get(_KEYS[lang], "")


def kept(days: int) -> str:
    """How long a department keeps what it learns."""
    if days and days % 365 == 0:
        return str(ngettext("%(num)d year", "%(num)d years", days // 365))
    return str(ngettext("%(num)d day", "%(num)d days", days)) if days else str(_("Not kept"))
