"""Forgetting a citizen: asked, waited for, cancelled by signing in, then done by the worker; or done at once by a lawful order.

Everything of the person in the main database is sealed under their key. One batch ends the account and removes what finds it; then the keyring
destroys key and pseudonym, which reaches every older copy of the database too. A worker that dies in between is followed by one that goes on.
"""

from typing import Final

from msgspec import Struct
from msgspec.structs import asdict

from clients.model import Client
from idp.audit.events import record
from idp.audit.rights import AccountErased, ErasureAsked, ErasureCancelled
from idp.errors import Code, Refusal, Unavailable
from idp.flows import addresses, notices, parting, sessions
from idp.flows.people import Caller, Person, event, meant, seen
from idp.parts import Parts
from idp.ports import Committed, Delete, Insert, Op, Update, Write
from idp.records import (
    Account,
    Attribute,
    Consent,
    Erasure,
    Grant,
    Identifier,
    Message,
    OneTime,
    Password,
    RecoveryCode,
    SavedSearch,
    Session,
    Totp,
)

WAITING, CANCELLED, BEGUN, DONE = "waiting", "cancelled", "begun", "done"
REASONS: Final = ("court-order", "authority", "deceased", "requested")
BATCH: Final = 50
DAY_US: Final = 86400 * 1_000_000
OF_THE_PERSON: Final[tuple[type[Struct], ...]] = (
    Identifier, Attribute, Password, Totp, RecoveryCode, OneTime, Consent, Message, SavedSearch,
)  # fmt: skip
"""What goes from the main database. Sessions, grants and deliveries stay until they expire: they are needed to refuse and to tell, and hold
nothing that opens without the key."""


def ask(parts: Parts, caller: Caller, person: Person) -> int:
    """Begin the waiting time: the citizen is signed out everywhere, services are told, a message says how to cancel. When it ends (microseconds).

    Of two at once one begins it, and both are told the same.
    """
    now, account = caller.now, person.account
    row = parts.store.one(Erasure, account_id=account.id)
    if row is not None and row.state == WAITING:
        return row.due_at
    due = now + parts.config.erasure_days * DAY_US
    fact = ErasureAsked(due=due, reference=caller.reference)
    days = str(parts.config.erasure_days)
    writes = [
        _begun(row, Erasure(account.id, WAITING, now, due, None)),
        *_ended(parts, account.id, "erasure_asked", now),
        *seen(parts, caller, event(parts, caller, fact, person.citizen, address=True), person.citizen),
        *notices.to_person(parts, person, "erasure_asked", now, days=days),
    ]
    if isinstance(parts.store.commit(writes), Committed):
        return due
    waits = waiting(parts, account.id)
    if waits is None:
        raise _changed_meanwhile()
    return waits


def waiting(parts: Parts, account_id: bytes) -> int | None:
    """When the waiting time of a deletion that was asked for ends (microseconds)."""
    row = parts.store.one(Erasure, account_id=account_id)
    return row.due_at if row is not None and row.state == WAITING else None


def _begun(held: Erasure | None, new: Erasure) -> Write:
    """Conflicts where somebody else was faster."""
    if held is None:
        return Insert(new)
    return Update(Erasure, {"account_id": held.account_id, "state": held.state, "asked_at": held.asked_at}, asdict(new))


def asked_for(parts: Parts, account_id: bytes) -> Erasure | None:
    """What was ever asked about forgetting this account."""
    return parts.store.one(Erasure, account_id=account_id)


def cancelling(parts: Parts, caller: Caller, person: Person, row: Erasure | None) -> list[Write]:
    """What a sign-in adds to its batch: nothing, or the end of a waiting erasure (``row``: :func:`asked_for`). Conflicts when that has just begun or
    was just cancelled; raises Unavailable when it began before."""
    if row is None or row.state == CANCELLED:
        return []
    if row.state != WAITING:
        raise Unavailable("session")
    fact = ErasureCancelled(reference=caller.reference)
    return [
        Update(Erasure, {"account_id": row.account_id, "state": WAITING}, {"state": CANCELLED, "ended_at": caller.now}),
        event(parts, caller, fact, person.citizen),
        *notices.to_person(parts, person, "erasure_cancelled", caller.now),
    ]


def cancelled_by(row: Erasure | None, session: Session) -> bool:
    """Whether the sign-in that a session stands on, its latest, kept the account: both have one time, being one batch."""
    return row is not None and row.state == CANCELLED and row.ended_at == session.auth_at


def run_due(parts: Parts, now: int) -> int:
    """Erase whoever waited long enough, and finish what was begun; how many. Raises Unavailable."""
    rows = parts.store.find(Erasure, {"state": WAITING, "due_at": Op("<=", now)}, order=("due_at",), limit=BATCH)
    rows += parts.store.find(Erasure, {"state": BEGUN}, limit=BATCH)
    return sum(_erase(parts, row.account_id, "asked", "", now) for row in rows)


