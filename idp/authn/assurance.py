"""From what was proved to what may be said about it: ``amr`` (RFC 8176) and ``acr``. Nothing stronger than the proofs is ever said."""

from collections.abc import Iterable
from typing import Final

from idp.protocol.acr import ONE_FACTOR, TWO_FACTORS

PASSWORD: Final = "pwd"
ONE_TIME_PASSWORD: Final = "otp"
"""A TOTP code, or a recovery code in its place."""
MULTIPLE: Final = "mfa"


def amr(proofs: Iterable[str]) -> str:
    """Space-separated methods in a fixed order, with ``mfa`` when two kinds of factor are among them (RFC 8176 §2)."""
    proved = set(proofs) & {PASSWORD, ONE_TIME_PASSWORD}
    names = [name for name in (PASSWORD, ONE_TIME_PASSWORD) if name in proved]
    return " ".join([*names, MULTIPLE] if len(names) == 2 else names)


def acr(methods: str) -> str:
    """The level that methods, as written by :func:`amr`, reach. A one-time code without a password is one factor."""
    held = set(methods.split())
    return TWO_FACTORS if {PASSWORD, ONE_TIME_PASSWORD} <= held else ONE_FACTOR


def stepped_up(methods: str) -> str:
    """The methods of a session in which a second factor was proved besides."""
    return amr([*methods.split(), ONE_TIME_PASSWORD])
