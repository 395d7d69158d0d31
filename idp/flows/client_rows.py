"""The rows of a client: the writes that make, change and remove it, with the web origins that CORS answers and the caches' generation."""

from typing import Final

from clients.model import Client, to_json
from clients.redirects import web_origins
from idp.caches import bump
from idp.ports import Delete, Insert, Update, Write
from idp.records import ClientLogo, ClientOrigin, ClientRefusal, ClientRow, Grant

FIRST: Final = 1
"""The version of a new client's row."""


def create(client: Client, now: int) -> list[Write]:
    """Insert ``client``; ``now`` microseconds."""
    return [Insert(_row(client, FIRST, now)), *_origins(client), *bump("client")]


def change(client: Client, version: int, now: int) -> list[Write]:
    """Replace what stands at ``version`` (compare-and-swap at index 0)."""
    row = _row(client, version + 1, now)
    values = {
        "status": row.status,
        "document": row.document,
        "secret_hash": row.secret_hash,
        "registration_token_hash": row.registration_token_hash,
        "version": row.version,
        "updated_at": now,
    }
    return [
        Update(ClientRow, {"client_id": client.client_id, "version": version}, values),
        Delete(ClientOrigin, {"client_id": client.client_id}),
        *_origins(client),
        *bump("client"),
    ]


def remove(client_id: str, version: int, now: int) -> list[Write]:
    """Delete the client as it stands at ``version`` (index 0), with what was kept for its developers, and end its grants."""
    return [
        Delete(ClientRow, {"client_id": client_id, "version": version}, rows=1),
        Delete(ClientOrigin, {"client_id": client_id}),
        Delete(ClientLogo, {"client_id": client_id}),
        Delete(ClientRefusal, {"client_id": client_id}),
        Update(Grant, {"client_id": client_id, "ended_at": None}, {"ended_at": now, "ended_why": "client"}, rows=None),
        *bump("client"),
    ]


def _origins(client: Client) -> list[Write]:
    """A disabled client's origins are not answered."""
    if not client.active:
        return []
    return [Insert(ClientOrigin(origin, client.client_id)) for origin in web_origins(client)]


def _row(client: Client, version: int, now: int) -> ClientRow:
    return ClientRow(
        client_id=client.client_id,
        department_id=client.department_id,
        sector_id=client.sector_id,
        status=client.status,
        document=to_json(client),
        secret_hash=client.secret_hash,
        registration_token_hash=client.registration_token_hash,
        version=version,
        created_at=client.created_at,
        updated_at=now,
    )
