"""Codes with right check characters, of organisations that there are not."""

from idp.release import validators

_MARKS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def credit_code(begin: str, organisation: str) -> str:
    """The unified social credit code (GB 32100) of eight characters of kind and region and eight of the organisation (GB 11714)."""
    tails = (f"{organisation}{mark}" for mark in _MARKS if validators.organisation_code(f"{organisation}{mark}"))
    return next(code for tail in tails for mark in _MARKS if validators.credit_code(code := f"{begin}{tail}{mark}"))
