"""Which client is meant by what somebody typed: its id, or its name in any of its languages."""

from collections.abc import Iterator
from typing import Final

from clients.model import Client, from_json
from idp.audit import facets
from idp.audit.search import Bad
from idp.parts import Parts
from idp.ports import Op
from idp.records import ClientRow, EventFacet

PAGE: Final = 1000
MOST: Final = 50
"""So many clients of one name are told."""


class Several(Bad):
    """More than one client bears the name: ``clients`` (at most ``MOST``)."""

    def __init__(self, clients: list[Client]) -> None:
        super().__init__({"client": "several"})
        self.clients = clients


def meant(parts: Parts, typed: str) -> str:
    """The id. What no client and no event bears, and no client is called, stays as it is: nothing is found by it.

    A name that is all of what was typed goes before one that holds it. Raises Several, Unavailable.
    """
    text = typed.strip()
    if not text or parts.clients.get(text) is not None or _in_log(parts, text):
        return typed
    whole, found = list[Client](), list[Client]()
    for client, names in _named(parts, text.casefold()):
        (whole if text.casefold() in names else found).append(client)
    chosen = whole or found
    if len(chosen) > 1:
        raise Several(chosen[:MOST])
    return chosen[0].client_id if chosen else typed


def _in_log(parts: Parts, client_id: str) -> bool:
    """A client that was deleted left its events."""
    return bool(parts.store.find(EventFacet, {"facet": facets.CLIENT, "value": client_id.encode()}, limit=1))


def _named(parts: Parts, text: str) -> Iterator[tuple[Client, set[str]]]:
    """Clients with a name that holds ``text``, and their names. Only documents that hold it somewhere are opened: there may be very many."""
    after, raw = "", '"' in text or "\\" in text
    while rows := parts.store.find(ClientRow, {"client_id": Op(">", after)}, order=("client_id",), limit=PAGE):
        for row in rows:
            if raw or text in row.document.decode().casefold():
                client = from_json(row.document)
                names = {
                    str(name).casefold()
                    for name in (client.client_name, *client.client_name_localized.values())
                    if name
                }
                if any(text in name for name in names):
                    yield client, names
        after = rows[-1].client_id
