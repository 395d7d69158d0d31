"""Rich authorization requests (RFC 9396): the one type ``service_item``, read strictly.

``{"type": "service_item", "item": "<code>", "attributes": ["<code>", …]}``; without ``attributes`` all that the item needs is asked for.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from clients import strict_json
from clients.model import Client
from idp.errors import Code, Refusal

TYPE: Final = "service_item"
SUPPORTED: Final = (TYPE,)
MAX_DETAILS: Final = 20
MAX_ATTRIBUTES: Final = 50
_MEMBERS: Final = frozenset({"type", "item", "attributes"})
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Detail(msgspec.Struct, frozen=True, omit_defaults=True):
    """One service item that is asked for. ``attributes``: just these of it; empty for all that it needs."""

    item: str
    attributes: tuple[str, ...] = ()


def parse(text: str, client: Client) -> tuple[Detail, ...]:
    """The details of a request (§2). Raises Refusal(invalid_authorization_details) for an unknown type, unknown or malformed members (§5),
    and for a type beyond those that the client registered (§10)."""
    try:
        document = strict_json.read(text)
    except strict_json.NotStrict as error:
        raise _bad(str(error)) from None
    if not isinstance(document, list) or not 0 < len(document) <= MAX_DETAILS:
        raise _bad(f"is not an array of 1 to {MAX_DETAILS} objects")
    return tuple(_detail(member, client) for member in document)


def told(items: Iterable[tuple[str, Iterable[str]]]) -> list[dict[str, Any]]:
    """What was granted, as answers say it (§7, §9)."""
    return [{"type": TYPE, "item": code, "attributes": list(attributes)} for code, attributes in items]


def _detail(member: Any, client: Client) -> Detail:
    kind = member.get("type") if isinstance(member, dict) else None
    if kind not in SUPPORTED:
        raise _bad("names a type that is not supported", "details_type")
    if client.authorization_details_types and kind not in client.authorization_details_types:
        raise _bad("names a type that the client did not register", "details_type_unregistered")
    if set(member) - _MEMBERS:
        raise _bad(f"has a member that the type {TYPE} does not know")
    code, attributes = member.get("item"), member.get("attributes", [])
    if not _is_code(code):
        raise _bad("names no service item")
    if not isinstance(attributes, list) or len(attributes) > MAX_ATTRIBUTES or not all(map(_is_code, attributes)):
        raise _bad("lists attributes in the wrong form")
    if "attributes" in member and not attributes:
        raise _bad("lists no attributes; leave the member out to ask for all")
    return Detail(code, tuple(dict.fromkeys(attributes)))


def _is_code(value: Any) -> bool:
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


def _bad(what: str, reason: str = "details_malformed") -> Refusal:
    return Refusal(Code.INVALID_AUTHORIZATION_DETAILS, f"The authorization_details parameter {what}.", reason=reason)
