"""How one claim is asked for (OpenID Connect Core §5.5.1), wherever in the ``claims`` parameter it stands."""

from typing import Any

import msgspec

from idp.errors import Code, Refusal


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


def malformed(what: str) -> Refusal:
    """The parameter is not a claims request."""
    return Refusal(Code.INVALID_REQUEST, f"The claims parameter {what}.", reason="claims_malformed")
