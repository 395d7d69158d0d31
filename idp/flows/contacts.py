"""The journey of an account's e-mail addresses and phone numbers: one more, another in its place, or none any more.

What is new is confirmed by a code before anything changes; whose it is otherwise is told to its owner alone. Each change is one batch, judged on
what the account's version was read with, and told to every address that was there before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from idp.audit.events import record
from idp.audit.rights import ContactChanged
from idp.authn import contacts as law
from idp.authn import throttle
from idp.authn.contacts import Contact, How
from idp.authn.identifiers import BadIdentifier, canonical, masked
from idp.authn.identifiers import Identifier as Name
from idp.authn.throttle import Throttled
from idp.errors import Code, Refusal
from idp.flows import notices, one_time, people, sessions
from idp.flows.correction import touched
from idp.flows.one_time import Facts
from idp.flows.people import Caller, Person, attempt, event, identifier, load, note_failure, seen
from idp.flows.provision import identifier_row
from idp.flows.recovery import other_resets
from idp.flows.sessions import SAME_FORM_S
from idp.flows.sign_up import CodeSent, Over, Wrong
from idp.parts import Parts
from idp.ports import Committed, Delete, Holds, Insert, Update, Write
from idp.records import Account, Attribute, Identifier, OneTime, Session
from idp.release.correction import SELF
from keys.index import blind_index
from keys.subjects import sid
from keys.tokens import hash_secret, same

PURPOSE: Final = "verify"
_OWN_PAGE: Final = "yimen/contact"
_TRIES: Final = 2 * law.MOST
"""A try that conflicts means that another change was made, and an account has no room for many."""
_OURS: Final = 1
"""Where among a change's writes it is held that the session lives: who loses there is too late, however often they try."""
_GONE: Final = "contact-removed"
OFFICE_TROUBLE: Final = {
    "account_unknown": "There is no such account.",
    "account_disabled": "The account is suspended: `idp accounts enable` comes first.",
    "account_conflict": "The account changed meanwhile; look again.",
    "identifier_invalid": "This is no e-mail address or phone number.",
    "identifier_taken": "It belongs to another account: nothing was changed.",
    "contact_own": "The account has it already, confirmed.",
    "contact_many": f"The account has {law.MOST} addresses and numbers already: say which one goes with --instead.",
    "contact_last": "It is the last one that anything can be sent to.",
    "contact_unknown": "What is to go is not the account's.",
}
"""Why an operator's change is refused."""


@dataclass(frozen=True, slots=True)
class Held:
    """One of the account's, as its owner's page names it. ``reference`` is opaque; ``told``: services that may see it are told this one;
    ``removable``: what is left is enough."""

    reference: str
    contact: Contact
    row: Identifier
    told: bool = False
    removable: bool = False

    def __repr__(self) -> str:
        return "Held(…)"


@dataclass(frozen=True, slots=True)
class Changed:
    """It is done."""

    how: How


Outcome = Changed | Wrong | Over | Throttled


def held(parts: Parts, person: Person) -> list[Held]:
    """The account's e-mail addresses, then its phone numbers, each kind in the order that it came in."""
    values, mine = parts.vault.claims(person.citizen, [code for code, _ in law.CLAIMS.values()]), _all(parts, person)
    every, found = [one.contact for one in mine], []
    for one in mine:
        name = one.contact.name
        if name.kind in law.CLAIMS:
            told = law.same(values.get(law.CLAIMS[name.kind][0]), name)
            found.append(replace(one, told=told, removable=law.refusal(every, None, name) is None))
    return sorted(found, key=lambda one: one.contact.name.kind)


def named(parts: Parts, person: Person, reference: str) -> Held | None:
    """The account's own of that reference; None for everyone else's, and for what is gone."""
    return next((one for one in held(parts, person) if same(one.reference, reference)), None)


def ask(
    parts: Parts, caller: Caller, person: Person, typed: str, instead: str = ""
) -> CodeSent | Wrong | Throttled | Over:
    """Send a code to what is new, or a notice to whose it is; the browser sees the same. ``instead``: the reference of what it takes the place of."""
    try:
        name = canonical(typed)
    except BadIdentifier:
        return Wrong("identifier", "identifier_invalid" if typed.strip() else "contact_missing")
    gone = named(parts, person, instead) if instead else None
    if instead and gone is None:
        return Over()
    trouble = law.refusal([one.contact for one in _all(parts, person)], name, gone.contact.name if gone else None)
    if trouble is not None:
        return Wrong("identifier", trouble)
    facts = Facts(name.kind, name.canonical, instead=gone.row.id.hex() if gone else "")
    sent = _just_sent(parts, caller, person, facts)
    if sent is not None:
        return sent
    often = one_time.asked_too_often(parts, person.account.id, caller.now)
    if often is not None:
        return often
    return _send(parts, caller, person, facts)


