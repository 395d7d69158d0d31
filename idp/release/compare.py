"""Is the number that somebody has the citizen's own? The answer is yes or no and nothing else. Pure."""

import hmac
import unicodedata
from hashlib import sha256
from typing import Any, Final

BASES: Final = ("national_id", "phone_number", "employer_code")
SUFFIX: Final = "_matches"
CLAIMS: Final = frozenset(base + SUFFIX for base in BASES)
"""Attributes that tell a verdict on a number which the request brings along. Code and claim are one."""
_IGNORED: Final = dict.fromkeys(map(ord, " \t-‐‑–()（）.　"))


def canonical(claim: str, text: str) -> str:
    """One spelling for each number: no spaces, hyphens or brackets; letters large; full-width digits as plain ones."""
    found = unicodedata.normalize("NFKC", text).translate(_IGNORED).upper()
    if claim == "phone_number" + SUFFIX and found.startswith("00"):
        return "+" + found[2:]
    return found


def matches(claim: str, value: Any, candidate: str) -> bool | None:
    """Whether ``candidate`` is ``value``; None when there is neither. In the same time whatever they share."""
    if not isinstance(value, str) or not candidate:
        return None
    ours, theirs = (sha256(canonical(claim, text).encode()).digest() for text in (value, candidate))
    return hmac.compare_digest(ours, theirs)
