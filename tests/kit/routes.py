"""Each test composes an application of its own, and Werkzeug writes and compiles the same functions for its routes each time: here once per run."""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

_build: Callable[..., Any] = Rule._compile_builder
_built: dict[object, Any] = {}


def _compile_builder(rule: Any, append_unknown: bool = True) -> Any:
    """The function that builds the rule's URLs; it reaches the rule's converters through the rule, so equal rules may share one."""
    key = (append_unknown, *rule._trace, *sorted(rule.arguments), repr(rule.defaults))
    if key not in _built:
        _built[key] = _build(rule, append_unknown)
    return _built[key]


def remember_routes() -> None:
    """From now on in this process."""
    Rule._compile_builder = _compile_builder  # type: ignore[assignment, method-assign]
