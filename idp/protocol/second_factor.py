"""Whether a second factor is due: one rule for every way in, from what the account is and what is asked for. The first reason that holds is told."""

from dataclasses import dataclass
from typing import Final, Literal

from idp.protocol import acr

Reason = Literal["staff", "always", "short_password", "own_page", "client", "essential_acr", "acr_values"]
NOTHING: Final[tuple[str, ...]] = ()


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose it is. ``staff``: has a role; ``enrolled``: has a second factor; ``always``: chose to be asked for it at every sign-in."""

    staff: bool = False
    enrolled: bool = False
    always: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What wants it besides. ``short_password``: the password just proved is good enough beside a second factor only; ``own_page``: a page
    of the account itself; ``client``: its registration; the levels that a request lists as essential, and as a wish."""

    short_password: bool = False
    own_page: bool = False
    client: bool = False
    essential: tuple[str, ...] = NOTHING
    voluntary: tuple[str, ...] = NOTHING


UNASKED: Final = Wanted()


def due(held: str, holder: Holder, wanted: Wanted = UNASKED) -> Reason | None:
    """Why the second factor has to be proved now, where ``held`` (an ``acr``) is reached; None: it does not.

    Staff must prove one even where there is none yet; everybody else is asked for what they have.
    """
    if acr.rank(held) >= acr.rank(acr.TWO_FACTORS):
        return None
    if holder.staff:
        return "staff"
    return _of_citizen(held, holder, wanted) if holder.enrolled else None


def _of_citizen(held: str, holder: Holder, wanted: Wanted) -> Reason | None:
    if holder.always:
        return "always"
    if wanted.short_password:
        return "short_password"
    if wanted.own_page:
        return "own_page"
    if wanted.client:
        return "client"
    if _helps(held, wanted.essential):
        return "essential_acr"
    return "acr_values" if _helps(held, wanted.voluntary) else None


def _helps(held: str, levels: tuple[str, ...]) -> bool:
    """Whether a listed level is reached with a second factor alone."""
    return not acr.holds(held, levels) and acr.obtainable(levels, acr.TWO_FACTORS)
