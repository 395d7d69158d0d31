"""The secret on offer while an authenticator app is set up: for one sign-in in one browser, so that whoever else has the password never sees the
secret that the owner enrols."""

import hashlib
from typing import Final

from idp.authn import totp as law
from idp.flows import pending
from idp.flows.people import Caller, Person
from idp.parts import Parts
from idp.ports import Committed, Delete, Insert, Write
from idp.records import Totp
from keys.errors import SealBroken
from keys.tokens import same

OFFER_S: Final = 900
FORMAT: Final = b"\x01"
"""An offer is sealed as this ‖ whom it was made for (16) ‖ secret; a secret alone is a confirmed one, or an offer of an earlier version."""
_FOR_BYTES: Final = 16
_TRIES: Final = 3
_SECOND: Final = 1_000_000


def offer(parts: Parts, caller: Caller, person: Person) -> bytes | None:
    """The secret to set up, in every tab of this sign-in the same for fifteen minutes; another's offer is replaced. None when a second factor is
    there already."""
    now = caller.now
    for _ in range(_TRIES):  # of several at once one makes it, the others find it
        row = parts.store.one(Totp, account_id=person.account.id)
        if row is not None and row.confirmed_at is not None:
            return None
        if row is not None and row.created_at <= now < row.created_at + OFFER_S * _SECOND:
            secret = _opened(person, row, _made_for(parts, caller, person))
            if secret is not None:
                return secret
        secret = law.new_secret(person.citizen.entropy)
        if isinstance(parts.store.commit(_replacing(parts, caller, person, row, secret)), Committed):
            return secret
    return None


def offered(parts: Parts, caller: Caller, person: Person) -> tuple[Totp, bytes] | None:
    """The row and its secret, if it was made for this caller; nothing is made."""
    row = parts.store.one(Totp, account_id=person.account.id)
    if row is None or row.confirmed_at is not None:
        return None
    secret = _opened(person, row, _made_for(parts, caller, person))
    return (row, secret) if secret is not None else None


def sealed(person: Person, plain: bytes, created_at: int) -> bytes:
    """``plain`` at its place in the row of that time."""
    return person.citizen.seal("totp", "secret", person.account.id, created_at, plain)


def _replacing(parts: Parts, caller: Caller, person: Person, row: Totp | None, secret: bytes) -> list[Write]:
    plain = FORMAT + _made_for(parts, caller, person) + secret
    made = Insert(Totp(person.account.id, sealed(person, plain, caller.now), 0, None, caller.now))
    if row is None:
        return [made]
    return [Delete(Totp, {"account_id": row.account_id, "sealed": row.sealed, "confirmed_at": None}, rows=1), made]


def _made_for(parts: Parts, caller: Caller, person: Person) -> bytes:
    """This browser with its session, or with the password that was proved in this flow where no session is yet."""
    session = caller.session
    if session is not None and session.account_id == person.account.id:
        basis = b"session" + session.id
    else:
        found = pending.find(parts, caller)
        basis = b"password" + caller.flow + (found[0].at.to_bytes(8, "big") if found else b"")
    return hashlib.sha256(caller.browser + basis).digest()[:_FOR_BYTES]


def _opened(person: Person, row: Totp, made_for: bytes) -> bytes | None:
    try:
        plain = person.citizen.open("totp", "secret", row.account_id, row.created_at, row.sealed)
    except SealBroken:
        return None
    head = len(FORMAT) + _FOR_BYTES
    if len(plain) != head + law.SECRET_BYTES or not same(plain[:head], FORMAT + made_for):
        return None
    return plain[head:]
