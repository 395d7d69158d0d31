"""How much somebody who has proved nothing may leave behind: requests kept in the volatile store, events of refusals, tries to register.

Counted per network (an IPv4 address, an IPv6 /64) and over all, in fixed windows of the volatile store, only where something is about to be
kept or refused: a request that a session answers at once makes no trip. What is beyond is answered and leaves nothing.
"""

from dataclasses import dataclass
from typing import Final

from idp.authn.throttle import network
from idp.errors import Code, Refusal
from idp.parts import Parts

WINDOW_S: Final = 600
_ALL: Final = b"all"


@dataclass(frozen=True, slots=True)
class Bound:
    """In one window: so much from one network, so much from all together."""

    kind: str
    per_network: int
    total: int


REFUSED: Final = Bound("stranger-refused", 300, 20_000)
"""Events of requests to /authorize that are somebody's mistake."""
ANSWERED: Final = Bound("stranger-answered", 6_000, 200_000)
"""Events of answers such as ``login_required``: silent sign-ins ask often, and whole offices share an address."""
REGISTERING: Final = Bound("stranger-registering", 200, 5_000)
"""Failed tries to register or to manage a client; registrations where the operator opened them to all."""
ASKING: Final = Bound("stranger-asking", 120, 60_000)
"""Requests for a code by e-mail or text message: each leaves rows, whoever is meant."""


def over(parts: Parts, bound: Bound, remote: str, by: int = 1) -> int:
    """Count ``by``; how far that is beyond the bound, 0 within it. ``remote``: the caller's address. Raises Unavailable."""
    own = parts.volatile.bump(bound.kind, network(remote), WINDOW_S, by) - bound.per_network
    return own if own > 0 else max(0, parts.volatile.bump(bound.kind, _ALL, WINDOW_S, by) - bound.total)


def no_room(parts: Parts, remote: str, size: int) -> bool:
    """Whether ``size`` bytes more may not be kept for this caller (settings ``pending_per_address``, ``pending_total``, in KiB)."""
    room = Bound("stranger-kept", parts.config.pending_per_address, parts.config.pending_total)
    return over(parts, room, remote, 1 + size // 1024) > 0


def later(reason: str) -> Refusal:
    """The answer beyond a bound: come back in the next window."""
    text = "Too many requests from this address. Please try again later."
    return Refusal(Code.TEMPORARILY_UNAVAILABLE, text, reason=reason, retry_after_s=WINDOW_S)
