"""JSON in one reading alone: strict text, each member once (RFC 8259 §4), for parameters that carry JSON."""

import json
from typing import Any, NoReturn


def read(text: str) -> Any:
    """The value. Raises ValueError: not JSON, a member twice, NaN, a lone surrogate, nested beyond the parser's depth."""
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member twice")
    return found


def _no_constant(_: str) -> NoReturn:
    raise ValueError("not a JSON number")
