"""A client's own error list: one line for each refusal, what was received beside what is registered, no citizen data.

Who has proved to be the client has a rate of its own. Whoever has not (anybody may send a client's id) gets a share of the list, per network
and over all, so that no stranger pushes the client's own lines out. What finds no room is counted: one line an hour says how many, for each of
the two.
"""

import re
from collections.abc import Callable
from typing import Final

from clients.errors import ClientError
from clients.model import Client
from clients.refusals import LastRefusal, redirect_refusal
from clients.refusals import refusal as line
from idp.authn.throttle import network
from idp.errors import Refusal
from idp.flows.asking import PLAN_REASONS
from idp.parts import Parts
from idp.ports import Delete, Insert, Op, Update, Write
from idp.protocol.authorization_details import SUPPORTED
from idp.protocol.params import Params
from idp.protocol.prompt import SUPPORTED as PROMPTS
from idp.records import ClientRefusal

KEPT: Final = 100
"""So many lines of one client are kept."""
PER_MINUTE: Final = 20
"""So many are written in one minute for the client itself, and as many for all others together."""
HOUR_S: Final = 3600
STRANGER_PER_HOUR: Final = 30
STRANGERS_PER_HOUR: Final = 60
"""Of one network, and of all: in an hour the list can't be turned over by who proved nothing."""

DROPPED: Final = "dropped"
"""Stands in the list where there was no error."""
NOT_KEPT: Final = "not_kept"
"""Stands in the list for the refusals that found no room in it."""
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")
Registered = Callable[[Client], str]


def _scope(client: Client) -> str:
    return " ".join(client.scope)


def _grant_types(client: Client) -> str:
    return " ".join(client.grant_types)


EVIDENCE: Final[dict[str, tuple[str, Registered]]] = {
    "scope_not_registered": ("scope", _scope),
    "scope_without_openid": ("scope", _scope),
    "scope_malformed": ("scope", _scope),
    "scope_missing": ("scope", _scope),
    "scope_wider": ("scope", _scope),
    "response_type_missing": ("response_type", lambda client: " ".join(client.response_types)),
    "response_type_unsupported": ("response_type", lambda client: " ".join(client.response_types)),
    "response_type_unregistered": ("response_type", lambda client: " ".join(client.response_types)),
    "response_mode_unsupported": ("response_mode", lambda client: " ".join(client.response_modes)),
    "response_mode_unregistered": ("response_mode", lambda client: " ".join(client.response_modes)),
    "redirect_uri_missing": ("redirect_uri", lambda client: " ".join(client.redirect_uris)),
    "pkce_method": ("code_challenge_method", lambda _: "S256"),
    "pkce_missing": ("code_challenge_method", lambda client: "S256" if client.require_pkce else ""),
    "pkce_malformed": ("code_challenge", lambda _: "BASE64URL(SHA-256(code_verifier)), 43 characters"),
    "prompt_unknown": ("prompt", lambda _: " ".join(PROMPTS)),
    "prompt_none_with_others": ("prompt", lambda _: "none"),
    "details_type": ("", lambda _: " ".join(SUPPORTED)),
    "details_type_unregistered": ("", lambda client: " ".join(client.authorization_details_types)),
    "details_malformed": ("", lambda _: '{"type": "service_item", "item": "…", "attributes": ["…"]}'),
    "max_age_malformed": ("max_age", lambda _: ""),
    "grant_type_missing": ("grant_type", _grant_types),
    "grant_type": ("grant_type", _grant_types),
    "grant_type_unregistered": ("grant_type", _grant_types),
}
"""Reason → the parameter that it is about, and what was registered for it. None of these holds data about a person."""
_CLAIMS: Final = '{"userinfo": {"…": null}, "id_token": {"…": {"essential": true}}}'
_REDIRECTS: Final = {"redirect_uri_mismatch", "wrong_redirect_uri"}


def lines(
    parts: Parts,
    client: Client,
    params: Params | None,
    refusal: Refusal,
    now: int,
    reference: str,
    *,
    stranger: str | None = None,
) -> list[Write]:
    """The writes of one line; when too many were written lately, of their count. ``stranger``: the address of who did not prove to be the
    client.

    Raises Unavailable.
    """
    written = _written(parts, client, stranger)
    if not written:
        return _not_kept(parts, client, now, reference, stranger=stranger is not None)
    return _entered(parts, client, told(client, params, refusal, now), now, reference, trim=written == 1)


def dropped(
    parts: Parts, client: Client, reason: str, received: str, now: int, reference: str, *, why: str = ""
) -> list[Write]:
    """As :func:`lines` for what was left out of an answer without an error; ``received``: its names; ``why``: each with a reason of its own."""
    written = _written(parts, client, None)
    if not written:
        return _not_kept(parts, client, now, reference, stranger=False)
    registered = f"{_scope(client)} ({why})" if why else _scope(client)
    row = line(at=now, code=DROPPED, reason=reason, received=received, registered=registered)
    return _entered(parts, client, row, now, reference, trim=written == 1)


