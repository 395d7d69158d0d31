"""How long an event's personal fields are kept, by class of event. Pure.

What ends is the sealed detail (address, device); the event, its digests and its leaf stay, so that the log verifies for ever.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from idp.audit.entry import Field, pack, unpack
from idp.audit.events import Fact

DAY = 86_400 * 1_000_000
_ZERO: Final = datetime(1970, 1, 1, tzinfo=UTC)
LEAST_DAYS = 183
"""Network logs are kept for six months at least (Cybersecurity Law of the PRC, Art. 21 (3))."""


class DetailsPurged(Fact, frozen=True, kw_only=True):
    """Details of old events of the class ``group`` were destroyed: of ``events`` rows, or the key of all of a ``month`` (2026-11)."""

    KIND = "audit.purged"
    events: int
    group: str
    month: str = ""


def rules(settings: Sequence[str], known: Sequence[str]) -> dict[str, int]:
    """Class (an event's subject, like ``session``) → days. Raises ValueError for an unknown class or too few days."""
    classes, found = {kind.partition(".")[0] for kind in known}, dict[str, int]()
    for text in settings:
        name, _, days = text.partition("=")
        if name not in classes:
            raise ValueError(f"{name} is no class of events: {', '.join(sorted(classes))}")
        if not days.isascii() or not days.isdigit() or not LEAST_DAYS <= int(days) <= 36_500:
            raise ValueError(f"{name} must be kept for {LEAST_DAYS} to 36500 days")
        found[name] = int(days)
    return found


def ends(kind: str, at: int, kept: Mapping[str, int]) -> int | None:
    """When the details of an event of ``at`` end (microseconds); None: never by themselves."""
    days = kept.get(kind.partition(".")[0])
    return None if days is None else at + days * DAY


def month_of(at: int) -> str:
    """The month of an instant (UTC), like ``2026-11``."""
    return (_ZERO + timedelta(microseconds=at)).strftime("%Y-%m")


def months(first: int, last: int) -> list[str]:
    """The months of both instants and all between."""
    start, end = (_ZERO + timedelta(microseconds=at) for at in (first, last))
    count = (end.year - start.year) * 12 + end.month - start.month
    return [f"{start.year + n // 12}-{n % 12 + 1:02}" for n in range(start.month - 1, start.month + count)]


def month_ends(month: str, days: int) -> int:
    """When the details of a whole month end that are kept for ``days`` (microseconds)."""
    year, number = map(int, month.split("-"))
    after = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return (after - _ZERO) // timedelta(microseconds=1) + days * DAY


def without_details(fields: bytes) -> bytes | None:
    """The stored fields with their digests alone; None when there is no detail left to destroy. Raises ValueError."""
    found = unpack(fields)
    if not any(field.sealed for field in found):
        return None
    return pack([Field(field.name, field.digest, b"") for field in found])
