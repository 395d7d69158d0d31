"""Between a right password and the second factor: who it is, kept for one browser and one flow, worth nothing anywhere else.

Staff, and citizens who chose it, have no session before both factors are proved, and a fresh proof before a sensitive change needs both; what is
in between stands here.
"""

from typing import Final, Literal

import msgspec

from idp.flows.people import Caller, Person, load
from idp.parts import Parts
from idp.ports import Forget, Verb
from keys.tokens import open_flow, seal_flow

KIND: Final = "pending"
TTL_S: Final = 600
Purpose = Literal["sign-in", "enrol", "confirm"]


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A password proved at ``at`` (microseconds). ``purpose``: sign-in, enrol (a second factor must be set up first) or confirm (in a session)."""

    account_id: bytes
    password_changed_at: int
    purpose: Purpose
    at: int

    def __repr__(self) -> str:
        return f"Pending({self.purpose})"


def keep(parts: Parts, caller: Caller, person: Person, purpose: Purpose) -> Pending:
    """Remember the proof for this browser and flow; the one before it is forgotten."""
    pending = Pending(
        account_id=person.account.id, password_changed_at=person.password_changed_at, purpose=purpose, at=caller.now
    )
    sealed = seal_flow(parts.ring, KIND, msgspec.msgpack.encode(pending), parts.entropy)
    parts.volatile.put(KIND, _key(caller), sealed.encode(), TTL_S)
    return pending


def find(parts: Parts, caller: Caller) -> tuple[Pending, Person] | None:
    """What this browser proved in this flow, if it is not too old and neither the account nor its password changed since."""
    stored = parts.volatile.peek(KIND, _key(caller))
    plain = open_flow(parts.ring, KIND, stored.decode()) if stored else None
    if plain is None:
        return None
    pending = msgspec.msgpack.decode(plain, type=Pending)
    person = load(parts, pending.account_id)
    if person is None or not person.active or person.password_changed_at != pending.password_changed_at:
        return None
    if not pending.at <= caller.now < pending.at + TTL_S * 1_000_000:
        return None
    if pending.purpose == "confirm" and (caller.session is None or caller.session.account_id != pending.account_id):
        return None
    return pending, person


def forget(parts: Parts, caller: Caller) -> None:
    """It is done, or the citizen chose another account."""
    parts.volatile.several((forgetting(caller),))


def forgetting(caller: Caller) -> Verb:
    """The verb of :func:`forget`, for who has more to do."""
    return Forget(KIND, _key(caller))


def _key(caller: Caller) -> bytes:
    return caller.browser + caller.flow
