"""``prompt`` and ``max_age`` (OpenID Connect Core §3.1.2.1; Initiating User Registration 1.0)."""

from typing import Final

from idp.errors import Code, Refusal

SUPPORTED: Final = ("none", "login", "consent", "select_account", "create")
"""Published as ``prompt_values_supported``."""
_MAX_AGE_DIGITS: Final = 10


def read_prompt(text: str | None) -> frozenset[str]:
    """The prompt values. Raises Refusal(invalid_request) for one we do not know and for ``none`` beside another."""
    values = frozenset((text or "").split())
    unknown = values - frozenset(SUPPORTED)
    if unknown:
        raise Refusal(Code.INVALID_REQUEST, "A prompt value is not supported.", reason="prompt_unknown")
    if "none" in values and len(values) > 1:
        raise Refusal(Code.INVALID_REQUEST, "prompt=none stands alone.", reason="prompt_none_with_others")
    return values


def read_max_age(text: str | None) -> int | None:
    """Seconds, 0 or more. Raises Refusal(invalid_request) for anything but digits."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_AGE_DIGITS):
        raise Refusal(Code.INVALID_REQUEST, "max_age is not a number of seconds.", reason="max_age_malformed")
    return int(text)
