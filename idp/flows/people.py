"""Who is meant and who asks: accounts found by what people type, opened; and the caller of a journey."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from idp.audit.events import Fact, SignInFailed, SignInThrottled, record
from idp.authn import throttle
from idp.authn.identifiers import BadIdentifier, canonical
from idp.authn.identifiers import Identifier as Name
from idp.authn.throttle import Attempt, Throttled
from idp.errors import Unavailable
from idp.flows import addresses
from idp.parts import Parts
from idp.ports import Insert, Op, Update, Write
from idp.protocol import second_factor as factor_rule
from idp.protocol.interaction import StepUp
from idp.records import Account, Identifier, Password, RecoveryCode, Session, Totp
from idp.release.vault import NOBODY, Citizen, KeyGone
from keys.errors import SealBroken
from keys.index import all_versions, blind_index

TOLD_EVERY_S: Final = 60
SHOWN_FIRST: Final = ("username", "email", "phone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The browser at the other end. ``browser``: hash of its cookie; ``remote`` its address; ``device`` its label; ``flow`` the hash of the
    interaction it is in, or empty; ``session`` the living session it showed; ``now`` microseconds."""

    browser: bytes
    remote: str
    device: str
    reference: str
    now: int
    flow: bytes = b""
    session: Session | None = None

    def __repr__(self) -> str:
        return "Caller(…)"


@dataclass(frozen=True, slots=True)
class Person:
    """An account with its opened key and its password row."""

    account: Account
    citizen: Citizen
    password: Password | None

    def __repr__(self) -> str:
        return "Person(…)"

    @property
    def active(self) -> bool:
        """May sign in."""
        return self.account.status == "active"

    @property
    def staff(self) -> bool:
        """Has a role, and so needs a second factor always."""
        return bool(self.account.roles)

    @property
    def password_changed_at(self) -> int:
        """Microseconds; 0 without a password."""
        return self.password.changed_at if self.password else 0

    def phc(self) -> str | None:
        """The password's hash; None when there is none or it does not open."""
        row = self.password
        if row is None:
            return None
        try:
            return self.citizen.open("password", "phc", row.account_id, row.row_version, row.sealed).decode()
        except SealBroken:
            return None


@dataclass(frozen=True, slots=True)
class Meant:
    """What was typed: ``subject`` is what failures are counted under, whatever spelling or alias was used; ``person`` None when unknown."""

    subject: bytes
    name: Name | None
    person: Person | None


def meant(parts: Parts, typed: str) -> Meant:
    """Find the account of an identifier. What is no identifier, or nobody's, has a subject all the same."""
    try:
        name = canonical(typed)
    except BadIdentifier:
        return Meant(
            blind_index(parts.ring, "malformed", hashlib.sha256(typed.encode("utf-8", "surrogatepass")).digest())[0],
            None,
            None,
        )
    row = identifier(parts, name)
    person = load(parts, row.account_id) if row is not None else None
    if row is None:
        no_person(parts)
    if person is None:
        return Meant(blind_index(parts.ring, name.kind, name.canonical)[0], name, None)
    return Meant(person.account.id, name, person)


def identifier(parts: Parts, name: Name) -> Identifier | None:
    """The row of a canonical identifier under any version of the index key."""
    indexes = tuple(index for index, _ in all_versions(parts.ring, name.kind, name.canonical))
    rows = parts.store.find(Identifier, {"kind": name.kind, "index": Op("in", indexes)}, limit=1)
    return rows[0] if rows else None


def load(parts: Parts, account_id: bytes) -> Person | None:
    """The account, opened; None when there is none, it was erased, or its key is gone: after the same reads."""
    account, password = parts.store.pair(Account, Password, "id", id=account_id) or (None, None)
    try:
        citizen = parts.vault.citizen(account_id)
    except KeyGone:
        citizen = None
    return Person(account, citizen, password) if account and citizen and account.status != "erased" else None


def no_person(parts: Parts) -> None:
    """The read of :func:`load` for a name that nobody has, but for the key: whoever records the failure opens nobody's instead of a citizen's."""
    parts.store.pair(Account, Password, "id", id=NOBODY)


def no_names(parts: Parts) -> None:
    """The read of :func:`names` for who has none or may not be told: who has an account must not be seen by the work."""
    parts.store.find(Identifier, {"account_id": NOBODY}, order=("created_at", "id"))


def names(parts: Parts, citizen: Citizen, *, verified: bool = False) -> list[Name]:
    """What the citizen signs in with: names, then addresses, then numbers; ``verified``: those whose owner proved to receive there."""
    rows = parts.store.find(Identifier, {"account_id": citizen.account_id}, order=("created_at", "id"))
    rows.sort(key=lambda row: SHOWN_FIRST.index(row.kind))
    return [name_of(citizen, row) for row in rows if row.verified_at is not None or not verified]


def reachable(parts: Parts, citizen: Citizen) -> list[Name]:
    """Where a code can be sent to: confirmed e-mail addresses, then confirmed phones."""
    verified = names(parts, citizen, verified=True)
    return [n for n in verified if n.kind == "email"] + [n for n in verified if n.kind == "phone"]


def proved(parts: Parts, citizen: Citizen) -> dict[str, int]:
    """Canonical address or number that the citizen signs in with → when its owner proved to receive there."""
    rows = parts.store.find(Identifier, {"account_id": citizen.account_id})
    return {name_of(citizen, row).canonical: row.verified_at for row in rows if row.verified_at is not None}


