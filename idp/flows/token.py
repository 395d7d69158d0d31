"""POST /token: authenticate, read, judge, write one batch, then mint. Judge before consume, consume before mint.

Each grant type answers with a document or with :class:`Declined`, whose writes (events, the end of a family) are committed before the refusal
goes out, together with the assertion that authenticated the client.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from clients.model import Client
from idp.audit.events import (
    AttributesReleased,
    ClientTokenIssued,
    CodeMisused,
    CodeRedeemed,
    CodeReplayed,
    Fact,
    record,
)
from idp.errors import Code, Refusal
from idp.flows import exchanges, minting, refresh, standing, withheld
from idp.flows.client_auth import AuthenticatedClient, Call, authenticate, refuse_replay, settle
from idp.flows.client_keys import key_state, thumbprint
from idp.flows.declined import Declined, declined, ended
from idp.flows.released import Released, allowed, for_id_token, over
from idp.parts import Parts
from idp.ports import Committed, Insert, Update, Write
from idp.protocol import resource
from idp.protocol import token as law
from idp.protocol.exchange import GRANT_TYPE as EXCHANGE
from idp.protocol.params import Params
from idp.protocol.refresh import given, lives
from idp.records import Grant, Refresh, grant_id
from idp.release.model import KeyState
from idp.release.vault import Citizen
from keys.errors import SealBroken
from keys.tokens import Opaque, new_token, token_hash

Document = dict[str, object]
ENDPOINT: Final = "token"
TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """One token request by a proven client; ``now`` microseconds, ``remote`` the caller's address, ``reference`` names the request in logs."""

    by: AuthenticatedClient
    form: Params
    now: int
    remote: str
    reference: str

    @property
    def client(self) -> Client:
        return self.by.client


def token(parts: Parts, form: Params, authorization: str | None, now: int, remote: str, reference: str) -> Document:
    """The token answer. Raises Refusal with an RFC 6749 §5.2 code; what is refused to a proven client is an event."""
    by = authenticate(parts, form, authorization, now, ENDPOINT, remote, reference)
    asked = Asked(by, form, now, remote, reference)
    try:
        grant_type = form.required("grant_type")
        if grant_type == EXCHANGE:
            return exchanges.use(parts, by, form, now)
        law.check_grant_type(grant_type, by.client)
        resource.check(form, parts.config.issuer)
        law.check_details(form)
        outcome = _JOURNEYS[grant_type](parts, asked)
    except Refusal as refusal:
        outcome = Declined(refusal)
    if isinstance(outcome, Declined):
        settle(parts, by, outcome.refusal, Call(ENDPOINT, now, remote, reference), form, outcome.writes)
        raise outcome.refusal
    return outcome


# authorization_code (RFC 6749 §4.1.3) -------------------------------------------------------------------------------------------------


def _code(parts: Parts, asked: Asked) -> Document | Declined:
    request = law.read_code(asked.form)
    hashed = token_hash(parts.ring, "code", request.code)
    for _ in range(TRIES):
        grant = parts.store.one(Grant, id=grant_id(hashed)) if hashed is not None else None
        if grant is None or grant.code_hash != hashed:
            raise law.invalid_grant("code_unknown")
        found = standing.of_grant(parts, grant, asked.now)
        verdict = law.judge_code(
            grant,
            asked.client.client_id,
            request,
            asked.now,
            account_active=found.account_active,
            session_alive=found.session_alive,
        )
        if isinstance(verdict, law.Good) and over(grant, asked.now):
            verdict = law.Dead("consent_over")
        if not isinstance(verdict, law.Good):
            return _refused_code(parts, asked, grant, verdict, found.citizen)
        assert found.citizen is not None
        document = _redeem(parts, asked, grant, found.citizen, found.session_ends_at)
        if document is not None:
            return document
    raise law.invalid_grant("contended")


def _refused_code(parts: Parts, asked: Asked, grant: Grant, verdict: law.Verdict, citizen: Citizen | None) -> Declined:
    by, name = asked.client.client_id, grant.id.hex()
    if isinstance(verdict, law.Misused):
        fact = CodeMisused(client_id=grant.client_id, grant=name, by_client=by, reason=verdict.reason)
        return declined(parts, law.invalid_grant(verdict.reason), asked.now, citizen, fact)
    if isinstance(verdict, law.Replayed) and grant.ended_at is None:
        spent = CodeReplayed(client_id=grant.client_id, grant=name, by_client=by)
        end = ended(grant, "code_replayed", asked.now)
        return declined(parts, law.invalid_grant("code_replayed"), asked.now, citizen, spent, first=(end,))
    reason = verdict.reason if isinstance(verdict, law.Dead) else "code_replayed"
    return Declined(law.invalid_grant(reason))


