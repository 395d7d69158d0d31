"""How values are written for people: instants, dates, masks. Pure; instants are integer microseconds since 1970 UTC."""

from datetime import UTC, date, datetime, timedelta, tzinfo

from babel.dates import format_date, get_timezone

from idp.web.theme.language import locale_name

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZONE_NAMES = {"Asia/Shanghai": {"zh-Hans": "北京时间", "en": "Beijing time"}}


def instant_text(at: int, language: str, zone: str = "Asia/Shanghai") -> str:
    """``2026年11月23日 10:05（北京时间）`` or ``23 November 2026, 10:05 (Beijing time)``; other zones are named by their offset."""
    local = _local(at, get_timezone(zone))
    name = _ZONE_NAMES.get(zone, {}).get(language) or _offset(local)
    clock = f"{local:%H:%M}"
    if language == "en":
        return f"{date_text(local.date(), language)}, {clock} ({name})"
    return f"{date_text(local.date(), language)} {clock}（{name}）"


def instant_iso(at: int, zone: str = "Asia/Shanghai") -> str:
    """RFC 3339 with offset, to the second: the machine-readable twin for ``<time datetime>``."""
    return _local(at, get_timezone(zone)).isoformat(timespec="seconds")


def date_text(day: date, language: str) -> str:
    """``2026年11月23日`` or ``23 November 2026``."""
    pattern = "d MMMM y" if language == "en" else "y年M月d日"
    return str(format_date(day, pattern, locale=locale_name(language)))


def mask(claim: str, value: str) -> str:
    """Enough of a value for its owner to know it again, too little for a stranger at the screen to use. Unknown claims show the least."""
    rule = _RULES.get(claim, _ends)
    return rule(value.strip()) if value.strip() else ""


def _local(at: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=at)).astimezone(zone)


def _offset(local: datetime) -> str:
    minutes = int((local.utcoffset() or timedelta()).total_seconds()) // 60
    sign, rest = ("-" if minutes < 0 else "+"), abs(minutes)
    return f"UTC{sign}{rest // 60}" + (f":{rest % 60:02d}" if rest % 60 else "")


def _first(value: str) -> str:
    return value[0] + "*" * max(1, min(len(value) - 1, 6))


def _ends(value: str) -> str:
    return _first(value) if len(value) < 5 else f"{value[0]}{'*' * min(len(value) - 2, 10)}{value[-1]}"


def _email(value: str) -> str:
    local, at, domain = value.rpartition("@")
    return f"{local[0]}***{at}{domain}" if local else _ends(value)


def _phone(value: str) -> str:
    digits = value.replace(" ", "")
    return f"{digits[:-8]}****{digits[-4:]}" if len(digits) >= 11 else f"****{digits[-2:]}"


def _birthdate(value: str) -> str:
    year, dash, _ = value.partition("-")
    return f"{year}-**-**" if dash else "****"


def _address(value: str) -> str:
    return f"{value[:6]}****" if len(value) > 8 else _first(value)


def _url(value: str) -> str:
    scheme, mark, rest = value.partition("://")
    host = rest.split("/")[0]
    return f"{scheme}://{host}/…" if mark and host and host != rest else _ends(value)


def _whole(value: str) -> str:
    return value


_RULES = {
    "name": _first,
    "given_name": _first,
    "family_name": _first,
    "middle_name": _first,
    "email": _email,
    "phone_number": _phone,
    "birthdate": _birthdate,
    "address": _address,
    "profile": _url,
    "picture": _url,
    "website": _url,
    "gender": _whole,
    "zoneinfo": _whole,
    "locale": _whole,
    "updated_at": _whole,
    "email_verified": _whole,
    "phone_number_verified": _whole,
}
