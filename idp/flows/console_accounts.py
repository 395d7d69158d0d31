"""An account as security staff see it: by pseudonym, without a name or an address; and what they may do to it.

Each act is an event with the member of staff as its actor, in the batch of what it does.
"""

from dataclasses import dataclass
from typing import Final

from idp.audit.events import AccountChanged, TokenRevoked, record
from idp.flows import sessions
from idp.flows.declined import ended
from idp.flows.ids import raw_id
from idp.flows.people import Caller, Person, codes_left, totp
from idp.flows.recovery import other_resets
from idp.parts import Parts
from idp.ports import Committed, Op, Update, Write
from idp.records import Account, Consent, Grant, Password, Session
from idp.release.vault import NOBODY, KeyGone

REASONS: Final = ("compromised", "misuse", "requested", "resolved")
"""Why a session or a grant is ended, an account is locked or let on again: recorded as it stands."""
SHOWN: Final = 50
WHOLE: Final = "grant"


@dataclass(frozen=True, slots=True)
class Subject:
    """One account. ``sessions`` and ``grants`` are alive, the newest first; ``consents`` not withdrawn; times in microseconds."""

    account: Account
    pseudonym: str
    password_at: int | None
    totp_at: int | None
    codes: int
    sessions: list[Session]
    consents: list[Consent]
    grants: list[Grant]


def subject(parts: Parts, pseudonym: str, now: int) -> Subject | None:
    """The account behind a pseudonym in hex; None for nobody's, an unknown caller's, and an erased citizen's."""
    account = _account(parts, pseudonym)
    if account is None:
        return None
    password, factor = parts.store.one(Password, account_id=account.id), totp(parts, account.id)
    mine = {"account_id": account.id}
    alive = {**mine, "ended_at": None, "expires_at": Op(">", now)}
    return Subject(
        account=account,
        pseudonym=pseudonym,
        password_at=password.changed_at if password else None,
        totp_at=factor.confirmed_at if factor else None,
        codes=codes_left(parts, account.id),
        sessions=sessions.living(parts, account.id, now)[:SHOWN],
        consents=parts.store.find(Consent, {**mine, "withdrawn_at": None}, order=("-created_at",), limit=SHOWN),
        grants=parts.store.find(Grant, alive, order=("-created_at",), limit=SHOWN),
    )


def end_session(parts: Parts, caller: Caller, staff: Person, pseudonym: str, session_id: str, reason: str) -> bool:
    """End one session of an account for a reason of ``REASONS``; False when it is not a living one of this account."""
    account = _account(parts, pseudonym)
    rows = sessions.living(parts, account.id, caller.now) if account is not None else []
    row = next((row for row in rows if row.id.hex() == session_id), None)
    if row is None or reason not in REASONS:
        return False
    writes = sessions.end(parts, row, "staff", caller.now, staff.citizen, reason)
    return isinstance(parts.store.commit(writes), Committed)


def end_grant(parts: Parts, caller: Caller, staff: Person, pseudonym: str, grant_id: str, reason: str) -> bool:
    """End one grant of an account, and so its tokens, for a reason of ``REASONS``; False when it is not a living one of this account."""
    account, raw = _account(parts, pseudonym), raw_id(grant_id)
    row = parts.store.one(Grant, id=raw) if raw else None
    mine = account is not None and row is not None and row.account_id == account.id and row.ended_at is None
    if account is None or row is None or not mine or reason not in REASONS:
        return False
    told = TokenRevoked(
        client_id=row.client_id, grant=row.id.hex(), token=WHOLE, reason=reason, reference=caller.reference
    )
    person = sessions.person(parts, account.id)
    event = record(told, at=caller.now, entropy=parts.entropy, person=person, actor=staff.citizen)
    return isinstance(parts.store.commit([ended(row, "staff", caller.now), event]), Committed)


def set_status(parts: Parts, caller: Caller, staff: Person, pseudonym: str, status: str, reason: str) -> bool:
    """Lock an account (``disabled``) or let it on again (``active``); its sessions, grants and open resets end either way.

    False when there is no such account, it changed meanwhile or has that status, and for staff's own account: nobody locks themselves out.
    """
    account = _account(parts, pseudonym)
    if account is None or account.status == status or account.id == staff.account.id or reason not in REASONS:
        return False
    changed = {"status": status, "version": account.version + 1, "updated_at": caller.now}
    fact = AccountChanged(what="status", value=status, by="staff", reason=reason, reference=caller.reference)
    person = sessions.person(parts, account.id)
    writes: list[Write] = [
        Update(Account, {"id": account.id, "version": account.version}, changed),
        *sessions.end_all(parts, account.id, "staff", caller.now, actor=staff.citizen),
        other_resets(account.id),
        record(fact, at=caller.now, entropy=parts.entropy, person=person, actor=staff.citizen),
    ]
    return isinstance(parts.store.commit(writes), Committed)


def pseudonym_of_nobody(parts: Parts) -> str:
    """What events of unknown callers bear; empty before the first."""
    try:
        return parts.vault.citizen(NOBODY).pseudonym.hex()
    except KeyGone:
        return ""


def _account(parts: Parts, pseudonym: str) -> Account | None:
    raw = raw_id(pseudonym)
    entry = parts.keyring.whose(raw) if raw else None
    account = parts.store.one(Account, id=entry.account_id) if entry is not None else None
    return account if account is not None and account.status in ("active", "disabled") else None
