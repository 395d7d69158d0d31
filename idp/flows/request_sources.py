"""Where an authorization request's parameters come from: the request itself, a signed request object, or a request pushed before."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import msgspec

from clients.documents import KeysUnavailable
from clients.model import Client
from clients.signed import BadSigned, open_signed, peek_header, read_json
from idp.errors import Code, Refusal
from idp.flows import asking, authorize_refusals, id_token_hint
from idp.flows.left_out import left_out
from idp.parts import Parts
from idp.ports import Insert, Write
from idp.protocol import authorize as law
from idp.protocol import claims_request, request_object, resource
from idp.protocol.params import Params
from idp.protocol.request import AuthorizeRequest
from idp.protocol.request_object import refused
from idp.records import Grant, UsedAssertion
from keys.subjects import account_of_subject
from keys.tokens import new_token, open_flow, seal_flow, token_hash

SECOND: Final = 1_000_000
PAR_KIND: Final = "par"
MAX_PAR_TTL_S: Final = 599
"""FAPI 2.0 Security Profile §5.3.2.2: ``expires_in`` under 600 seconds."""
_TYPES: Final[frozenset[str | None]] = frozenset({None, "JWT", "jwt", "oauth-authz-req+jwt"})
_MAX_OBJECT: Final = 65_536


@dataclass(frozen=True, slots=True)
class Source:
    """What counts of a request. ``writes`` use up the object's ``jti`` in the caller's batch; ``pushed`` was checked when it was pushed."""

    params: Params
    writes: tuple[Write, ...] = ()
    pushed: "Pushed | None" = None
    origin: bytes | None = None


class Pushed(msgspec.Struct, frozen=True):
    """A pushed request as stored: sealed, bound to its client. ``expected``: accounts that its hints accept; ``expires_at`` microseconds."""

    request: AuthorizeRequest
    expected: tuple[bytes, ...] | None
    expires_at: int


def resolve(parts: Parts, client: Client, params: Params, now: int) -> Source:
    """Stage A between *who* and *where*. Raises Refusal for a page."""
    law.one_carrier(params)
    law.signed_where_required(params, client)
    reference = params.one("request_uri")
    if reference is not None and reference.startswith(law.PUSHED_PREFIX):
        return _pushed(parts, client, params, reference.removeprefix(law.PUSHED_PREFIX), now)
    return opened(parts, client, params, now)


def opened(parts: Parts, client: Client, params: Params, now: int) -> Source:
    """The parameters of the signed request object where there is one: then it alone counts (RFC 9101 §5)."""
    token = params.one("request")
    if token is None:
        return Source(params)
    proven = request_object.read(_verified(parts, client, token), client, parts.config.issuer, now // SECOND)
    return Source(proven.params, _use_up(client, proven))


def read(
    parts: Parts, client: Client, source: Source, uri: str, now: int, reference: str
) -> tuple[AuthorizeRequest, tuple[bytes, ...] | None]:
    """Stage B: the request, its claims limited to what the client may ask for, and the accounts that its hints accept. Raises Refusal."""
    request = law.what(source.params, client, uri)
    resource.check(source.params, parts.config.issuer)
    if request.claims != claims_request.NOTHING:
        allowed = asking.limited(parts, client, request)
        if gone := left_out(parts, client, request, allowed):
            authorize_refusals.note_dropped(parts, client, gone, now, reference)
        request = msgspec.structs.replace(request, claims=allowed)
    expected = expected_accounts(parts, client, request)
    return msgspec.structs.replace(request, id_token_hint=None), expected


def expected_accounts(parts: Parts, client: Client, request: AuthorizeRequest) -> tuple[bytes, ...] | None:
    """The accounts that ``id_token_hint`` and a requested ``sub`` accept; None: any. Raises Refusal for a hint that is not ours."""
    subs = request.expected_subs
    if request.id_token_hint is not None:
        hinted = frozenset({_hinted_sub(parts, client, request.id_token_hint)})
        subs = hinted if subs is None else subs & hinted
    if subs is None:
        return None
    accounts = (account_of_subject(parts.ring, client.sector_id, sub) for sub in subs)
    return tuple(account for account in accounts if account is not None)


def life_s(parts: Parts) -> int:
    """How long a pushed request waits for its first use."""
    return min(parts.config.par_ttl, MAX_PAR_TTL_S)


def keep(parts: Parts, pushed: Pushed) -> str:
    """Store a pushed request; its ``request_uri`` with 256 random bits (RFC 9126 §7.1)."""
    reference = new_token(parts.ring, PAR_KIND, parts.entropy)
    sealed = seal_flow(parts.ring, PAR_KIND, msgspec.msgpack.encode(pushed), parts.entropy)
    parts.volatile.put(PAR_KIND, reference.hash, sealed.encode(), life_s(parts))
    return law.PUSHED_PREFIX + reference.token


def _pushed(parts: Parts, client: Client, params: Params, reference: str, now: int) -> Source:
    """This client's, not expired, and no code was issued for it yet (RFC 9126 §4, §7.3)."""
    key = token_hash(parts.ring, PAR_KIND, reference)
    sealed = parts.volatile.peek(PAR_KIND, key) if key is not None else None
    plain = open_flow(parts.ring, PAR_KIND, sealed.decode("ascii")) if sealed is not None else None
    pushed = msgspec.msgpack.decode(plain, type=Pushed) if plain is not None else None
    if key is None or pushed is None or pushed.request.client_id != client.client_id or pushed.expires_at <= now:
        raise _bad_reference("unknown")
    if parts.store.one(Grant, origin=key) is not None:
        raise _bad_reference("used")
    if not client.matches_redirect_uri(pushed.request.redirect_uri):
        raise _bad_reference("redirect_uri_removed")
    return Source(params, pushed=pushed, origin=key)


