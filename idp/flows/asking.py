"""What a request asks to know, as the one release plan that every journey reads: at the request, on the consent page, at release."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Final

from clients.model import Client
from idp.errors import Code, Refusal
from idp.flows.client_keys import key_now
from idp.parts import Parts
from idp.protocol import claims_request
from idp.protocol.claims_request import NOTHING, ClaimsRequest
from idp.protocol.request import AuthorizeRequest
from idp.protocol.scopes import SERVICE
from idp.protocol.verified_claims import MEMBER, Offered
from idp.records import Attribute
from idp.release import confirmed
from idp.release import plan as law
from idp.release.claims import ABOUT_THE_SIGN_IN, STANDARD, askable, of_scopes
from idp.release.items import plain
from idp.release.model import STANDARD_LOGIN, Asked, AskedItem, AttributeKind, ClientFacts, Held, KeyState, Plan

KEY_REASONS: Final = ("no_client_key", "key_held")
"""Why an attribute that leaves only encrypted stays."""
PLAN_REASONS: Final = frozenset(
    (
        "item_unknown",
        "item_not_approved",
        "foreign_item",
        "not_in_item",
        "attribute_unknown",
        "nothing_to_compare",
        "no_client_key",
        "key_held",
    )
)
"""Why a request for service items is refused; the client's error list shows the plan beside it."""
_WORDS: Final = {
    "item_unknown": "is not in the catalogue",
    "item_not_approved": "is not approved",
    "foreign_item": "belongs to another department",
    "not_in_item": "does not declare an attribute that was asked for",
    "attribute_unknown": "needs an attribute that is not in the catalogue",
    "nothing_to_compare": "needs a value to compare; send it as the member compare of that claim, in the claims of a pushed request",
    "no_client_key": "needs an attribute that is released only encrypted, and this client has no usable key",
    "key_held": "needs an attribute that is held back until the new key of this client is confirmed",
}


def asked(request: AuthorizeRequest, client: Client) -> Asked:
    """Service items of scopes and details, standard claims of scopes and ``claims``, in the order of OIDC Core §5.1."""
    items = tuple(AskedItem(code=detail.item, attributes=detail.attributes) for detail in request.items)
    if request.claims == NOTHING:
        return Asked(items=items, claims=_claims(request.scope, frozenset(), client.scope))
    plain, verified = request.claims.plain, request.claims.verified
    claims = _claims(request.scope, plain | verified, client.scope)
    only = (verified - plain).difference(of_scopes(request.scope))
    return Asked(
        items=items, claims=claims, verified=verified, only_verified=only, compared=frozenset(request.claims.compared)
    )


@lru_cache(maxsize=1024)
def _claims(scope: tuple[str, ...], named: frozenset[str], registered: tuple[str, ...]) -> tuple[str, ...]:
    """What a client may not ask for by itself is asked for through an item, or not at all."""
    names = {*of_scopes(scope), *(named & askable(registered) - ABOUT_THE_SIGN_IN)}
    return tuple(claim for claim in STANDARD if claim in names)


def limited(parts: Parts, client: Client, request: AuthorizeRequest) -> ClaimsRequest:
    """The ``claims`` of a request, as far as they may be told: of the scopes that the client registered and of the items that it asks for;
    as verified only what the house can confirm. Nothing of it is promised: the plan decides."""
    wanted = request.claims
    allowed = askable(client.scope) | _claims_of_items(parts, client, request)
    return claims_request.limited(wanted, allowed, offered(parts) if wanted.verified else None)


def _claims_of_items(parts: Parts, client: Client, request: AuthorizeRequest) -> frozenset[str]:
    items = parts.catalogue.items(detail.item for detail in request.items)
    own = {
        code: item for code, item in items.items() if item is not None and item.department_id == client.department_id
    }
    codes = {
        need.attribute
        for detail in request.items
        if detail.item in own
        for need in own[detail.item].needs
        if not detail.attributes or need.attribute in detail.attributes
    }
    return frozenset(kind.claim for kind in parts.catalogue.kinds(codes).values())


