"""JSON in one reading alone: strict text, each member once (RFC 8259 §4), for parameters that carry JSON."""

import json
from typing import Any, NoReturn


class NotStrict(ValueError):
    """The text has no one reading. Its words say why, with nothing of what stands in it."""


def read(text: str) -> Any:
    """The value. Raises NotStrict: not JSON, a member twice, NaN, a lone surrogate, a number or a nesting beyond the parser."""
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except NotStrict:
        raise
    except RecursionError:
        raise NotStrict("is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise NotStrict(f"is not JSON from character {error.pos + 1} on") from None
    except UnicodeError:
        raise NotStrict("holds a lone surrogate") from None
    except ValueError:
        raise NotStrict("holds a number with too many digits") from None
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrict("holds a member twice")
    return found


def _no_constant(_: str) -> NoReturn:
    raise NotStrict("holds NaN or Infinity, which is no JSON")
