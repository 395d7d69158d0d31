"""The journey of the second factor: a one-time code or a recovery code, each once, inside a session or after a password that made none yet."""

from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec

from idp.audit.events import RecoveryCodeUsed, SteppedUp, record
from idp.authn import throttle
from idp.authn import totp as law
from idp.authn.assurance import ONE_TIME_PASSWORD, PASSWORD, acr, stepped_up
from idp.authn.throttle import Attempt, Throttled
from idp.flows import erasure, notices, pending, sessions
from idp.flows.pending import Pending
from idp.flows.people import Caller, Person, attempt, event, load, note_failure, once, seen, totp
from idp.flows.sessions import SAME_FORM_S, Where
from idp.flows.sign_in import Failed, SignedIn, begin_once
from idp.parts import Parts
from idp.ports import Committed, Op, Put, Update, Write
from idp.records import RecoveryCode, Session, Totp
from keys.errors import SealBroken
from keys.tokens import hash_secret

TELL_FROM: Final = 10
"""So many wrong codes in a row are told to the citizen."""
_USED: Final = "code_used"


@dataclass(frozen=True, slots=True)
class Basis:
    """What the second factor adds to: a password proved a moment ago in this flow (``pending``), or the living session."""

    person: Person
    pending: Pending | None
    session: Session | None

    def __repr__(self) -> str:
        return "Basis(…)"


@dataclass(frozen=True, slots=True)
class Ended:
    """There is nothing to add a factor to any more: begin again."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same form used this code a moment ago, in ``session``, which goes on; nothing is proved again. ``proved``: it began with a password."""

    person: Person
    session: Session
    proved: bool

    def __repr__(self) -> str:
        return "Repeated(…)"


Outcome = SignedIn | Failed | Throttled | Ended | Repeated


class _Act(msgspec.Struct, frozen=True, array_like=True):
    """What one form with one code does, however often it is sent: it begins ``session``, or strengthens it, whose token had the hash ``before``.
    ``since``: when the password was proved that the code is added to; 0 for a session."""

    session: bytes
    since: int
    before: bytes = b""


def basis(parts: Parts, caller: Caller) -> Basis | None:
    """What this browser proved so far in this flow, where a second factor can follow; a fresh password goes before the session."""
    found = pending.find(parts, caller)
    if found is not None and found[0].purpose != "enrol":
        return Basis(found[1], found[0], caller.session)
    person = load(parts, caller.session.account_id) if caller.session is not None else None
    if person is None or not person.active or totp(parts, person.account.id) is None:
        return None
    return Basis(person, None, caller.session)


def bound(caller: Caller, base: Basis | Repeated) -> bytes:
    """What the form's proof is made for: this browser, flow and person, so that a user switched in another tab ends the flow."""
    return caller.browser + caller.flow + base.person.account.id


def sent_again(parts: Parts, caller: Caller, base: Basis | None, typed: str) -> Repeated | None:
    """Whether this browser used this code in this flow a moment ago and has the session of it, or no other. A password proved since is a new act."""
    found = parts.volatile.peek("code-done", _form(parts, caller, typed))
    return _done(parts, caller, base, _read(found)) if found is not None else None


def _done(parts: Parts, caller: Caller, base: Basis | None, act: _Act) -> Repeated | None:
    if base is not None and base.pending is not None and base.pending.at != act.since:
        return None
    if caller.session is not None and caller.session.id != act.session:
        return None
    session = parts.store.one(Session, id=act.session)
    if session is None or session.token_hash == act.before:
        return None
    if not sessions.alive(session, caller.now, parts.config.session_idle):
        return None
    person = load(parts, session.account_id)
    return Repeated(person, session, bool(act.since)) if person is not None and person.active else None


def handed_over(parts: Parts, caller: Caller, won: Repeated) -> SignedIn | None:
    """The session under a new token, for a browser that never saw the first answer; None where it has it already.

    The code is not accepted twice (RFC 6238 §5.2): no session begins, and none grows stronger or fresher.
    """
    if caller.session is not None and caller.session.token_hash == won.session.token_hash:
        return None
    started = sessions.rotate(parts, won.person.citizen, won.session, caller.now)
    if not isinstance(parts.store.commit(started.writes), Committed):
        return None
    row = erasure.asked_for(parts, won.session.account_id) if won.proved else None
    return SignedIn(started.token, started.session, erasure.cancelled_by(row, won.session))


def with_code(parts: Parts, caller: Caller, base: Basis, typed: str) -> Outcome:
    """A code of the authenticator app: this step or the one before, and later than any that was used (RFC 6238 §5.2)."""
    row = totp(parts, base.person.account.id)
    if row is None:
        return Ended()
    entered = attempt(parts, caller, base.person.account.id, base.person, factor=True)
    if isinstance(entered, Throttled):
        return entered
    step = law.matching_step(secret_of(base.person, row), typed, caller.now)
    if step is None:
        return _wrong(parts, caller, base.person, "wrong_totp", "code_wrong")
    use = Update(
        Totp,
        {"account_id": row.account_id, "created_at": row.created_at, "last_step": Op("<", step)},
        {"last_step": step},
    )
    return _finish(parts, caller, base, entered, [use], Failed(_USED), typed)


