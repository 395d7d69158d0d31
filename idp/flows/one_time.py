"""Short codes sent to an address: eight digits (26 bits), ten minutes, five tries, one use, one browser (OWASP ASVS 6.5, 6.6)."""

from typing import Final, Literal

import msgspec

from idp.audit.events import OneTimeSent, record
from idp.authn.identifiers import Identifier as Name
from idp.authn.throttle import Throttled, network
from idp.authn.totp import digits
from idp.flows import notices, strangers
from idp.flows.people import Caller, Person, load, no_person, seen
from idp.flows.sessions import SAME_FORM_S
from idp.parts import Parts
from idp.ports import Add, Committed, Insert, Op, Update, Write
from idp.records import Identifier, OneTime
from idp.release.vault import Citizen, KeyGone
from keys.errors import SealBroken
from keys.tokens import hash_secret, open_flow, seal_flow, secret_matches

RESET: Final = "reset"
"""Purpose of what lets somebody set a new password."""
TTL_S: Final = 600
MINUTES: Final = TTL_S // 60
TRIES: Final = 5
DIGITS: Final = 8
TICKET_S: Final = 1800
"""A confirmed address is good for so long to finish what it was confirmed for."""
HOUR_S: Final = 3600
EARLIER: Final = b"AQ"
"""How facts begin that an earlier version sealed under the flow key."""
PER_TARGET: Final = 5
PER_ADDRESS: Final = 30
PER_ASKER: Final = 10
_ASKER_UNTIL: Final = "codes-by-until"
_SAME: Final = "code-asked"
_SECOND: Final = 1_000_000


class Facts(msgspec.Struct, frozen=True):
    """What a code or ticket is about; sealed in the row. ``kind`` and ``value``: the canonical identifier it was asked for; ``by``: what earned it,
    a code or a password that is too short to stand alone; ``instead``: the id (hex) of the identifier whose place it takes; ``to``: where the code of
    a reset went."""

    kind: str
    value: str
    step: str = "code"
    by: Literal["code", "password"] = "code"
    instead: str = ""
    to: str = ""

    def __repr__(self) -> str:
        return f"Facts({self.kind})"

    @property
    def name(self) -> Name:
        """The canonical identifier."""
        return Name(self.kind, self.value)  # type: ignore[arg-type]


