"""What was typed into a form whose sender has to prove anew who they are: kept for their session and that form while they do, under their own key."""

from collections.abc import Mapping
from typing import Final

import msgspec

from idp.flows.people import Caller, Person
from idp.parts import Parts
from keys.errors import SealBroken

TTL_S: Final = 600
MOST_BYTES: Final = 4096
_KIND: Final = "draft"


def keep(parts: Parts, caller: Caller, person: Person, form: str, fields: Mapping[str, str]) -> None:
    """Keep the fields of ``form``; what is larger than anybody types there is let go."""
    plain = msgspec.json.encode(fields)
    if caller.session is not None and len(plain) <= MOST_BYTES:
        sealed = person.citizen.seal(_KIND, form, caller.session.id, 0, plain)
        parts.volatile.put(_KIND, _key(caller, form), sealed, TTL_S)


def kept(parts: Parts, caller: Caller, person: Person, form: str) -> dict[str, str] | None:
    """What :func:`keep` kept of this form in this session."""
    sealed = parts.volatile.peek(_KIND, _key(caller, form)) if caller.session is not None else None
    if sealed is None or caller.session is None:
        return None
    try:
        plain = person.citizen.open(_KIND, form, caller.session.id, 0, sealed)
    except SealBroken:
        return None
    return msgspec.json.decode(plain, type=dict[str, str])


def forget(parts: Parts, caller: Caller, form: str) -> None:
    """It was sent."""
    parts.volatile.forget(_KIND, _key(caller, form))


def _key(caller: Caller, form: str) -> bytes:
    return (caller.session.id if caller.session is not None else b"") + form.encode()
