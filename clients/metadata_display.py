"""What people see of a client: names, pages, contacts; no text that pretends to be another."""

from collections.abc import Mapping
from typing import Any

from clients.errors import bad_metadata
from clients.metadata_uris import check_called_uri, check_page_uri
from clients.metadata_wire import LOCALIZED, Wire, read_localized
from clients.profile import ServerProfile
from clients.visible import legible

MAX_NAME = 100
MAX_CONTACTS = 10
MAX_CONTACT = 254


def settle_display(wire: Wire, metadata: Mapping[str, Any], server: ServerProfile) -> dict[str, Any]:
    """The group's members, plain and per language. Raises ``invalid_client_metadata``."""
    fields: dict[str, Any] = {"contacts": _contacts(wire.contacts or ())}
    tables = read_localized(metadata)
    for member in LOCALIZED:
        plain = getattr(wire, member)
        for value in (*tables[member].values(), *(() if plain is None else (plain,))):
            _check(member, value, server)
        fields[member] = (plain or "") if member == "client_name" else plain
        fields[f"{member}_localized"] = tables[member]
    for member in ("software_id", "software_version"):
        value = getattr(wire, member)
        if value is not None:
            _check_text(member, value, 200)
        fields[member] = value
    return fields


def _check(member: str, value: str, server: ServerProfile) -> None:
    if member == "client_name":
        _check_text(member, value, MAX_NAME)
    elif member == "logo_uri":  # fetched by the provider, never by a browser (ATTACKS A093)
        check_called_uri(member, value, server)
    else:
        check_page_uri(member, value)


def _check_text(member: str, value: str, longest: int) -> None:
    """No characters that reorder or hide text on the consent page."""
    if not value.strip() or len(value) > longest:
        raise bad_metadata(f"{member} must have 1 to {longest} characters", "text_length")
    if not legible(value):
        raise bad_metadata(f"{member} must not contain control or invisible characters", "text_characters")


def _contacts(contacts: tuple[str, ...]) -> tuple[str, ...]:
    if len(contacts) > MAX_CONTACTS:
        raise bad_metadata(f"contacts: at most {MAX_CONTACTS} values", "contacts_many")
    for contact in contacts:
        _check_text("contacts", contact, MAX_CONTACT)
    return contacts
