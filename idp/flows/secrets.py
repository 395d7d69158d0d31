"""Setting a password: judged against the policy with what is known of its owner, hashed behind the queue, written in the caller's batch."""

from collections.abc import Iterable
from functools import lru_cache

from idp.authn import passwords
from idp.authn.breached import BreachList
from idp.flows.people import Person, names, totp
from idp.flows.provision import password_row
from idp.parts import Parts
from idp.ports import Insert, Write
from keys.errors import SealBroken

SERVICE_WORDS = ("yimen", "一门")
PERSONAL = ("name", "family_name", "given_name", "nickname", "birthdate")
"""Claims that a password of their owner must not hold."""


def least(parts: Parts, person: Person | None) -> int:
    """Shortest new password in characters."""
    return shortest(parts, _second_factor(parts, person))


def shortest(parts: Parts, second_factor: bool) -> int:
    """As :func:`least`, where there is no account yet."""
    return passwords.minimum(parts.config.password_min, parts.config.password_min_2fa, second_factor)


def problem(parts: Parts, password: str, repeated: str, context: Iterable[str], person: Person | None) -> str | None:
    """Why the new password is not accepted, as a key of the wording; None when it is fine."""
    known = [*context, *(about(parts, person) if person else ())]
    return trouble(parts, password, known, _second_factor(parts, person), repeated)


def trouble(
    parts: Parts, password: str, context: Iterable[str], second_factor: bool, repeated: str | None = None
) -> str | None:
    """As :func:`problem`, where there is no account yet and nothing is typed twice. ``context``: what belongs to its owner."""
    path = parts.config.password_breached_file
    return passwords.problem(
        password,
        least=shortest(parts, second_factor),
        second_factor=second_factor,
        context=[*context, *SERVICE_WORDS],
        breached=_list(path) if path else frozenset(),
        repeated=repeated,
    )


def _second_factor(parts: Parts, person: Person | None) -> bool:
    return person is not None and totp(parts, person.account.id) is not None


def about(parts: Parts, person: Person) -> list[str]:
    """What a password of this person must not hold: names and identifiers."""
    values = [name.canonical for name in names(parts, person.citizen)]
    try:
        claims = parts.vault.claims(person.citizen, PERSONAL)
    except SealBroken:
        return values
    return values + [value for value in claims.values() if isinstance(value, str)]


def replace(parts: Parts, person: Person, password: str, now: int) -> Write:
    """The write of a new password. Raises Unavailable when the hash queue is full."""
    version = person.password.row_version + 1 if person.password else 1
    row = password_row(person.citizen, parts.hasher.hash(password), now, version)
    return Insert(row, on_conflict="replace")


@lru_cache(maxsize=2)
def _list(path: str) -> BreachList:
    return BreachList(path)
