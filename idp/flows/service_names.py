"""What citizens see a service called: its registered name, else whose it is and where it leads. Never an identifier, as RFC 7591 §2 would let be."""

from typing import Final, NamedTuple
from urllib.parse import urlsplit

from clients.model import Client
from idp.parts import Parts
from idp.records import Department

LANGUAGES: Final = ("zh-Hans", "en")


class Named(NamedTuple):
    """``department`` is empty where ``name`` holds it already."""

    name: str
    department: str


def named(parts: Parts, client: Client, lang: str, redirect_uri: str = "") -> Named:
    """In ``lang``, one of LANGUAGES. ``redirect_uri``: the one that is asked for, where one is."""
    row = parts.store.one(Department, id=client.department_id)
    department = {"zh-Hans": row.name_zh, "en": row.name_en}.get(lang, "") if row else ""
    name = client.in_language("client_name", (lang,)) or client.in_language("client_name", LANGUAGES)
    if name:
        return Named(name, department)
    place = _place(redirect_uri or next(iter(client.redirect_uris), ""))
    return Named(f"{department} ({place})" if department and place else department or place, "")


def _place(redirect_uri: str) -> str:
    """The host with its port; of an app that registered a scheme of its own (RFC 8252 §7.1) the scheme."""
    parts = urlsplit(redirect_uri)
    return parts.netloc or parts.scheme
