"""Exchanges of identifiers: registered between two clients of two departments by staff, then used at the token endpoint, each use recorded.

Off unless approved. The identifier is signed, then encrypted to the other client's own key: who asked for it can't read it, and it is another
one each time.
"""

from collections.abc import Sequence
from typing import Final

from clients.documents import KeysUnavailable
from clients.model import Client
from idp.audit.events import record
from idp.audit.rights import ExchangeDecided, IdentifierExchanged
from idp.errors import Code, Refusal
from idp.flows import standing
from idp.flows.access_tokens import AccessTokens, check_alive
from idp.flows.client_auth import AuthenticatedClient, refuse_replay
from idp.flows.client_keys import key_state, see
from idp.flows.ids import raw_id
from idp.parts import Parts
from idp.ports import Committed, Holds, Insert, Update, Write
from idp.protocol import exchange as law
from idp.protocol.params import Params
from idp.records import Account, Exchange, Grant
from idp.release.envelope import Recipient
from idp.release.vault import Citizen
from keys.jose import mint
from keys.jwe import EncryptionKey, encrypt
from keys.subjects import subject
from keys.wire import b64url

PROPOSED, APPROVED, ENDED = "proposed", "approved", "ended"
ALGS: Final = ("ECDH-ES+A256KW", "RSA-OAEP-256")
ENC: Final = "A256GCM"
MAX_PURPOSE: Final = 500
SECOND: Final = 1_000_000


# Registering ----------------------------------------------------------------------------------------------------------------------


def propose(parts: Parts, client_id: str, to_client_id: str, purpose: str, *, by: str, now: int) -> Exchange:
    """Enter an exchange that waits for approval. Raises Refusal: unknown clients, one sector, no purpose, one that is there."""
    client, other = _client(parts, client_id), _client(parts, to_client_id)
    if client.sector_id == other.sector_id:
        raise _refused("Clients of one sector know a citizen under one subject already.", "exchange_sector")
    if not purpose.strip() or len(purpose) > MAX_PURPOSE:
        raise _refused(f"An exchange needs a purpose of at most {MAX_PURPOSE} characters.", "exchange_purpose")
    pair = {"client_id": client_id, "to_client_id": to_client_id}
    known = parts.store.one(Exchange, **pair)
    if known is not None and known.state != ENDED:
        raise _refused(f"There is such an exchange already: {known.id.hex()} ({known.state}).", "exchange_exists")
    row = Exchange(
        known.id if known else parts.entropy(16),
        client_id,
        to_client_id,
        other.sector_id,
        PROPOSED,
        purpose.strip(),
        now,
        None,
    )
    changed = {"state": PROPOSED, "purpose": row.purpose, "created_at": now, "decided_at": None}
    write = Update(Exchange, {"id": row.id, "state": ENDED}, changed) if known else Insert(row)
    _commit(parts, [write, _decided(parts, row, PROPOSED, by, now)])
    return row


def decide(
    parts: Parts,
    exchange_id: str,
    state: str,
    *,
    by: str,
    now: int,
    actor: Citizen | None = None,
    rights: Sequence[Write] = (),
    only: str = "",
) -> Exchange:
    """Approve a proposed exchange, or end one (``only`` in this state). Raises Refusal: unknown, in another state, a client without a key.

    ``actor``: the member of staff, whose ``rights`` must hold still at the commit.
    """
    row = _row(parts, exchange_id)
    allowed = row.state == PROPOSED if state == APPROVED else row.state != ENDED
    if state not in (APPROVED, ENDED) or not allowed or (only and row.state != only):
        raise _refused(f"The exchange is {row.state}.", "exchange_state")
    if state == APPROVED:
        _key(parts, _client(parts, row.to_client_id), now)
    change = Update(Exchange, {"id": row.id, "state": row.state}, {"state": state, "decided_at": now})
    _commit(parts, [*rights, change, _decided(parts, row, state, by, now, actor)])
    return row


def proposed(parts: Parts) -> list[Exchange]:
    """Those that wait for a decision, the oldest first."""
    return parts.store.find(Exchange, {"state": PROPOSED}, order=("created_at", "id"), limit=200)


def listed(parts: Parts) -> list[Exchange]:
    """Every exchange, the oldest first."""
    return parts.store.find(Exchange, order=("created_at", "id"), limit=10_000)


# Using ----------------------------------------------------------------------------------------------------------------------------


def open_to(parts: Parts, client: Client) -> bool:
    """Whether this client may use the grant type: one with a secret or key, and an approved exchange."""
    return client.confidential and parts.store.count(Exchange, {"client_id": client.client_id, "state": APPROVED}) > 0


