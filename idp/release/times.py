"""The day it is for people here: birthdays and dated texts go by Beijing time."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

BEIJING: Final = timezone(timedelta(hours=8))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def day(at: int) -> date:
    """The calendar day at ``at`` (microseconds UTC)."""
    return (_EPOCH + timedelta(microseconds=at)).astimezone(BEIJING).date()
