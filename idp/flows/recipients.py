"""Whom an answer is encrypted to: found before anything is used up."""

from clients.model import Client
from idp.errors import Code, Refusal
from idp.flows.client_auth import Call, refused
from idp.flows.client_keys import MICROSECONDS, see
from idp.parts import Parts
from idp.release.envelope import Kind, NoKey, Recipient
from idp.release.envelope import recipient as current


def recipient(parts: Parts, client: Client, kind: Kind, now: int) -> Recipient | None:
    """The client's current key for that answer, None where none is to be encrypted. ``now`` microseconds.

    Raises Refusal(invalid_request) when the client has no usable key: the answer is not given then, and nothing was used up.
    """
    try:
        to = current(parts.client_keys, client, kind, now // MICROSECONDS)
    except NoKey as none:
        text = f"The {kind} is to be encrypted, and jwks or jwks_uri of the client has no usable key for it now."
        raise Refusal(Code.INVALID_REQUEST, text, reason="no_client_key", private=none.reason) from None
    if to is not None:
        see(parts, client, to, now)
    return to


def or_recorded(
    parts: Parts, client: Client, kind: Kind, endpoint: str, now: int, reference: str = ""
) -> Recipient | None:
    """As :func:`recipient`, where no journey around it records refusals: the event and the client's error line are committed first."""
    try:
        return recipient(parts, client, kind, now)
    except Refusal as refusal:
        parts.store.commit(refused(parts, client, refusal, Call(endpoint, now, reference=reference)))
        raise