def _send(parts: Parts, caller: Caller, person: Person, facts: Facts) -> CodeSent:
    name = facts.name
    allowed = one_time.may_send(parts, blind_index(parts.ring, name.kind, name.canonical)[0], caller.remote)
    row_id = one_time.offer(
        parts,
        caller,
        PURPOSE,
        facts,
        _others(parts, person, name),
        allowed=allowed,
        notice="contact_code",
        exists="contact_exists",
        person=person,
    )
    return CodeSent(one_time.reference(parts, row_id), masked(name))


def under_way(parts: Parts, caller: Caller, person: Person) -> CodeSent | None:
    """The code that this browser was last sent and has not used yet."""
    found = _newest(parts, caller, person)
    return _sent(parts, *found) if found is not None else None


def _just_sent(parts: Parts, caller: Caller, person: Person, facts: Facts) -> CodeSent | None:
    """The code that this very form had sent a moment ago: sent once more (double click, back) it makes no second one, which alone would work."""
    found = _newest(parts, caller, person)
    if found is None or found[1] != facts or found[0].tries_left <= 0:
        return None
    return _sent(parts, *found) if caller.now < found[0].created_at + SAME_FORM_S * sessions.SECOND else None


def _newest(parts: Parts, caller: Caller, person: Person) -> tuple[OneTime, Facts] | None:
    mine = {"account_id": person.account.id, "purpose": PURPOSE, "state": "open", "browser_hash": caller.browser}
    for row in parts.store.find(OneTime, mine, order=("-created_at",), limit=1):
        return one_time.find(parts, caller, PURPOSE, one_time.reference(parts, row.id), "code")
    return None


def _sent(parts: Parts, row: OneTime, facts: Facts) -> CodeSent:
    return CodeSent(one_time.reference(parts, row.id), masked(facts.name))


def again(parts: Parts, caller: Caller, person: Person, shown: str) -> CodeSent | Throttled | Over:
    """Another code to the same; the first one is dead, but where no other may be asked for."""
    found = _found(parts, caller, person, shown, "open")
    if found is None:
        before = _found(parts, caller, person, shown, "used")
        return (_just_sent(parts, caller, person, before[1]) if before is not None else None) or Over()
    often = one_time.asked_too_often(parts, person.account.id, caller.now)
    if often is not None:
        return often
    parts.store.commit([one_time.use(found[0])])
    return _send(parts, caller, person, found[1])


def confirm(parts: Parts, caller: Caller, person: Person, shown: str, code: str) -> Outcome:
    """Judge the code; a wrong one counts as a failure of the account. The right one makes the change."""
    found = _found(parts, caller, person, shown, "open")
    if found is None:
        return _sent_again(parts, caller, person, shown, code)
    row, facts = found
    if not code.strip():
        return Wrong("code", "code_missing")
    entered = attempt(parts, caller, person.account.id, person)
    if isinstance(entered, Throttled):
        return entered
    if row.tries_left <= 0 or not one_time.guess(parts, row, code):
        meanwhile = _sent_again(parts, caller, person, shown, code)
        if isinstance(meanwhile, Changed):
            throttle.undecided(parts.volatile, entered)
            return meanwhile
        note_failure(parts, caller, person, "wrong_contact_code")
        return Wrong("code", "code_spent" if row.tries_left <= 0 else "sent_code_wrong")
    throttle.undecided(parts.volatile, entered)
    outcome = _change(parts, caller, person, row, facts)
    if isinstance(outcome, Changed):
        return outcome
    meanwhile = _sent_again(parts, caller, person, shown, code)
    return meanwhile if isinstance(meanwhile, Changed) else outcome


def _sent_again(parts: Parts, caller: Caller, person: Person, shown: str, code: str) -> Changed | Over:
    """The form that made the change, once more from its browser (double click, back): with the same code, while the change stands."""
    found = _found(parts, caller, person, shown, "used")
    if found is None or not one_time.is_code(parts, found[0], code):
        return Over()
    row, facts = found
    made = next((one.row for one in _all(parts, person) if one.contact == Contact(facts.name, True)), None)
    if made is None:
        return Over()
    if facts.instead and facts.instead != made.id.hex():
        return Changed("replaced")
    return Changed("confirmed" if made.created_at < row.created_at else "added")


