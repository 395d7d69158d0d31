"""From what a citizen signs in with to the pseudonym that the log knows: typed by staff, with a reason, on record, never in an address."""

from typing import Final

from idp.audit.events import record
from idp.audit.lookups import PersonSearched
from idp.audit.search import Bad
from idp.errors import Unavailable
from idp.flows.people import Caller, Person, meant
from idp.parts import Parts
from idp.ports import Committed

REASONS: Final = ("alert", "objection", "requested", "order")
"""Why somebody is looked up: an alert, a citizen's objection, their own request, an order of an authority."""
PER_HOUR: Final = 60
LONGEST: Final = 254


def pseudonym(parts: Parts, caller: Caller, staff: Person, typed: str, reason: str) -> str:
    """The pseudonym in hex of who signs in with ``typed``; empty for nobody. Raises Bad for no reason, nothing typed or too many, Unavailable."""
    errors = {}
    if not typed.strip() or len(typed) > LONGEST or not typed.isprintable():
        errors["identifier"] = "identifier"
    if reason not in REASONS:
        errors["why"] = "reason"
    if errors:
        raise Bad(errors)
    if parts.volatile.bump("console-people", staff.account.id, 3600) > PER_HOUR:
        raise Bad({"identifier": "too_many"})
    who = meant(parts, typed)
    fact = PersonSearched(
        by=who.name.kind if who.name else "other",
        reason=reason,
        found=who.person is not None,
        reference=caller.reference,
    )
    about = who.person.citizen if who.person else None
    told = record(fact, at=caller.now, entropy=parts.entropy, person=about, actor=staff.citizen)
    if not isinstance(parts.store.commit([told]), Committed):
        raise Unavailable("database")
    return about.pseudonym.hex() if about else ""
