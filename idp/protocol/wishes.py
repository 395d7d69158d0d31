"""How one claim is asked for (OpenID Connect Core §5.5.1), wherever in the ``claims`` parameter it stands."""

from typing import Any, Final

import msgspec

from idp.errors import Code, Refusal

MAX_NUMBER: Final = 64


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
        raise malformed("asks for a claim with something that is neither null nor an object")
    essential, listed = value.get("essential", False), value.get("values", [])
    if not isinstance(essential, bool) or not isinstance(listed, list) or ("value" in value and "values" in value):
        raise malformed("has an essential, value or values member of the wrong form")
    wanted = [value["value"]] if "value" in value else listed
    if not all(isinstance(item, str | int) for item in wanted):
        raise malformed("lists a value that is neither text, number nor truth value")
    return Wish(essential=essential, values=tuple(map(str, wanted)))


def compared(value: Any) -> str:
    """The member ``compare`` of a claim that tells whether a number is the citizen's: our own, as §5.5.1 lets there be. Empty where there is none.

    ``value`` would ask that the claim, true or false, has that value. Raises Refusal(invalid_request).
    """
    number = value.get("compare") if isinstance(value, dict) else None
    if number is None:
        return ""
    if not isinstance(number, str) or not 0 < len(number) <= MAX_NUMBER or not number.isprintable():
        raise malformed(f"compares with something that is not a text of 1 to {MAX_NUMBER} characters")
    return number


def malformed(what: str) -> Refusal:
    """The parameter is not a claims request."""
    return Refusal(Code.INVALID_REQUEST, f"The claims parameter {what}.", reason="claims_malformed")
