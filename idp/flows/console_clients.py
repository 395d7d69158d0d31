"""A client as security staff see it: what it is, what it was refused lately, which key it used, and when it changed one."""

from dataclasses import dataclass
from typing import Final

from clients.model import Client, from_json
from idp.flows.log_search import Found, of_kinds
from idp.parts import Parts
from idp.ports import Op
from idp.records import ClientKeySeen, ClientRefusal, ClientRow, Department

PAGE: Final = 50
REFUSALS: Final = 20
CHANGED: Final = 8
REASONS: Final = ("compromised", "misuse", "maintenance", "resolved")
"""Why a client is paused or let on again: recorded as it stands."""
READ: Final = 2000
"""Changes of clients that are looked through for those of a key."""
KEY_KINDS: Final = ("client.key_changed", "client.changed", "client.secret_replaced")
_KEYS: Final = frozenset({"jwks", "jwks_uri"})


@dataclass(frozen=True, slots=True)
class Known:
    """A client with its department."""

    row: ClientRow
    client: Client
    department: Department | None


@dataclass(frozen=True, slots=True)
class Seen:
    """``refusals``: the newest first."""

    known: Known
    refusals: list[ClientRefusal]
    key: ClientKeySeen | None


def listed(parts: Parts, department: str, after: str) -> tuple[list[Known], str]:
    """One page of clients in the order of their ids, of one department or of all; and the id to go on behind, or empty."""
    where: dict[str, object] = {"client_id": Op(">", after)}
    if department:
        where["department_id"] = department
    rows = parts.store.find(ClientRow, where, order=("client_id",), limit=PAGE + 1)
    found: dict[str, Department | None] = {}
    for row in rows[:PAGE]:
        if row.department_id not in found:
            found[row.department_id] = parts.store.one(Department, id=row.department_id)
    known = [Known(row, from_json(row.document), found[row.department_id]) for row in rows[:PAGE]]
    return known, rows[PAGE - 1].client_id if len(rows) > PAGE else ""


def seen(parts: Parts, client_id: str) -> Seen | None:
    """One client; None for an unknown id."""
    row = parts.store.one(ClientRow, client_id=client_id) if 0 < len(client_id) <= 256 else None
    if row is None:
        return None
    department = parts.store.one(Department, id=row.department_id)
    refusals = parts.store.find(ClientRefusal, {"client_id": client_id}, order=("-at",), limit=REFUSALS)
    keys = parts.store.find(ClientKeySeen, {"client_id": client_id}, order=("-first_seen_at",), limit=1)
    return Seen(Known(row, from_json(row.document), department), refusals, keys[0] if keys else None)


def key_changes(parts: Parts) -> list[Found]:
    """The newest change of key of each of the clients that changed theirs last."""
    found: dict[str, Found] = {}
    for event in of_kinds(parts, KEY_KINDS, "", READ):
        if _of_key(event):
            found.setdefault(str(event.head.get("client_id")), event)
        if len(found) == CHANGED:
            break
    return list(found.values())


def key_change(parts: Parts, client_id: str) -> Found | None:
    """The newest change of a client's key."""
    return next((event for event in of_kinds(parts, KEY_KINDS, client_id, READ) if _of_key(event)), None)


def _of_key(event: Found) -> bool:
    """A first key is no change, nor is a client whose keys stayed."""
    if event.kind == "client.changed":
        return bool(_KEYS & set(event.head.get("members") or ()))
    return event.kind == "client.secret_replaced" or bool(event.head.get("before"))


def departments(parts: Parts) -> list[Department]:
    """The first few hundred, for a choice."""
    return parts.store.find(Department, order=("id",), limit=300)
