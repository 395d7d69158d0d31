"""Staff whose role rests on a password alone: their first sign-in would make them set up a second factor, until then whoever has the password may.

Looked at by the worker, told as an event once a day for each; a rule of the starter set makes an alert of it.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

import msgspec

from idp.audit.events import record
from idp.audit.facets import PERSON
from idp.audit.staffing import FactorMissing
from idp.flows.colleagues import with_role
from idp.flows.log_waiting import alarm
from idp.flows.people import Person, totp
from idp.flows.provision import ROLES
from idp.parts import Parts
from idp.ports import Committed, Insert, Update, Write
from idp.records import Event, EventFacet, UsedAssertion
from keys.wire import length_prefixed

DAY_US: Final = 86_400 * 1_000_000
LACKS: Final = "second_factor"
READ: Final = 200
"""The latest events of an account that say when it began to be so; a staff account without a factor has few."""


class _Head(msgspec.Struct):
    what: str = ""


def tell(parts: Parts, now: int) -> int:
    """Write the events that are due; how many. Raises Unavailable."""
    if alarm(parts):
        return 0  # what was told lately may wait without a line of the index, and would be told each hour
    staff = {person.account.id: person for role in sorted(ROLES) for person in with_role(parts, role)}
    told = [fact for person in staff.values() if (fact := _due(parts, person, now)) is not None]
    return sum(_told(parts, who, fact, now) for who, fact in told)


def _told(parts: Parts, person: Person, fact: FactorMissing, now: int) -> bool:
    """In the batch of what says that it was told today: the index knows it a little later, and another leader looks meanwhile."""
    mark = sha256(length_prefixed(b"yimen-factor-missing/1", person.account.id)).digest()
    held, new = parts.store.one(UsedAssertion, hash=mark), UsedAssertion(mark, now + DAY_US)
    if held is not None and held.expires_at > now:
        return False
    before: Write = Insert(new)
    if held is not None:
        before = Update(UsedAssertion, {"hash": mark, "expires_at": held.expires_at}, {"expires_at": new.expires_at})
    event = record(fact, at=now, entropy=parts.entropy, person=person.citizen)
    return isinstance(parts.store.commit([before, event]), Committed)


def _due(parts: Parts, person: Person, now: int) -> tuple[Person, FactorMissing] | None:
    if totp(parts, person.account.id) is not None:
        return None
    since, last = person.account.created_at, 0
    for event in _latest(parts, person):
        if event.kind == FactorMissing.KIND:
            last = max(last, event.at)
        elif _begins(event):
            since = max(since, event.at)
    if now - since < DAY_US or now - last < DAY_US:
        return None
    return person, FactorMissing(lacks=LACKS, since=since, roles=person.account.roles)


def _begins(event: Event) -> bool:
    """Whether an account may be without a factor, or in its roles, only since this."""
    if event.kind == "account.factor_removed":
        return True
    return event.kind == "account.changed" and msgspec.json.decode(event.head, type=_Head).what == "roles"


def _latest(parts: Parts, person: Person) -> Iterator[Event]:
    where = {"facet": PERSON, "value": person.citizen.pseudonym}
    for line in parts.store.find(EventFacet, where, order=("-seq",), limit=READ):
        event = parts.store.one(Event, seq=line.seq)
        if event is not None:
            yield event
