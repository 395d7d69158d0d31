"""The journey of a pushed authorization request (RFC 9126): the client proves itself, the request passes every check, a reference is given out."""

from dataclasses import dataclass
from typing import Final

from clients.model import Client
from idp.audit.events import RequestPushed, record
from idp.errors import Code, Refusal
from idp.flows import asking, request_sources, strangers
from idp.flows.client_auth import REPLAYED, AuthenticatedClient, Call, authenticate, refuse_replay, refused, settle
from idp.flows.request_sources import Pushed, Source
from idp.parts import Parts
from idp.ports import Conflict, Write
from idp.protocol import authorize as law
from idp.protocol.params import Params

WINDOW_S: Final = 60
PUSHES_PER_WINDOW: Final = 6000
"""Of one client: what is outstanding stays bounded (attack A032)."""
WEIGHT: Final = 4096
"""Bytes that count as one more push."""
REFUSALS_NOTED_PER_WINDOW: Final = 20


@dataclass(frozen=True, slots=True)
class Reference:
    """What the client takes to /authorize; ``expires_in`` seconds (RFC 9126 §2.2)."""

    request_uri: str
    expires_in: int

    def __repr__(self) -> str:
        return "Reference(…)"


def push(parts: Parts, form: Params, authorization: str | None, now: int, remote: str, reference: str) -> Reference:
    """POST /par. ``now`` microseconds. Raises Refusal, with ``retry_after_s`` over the client's quota."""
    known = authenticate(parts, form, authorization, now, "par", remote, reference)
    counted = form
    try:
        _within_quota(parts, known.client, form, remote)
        source = _source(parts, known.client, form, now)
        counted = source.params
        pushed, writes = _judged(parts, known.client, source, now, reference)
        event = record(RequestPushed(client_id=known.client.client_id), at=now, entropy=parts.entropy)
        done = parts.store.commit([*known.writes, *writes, event])
        if isinstance(done, Conflict):
            refuse_replay(done.index, known, 0)
            raise request_sources.replayed()
    except Refusal as refusal:
        _note(parts, known, counted, refusal, Call("par", now, remote, reference))
        raise
    return Reference(request_sources.keep(parts, pushed), request_sources.life_s(parts))


def _source(parts: Parts, client: Client, form: Params, now: int) -> Source:
    """What counts of the push (RFC 9126 §2.1, §3)."""
    if "request_uri" in form:
        raise Refusal(Code.INVALID_REQUEST, "A pushed request holds no request_uri.", reason="request_uri_in_push")
    law.signed_where_required(form, client)
    return request_sources.opened(parts, client, form, now)


def _judged(parts: Parts, client: Client, source: Source, now: int, reference: str) -> tuple[Pushed, tuple[Write, ...]]:
    """Stages A and B, at once (RFC 9126 §2.1)."""
    uri = law.redirect_uri(source.params, client)
    request, expected = request_sources.read(parts, client, source, uri, now, reference)
    asking.check(parts, client, request)
    expires_at = now + request_sources.life_s(parts) * request_sources.SECOND
    return Pushed(request, expected, expires_at), source.writes


def _within_quota(parts: Parts, client: Client, form: Params, remote: str) -> None:
    """A large push counts for several. Anyone may speak as a public client: what a stranger pushes is bounded before it counts for the client."""
    size = sum(len(value) for _, value in form.items())
    if client.public and strangers.no_room(parts, remote, size):
        raise strangers.later("no_room")
    if parts.volatile.bump("par-quota", client.client_id.encode(), WINDOW_S, 1 + size // WEIGHT) > PUSHES_PER_WINDOW:
        raise Refusal(
            Code.TEMPORARILY_UNAVAILABLE, "Too many pushed requests.", reason="par_quota", retry_after_s=WINDOW_S
        )


def _note(parts: Parts, known: AuthenticatedClient, form: Params, refusal: Refusal, call: Call) -> None:
    """The event, and the line in the client's error list; bounded, since one client can cause them at will."""
    if refusal.reason == REPLAYED:
        settle(parts, known, refusal, call, form)
    elif parts.volatile.bump("par-refusals", known.client.client_id.encode(), WINDOW_S) <= REFUSALS_NOTED_PER_WINDOW:
        parts.store.commit(refused(parts, known.client, refusal, call, form))
