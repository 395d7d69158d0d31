"""What the operator does to accounts by the command line, and the one-time link by which a member of staff begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from idp.audit.events import AccountChanged, AccountCreated, FactorRemoved, OneTimeSent, PasswordChanged, record
from idp.authn.identifiers import BadIdentifier, canonical
from idp.errors import Code, Refusal
from idp.flows import notices, pending, secrets, sessions
from idp.flows.factors import removal
from idp.flows.one_time import use
from idp.flows.people import Caller, Person, event, identifier, meant, seen, totp
from idp.flows.provision import (
    ROLES,
    AccountDocument,
    add_account,
    check_values,
    identifier_row,
    password_row,
    read_account,
    read_identifiers,
)
from idp.flows.recovery import other_resets
from idp.flows.sign_in import NeedEnrolment, with_password
from idp.flows.sign_up import Over, Wrong
from idp.parts import Parts
from idp.ports import Committed, Insert, Update, Write
from idp.records import Account, OneTime
from idp.release.correction import BadValue, name_of
from keys.tokens import new_token, open_flow, seal_flow, token_hash

PURPOSE: Final = "staff"
LINK_S: Final = 1800
_SECOND: Final = 1_000_000


PASSWORD_TROUBLE: Final = {
    "password_new_missing": "it is empty",
    "password_short": "it is shorter than {least} characters",
    "password_long": "it is longer than 128 characters",
    "password_weak": "it is easy to guess",
    "password_breached": "it is in the list of stolen passwords",
    "password_personal": "it holds the name, an address or a number of its owner",
}
"""Why a password is not accepted, in words for an operator."""


class Invitation(msgspec.Struct, frozen=True):
    """What a staff link is good for."""

    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Invited:
    """A link that still works."""

    row: OneTime
    roles: tuple[str, ...]


def set_roles(parts: Parts, typed: str, roles: Sequence[str], *, now: int) -> None:
    """Give an account exactly these roles; its sessions and tokens end. Raises Refusal for an unknown account or role."""
    person = _person(parts, typed)
    chosen = _roles(roles)
    changed = {"roles": " ".join(chosen), "version": person.account.version + 1, "updated_at": now}
    fact = AccountChanged(what="roles", value=" ".join(chosen), by="cli")
    _commit(
        parts,
        [
            Update(Account, {"id": person.account.id, "version": person.account.version}, changed),
            *sessions.end_all(parts, person.account.id, "staff", now),
            record(fact, at=now, entropy=parts.entropy, person=person.citizen),
        ],
    )


def set_status(parts: Parts, typed: str, status: str, reason: str, *, now: int) -> bool:
    """Suspend an account (``disabled``) or let it on again (``active``); either way its sessions, grants and open resets end, for good.

    ``reason``: a stable word, for the event. False when it has that status already. Raises Refusal for an unknown account.
    """
    person = _person(parts, typed)
    account = person.account
    if account.status == status:
        return False
    changed = {"status": status, "version": account.version + 1, "updated_at": now}
    fact = AccountChanged(what="status", value=status, by="cli", reason=reason)
    _commit(
        parts,
        [
            Update(Account, {"id": account.id, "version": account.version}, changed),
            # On the way back too: a request that was under way at the suspension may have left something behind it.
            *sessions.end_all(parts, account.id, "disabled", now),
            other_resets(account.id),
            record(fact, at=now, entropy=parts.entropy, person=person.citizen),
        ],
    )
    return True


def enter_accounts(parts: Parts, documents: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """Make the accounts that an operator wrote down; their ids. Passwords obey the policy of sign-up; none is made when one of them does not.

    Raises Refusal that names the document by its number.
    """
    read = [read_account(document) for document in documents]
    for number, document in enumerate(read, 1):
        check_values(parts, document.claims)
        trouble = _password_trouble(parts, document)
        if trouble is not None:
            text = f"The password of account {number} is not accepted: {trouble}."
            raise Refusal(Code.INVALID_REQUEST, text, reason="account_password")
    return [add_account(parts, document, how="cli") for document in read]


def _password_trouble(parts: Parts, document: AccountDocument) -> str | None:
    if document.password is None:
        return None
    about = [name.canonical for name in read_identifiers(document.identifiers)]
    about += [value for code in secrets.PERSONAL if isinstance(value := document.claims.get(code), str)]
    factor = document.totp_secret is not None
    found = secrets.trouble(parts, document.password, about, factor)
    return PASSWORD_TROUBLE[found].format(least=secrets.shortest(parts, factor)) if found else None


def reset_factor(parts: Parts, typed: str, reason: str, *, now: int) -> bool:
    """Take the second factor of an account away, end its sessions and tokens, tell the citizen. False when there is none.

    ``reason``: lost, stolen, broken or requested. Raises Refusal for an unknown account.
    """
    person = _person(parts, typed)
    if totp(parts, person.account.id) is None:
        return False
    fact = FactorRemoved(factor="totp", by="cli", reason=reason)
    _commit(
        parts,
        [
            *removal(person.account.id, now),
            *sessions.end_all(parts, person.account.id, "factor_reset", now),
            record(fact, at=now, entropy=parts.entropy, person=person.citizen),
            *notices.to_person(parts, person, "totp_removed", now),
        ],
    )
    return True


def staff_link(parts: Parts, roles: Sequence[str], *, now: int) -> str:
    """A link, good once and for thirty minutes, with which a member of staff makes an account with these roles. Raises Refusal."""
    chosen = _roles(roles)
    if not chosen:
        raise Refusal(Code.INVALID_REQUEST, "A staff link needs a role.", reason="account_roles")
    token = new_token(parts.ring, "one-time", parts.entropy)
    sealed = seal_flow(parts.ring, "one-time/staff", msgspec.json.encode(Invitation(chosen)), parts.entropy)
    row = OneTime(
        id=parts.entropy(16),
        hash=token.hash,
        purpose=PURPOSE,
        account_id=None,
        browser_hash=None,
        sealed=sealed.encode(),
        tries_left=1,
        state="open",
        created_at=now,
        expires_at=now + LINK_S * _SECOND,
    )
    _commit(parts, [Insert(row), record(OneTimeSent(purpose=PURPOSE), at=now, entropy=parts.entropy)])
    return f"{parts.config.issuer}/staff/{token.token}"


def invitation(parts: Parts, token: str, now: int) -> Invited | None:
    """What a link is good for; looking uses nothing up."""
    hashed = token_hash(parts.ring, "one-time", token)
    row = parts.store.one(OneTime, hash=hashed) if hashed else None
    if row is None or row.purpose != PURPOSE or row.state != "open" or now >= row.expires_at:
        return None
    plain = open_flow(parts.ring, "one-time/staff", row.sealed.decode())
    return Invited(row, msgspec.json.decode(plain, type=Invitation).roles) if plain else None


def accept(
    parts: Parts, caller: Caller, token: str, typed: str, full_name: str, password: str, repeated: str
) -> NeedEnrolment | Wrong | Over:
    """Make the staff account; it has no session before its second factor is set up. Raises Unavailable when the hash queue is full."""
    invited = invitation(parts, token, caller.now)
    if invited is None:
        return Over()
    try:
        name = canonical(typed)
    except BadIdentifier:
        return Wrong("identifier", "identifier_invalid" if typed.strip() else "identifier_missing")
    try:
        said = name_of(full_name)
    except BadValue as error:
        return Wrong("name", error.error)
    if identifier(parts, name) is not None:
        still = invitation(parts, token, caller.now) is not None
        return Wrong("identifier", "identifier_taken") if still else Over()
    trouble = secrets.problem(parts, password, repeated, (name.canonical, said), None)
    if trouble is not None:
        return Wrong("repeat_password" if trouble == "password_differs" else "new_password", trouble)
    account_id, now = parts.entropy(16), caller.now
    phc = parts.hasher.hash(password)
    citizen = parts.vault.create(account_id)
    account = Account(
        account_id, "active", " ".join(invited.roles), parts.ring.current("pairwise")[0], None, 1, now, now
    )
    secret = password_row(citizen, phc, now)
    writes: list[Write] = [
        use(invited.row),
        Insert(account),
        Insert(identifier_row(parts.ring, citizen, name, parts.entropy(16), now, verified=False)),
        Insert(secret),
        *([Insert(citizen.seal_claim("name", said, 1, "self", now))] if said else []),
        event(parts, caller, AccountCreated(how="staff-link"), citizen),
        *seen(parts, caller, event(parts, caller, PasswordChanged(how="sign-up"), citizen, address=True), citizen),
    ]
    if not isinstance(parts.store.commit(writes), Committed):
        parts.keyring.destroy(account_id)
        return Over()
    pending.keep(parts, caller, Person(account, citizen, secret), "enrol")
    return NeedEnrolment()


def sent_again(parts: Parts, caller: Caller, token: str, typed: str, password: str) -> NeedEnrolment | Over:
    """The form that used the link, once more (double click, back): it proves the password that it chose."""
    hashed = token_hash(parts.ring, "one-time", token)
    row = parts.store.one(OneTime, hash=hashed) if hashed else None
    if row is None or row.purpose != PURPOSE or row.state != "used" or caller.now >= row.expires_at:
        return Over()
    outcome = with_password(parts, caller, typed, password)
    return outcome if isinstance(outcome, NeedEnrolment) else Over()


def _person(parts: Parts, typed: str) -> Person:
    found = meant(parts, typed).person
    if found is None:
        raise Refusal(Code.INVALID_REQUEST, "There is no such account.", reason="account_unknown")
    return found


def _roles(roles: Sequence[str]) -> tuple[str, ...]:
    if not set(roles) <= ROLES:
        raise Refusal(Code.INVALID_REQUEST, f"Roles are {' '.join(sorted(ROLES))}.", reason="account_roles")
    return tuple(sorted(set(roles)))


def _commit(parts: Parts, writes: list[Write]) -> None:
    if not isinstance(parts.store.commit(writes), Committed):
        raise Refusal(Code.INVALID_REQUEST, "The account changed meanwhile; try again.", reason="account_conflict")
