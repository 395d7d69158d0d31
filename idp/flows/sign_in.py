"""The journey of signing in with identifier and password: the same answer, and the same work, for every reason to say no."""

from collections.abc import Callable
from dataclasses import dataclass

from idp.audit.events import SignedIn as SignedInEvent
from idp.authn import passwords, throttle
from idp.authn.assurance import PASSWORD, acr, amr
from idp.authn.identifiers import Identifier as Name
from idp.authn.throttle import Attempt, Throttled
from idp.errors import Unavailable
from idp.flows import erasure, one_time, pending, sessions
from idp.flows.people import (
    Caller,
    Person,
    attempt,
    event,
    factor_due,
    meant,
    note_failure,
    password_right,
    reachable,
    rehashed,
    seen,
)
from idp.flows.sessions import SAME_FORM_S, Where, alive
from idp.parts import Parts
from idp.ports import Committed, Conflict, Put, Verb, Write
from idp.protocol.second_factor import Wanted
from idp.records import Session
from keys.tokens import Opaque


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session began or was renewed; ``token`` goes into the cookie. ``kept``: this sign-in cancelled a deletion of the account."""

    token: Opaque
    session: Session
    kept: bool = False


@dataclass(frozen=True, slots=True)
class NeedSecondFactor:
    """The password was right; no session before the second factor is."""


@dataclass(frozen=True, slots=True)
class NeedEnrolment:
    """The password was right; this account must set up a second factor before it has a session."""


@dataclass(frozen=True, slots=True)
class NeedMailedCode:
    """The password was right, and no second factor stands beside it any more, without which it is too short: a code that is sent to the account's
    address has to come with it before another is set."""


@dataclass(frozen=True, slots=True)
class NeedLongerPassword:
    """As :class:`NeedMailedCode`, where no code can be sent. ``ticket``: the right to set another password."""

    ticket: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A wrong proof. ``error`` is the key of what the page may say: the same for every reason."""

    error: str = "credentials"


Outcome = SignedIn | NeedSecondFactor | NeedEnrolment | NeedMailedCode | NeedLongerPassword | Failed | Throttled


def with_password(parts: Parts, caller: Caller, typed: str, password: str) -> Outcome:
    """Judge identifier and password. Unknown, wrong and disabled differ in the log alone (OWASP ASVS 6.3.8).

    Raises Unavailable when the hash queue is full; such a try is not counted.
    """
    who = meant(parts, typed)
    entered = attempt(parts, caller, who.subject, who.person)
    if isinstance(entered, Throttled):
        return entered
    person = who.person
    phc = person.phc() if person is not None else None
    right = password_right(parts, entered, phc, password)
    if person is None or phc is None or not right or not person.active:
        reason = "unknown_identifier" if person is None else "account_disabled" if right else "wrong_password"
        note_failure(parts, caller, person, reason)
        return Failed()
    short = not passwords.alone(password, parts.config.password_min)
    factor = factor_due(parts, person.account, acr(PASSWORD), Wanted(short_password=short))
    if factor is None and short and who.name is not None:
        throttle.undecided(parts.volatile, entered)
        return _longer(parts, caller, person, who.name)
    renewed = rehashed(parts, person, phc, password)
    if factor is None:
        return begin_session(parts, caller, person, (PASSWORD,), renewed, entered)
    throttle.undecided(parts.volatile, entered)
    if renewed:
        parts.store.commit(renewed)
    pending.keep(parts, caller, person, "sign-in" if factor.enrolled else "enrol")
    return NeedSecondFactor() if factor.enrolled else NeedEnrolment()


def _longer(parts: Parts, caller: Caller, person: Person, name: Name) -> NeedMailedCode | NeedLongerPassword:
    """Eight characters can be guessed: they own no account that has a better proof to offer."""
    if reachable(parts, person.citizen):
        return NeedMailedCode()
    facts = one_time.Facts(name.kind, name.canonical, by="password")
    row_id, ticket = one_time.ticket(parts, caller, one_time.RESET, facts, person.account.id)
    if not isinstance(parts.store.commit([ticket]), Committed):
        raise Unavailable("database")
    return NeedLongerPassword(one_time.reference(parts, row_id))


