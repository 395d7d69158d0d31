"""The citizen's own view: where I am signed in, which services I use, ending either; the language I read."""

from dataclasses import dataclass
from typing import Final

import msgspec

from clients.model import Client
from idp.audit.events import AccountChanged, ConsentWithdrawn
from idp.flows import parting, sessions
from idp.flows.consent import Wanted, WantedItem, counts_once
from idp.flows.people import Caller, Person, event
from idp.flows.sessions import Where
from idp.parts import Parts
from idp.ports import Update, Write
from idp.records import Account, Consent, Grant, Session
from keys.subjects import sid
from keys.tokens import same

_SERVICE: Final = "yimen/service/"
GRANTS: Final = 5000
"""So many of a citizen's latest authorizations say when a service was used last."""
SHOWN: Final = 200
"""So many devices are listed; *sign out everywhere else* ends them all."""
LOCALES: Final = ("zh-Hans", "en")


@dataclass(frozen=True, slots=True)
class Place:
    """One session as its owner sees it. ``reference`` is opaque; times in microseconds."""

    reference: str
    where: Where
    since: int
    last_seen: int
    current: bool


@dataclass(frozen=True, slots=True)
class Service:
    """One client that the citizen uses. ``sees``: claim names and attributes they allowed; ``lawful``: those that the law orders instead;
    ``last_used``: the last authorization; ``until``: when the consent ends or ended, None for a lasting one; ``once``: it counted once."""

    reference: str
    client: Client
    since: int
    last_used: int | None
    sees: tuple[str, ...]
    offline: bool
    lawful: tuple[str, ...] = ()
    until: int | None = None
    once: bool = False


def places(parts: Parts, person: Person, current: Session, now: int) -> list[Place]:
    """The living sessions, this one first, then the last used: at most ``SHOWN``."""
    rows = sorted(sessions.living(parts, person.account.id, now), key=lambda row: row.id != current.id)[:SHOWN]
    return [
        Place(
            sessions.reference(parts, row),
            sessions.where_of(person.citizen, row),
            row.created_at,
            row.last_seen_at,
            row.id == current.id,
        )
        for row in rows
    ]


def end_place(parts: Parts, caller: Caller, person: Person, reference: str) -> bool:
    """Sign one of the citizen's own devices out; False for a reference that is nobody's or another's."""
    row = sessions.by_reference(parts, person.account.id, reference, caller.now)
    if row is None:
        return False
    parts.store.commit(sessions.end(parts, row, "citizen", caller.now))
    return True


def end_other_places(parts: Parts, caller: Caller, person: Person) -> None:
    """Sign every other device out."""
    writes: list[Write] = []
    for row in sessions.living(parts, person.account.id, caller.now):
        if caller.session is None or row.id != caller.session.id:
            writes += sessions.end(parts, row, "citizen", caller.now)
    if writes:
        parts.store.commit(writes)


def services(parts: Parts, person: Person) -> list[Service]:
    """Every client that holds a consent or a living grant, the last used first."""
    consents = {
        c.client_id: c for c in parts.store.find(Consent, {"account_id": person.account.id, "withdrawn_at": None})
    }
    grants: dict[str, list[Grant]] = {}
    mine = {"account_id": person.account.id, "ended_at": None}
    for grant in parts.store.find(Grant, mine, order=("-created_at",), limit=GRANTS):
        grants.setdefault(grant.client_id, []).append(grant)
    found = []
    for client_id in {*consents, *grants}:
        client = parts.clients.get(client_id)
        if client is not None:
            found.append(_service(parts, person, client, consents.get(client_id), grants.get(client_id, [])))
    return sorted(found, key=lambda service: -(service.last_used or service.since))


def _service(parts: Parts, person: Person, client: Client, consent: Consent | None, grants: list[Grant]) -> Service:
    began = [consent.created_at] if consent else []
    asked = msgspec.json.decode(consent.document, type=Wanted) if consent else Wanted((), ())
    sees, lawful = allowed(parts, asked)
    return Service(
        reference=_reference(parts, person, client.client_id),
        client=client,
        since=min(began + [grant.created_at for grant in grants]),
        last_used=grants[0].created_at if grants else None,
        sees=sees,
        offline=any(grant.offline for grant in grants),
        lawful=lawful,
        until=consent.expires_at if consent else None,
        once=consent is not None and counts_once(consent),
    )


def allowed(parts: Parts, given: Wanted) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a consent lets a service see: claims and attributes that the citizen allowed, and those that the law orders instead."""
    lawful = {name for item in given.items for name in item.allowed if _by_law(parts, item, name)}
    told = dict.fromkeys((*given.claims, *(name for item in given.items for name in item.allowed)))
    return tuple(name for name in told if name not in lawful), tuple(name for name in told if name in lawful)


def _by_law(parts: Parts, item: WantedItem, attribute: str) -> bool:
    """As the version that the citizen saw has it."""
    published = parts.catalogue.version(item.code, item.version)
    needs = published.needs if published is not None else ()
    return any(need.attribute == attribute and need.basis == "statutory" for need in needs)


def service_of(parts: Parts, person: Person, reference: str) -> Service | None:
    """The citizen's own service of that reference; None for everything else."""
    return next((s for s in services(parts, person) if same(s.reference, reference)), None)


def withdraw(parts: Parts, caller: Caller, person: Person, reference: str) -> bool:
    """Take back what a service was allowed: consent and grants end at once, the service is told, the next sign-in asks again (ASVS 10.7.3)."""
    service = service_of(parts, person, reference)
    if service is None:
        return False
    account_id, client_id = person.account.id, service.client.client_id
    mine = {"account_id": account_id, "client_id": client_id}
    count = parts.store.count(Grant, {**mine, "ended_at": None})
    writes: list[Write] = [
        Update(Consent, {**mine, "withdrawn_at": None}, {"withdrawn_at": caller.now}, rows=None),
        Update(Grant, {**mine, "ended_at": None}, {"ended_at": caller.now, "ended_why": "withdrawn"}, rows=None),
        event(
            parts,
            caller,
            ConsentWithdrawn(client_id=client_id, grants=count, reference=caller.reference),
            person.citizen,
        ),
    ]
    writes += parting.logouts(parts, account_id, service.client, caller.now)
    writes += parting.notice(parts, person.account, service.client, "client_withdrawn", caller.now)
    parts.store.commit(writes)
    return True


def set_locale(parts: Parts, caller: Caller, person: Person, locale: str) -> None:
    """Remember the language that the citizen reads."""
    account = person.account
    if locale not in LOCALES or account.locale == locale:
        return
    changed = {"locale": locale, "version": account.version + 1, "updated_at": caller.now}
    told = event(parts, caller, AccountChanged(what="locale"), person.citizen)
    parts.store.commit([Update(Account, {"id": account.id, "version": account.version}, changed), told])


def _reference(parts: Parts, person: Person, client_id: str) -> str:
    """Opaque, and of no meaning on another citizen's page."""
    return sid(parts.ring, person.account.id, _SERVICE + client_id)[:22]
