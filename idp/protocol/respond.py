"""The one exit to a client: every authorization response, success or error, in every response mode, with ``state`` and ``iss``."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from idp.errors import Refusal

MODES: Final = ("query", "fragment", "form_post")
"""OAuth 2.0 Multiple Response Type Encoding Practices §2.1; Form Post Response Mode §2."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]*").fullmatch


@dataclass(frozen=True, slots=True)
class ToClient:
    """An answer on its way to a proven redirect URI. ``fields`` in order; the one who renders it adds nothing."""

    redirect_uri: str
    mode: str
    fields: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        return f"ToClient({self.mode}, {', '.join(name for name, _ in self.fields)})"

    @property
    def location(self) -> str:
        """The redirect's target in the modes ``query`` and ``fragment``."""
        if self.mode == "fragment":
            return f"{self.redirect_uri}#{encoded(self.fields)}"
        return add_query(self.redirect_uri, dict(self.fields))


def code_answer(redirect_uri: str, mode: str, state: str | None, issuer: str, code: str) -> ToClient:
    """RFC 6749 §4.1.2 with ``iss`` (RFC 9207 §2)."""
    return ToClient(redirect_uri, mode, (("code", code), *_common(state, issuer)))


def error_answer(redirect_uri: str, mode: str, state: str | None, issuer: str, refusal: Refusal) -> ToClient:
    """RFC 6749 §4.1.2.1 with ``iss`` (RFC 9207 §2)."""
    fields = (("error", refusal.code.value), ("error_description", refusal.public))
    return ToClient(redirect_uri, mode, (*fields, *_common(state, issuer)))


def add_query(uri: str, values: dict[str, str]) -> str:
    """``uri`` with parameters added behind whatever query it was registered with, which stays as it is (RFC 6749 §3.1.2)."""
    if not values:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}{encoded(values.items())}"


def encoded(fields: Iterable[tuple[str, str]]) -> str:
    """Names, which are ours, and percent-encoded values (RFC 3986 §2.1): as ``urlencode`` with ``quote``, in a fraction of its time."""
    return "&".join([f"{name}={value if _PLAIN(value) else quote(value, safe='')}" for name, value in fields])


def _common(state: str | None, issuer: str) -> tuple[tuple[str, str], ...]:
    return (*((("state", state),) if state is not None else ()), ("iss", issuer))