def _bad_reference(reason: str) -> Refusal:
    return Refusal(
        Code.INVALID_REQUEST_URI, "The request_uri is unknown, expired or used.", reason=f"request_uri_{reason}"
    )


def _verified(parts: Parts, client: Client, token: str) -> dict[str, Any]:
    """Signed by one of the client's keys, with the algorithm it registered where it did (RFC 9101 §6.2, RFC 8725 §3.1)."""
    try:
        keys = parts.client_keys.keys_for(client, peek_header(token, max_length=_MAX_OBJECT).kid)
        payload = open_signed(token, keys, alg=client.request_object_signing_alg, types=_TYPES, max_length=_MAX_OBJECT)
    except KeysUnavailable as error:
        raise refused("could not be verified", error.reason, None, client.jwks_uri or "jwks or jwks_uri") from None
    except BadSigned as error:
        raise refused("could not be verified", error.reason, error.received, error.expected) from None
    try:
        return read_json(payload, dict[str, Any], "claims")
    except BadSigned as error:
        what = "is not one JSON object with each member once"
        raise refused(what, error.reason, error.received, error.expected) from None


def _use_up(client: Client, proven: request_object.RequestObject) -> tuple[Write, ...]:
    """Each ``jti`` once (RFC 9101 §10.2): the insert conflicts when it was seen."""
    if proven.jti is None:
        return ()
    seen = sha256(f"request-object/{len(client.client_id)}:{client.client_id}{proven.jti}".encode()).digest()
    return (Insert(UsedAssertion(seen, (proven.exp + 1) * SECOND)),)


def replayed() -> Refusal:
    """The object's ``jti`` was seen before."""
    return refused("was used before", "replayed", None, "a jti that was not used before")


def _hinted_sub(parts: Parts, client: Client, hint: str) -> str:
    """The subject of an ID token of ours for this client; expired ones count (OIDC Core §3.1.2.1). Raises Refusal.

    One whose key vouches no more may be genuine, but names nobody that could be proven: no positive answer may follow (§3.1.2.1, §3.1.2.2).
    """
    claims = id_token_hint.claims(parts, hint) or {}
    audience, sub = claims.get("aud"), claims.get("sub")
    if isinstance(sub, str) and client.client_id in (audience if isinstance(audience, list) else [audience]):
        return sub
    if not claims and id_token_hint.of_a_retired_key(parts, hint):
        raise Refusal(
            Code.LOGIN_REQUIRED,
            "The key that signed id_token_hint is trusted no more. Send the request without it.",
            reason="id_token_hint_key_retired",
        )
    raise Refusal(
        Code.INVALID_REQUEST,
        "id_token_hint is not an ID token of ours for this client.",
        reason="id_token_hint_invalid",
    )
