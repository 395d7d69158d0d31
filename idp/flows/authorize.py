"""The journey of an authorization request: who and where, what, what is due, and the code.

The way that most requests take (a live session, a remembered consent, nothing to ask) reads session, account, consent and key, and
commits once. All others are stored as an interaction and go on page by page, deciding again each time.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from clients.model import Client
from idp.audit.events import CodeIssued, record
from idp.errors import Code, Refusal
from idp.flows import asking, authorize_refusals, consent, interactions, request_sources, strangers, withheld
from idp.flows.comparing import PER_DAY, bounded, pushed_alone, within_bound
from idp.flows.interactions import Interaction, Opened
from idp.flows.people import factor_due
from idp.flows.sessions import live_with_account
from idp.flows.verified import kept
from idp.parts import Parts
from idp.ports import Conflict, Insert, Write
from idp.protocol import authorize as law
from idp.protocol import interaction, respond
from idp.protocol.interaction import Deny, Facts, Issue, Step
from idp.protocol.params import Params
from idp.protocol.request import AuthorizeRequest
from idp.protocol.respond import ToClient
from idp.protocol.scopes import OFFLINE
from idp.records import Account, Consent, Grant, Session, grant_id
from idp.release.vault import KeyGone
from keys.tokens import Opaque, new_token

SECOND: Final = 1_000_000
DENIED: Final = "denied"
"""How an interaction is closed in which the citizen said no."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The browser at the other end. ``session``, ``browser``: its cookies' values; ``now`` microseconds; ``posted``: its request was a
    cross-site POST, which carries no cookies of ours; ``remote``: its address."""

    now: int
    reference: str
    session: str | None = None
    browser: str | None = None
    posted: bool = False
    remote: str = ""

    def __repr__(self) -> str:
        return "Caller(…)"


@dataclass(frozen=True, slots=True)
class Paused:
    """A page is due: 303 to ``path``. ``browser``: a new cookie for a browser that has none."""

    path: str
    browser: Opaque | None = None

    def __repr__(self) -> str:
        return "Paused(…)"


@dataclass(frozen=True, slots=True)
class OnPage:
    """A refusal that may not travel: client or redirect URI are not proven."""

    refusal: Refusal
    client: Client | None


@dataclass(frozen=True, slots=True)
class AlreadyDone:
    """This request has had its answer."""

    client: Client


@dataclass(frozen=True, slots=True)
class Due:
    """Which page comes next in an interaction, and what it needs."""

    step: Step
    opened: Opened
    known: "Known"


@dataclass(frozen=True, slots=True)
class Known:
    """What was read for a decision."""

    facts: Facts
    session: Session | None = None
    account: Account | None = None
    consent: Consent | None = None

    def __repr__(self) -> str:
        return "Known(…)"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that passed every check. ``writes`` ride in the first batch; ``origin``: a pushed request's."""

    request: AuthorizeRequest
    client: Client
    expected: tuple[bytes, ...] | None
    writes: tuple[Write, ...] = ()
    origin: bytes | None = None


Outcome = ToClient | Paused | OnPage | AlreadyDone


def begin(parts: Parts, params: Params, caller: Caller) -> Outcome:
    """GET and POST /authorize."""
    found, counted = None, params
    try:
        found = parts.clients.get(law.client_id(params))
        client = law.known_client(found)
        source = request_sources.resolve(parts, client, params, caller.now)
        counted = source.params
        uri = source.pushed.request.redirect_uri if source.pushed else law.redirect_uri(counted, client)
    except Refusal as refusal:
        return refuse_on_page(parts, found, counted, refusal, caller)
    try:
        law.pushed_where_required(client, always=parts.config.require_par, was_pushed=source.pushed is not None)
        if source.pushed:
            request, expected = source.pushed.request, source.pushed.expected
        else:
            request, expected = request_sources.read(parts, client, source, uri, caller.now, caller.reference)
            pushed_alone(request.claims)
        asking.check(parts, client, request)
    except Refusal as refusal:
        authorize_refusals.note(parts, client, counted, refusal, "client", caller.now, caller.reference, caller.remote)
        return _refused(parts, uri, law.response_mode_of_errors(counted), counted.get("state"), refusal)
    return _first_decision(parts, _Asked(request, client, expected, source.writes, source.origin), caller)


def refuse_on_page(
    parts: Parts, client: Client | None, params: Params | None, refusal: Refusal, caller: Caller
) -> OnPage:
    """Record a refusal of stage A; beyond the caller's bound it is told to come back later and leaves nothing."""
    noted = authorize_refusals.note(parts, client, params, refusal, "page", caller.now, caller.reference, caller.remote)
    return OnPage(refusal if noted else strangers.later("refused_too_often"), client)


