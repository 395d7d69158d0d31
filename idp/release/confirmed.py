"""Which claims can be told as verified (OpenID Connect for Identity Assurance), and by what: the source that the vault has of each value. Pure.

What somebody says of themselves is never told so.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from idp.release.attributes import minimising
from idp.release.model import AttributeKind


class Register(NamedTuple):
    """``type`` of the electronic record, as the specification's working group names them; ``keeper`` who keeps it."""

    type: str
    keeper: str


REGISTERS: Final[dict[str, Register]] = {
    "police": Register("population_register", "公安机关"),
    "civil-affairs": Register("marriage_register", "民政部门"),
    "social-security": Register("social_security", "人力资源和社会保障部门"),
}
"""Source → register."""
NO_REGISTER: Final = frozenset({"staff", "sample"})
"""Sources that stand for a value without an entry that could be named: then no evidence is."""
_UNCONFIRMED: Final = frozenset({"", "self"})
_LEFT_OUT: Final = frozenset({"updated_at", "email_verified", "phone_number_verified"})
"""They speak of other claims."""
_AGES: Final = (14, 16, 18, 20, 22, 55, 60, 65)
"""The legal ages that are offered: what discovery does not list may not be told as verified (§8)."""
MINIMISED: Final = (*(f"age_over_{age}" for age in _AGES), "national_id_masked", "phone_number_masked")


def confirmed(source: str) -> bool:
    """Whether somebody else than the citizen stands for a value of this source."""
    return source not in _UNCONFIRMED


def register(source: str, framework: str) -> Register:
    """The register behind a source, empty where none can be named. One that has no common name is a ``register`` of the trust framework."""
    if not confirmed(source) or source in NO_REGISTER:
        return Register("", "")
    return REGISTERS.get(source) or Register(other_type(framework), source)


def other_type(framework: str) -> str:
    """What a register without a common name is called."""
    return f"{framework}/register"


def record_types(framework: str) -> tuple[str, ...]:
    """Every type of record that :func:`register` names."""
    return (*(known.type for known in REGISTERS.values()), other_type(framework))


def offered(stored: Iterable[AttributeKind]) -> tuple[str, ...]:
    """The claims that can be told as verified. ``stored``: every attribute that there is."""
    computed = [kind for code in MINIMISED if (kind := minimising(code)) is not None]
    return tuple(kind.claim for kind in (*stored, *computed) if kind.code not in _LEFT_OUT)
