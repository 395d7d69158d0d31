"""Searches that staff keep: under a name, for themselves or for everybody of their role. Name and query are sealed under their own key,
or, where they are shared, under one of the house."""

from dataclasses import dataclass
from typing import Final

import msgspec

from idp.audit.events import record
from idp.audit.lookups import SearchKept
from idp.audit.search import Bad, Query, pairs, parse
from idp.errors import Unavailable
from idp.flows.ids import raw_id
from idp.flows.people import Caller, Person
from idp.parts import Parts
from idp.ports import Committed, Delete, Insert
from idp.records import SavedSearch
from keys.errors import SealBroken

MOST: Final = 100
"""One's own, and as many of others."""
LONGEST: Final = 60
_PLACE: Final = ("saved_search", "content")


class _Content(msgspec.Struct, frozen=True):
    name: str
    query: dict[str, str]


@dataclass(frozen=True, slots=True)
class Kept:
    """One saved search. ``own``: of who looks; ``shared``: with their role."""

    id: str
    name: str
    query: Query
    own: bool
    shared: bool


def listed(parts: Parts, staff: Person, role: str) -> list[Kept]:
    """One's own and those shared with ``role``, by name. Raises Unavailable."""
    mine = parts.store.find(SavedSearch, {"account_id": staff.account.id}, order=("created_at",), limit=MOST)
    shared = parts.store.find(SavedSearch, {"role": role}, order=("created_at",), limit=MOST)
    rows = {row.id: row for row in (*mine, *shared)}.values()
    found = (_opened(parts, row, staff) for row in rows)
    return sorted((kept for kept in found if kept is not None), key=lambda kept: kept.name)


def keep(parts: Parts, caller: Caller, staff: Person, name: str, query: Query, role: str) -> None:
    """Keep a search; ``role`` empty: for oneself. A search by address can't be kept. Raises Bad, Unavailable."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST or not name.isprintable():
        raise Bad({"name": "name"})
    if query.address:
        raise Bad({"name": "address_kept"})
    if parts.store.count(SavedSearch, {"account_id": staff.account.id}) >= MOST:
        raise Bad({"name": "full"})
    row_id, asked = parts.entropy(16), pairs(msgspec.structs.replace(query, before=""))
    content = msgspec.json.encode(_Content(name, asked))
    keeper = parts.vault.nobody() if role else staff.citizen
    sealed = keeper.seal(*_PLACE, row_id, 0, content)
    fact = SearchKept(
        saved=row_id.hex(), state="shared" if role else "kept", search=tuple(asked), reference=caller.reference
    )
    told = record(fact, at=caller.now, entropy=parts.entropy, actor=staff.citizen)
    row = SavedSearch(row_id, staff.account.id, role, sealed, caller.now)
    if not isinstance(parts.store.commit([Insert(row), told]), Committed):
        raise Unavailable("database")


def remove(parts: Parts, caller: Caller, staff: Person, search_id: str) -> bool:
    """Remove one's own; False for another's or none. Raises Unavailable."""
    raw = raw_id(search_id)
    if raw is None:
        return False
    where = {"id": raw, "account_id": staff.account.id}
    fact = SearchKept(saved=search_id.lower(), state="removed", reference=caller.reference)
    told = record(fact, at=caller.now, entropy=parts.entropy, actor=staff.citizen)
    return isinstance(parts.store.commit([Delete(SavedSearch, where, rows=1), told]), Committed)


def _opened(parts: Parts, row: SavedSearch, staff: Person) -> Kept | None:
    """None for one that does not open, or whose conditions are not known any more."""
    mine = row.account_id == staff.account.id
    plain = staff.citizen.opens(*_PLACE, row.id, 0, row.sealed) if mine and not row.role else None
    try:
        if plain is None:  # shared, or kept before one's own were sealed under one's own key
            plain = parts.vault.nobody().open(*_PLACE, row.id, 0, row.sealed)
        content = msgspec.json.decode(plain, type=_Content)
        query = parse(content.query)
    except (SealBroken, Bad):
        return None
    return Kept(row.id.hex(), content.name, query, mine, bool(row.role))
