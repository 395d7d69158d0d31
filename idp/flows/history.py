"""Who saw my data: every release and decision about one citizen, newest first, page by page, found by the log's search index, and among
what waits for its leaf.

The index is made after the commit (``flows.sequencer``), so nothing here costs a release anything. Positions leave the house sealed to their owner.
"""

from dataclasses import dataclass
from itertools import islice
from typing import Final

import msgspec

from clients.model import Client
from idp.audit.facets import TELLING, TOLD
from idp.audit.fitting import fits
from idp.flows.log_unsequenced import Gap, about, unsequenced, waits
from idp.flows.people import Person
from idp.flows.purposes import purposes
from idp.parts import Parts
from idp.ports import Op
from idp.records import Consent, Event, Grant, Objection, Reveal
from idp.release.receipts import Purpose
from idp.release.told import SEEN, Told, told
from idp.release.vault import Citizen
from keys.errors import SealBroken
from keys.subjects import sid
from keys.tokens import open_flow, same, seal_flow

PAGE: Final = 25
FILE: Final = 10_000
"""Lines in one file; a longer history goes on in the next."""
_END: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Asked:
    """Which lines. ``service``: of :func:`services`; ``since``, ``until``: microseconds, the latter excluded; ``after``: where a page ended."""

    service: str = ""
    since: int | None = None
    until: int | None = None
    after: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line. ``reference`` names it to its owner; ``client`` None when it is registered no more; ``purposes``: what it was told for;
    ``objection`` the case about it."""

    reference: str
    told: Told
    client: Client | None
    purposes: tuple[Purpose, ...]
    objection: Objection | None
    event: Event
    other: Client | None = None
    """Who may read the identifier, of an exchange."""
    words: str = ""
    """Why security staff looked, in their words."""
    waits: bool = False
    """Whether it has no leaf yet."""


@dataclass(frozen=True, slots=True)
class Page:
    """Lines, and where the next page begins (empty: there is none). ``gap``: the time of which lines may be missing while the log stands still;
    ``altered``: so many are left out since they are not as they were written."""

    lines: list[Line]
    after: str
    gap: Gap | None = None
    altered: int = 0


class Unknown(LookupError):
    """A reference that is nobody's or another citizen's."""


def page(parts: Parts, person: Person, asked: Asked, limit: int = PAGE) -> Page:
    """At most ``limit`` lines. Raises Unknown for a service or position that is not this citizen's."""
    client_id = _service(parts, person, asked.service) if asked.service else None
    below = _opened(parts, person, asked.after) if asked.after else _END
    waiting = unsequenced(parts, actor=person.citizen.pseudonym, kind=Op("in", tuple(sorted(TELLING))))
    found = about(parts, person.citizen.pseudonym, TOLD, waiting, below, client_id)
    events = list(islice((event for event in found if _inside(asked, event) and due(parts, event)), limit + 1))
    cases = {o.event_id: o for o in parts.store.find(Objection, {"account_id": person.account.id}, limit=10_000)}
    whole = [event for event in events[:limit] if fits(event)]
    lines = [_line(parts, person, event, cases, waits=event.seq in waiting.rows) for event in whole]
    after = _sealed(parts, person, events[limit - 1].seq) if len(events) > limit else ""
    return Page(lines, after, waiting.gap, len(events[:limit]) - len(whole))


def line(parts: Parts, person: Person, reference: str) -> Line:
    """One line by its reference. Raises Unknown."""
    event = parts.store.one(Event, seq=_opened(parts, person, reference))
    if event is None or event.actor != person.citizen.pseudonym or not fits(event):
        raise Unknown
    if told(event.head) is None or not due(parts, event):
        raise Unknown
    case = parts.store.one(Objection, account_id=person.account.id, event_id=event.id)
    return _line(parts, person, event, {event.id: case} if case else {}, waits=bool(waits(parts, (event.seq,))))


def services(parts: Parts, person: Person) -> list[tuple[str, Client]]:
    """Every client that ever asked this citizen's consent or holds a grant, as (reference, client), by name."""
    mine = {"account_id": person.account.id}
    names = {row.client_id for row in parts.store.find(Consent, mine, limit=10_000)}
    names |= {row.client_id for row in parts.store.find(Grant, mine, limit=10_000)}
    known = [client for name in names if (client := parts.clients.get(name)) is not None]
    return [
        (_reference(parts, person, c.client_id), c) for c in sorted(known, key=lambda c: (c.client_name, c.client_id))
    ]


def _inside(asked: Asked, event: Event) -> bool:
    return (asked.since is None or event.at >= asked.since) and (asked.until is None or event.at < asked.until)


def due(parts: Parts, event: Event) -> bool:
    """Whether its citizen may read of an event yet: looks by security staff are told later (``IDP_REVEAL_DELAY``)."""
    if not event.kind.startswith("reveal."):
        return True
    try:
        return bool(msgspec.json.decode(event.head)["told_from"] <= parts.clock())
    except (ValueError, TypeError, KeyError):  # spoilt by hand
        return False


def _line(parts: Parts, person: Person, event: Event, cases: dict[bytes, Objection], *, waits: bool) -> Line:
    what = told(event.head)
    assert what is not None
    client = parts.clients.get(what.client_id)
    reference = _sealed(parts, person, event.seq)
    other = parts.clients.get(what.to_client) if what.to_client else None
    words = _words(parts, person, what) if what.kind == SEEN else ""
    return Line(reference, what, client, purposes(parts, what), cases.get(event.id), event, other, words, waits)


def _words(parts: Parts, person: Person, what: Told) -> str:
    row = parts.store.one(Reveal, id=bytes.fromhex(what.reveal))
    return (words_to(person.citizen, row) if row else None) or ""


def words_to(citizen: Citizen, row: Reveal) -> str | None:
    """Why staff asked to see who a citizen is, in their words: for the citizen too; None when their key is gone."""
    try:
        return citizen.open("reveal", "words", row.id, 0, row.sealed).decode()
    except SealBroken:
        return None


def _service(parts: Parts, person: Person, reference: str) -> str:
    for own, client in services(parts, person):
        if same(own, reference):
            return client.client_id
    raise Unknown


def _reference(parts: Parts, person: Person, client_id: str) -> str:
    """Opaque, and of no meaning on another citizen's page."""
    return sid(parts.ring, person.account.id, f"yimen/history/{client_id}")[:22]


def _label(person: Person) -> str:
    return f"history/{person.account.id.hex()}"


def _sealed(parts: Parts, person: Person, seq: int) -> str:
    return seal_flow(parts.ring, _label(person), seq.to_bytes(8, "big"), parts.entropy)


def _opened(parts: Parts, person: Person, value: str) -> int:
    plain = open_flow(parts.ring, _label(person), value)
    if plain is None:
        raise Unknown
    return int.from_bytes(plain, "big")
