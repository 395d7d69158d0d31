"""The journeys around the second factor: proving oneself afresh, setting it up, new recovery codes, taking it away."""

from dataclasses import dataclass
from typing import Final

from idp.audit.events import FactorAlways, FactorEased, FactorEnrolled, FactorRemoved, SteppedUp
from idp.authn import throttle
from idp.authn import totp as law
from idp.authn.assurance import ONE_TIME_PASSWORD, PASSWORD, acr, stepped_up
from idp.authn.throttle import Throttled
from idp.flows import factor_offer, notices, pending, sessions
from idp.flows.people import Caller, Person, attempt, event, note_failure, password_right, seen, totp
from idp.flows.sessions import SAME_FORM_S, Started, Where
from idp.flows.sign_in import Failed, NeedSecondFactor, SignedIn, begin_once, begin_session
from idp.flows.step_up import Ended
from idp.parts import Parts
from idp.ports import Add, Committed, Delete, Insert, Op, Update, Write
from idp.protocol.acr import TWO_FACTORS
from idp.records import Account, RecoveryCode, Session, Totp

FRESH_S: Final = 300
"""A sensitive change asks for a proof no older than this (OWASP ASVS 7.5.1)."""
_SECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class WithCodes:
    """Done; ``codes`` are shown this once. ``signed_in``: the session under its new token."""

    signed_in: SignedIn
    codes: tuple[str, ...]

    def __repr__(self) -> str:
        return "WithCodes(…)"


def fresh(parts: Parts, session: Session, now: int) -> bool:
    """Whether all that the citizen can prove was proved within the last five minutes: a password alone does not count beside a second factor."""
    level = session.acr == TWO_FACTORS or totp(parts, session.account_id) is None
    return level and session.auth_at <= now < session.auth_at + FRESH_S * _SECOND


def confirm(
    parts: Parts, caller: Caller, person: Person, password: str
) -> SignedIn | NeedSecondFactor | Failed | Throttled:
    """Prove the password again inside a session; where there is a second factor it must follow."""
    entered = attempt(parts, caller, person.account.id, person)
    if isinstance(entered, Throttled):
        return entered
    right = password_right(parts, entered, person.phc(), password)
    if not right:
        note_failure(parts, caller, person, "wrong_password_on_confirmation")
        return Failed("password_wrong")
    if totp(parts, person.account.id) is not None:
        throttle.undecided(parts.volatile, entered)
        pending.keep(parts, caller, person, "confirm")
        return NeedSecondFactor()
    return begin_session(parts, caller, person, (PASSWORD,), [], entered)


def enrol(parts: Parts, caller: Caller, person: Person, typed: str) -> WithCodes | Failed | Throttled | Ended:
    """Confirm the secret offered to this caller by a code of it. Inside a session it grows stronger; after a staff member's password the session
    begins."""
    found = factor_offer.offered(parts, caller, person)
    if found is None:
        return Ended()
    row, secret = found
    entered = attempt(parts, caller, person.account.id, person, factor=True)
    if isinstance(entered, Throttled):
        return entered
    step = law.matching_step(secret, typed, caller.now)
    if step is None:
        note_failure(parts, caller, person, "wrong_totp_on_enrolment")
        return Failed("code_wrong")
    codes, rows = _new_codes(parts, person, caller.now)
    unconfirmed = {
        "account_id": row.account_id,
        "sealed": row.sealed,
        "confirmed_at": None,
        "last_step": Op("<", step),
    }
    # Confirmed it is the secret alone: nothing of the browser is kept.
    alone = factor_offer.sealed(person, secret, row.created_at)
    writes: list[Write] = [
        Update(Totp, unconfirmed, {"confirmed_at": caller.now, "last_step": step, "sealed": alone}),
        *rows,
        *seen(parts, caller, event(parts, caller, FactorEnrolled(factor="totp"), person.citizen), person.citizen),
        event(parts, caller, FactorEnrolled(factor="recovery_codes"), person.citizen),
        *notices.to_person(parts, person, "totp_enrolled", caller.now),
    ]
    parts.volatile.put(
        "enrolled", _here(caller), b"1", SAME_FORM_S
    )  # before: of two at once the other may look at once
    signed_in = _enrolled(parts, caller, person, writes)
    if signed_in is None:
        return Ended()
    parts.volatile.several(throttle.succeeded(entered))
    return WithCodes(signed_in, codes)


def just_enrolled(parts: Parts, caller: Caller, person: Person | None) -> bool:
    """Whether the form that set the factor up comes once more, from the same browser and step (double click); what another browser set up is
    another's."""
    if parts.volatile.peek("enrolled", _here(caller)) is None:
        return False
    row = totp(parts, person.account.id) if person is not None else None
    return row is None or row.confirmed_at is None or caller.now < row.confirmed_at + SAME_FORM_S * _SECOND