def logo_lost(parts: Parts, client: Client, why: ClientError, now: int, reference: str) -> list[Write]:
    """As :func:`dropped` for a logo that could not be fetched or used: what the fetch met beside the registered address."""
    written = _written(parts, client, None)
    if not written:
        return _not_kept(parts, client, now, reference, stranger=False)
    row = line(
        at=now,
        code=DROPPED,
        reason=why.reason,
        received=why.private or why.public,
        registered=client.logo_uri or "",
    )
    return _entered(parts, client, row, now, reference, trim=written == 1)


def told(client: Client, params: Params | None, refusal: Refusal, now: int) -> LastRefusal:
    """What the line says."""
    code, reason = refusal.code.value, refusal.reason
    if refusal.received or refusal.expected:
        return line(at=now, code=code, reason=reason, received=refusal.received, registered=refusal.expected)
    if params is None:
        return line(at=now, code=code, reason=reason)
    if reason in _REDIRECTS:
        received = params.get("redirect_uri") or ""
        same = "redirect_uri_mismatch"
        return redirect_refusal(at=now, code=code, reason=same, received=received, registered=client.redirect_uris)
    if reason == "logout_uri_unregistered":
        received, known = params.get("post_logout_redirect_uri") or "", client.post_logout_redirect_uris
        return redirect_refusal(at=now, code=code, reason=reason, received=received, registered=known)
    if reason == "repeated_parameter":
        names = " ".join(name for name in sorted(params.repeated) if _NAME.fullmatch(name))
        return line(at=now, code=code, reason=reason, received=names)
    if reason == "claims_malformed":  # where in it, and what is wrong there; never what stands there
        return line(at=now, code=code, reason=reason, received=refusal.private, registered=_CLAIMS)
    if reason in PLAN_REASONS:  # what was asked for, beside the plan with each line's reason
        return line(at=now, code=code, reason=reason, received=params.get("scope") or "", registered=refusal.private)
    name, registered = EVIDENCE.get(reason, ("", lambda _: ""))
    return line(at=now, code=code, reason=reason, received=params.get(name) or "", registered=registered(client))


def _written(parts: Parts, client: Client, stranger: str | None) -> int:
    """How many were written in this minute, this one counted; 0: no more now."""
    who, bump = client.client_id.encode(), parts.volatile.bump
    if stranger is None:
        mine = bump("client-refusals", who, 60)
        return mine if mine <= PER_MINUTE else 0
    others = bump("client-refusals-strangers", who, 60)
    if (
        others > PER_MINUTE
        or bump("client-refusals-network", who + b"\x00" + network(stranger), HOUR_S) > STRANGER_PER_HOUR
    ):
        return 0
    return others if bump("client-refusals-hour", who, HOUR_S) <= STRANGERS_PER_HOUR else 0


def _entered(parts: Parts, client: Client, row: LastRefusal, now: int, reference: str, *, trim: bool) -> list[Write]:
    written = ClientRefusal(
        parts.entropy(16), client.client_id, now, row.code, row.reason, row.received, row.registered, reference
    )
    return [Insert(written), *(_trimmed(parts, client) if trim else ())]


def _not_kept(parts: Parts, client: Client, now: int, reference: str, *, stranger: bool) -> list[Write]:
    """The line that counts them, at each doubling: however many they are, so few writes."""
    who = client.client_id.encode() + (b"\x00stranger" if stranger else b"")
    beyond = parts.volatile.bump(NOT_KEPT, who, HOUR_S)
    if beyond & (beyond - 1):
        return []
    known = parts.volatile.peek(NOT_KEPT, who) if beyond > 1 else None
    received = f"at least {beyond} more" if beyond > 1 else "1 more"
    if known is not None:
        values = {"at": now, "received": received, "reference": reference}
        return [Update(ClientRefusal, {"id": known}, values, rows=None)]
    bound = f"{PER_MINUTE} a minute, {STRANGER_PER_HOUR} an hour" if stranger else f"{PER_MINUTE} a minute"
    row = ClientRefusal(
        parts.entropy(16), client.client_id, now, NOT_KEPT, "too_many", received, f"kept are {bound}", reference
    )
    parts.volatile.put(NOT_KEPT, who, row.id, HOUR_S)
    return [Insert(row)]


def _trimmed(parts: Parts, client: Client) -> tuple[Write, ...]:
    rows = parts.store.find(ClientRefusal, {"client_id": client.client_id}, order=("-at",), limit=KEPT)
    if len(rows) < KEPT:
        return ()
    return (Delete(ClientRefusal, {"client_id": client.client_id, "at": Op("<", rows[-1].at)}),)