def _redeem(parts: Parts, asked: Asked, grant: Grant, citizen: Citizen, session_ends_at: int) -> Document | None:
    """Consume the code and mint; None when another request was faster."""
    now, client, config = asked.now, asked.client, parts.config
    with_keys = minting.signers(parts, client, grant.scope, now)
    key = key_state(parts, client, with_keys.recipient, now)
    told = _for_id_token(parts, client, grant, citizen, now, key)
    word = allowed(grant.plan)
    lasting = given(client) and not word.once
    successor = new_token(parts.ring, "refresh", parts.entropy) if lasting else None
    family_at = now + config.refresh_ttl * minting.MICROSECONDS
    if word.until is not None:
        family_at = min(family_at, word.until)
    if not grant.offline:
        family_at = min(family_at, session_ends_at)
    last_at = max(family_at if successor else 0, now + config.access_token_ttl * minting.MICROSECONDS)
    where = {"id": grant.id, "state": "issued", "ended_at": None}
    writes: list[Write] = [
        *asked.by.writes,
        Update(Grant, where, {"state": "redeemed", "expires_at": last_at}),
        *_first_refresh(successor, grant, now, family_at, config.refresh_idle),
        *_facts(parts, grant, now, citizen, with_keys, refresh_given=successor is not None, told=told),
        *withheld.writes(parts, client, grant, citizen, told.withheld, "id_token", now, asked.reference),
    ]
    result = parts.store.commit(writes)
    if not isinstance(result, Committed):
        refuse_replay(result.index, asked.by, 0)
        return None
    return minting.for_grant(
        parts,
        grant,
        with_keys,
        grant.scope,
        now,
        refresh_token=successor.token if successor else None,
        nonce=grant.nonce,
        released=told.values,
    )


def _for_id_token(parts: Parts, client: Client, grant: Grant, citizen: Citizen, now: int, key: KeyState) -> Released:
    """Fails closed for the person whose values do not open: nothing is used up."""
    try:
        return for_id_token(parts, client, grant, citizen, now, key)
    except SealBroken:
        raise Refusal(Code.SERVER_ERROR, "The answer can't be given.", reason="seal_broken") from None


def _first_refresh(made: Opaque | None, grant: Grant, now: int, family_at: int, idle_s: int) -> list[Write]:
    if made is None:
        return []
    token_at = lives(now, family_at, idle_s).token_at
    return [Insert(Refresh(made.hash, grant.id, "active", grant.scope, now, token_at, None))]


def _facts(
    parts: Parts,
    grant: Grant,
    now: int,
    citizen: Citizen,
    with_keys: minting.Signers,
    *,
    refresh_given: bool,
    told: Released,
) -> list[Write]:
    """No token and no claim without its record (DESIGN §2.1)."""
    name = grant.id.hex()
    facts: list[Fact] = [CodeRedeemed(client_id=grant.client_id, grant=name, scope=grant.scope, refresh=refresh_given)]
    if told.values:
        released = AttributesReleased(
            client_id=grant.client_id,
            grant=name,
            claims=told.names,
            verified=told.verified,
            via="id_token",
            items=told.items,
            key=thumbprint(with_keys.recipient),
        )
        facts.append(released)
    return [record(fact, at=now, entropy=parts.entropy, person=citizen) for fact in facts]


# refresh_token (RFC 6749 §6) and client_credentials (§4.4) ------------------------------------------------------------------------------


def _refresh(parts: Parts, asked: Asked) -> Document | Declined:
    return refresh.refresh(parts, asked.by, asked.form, asked.now)


def _client_credentials(parts: Parts, asked: Asked) -> Document:
    client = asked.client
    scope = law.client_scope(asked.form, client)
    signer = minting.signers(parts, client, "", asked.now).access
    fact = ClientTokenIssued(client_id=client.client_id, scope=scope)
    result = parts.store.commit([*asked.by.writes, record(fact, at=asked.now, entropy=parts.entropy)])
    if not isinstance(result, Committed):
        refuse_replay(result.index, asked.by, 0)
    return minting.for_client(parts, signer, client.client_id, scope, asked.now)


_JOURNEYS: Final[dict[str, Callable[[Parts, Asked], Document | Declined]]] = {
    "authorization_code": _code,
    "refresh_token": _refresh,
    "client_credentials": _client_credentials,
}
