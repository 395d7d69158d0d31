"""POST /revoke (RFC 7009): a refresh token ends its family, an access token ends by itself; another client's token is left alone."""

from idp.audit.events import TokenRevoked, record
from idp.errors import Code, Refusal
from idp.flows import standing
from idp.flows.access_tokens import AccessTokens, revocation_hash
from idp.flows.client_auth import AuthenticatedClient, Call, authenticate, refuse_replay, refused, settle
from idp.flows.declined import ended
from idp.flows.minting import MICROSECONDS
from idp.parts import Parts
from idp.ports import Committed, Insert, Update, Write
from idp.protocol import revocation as law
from idp.protocol.params import Params
from idp.records import Grant, Refresh, RevokedToken
from keys.tokens import token_hash


def revoke(
    parts: Parts, tokens: AccessTokens, form: Params, authorization: str | None, now: int, remote: str, reference: str
) -> None:
    """Done, or nothing to do: the answer is the same (§2.2). Raises Refusal: ``invalid_client``, ``invalid_request``."""
    by = authenticate(parts, form, authorization, now, "revoke", remote, reference)
    call = Call("revoke", now, remote, reference)
    try:
        _revoke(parts, tokens, by, form, call)
    except Refusal as refusal:
        settle(parts, by, refusal, call, form)
        raise


def _revoke(parts: Parts, tokens: AccessTokens, by: AuthenticatedClient, form: Params, call: Call) -> None:
    token = form.required("token")
    looks = {
        "refresh_token": lambda: _refresh(parts, by, token, call),
        "access_token": lambda: _access(parts, tokens, by, token, call),
    }
    found = (looks[kind]() for kind in law.look_up_order(form.one("token_type_hint")))
    writes = next((writes for writes in found if writes is not None), [])
    result = parts.store.commit([*by.writes, *writes])
    if not isinstance(result, Committed):
        refuse_replay(result.index, by, 0)


def _refresh(parts: Parts, by: AuthenticatedClient, token: str, call: Call) -> list[Write] | None:
    """None when there is no such token. Ending it twice is no second event."""
    hashed = token_hash(parts.ring, "refresh", token)
    row = parts.store.one(Refresh, hash=hashed) if hashed is not None else None
    grant = parts.store.one(Grant, id=row.grant_id) if row is not None else None
    if grant is None:
        return None
    if not law.may_end(by.client.client_id, grant.client_id):
        return _foreign(parts, by, call)
    if grant.ended_at is not None:
        return []
    now = call.now
    return [ended(grant, "revoked", now), _event(parts, grant, grant.client_id, "refresh_token", now)]


def _access(parts: Parts, tokens: AccessTokens, by: AuthenticatedClient, token: str, call: Call) -> list[Write] | None:
    try:
        verified = tokens.signed(token)
    except Refusal:
        return None
    found = verified.token
    if not law.may_end(by.client.client_id, found.client_id):
        return _foreign(parts, by, call)
    expires_at = found.exp * MICROSECONDS
    row = RevokedToken(revocation_hash(found.jti), expires_at)
    if call.now >= expires_at or parts.store.one(RevokedToken, hash=row.hash) is not None:
        return []
    grant = parts.store.one(Grant, id=verified.grant_id) if verified.grant_id is not None else None
    event = _event(parts, grant, found.client_id, "access_token", call.now)
    marked = [Update(Grant, {"id": grant.id}, {"token_revoked": 1})] if grant is not None else []
    return [Insert(row, on_conflict="ignore"), *marked, event]


def _event(parts: Parts, grant: Grant | None, client_id: str, kind: str, now: int) -> Insert:
    """A client's own token has no grant and no person."""
    fact = TokenRevoked(client_id=client_id, grant=grant.id.hex() if grant is not None else "", token=kind)
    person = standing.citizen_of(parts, grant.account_id) if grant is not None else None
    return record(fact, at=now, entropy=parts.entropy, person=person)


def _foreign(parts: Parts, by: AuthenticatedClient, call: Call) -> list[Write]:
    """Nothing happens to the token; that it was tried is worth knowing."""
    refusal = Refusal(Code.UNAUTHORIZED_CLIENT, "", reason="foreign_token")
    return refused(parts, by.client, refusal, call)
