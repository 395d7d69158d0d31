"""Client authentication at the token, introspection, revocation and PAR endpoints: one method, one text for every failure.

The law is ``clients.authenticate``; here its surroundings: the client by id, keys behind ``jwks_uri``, throttling of failed secrets, and
the write that uses up an assertion's ``jti`` inside the caller's own batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from clients.authenticate import Presented, claimed, judge, presented
from clients.documents import KeysUnavailable
from clients.errors import ClientError
from clients.key_material import ClientKeys
from clients.model import Client
from clients.signed import BadSigned, peek_header
from idp.audit.events import TokenRequestRefused, record
from idp.authn.throttle import network
from idp.errors import Code, Refusal
from idp.flows import addresses
from idp.flows.error_list import lines
from idp.parts import Parts
from idp.ports import Committed, Insert, Write
from idp.protocol.params import Params, refuse_repeated
from idp.records import UsedAssertion
from keys.tokens import token_hash

THROTTLE_WINDOW_S: Final = 300
FAILURES_PER_CLIENT_AND_ADDRESS: Final = 20
FAILED: Final = "Client authentication failed"
REPLAYED: Final = "assertion_replayed"
_KIND: Final = "client-failures"
_NO_HASH: Final = b"\xff" * 32
_CREDENTIALS: Final = ("client_id", "client_secret", "client_assertion", "client_assertion_type")


@dataclass(frozen=True, slots=True)
class Call:
    """One request to an endpoint: ``now`` microseconds, ``remote`` the caller's address, ``reference`` names it in logs and lists."""

    endpoint: str
    now: int
    remote: str = ""
    reference: str = ""


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
    call = Call(endpoint, now, remote, reference)
    refuse_repeated(form, only=_CREDENTIALS)
    try:
        shown = presented(authorization, _credentials(form))
    except ClientError as error:
        refusal = _refusal(error)
        named = claimed(authorization, _credentials(form))
        if named is not None:
            note_failure(parts, parts.clients.get(named), named, refusal, call)
        raise refusal from None
    client = parts.clients.get(shown.client_id)
    try:
        used = _judge(parts, client, shown, now)
    except ClientError as error:
        refusal = _refusal(error)
        note_failure(parts, client, shown.client_id, refusal, call)
        raise refusal from None
    assert client is not None
    known = AuthenticatedClient(client, shown.method, used)
    if form.repeated:
        _once(parts, known, form, call)
    return known


def refuse_replay(conflict_index: int, authenticated: AuthenticatedClient, first: int) -> None:
    """Raise when the batch failed at the assertion's insert: a used assertion is no proof (RFC 7523 §3). ``first``: index of ``writes``."""
    if first <= conflict_index < first + len(authenticated.writes):
        raise _replayed()


def _replayed() -> Refusal:
    return Refusal(Code.INVALID_CLIENT, FAILED, reason=REPLAYED)


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


def unreadable(parts: Parts, authorization: str | None, refusal: Refusal, call: Call) -> None:
    """A request whose body can't be read: the client that its header names finds it in its list. Raises the Refusal that asks to come back."""
    named = claimed(authorization, {}) if authorization is not None else None
    if named is not None:
        note_failure(parts, parts.clients.get(named), named, refusal, call)


def note_failure(parts: Parts, client: Client | None, client_id: str, refusal: Refusal, call: Call) -> None:
    """Count a request that did not prove who asks, and record it while the count is low. Raises the Refusal that asks to come back later.

    A right secret is never held up: secrets are 256 random bits, so guessing needs no lock, and a stranger behind the same address can't
    lock a department out. What is bounded is the work and the events that failures cause. An id that nobody has is counted like one that
    somebody has: the 429 tells no difference.
    """
    if _counted(parts, client_id, call.remote):
        raise Refusal(Code.INVALID_CLIENT, FAILED, reason="throttled", retry_after_s=THROTTLE_WINDOW_S)
    if client is not None:
        parts.store.commit(refused(parts, client, refusal, call, stranger=True))


def settle(
    parts: Parts,
    by: AuthenticatedClient,
    refusal: Refusal,
    call: Call,
    form: Params | None,
    writes: Sequence[Write] = (),
) -> None:
    """What a refusal to a proven client leaves behind: its assertion used up, ``writes`` or an event, a line in the client's error list.

    Raises Refusal: to come back later, where a public client's are too many; ``invalid_client``, where the assertion was used before.
    """
    client = by.client
    if refusal.reason == REPLAYED:
        _note_replay(parts, client, refusal, call)
        return
    if client.public and not writes:
        throttle_public(parts, client, call.remote)
    stranger = call.remote if client.public else None
    line = lines(parts, client, form, refusal, call.now, call.reference, stranger=stranger)
    told = writes or _event(parts, client, refusal, call)
    result = parts.store.commit([*by.writes, *line, *told])
    if not isinstance(result, Committed):
        again = _replayed()
        _note_replay(parts, client, again, call)
        raise again


def _note_replay(parts: Parts, client: Client, refusal: Refusal, call: Call) -> None:
    """A used assertion proves nothing; the client's own retries are answered alike, however many."""
    if not _counted(parts, client.client_id, call.remote):
        parts.store.commit(refused(parts, client, refusal, call, stranger=True))


def refused(
    parts: Parts, client: Client, refusal: Refusal, call: Call, form: Params | None = None, *, stranger: bool = False
) -> list[Write]:
    """The event of a refused request, and the line in the client's own error list. ``form``: to show received beside registered;
    ``stranger``: whoever asked did not prove to be the client."""
    remote = call.remote if stranger or client.public else None
    line = lines(parts, client, form, refusal, call.now, call.reference, stranger=remote)
    return [*line, *_event(parts, client, refusal, call)]


def _event(parts: Parts, client: Client, refusal: Refusal, call: Call) -> tuple[Insert, ...]:
    fact = TokenRequestRefused(
        client_id=client.client_id,
        endpoint=call.endpoint,
        code=refusal.code.value,
        reason=refusal.reason,
        reference=call.reference or None,
    )
    told = record(fact, at=call.now, entropy=parts.entropy)
    return (told, *addresses.line_of_refusal(parts, told, call.remote))


def _once(parts: Parts, known: AuthenticatedClient, form: Params, call: Call) -> None:
    """RFC 6749 §3.2: no parameter twice; the proven client finds which one in its list."""
    try:
        refuse_repeated(form)
    except Refusal as refusal:
        settle(parts, known, refusal, call, form)
        raise


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
    return Refusal(
        Code(error.code.value),
        error.public,
        reason=error.reason,
        private=error.private,
        received=error.received,
        expected=error.expected,
    )


def consume(parts: Parts, authenticated: AuthenticatedClient) -> None:
    """Use up the assertion where nothing else is written. Raises Refusal(invalid_client) for a used one."""
    if authenticated.writes and not isinstance(parts.store.commit(authenticated.writes), Committed):
        refuse_replay(0, authenticated, 0)
