"""A copy of everything that is held about one citizen, opened for them in memory. Nothing of it is written anywhere but the fact that it was taken.

Secrets (the password's hash, the second factor's key, tokens) are no information about a person and stay; identifiers of the house do too.
"""

from itertools import islice
from typing import Any, Final

import msgspec

from clients.model import Client
from idp.audit.entry import unpack
from idp.audit.facets import PERSON
from idp.audit.fitting import fits
from idp.audit.rights import CopyTaken
from idp.errors import Unavailable
from idp.flows import correction, objections, outbox, people, sessions
from idp.flows.account import allowed
from idp.flows.consent import Wanted
from idp.flows.history import due
from idp.flows.log_unsequenced import Unsequenced, about, unsequenced
from idp.flows.people import Caller, Person, event, seen
from idp.flows.service_names import named
from idp.parts import Parts
from idp.ports import Committed
from idp.records import Consent, Event, Grant, Identifier, Message, Session
from idp.release.details import Months
from idp.release.vault import KeyGone
from keys.errors import SealBroken
from keys.subjects import subject

EVENTS: Final = 10_000
"""The newest so many; the copy says when there are more."""
_INNER: Final = frozenset(
    {
        "v",
        "id",
        "at",
        "kind",
        "person",
        "actor",
        "session",
        "grant",
        "objection",
        "event",
        "by_client",
        "reveal",
        "case",
        "told_from",
    }
)
"""Members of an event's head that are identifiers of the house or stand elsewhere in the copy."""

Rows = list[dict[str, Any]]


def take(parts: Parts, caller: Caller, person: Person, form: str, lang: str) -> dict[str, Any]:
    """Record that a copy is taken (``form`` json or html), then make it; services by their names in ``lang``. Times are microseconds. Raises
    Unavailable."""
    fact = CopyTaken(what="everything", form=form, reference=caller.reference)
    told = event(parts, caller, fact, person.citizen, address=True)
    if not isinstance(parts.store.commit(seen(parts, caller, told, person.citizen)), Committed):
        raise Unavailable("event log")
    waiting = unsequenced(parts, actor=person.citizen.pseudonym)
    events, older, altered = _events(parts, person, waiting)
    account = person.account
    return {
        "issuer": parts.config.issuer,
        "made_at": caller.now,
        "account": {"created_at": account.created_at, "language": account.locale, "roles": account.roles.split()},
        "sign_in": {
            "password_changed_at": person.password_changed_at or None,
            "authenticator_app": people.totp(parts, account.id) is not None,
            "recovery_codes_left": people.codes_left(parts, account.id),
            "asked_at_every_sign_in_since": account.factor_always_since,
        },
        "identifiers": _identifiers(parts, person),
        "attributes": _attributes(parts, person),
        "sessions": _sessions(parts, person),
        "services": _services(parts, person, lang),
        "objections": _objections(parts, person),
        "messages": _messages(parts, person),
        "events": events,
        "events_complete": not older and waiting.gap is None,
        "events_older": older,
        **({"events_missing": {"since": waiting.gap[0], "until": waiting.gap[1]}} if waiting.gap else {}),
        **({"events_altered": altered} if altered else {}),
    }


def _identifiers(parts: Parts, person: Person) -> Rows:
    rows = parts.store.find(Identifier, {"account_id": person.account.id}, order=("created_at",))
    return [
        {
            "kind": row.kind,
            "value": person.citizen.open("identifier", "value", row.id, 0, row.sealed).decode(),
            "confirmed_at": row.verified_at,
            "since": row.created_at,
        }
        for row in rows
    ]


def _attributes(parts: Parts, person: Person) -> Rows:
    held = [h for h in correction.held(parts, person) if h.source is not None]
    return [{"name": h.code, "value": h.value, "source": h.source, "since": h.updated_at} for h in held]


def _sessions(parts: Parts, person: Person) -> Rows:
    rows = parts.store.find(Session, {"account_id": person.account.id}, order=("-created_at",), limit=1000)
    found = []
    for row in rows:
        where = sessions.where_of(person.citizen, row)
        found.append(
            {
                "device": where.device,
                "address": where.address,
                "began_at": row.created_at,
                "last_seen_at": row.last_seen_at,
                "ended_at": row.ended_at,
                "level": row.acr,
            }
        )
    return found


