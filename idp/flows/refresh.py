"""The refresh_token grant: rotation with replay detection, or one token for a client that proves its own key at each use."""

from collections.abc import Mapping
from typing import Any, Final

from idp.audit.events import RefreshReplayed, TokenRefreshed, record
from idp.flows import minting, standing
from idp.flows.client_auth import AuthenticatedClient, refuse_replay
from idp.flows.declined import Declined, declined, ended
from idp.flows.notices import to_person
from idp.flows.people import Person
from idp.flows.released import over
from idp.parts import Parts
from idp.ports import Committed, Insert, Update, Write
from idp.protocol import refresh as law
from idp.protocol import token as token_law
from idp.protocol.params import Params
from idp.records import Account, Grant, Refresh
from idp.release.vault import Citizen
from keys.errors import SealBroken
from keys.tokens import Opaque, new_token, token_hash

TRIES: Final = 3


def refresh(parts: Parts, by: AuthenticatedClient, form: Params, now: int) -> dict[str, object] | Declined:
    """New tokens for a refresh token (RFC 6749 §6), or why not. ``now`` microseconds. Raises Refusal for what the request lacks."""
    hashed = token_hash(parts.ring, "refresh", form.required("refresh_token"))
    for _ in range(TRIES):
        row, grant = (parts.store.pair(Refresh, Grant, "grant_id", hash=hashed) if hashed else None) or (None, None)
        if row is None or grant is None:
            raise token_law.invalid_grant("refresh_unknown")
        found = standing.of_grant(parts, grant, now, session_matters=not grant.offline)
        verdict = law.judge(
            row,
            grant,
            by.client.client_id,
            now,
            account_active=found.account_active,
            session_alive=found.session_alive,
        )
        if isinstance(verdict, token_law.Good) and over(grant, now):
            verdict = token_law.Dead("consent_over")
        if not isinstance(verdict, token_law.Good):
            return _refused(parts, by, grant, verdict, now, found.citizen)
        assert found.citizen is not None
        scope = law.narrowed(row.scope, form.one("scope"))
        document = _use(parts, by, row, grant, scope, now, found.citizen)
        if document is not None:
            return document
    raise token_law.invalid_grant("contended")


def _refused(
    parts: Parts, by: AuthenticatedClient, grant: Grant, verdict: token_law.Verdict, now: int, citizen: Citizen | None
) -> Declined:
    if isinstance(verdict, token_law.Replayed) and grant.ended_at is None:
        fact = RefreshReplayed(client_id=grant.client_id, grant=grant.id.hex(), by_client=by.client.client_id)
        end = ended(grant, "refresh_replayed", now)
        first = (end, *_notice(parts, citizen, now))
        return declined(parts, token_law.invalid_grant("refresh_replayed"), now, citizen, fact, first=first)
    reason = verdict.reason if isinstance(verdict, token_law.Dead | token_law.Misused) else "refresh_replayed"
    return Declined(token_law.invalid_grant(reason))


def _notice(parts: Parts, citizen: Citizen | None, now: int) -> list[Write]:
    """The citizen hears that somebody may have copied a token (RFC 9700 §4.14). That an address can't be read never keeps a family alive."""
    account = parts.store.one(Account, id=citizen.account_id) if citizen is not None else None
    if citizen is None or account is None:
        return []
    try:
        return to_person(parts, Person(account, citizen, None), "access_ended", now)
    except SealBroken:
        return []


def _use(
    parts: Parts, by: AuthenticatedClient, row: Refresh, grant: Grant, scope: str, now: int, citizen: Citizen
) -> dict[str, object] | None:
    """Use the token up or renew its idle limit, and mint; None when another request was faster."""
    with_keys = minting.signers(parts, by.client, scope, now)
    successor = new_token(parts.ring, "refresh", parts.entropy) if law.rotates(by.client) else None
    token_at = law.lives(now, grant.expires_at, parts.config.refresh_idle).token_at
    fact = TokenRefreshed(client_id=grant.client_id, grant=grant.id.hex(), scope=scope, rotated=successor is not None)
    writes: list[Write] = [
        *by.writes,
        *_turn(row, grant, successor, now, token_at),
        record(fact, at=now, entropy=parts.entropy, person=citizen),
    ]
    result = parts.store.commit(writes)
    if not isinstance(result, Committed):
        refuse_replay(result.index, by, 0)
        return None
    return minting.for_grant(
        parts,
        grant,
        with_keys,
        scope,
        now,
        refresh_token=successor.token if successor else None,
        nonce=None,
        released={},
    )


def _turn(row: Refresh, grant: Grant, successor: Opaque | None, now: int, token_at: int) -> list[Write]:
    """Rotation: a new one has the same scope (RFC 6749 §6), the old one is kept as used until the family's end, so that its replay is known
    for what it is. Otherwise the old one lives on."""
    where: Mapping[str, Any] = {"hash": row.hash, "state": "active"}
    if successor is None:
        return [Update(Refresh, where, {"used_at": now, "expires_at": token_at})]
    return [
        Update(Refresh, where, {"used_at": now, "state": "used", "expires_at": grant.expires_at}),
        Insert(Refresh(successor.hash, row.grant_id, "active", row.scope, now, token_at, None)),
    ]
