"""The journeys of a forgotten and of a changed password. Both end every other session and every token, and tell the citizen; neither
touches the second factor (OWASP ASVS 6.4.3)."""

from dataclasses import dataclass

from idp.audit.events import PasswordChanged
from idp.authn import throttle
from idp.authn.identifiers import Identifier as Name
from idp.authn.identifiers import masked
from idp.authn.throttle import Throttled
from idp.flows import notices, one_time, secrets, sessions
from idp.flows.one_time import Facts
from idp.flows.people import (
    Caller,
    Meant,
    Person,
    attempt,
    event,
    load,
    meant,
    no_names,
    note_failure,
    password_right,
    reachable,
    seen,
)
from idp.flows.sign_in import SignedIn
from idp.flows.sign_up import CodeSent, Confirmed, Over, Wrong
from idp.parts import Parts
from idp.ports import Committed, Update, Write
from idp.records import OneTime

PURPOSE = one_time.RESET


@dataclass(frozen=True, slots=True)
class Changed:
    """The password is new; nobody is signed in by it. ``username`` for the sign-in page."""

    username: str


def ask(parts: Parts, caller: Caller, typed: str) -> CodeSent | Wrong:
    """Send a code to a confirmed address of the account, if there is one; the browser sees the same either way."""
    if not typed.strip():
        return Wrong("identifier", "identifier_missing")
    who = meant(parts, typed)
    told = masked(who.name) if who.name else "***"
    shown = one_time.sent_again(parts, caller, PURPOSE, typed)
    if shown is not None:
        return CodeSent(shown, told)
    allowed = one_time.may_send(parts, who.subject, caller.remote)
    target = _target(parts, who) if allowed else None
    kind, value = (who.name.kind, who.name.canonical) if who.name else ("username", "?")
    facts = Facts(kind, value, to=target.canonical if target else "")
    row_id, writes = one_time.make(parts, caller, PURPOSE, facts, to=target, notice="reset_code", person=who.person)
    parts.store.commit(writes)
    one_time.remember(parts, caller, PURPOSE, typed, row_id)
    return CodeSent(one_time.reference(parts, row_id), told)


def _target(parts: Parts, who: Meant) -> Name | None:
    """Where the code goes: the stored address that was typed if it is confirmed, else the account's first e-mail address, else its phone.

    None for nobody and for a suspended account, after the same read.
    """
    if who.person is None or not who.person.active:
        no_names(parts)
        return None
    known = reachable(parts, who.person.citizen)
    return who.name if who.name is not None and who.name in known else next(iter(known), None)


def again(parts: Parts, caller: Caller, shown: str | None) -> CodeSent | Wrong | Over:
    """Another code; the first one is dead."""
    found = one_time.find_to_replace(parts, caller, PURPOSE, shown)
    if found is None:
        return Over()
    parts.store.commit([one_time.use(found[0])])
    return ask(parts, caller, found[1].value)


def confirm(parts: Parts, caller: Caller, shown: str | None, code: str) -> Confirmed | Wrong | Over | Throttled:
    """Judge the code; a wrong one counts as a failure of the account. The right one becomes a ticket."""
    found = one_time.find(parts, caller, PURPOSE, shown, "code")
    if found is None:
        return Over()
    row, facts = found
    if not code.strip():
        return Wrong("code", "code_missing")
    who = meant(parts, facts.value)
    entered = attempt(parts, caller, who.subject, who.person)
    if isinstance(entered, Throttled):
        return entered
    if row.tries_left <= 0 or not one_time.guess(parts, row, code):
        note_failure(parts, caller, who.person, "wrong_reset_code")
        return Wrong("code", "code_spent" if row.tries_left <= 0 else "sent_code_wrong")
    ticket_id, ticket = one_time.ticket(parts, caller, PURPOSE, facts, row.account_id)
    if not isinstance(parts.store.commit([one_time.use(row), ticket]), Committed):
        return Over()
    throttle.undecided(parts.volatile, entered)
    return Confirmed(one_time.reference(parts, ticket_id), facts.value)


def ticket_of(parts: Parts, caller: Caller, shown: str | None) -> tuple[Confirmed, Person] | None:
    """The confirmed account that a form names, to show the form again."""
    found = one_time.find(parts, caller, PURPOSE, shown, "ticket")
    person = load(parts, found[0].account_id) if found and found[0].account_id else None
    if found is None or person is None or not person.active:
        return None
    facts, known = found[1], reachable(parts, person.citizen)
    by_password = facts.by == "password"
    if by_password and known:  # since then, or by an earlier version
        return None
    if facts.to and facts.to not in [
        name.canonical for name in known
    ]:  # it was the account's when the code was asked for
        return None
    return Confirmed(shown or "", facts.value, by_password), person


