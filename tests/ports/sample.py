"""Rows of any record, filled by type, so that a new column changes no test."""

from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

S = TypeVar("S", bound=Struct)


def key(n: int, size: int = 32) -> bytes:
    """A binary key that differs with ``n``."""
    return n.to_bytes(size, "big")


def _filled(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        return None
    if get_origin(annotation) is not None:
        return get_args(annotation)[0]
    return {int: 1, str: "x", bytes: b"x" * 16}[annotation]


def sample(kind: type[S], **given: Any) -> S:
    """A row whose fields are ``given`` or neutral values of their type (None where allowed)."""
    hints = get_type_hints(kind)
    return kind(**{name: given[name] if name in given else _filled(hints[name]) for name in kind.__struct_fields__})
