"""How one claim is asked for (OpenID Connect Core §5.5.1), wherever in the ``claims`` parameter it stands."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from idp.errors import Code, Refusal

MAX_NUMBER: Final = 64
_NAME: Final = re.compile(r"[a-z][a-z_]{0,39}[0-9]{0,2}|\[[0-9]{1,2}\]")


class Wish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one claim is asked for (§5.5.1). ``values`` holds ``value`` too; empty: any value."""

    essential: bool = False
    values: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Wish(essential={self.essential})"


def read(value: Any) -> Wish:
    """The wish behind a claim's name. Members that we do not know are ignored (§5.5.1). Raises Refusal(invalid_request)."""
    if value is None:
        return Wish()
    if not isinstance(value, dict):
        raise Malformed("asks for a claim with something that is neither null nor an object")
    essential, listed = value.get("essential", False), value.get("values", [])
    if not isinstance(essential, bool):
        raise Malformed("has an essential that is neither true nor false")
    if not isinstance(listed, list):
        raise Malformed("has values that are no array")
    if "value" in value and "values" in value:
        raise Malformed("has both value and values")
    wanted = [value["value"]] if "value" in value else listed
    if not all(isinstance(item, str | int) for item in wanted):
        raise Malformed("lists a value that is neither text, number nor truth value")
    return Wish(essential=essential, values=tuple(map(str, wanted)))


def named(members: dict[str, Any]) -> dict[str, Wish]:
    """The wish behind each name. Raises Refusal(invalid_request)."""
    found = {}
    for name, value in members.items():
        with inside(name):
            found[name] = read(value)
    return found


def compared(value: Any) -> str:
    """The member ``compare`` of a claim that tells whether a number is the citizen's: our own, as §5.5.1 lets there be. Empty where there is none.

    ``value`` would ask that the claim, true or false, has that value. Raises Refusal(invalid_request).
    """
    number = value.get("compare") if isinstance(value, dict) else None
    if number is None:
        return ""
    if not isinstance(number, str) or not 0 < len(number) <= MAX_NUMBER or not number.isprintable():
        raise Malformed(f"compares with something that is not a text of 1 to {MAX_NUMBER} characters")
    return number


class Malformed(Refusal):
    """The parameter is not a claims request. ``what`` is wrong with the member that ``path`` leads to, outermost first."""

    def __init__(self, what: str, path: tuple[str, ...] = ()) -> None:
        where = f"at {'.'.join(path).replace('.[', '[')} " if path else ""
        super().__init__(
            Code.INVALID_REQUEST,
            f"The claims parameter {where}{what}.",
            reason="claims_malformed",
            private=where + what,
        )
        self.what, self.path = what, path


@contextmanager
def inside(member: str) -> Iterator[None]:
    """Names ``member`` in what is refused inside, unless its name is not one that a claim has: people's data may be in it."""
    try:
        yield
    except Malformed as refused:
        name = member if _NAME.fullmatch(member) else "…"
        raise Malformed(refused.what, (name, *refused.path)) from None
