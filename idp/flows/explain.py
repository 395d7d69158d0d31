"""The release plan of a request as its developer reads it: each line with its reason, and what the request would be answered."""

from typing import Any

import msgspec

from clients.model import Client
from idp.errors import Refusal
from idp.flows import asking
from idp.flows.left_out import left_out
from idp.flows.request_sources import opened, resolve
from idp.parts import Parts
from idp.protocol import authorize as law
from idp.protocol.params import Params, parse, refuse_repeated
from idp.protocol.request import AuthorizeRequest
from idp.release.model import Line
from idp.release.plan import settled


def explain(parts: Parts, client: Client, query: str) -> dict[str, Any]:
    """``lines``, the names of those that were ``dropped`` before any plan, and ``error`` (empty when the request would be accepted).

    ``query``: the parameters of an authorization request, a signed object or what was pushed among them; only those that ask for attributes count.
    Nothing is used up. Raises Refusal for what can't be read.
    """
    params = parse(query)
    refuse_repeated(params)
    source = (resolve if "request_uri" in params else opened)(parts, client, params, parts.clock())
    if source.pushed is None:
        request, gone = _read(parts, client, source.params)
    else:  # what was dropped of it stands in the client's list since the push
        request, gone = source.pushed.request, tuple[Line, ...]()
    planned = asking.planned(parts, client, asking.asked(request, client))
    return {
        "client_id": client.client_id,
        "lines": [_line(line) for line in (*planned.lines, *gone)],
        "dropped": [line.claim for line in gone],
        "error": _error(parts, client, request),
    }


def _read(parts: Parts, client: Client, params: Params) -> tuple[AuthorizeRequest, tuple[Line, ...]]:
    law.no_foreign_request_uri(params, client)
    scope, claims, details = law.scope(params, client), law.claims(params, client), law.details(params, client)
    request = AuthorizeRequest(
        client_id=client.client_id, redirect_uri="", response_mode="query", scope=scope, claims=claims, details=details
    )
    allowed = asking.limited(parts, client, request)
    return msgspec.structs.replace(request, claims=allowed), left_out(parts, client, request, allowed)


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