def asked_too_often(parts: Parts, asker: bytes, now: int) -> Throttled | None:
    """Count one more code that an account asks for; after ten in an hour, how long it waits. Whoever is meant, and whether anything was sent, has
    no part in it, so it may be told."""
    asked = parts.volatile.bump("codes-by", asker, HOUR_S)
    if asked == 1:
        parts.volatile.put(_ASKER_UNTIL, asker, (now + HOUR_S * _SECOND).to_bytes(8), HOUR_S)
    if asked <= PER_ASKER:
        return None
    until = parts.volatile.peek(_ASKER_UNTIL, asker)
    left = -((now - int.from_bytes(until)) // _SECOND) if until is not None else HOUR_S
    return Throttled("codes", max(1, left))


def may_send(parts: Parts, target: bytes, remote: str) -> bool:
    """Whether one more code may go out: five an hour to one target, thirty from one network. The answer to the browser is the same.

    Each request leaves rows, sent or not. Raises Refusal(temporarily_unavailable) when an address asks for very many, whoever is meant.
    """
    if strangers.over(parts, strangers.ASKING, remote):
        raise strangers.later("asked_too_often")
    here = parts.volatile.bump("codes-from", network(remote), HOUR_S) <= PER_ADDRESS
    return parts.volatile.bump("codes-to", target, HOUR_S) <= PER_TARGET and here


def make(
    parts: Parts,
    caller: Caller,
    purpose: str,
    facts: Facts,
    *,
    to: Name | None,
    notice: str,
    person: Person | None,
    locale: str | None = None,
    instead: Write | None = None,
    foreign: bool = False,
) -> tuple[bytes, list[Write]]:
    """The row of a code with its message to ``to``, in the person's language, or for a stranger in ``locale``; its id.

    ``to`` None: a row that no code opens, with ``instead`` or a message that is never sent, so that the work is the same. ``foreign``: the
    address is not the person's yet, so the message is nobody's, and no copy of theirs tells whether it was sent.
    """
    row_id, about = parts.entropy(16), person.citizen if person else parts.vault.nobody()
    keeper = person.citizen if person else parts.vault.passing(caller.now)
    reader = parts.vault.passing(caller.now) if foreign else keeper
    code = f"{int.from_bytes(parts.entropy(8), 'big') % 10**DIGITS:0{DIGITS}d}"
    secret = row_id + code.encode() if to is not None else parts.entropy(32)
    row = OneTime(
        id=row_id,
        hash=hash_secret(parts.ring, "one-time", secret),
        purpose=purpose,
        account_id=person.account.id if person else None,
        browser_hash=caller.browser,
        sealed=_sealed(keeper, row_id, facts),
        tries_left=TRIES,
        state="open",
        created_at=caller.now,
        expires_at=caller.now + TTL_S * _SECOND,
    )
    sent = notices.message(
        parts,
        to or facts.name,
        notice,
        person.account.locale if person else locale,
        caller.now,
        owner=reader if person and not foreign else None,
        nobody=reader,
        state="pending" if to is not None else notices.VOID,
        code=code,
        minutes=str(MINUTES),
    )
    return row_id, [Insert(row), *_told(parts, caller, purpose, about), instead or sent]


def offer(
    parts: Parts,
    caller: Caller,
    purpose: str,
    facts: Facts,
    taken: Identifier | None,
    *,
    allowed: bool,
    notice: str,
    exists: str,
    person: Person | None = None,
    locale: str | None = None,
) -> bytes:
    """A code to an address that no account has, or the message ``exists`` to the owner of one (``taken``); the id of the row.

    The same work either way: the owner is read, and a message to one is made, also where there is none.
    """
    owner = load(parts, taken.account_id) if taken is not None else None
    if taken is None:
        no_person(parts)
        parts.vault.nobody()  # as a citizen's key is opened where there is one
    language, citizen = (owner.account.locale, owner.citizen) if owner else (None, None)
    told = notices.message(parts, facts.name, exists, language, caller.now, owner=citizen)
    to = facts.name if allowed and taken is None else None
    instead = told if allowed and taken is not None else None
    row_id, writes = make(
        parts, caller, purpose, facts, to=to, notice=notice, person=person, locale=locale, instead=instead, foreign=True
    )
    parts.store.commit(writes)
    return row_id


def ticket(parts: Parts, caller: Caller, purpose: str, facts: Facts, account_id: bytes | None) -> tuple[bytes, Insert]:
    """A row that stands for a confirmed address until the journey's end uses it; its id."""
    row_id = parts.entropy(16)
    row = OneTime(
        id=row_id,
        hash=hash_secret(parts.ring, "one-time", parts.entropy(32)),
        purpose=purpose,
        account_id=account_id,
        browser_hash=caller.browser,
        sealed=_sealed(_owner(parts, account_id, caller.now), row_id, msgspec.structs.replace(facts, step="ticket")),
        tries_left=0,
        state="open",
        created_at=caller.now,
        expires_at=caller.now + TICKET_S * _SECOND,
    )
    return row_id, Insert(row)


def reference(parts: Parts, row_id: bytes) -> str:
    """How a form names a row: sealed, without meaning elsewhere."""
    return seal_flow(parts.ring, "one-time", row_id, parts.entropy)


def find(
    parts: Parts, caller: Caller, purpose: str, shown: str | None, step: str, state: str = "open"
) -> tuple[OneTime, Facts] | None:
    """The row that a form names: right purpose and step, this browser, not too old. Tries may be used up."""
    row_id = open_flow(parts.ring, "one-time", shown) if shown else None
    row = parts.store.one(OneTime, id=row_id) if row_id else None
    if row is None or row.purpose != purpose or row.state != state or row.browser_hash != caller.browser:
        return None
    facts = facts_of(parts, row)
    if facts is None or facts.step != step or not row.created_at - _SECOND <= caller.now < row.expires_at:
        return None
    return row, facts


def facts_of(parts: Parts, row: OneTime) -> Facts | None:
    """What the row is about; None when it does not open (any more)."""
    if row.sealed.startswith(EARLIER):
        plain = open_flow(parts.ring, f"one-time/{row.purpose}", row.sealed.decode())
        return msgspec.json.decode(plain, type=Facts) if plain else None
    try:
        if row.account_id is None:
            opened = parts.vault.open_passing(row.created_at, "one_time", "facts", row.id, row.sealed)
        else:
            opened = parts.vault.citizen(row.account_id).open("one_time", "facts", row.id, 0, row.sealed)
    except (KeyGone, SealBroken):
        return None
    return msgspec.json.decode(opened, type=Facts)


def remember(parts: Parts, caller: Caller, purpose: str, typed: str, row_id: bytes) -> None:
    """That this form had just this code sent, for whoever sends it once more (:func:`sent_again`)."""
    parts.volatile.put(_SAME, _same_form(parts, caller, purpose, typed), row_id, SAME_FORM_S)


def sent_again(parts: Parts, caller: Caller, purpose: str, typed: str) -> str | None:
    """The reference of the code that this very form had sent a moment ago, while it can be typed: going back and sending the form once more makes
    no second code, which would be the only one that works. Alike whether anything was sent."""
    row_id = parts.volatile.peek(_SAME, _same_form(parts, caller, purpose, typed))
    shown = reference(parts, row_id) if row_id is not None else None
    found = find(parts, caller, purpose, shown, "code")
    return shown if found is not None and found[0].tries_left > 0 else None


def find_to_replace(parts: Parts, caller: Caller, purpose: str, shown: str | None) -> tuple[OneTime, Facts] | None:
    """The code that another is asked for instead of: an open one; or, of the form sent twice, the one that was just replaced."""
    found = find(parts, caller, purpose, shown, "code")
    used = find(parts, caller, purpose, shown, "code", state="used") if found is None else None
    return used if used is not None and sent_again(parts, caller, purpose, used[1].value) else found


def _same_form(parts: Parts, caller: Caller, purpose: str, typed: str) -> bytes:
    return hash_secret(
        parts.ring, f"same-form/{purpose}", caller.browser + caller.flow + typed.encode("utf-8", "surrogatepass")
    )


def guess(parts: Parts, row: OneTime, typed: str) -> bool:
    """Take one try, durably, then compare. False when none is left or the code is another; the row is not used yet."""
    take = Update(OneTime, {"id": row.id, "state": "open", "tries_left": Op(">", 0)}, {"tries_left": Add(-1)})
    if not isinstance(parts.store.commit([take]), Committed):
        return False
    return is_code(parts, row, typed)


def is_code(parts: Parts, row: OneTime, typed: str) -> bool:
    """Whether it is the row's code, for a form that comes once more: a row that is used opens nothing."""
    return secret_matches(parts.ring, "one-time", row.id + digits(typed).encode(), row.hash)


def use(row: OneTime) -> Update:
    """The write that uses the row up: of many at once, one batch has it."""
    return Update(OneTime, {"id": row.id, "state": "open"}, {"state": "used"})


def _owner(parts: Parts, account_id: bytes | None, now: int) -> Citizen:
    """Whose key a row is sealed with: the account's, or the day's where there is none (yet). Raises KeyGone."""
    return parts.vault.citizen(account_id) if account_id is not None else parts.vault.passing(now)


def _sealed(owner: Citizen, row_id: bytes, facts: Facts) -> bytes:
    return owner.seal("one_time", "facts", row_id, 0, msgspec.json.encode(facts))


def _told(parts: Parts, caller: Caller, purpose: str, about: Citizen) -> tuple[Insert, ...]:
    fact = OneTimeSent(purpose=purpose, reference=caller.reference)
    return seen(parts, caller, record(fact, at=caller.now, entropy=parts.entropy, person=about), about)