def by_order(parts: Parts, typed: str, reason: str, *, now: int) -> bytes:
    """Erase the account that signs in with ``typed`` at once; its id. Raises Refusal for an unknown account or reason."""
    person = meant(parts, typed).person
    if person is None:
        raise Refusal(Code.INVALID_REQUEST, "There is no such account.", reason="account_unknown")
    if reason not in REASONS:
        raise Refusal(Code.INVALID_REQUEST, f"Reasons are {' '.join(REASONS)}.", reason="erasure_reason")
    account_id = person.account.id
    row = Erasure(account_id, WAITING, now, now, None)
    _commit(parts, [Insert(row, on_conflict="replace")])
    if not _erase(parts, account_id, "order", reason, now):
        raise Refusal(Code.INVALID_REQUEST, "The account changed meanwhile; look again.", reason="account_conflict")
    return account_id


def after_restore(parts: Parts, now: int) -> int:
    """What was erased since the copy is erased in it too, and whoever waits begins to wait anew: a cancellation may be missing. Whom the copy knows
    as erased is erased in the keyring too: it may be older. How many."""
    until = now + parts.config.erasure_days * DAY_US
    _commit(parts, [Update(Erasure, {"state": WAITING}, {"due_at": until}, rows=None)])
    count, after = 0, b""
    while rows := parts.store.find(Account, {"id": Op(">", after)}, order=("id",), limit=1000):
        for account in rows:
            if account.status == "erased":
                count += _again(parts, account.id)
            elif parts.keyring.erased(account.id):
                fact = AccountErased(how="restored")
                told = record(fact, at=now, entropy=parts.entropy)
                gone = [*_forgotten(account, now), *addresses.forget(parts, account.id, now)]
                _commit(parts, [*gone, *_ended(parts, account.id, "erased", now), told])
                count += 1
        after = rows[-1].id
    return count


def _again(parts: Parts, account_id: bytes) -> bool:
    """Whether the keyring still had the key of somebody who was erased."""
    if parts.keyring.get(account_id) is None:
        return False
    parts.keyring.erase(account_id)
    parts.vault.forget(account_id)
    return True


def _erase(parts: Parts, account_id: bytes, how: str, reason: str, now: int) -> bool:
    """False when it was cancelled meanwhile."""
    account = parts.store.one(Account, id=account_id)
    if account is not None and account.status != "erased":
        mine = {"account_id": account_id, "state": WAITING, "due_at": Op("<=", now)}
        fact = AccountErased(how=how, reason=reason)
        citizen = sessions.person(parts, account_id)
        writes: list[Write] = [
            Update(Erasure, mine, {"state": BEGUN}),
            *_forgotten(account, now),
            *addresses.forget(parts, account_id, now),
            *_ended(parts, account_id, "erased", now),
            record(fact, at=now, entropy=parts.entropy, person=citizen),
        ]
        if not isinstance(parts.store.commit(writes), Committed):
            return False
    parts.keyring.erase(account_id)
    parts.vault.forget(account_id)
    done = {"state": DONE, "ended_at": now}
    parts.store.commit([Update(Erasure, {"account_id": account_id, "state": BEGUN}, done, rows=None)])
    return True


def _forgotten(account: Account, now: int) -> list[Write]:
    """The account row stays, so that its id is never used again, and holds nothing."""
    nothing = {"roles": "", "locale": None, "factor_always_since": None}
    emptied = {"status": "erased", **nothing, "version": account.version + 1, "updated_at": now}
    return [
        Update(Account, {"id": account.id, "version": account.version}, emptied),
        *(Delete(kind, {"account_id": account.id}) for kind in OF_THE_PERSON),
    ]


def _ended(parts: Parts, account_id: bytes, why: str, now: int) -> list[Write]:
    """Every session and grant ends; services are told by each sign-in that they hold, also where it outlived its session."""
    over = {s.id for s in sessions.living(parts, account_id, now)}
    told = [
        write
        for client in _clients(parts, account_id)
        for write in parting.logouts(parts, account_id, client, now)
        if isinstance(write, Insert) and getattr(write.record, "session_id", None) not in over
    ]
    return [*told, *sessions.end_all(parts, account_id, why, now)]


def _clients(parts: Parts, account_id: bytes) -> list[Client]:
    """The clients with a living grant, one look for each."""
    found = [""]
    where = {"account_id": account_id, "ended_at": None}
    while rows := parts.store.find(Grant, {**where, "client_id": Op(">", found[-1])}, order=("client_id",), limit=1):
        found.append(rows[0].client_id)
    return [client for name in found[1:] if (client := parts.clients.get(name)) is not None]


def _commit(parts: Parts, writes: list[Write]) -> None:
    if not isinstance(parts.store.commit(writes), Committed):
        raise _changed_meanwhile()


def _changed_meanwhile() -> Refusal:
    return Refusal(Code.INVALID_REQUEST, "The account changed meanwhile; try again.", reason="account_conflict")
