"""A refused authorization request leaves an event, and a line in the client's own error list: received against registered, no citizen data."""

from clients.model import Client
from idp.audit.events import AuthorizationRefused, record
from idp.errors import Refusal
from idp.flows import addresses, error_list, strangers
from idp.flows.left_out import told
from idp.parts import Parts
from idp.ports import Insert
from idp.protocol.params import Params
from idp.release.model import Line


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
    told = (
        error_list.lines(parts, client, params, refusal, now, reference, stranger=remote) if client is not None else []
    )
    parts.store.commit([*told, *_event(parts, client, refusal, stage, now, reference, remote)])
    return True


def note_decision(parts: Parts, client: Client, refusal: Refusal, now: int, reference: str, remote: str) -> None:
    """Commit the event of an error that is nobody's mistake, such as ``login_required``: not for the error list. Bounded as :func:`note`."""
    if _room(parts, strangers.ANSWERED, "client", now, reference, remote):
        parts.store.commit(_event(parts, client, refusal, "client", now, reference, ""))


def _room(parts: Parts, bound: strangers.Bound, stage: str, now: int, reference: str, remote: str) -> bool:
    """Whether one more may be kept. That from here on nothing is kept is an event of its own, once a window."""
    beyond = strangers.over(parts, bound, remote)
    if beyond == 1:
        parts.store.commit(_event(parts, None, strangers.later("refused_too_often"), stage, now, reference, remote))
    return beyond == 0


def note_dropped(parts: Parts, client: Client, gone: tuple[Line, ...], now: int, reference: str) -> None:
    """Tell the client's developer, once a minute, which claims were left out of its request, each with its reason (OIDC Core §5.5.1: no error).
    Names alone, and only such as a claim has."""
    if not parts.volatile.claim("claims-dropped", client.client_id.encode(), 60):
        return
    names = " ".join(sorted(line.claim for line in gone))
    parts.store.commit(
        error_list.dropped(parts, client, "claims_not_registered", names, now, reference, why=told(gone))
    )


def _event(
    parts: Parts, client: Client | None, refusal: Refusal, stage: str, now: int, reference: str, remote: str
) -> tuple[Insert, ...]:
    fact = AuthorizationRefused(
        client_id=client.client_id if client else None,
        code=refusal.code.value,
        reason=refusal.reason,
        stage=stage,
        reference=reference,
    )
    told = record(fact, at=now, entropy=parts.entropy)
    return (told, *addresses.line_of_refusal(parts, told, remote))