def begin_session(
    parts: Parts,
    caller: Caller,
    person: Person,
    proofs: tuple[str, ...],
    writes: list[Write],
    entered: Attempt | None = None,
) -> SignedIn:
    """Start or renew the session of a person who just proved who they are, in one batch with ``writes`` (none of which may conflict).
    ``entered``: the try that succeeded.

    A deletion of the account that still waits is cancelled by it. Raises Unavailable when one has just begun.
    """
    begun = begin_once(parts, caller, person, proofs, writes, entered)
    if begun is None:
        raise Unavailable("session")
    return begun


def begin_once(
    parts: Parts,
    caller: Caller,
    person: Person,
    proofs: tuple[str, ...],
    use: list[Write],
    entered: Attempt | None = None,
    *,
    session_id: bytes = b"",
    won: Callable[[Session], Verb] | None = None,
) -> SignedIn | None:
    """As :func:`begin_session`, for a proof that works once: None where ``use[0]`` conflicts, as it was used meanwhile.

    ``session_id``: see :func:`idp.flows.sessions.start`; ``won``: what to remember of the session.
    """
    before, other, writes = _same_sign_in(parts, caller, person), caller.session, use
    moved = before is not None and (other is None or other.id != before.id)
    if other is not None and moved:
        writes = [*writes, *sessions.end(parts, other, "superseded", caller.now)]
    row = erasure.asked_for(parts, person.account.id)
    cancelling = erasure.cancelling(parts, caller, person, row)
    # The form sent once more tells it too: its answer may be the one that is seen.
    kept = bool(cancelling) or (before is not None and moved and erasure.cancelled_by(row, before))
    again = before is not None and before.amr == amr(proofs)
    started, done = _begin(
        parts, caller, person, proofs, [*writes, *cancelling], before or other, session_id, again=again
    )
    if isinstance(done, Conflict) and not (use and done.index == 0):
        # The old session ended or was renewed meanwhile, or another sign-in kept the account: begin a new one.
        cancelling = erasure.cancelling(parts, caller, person, erasure.asked_for(parts, person.account.id))
        if other is not None and not moved and other.account_id != person.account.id:
            # Another citizen's, which a first try would have ended.
            left = parts.store.one(Session, id=other.id, ended_at=None)
            writes = [*writes, *(sessions.end(parts, left, "superseded", caller.now) if left is not None else ())]
        started, done = _begin(parts, caller, person, proofs, [*writes, *cancelling], None, b"", again=False)
    if isinstance(done, Conflict):
        if use and done.index == 0:
            return None
        raise Unavailable("session")
    parts.volatile.several(
        (
            *(throttle.succeeded(entered) if entered is not None else ()),
            *((won(started.session),) if won is not None else ()),
            Put("sign-in", _same_key(caller, person), started.session.id, SAME_FORM_S),
            throttle.remembering(caller.browser, person.account.id, person.password_changed_at),
            pending.forgetting(caller),
        )
    )
    return SignedIn(started.token, started.session, kept)


def _begin(
    parts: Parts,
    caller: Caller,
    person: Person,
    proofs: tuple[str, ...],
    writes: list[Write],
    previous: Session | None,
    session_id: bytes,
    *,
    again: bool,
) -> tuple[sessions.Started, Committed | Conflict]:
    methods = amr(proofs)
    where = Where(caller.device, caller.remote)
    started = sessions.start(
        parts, person.citizen, methods, acr(methods), previous, caller.now, where, session_id=session_id
    )
    fact = SignedInEvent(session=started.session.id.hex(), amr=methods, acr=acr(methods), reference=caller.reference)
    new: tuple[Write, ...] = ()
    if not again:
        told = event(parts, caller, fact, person.citizen, address=True, device=True)
        new = seen(parts, caller, told, person.citizen)
    return started, parts.store.commit([*writes, *started.writes, *new])


def _same_sign_in(parts: Parts, caller: Caller, person: Person) -> Session | None:
    """The session that this very form began a moment ago (double click, back button)."""
    session_id = parts.volatile.peek("sign-in", _same_key(caller, person))
    session = parts.store.one(Session, id=session_id) if session_id else None
    return session if session is not None and alive(session, caller.now, parts.config.session_idle) else None


def _same_key(caller: Caller, person: Person) -> bytes:
    return caller.browser + caller.flow + person.account.id
