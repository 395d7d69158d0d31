"""The ``claims`` parameter (OpenID Connect Core §5.5): read strictly, stored without the values that people typed into it."""

from typing import Any, Final

import msgspec

from idp.errors import Code, Refusal
from idp.protocol import strict_json

MAX_CHARS: Final = 16_384
MAX_CLAIMS: Final = 100
_MEMBERS: Final = ("id_token", "userinfo")


class Wish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one claim is asked for (§5.5.1). ``values`` holds ``value`` too; empty: any value."""

    essential: bool = False
    values: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Wish(essential={self.essential})"


class ClaimsRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Claim name → wish, for each place it is to be delivered in."""

    id_token: dict[str, Wish] = {}
    userinfo: dict[str, Wish] = {}

    @property
    def names(self) -> frozenset[str]:
        """Every claim asked for, wherever."""
        return frozenset(self.id_token) | frozenset(self.userinfo)


NOTHING: Final = ClaimsRequest()


def parse(text: str) -> ClaimsRequest:
    """Raises Refusal(invalid_request) for what is not a claims request: too long, not strict JSON, names twice, wrong shapes.

    Members other than ``id_token`` and ``userinfo`` are ignored (§5.5).
    """
    if len(text) > MAX_CHARS:
        raise _bad("is too long")
    document = _strict(text)
    if not isinstance(document, dict):
        raise _bad("is not a JSON object")
    return ClaimsRequest(**{member: _wishes(document.get(member)) for member in _MEMBERS})


def limited(request: ClaimsRequest, allowed: frozenset[str]) -> ClaimsRequest:
    """Only what may be told: others are left out, essential or not (§5.5.1: not an error)."""
    return ClaimsRequest(
        id_token={name: wish for name, wish in request.id_token.items() if name in allowed},
        userinfo={name: wish for name, wish in request.userinfo.items() if name in allowed},
    )


def stored(request: ClaimsRequest) -> bytes | None:
    """What a grant keeps: names and ``essential``; never ``value`` or ``values``, which may be about a person. None for nothing."""
    document = {
        member: {
            name: {"essential": True} if wish.essential else None for name, wish in getattr(request, member).items()
        }
        for member in _MEMBERS
        if getattr(request, member)
    }
    return msgspec.json.encode(document) if document else None


def _wishes(member: Any) -> dict[str, Wish]:
    if member is None:
        return {}
    if not isinstance(member, dict) or len(member) > MAX_CLAIMS:
        raise _bad("has a member that is not an object of at most 100 claims")
    return {name: _wish(value) for name, value in member.items()}


def _wish(value: Any) -> Wish:
    if value is None:
        return Wish()
    if not isinstance(value, dict):
        raise _bad("asks for a claim with something that is neither null nor an object")
    essential, listed = value.get("essential", False), value.get("values", [])
    if not isinstance(essential, bool) or not isinstance(listed, list) or ("value" in value and "values" in value):
        raise _bad("has an essential, value or values member of the wrong form")
    wanted = [value["value"]] if "value" in value else listed
    if not all(isinstance(item, str | int) for item in wanted):
        raise _bad("lists a value that is neither text, number nor truth value")
    return Wish(essential=essential, values=tuple(map(str, wanted)))


def _strict(text: str) -> Any:
    try:
        return strict_json.read(text)
    except ValueError:
        raise _bad("is not strict JSON") from None


def _bad(what: str) -> Refusal:
    return Refusal(Code.INVALID_REQUEST, f"The claims parameter {what}.", reason="claims_malformed")
