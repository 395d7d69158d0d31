"""Which claims an answer may hold: those of the grant and its token, within what client and catalogue allow today."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec

from clients.model import Client
from idp.audit.events import ItemTold
from idp.flows import asking
from idp.flows.verified import answered, asked_in, opened
from idp.parts import Parts
from idp.protocol import authorization_details
from idp.protocol.scopes import service_items
from idp.protocol.verified_claims import MEMBER
from idp.protocol.verified_claims import names as names_in
from idp.records import Grant
from idp.release.claims import STANDARD, askable, for_userinfo
from idp.release.claims import for_id_token as asked_in_id_token
from idp.release.minimise import computed
from idp.release.model import Allowed, AllowedItem, Asked, AskedItem, KeyState, Line
from idp.release.plan import sources
from idp.release.times import day
from idp.release.vault import Citizen

_NO_NAMES: Final[frozenset[str]] = frozenset()


class Released(msgspec.Struct, frozen=True):
    """What is told: claim → value, in order, and for which items. ``names``: every claim of it, those inside ``verified_claims`` too, which
    ``verified`` names."""

    values: dict[str, Any]
    names: tuple[str, ...] = ()
    verified: tuple[str, ...] = ()
    items: tuple[ItemTold, ...] = ()
    withheld: tuple[Line, ...] = ()
    """What leaves only encrypted, and can't."""

    def __repr__(self) -> str:
        return "Released(…)"


NOTHING: Final = Released({})


@dataclass(frozen=True, slots=True)
class _Want:
    """What one answer is to hold. ``names``: standard claims; ``items`` with the attributes that are due; ``plain``: the claims that are asked for as
    such, None for all of them; ``verified``: those asked for as verified."""

    place: str
    names: tuple[str, ...]
    items: tuple[AllowedItem, ...]
    plain: frozenset[str] | None
    verified: frozenset[str]


@lru_cache(maxsize=2048)
def userinfo_names(
    registered: tuple[str, ...], granted_scope: str, scope: tuple[str, ...], requested: bytes | None
) -> tuple[str, ...]:
    """Names for UserInfo (OIDC Core §5.3, §5.4, §5.5): what grant and token (``scope``) allow. ``registered``: the client's scopes."""
    may, within = askable(registered), " ".join(value for value in granted_scope.split() if value in scope)
    return tuple(name for name in for_userinfo(within, requested) if name in may)


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
    is today; what was asked for as verified. ``scope``: the token's; ``key``: whether this answer may hold what leaves only encrypted. Raises
    ``keys.errors.SealBroken``.
    """
    wanted = asked_in(grant.claims, "userinfo")[1].names if grant.claims is not None else _NO_NAMES
    if grant.plan is None and not wanted and not asking.encrypts_all(parts):
        values = parts.vault.claims(citizen, names)
        told = {name: values[name] for name in names if name in values}
        return Released(told, tuple(told))
    items = tuple(item for item in granted(grant, scope) if item.attributes)
    return _told(parts, client, grant, citizen, _Want("userinfo", names, items, None, wanted), now, key)


def for_id_token(parts: Parts, client: Client, grant: Grant, citizen: Citizen, now: int, key: KeyState) -> Released:
    """What the ID token tells: claims asked for there, standard ones and those of the grant's items, plainly or as verified; encrypted alone what
    leaves only so. Raises ``keys.errors.SealBroken``."""
    if not grant.claims:
        return NOTHING
    asked, request, _ = asked_in(grant.claims, "id_token")
    names = id_token_names(client.scope, grant.claims)
    items = _items_asked(parts, grant, asked | request.names)
    if not (names or request.names or items):
        return NOTHING
    return _told(parts, client, grant, citizen, _Want("id_token", names, items, asked, request.names), now, key)


def _items_asked(parts: Parts, grant: Grant, claims: frozenset[str]) -> tuple[AllowedItem, ...]:
    """Of a grant's items the attributes whose claims were asked for."""
    found = []
    for item in granted(grant, grant.scope) if grant.plan is not None else ():
        kinds = parts.catalogue.kinds(item.attributes)
        attributes = tuple(code for code in item.attributes if code in kinds and kinds[code].claim in claims)
        if attributes:
            found.append(msgspec.structs.replace(item, attributes=attributes))
    return tuple(found)


def _told(
    parts: Parts, client: Client, grant: Grant, citizen: Citizen, want: _Want, now: int, key: KeyState
) -> Released:
    """One plan for what is asked plainly and as verified; the vault is opened for just its lines."""
    standard = _with_verified(want.names, client.scope, want.verified)
    private = opened(citizen, grant, want.place)
    what = Asked(
        items=tuple(AskedItem(code=item.code, attributes=item.attributes) for item in want.items),
        claims=standard,
        verified=want.verified,
        only_verified=frozenset(standard).difference(want.names),
        compared=frozenset(private.compared),
    )
    chosen = {item.code: frozenset(item.attributes) for item in want.items}
    first = asking.planned(parts, client, what, chosen=chosen, key=key)
    rows = parts.vault.rows(citizen, sources(first))
    planned = asking.planned(parts, client, what, held=asking.held(rows), chosen=chosen, key=key)
    wanted = set(sources(planned))
    values = citizen.open_claims([row for row in rows if row.code in wanted])
    known = {line.claim: (line, _value(parts, line, values, now, private.compared)) for line in planned.released}
    known = {claim: found for claim, found in known.items() if found[1] is not None}
    due = {line.claim for line in planned.released if line.verified != "only"}
    plain = {c: value for c, (_, value) in known.items() if c in due and (want.plain is None or c in want.plain)}
    request = private.id_token_verified if want.place == "id_token" else private.userinfo_verified
    answer = answered(parts, request, known, now) if want.verified else None
    inside = names_in(answer)
    names = tuple(dict.fromkeys((*plain, *inside)))
    return Released(
        {**plain, MEMBER: answer} if answer else plain,
        names,
        inside,
        _items(planned.released, want.items, frozenset(names)),
        tuple(line for line in first.lines if line.reason in asking.KEY_REASONS),
    )


@lru_cache(maxsize=2048)
def _with_verified(names: tuple[str, ...], registered: tuple[str, ...], verified: frozenset[str]) -> tuple[str, ...]:
    """Standard claims that are asked for plainly or as verified, within what the client may ask for by itself."""
    may = askable(registered)
    return tuple(claim for claim in STANDARD if claim in names or (claim in verified and claim in may))


def _value(parts: Parts, line: Line, values: Mapping[str, Any], now: int, numbers: Mapping[str, str]) -> Any:
    kind = parts.catalogue.kind(line.attribute)
    return computed(kind, values, day(now), numbers) if kind is not None and kind.of else values.get(line.attribute)


def _items(lines: tuple[Line, ...], items: tuple[AllowedItem, ...], told: frozenset[str]) -> tuple[ItemTold, ...]:
    """Each item at the version that the citizen allowed, with the claims that were told for it."""
    return tuple(
        ItemTold(code=item.code, version=item.version, attributes=claims)
        for item in items
        if (claims := tuple(line.claim for line in lines if line.item == item.code and line.claim in told))
    )
