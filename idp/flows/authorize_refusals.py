"""A refused authorization request leaves an event, and a line in the client's own error list: received against registered, no citizen data."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final

from clients.model import Client
from clients.refusals import LastRefusal, redirect_refusal
from clients.refusals import refusal as line
from idp.audit.events import AuthorizationRefused, record
from idp.errors import Refusal
from idp.flows import strangers
from idp.flows.asking import PLAN_REASONS
from idp.parts import Parts
from idp.ports import Delete, Insert, Op, Write
from idp.protocol.authorization_details import SUPPORTED
from idp.protocol.params import Params
from idp.records import ClientRefusal
from idp.release.items import plain

KEPT: Final = 100
"""So many lines of one client are kept, and written at most so many in one minute."""
PER_MINUTE: Final = 20

DROPPED: Final = "dropped"
"""Stands in the list where there was no error."""
Registered = Callable[[Client], str]
EVIDENCE: Final[dict[str, tuple[str, Registered]]] = {
    "scope_not_registered": ("scope", lambda client: " ".join(client.scope)),
    "scope_without_openid": ("scope", lambda client: " ".join(client.scope)),
    "response_type_unsupported": ("response_type", lambda client: " ".join(client.response_types)),
    "response_type_unregistered": ("response_type", lambda client: " ".join(client.response_types)),
    "response_mode_unsupported": ("response_mode", lambda client: " ".join(client.response_modes)),
    "response_mode_unregistered": ("response_mode", lambda client: " ".join(client.response_modes)),
    "pkce_method": ("code_challenge_method", lambda _: "S256"),
    "pkce_missing": ("code_challenge_method", lambda client: "S256" if client.require_pkce else ""),
    "prompt_unknown": ("prompt", lambda _: "none login consent select_account create"),
    "details_type": ("", lambda _: " ".join(SUPPORTED)),
    "details_type_unregistered": ("", lambda client: " ".join(client.authorization_details_types)),
    "details_malformed": ("", lambda _: '{"type": "service_item", "item": "…", "attributes": ["…"]}'),
    "max_age_malformed": ("max_age", lambda _: ""),
}
"""Reason → the parameter that it is about, and what was registered for it. None of these holds data about a person."""


def note(
    parts: Parts,
    client: Client | None,
    params: Params | None,
    refusal: Refusal,
    stage: str,
    now: int,
    reference: str,
    remote: str,
) -> bool:
    """Commit the event, and the line where the client is known. ``stage``: ``page`` or ``client``; ``remote``: the caller's address.

    False, and nothing is kept but once that it was too much, when the caller causes too many. Raises Unavailable.
    """
    if not _room(parts, strangers.REFUSED, stage, now, reference, remote):
        return False
    told = lines(parts, client, params, refusal, now, reference) if client is not None else []
    parts.store.commit([*told, _event(parts, client, refusal, stage, now, reference)])
    return True


def note_decision(parts: Parts, client: Client, refusal: Refusal, now: int, reference: str, remote: str) -> None:
    """Commit the event of an error that is nobody's mistake, such as ``login_required``: not for the error list. Bounded as :func:`note`."""
    if _room(parts, strangers.ANSWERED, "client", now, reference, remote):
        parts.store.commit([_event(parts, client, refusal, "client", now, reference)])


def _room(parts: Parts, bound: strangers.Bound, stage: str, now: int, reference: str, remote: str) -> bool:
    """Whether one more may be kept. That from here on nothing is kept is an event of its own, once a window."""
    beyond = strangers.over(parts, bound, remote)
    if beyond == 1:
        parts.store.commit([_event(parts, None, strangers.later("refused_too_often"), stage, now, reference)])
    return beyond == 0


def note_dropped(parts: Parts, client: Client, names: AbstractSet[str], now: int, reference: str) -> None:
    """Tell the client's developer, once a minute, which claims were left out of its request as not its own to ask for (OIDC Core §5.5.1: no
    error). Names alone, and only such as a claim has."""
    if not parts.volatile.claim("claims-dropped", client.client_id.encode(), 60):
        return
    told = " ".join(sorted(plain(name) for name in names))
    registered = " ".join(sorted(client.scope))
    row = line(at=now, code=DROPPED, reason="claims_not_registered", received=told, registered=registered)
    written = ClientRefusal(
        parts.entropy(16), client.client_id, now, row.code, row.reason, row.received, row.registered, reference
    )
    parts.store.commit([Insert(written), *_trimmed(parts, client)])


def _event(parts: Parts, client: Client | None, refusal: Refusal, stage: str, now: int, reference: str) -> Insert:
    fact = AuthorizationRefused(
        client_id=client.client_id if client else None,
        code=refusal.code.value,
        reason=refusal.reason,
        stage=stage,
        reference=reference,
    )
    return record(fact, at=now, entropy=parts.entropy)


def lines(
    parts: Parts, client: Client, params: Params | None, refusal: Refusal, now: int, reference: str
) -> list[Write]:
    """The writes of one line in the client's error list; none when it was refused often in this minute."""
    written = parts.volatile.bump("client-refusals", client.client_id.encode(), 60)
    if written > PER_MINUTE:
        return []
    told = _told(client, params, refusal, now)
    row = ClientRefusal(
        parts.entropy(16), client.client_id, now, told.code, told.reason, told.received, told.registered, reference
    )
    return [Insert(row), *(_trimmed(parts, client) if written == 1 else ())]


def _told(client: Client, params: Params | None, refusal: Refusal, now: int) -> LastRefusal:
    code, reason = refusal.code.value, refusal.reason
    if params is None:
        return line(at=now, code=code, reason=reason)
    if reason == "redirect_uri_mismatch":
        received = params.get("redirect_uri") or ""
        return redirect_refusal(at=now, code=code, reason=reason, received=received, registered=client.redirect_uris)
    if reason in PLAN_REASONS:  # what was asked for, beside the plan with each line's reason
        return line(at=now, code=code, reason=reason, received=params.get("scope") or "", registered=refusal.private)
    name, registered = EVIDENCE.get(reason, ("", lambda _: ""))
    return line(at=now, code=code, reason=reason, received=params.get(name) or "", registered=registered(client))


def _trimmed(parts: Parts, client: Client) -> tuple[Write, ...]:
    rows = parts.store.find(ClientRefusal, {"client_id": client.client_id}, order=("-at",), limit=KEPT)
    if len(rows) < KEPT:
        return ()
    return (Delete(ClientRefusal, {"client_id": client.client_id, "at": Op("<", rows[-1].at)}),)
