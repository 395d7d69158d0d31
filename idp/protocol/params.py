"""Request parameters, parsed once into a frozen value that remembers what came twice."""

import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import unquote

from idp.errors import Code, Refusal

MAX_PARAMETERS = 200
MAX_VALUE_BYTES = 4096
LONG_VALUES = {
    "request": 65536,
    "client_assertion": 16384,
    "claims": 16384,
    "authorization_details": 16384,
    "scope": 4096,
    "id_token_hint": 16384,
    "token": 16384,
}
_PLAIN_VALUE: Final = re.compile(r"[A-Za-z0-9._~-]{1,256}")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")
"""A name that may stand in an error's text; any other is the caller's own words (RFC 6749 §5.2 character set)."""


class Params:
    """Decoded parameters in order. A parameter without a value is treated as omitted (RFC 6749 §3.1)."""

    __slots__ = ("_more", "_repeated", "_values")

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        values: dict[str, str] = {}
        more: dict[str, list[str]] = {}
        for name, value in pairs:
            if not value:
                continue
            if name in values:
                more.setdefault(name, []).append(value)
            else:
                values[name] = value
        self._values, self._more, self._repeated = values, more, frozenset(more)

    def __repr__(self) -> str:
        return f"Params({', '.join(self._values)})"

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    @property
    def repeated(self) -> frozenset[str]:
        """Names that came more than once."""
        return self._repeated

    def get(self, name: str) -> str | None:
        """The single value, or None when absent or repeated; call :func:`refuse_repeated` before relying on absence."""
        return None if name in self._repeated else self._values.get(name)

    def every(self, name: str) -> tuple[str, ...]:
        """All values, in order, of a parameter that may come more than once."""
        return (self._values[name], *self._more.get(name, ())) if name in self._values else ()

    def one(self, name: str) -> str | None:
        """The value or None. Raises Refusal(invalid_request) when it came twice (RFC 6749 §3.1)."""
        if name in self._repeated:
            shown = f"The parameter {name}" if _PLAIN_NAME.fullmatch(name) else "A parameter"
            raise Refusal(Code.INVALID_REQUEST, f"{shown} was sent more than once.", reason="repeated_parameter")
        return self._values.get(name)

    def required(self, name: str) -> str:
        """The value. Raises Refusal(invalid_request) when absent or repeated."""
        value = self.one(name)
        if value is None:
            raise Refusal(Code.INVALID_REQUEST, f"The parameter {name} is missing.", reason=f"{name}_missing")
        return value

    def items(self) -> Iterable[tuple[str, str]]:
        """Name and first value of each, in order."""
        return self._values.items()

    def pairs(self) -> Iterable[tuple[str, str]]:
        """Name and value of all, those of one name together."""
        return ((name, value) for name in self._values for value in self.every(name))


EMPTY = Params(())


def parse(encoded: str) -> Params:
    """Parse application/x-www-form-urlencoded text (query or body).

    Raises Refusal(invalid_request) for invalid UTF-8, NUL, over 200 parameters or a value over its size; never truncates.
    """
    if not encoded:
        return EMPTY
    try:
        pairs = _pairs(encoded)
    except UnicodeError as error:
        raise Refusal(
            Code.INVALID_REQUEST, "The parameters are not valid UTF-8 form data.", reason="malformed_form"
        ) from error
    for name, value in pairs:
        if len(value) > LONG_VALUES.get(name, MAX_VALUE_BYTES) or len(name) > 256:
            raise Refusal(Code.INVALID_REQUEST, "A parameter is too long.", reason="parameter_too_long")
        if "\x00" in value or "\x00" in name:
            raise Refusal(Code.INVALID_REQUEST, "A parameter holds a NUL character.", reason="nul_in_parameter")
    return Params(pairs)


def glimpse(encoded: str, name: str) -> str | None:
    """One plain value of text that can't be read as a whole: sent once, in characters that need no decoding, at most 256."""
    found = [value for key, _, value in (piece.partition("=") for piece in encoded.split("&")) if key == name]
    return found[0] if len(found) == 1 and _PLAIN_VALUE.fullmatch(found[0]) else None


def _pairs(encoded: str) -> list[tuple[str, str]]:
    """Decoded pairs in order, as ``urllib.parse.parse_qsl`` gives them in a third of its time. Raises UnicodeError, Refusal for too many."""
    pieces = encoded.split("&")
    if len(pieces) > MAX_PARAMETERS:
        many = f"There are too many parameters: at most {MAX_PARAMETERS} are read."
        raise Refusal(Code.INVALID_REQUEST, many, reason="too_many_parameters")
    found = []
    for piece in pieces:
        if piece:
            name, _, value = piece.partition("=")
            found.append((_decoded(name), _decoded(value)))
    return found


def _decoded(text: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    return unquote(text, errors="strict") if "%" in text else text


def refuse_repeated(
    params: Params, *, but: frozenset[str] = frozenset({"resource"}), only: Iterable[str] | None = None
) -> None:
    """RFC 6749 §3.1: parameters must not be included more than once. ``only``: of these."""
    for name in params.repeated - but if only is None else params.repeated.intersection(only):
        params.one(name)
