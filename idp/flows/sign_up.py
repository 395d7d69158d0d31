"""The journey of a new account: an address confirmed by a code, then name and password. An address that has an account answers alike outside."""

from dataclasses import dataclass

from idp.audit.events import AccountCreated, PasswordChanged
from idp.authn.assurance import PASSWORD
from idp.authn.identifiers import BadIdentifier, canonical, masked
from idp.authn.identifiers import Identifier as Name
from idp.flows import one_time, secrets
from idp.flows.one_time import Facts
from idp.flows.people import Caller, Person, event, identifier, seen
from idp.flows.provision import identifier_row, password_row
from idp.flows.sign_in import SignedIn, begin_session, with_password
from idp.parts import Parts
from idp.ports import Committed, Insert, Write
from idp.records import Account, OneTime, Password
from idp.release.correction import BadValue, name_of
from idp.release.vault import Citizen
from keys.index import blind_index

PURPOSE = "sign-up"


@dataclass(frozen=True, slots=True)
class CodeSent:
    """Ask for the code. ``ticket`` names the row in the next form; ``sent_to`` is masked."""

    ticket: str
    sent_to: str


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The address is the caller's: ask for name and password. ``username`` for password managers; ``longer``: the present one is too short."""

    ticket: str
    username: str
    longer: bool = False


@dataclass(frozen=True, slots=True)
class Wrong:
    """Show the form again. ``field`` and ``error``: a key of the wording."""

    field: str
    error: str


@dataclass(frozen=True, slots=True)
class Over:
    """The code or ticket is used, too old, or another browser's: begin again."""


def ask(parts: Parts, caller: Caller, typed: str, locale: str | None = None) -> CodeSent | Wrong:
    """Send a code to an address that has no account, a notice to one that has; the browser sees the same. ``locale``: of the page that asks."""
    try:
        name = canonical(typed)
    except BadIdentifier:
        return Wrong("identifier", "identifier_invalid" if typed.strip() else "identifier_missing")
    if name.kind == "username":
        return Wrong("identifier", "identifier_invalid")
    shown = one_time.sent_again(parts, caller, PURPOSE, typed)
    if shown is not None:
        return CodeSent(shown, masked(name))
    allowed = one_time.may_send(parts, blind_index(parts.ring, name.kind, name.canonical)[0], caller.remote)
    facts = Facts(name.kind, name.canonical)
    row_id = one_time.offer(
        parts,
        caller,
        PURPOSE,
        facts,
        identifier(parts, name),
        allowed=allowed,
        notice="sign_up_code",
        exists="exists",
        locale=locale,
    )
    one_time.remember(parts, caller, PURPOSE, typed, row_id)
    return CodeSent(one_time.reference(parts, row_id), masked(name))


def again(parts: Parts, caller: Caller, shown: str | None, locale: str | None = None) -> CodeSent | Wrong | Over:
    """Another code to the same address; the first one is dead."""
    found = one_time.find_to_replace(parts, caller, PURPOSE, shown)
    if found is None:
        return Over()
    parts.store.commit([one_time.use(found[0])])
    return ask(parts, caller, found[1].value, locale)


def confirm(parts: Parts, caller: Caller, shown: str | None, code: str) -> Confirmed | Wrong | Over:
    """Judge the code; the right one is used up and becomes a ticket to choose a password with."""
    found = one_time.find(parts, caller, PURPOSE, shown, "code")
    if found is None:
        return Over()
    row, facts = found
    if not code.strip():
        return Wrong("code", "code_missing")
    if row.tries_left <= 0:
        return Wrong("code", "code_spent")
    if not one_time.guess(parts, row, code):
        return Wrong("code", "sent_code_wrong")
    ticket_id, ticket = one_time.ticket(parts, caller, PURPOSE, facts, None)
    if not isinstance(parts.store.commit([one_time.use(row), ticket]), Committed):
        return Over()
    return Confirmed(one_time.reference(parts, ticket_id), facts.value)


def ticket_of(parts: Parts, caller: Caller, shown: str | None) -> Confirmed | None:
    """The confirmed address that a form names, to show the form again."""
    found = one_time.find(parts, caller, PURPOSE, shown, "ticket")
    return Confirmed(shown or "", found[1].value) if found else None


def finish(
    parts: Parts, caller: Caller, shown: str | None, full_name: str, password: str, repeated: str, locale: str
) -> SignedIn | Wrong | Over:
    """Make the account with its confirmed address, name and password, and sign in. Raises Unavailable when the hash queue is full."""
    found = one_time.find(parts, caller, PURPOSE, shown, "ticket")
    if found is None:
        return Over()
    row, facts = found
    try:
        said = name_of(full_name)
    except BadValue as error:
        return Wrong("name", error.error)
    trouble = secrets.problem(parts, password, repeated, (facts.value, said), None)
    if trouble is not None:
        return Wrong("repeat_password" if trouble == "password_differs" else "new_password", trouble)
    person = _create(parts, caller, row, facts.name, said, password, locale)
    return Over() if person is None else begin_session(parts, caller, person, (PASSWORD,), [])


def sent_again(parts: Parts, caller: Caller, shown: str | None, password: str) -> SignedIn | Over:
    """The form that made an account, once more from its browser (double click, back): it signs in with the password that it chose."""
    found = one_time.find(parts, caller, PURPOSE, shown, "ticket", state="used")
    outcome = with_password(parts, caller, found[1].value, password) if found is not None else None
    return outcome if isinstance(outcome, SignedIn) else Over()


def _create(
    parts: Parts, caller: Caller, row: OneTime, name: Name, said: str, password: str, locale: str
) -> Person | None:
    account_id, now = parts.entropy(16), caller.now
    phc = parts.hasher.hash(password)
    citizen = parts.vault.create(account_id)
    account = Account(account_id, "active", "", parts.ring.current("pairwise")[0], locale, 1, now, now)
    secret: Password = password_row(citizen, phc, now)
    writes: list[Write] = [
        one_time.use(row),
        Insert(account),
        Insert(identifier_row(parts.ring, citizen, name, parts.entropy(16), now, verified=True)),
        Insert(secret),
        *_claims(citizen, name, said, locale, now),
        event(parts, caller, AccountCreated(how="sign-up"), citizen),
        *seen(parts, caller, event(parts, caller, PasswordChanged(how="sign-up"), citizen, address=True), citizen),
    ]
    if isinstance(parts.store.commit(writes), Committed):
        return Person(account, citizen, secret)
    parts.keyring.destroy(account_id)
    return None


def _claims(citizen: Citizen, name: Name, said: str, locale: str, now: int) -> list[Write]:
    values: dict[str, object] = {"locale": locale, "updated_at": now // 1_000_000}
    if said:
        values["name"] = said
    if name.kind == "email":
        values |= {"email": name.canonical, "email_verified": True}
    else:
        values |= {"phone_number": name.canonical, "phone_number_verified": True}
    return [Insert(citizen.seal_claim(code, value, 1, "self", now)) for code, value in values.items()]
