"""GET and POST /userinfo: is the token alive, which claims, open the vault for just those, record, sign as registered."""

from typing import Any

import msgspec

from clients.model import Client
from idp.audit.events import AttributesReleased, TokenRequestRefused, record
from idp.errors import Code, Refusal, Unavailable
from idp.flows import standing, withheld
from idp.flows.access_tokens import AccessTokens, check_alive
from idp.flows.client_auth import Call, refused
from idp.flows.client_keys import key_state, thumbprint
from idp.flows.error_list import lines
from idp.flows.minting import subject_of
from idp.flows.recipients import or_recorded
from idp.flows.released import Released, released_for, userinfo_names
from idp.parts import Parts
from idp.ports import Committed
from idp.protocol.access_token import invalid
from idp.records import Grant
from idp.release.envelope import Recipient, envelope
from idp.release.vault import Citizen
from keys.errors import SealBroken


class Document(msgspec.Struct, frozen=True):
    """Claims for a client that registered no signature."""

    claims: dict[str, Any]

    def __repr__(self) -> str:
        return "Document(…)"


class Signed(msgspec.Struct, frozen=True):
    """An answer that is signed, encrypted or both, as the client registered (OIDC Core §5.3.2)."""

    jwt: str

    def __repr__(self) -> str:
        return "Signed(…)"


def userinfo(parts: Parts, tokens: AccessTokens, token: str, now: int) -> Document | Signed:
    """Claims about the citizen for the token's scope and the request's ``claims`` (OIDC Core §5.3, §5.5).

    Raises Refusal: ``invalid_token``, ``insufficient_scope`` without ``openid``, ``invalid_request`` without a key to encrypt to as registered,
    ``server_error`` when a sealed value does not open. The release is on disk before it is answered. ``now`` microseconds.
    """
    verified = tokens.verify(token, now)
    if parts.config.issuer not in verified.token.audience:
        raise invalid("audience")  # RFC 9068 §4: meant for another resource server
    grant = check_alive(parts, verified, now)
    if grant is None:
        raise invalid("no_citizen")
    if "openid" not in verified.token.scope:
        raise _without_openid(parts, grant, now)
    return release(parts, grant, verified.token.scope, now)


def release(parts: Parts, grant: Grant, scope: tuple[str, ...], now: int) -> Document | Signed:
    """The release itself, for a living grant under a token of ``scope``: the vault is opened for what the plan names, the event is on disk, then
    the answer is signed and encrypted as registered. Raises as :func:`userinfo`."""
    client = parts.clients.get(grant.client_id)
    citizen = standing.citizen_of(parts, grant.account_id)
    if client is None or citizen is None:
        raise invalid("citizen_gone")
    alg = client.userinfo_signed_response_alg
    signers = parts.keys.signers(*filter(None, (alg,)))
    signer = signers[0] if signers else None
    to = or_recorded(parts, client, "userinfo", "userinfo", now)
    told = _released(parts, client, grant, citizen, scope, to, now)
    claims = {"sub": subject_of(parts, grant), **told}
    if signer is None and to is None:
        return Document(claims)
    about = {"iss": parts.config.issuer, "aud": client.client_id} if signer is not None else {}
    return Signed(envelope({**about, **claims}, signer, "JWT", to))


def _without_openid(parts: Parts, grant: Grant, now: int) -> Refusal:
    """RFC 6750 §3.1; its developer finds it in the client's own list."""
    text = "The access token lacks the scope openid."
    refusal = Refusal(Code.INSUFFICIENT_SCOPE, text, reason="scope_openid")
    client = parts.clients.get(grant.client_id)
    line = lines(parts, client, None, refusal, now, "") if client is not None else []
    if line:
        parts.store.commit(line)
    return refusal


def _released(
    parts: Parts,
    client: Client,
    grant: Grant,
    citizen: Citizen,
    scope: tuple[str, ...],
    to: Recipient | None,
    now: int,
) -> dict[str, Any]:
    """The values of what may be told, recorded. Fails closed for the person whose values do not open."""
    names = userinfo_names(client.scope, grant.scope, scope, grant.claims)
    try:
        key = key_state(parts, client, to, now)
        released = released_for(parts, client, grant, citizen, " ".join(scope), names, now, key)
    except SealBroken:
        _note_broken(parts, client, now)
        raise Refusal(Code.SERVER_ERROR, "The answer can't be given.", reason="seal_broken") from None
    stopped = withheld.refusal(released) if released.withheld else None
    if stopped is not None:
        left = withheld.writes(parts, client, grant, citizen, released.withheld, "userinfo", now, "")
        parts.store.commit([*left, *refused(parts, client, stopped, Call("userinfo", now))])
        raise stopped
    _record(parts, client, grant, citizen, released, to, now)
    return released.values


def _record(
    parts: Parts, client: Client, grant: Grant, citizen: Citizen, released: Released, to: Recipient | None, now: int
) -> None:
    """On disk before it is told; what was left out is on record too. Raises Unavailable."""
    left = released.withheld
    writes = withheld.writes(parts, client, grant, citizen, left, "userinfo", now, "") if left else []
    if released.values:
        fact = AttributesReleased(
            client_id=client.client_id,
            grant=grant.id.hex(),
            claims=released.names,
            verified=released.verified,
            via="userinfo",
            items=released.items,
            key=thumbprint(to),
        )
        writes.append(record(fact, at=now, entropy=parts.entropy, person=citizen))
    if writes and not isinstance(parts.store.commit(writes), Committed):
        raise Unavailable("event log")


def _note_broken(parts: Parts, client: Client, now: int) -> None:
    fact = TokenRequestRefused(
        client_id=client.client_id, endpoint="userinfo", code=Code.SERVER_ERROR.value, reason="seal_broken"
    )
    parts.store.commit([record(fact, at=now, entropy=parts.entropy)])
