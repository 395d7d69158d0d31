"""The citizen's attributes: each with its source and date; what they say of themselves they may correct, everything else names whom to ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idp.audit.rights import AttributeCorrected
from idp.errors import Code, Refusal
from idp.flows import notices
from idp.flows.people import Caller, Person, event, seen
from idp.parts import Parts
from idp.ports import Committed, Delete, Insert, Update, Write
from idp.records import Attribute
from idp.release.correction import RULES, SELF, correctable, value_of

UPDATED_AT = "updated_at"


@dataclass(frozen=True, slots=True)
class Held:
    """One attribute. ``source`` None and ``updated_at`` 0 when there is no value."""

    code: str
    value: Any
    source: str | None
    updated_at: int

    def __repr__(self) -> str:
        return f"Held({self.code})"

    @property
    def correctable(self) -> bool:
        """Whether the citizen may change it."""
        return correctable(self.code, self.source)


def held(parts: Parts, person: Person) -> list[Held]:
    """Everything that is held, then what the citizen may add. Raises ``keys.errors.SealBroken``."""
    rows = parts.store.find(Attribute, {"account_id": person.account.id}, order=("code",), limit=10_000)
    found = [Held(r.code, person.citizen.open_claim(r), r.source, r.updated_at) for r in rows if r.code != UPDATED_AT]
    known = {h.code for h in found}
    return [*found, *(Held(code, None, None, 0) for code in RULES if code not in known)]


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
        _touched(parts, person, now),
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


def _touched(parts: Parts, person: Person, now: int) -> Write:
    """OIDC Core §5.1: ``updated_at`` is when the information last changed."""
    row = parts.store.one(Attribute, account_id=person.account.id, code=UPDATED_AT)
    version = row.row_version + 1 if row else 1
    return Insert(person.citizen.seal_claim(UPDATED_AT, now // 1_000_000, version, SELF, now), on_conflict="replace")
