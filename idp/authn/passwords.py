"""Which new password is good enough: long, not guessable, not stolen, not about its owner. No rules of composition, no expiry (SP 800-63B §3.1.1)."""

import re
from collections.abc import Container, Iterable
from typing import Final

from idp.authn.chinese import WORDS, units
from idp.authn.hashing import TooLong, prepare
from idp.authn.meter import score

LEAST_SCORE: Final = 3
"""zxcvbn: safely unguessable offline against a slow hash."""
LEAST_SCORE_2FA: Final = 2
"""zxcvbn: somewhat guessable offline, not online; no eight characters reach more."""
LEAST_UNITS: Final = 8
"""Of the pieces that Chinese passwords are put together from (``idp.authn.chinese.units``)."""
_METER_CHARS: Final = 72
_PARTING = re.compile(r"[\s\-_.,/]+")
_SPLIT = re.compile(r"[^0-9a-z\u4e00-\u9fff]+")


def minimum(password_min: int, password_min_2fa: int, second_factor: bool) -> int:
    """Least number of characters: fewer where a second factor stands beside (SP 800-63B §3.1.1.2)."""
    return password_min_2fa if second_factor else password_min


def alone(password: str, password_min: int) -> bool:
    """Whether a password that was accepted once is long enough without a second factor beside it."""
    return len(prepare(password).decode("utf-8", "surrogatepass")) >= password_min


def problem(
    password: str,
    *,
    least: int,
    second_factor: bool = False,
    context: Iterable[str] = (),
    breached: Container[bytes] = frozenset(),
    repeated: str | None = None,
) -> str | None:
    """Why a new password is not accepted, as a key of the pages' wording; None when it is fine.

    ``context``: what belongs to the person or the service (name, address, number). ``repeated``: as it was typed once more, if it was; nothing is
    measured before the two agree. Length counts characters after normalisation.
    """
    if not password:
        return "password_new_missing"
    try:
        prepared = prepare(password)
    except TooLong:
        return "password_long"
    text = prepared.decode("utf-8", "surrogatepass")
    if len(text) < least:
        return "password_short"
    if prepared in breached:
        return "password_breached"
    words = context_words(context)
    if any(word in text.casefold() for word in words):
        return "password_personal"
    if repeated is not None and repeated != password:
        return "password_differs"
    enough = LEAST_SCORE_2FA if second_factor else LEAST_SCORE
    return None if units(text) >= LEAST_UNITS and _score(text, words) >= enough else "password_weak"


def context_words(context: Iterable[str]) -> tuple[str, ...]:
    """The words of personal values that a password must not hold: at least four characters, or two where they are Chinese; the whole value too, and
    what stands before the ``@`` of an address."""
    found: dict[str, None] = {}
    for value in context:
        folded = value.casefold().strip().removeprefix("+86")
        for word in (folded, folded.partition("@")[0], *_SPLIT.split(folded)):
            if len(word) >= 4 or (len(word) >= 2 and not word.isascii()):
                found[word] = None
    return tuple(found)


def _score(text: str, words: tuple[str, ...]) -> int:
    """0 to 3 by zxcvbn's measure over at most 72 characters: what comes after can't make it weaker.

    Of what is written with and without spaces and dashes the weaker counts: the meter doesn't see a repetition that they interrupt.
    """
    head = text[:_METER_CHARS]
    forms = {head, _PARTING.sub("", head) or head}
    return min(score(form, (*words, *WORDS)) for form in forms)
