"""Authentication context class references: how sure the provider is of who sits there (OpenID Connect Core §2, ``acr``)."""

from typing import Final

ONE_FACTOR: Final = "urn:yimen:acr:1"
"""Something known: a password."""
TWO_FACTORS: Final = "urn:yimen:acr:2"
"""A password and a one-time code of the citizen's own device."""
SUPPORTED: Final = (ONE_FACTOR, TWO_FACTORS)
"""What discovery lists as ``acr_values_supported``, weakest first."""


def rank(acr: str) -> int:
    """1 for the weakest; 0 for a value that is not ours."""
    return SUPPORTED.index(acr) + 1 if acr in SUPPORTED else 0
