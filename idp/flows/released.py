"""Which claims an answer may hold: those of the grant and its token, within what client and catalogue allow today."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from clients.model import Client
from idp.audit.events import ItemTold
from idp.flows import asking
from idp.parts import Parts
from idp.protocol import authorization_details
from idp.protocol.scopes import service_items
from idp.records import Grant
from idp.release.claims import askable, for_userinfo
from idp.release.claims import for_id_token as asked_in_id_token
from idp.release.minimise import computed
from idp.release.model import Allowed, AllowedItem, Asked, AskedItem, KeyState, Line
from idp.release.plan import sources
from idp.release.times import day
from idp.release.vault import Citizen


@dataclass(frozen=True, slots=True)
class Released:
    """What is told: claim → value, in order, and for which items."""

    values: dict[str, Any]
    items: tuple[ItemTold, ...] = ()
    withheld: tuple[Line, ...] = ()
    """What leaves only encrypted, and can't."""

    def __repr__(self) -> str:
        return "Released(…)"


@lru_cache(maxsize=2048)
def userinfo_names(registered: tuple[str, ...], scope: str, requested: bytes | None) -> tuple[str, ...]:
    """Names for UserInfo (OIDC Core §5.3, §5.4, §5.5). ``registered``: the client's scopes; ``scope``: of token and grant, space-separated."""
    may = askable(registered)
    return tuple(name for name in for_userinfo(scope, requested) if name in may)


@lru_cache(maxsize=2048)
def id_token_names(registered: tuple[str, ...], requested: bytes | None) -> tuple[str, ...]:
    """Names for the ID token: asked for there alone (OIDC Core §5.5)."""
    may = askable(registered)
    return tuple(name for name in asked_in_id_token(requested) if name in may)


@lru_cache(maxsize=2048)
def allowed(plan: bytes | None) -> Allowed:
    """What a grant keeps of the citizen's word beyond scopes and claims."""
    return Allowed() if plan is None else msgspec.json.decode(plan, type=Allowed)


def over(grant: Grant, now: int) -> bool:
    """Whether the dated consent that a grant rests on has run out."""
    until = allowed(grant.plan).until
    return until is not None and now >= until


def granted(grant: Grant, scope: str) -> tuple[AllowedItem, ...]:
    """The items of a grant under a token of ``scope``: one asked for by scope goes when the scope was left out at a refresh (RFC 6749 §6)."""
    gone = set(service_items(grant.scope.split())) - set(service_items(scope.split()))
    return tuple(item for item in allowed(grant.plan).items if item.code not in gone)


def details(grant: Grant, scope: str) -> dict[str, Any]:
    """``authorization_details`` of an answer about this grant's tokens (RFC 9396 §7, §9.2): items and what the citizen allowed of them, of this
    grant alone; nothing of what is on record. Empty without items."""
    items = [(item.code, item.attributes) for item in granted(grant, scope)] if grant.plan is not None else []
    return {"authorization_details": authorization_details.told(items)} if items else {}


def released_for(
    parts: Parts,
    client: Client,
    grant: Grant,
    citizen: Citizen,
    scope: str,
    names: tuple[str, ...],
    now: int,
    key: KeyState,
) -> Released:
    """What UserInfo tells: of ``names`` (standard claims) what is known; of a grant's items requested ∩ approved ∩ known ∩ chosen, as all that
    is today. ``scope``: the token's; ``key``: whether this answer may hold what leaves only encrypted. Raises ``keys.errors.SealBroken``.
    """
    if grant.plan is None and not asking.encrypts_all(parts):
        values = parts.vault.claims(citizen, names)
        return Released({name: values[name] for name in names if name in values})
    items = tuple(item for item in granted(grant, scope) if item.attributes)
    what = Asked(items=tuple(AskedItem(code=item.code, attributes=item.attributes) for item in items), claims=names)
    chosen = {item.code: frozenset(item.attributes) for item in items}
    first = asking.planned(parts, client, what, chosen=chosen, key=key)
    rows = parts.vault.rows(citizen, sources(first))
    planned = asking.planned(parts, client, what, held=asking.held(rows), chosen=chosen, key=key)
    wanted = set(sources(planned))
    values = {row.code: citizen.open_claim(row) for row in rows if row.code in wanted}
    told = {line.claim: (line, _value(parts, line, values, now)) for line in planned.released}
    told = {claim: found for claim, found in told.items() if found[1] is not None}
    return Released(
        {claim: value for claim, (_, value) in told.items()},
        _items(planned.released, items, frozenset(told)),
        tuple(line for line in first.lines if line.reason in asking.KEY_REASONS),
    )


def for_id_token(parts: Parts, client: Client, grant: Grant, citizen: Citizen, key: KeyState) -> Released:
    """What the ID token tells: standard claims asked for there; encrypted alone what leaves only so. Raises ``keys.errors.SealBroken``."""
    names = id_token_names(client.scope, grant.claims) if grant.claims else ()
    if not names:
        return Released({})
    planned = asking.planned(parts, client, Asked(claims=names), key=key)
    values = parts.vault.claims(citizen, (line.attribute for line in planned.released))
    return Released(
        {name: values[name] for name in names if name in values},
        withheld=tuple(line for line in planned.lines if line.reason in asking.KEY_REASONS),
    )


def _value(parts: Parts, line: Line, values: Mapping[str, Any], now: int) -> Any:
    kind = parts.catalogue.kind(line.attribute)
    return computed(kind, values, day(now)) if kind is not None and kind.of else values.get(line.attribute)


def _items(lines: tuple[Line, ...], items: tuple[AllowedItem, ...], told: frozenset[str]) -> tuple[ItemTold, ...]:
    """Each item at the version that the citizen allowed, with the claims that were told for it."""
    return tuple(
        ItemTold(code=item.code, version=item.version, attributes=claims)
        for item in items
        if (claims := tuple(line.claim for line in lines if line.item == item.code and line.claim in told))
    )