def resume(parts: Parts, opened: Opened, caller: Caller) -> Due | ToClient | AlreadyDone | OnPage:
    """GET /authorize/<handle>: decide again from what is known now."""
    held = opened.interaction
    if held.closed:
        return AlreadyDone(opened.client)
    asked = _Asked(held.request, opened.client, held.expected, (), held.origin)
    withdrawn = _no_longer_allowed(parts, asked, caller)
    if withdrawn is not None:
        interactions.close(parts, opened, "answered", caller.now)
        return withdrawn
    known = look(parts, asked.request, asked.client, asked.expected, caller, held)
    step = interaction.due(asked.request, known.facts)
    match step:
        case Issue():
            outcome: ToClient | AlreadyDone | OnPage = _issue(parts, asked, known, step, caller)
        case Deny():
            outcome = _deny(parts, asked, interaction.refusal(step.code, step.reason), caller)
        case _ if asked.request.silent:
            outcome = _deny(parts, asked, interaction.silently(step), caller)
        case _:
            return Due(step, opened, known)
    interactions.close(parts, opened, "answered", caller.now)
    return outcome


def cancel(parts: Parts, opened: Opened, known: Known, caller: Caller) -> ToClient:
    """The citizen said no: ``access_denied`` to the client (RFC 6749 §4.1.2.1). The same no twice at once is one."""
    assert known.account is not None
    request = opened.interaction.request
    citizen = parts.vault.citizen(known.account.id)
    consent.deny(parts, citizen, opened.client, request, opened.interaction.origin, caller.now, caller.reference)
    interactions.close(parts, opened, DENIED, caller.now)
    return denied(parts, opened)


def denied(parts: Parts, opened: Opened) -> ToClient:
    """The client's answer to a no, also when the same form comes again: it holds nothing that may be used once alone."""
    request = opened.interaction.request
    refusal = interaction.refusal(Code.ACCESS_DENIED, "consent_denied")
    return _refused(parts, request.redirect_uri, request.response_mode, request.state, refusal)


def look(
    parts: Parts,
    request: AuthorizeRequest,
    client: Client,
    expected: tuple[bytes, ...] | None,
    caller: Caller,
    held: Interaction | None = None,
) -> Known:
    """Read what a decision needs. ``held``: the interaction, when there is one."""
    found = live_with_account(parts, caller.session, caller.now, touch=not request.silent)
    if found is None:
        return Known(Facts(now=caller.now, expected=expected, switching=held is not None and held.switching))
    session, account = found
    given = parts.store.one(Consent, account_id=account.id, client_id=client.client_id)
    here = held.consented if held is not None else None
    wanted = interaction.factor_wanted(request, client.require_second_factor)
    factor = factor_due(parts, account, session.acr, wanted)
    facts = Facts(
        now=caller.now,
        account_id=account.id,
        acr=session.acr,
        auth_at=session.auth_at,
        staff=bool(account.roles),
        factor=factor is not None and factor.enrolled,
        factor_always=account.factor_always_since is not None,
        second_factor_wanted=client.require_second_factor,
        expected=expected,
        fresh=held is not None and _signed_in_here(held, session),
        selected=held is not None and held.selected == account.id,
        switching=held is not None and held.switching,
        consent=consent.reason_to_ask(parts, request, client, given, here, caller.now),
    )
    return Known(facts, session, account, given)


def _first_decision(parts: Parts, asked: _Asked, caller: Caller) -> Outcome:
    if caller.posted:
        return _pause(parts, asked, caller)
    known = look(parts, asked.request, asked.client, asked.expected, caller)
    step = interaction.due(asked.request, known.facts)
    match step:
        case Issue():
            return _issue(parts, asked, known, step, caller)
        case Deny():
            return _deny(parts, asked, interaction.refusal(step.code, step.reason), caller)
        case _ if asked.request.silent:
            return _deny(parts, asked, interaction.silently(step), caller)
        case _:
            return _pause(parts, asked, caller)


def _no_longer_allowed(parts: Parts, asked: _Asked, caller: Caller) -> ToClient | None:
    """The catalogue moved while the pages were open: the request is refused as it would be now."""
    try:
        asking.check(parts, asked.client, asked.request)
    except Refusal as refusal:
        return _deny(parts, asked, refusal, caller)
    return None


def _signed_in_here(held: Interaction, session: Session) -> bool:
    proved = held.signed_in
    return proved is not None and proved.account_id == session.account_id and proved.auth_at <= session.auth_at


def _pause(parts: Parts, asked: _Asked, caller: Caller) -> Outcome:
    """Store the request, where there is room for it; use up its object's ``jti`` first, so that it counts once."""
    if strangers.no_room(parts, caller.remote, interactions.size(asked.request)):
        return OnPage(strangers.later("no_room"), asked.client)
    if asked.writes and isinstance(parts.store.commit(asked.writes), Conflict):
        return refuse_on_page(parts, asked.client, None, request_sources.replayed(), caller)
    fresh = None if caller.posted or caller.browser else interactions.new_browser(parts)
    browser = fresh.token if fresh else caller.browser
    handle = interactions.begin(parts, asked.request, browser, caller.now, origin=asked.origin, expected=asked.expected)
    return Paused(f"/authorize/{handle}", fresh)


