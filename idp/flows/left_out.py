"""What of a request's ``claims`` was left out before any plan, each with its reason, for the developer (OpenID Connect Core §5.5.1: no error)."""

from collections.abc import Iterator

from clients.model import Client
from idp.flows import asking
from idp.parts import Parts
from idp.protocol.claims_request import ClaimsRequest
from idp.protocol.request import AuthorizeRequest
from idp.protocol.verified_claims import MEMBER
from idp.release.claims import ABOUT_THE_SIGN_IN, STANDARD, askable
from idp.release.items import plain
from idp.release.model import STANDARD_LOGIN, AttributeKind, Line, ServiceItem

NO_ITEM = "-"
"""Stands for the item of what belongs to none that was asked for."""


def left_out(parts: Parts, client: Client, request: AuthorizeRequest, kept: ClaimsRequest) -> tuple[Line, ...]:
    """A withheld line for each name that ``request`` has and ``kept`` has not. Reasons: not_registered, not_in_item, not_asked (the item declares
    it, the request left it out of the item), attribute_unknown, not_offered (never told as verified), verification_unknown (something is demanded
    of the verification that is never met here)."""
    gone = asking.dropped(request.claims, kept)
    return tuple(_line(parts, client, request, name) for name in sorted(gone))


def told(lines: tuple[Line, ...]) -> str:
    """As :func:`asking.told`: names and reasons in one line."""
    return " ".join(f"{line.claim}:{line.reason}" for line in lines)


def _line(parts: Parts, client: Client, request: AuthorizeRequest, name: str) -> Line:
    item, reason = _why(parts, client, request, name)
    return Line(attribute=plain(name), claim=plain(name), item=item, outcome="withhold", reason=reason)


def _why(parts: Parts, client: Client, request: AuthorizeRequest, name: str) -> tuple[str, str]:
    if name == MEMBER:
        return NO_ITEM, "verification_unknown"
    unmet = "verification_unknown" if name in asking.offered(parts).claims else "not_offered"
    if name in askable(client.scope):
        return STANDARD_LOGIN, unmet
    for item, needed in _declared(parts, client, request):
        if any(kind.claim == name for kind in needed.values()):
            asked = {code for detail in request.items if detail.item == item.code for code in detail.attributes}
            within = not asked or any(needed[code].claim == name for code in asked & set(needed))
            return item.code, unmet if within else "not_asked"
    if name in STANDARD or name in ABOUT_THE_SIGN_IN:
        return STANDARD_LOGIN, "not_registered"
    known = parts.catalogue.kind(name) or next(
        (k for k in parts.catalogue.all_kinds().values() if k.claim == name), None
    )
    return NO_ITEM, "not_in_item" if known is not None else "attribute_unknown"


def _declared(
    parts: Parts, client: Client, request: AuthorizeRequest
) -> Iterator[tuple[ServiceItem, dict[str, AttributeKind]]]:
    """The client's own items that were asked for, with the kinds of all that each needs."""
    for item in parts.catalogue.items(detail.item for detail in request.items).values():
        if item is not None and item.department_id == client.department_id:
            yield item, parts.catalogue.kinds(need.attribute for need in item.needs)
