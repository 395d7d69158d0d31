"""A client's own error list: what was refused lately, received beside registered. Kept elsewhere; no citizen data."""

from collections.abc import Sequence

import msgspec

from clients.redirects import Difference, difference, nearest

MAX_VALUE_LENGTH = 300


class LastRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """One line. ``at`` in microseconds; ``received`` and ``registered`` are capped and printable, and empty where there is nothing to
    compare."""

    at: int
    code: str
    reason: str
    received: str = ""
    registered: str = ""

    @property
    def difference(self) -> Difference:
        """How the two values differ, in a word that pages translate (``clients.redirects.DIFFERENCE_TEXT``)."""
        return difference(self.received, self.registered)


def refusal(*, at: int, code: str, reason: str, received: str = "", registered: str = "") -> LastRefusal:
    """A line with both values made safe to keep and to show."""
    return LastRefusal(at=at, code=code, reason=reason, received=tame(received), registered=tame(registered))


def redirect_refusal(*, at: int, code: str, reason: str, received: str, registered: Sequence[str]) -> LastRefusal:
    """The line for a redirect URI that is not registered: beside it the registered one that is least unlike it.

    The fragment and unknown query values are left out of what was received: a mistaken app may have put a person's data there.
    """
    closest = nearest(received, registered) or ""
    head, mark, _ = received.partition("#")
    shown = (head if _query(head) == _query(closest) else _without_values(head)) + (f"{mark}…" if mark else "")
    return refusal(at=at, code=code, reason=reason, received=shown, registered=closest)


def tame(value: str) -> str:
    """``value`` without control or invisible characters, capped."""
    shown = "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in value[: MAX_VALUE_LENGTH + 1]
    )
    return shown if len(shown) <= MAX_VALUE_LENGTH else shown[: MAX_VALUE_LENGTH - 1] + "…"


def _query(uri: str) -> str:
    return uri.partition("?")[2]


def _without_values(uri: str) -> str:
    head, mark, query = uri.partition("?")
    names = "&".join(f"{pair.partition('=')[0]}=…" for pair in query.split("&"))
    return f"{head}?{names}" if mark else head
