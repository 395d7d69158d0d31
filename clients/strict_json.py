"""JSON in one reading alone: each member once, nothing behind the value, finite numbers, whole characters (RFC 8259 §4, §6, §8).

For every JSON that somebody outside wrote: what a first parser and a second one read differently, one of them was deceived by.
"""

import json
from typing import Any, NoReturn, TypeVar

import msgspec

T = TypeVar("T")


class NotStrict(ValueError):
    """The text has no one reading. Its words say why, with nothing of what stands in it."""


def read(text: str | bytes) -> Any:
    """The value; bytes are UTF-8 without a byte order mark (RFC 8259 §8.1).

    Raises NotStrict: not JSON, a member twice, NaN, half a character, a number or a nesting beyond the parser.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        value = _decoder.decode(text)
        if "\\u" in text or not text.isascii():
            json.dumps(value, ensure_ascii=False).encode()
    except NotStrict:
        raise
    except RecursionError:
        raise NotStrict("is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise NotStrict(f"is not JSON from character {error.pos + 1} on") from None
    except UnicodeDecodeError:
        raise NotStrict("is not UTF-8") from None
    except UnicodeError:
        raise NotStrict("holds a lone surrogate") from None
    except ValueError:
        raise NotStrict("holds a number with too many digits") from None
    return value


def read_as(text: str | bytes, shape: type[T]) -> T:
    """The value in ``shape``, no type made to fit. Raises NotStrict."""
    try:
        return msgspec.convert(read(text), shape)
    except msgspec.ValidationError:
        raise NotStrict("has members of the wrong type") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrict("holds a member twice")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise NotStrict("holds a number that is too large")
    return value


def _no_constant(_: str) -> NoReturn:
    raise NotStrict("holds NaN or Infinity, which is no JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant)