def finish(parts: Parts, caller: Caller, shown: str | None, password: str, repeated: str) -> Changed | Wrong | Over:
    """Set the new password, end everything, tell the citizen. Raises Unavailable when the hash queue is full."""
    found, known = one_time.find(parts, caller, PURPOSE, shown, "ticket"), ticket_of(parts, caller, shown)
    if found is None or known is None:
        return Over()
    person = known[1]
    trouble = secrets.problem(parts, password, repeated, (), person)
    if trouble is not None:
        return Wrong("repeat_password" if trouble == "password_differs" else "new_password", trouble)
    writes: list[Write] = [
        one_time.use(found[0]),
        other_resets(person.account.id),
        secrets.replace(parts, person, password, caller.now),
        *sessions.end_all(parts, person.account.id, "password_changed", caller.now),
        *_changed(parts, caller, person, "reset" if found[1].by == "code" else "change"),
        *notices.to_person(parts, person, "password_changed", caller.now),
    ]
    if not isinstance(parts.store.commit(writes), Committed):
        return Over()
    throttle.clear(parts.volatile, person.account.id)
    return Changed(known[0].username)


def sent_again(parts: Parts, caller: Caller, shown: str | None, password: str) -> Changed | Over:
    """The form that set the password, once more from its browser (double click, back). Another ticket's end is no such thing, nor is another
    password: the one that is sent has to be the account's."""
    found = one_time.find(parts, caller, PURPOSE, shown, "ticket", state="used")
    person = load(parts, found[0].account_id) if found and found[0].account_id else None
    if found is None or person is None or not person.active:
        return Over()
    return Changed(found[1].value) if _is_theirs(parts, caller, person, password, "wrong_password") is True else Over()


def _is_theirs(parts: Parts, caller: Caller, person: Person, password: str, reason: str) -> bool | Throttled:
    """Whether it is the account's password; a wrong one counts. Raises Unavailable when the hash queue is full."""
    entered = attempt(parts, caller, person.account.id, person)
    if isinstance(entered, Throttled):
        return entered
    right = password_right(parts, entered, person.phc(), password)
    if right:
        throttle.undecided(parts.volatile, entered)
    else:
        note_failure(parts, caller, person, reason)
    return right


def other_resets(account_id: bytes) -> Write:
    """The write that ends every outstanding reset of an account: after a change of password they are worth nothing."""
    where = {"account_id": account_id, "purpose": PURPOSE, "state": "open"}
    return Update(OneTime, where, {"state": "used"}, rows=None)


def change(
    parts: Parts, caller: Caller, person: Person, present: str, password: str, repeated: str
) -> SignedIn | Wrong | Throttled | Over:
    """Change the password inside a session, with the present one; this session goes on under a new token, all others end."""
    if caller.session is None:
        return Over()
    if not present:
        return Wrong("password", "password_missing")
    right = _is_theirs(parts, caller, person, present, "wrong_present_password")
    if isinstance(right, Throttled):
        return right
    if not right:
        return Wrong("password", "password_wrong")
    trouble = "password_same" if password == present else secrets.problem(parts, password, repeated, (), person)
    if trouble is not None:
        return Wrong("repeat_password" if trouble == "password_differs" else "new_password", trouble)
    started = sessions.rotate(parts, person.citizen, caller.session, caller.now)
    writes: list[Write] = [
        *started.writes,
        other_resets(person.account.id),
        secrets.replace(parts, person, password, caller.now),
        *sessions.end_all(parts, person.account.id, "password_changed", caller.now, keep=caller.session),
        *_changed(parts, caller, person, "change"),
        *notices.to_person(parts, person, "password_changed", caller.now),
    ]
    if not isinstance(parts.store.commit(writes), Committed):
        return Over()
    throttle.clear(parts.volatile, person.account.id)
    parts.volatile.several((throttle.remembering(caller.browser, person.account.id, caller.now),))
    return SignedIn(started.token, started.session)


def _changed(parts: Parts, caller: Caller, person: Person, how: str) -> tuple[Write, ...]:
    told = event(parts, caller, PasswordChanged(how=how), person.citizen, address=True)
    return seen(parts, caller, told, person.citizen)
