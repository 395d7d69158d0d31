"""The citizen's attributes: each with its source and date; what they say of themselves they may correct, everything else names whom to ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from clients.model import Client
from idp.audit.rights import AttributeCorrected
from idp.errors import Code, Refusal
from idp.flows import account, notices, people
from idp.flows.people import Caller, Person, event, seen
from idp.parts import Parts
from idp.ports import Committed, Delete, Insert, Op, Update, Write
from idp.records import Attribute, Grant
from idp.release.correction import RULES, SELF, correctable, value_of

UPDATED_AT = "updated_at"
PROVABLE: Final = {"email": "email_verified", "phone_number": "phone_number_verified"}
"""Attribute that a code proves → what says that it did."""


@dataclass(frozen=True, slots=True)
class Held:
    """One attribute. ``source`` None and ``updated_at`` 0 when there is no value; ``proved_at``: when a code proved that its owner receives there,
    0 for everything else."""

    code: str
    value: Any
    source: str | None
    updated_at: int
    proved_at: int = 0

    def __repr__(self) -> str:
        return f"Held({self.code})"

    @property
    def correctable(self) -> bool:
        """Whether the citizen may change it."""
        return correctable(self.code, self.source)


def held(parts: Parts, person: Person) -> list[Held]:
    """Everything that is held, then what the citizen may add. Raises ``keys.errors.SealBroken``."""
    rows = parts.store.find(Attribute, {"account_id": person.account.id}, order=("code",), limit=10_000)
    values = {r.code: person.citizen.open_claim(r) for r in rows if r.code != UPDATED_AT}
    proved = _proved(parts, person, values)
    found = [
        Held(r.code, values[r.code], r.source, r.updated_at, proved.get(r.code, 0) if r.source == SELF else 0)
        for r in rows
        if r.code in values
    ]
    known = {h.code for h in found}
    return [*found, *(Held(code, None, None, 0) for code in RULES if code not in known)]


def _proved(parts: Parts, person: Person, values: Mapping[str, Any]) -> dict[str, int]:
    """Attribute → when its owner proved by a code to receive at that address, for the addresses that they sign in with."""
    proved = people.proved(parts, person.citizen)
    return {
        name: proved[values[code]]
        for code, mark in PROVABLE.items()
        if str(values.get(code)) in proved
        for name in (code, mark)
    }


def receivers(parts: Parts, person: Person, code: str, now: int) -> list[Client]:
    """The services that are told ``code`` without another question once it is there: a consent or the law covers it, and still counts."""
    return [
        service.client
        for service in account.services(parts, person)
        if service.client.active
        and any(_tells(parts, name, code) for name in (*service.sees, *service.lawful))
        and _counts(parts, person, service, now)
    ]


def _tells(parts: Parts, name: str, code: str) -> bool:
    """Whether an attribute is the value, or computed from it."""
    kind = parts.catalogue.kind(name)
    return name == code or (kind is not None and code in kind.of)


def _counts(parts: Parts, person: Person, service: account.Service, now: int) -> bool:
    """What counted once goes on as long as the tokens that it was given for."""
    if not service.once:
        return service.until is None or now < service.until
    living = {"client_id": service.client.client_id, "ended_at": None, "expires_at": Op(">", now)}
    return parts.store.count(Grant, {"account_id": person.account.id, **living}) > 0


def one(parts: Parts, person: Person, code: str) -> Held | None:
    """One attribute that the citizen may correct; None for every other."""
    row = parts.store.one(Attribute, account_id=person.account.id, code=code)
    if not correctable(code, row.source if row else None):
        return None
    return Held(code, person.citizen.open_claim(row), row.source, row.updated_at) if row else Held(code, None, None, 0)


def correct(parts: Parts, caller: Caller, person: Person, code: str, typed: Mapping[str, str]) -> None:
    """Set what the citizen says, or take it back; recorded, and they are told. Raises ``release.correction.BadValue``, Refusal."""
    now, account_id = caller.now, person.account.id
    row = parts.store.one(Attribute, account_id=account_id, code=code)
    if not correctable(code, row.source if row else None):
        raise Refusal(Code.INVALID_REQUEST, "This is not yours to change.", reason="not_correctable")
    value = value_of(code, typed)
    if row is None and value is None:
        return
    if row is not None and value == person.citizen.open_claim(row):
        return
    fact = AttributeCorrected(attribute=code, how="removed" if value is None else "set", reference=caller.reference)
    writes: list[Write] = [
        _write(person, row, code, value, now),
        touched(parts, person, now),
        *seen(parts, caller, event(parts, caller, fact, person.citizen, address=True), person.citizen),
        *notices.to_person(parts, person, "attribute_corrected", now),
    ]
    if not isinstance(parts.store.commit(writes), Committed):
        raise Refusal(Code.INVALID_REQUEST, "It was changed meanwhile; look again.", reason="attribute_conflict")


def _write(person: Person, row: Attribute | None, code: str, value: Any, now: int) -> Write:
    """A compare-and-swap on what was read."""
    if row is None:
        return Insert(person.citizen.seal_claim(code, value, 1, SELF, now))
    where = {"account_id": row.account_id, "code": code, "row_version": row.row_version, "source": SELF}
    if value is None:
        return Delete(Attribute, where, rows=1)
    made = person.citizen.seal_claim(code, value, row.row_version + 1, SELF, now)
    return Update(
        Attribute, where, {"sealed": made.sealed, "row_version": made.row_version, "updated_at": made.updated_at}
    )


def touched(parts: Parts, person: Person, now: int) -> Write:
    """OIDC Core §5.1: ``updated_at`` is when the information last changed."""
    row = parts.store.one(Attribute, account_id=person.account.id, code=UPDATED_AT)
    version = row.row_version + 1 if row else 1
    return Insert(person.citizen.seal_claim(UPDATED_AT, now // 1_000_000, version, SELF, now), on_conflict="replace")
