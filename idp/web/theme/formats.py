"""How values are written for people: instants and dates. Pure; instants are integer microseconds since 1970 UTC."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from babel.dates import format_date, get_timezone

from idp.web.theme.language import locale_name

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUSE = "Asia/Shanghai"
"""The zone in which the house writes times, wherever nothing else is said."""
_ZONE_NAMES = {HOUSE: {"zh-Hans": "北京时间", "en": "Beijing time"}}


def instant_text(at: int, language: str, zone: str = HOUSE) -> str:
    """``2026年11月23日 10:05（北京时间）`` or ``23 November 2026, 10:05 (Beijing time)``; other zones are named by their offset."""
    local = _local(at, get_timezone(zone))
    name = _ZONE_NAMES.get(zone, {}).get(language) or _offset(local)
    clock = f"{local:%H:%M}"
    if language == "en":
        return f"{date_text(local.date(), language)}, {clock} ({name})"
    return f"{date_text(local.date(), language)} {clock}（{name}）"


def instant_iso(at: int, zone: str = HOUSE) -> str:
    """RFC 3339 with offset, to the second: the machine-readable twin for ``<time datetime>``."""
    return _local(at, get_timezone(zone)).isoformat(timespec="seconds")


def instant_plain(at: int, zone: str = HOUSE) -> str:
    """``2026-11-23 10:05:07 +08:00``: for lists that are read all day, where a column of sentences would not be."""
    local = _local(at, get_timezone(zone))
    return f"{local:%Y-%m-%d %H:%M:%S} {zone_offset(at, zone)}"


def zone_offset(at: int, zone: str = HOUSE) -> str:
    """``+08:00`` (ISO 8601): what a zone adds to UTC at an instant."""
    return _local(at, get_timezone(zone)).isoformat()[-6:]


def date_text(day: date, language: str) -> str:
    """``2026年11月23日`` or ``23 November 2026``."""
    pattern = "d MMMM y" if language == "en" else "y年M月d日"
    return str(format_date(day, pattern, locale=locale_name(language)))


def day_begins(day: date, zone: str = HOUSE) -> int:
    """The instant at which a day begins, microseconds since 1970 UTC. Raises OverflowError at the ends of the calendar."""
    return (datetime.combine(day, time(), get_timezone(zone)) - _EPOCH) // timedelta(microseconds=1)


def _local(at: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=at)).astimezone(zone)


def _offset(local: datetime) -> str:
    minutes = int((local.utcoffset() or timedelta()).total_seconds()) // 60
    sign, rest = ("-" if minutes < 0 else "+"), abs(minutes)
    return f"UTC{sign}{rest // 60}" + (f":{rest % 60:02d}" if rest % 60 else "")