def _services(parts: Parts, person: Person, lang: str) -> Rows:
    """What was allowed to whom, under which name they know the citizen; withdrawn ones too."""
    mine = {"account_id": person.account.id}
    consents = {row.client_id: row for row in parts.store.find(Consent, mine, limit=10_000)}
    last: dict[str, int] = {}
    for grant in parts.store.find(Grant, mine, order=("created_at",), limit=10_000):
        last[grant.client_id] = grant.created_at
    known = {name: parts.clients.get(name) for name in sorted({*consents, *last})}
    return [
        {
            "client_id": name,
            "service": named(parts, client, lang).name if client else None,
            **_service(parts, person, client, consents.get(name), last.get(name)),
        }
        for name, client in known.items()
    ]


def _service(
    parts: Parts, person: Person, client: Client | None, consent: Consent | None, last: int | None
) -> dict[str, Any]:
    given = msgspec.json.decode(consent.document, type=Wanted) if consent else Wanted((), ())
    version, (sees, lawful) = person.account.pairwise_version, allowed(parts, given)
    return {
        "knows_you_as": subject(parts.ring, version, person.account.id, client.sector_id) if client else None,
        "scopes": given.scope,
        "attributes": sees,
        "attributes_by_law": lawful,
        "items": [{"code": item.code, "version": item.version, "attributes": item.allowed} for item in given.items],
        "told_as_verified": given.verified,
        "allowed_at": consent.created_at if consent else None,
        "ends_at": consent.expires_at if consent else None,
        "withdrawn_at": consent.withdrawn_at if consent else None,
        "last_used_at": last,
    }


def _objections(parts: Parts, person: Person) -> Rows:
    found = []
    for row in objections.of_citizen(parts, person, 10_000):
        case = objections.opened(person.citizen, row)
        found.append(
            {
                "kind": row.kind,
                "client_id": row.client_id,
                "opened_at": row.created_at,
                "closed_at": row.closed_at,
                "words": case.words if case else None,
                "outcome": (case.outcome if case else "") or None,
                "answer": (case.answer if case else "") or None,
            }
        )
    return found


def _messages(parts: Parts, person: Person) -> Rows:
    """What was or will be sent: kept for a day."""
    rows = parts.store.find(Message, {"account_id": person.account.id}, order=("created_at",), limit=1000)
    pairs = [(row, outbox.open_notice(parts, row)) for row in rows if row.state != "void"]
    return [
        {
            "at": row.created_at,
            "state": row.state,
            "channel": n.channel,
            "to": n.to,
            "subject": n.subject,
            "body": n.body,
        }
        for row, n in pairs
        if n is not None
    ]


def _events(parts: Parts, person: Person, waiting: Unsequenced) -> tuple[Rows, bool, int]:
    """The newest events about the citizen with their personal fields opened, whether there are older ones, and how many are left out since they are
    not as they were written."""
    months, found = Months(), about(parts, person.citizen.pseudonym, PERSON, waiting)
    events = list(islice((event for event in found if due(parts, event)), EVENTS + 1))
    whole = [event for event in events[:EVENTS] if fits(event)]
    rows = [
        {**_event(person, event, months), **({"in_log": False} if event.seq in waiting.rows else {})} for event in whole
    ]
    return rows, len(events) > EVENTS, len(events[:EVENTS]) - len(whole)


def _event(person: Person, row: Event, months: Months) -> dict[str, Any]:
    head = msgspec.json.decode(row.head)
    told = {name: value for name, value in head.items() if name not in _INNER and value not in (None, "", [])}
    return {"at": row.at, "kind": row.kind, **told, **_personal(person, row, months)}


def _personal(person: Person, row: Event, months: Months) -> dict[str, str]:
    found: dict[str, str] = {}
    for field in unpack(row.fields) if row.fields else ():
        if not field.sealed:  # its time is over (``audit.retention``)
            continue
        try:
            plain = person.citizen.open_event(row.kind, row.at, row.id, field.name, field.sealed, months)
            found[field.name] = plain[16:].decode()
        except KeyGone:  # the whole month's details are over
            continue
        except SealBroken:
            found[field.name] = ""
    return found
