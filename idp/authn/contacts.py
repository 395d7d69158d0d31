"""The law of an account's e-mail addresses and phone numbers: which may be added or taken away, and which of them services are told. Pure."""

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

from idp.authn.identifiers import BadIdentifier, Identifier, canonical

MOST: Final = 10
"""So many e-mail addresses and phone numbers one account has at most."""
CLAIMS: Final = {"email": ("email", "email_verified"), "phone": ("phone_number", "phone_number_verified")}
"""Kind → the claims that tell it and whether its owner proved to receive there (OIDC Core §5.1)."""
How = Literal["added", "confirmed", "replaced", "removed"]


class Contact(NamedTuple):
    """Something that a citizen signs in with; ``confirmed``: they proved by a code to receive there."""

    name: Identifier
    confirmed: bool

    @property
    def reachable(self) -> bool:
        """Whether codes and notices can be sent there."""
        return self.confirmed and self.name.kind in CLAIMS


class Told(NamedTuple):
    """The address or number that services are told from now on; None: none any more."""

    value: str | None


def refusal(held: Sequence[Contact], added: Identifier | None, removed: Identifier | None) -> str | None:
    """Why a change is refused, as a key of the wording; None when it may be. ``added`` is or will be confirmed; ``removed`` is one of ``held``."""
    if added is not None and added.kind not in CLAIMS:
        return "identifier_invalid"
    if added is not None and Contact(added, True) in held:
        return "contact_own"
    left = after(held, added, removed)
    if added is not None and sum(one.name.kind in CLAIMS for one in left) > MOST:
        return "contact_many"
    if removed is not None and not (any(one.reachable for one in left) or _never_was(held, removed, left)):
        return "contact_last"
    return None


def _never_was(held: Sequence[Contact], removed: Identifier, left: Sequence[Contact]) -> bool:
    """Nothing could be sent there: it may go where something to sign in with stays."""
    return bool(left) and Contact(removed, True) not in held


def after(held: Sequence[Contact], added: Identifier | None, removed: Identifier | None) -> list[Contact]:
    """What the account has once the change is made: what stays in its order, then what is new."""
    left = [one for one in held if one.name not in (added, removed)]
    return left if added is None else [*left, Contact(added, True)]


def how(held: Sequence[Contact], added: Identifier | None, removed: Identifier | None) -> How:
    """The change in one word."""
    if added is None:
        return "removed"
    if removed is not None and removed != added:
        return "replaced"
    return "confirmed" if any(one.name == added for one in held) else "added"


def told(
    kind: str, value: Any, left: Sequence[Contact], added: Identifier | None, removed: Identifier | None
) -> Told | None:
    """What becomes of the claim of ``kind``, which says ``value`` now (None: nothing); None: it stays as it is.

    It follows the account where it told what the account had: another value, whoever stands for it, is not of the account's making.
    """
    if value is None:
        return Told(added.canonical) if added is not None and added.kind == kind else None
    if added is not None and same(value, added):
        return Told(added.canonical)
    if removed is None or not same(value, removed):
        return None
    if added is not None and added.kind == kind:
        return Told(added.canonical)
    return Told(next((one.name.canonical for one in left if one.reachable and one.name.kind == kind), None))


def same(value: Any, name: Identifier) -> bool:
    """Whether a claim's value, in whatever spelling, is this address or number."""
    try:
        return isinstance(value, str) and canonical(value) == name
    except BadIdentifier:
        return False