def dropped(wanted: ClaimsRequest, kept: ClaimsRequest) -> frozenset[str]:
    """Claims that were left out, and ``verified_claims`` where a request for others demands what is not known here."""
    gone = (wanted.plain - kept.plain) | (wanted.verified - kept.verified)
    fewer = any(
        sum(not gone.issuperset(wish.claims) for wish in before.wishes) > len(after.wishes)
        for before, after in (
            (wanted.id_token_verified, kept.id_token_verified),
            (wanted.userinfo_verified, kept.userinfo_verified),
        )
    )
    return gone | {MEMBER} if fewer else gone


def offered(parts: Parts) -> Offered:
    """What can be told as verified today."""
    framework = parts.config.framework
    claims = confirmed.offered(parts.catalogue.all_kinds().values())
    return Offered(framework=framework, claims=frozenset(claims), records=frozenset(confirmed.record_types(framework)))


def facts(parts: Parts, client: Client, kinds: Iterable[AttributeKind], key: KeyState | None) -> ClientFacts:
    """What of a client decides. ``key`` None: looked at now, for UserInfo, where something is asked that leaves only encrypted."""
    everything = encrypts_all(parts)
    if key is None and (everything or any(kind.sensitive for kind in kinds)):
        key = key_now(parts, client, "userinfo", parts.clock())
    return ClientFacts(
        department_id=client.department_id,
        claims=frozenset(of_scopes(client.scope)),
        key=key or "no_client_key",
        all_sensitive=everything,
    )


def encrypts_all(parts: Parts) -> bool:
    """Whether the house lets no attribute leave but encrypted."""
    return parts.config.encrypt == "all"


def planned(
    parts: Parts,
    client: Client,
    what: Asked,
    *,
    held: Mapping[str, Held] | None = None,
    chosen: Mapping[str, AbstractSet[str]] | None = None,
    key: KeyState | None = None,
) -> Plan:
    """:func:`release.plan.plan` with the catalogues as they are now."""
    items = parts.catalogue.items(item.code for item in what.items)
    kinds = parts.catalogue.kinds((*law.needs(items), *what.claims))
    return law.plan(what, items, kinds, facts(parts, client, kinds.values(), key), held=held, chosen=chosen)


def held(rows: list[Attribute]) -> dict[str, Held]:
    """What sealed rows say without being opened."""
    return {row.code: Held(source=row.source, updated_at=row.updated_at) for row in rows}


def check(parts: Parts, client: Client, request: AuthorizeRequest) -> None:
    """Refuse what the catalogues do not allow this client: ``invalid_scope`` where the item was asked for by scope (RFC 6749 §4.1.2.1), else
    ``invalid_authorization_details`` (RFC 9396 §5). ``private`` of the refusal is the plan."""
    if not request.items:
        return
    made = planned(parts, client, asked(request, client))
    if not made.refusal:
        return
    line = next(line for line in made.lines if line.essential and line.reason == made.refusal)
    by_scope = SERVICE + line.item in request.scope
    code = Code.INVALID_SCOPE if by_scope else Code.INVALID_AUTHORIZATION_DETAILS
    if made.refusal == "nothing_to_compare":
        code = Code.INVALID_REQUEST
    raise Refusal(
        code, f"The service item {plain(line.item)} {_WORDS[made.refusal]}.", reason=made.refusal, private=told(made)
    )


def told(made: Plan) -> str:
    """A plan in one line, what is withheld first: for a developer, without a word about a citizen."""
    ordered = sorted(made.lines, key=lambda line: line.outcome == "release")
    return " ".join(
        f"{plain(line.item)}{f'@{line.item_version}' if line.item != STANDARD_LOGIN else ''}"
        f"/{plain(line.attribute) or '*'}:{line.reason or 'release'}"
        for line in ordered
    )