def _issue(
    parts: Parts, asked: _Asked, known: Known, step: Issue, caller: Caller, *, again: int = 2 * PER_DAY
) -> ToClient | AlreadyDone | OnPage:
    """Grant and event in one batch; the code leaves when it is committed. ``origin`` is unique: one request, one code.

    ``again``: how often it may start anew because numbers were counted meanwhile.
    """
    assert known.consent is not None
    assert known.account is not None
    parts.keys.check_issuing()
    code = new_token(parts.ring, "code", parts.entropy)
    try:
        citizen = parts.vault.lately(known.account.id)
    except KeyGone:
        return _deny(parts, asked, interaction.refusal(Code.ACCESS_DENIED, "account_erased"), caller)
    plan = _plan(parts, asked, known)
    tried = within_bound(parts, asked.client, citizen, asked.request.claims, plan, caller.now)
    claims = kept(citizen, grant_id(code.hash), tried.request)
    grant = _grant(parts, asked, known, step, code, caller.now, plan, claims)
    fact = CodeIssued(client_id=grant.client_id, grant=grant.id.hex(), scope=grant.scope, acr=grant.acr)
    event = record(fact, at=caller.now, entropy=parts.entropy, person=citizen)
    more = bounded(parts, asked.client, grant, citizen, tried.over, caller.now, caller.reference)
    left = withheld.not_offered(parts, asked.client, asked.request)
    told = withheld.writes(parts, asked.client, grant, citizen, left, "consent", caller.now, caller.reference)
    writes = [*asked.writes, consent.still_given(known.consent), Insert(grant), event, *more, *told]
    done = parts.store.commit([*writes, *tried.writes])
    if isinstance(done, Conflict):
        if done.index >= len(writes) and again:  # another request tried a number at the same moment
            return _issue(parts, asked, known, step, caller, again=again - 1)
        return _not_issued(parts, asked, done.index - len(asked.writes), caller)
    request = asked.request
    return respond.code_answer(
        request.redirect_uri, request.response_mode, request.state, parts.config.issuer, code.token
    )


def _not_issued(parts: Parts, asked: _Asked, index: int, caller: Caller) -> ToClient | AlreadyDone | OnPage:
    """What stood in the way: the request object was used, the consent was withdrawn meanwhile, or the request has its code."""
    if index < 0:
        return refuse_on_page(parts, asked.client, None, request_sources.replayed(), caller)
    if index == 0:
        return _deny(parts, asked, interaction.refusal(Code.CONSENT_REQUIRED, "consent_withdrawn"), caller)
    return AlreadyDone(asked.client)


def _plan(parts: Parts, asked: _Asked, known: Known) -> bytes | None:
    assert known.consent is not None
    allowed = consent.of_grant(parts, asked.request, asked.client, known.consent)
    return msgspec.json.encode(allowed) if allowed is not None else None


def _grant(
    parts: Parts,
    asked: _Asked,
    known: Known,
    step: Issue,
    code: Opaque,
    now: int,
    plan: bytes | None,
    claims: bytes | None,
) -> Grant:
    request, client, session, account = asked.request, asked.client, known.session, known.account
    assert session is not None and account is not None
    code_expires_at = now + parts.config.code_ttl * SECOND
    # Its ``origin`` must not be forgotten while the request that it answered can come again.
    expires_at = code_expires_at + (request_sources.life_s(parts) + parts.config.interaction_ttl) * SECOND
    auth_time_asked = request.max_age is not None or client.require_auth_time or "auth_time" in request.claims.id_token
    return Grant(
        id=grant_id(code.hash),
        account_id=account.id,
        client_id=client.client_id,
        session_id=session.id,
        sector_id=client.sector_id,
        pairwise_version=account.pairwise_version,
        code_hash=code.hash,
        state="issued",
        code_expires_at=code_expires_at,
        origin=asked.origin,
        redirect_uri=request.redirect_uri,
        code_challenge=request.code_challenge,
        nonce=request.nonce,
        scope=" ".join(request.scope),
        claims=claims,
        acr=step.acr,
        amr=session.amr,
        auth_at=session.auth_at,
        auth_time_asked=int(auth_time_asked),
        offline=int(OFFLINE in request.scope),
        created_at=now,
        expires_at=expires_at,
        ended_at=None,
        ended_why=None,
        plan=plan,
    )


def _deny(parts: Parts, asked: _Asked, refusal: Refusal, caller: Caller) -> ToClient:
    authorize_refusals.note_decision(parts, asked.client, refusal, caller.now, caller.reference, caller.remote)
    request = asked.request
    return _refused(parts, request.redirect_uri, request.response_mode, request.state, refusal)


def _refused(parts: Parts, uri: str, mode: str, state: str | None, refusal: Refusal) -> ToClient:
    return respond.error_answer(uri, mode, state, parts.config.issuer, refusal)