def _change(parts: Parts, caller: Caller, before: Person, row: OneTime, facts: Facts) -> Changed | Wrong | Over:
    """Add what the code confirmed. Of two changes at once the second is judged anew on what the first left."""
    for _ in range(_TRIES):
        person = load(parts, before.account.id)  # the version first, then what it guards
        if person is None:
            return Over()
        mine = _all(parts, person)
        gone = next((one for one in mine if one.row.id.hex() == facts.instead), None)
        if facts.instead and gone is None:
            return Over()
        if _others(parts, person, facts.name) is not None:  # whoever typed the code receives there too
            return Wrong("code", "identifier_taken")
        judged = _judged(parts, caller, person, mine, facts.name, gone)
        if isinstance(judged, Wrong):
            return Wrong("code", judged.error)
        done = parts.store.commit([one_time.use(row), *judged[1]])
        if isinstance(done, Committed):
            return Changed(judged[0])
        if done.index in (0, 1 + _OURS):  # the code was used, or the session is over
            return Over()
    return Over()


def remove(parts: Parts, caller: Caller, before: Person, reference: str) -> Changed | Wrong | Over:
    """Take one away. The form that did it, sent once more within a minute, is answered as the first was."""
    mark = hash_secret(parts.ring, "same-form", caller.browser + before.account.id + reference.encode())
    for _ in range(_TRIES):
        person = load(parts, before.account.id)
        gone = named(parts, person, reference) if person is not None else None
        if person is None or gone is None:
            return Changed("removed") if parts.volatile.peek(_GONE, mark) is not None else Over()
        judged = _judged(parts, caller, person, _all(parts, person), None, gone)
        if isinstance(judged, Wrong):
            return judged
        parts.volatile.put(_GONE, mark, b"1", SAME_FORM_S)  # before: of two at once the other may look at once
        done = parts.store.commit(judged[1])
        if isinstance(done, Committed):
            return Changed(judged[0])
        if done.index == _OURS:
            return Over()
    return Over()


def _judged(
    parts: Parts, caller: Caller, person: Person, mine: Sequence[Held], added: Name | None, gone: Held | None
) -> Wrong | tuple[How, list[Write]]:
    """The change in one word, and its writes; they conflict where the account is another meanwhile, or the session is over."""
    removed, before = gone.contact.name if gone else None, [one.contact for one in mine]
    trouble = law.refusal(before, added, removed)
    if trouble is not None or caller.session is None:
        return Wrong("", trouble or "form_expired")
    now, how = caller.now, law.how(before, added, removed)
    name = added or removed
    assert name is not None
    fact = ContactChanged(how=how, channel=name.kind, reference=caller.reference)
    writes: list[Write] = [
        _next_version(
            person, now
        ),  # before the session, so that two changes of one account wait in line and not for one another
        Holds(Session, {"id": caller.session.id, "ended_at": None}),
        *_written(parts, person, mine, added, gone, now),
        *seen(parts, caller, event(parts, caller, fact, person.citizen, address=True), person.citizen),
        *notices.to_person(parts, person, f"contact_{how}", now),
    ]
    if how in ("replaced", "removed"):
        # Whoever reads mail there may have asked for a new password, and may be signed in by one.
        writes += [
            other_resets(person.account.id),
            *sessions.end_all(parts, person.account.id, "contact_changed", now, keep=caller.session),
        ]
    return how, writes


def by_office(parts: Parts, typed: str, new: str, instead: str, reason: str, *, now: int) -> How:
    """What the operator sets for somebody who proved who they are: ``new`` is confirmed by that, and may take the place of ``instead``, which alone
    goes where the account has the new one already. Everything of the account ends, as by a new password; old and new addresses are told.

    ``reason``: a stable word, for the event. Raises Refusal.
    """
    person = people.meant(parts, typed).person
    if person is None:
        raise _refused("account_unknown")
    if not person.active:
        raise _refused("account_disabled")
    mine = _all(parts, person)
    gone = next((one for one in mine if instead and one.contact.name == _canonical(instead)), None)
    added: Name | None = _canonical(new)
    if instead and gone is None:
        raise _refused("contact_unknown")
    if _others(parts, person, _canonical(new)) is not None:
        raise _refused("identifier_taken")
    before, removed = [one.contact for one in mine], gone.contact.name if gone else None
    if removed != added and removed is not None and added is not None and Contact(added, True) in before:
        added = None
    trouble = law.refusal(before, added, removed)
    if trouble is not None:
        raise _refused(trouble)
    how, name, account = law.how(before, added, removed), _canonical(new), person.account
    fact = ContactChanged(how=how, channel=name.kind, by="cli", reason=reason)
    writes: list[Write] = [
        _next_version(person, now),
        *_written(parts, person, mine, added, gone, now),
        other_resets(account.id),
        *sessions.end_all(parts, account.id, "contact_changed" if removed else "staff", now),
        record(fact, at=now, entropy=parts.entropy, person=person.citizen),
        *notices.to_person(parts, person, f"contact_{how}", now),
    ]
    if added is not None:
        writes.append(notices.message(parts, name, "contact_office", account.locale, now, owner=person.citizen))
    if not isinstance(parts.store.commit(writes), Committed):
        raise _refused("account_conflict")
    throttle.clear(parts.volatile, account.id)
    return how