def name_of(citizen: Citizen, row: Identifier) -> Name:
    """What an identifier's row holds, opened."""
    value = citizen.open("identifier", "value", row.id, 0, row.sealed).decode()
    return Name(row.kind, value)  # type: ignore[arg-type]


def totp(parts: Parts, account_id: bytes) -> Totp | None:
    """The confirmed second factor."""
    row = parts.store.one(Totp, account_id=account_id)
    return row if row is not None and row.confirmed_at is not None else None


def factor_due(
    parts: Parts, account: Account, held: str, wanted: factor_rule.Wanted = factor_rule.UNASKED
) -> StepUp | None:
    """The second factor that this account has to prove now, where ``held`` (an ``acr``) is reached. It is looked for only where it would matter."""
    staff, always = bool(account.roles), account.factor_always_since is not None
    if factor_rule.due(held, factor_rule.Holder(staff, True, always), wanted) is None:
        return None
    enrolled = totp(parts, account.id) is not None
    reason = factor_rule.due(held, factor_rule.Holder(staff, enrolled, always), wanted)
    return StepUp(reason, enrolled) if reason is not None else None


def codes_left(parts: Parts, account_id: bytes) -> int:
    """Unused recovery codes."""
    return parts.store.count(RecoveryCode, {"account_id": account_id, "used_at": None})


def known_browser(parts: Parts, caller: Caller, subject: bytes, person: Person | None) -> bytes | None:
    """The caller's browser hash where it signed in to this account before. Asked for nobody's subject too: the work is the same."""
    changed_at = person.password_changed_at if person is not None else 0
    found = throttle.is_known(parts.volatile, caller.browser, subject, changed_at)
    return caller.browser if found and person is not None else None


def attempt(
    parts: Parts, caller: Caller, subject: bytes, person: Person | None, *, factor: bool = False
) -> Attempt | Throttled:
    """Count a try of this caller on this subject, or refuse it; a refusal is an event, once a minute for each subject, or address."""
    known = known_browser(parts, caller, subject, person)
    answer = throttle.enter(parts.volatile, subject, caller.remote, known=known, factor=factor)
    if isinstance(answer, Throttled):
        # An address that tries many names is told of once, not once for each name.
        whom = b"@" + throttle.network(caller.remote) if answer.rule == "address" else subject
        once(parts, "throttled-told", whom, TOLD_EVERY_S, partial(_refusal, parts, caller, answer, person))
    return answer


def _refusal(parts: Parts, caller: Caller, answer: Throttled, person: Person | None) -> tuple[Insert, ...]:
    fact = SignInThrottled(rule=answer.rule, reference=caller.reference)
    about = person.citizen if person else parts.vault.nobody()
    told = _record(parts, caller, fact, about, {"address": caller.remote})
    return seen(parts, caller, told, about)


def once(parts: Parts, kind: str, about: bytes, ttl_s: int, writes: Callable[[], Sequence[Write]]) -> None:
    """Write what is told once in a while; where that fails, whoever comes next tells it."""
    if not parts.volatile.claim(kind, about, ttl_s):
        return
    try:
        parts.store.commit(writes())
    except Exception:
        parts.volatile.forget(kind, about)
        raise


def password_right(parts: Parts, entered: Attempt, phc: str | None, password: str) -> bool:
    """Whether ``password`` made ``phc``; None costs the same. Raises Unavailable when the hash queue is full: such a try is not counted."""
    try:
        return parts.hasher.verify(phc, password)
    except Unavailable:
        throttle.undecided(parts.volatile, entered)
        raise


def note_failure(parts: Parts, caller: Caller, person: Person | None, reason: str) -> None:
    """The event of a wrong proof. ``reason`` is for the log alone."""
    about = person.citizen if person else parts.vault.nobody()
    fact = SignInFailed(reason=reason, reference=caller.reference)
    told = _record(parts, caller, fact, about, {"address": caller.remote, "device": caller.device})
    parts.store.commit(seen(parts, caller, told, about))


def event(
    parts: Parts, caller: Caller, fact: Fact, citizen: Citizen, *, address: bool = False, device: bool = False
) -> Insert:
    """An event about a citizen, with the caller's address and device where the fact has such fields."""
    personal = ({"address": caller.remote} if address else {}) | ({"device": caller.device} if device else {})
    return _record(parts, caller, fact, citizen, personal or None)


def seen(parts: Parts, caller: Caller, told: Insert, about: Citizen) -> tuple[Insert, ...]:
    """An event, and what lets it be found by the caller's address."""
    return (told, *addresses.line(parts, told, caller.remote, about.account_id))


def _record(parts: Parts, caller: Caller, fact: Fact, about: Citizen, personal: dict[str, str] | None) -> Insert:
    return record(fact, at=caller.now, entropy=parts.entropy, person=about, personal=personal)


def rehashed(parts: Parts, person: Person, phc: str, password: str) -> list[Write]:
    """The write that renews ``phc``, a hash that may be made with older parameters; the password itself does not change, nor when it was set."""
    row = person.password
    if row is None or not parts.hasher.stale(phc):
        return []
    version = row.row_version + 1
    sealed = person.citizen.seal("password", "phc", row.account_id, version, parts.hasher.hash(password).encode())
    where = {"account_id": row.account_id, "row_version": row.row_version}
    return [Update(Password, where, {"sealed": sealed, "row_version": version}, rows=None)]
