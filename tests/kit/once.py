"""Each test composes an application of its own, and each would write and compile the same routes and templates again: here once per run.

What is shared is code alone: what a template shows and where a route leads belongs to the application that asks.
"""

from collections.abc import Callable
from types import CodeType
from typing import Any

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

_build: Callable[..., Any] = Rule._compile_builder
_built: dict[object, Any] = {}


def _compile_builder(rule: Any, append_unknown: bool = True) -> Any:
    """The function that builds the rule's URLs; it reaches the rule's converters through the rule, so equal rules may share one."""
    key = (append_unknown, *rule._trace, *sorted(rule.arguments), repr(rule.defaults))
    if key not in _built:
        _built[key] = _build(rule, append_unknown)
    return _built[key]


class Compiled(BytecodeCache):
    """Code of templates by name, file and text: a template that changes is another."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Called before a template is compiled."""
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Called after it was."""
        assert bucket.code is not None
        self._code[bucket.key, bucket.checksum] = bucket.code


def remember() -> None:
    """From now on in this process."""
    Rule._compile_builder = _compile_builder  # type: ignore[assignment, method-assign]
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": Compiled()}