def use(parts: Parts, by: AuthenticatedClient, form: Params, now: int) -> dict[str, object]:
    """The other client's identifier for the citizen of an access token (RFC 8693 §2.2.1). ``now`` microseconds.

    Raises Refusal: unauthorized_client without any approved exchange (RFC 6749 §5.2), invalid_target for another audience or one without a
    key, invalid_request for a token that is not the asking client's own and alive. It is recorded before it is told.
    """
    if not open_to(parts, by.client):
        text = "This client has no approved exchange of identifiers."
        raise Refusal(Code.UNAUTHORIZED_CLIENT, text, reason="exchange_not_open")
    asked, client = law.read(form), by.client
    row = parts.store.one(Exchange, client_id=client.client_id, to_client_id=asked.audience, state=APPROVED)
    other = parts.clients.get(asked.audience) if row is not None else None
    if row is None or other is None or not other.active or other.sector_id != row.to_sector:
        raise Refusal(Code.INVALID_TARGET, "There is no approved exchange with this audience.", reason="exchange_none")
    grant, account, citizen = _subject(parts, client, asked.subject_token, now)
    (key, kid), signer = _key(parts, other, now), parts.keys.signer("ES256")
    fact = IdentifierExchanged(
        client_id=client.client_id, to_client=other.client_id, exchange=row.id.hex(), grant=grant.id.hex()
    )
    told = record(fact, at=now, entropy=parts.entropy, person=citizen)
    still = Holds(Exchange, {"id": row.id, "state": APPROVED})
    result = parts.store.commit([*by.writes, still, told])
    if not isinstance(result, Committed):
        refuse_replay(result.index, by, 0)
        raise Refusal(Code.INVALID_TARGET, "There is no approved exchange with this audience.", reason="exchange_ended")
    claims = law.claims(
        issuer=parts.config.issuer,
        audience=other.client_id,
        asked_by=client.client_id,
        subject=subject(parts.ring, account.pairwise_version, account.id, row.to_sector),
        jti=b64url(parts.entropy(16)),
        now_s=now // SECOND,
    )
    signed = mint(signer, law.TYP, claims)
    return law.document(encrypt(signed.encode("ascii"), key, kid=kid or "", cty="JWT"))


def _subject(parts: Parts, client: Client, token: str, now: int) -> tuple[Grant, Account, Citizen]:
    """The citizen behind the asking client's own living token. Raises Refusal(invalid_request) (RFC 8693 §2.2.2)."""
    try:
        verified = AccessTokens(parts, size=0).verify(token, now)
        grant = check_alive(parts, verified, now)
    except Refusal as error:
        raise _refused("subject_token is not good.", error.reason) from None
    citizen = standing.citizen_of(parts, grant.account_id) if grant else None
    account = parts.store.one(Account, id=grant.account_id) if grant else None
    if grant is None or account is None or citizen is None or grant.client_id != client.client_id:
        raise _refused("subject_token is not good.", "exchange_foreign_token")
    return grant, account, citizen


def _key(parts: Parts, other: Client, now: int) -> tuple[EncryptionKey, str | None]:
    """The other client's current encryption key, on record before it is used. Raises Refusal(invalid_target): never in the clear, nor to a key
    that is held (ATTACKS A081)."""
    try:
        keys = parts.client_keys.keys_for(other)
    except KeysUnavailable as error:
        raise _no_key(error.reason) from None
    found = next(
        (Recipient(alg, ENC, k) for alg in ALGS if (k := keys.encrypter(alg, now // SECOND)) is not None), None
    )
    if found is None or not isinstance(found.key.key, EncryptionKey):
        raise _no_key("jwks_no_encrypter")
    see(parts, other, found, now)
    if key_state(parts, other, found, now) != "usable":
        raise _no_key("key_held")
    return found.key.key, found.key.kid


def _no_key(reason: str) -> Refusal:
    return Refusal(Code.INVALID_TARGET, "The other client has no key to encrypt to.", reason=reason)


def _decided(parts: Parts, row: Exchange, state: str, by: str, now: int, actor: Citizen | None = None) -> Insert:
    fact = ExchangeDecided(
        client_id=row.client_id, to_client=row.to_client_id, exchange=row.id.hex(), state=state, by=by
    )
    return record(fact, at=now, entropy=parts.entropy, actor=actor)


def _client(parts: Parts, client_id: str) -> Client:
    client = parts.clients.get(client_id)
    if client is None or not client.active or client.public:
        raise _refused(f"There is no active confidential client {client_id}.", "exchange_client")
    return client


def _row(parts: Parts, exchange_id: str) -> Exchange:
    raw = raw_id(exchange_id)
    row = parts.store.one(Exchange, id=raw) if raw else None
    if row is None:
        raise _refused("There is no such exchange.", "exchange_unknown")
    return row


def _refused(text: str, reason: str) -> Refusal:
    return Refusal(Code.INVALID_REQUEST, text, reason=reason)


def _commit(parts: Parts, writes: list[Write]) -> None:
    if not isinstance(parts.store.commit(writes), Committed):
        raise _refused("The exchange changed meanwhile; look again.", "exchange_conflict")