def with_recovery_code(parts: Parts, caller: Caller, base: Basis, typed: str) -> Outcome:
    """One of the ten recovery codes, in place of the app's code; counted as a one-time code and told to the citizen."""
    account_id = base.person.account.id
    entered = attempt(parts, caller, account_id, base.person, factor=True)
    if isinstance(entered, Throttled):
        return entered
    rows = parts.store.find(RecoveryCode, {"account_id": account_id, "used_at": None})
    found = [row for row in rows if law.recovery_matches(parts.ring, account_id, typed, row.hash)]
    if not found:
        return _wrong(parts, caller, base.person, "wrong_recovery_code", "recovery_wrong")
    left = len(rows) - 1
    writes: list[Write] = [
        Update(RecoveryCode, {"hash": found[0].hash, "used_at": None}, {"used_at": caller.now}),
        *seen(
            parts, caller, event(parts, caller, RecoveryCodeUsed(left=left), base.person.citizen), base.person.citizen
        ),
        *notices.to_person(parts, base.person, "code_used", caller.now, left=str(left)),
    ]
    return _finish(parts, caller, base, entered, writes, Failed("recovery_wrong"), typed)


def secret_of(person: Person, row: Totp) -> bytes:
    """The opened secret; random-looking nothing matches when it does not open."""
    try:
        return person.citizen.open("totp", "secret", row.account_id, row.created_at, row.sealed)
    except SealBroken:
        return person.citizen.entropy(law.SECRET_BYTES)


def _finish(
    parts: Parts, caller: Caller, base: Basis, entered: Attempt, use: list[Write], lost: Failed, typed: str
) -> Outcome:
    """Use the factor (``use[0]``) and begin or strengthen the session in one batch: of many at once, one wins; the others are ``lost``."""
    form, mine = _form(parts, caller, typed), _act(parts, base)
    # All that come at once hear the first, so that who loses knows the session of who wins.
    act = _read(parts.volatile.settle("code-sent", form, msgspec.msgpack.encode(mine), SAME_FORM_S))
    act = act if act.since == mine.since else mine
    if base.pending is not None:
        proofs, new = (PASSWORD, ONE_TIME_PASSWORD), b"" if act.before else act.session
        begun = begin_once(
            parts, caller, base.person, proofs, use, entered, session_id=new, won=lambda s: _won(form, s, act.since)
        )
        return _lost(parts, caller, base, entered, lost, typed, act) if begun is None else begun
    assert base.session is not None
    methods, where = stepped_up(base.session.amr), Where(caller.device, caller.remote)
    started = sessions.step_up(parts, base.person.citizen, base.session, methods, acr(methods), caller.now, where)
    fact = SteppedUp(session=base.session.id.hex(), amr=methods, acr=acr(methods), reference=caller.reference)
    told = record(fact, at=caller.now, entropy=parts.entropy, person=base.person.citizen)
    done = parts.store.commit([*use, *started.writes, *seen(parts, caller, told, base.person.citizen)])
    if isinstance(done, Committed):
        parts.volatile.several((*throttle.succeeded(entered), _won(form, started.session, 0)))
        return SignedIn(started.token, started.session)
    return _lost(parts, caller, base, entered, lost, typed, act) if done.index == 0 else Ended()


def _act(parts: Parts, base: Basis) -> _Act:
    held, since = base.session, base.pending.at if base.pending is not None else 0
    if held is not None and held.account_id == base.person.account.id:
        return _Act(held.id, since, held.token_hash)
    return _Act(parts.entropy(16), since)


def _won(form: bytes, session: Session, since: int) -> Put:
    return Put("code-done", form, msgspec.msgpack.encode(_Act(session.id, since)), SAME_FORM_S)


def _read(stored: bytes) -> _Act:
    return msgspec.msgpack.decode(stored, type=_Act)


def _lost(
    parts: Parts, caller: Caller, base: Basis, entered: Attempt, lost: Failed, typed: str, act: _Act
) -> Failed | Repeated:
    """The factor was used meanwhile: by this very form, which is no failure, or by another. What the form was to do is asked too: the batch may be
    done before it is noted as won."""
    again = sent_again(parts, caller, base, typed) or _done(parts, caller, base, act)
    if again is None:
        reason = "totp_replayed" if lost.error == _USED else "recovery_code_replayed"
        return _wrong(parts, caller, base.person, reason, lost.error)
    throttle.undecided(parts.volatile, entered)
    return again


def _form(parts: Parts, caller: Caller, typed: str) -> bytes:
    return hash_secret(parts.ring, "same-form", caller.browser + caller.flow + typed.encode("utf-8", "surrogatepass"))


def _wrong(parts: Parts, caller: Caller, person: Person, reason: str, error: str) -> Failed:
    note_failure(parts, caller, person, reason)
    failures = parts.volatile.bump("failures-factor", person.account.id, throttle.ACCOUNT_WINDOW_S, 0)
    if failures >= TELL_FROM:
        message = partial(notices.to_person, parts, person, "guessing", caller.now)
        once(parts, "guessing-told", person.account.id, throttle.DAY_S, message)
    return Failed(error)
