"""The release plan of a request as its developer reads it: each line with its reason, and what the request would be answered."""

from typing import Any

import msgspec

from clients.model import Client
from idp.errors import Refusal
from idp.flows import asking
from idp.flows.left_out import left_out
from idp.parts import Parts
from idp.protocol import authorize as law
from idp.protocol.params import parse
from idp.protocol.request import AuthorizeRequest
from idp.release.model import Line
from idp.release.plan import settled


def explain(parts: Parts, client: Client, query: str) -> dict[str, Any]:
    """``lines``, the names of those that were ``dropped`` before any plan, and ``error`` (empty when the request would be accepted).

    ``query``: the parameters of an authorization request; only those that ask for attributes count. Raises Refusal for what can't be read.
    """
    params = parse(query)
    scope, claims, details = law.scope(params, client), law.claims(params, client), law.details(params, client)
    request = AuthorizeRequest(
        client_id=client.client_id, redirect_uri="", response_mode="query", scope=scope, claims=claims, details=details
    )
    allowed = asking.limited(parts, client, request)
    gone = left_out(parts, client, request, allowed)
    request = msgspec.structs.replace(request, claims=allowed)
    planned = asking.planned(parts, client, asking.asked(request, client))
    return {
        "client_id": client.client_id,
        "lines": [_line(line) for line in (*planned.lines, *gone)],
        "dropped": [line.claim for line in gone],
        "error": _error(parts, client, request),
    }


def _error(parts: Parts, client: Client, request: AuthorizeRequest) -> str:
    try:
        asking.check(parts, client, request)
    except Refusal as refusal:
        return f"{refusal.code}: {refusal.public}"
    return ""


def _line(line: Line) -> dict[str, Any]:
    return {
        "item": line.item,
        "version": line.item_version,
        "attribute": line.attribute or "*",
        "claim": line.claim,
        "need": "essential" if line.essential else "optional",
        "basis": line.basis,
        "verified": line.verified or "no",
        "sensitive": line.sensitive,
        "outcome": line.outcome,
        "why": line.reason or ("approved" if settled(line) else "approved, if the citizen chooses it"),
    }
