"""A client as security staff see it: what it is, what it was refused lately, which key it used."""

from dataclasses import dataclass
from typing import Final

from clients.model import Client, from_json
from idp.parts import Parts
from idp.ports import Op
from idp.records import ClientKeySeen, ClientRefusal, ClientRow, Department

PAGE: Final = 50
REFUSALS: Final = 20


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


def departments(parts: Parts) -> list[Department]:
    """The first few hundred, for a choice."""
    return parts.store.find(Department, order=("id",), limit=300)
