"""What the log says of one telling: who was told which attributes, when, why, by which way; and its lines for a file. Pure.

Reads the heads of events (``audit.events``), which hold names and identifiers alone, never a value.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from idp.release.model import Value

RELEASED, GIVEN, INFORMED = "attributes.released", "consent.given", "consent.informed"
DENIED, WITHDRAWN, EXCHANGED = "consent.denied", "consent.withdrawn", "identifier.exchanged"
SEEN = "reveal.seen"
KINDS: Final = (RELEASED, GIVEN, INFORMED, DENIED, WITHDRAWN, EXCHANGED, SEEN)
"""The events that a citizen reads on *Who saw my data*."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


class ToldItem(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A service item 事项 at one version, with the attributes or claims that were told or allowed for it."""

    code: str
    version: int
    attributes: tuple[str, ...] = ()


class Told(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One release or decision. ``event_id`` hex; ``at`` microseconds UTC; ``via`` userinfo or id_token; ``digest`` hex of what was shown;
    ``verified``: claims that were told, or allowed to be, with who stands for them and since when; ``to_client``: who may read the identifier of
    an exchange; ``lasts``, ``until``: how long an authorization counts (``audit.events.ConsentGiven``); ``reveal``, ``reason``: of a look by
    security staff, which has no client, and is told from ``told_from`` on (microseconds)."""

    event_id: str
    at: int
    kind: str
    client_id: str
    scope: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    via: str = ""
    digest: str = ""
    items: tuple[ToldItem, ...] = ()
    verified: tuple[str, ...] = ()
    to_client: str = ""
    lasts: str = ""
    until: int = 0
    reveal: str = ""
    reason: str = ""
    told_from: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Every attribute that this is about, each once."""
        return tuple(dict.fromkeys((*self.claims, *(name for item in self.items for name in item.attributes))))


def told(head: bytes) -> Told | None:
    """Read the head of an event; None for one of another kind."""
    document: dict[str, Any] = msgspec.json.decode(head)
    if document["kind"] not in KINDS or not (document.get("client_id") or document["kind"] == SEEN):
        return None
    return Told(
        event_id=document["id"],
        at=document["at"],
        kind=document["kind"],
        client_id=document["client_id"] or "",
        scope=tuple((document.get("scope") or "").split()),
        claims=tuple(document.get("claims") or document.get("fields") or ()),
        via=document.get("via") or "",
        digest=document.get("digest") or "",
        items=msgspec.convert(document.get("items") or (), type=tuple[ToldItem, ...]),
        verified=tuple(document.get("verified") or ()),
        to_client=document.get("to_client") or "",
        lasts=(document.get("lasts") or "lasting") if document["kind"] == GIVEN else "",
        until=document.get("until") or 0,
        reveal=document.get("reveal") or "",
        reason=document.get("reason") or "",
        told_from=document.get("told_from") or 0,
    )


def cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP CSV injection; attack A091): an apostrophe in front of what could begin one."""
    return f"'{text}" if text.lstrip(" \u3000").startswith(_FORMULA) or text.startswith(_FORMULA) else text


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """RFC 4180 in UTF-8 with its mark, so that office programs read Chinese; every cell neutralised."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([cell(head) for head in heads])
    writer.writerows([cell(text) for text in row] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode()