def _canonical(typed: str) -> Name:
    try:
        return canonical(typed)
    except BadIdentifier:
        raise _refused("identifier_invalid") from None


def _refused(why: str) -> Refusal:
    return Refusal(Code.INVALID_REQUEST, OFFICE_TROUBLE[why], reason=why)


def _next_version(person: Person, now: int) -> Update:
    """It conflicts where the account is another meanwhile."""
    account = person.account
    where = {"id": account.id, "version": account.version, "status": "active"}
    return Update(Account, where, {"version": account.version + 1, "updated_at": now})


def _written(
    parts: Parts, person: Person, mine: Sequence[Held], added: Name | None, gone: Held | None, now: int
) -> list[Write]:
    """The change itself."""
    left = law.after([one.contact for one in mine], added, removed := gone.contact.name if gone else None)
    return [
        *_identifiers(parts, person, mine, added, gone, now),
        *_claims(parts, person, left, added, removed, now),
        touched(parts, person, now),
    ]


def _identifiers(
    parts: Parts, person: Person, mine: Sequence[Held], added: Name | None, gone: Held | None, now: int
) -> list[Write]:
    own = next((one.row for one in mine if one.contact.name == added), None)
    writes: list[Write] = []
    if own is not None:
        writes.append(Update(Identifier, {"id": own.id, "verified_at": None}, {"verified_at": now}))
    elif added is not None:
        writes.append(Insert(identifier_row(parts.ring, person.citizen, added, parts.entropy(16), now, verified=True)))
    if gone is not None and gone.row is not own:
        writes.append(Delete(Identifier, {"id": gone.row.id, "account_id": person.account.id}, rows=1))
    return writes


def _claims(
    parts: Parts, person: Person, left: Sequence[Contact], added: Name | None, removed: Name | None, now: int
) -> list[Write]:
    """What services are told follows; what a code proved is the citizen's own word from then on."""
    rows = {
        row.code: row for row in parts.vault.rows(person.citizen, [code for two in law.CLAIMS.values() for code in two])
    }
    values = person.citizen.open_claims(list(rows.values()))
    writes: list[Write] = []
    for kind, (code, mark) in law.CLAIMS.items():
        told = law.told(kind, values.get(code), left, added, removed)
        if told is None or (told.value == values.get(code) and values.get(mark) is True):
            continue
        for one, value in ((code, told.value), (mark, True if told.value is not None else None)):
            writes += _claim(person, rows.get(one), one, value, now)
    return writes


def _claim(person: Person, row: Attribute | None, code: str, value: str | bool | None, now: int) -> list[Write]:
    """A compare-and-swap on what was read."""
    if row is None:
        return [] if value is None else [Insert(person.citizen.seal_claim(code, value, 1, SELF, now))]
    where = {"account_id": row.account_id, "code": code, "row_version": row.row_version}
    if value is None:
        return [Delete(Attribute, where, rows=1)]
    made = person.citizen.seal_claim(code, value, row.row_version + 1, SELF, now)
    changed = {"sealed": made.sealed, "row_version": made.row_version, "source": SELF, "updated_at": now}
    return [Update(Attribute, where, changed)]


def _all(parts: Parts, person: Person) -> list[Held]:
    rows = parts.store.find(Identifier, {"account_id": person.account.id}, order=("created_at", "id"))
    return [
        Held(
            sid(parts.ring, row.id, _OWN_PAGE)[:22],
            Contact(people.name_of(person.citizen, row), row.verified_at is not None),
            row,
        )
        for row in rows
    ]


def _others(parts: Parts, person: Person, name: Name) -> Identifier | None:
    """The row by which another account has it."""
    row = identifier(parts, name)
    return row if row is not None and row.account_id != person.account.id else None


def _found(parts: Parts, caller: Caller, person: Person, shown: str, state: str) -> tuple[OneTime, Facts] | None:
    found = one_time.find(parts, caller, PURPOSE, shown, "code", state=state)
    return found if found is not None and found[0].account_id == person.account.id else None
