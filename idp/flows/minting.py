"""What tokens are made of: signers looked up before anything is consumed, claims put together by the law, one mint."""

from dataclasses import dataclass
from typing import Any

from clients.model import Client
from idp.flows.recipients import recipient
from idp.flows.released import details
from idp.parts import Parts
from idp.protocol import access_token, id_token
from idp.protocol.token import answer
from idp.records import Grant
from idp.release.envelope import Recipient, envelope
from keys.jose import half_hash, mint
from keys.ports import Signer
from keys.subjects import sid, subject
from keys.tokens import seal_jti

MICROSECONDS = 1_000_000
OF_GRANT, OF_CLIENT = b"g", b"c"
"""First byte inside a ``jti``: whose token it is."""
NO_GRANT = bytes(16)


@dataclass(frozen=True, slots=True)
class Signers:
    """The keys that an answer will need, at hand before the code is used up."""

    access: Signer
    id_token: Signer | None
    recipient: Recipient | None = None


def signers(parts: Parts, client: Client, scope: str, now: int) -> Signers:
    """Raises Unavailable when one is missing, Refusal when the ID token can't be encrypted as registered: nothing is consumed then."""
    if "openid" not in scope.split():
        return Signers(parts.keys.signer(access_token.ALG), None)
    access, id_token_ = parts.keys.signers(access_token.ALG, client.id_token_signed_response_alg)
    return Signers(access, id_token_, recipient(parts, client, "id_token", now))


def subject_of(parts: Parts, grant: Grant) -> str:
    """What this client calls the citizen."""
    return subject(parts.ring, grant.pairwise_version, grant.account_id, grant.sector_id)


def for_grant(
    parts: Parts,
    grant: Grant,
    with_keys: Signers,
    scope: str,
    now: int,
    *,
    refresh_token: str | None,
    nonce: str | None,
    released: dict[str, Any],
) -> dict[str, object]:
    """The token answer for a citizen's grant. ``nonce`` and ``released`` go into the ID token; ``now`` microseconds."""
    config, sub, now_s = parts.config, subject_of(parts, grant), now // MICROSECONDS
    access = mint(
        with_keys.access,
        access_token.TYP,
        access_token.claims(
            issuer=config.issuer,
            subject=sub,
            client_id=grant.client_id,
            scope=scope,
            jti=seal_jti(parts.ring, OF_GRANT, grant.id, parts.entropy),
            now_s=now_s,
            ttl_s=config.access_token_ttl,
        ),
    )
    signer = with_keys.id_token
    more = details(grant, scope)  # RFC 9396 §7
    if signer is None:
        return answer(access, config.access_token_ttl, scope, refresh_token) | more
    claims = id_token.claims(
        issuer=config.issuer,
        subject=sub,
        client_id=grant.client_id,
        now_s=now_s,
        ttl_s=config.id_token_ttl,
        acr=grant.acr,
        amr=grant.amr,
        at_hash=half_hash(signer.alg, access),
        sid=sid(parts.ring, grant.session_id, grant.client_id),
        nonce=nonce,
        auth_time_s=grant.auth_at // MICROSECONDS if grant.auth_time_asked else None,
        released=released,
    )
    told = envelope(claims, signer, id_token.TYP, with_keys.recipient)
    return answer(access, config.access_token_ttl, scope, refresh_token, told) | more


def for_client(parts: Parts, signer: Signer, client_id: str, scope: str, now: int) -> dict[str, object]:
    """The token answer for the client itself (RFC 6749 §4.4.3): its subject is the client (RFC 9068 §2.2)."""
    config = parts.config
    claims = access_token.claims(
        issuer=config.issuer,
        subject=client_id,
        client_id=client_id,
        scope=scope,
        jti=seal_jti(parts.ring, OF_CLIENT, NO_GRANT, parts.entropy),
        now_s=now // MICROSECONDS,
        ttl_s=config.access_token_ttl,
    )
    return answer(mint(signer, access_token.TYP, claims), config.access_token_ttl, scope)
