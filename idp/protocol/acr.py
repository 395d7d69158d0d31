"""How sure we are who it is: the two levels, their order, and which of them a request is told.

``acr`` tells the truth: never a level that was not reached; of several that were reached, the highest that the request listed
(OpenID Connect Core §5.5.1.1).
"""

from collections.abc import Iterable

ONE_FACTOR = "urn:yimen:acr:1"
TWO_FACTORS = "urn:yimen:acr:2"
SUPPORTED = (ONE_FACTOR, TWO_FACTORS)
"""Weakest first; published as ``acr_values_supported``."""

_RANK = {name: i for i, name in enumerate(SUPPORTED, start=1)}


def rank(acr: str) -> int:
    """1 or 2; 0 for a value that is not ours."""
    return _RANK.get(acr, 0)


def of_amr(amr: Iterable[str]) -> str:
    """The level that a session reached by its RFC 8176 methods: two factors exactly where ``mfa`` stands."""
    return TWO_FACTORS if "mfa" in amr else ONE_FACTOR


def holds(held: str, wanted: Iterable[str]) -> bool:
    """Whether any listed level is reached already. Nothing listed is always held."""
    listed = tuple(wanted)
    return not listed or any(0 < rank(value) <= rank(held) for value in listed)


def obtainable(wanted: Iterable[str], best: str) -> bool:
    """Whether a sign-in up to ``best`` could reach any listed level."""
    return holds(best, wanted)


def told(held: str, wanted: Iterable[str]) -> str:
    """The ``acr`` of the answer: the highest listed level that is reached, else what was reached."""
    reached = [value for value in wanted if 0 < rank(value) <= rank(held)]
    return max(reached, key=rank, default=held)
