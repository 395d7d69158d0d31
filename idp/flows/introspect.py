"""POST /introspect (RFC 7662): what a confidential client may learn of its own tokens; anything else is inactive, at the same cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idp.errors import Code, Refusal
from idp.flows import standing
from idp.flows.access_tokens import AccessTokens, check_alive
from idp.flows.client_auth import FAILED, AuthenticatedClient, Call, authenticate, consume, settle
from idp.flows.minting import MICROSECONDS, subject_of
from idp.flows.recipients import recipient
from idp.flows.released import details, over
from idp.parts import Parts
from idp.protocol import introspection as law
from idp.protocol import refresh as refresh_law
from idp.protocol.params import Params
from idp.protocol.revocation import look_up_order
from idp.protocol.token import Good
from idp.records import Grant, Refresh
from idp.release.envelope import envelope
from keys.tokens import token_hash

NOTHING = bytes(16)


@dataclass(frozen=True, slots=True)
class Told:
    """The answer: a document, or one text of type ``application/token-introspection+jwt``."""

    document: Mapping[str, Any]
    jwt: str | None = None


def introspect(
    parts: Parts,
    tokens: AccessTokens,
    form: Params,
    authorization: str | None,
    now: int,
    remote: str,
    reference: str,
    *,
    as_jwt: bool = False,
) -> Told:
    """The introspection answer; ``as_jwt``: the caller accepts a JWT (RFC 9701 §4), which one that registered for it gets in any case (§6).

    Raises Refusal: ``invalid_client`` (a public client too, RFC 7662 §2.1), ``invalid_request``, also without a key to encrypt to as registered.
    """
    by = authenticate(parts, form, authorization, now, "introspect", remote, reference)
    try:
        return _told(parts, tokens, by, form, now, as_jwt=as_jwt)
    except Refusal as refusal:
        kept = AuthenticatedClient(
            client=by.client, method=by.method
        )  # nothing was told: the assertion can be shown again
        settle(parts, kept, refusal, Call("introspect", now, remote, reference), form)
        raise


def _told(parts: Parts, tokens: AccessTokens, by: AuthenticatedClient, form: Params, now: int, *, as_jwt: bool) -> Told:
    client = by.client
    if client.public:
        raise Refusal(Code.INVALID_CLIENT, FAILED, reason="introspect_public")
    token = form.required("token")
    to = recipient(parts, client, "introspection", now)
    alg = client.introspection_signed_response_alg
    signer = parts.keys.signer(alg or law.DEFAULT_ALG) if as_jwt or alg or to is not None else None
    consume(parts, by)
    document = _answer(parts, tokens, client.client_id, form.one("token_type_hint"), token, now)
    if signer is None:
        return Told(document)
    issuer, now_s = parts.config.issuer, now // MICROSECONDS
    claims = law.jwt_claims(document, issuer=issuer, client_id=client.client_id, now_s=now_s)
    return Told(document, envelope(claims, signer, law.TYP, to))


def _answer(
    parts: Parts, tokens: AccessTokens, client_id: str, hint: str | None, token: str, now: int
) -> Mapping[str, Any]:
    for kind in look_up_order(hint):
        refresh = kind == "refresh_token"
        found = _refresh(parts, client_id, token, now) if refresh else _access(parts, tokens, client_id, token, now)
        if found is not None:
            return found
    return law.INACTIVE


def _access(parts: Parts, tokens: AccessTokens, client_id: str, token: str, now: int) -> Mapping[str, Any] | None:
    try:
        verified = tokens.verify(token, now)
        if not law.may_see(client_id, verified.token.client_id, verified.token.audience):
            return None
        grant = check_alive(parts, verified, now)
    except Refusal:
        return None
    told = law.of_access(verified.token, parts.config.issuer)
    return told if grant is None else told | details(grant, " ".join(verified.token.scope))


def _refresh(parts: Parts, client_id: str, token: str, now: int) -> Mapping[str, Any] | None:
    """Two reads for whatever looks like a refresh token, so that unknown and foreign ones take equally long."""
    hashed = token_hash(parts.ring, "refresh", token)
    if hashed is None:
        return None
    row = parts.store.one(Refresh, hash=hashed)
    grant = parts.store.one(Grant, id=row.grant_id if row is not None else NOTHING)
    if row is None or grant is None or not law.may_see(client_id, grant.client_id):
        return None
    found = standing.of_grant(parts, grant, now, session_matters=not grant.offline)
    alive = refresh_law.judge(
        row, grant, client_id, now, account_active=found.account_active, session_alive=found.session_alive
    )
    if not isinstance(alive, Good) or over(grant, now):
        return None
    told = law.of_refresh(
        client_id=client_id,
        scope=row.scope,
        subject=subject_of(parts, grant),
        created_at=row.created_at,
        expires_at=row.expires_at if grant.offline else None,
        issuer=parts.config.issuer,
    )
    return told | details(grant, row.scope)
