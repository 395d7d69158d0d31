"""Client authentication at the token, introspection, revocation and PAR endpoints: one method, one text for every failure.

The law is ``clients.authenticate``; here its surroundings: the client by id, keys behind ``jwks_uri``, throttling of failed secrets, and
the write that uses up an assertion's ``jti`` inside the caller's own batch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from clients.authenticate import Presented, judge, presented
from clients.documents import KeysUnavailable
from clients.errors import ClientError
from clients.key_material import ClientKeys
from clients.model import Client
from clients.signed import BadSigned, peek_header
from idp.audit.events import TokenRequestRefused, record
from idp.authn.throttle import network
from idp.errors import Code, Refusal
from idp.flows.authorize_refusals import lines
from idp.parts import Parts
from idp.ports import Committed, Insert, Write
from idp.protocol.params import Params, refuse_repeated
from idp.records import UsedAssertion
from keys.tokens import token_hash

THROTTLE_WINDOW_S: Final = 300
FAILURES_PER_CLIENT_AND_ADDRESS: Final = 20
FAILED: Final = "Client authentication failed"
_KIND: Final = "client-failures"
_NO_HASH: Final = b"\xff" * 32
_CREDENTIALS: Final = ("client_id", "client_secret", "client_assertion", "client_assertion_type")


@dataclass(frozen=True, slots=True)
class AuthenticatedClient:
    """A proven client. ``writes`` ride in the batch of whatever it asked for; they conflict when the assertion was used before."""

    client: Client
    method: str
    writes: tuple[Write, ...] = ()


def authenticate(
    parts: Parts,
    form: Params,
    authorization: str | None,
    now: int,
    endpoint: str,
    remote: str = "",
    reference: str = "",
) -> AuthenticatedClient:
    """Who asks (RFC 6749 §2.3). ``authorization`` is the header's value; ``remote`` the caller's address; ``now`` microseconds.

    Raises Refusal: ``invalid_request`` for a repeated parameter or two methods, ``invalid_client`` with one text for every other cause, and
    with ``retry_after_s`` when this address failed too often as this client. A refusal of a client that exists is an event.
    """
    refuse_repeated(form)
    try:
        shown = presented(authorization, _credentials(form))
    except ClientError as error:
        raise _refusal(error) from None
    client = parts.clients.get(shown.client_id)
    try:
        used = _judge(parts, client, shown, now)
    except ClientError as error:
        _note_failure(parts, client, shown.client_id, remote, error.reason, endpoint, now, reference)
        raise _refusal(error) from None
    assert client is not None
    return AuthenticatedClient(client, shown.method, used)


def refuse_replay(conflict_index: int, authenticated: AuthenticatedClient, first: int) -> None:
    """Raise when the batch failed at the assertion's insert: a used assertion is no proof (RFC 7523 §3). ``first``: index of ``writes``."""
    if first <= conflict_index < first + len(authenticated.writes):
        raise Refusal(Code.INVALID_CLIENT, FAILED, reason="assertion_replayed")


def _credentials(form: Params) -> Mapping[str, str]:
    return {name: value for name in _CREDENTIALS if (value := form.get(name)) is not None}


def _judge(parts: Parts, client: Client | None, shown: Presented, now: int) -> tuple[Write, ...]:
    keys = _keys(parts, client, shown) if client is not None and shown.method == "private_key_jwt" else None
    used = judge(client, shown, now=now, issuer=parts.config.issuer, hash_fn=lambda s: _hashed(parts, s), keys=keys)
    if used is None:
        return ()
    return (Insert(UsedAssertion(assertion_hash(shown.client_id, used.jti), used.exp * 1_000_000)),)


def _keys(parts: Parts, client: Client, shown: Presented) -> ClientKeys | None:
    """A client whose keys can't be had is refused like one with a wrong key, at the same cost."""
    try:
        return parts.client_keys.keys_for(client, peek_header(shown.assertion or "").kid)
    except (KeysUnavailable, BadSigned):
        return None


def assertion_hash(client_id: str, jti: str) -> bytes:
    """What stays of a used ``jti``: it is unique per client (RFC 7523 §3)."""
    return sha256(f"{len(client_id)}:{client_id}{jti}".encode()).digest()


def _hashed(parts: Parts, secret: str) -> bytes:
    return token_hash(parts.ring, "secret", secret) or _NO_HASH


def _note_failure(
    parts: Parts,
    client: Client | None,
    client_id: str,
    remote: str,
    reason: str,
    endpoint: str,
    now: int,
    reference: str,
) -> None:
    """Count, and record while the count is low. Raises the Refusal that asks to come back later.

    A right secret is never held up: secrets are 256 random bits, so guessing needs no lock, and a stranger behind the same address can't
    lock a department out. What is bounded is the work and the events that failures cause. An id that nobody has is counted like one that
    somebody has: the 429 tells no difference.
    """
    if _counted(parts, client_id, remote):
        raise Refusal(Code.INVALID_CLIENT, FAILED, reason="throttled", retry_after_s=THROTTLE_WINDOW_S)
    if client is not None:
        refusal = Refusal(Code.INVALID_CLIENT, FAILED, reason=reason)
        parts.store.commit(refused(parts, client, refusal, endpoint, now, reference))


def refused(
    parts: Parts, client: Client, refusal: Refusal, endpoint: str, now: int, reference: str, form: Params | None = None
) -> list[Write]:
    """The event of a refused request, and the line in the client's own error list. ``form``: to show received beside registered."""
    fact = TokenRequestRefused(
        client_id=client.client_id,
        endpoint=endpoint,
        code=refusal.code.value,
        reason=refusal.reason,
        reference=reference or None,
    )
    told = lines(parts, client, form, refusal, now, reference)
    return [*told, record(fact, at=now, entropy=parts.entropy)]


def throttle_public(parts: Parts, client: Client, remote: str) -> None:
    """Anyone may speak as a public client: what is refused to one is counted, so that strangers can't fill the log. Raises Refusal (429)."""
    if _counted(parts, client.client_id, remote):
        raise Refusal(
            Code.INVALID_GRANT, "Too many refused requests.", reason="throttled", retry_after_s=THROTTLE_WINDOW_S
        )


def _counted(parts: Parts, who: str, remote: str) -> bool:
    """One more refusal; whether there were too many."""
    failures = parts.volatile.bump(_KIND, who.encode() + b"\x00" + network(remote), THROTTLE_WINDOW_S)
    return failures > FAILURES_PER_CLIENT_AND_ADDRESS


def _refusal(error: ClientError) -> Refusal:
    return Refusal(Code(error.code.value), error.public, reason=error.reason, private=error.private)


def consume(parts: Parts, authenticated: AuthenticatedClient) -> None:
    """Use up the assertion where nothing else is written. Raises Refusal(invalid_client) for a used one."""
    if authenticated.writes and not isinstance(parts.store.commit(authenticated.writes), Committed):
        refuse_replay(0, authenticated, 0)