def _here(caller: Caller) -> bytes:
    return caller.browser + caller.flow


def new_codes(parts: Parts, caller: Caller, person: Person) -> tuple[str, ...] | None:
    """Ten new recovery codes in place of the old; None without a second factor, or where others were made meanwhile: those count."""
    if totp(parts, person.account.id) is None:
        return None
    old = tuple(row.hash for row in parts.store.find(RecoveryCode, {"account_id": person.account.id}))
    codes, rows = _new_codes(parts, person, caller.now)
    told = event(parts, caller, FactorEnrolled(factor="recovery_codes"), person.citizen)
    those = Delete(RecoveryCode, {"account_id": person.account.id, "hash": Op("in", old)}, rows=len(old))
    writes: list[Write] = [those, *rows, *seen(parts, caller, told, person.citizen)]
    done = parts.store.commit([*writes, *notices.to_person(parts, person, "codes_made", caller.now)])
    return codes if isinstance(done, Committed) else None


def remove(parts: Parts, caller: Caller, person: Person) -> SignedIn | Ended:
    """Take the second factor away: other sessions and all tokens end, this session goes on with one factor under a new token."""
    if caller.session is None or person.staff:
        return Ended()
    where = Where(caller.device, caller.remote)
    started = sessions.step_up(parts, person.citizen, caller.session, PASSWORD, acr(PASSWORD), caller.now, where)
    writes: list[Write] = [
        *removal(person.account.id, caller.now),
        *started.writes,
        *sessions.end_all(parts, person.account.id, "factor_reset", caller.now, keep=caller.session),
        *seen(parts, caller, _removed(parts, caller, person), person.citizen),
        *notices.to_person(parts, person, "totp_removed", caller.now),
    ]
    if not isinstance(parts.store.commit(writes), Committed):
        return Ended()
    return SignedIn(started.token, started.session)


def _removed(parts: Parts, caller: Caller, person: Person) -> Insert:
    return event(parts, caller, FactorRemoved(factor="totp", by="citizen"), person.citizen)


def removal(account_id: bytes, now: int) -> list[Write]:
    """The writes that take away a confirmed second factor (it must be there), its recovery codes, and the wish to be asked for it always."""
    return [
        Delete(Totp, {"account_id": account_id, "confirmed_at": Op("!=", None)}, rows=1),
        Delete(RecoveryCode, {"account_id": account_id}),
        Update(Account, {"id": account_id}, {"factor_always_since": None, "version": Add(1), "updated_at": now}),
    ]


def ask_always(parts: Parts, caller: Caller, person: Person, always: bool) -> bool:
    """Ask for the second factor at every sign-in from now on, or only where something wants it; told to the citizen. True when it is so now.

    Whoever calls made sure of a :func:`fresh` proof before it is asked for less often.
    """
    account = person.account
    if totp(parts, account.id) is None:
        return False
    if always == (account.factor_always_since is not None):
        return True
    changed = {"factor_always_since": caller.now if always else None, "version": Add(1), "updated_at": caller.now}
    fact = (FactorAlways if always else FactorEased)(reference=caller.reference)
    writes: list[Write] = [
        # The version has moved where the factor was removed meanwhile.
        Update(Account, {"id": account.id, "version": account.version}, changed),
        *seen(parts, caller, event(parts, caller, fact, person.citizen), person.citizen),
        *notices.to_person(parts, person, "totp_always" if always else "totp_eased", caller.now),
    ]
    return isinstance(parts.store.commit(writes), Committed)


def _enrolled(parts: Parts, caller: Caller, person: Person, writes: list[Write]) -> SignedIn | None:
    started = _stronger(parts, caller, person)
    if started is not None:
        fact = SteppedUp(session=started.session.id.hex(), amr=started.session.amr, acr=started.session.acr)
        done = parts.store.commit([*writes, *started.writes, event(parts, caller, fact, person.citizen)])
        return SignedIn(started.token, started.session) if isinstance(done, Committed) else None
    return begin_once(parts, caller, person, (PASSWORD, ONE_TIME_PASSWORD), writes)


def _stronger(parts: Parts, caller: Caller, person: Person) -> Started | None:
    if caller.session is None or caller.session.account_id != person.account.id:
        return None
    methods, where = stepped_up(caller.session.amr), Where(caller.device, caller.remote)
    return sessions.step_up(parts, person.citizen, caller.session, methods, acr(methods), caller.now, where)


def _new_codes(parts: Parts, person: Person, now: int) -> tuple[tuple[str, ...], list[Write]]:
    account_id = person.account.id
    codes = law.new_recovery_codes(parts.entropy)
    rows = [
        Insert(RecoveryCode(law.recovery_hash(parts.ring, account_id, code), account_id, None, now)) for code in codes
    ]
    return codes, [Delete(RecoveryCode, {"account_id": account_id}), *rows]
