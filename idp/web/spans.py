"""Lengths of time in words."""

from typing import Final

from flask_babel import ngettext

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR


def span_words(seconds: int) -> str:
    """In the largest unit of which it is a whole number: ``30 days``, ``90 minutes``."""
    if seconds and not seconds % DAY:
        return str(ngettext("%(num)d day", "%(num)d days", seconds // DAY))
    if seconds and not seconds % HOUR:
        return str(ngettext("%(num)d hour", "%(num)d hours", seconds // HOUR))
    if seconds and not seconds % MINUTE:
        return str(ngettext("%(num)d minute", "%(num)d minutes", seconds // MINUTE))
    return str(ngettext("%(num)d second", "%(num)d seconds", seconds))


def wait_words(seconds: int) -> str:
    """In the largest unit of which it holds one, rounded up: nobody comes back too early."""
    unit = next((unit for unit in (DAY, HOUR, MINUTE) if seconds >= unit), 1)
    return span_words(-(-seconds // unit) * unit)
