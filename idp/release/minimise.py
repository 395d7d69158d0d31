"""Minimising attributes: a verdict or a masked value instead of the value. Computed at each release, never stored."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from idp.release import validators
from idp.release.compare import CLAIMS, matches
from idp.release.model import AttributeKind


def computed(
    kind: AttributeKind, values: Mapping[str, Any], today: date, numbers: Mapping[str, str] | None = None
) -> Any:
    """The value of a minimising attribute of the ``values`` that it is made from; None when they do not say it.

    ``numbers``: claim → the number that a verdict is asked on.
    """
    value = values.get(kind.of[0])
    if kind.claim in CLAIMS:
        return matches(kind.claim, value, (numbers or {}).get(kind.claim, ""))
    name, _, rest = kind.code.rpartition("_")
    if name == "age_over":
        return age_over(int(rest), value, today)
    if name == "resident_of":
        return within(rest, value)
    return shortened(value)


def age_over(years: int, birthdate: Any, today: date) -> bool | None:
    """Whether the birthday that makes one ``years`` old has come; born on 29 February, one is older on 1 March.

    A year alone (OIDC Core §5.1) counts from the next year on, so that nobody is told to be older than they may be.
    """
    if not validators.birthdate(birthdate) or str(birthdate).startswith("0000"):
        return None
    year, _, day = str(birthdate).partition("-")
    return (
        (today.year - int(year), f"{today.month:02}-{today.day:02}") >= (years, day)
        if day
        else today.year - int(year) > years
    )


def within(region: str, value: Any) -> bool | None:
    """Whether a region (GB/T 2260) lies in ``region``: trailing pairs of zeros stand for the whole province or city."""
    if not validators.region(value):
        return None
    prefix = region
    while len(prefix) > 2 and prefix.endswith("00"):
        prefix = prefix[:-2]
    return str(value).startswith(prefix)


def shortened(value: Any) -> str | None:
    """The first three and the last two characters of a number."""
    if not isinstance(value, str) or len(value) < 8:
        return None
    return f"{value[:3]}{'*' * (len(value) - 5)}{value[-2:]}"
