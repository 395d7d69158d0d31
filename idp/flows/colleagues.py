"""Members of staff for each other: whether somebody holds a role still, and under which name colleagues know them.

A pseudonym leads to its account by the keyring alone. The name shown is the account name that staff sign in with at work; an address or a number
stays masked.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Final

from idp.authn.identifiers import masked
from idp.errors import Code, Refusal
from idp.flows.people import Person, load, names
from idp.flows.provision import ROLES
from idp.parts import Parts
from idp.ports import Holds, Op
from idp.records import Account

LOOKS: Final = "auditor"
DECIDES: Final = "approver"
"""Who works on cases and asks for reveals; who decides about them."""
MANY: Final = 200
_WORD: Final = "username"


@dataclass(frozen=True, slots=True)
class Colleague:
    """``pseudonym`` in hex."""

    pseudonym: str
    name: str


def holds(person: Person, role: str) -> Holds:
    """For the batch of what a member of staff does: they may do it still when it is committed. Raises Refusal without the role."""
    account = person.account
    if not person.active or role not in account.roles.split():
        raise Refusal(Code.ACCESS_DENIED, "This needs another role.", reason="staff_role")
    return Holds(Account, {"id": account.id, "status": "active", "roles": account.roles})


def found(parts: Parts, pseudonym: bytes) -> Person | None:
    """The living account behind a pseudonym; None when there is none any more."""
    entry = parts.keyring.whose(pseudonym)
    return load(parts, entry.account_id) if entry is not None else None


def with_role(parts: Parts, role: str) -> list[Person]:
    """Active accounts with a role, in no order."""
    sets = tuple(" ".join(s) for n in range(1, len(ROLES) + 1) for s in combinations(sorted(ROLES), n) if role in s)
    rows = parts.store.find(Account, {"roles": Op("in", sets), "status": "active"}, limit=MANY)
    return [person for row in rows if (person := load(parts, row.id)) is not None]


def listed(parts: Parts, role: str) -> list[Colleague]:
    """Those of :func:`with_role` by name."""
    return sorted((shown(parts, person) for person in with_role(parts, role)), key=lambda c: (c.name, c.pseudonym))


def shown(parts: Parts, person: Person) -> Colleague:
    """One member of staff."""
    known = names(parts, person.citizen)
    pseudonym = person.citizen.pseudonym.hex()
    if not known:
        return Colleague(pseudonym, pseudonym[:8])
    return Colleague(pseudonym, known[0].canonical if known[0].kind == _WORD else masked(known[0]))


def named(parts: Parts, pseudonym: bytes | None) -> Colleague | None:
    """The member of staff of a pseudonym; by a part of it alone when they are staff no more."""
    if pseudonym is None:
        return None
    person = found(parts, pseudonym)
    return (
        shown(parts, person) if person is not None and person.staff else Colleague(pseudonym.hex(), pseudonym.hex()[:8])
    )
