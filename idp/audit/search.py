"""What is looked for in the log, and how lines of its index are intersected. Pure: who reads the lines is an argument.

Each condition is a union of index lines, each a descending run of event numbers; the answer is their intersection, newest first, found by
leaping: whichever line lags behind reads on from where the others stand. What is read is counted, so that no search reads without end.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import msgspec

from idp.audit import facets
from idp.audit.events import vocabulary
from idp.audit.kinds import GROUPS, OUTCOMES, group_of, outcome_of

READS: Final = 1000
"""Reads of the index in one search: about a second at its worst."""
FIRST_PAGE: Final = 16
PAGE: Final = 256
CHINA: Final = timezone(timedelta(hours=8))
MINUTE: Final = 60_000_000
WITHIN: Final[dict[str, int]] = {
    "1h": 60 * MINUTE,
    "24h": 1440 * MINUTE,
    "7d": 7 * 1440 * MINUTE,
    "30d": 30 * 1440 * MINUTE,
    "all": 0,
}
"""Windows that end now, in microseconds; 0 has no beginning."""
DAY: Final = "24h"
TEXTS: Final = (
    "client",
    "department",
    "person",
    "staff",
    "session",
    "grant",
    "reference",
    "item",
    "data",
    "address",
    "factor",
    "acr",
)
HEX: Final = {"person": 32, "staff": 32, "session": 32, "grant": 32, "address": 32}
"""Fields that are hexadecimal → their length."""
LONGEST: Final = 256
FACTORS: Final = ("pwd", "otp", "totp", "recovery_codes")
"""What somebody signed in with (RFC 8176), or set up and took away."""
LEVELS: Final = ("urn:yimen:acr:1", "urn:yimen:acr:2")
CARRYING: Final = ("attributes.released", "attributes.withheld", "consent.given")
"""Kinds that name the data that they tell of."""
FACTORED: Final = ("session.started", "session.stepped_up", "account.factor_enrolled", "account.factor_removed")
LEVELLED: Final = ("session.started", "session.stepped_up", "code.issued")
"""Kinds that name a factor, a level of assurance."""
_RAW: Final = (facets.PERSON, facets.STAFF)
_PLAIN: Final = (facets.CLIENT, facets.SESSION, facets.GRANT, facets.REFERENCE, facets.ITEM)
_ZERO: Final = datetime(1970, 1, 1, tzinfo=CHINA) + timedelta(hours=8)

Read = Callable[[str, bytes, int, int], Sequence[int]]
"""``read(facet, value, top, limit)``: at most ``limit`` event numbers ≤ top of one index line, descending."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One search. Times in microseconds, ``since`` ≤ at < ``until``; empty texts ask nothing; ``before`` the id of the event to go on behind,
    ``below`` the number for those who know no id; ``data`` a claim that was told; ``address`` a handle that stands for a network for a while;
    ``factor`` of ``FACTORS``, ``acr`` of ``LEVELS``."""

    within: str = DAY
    since: int | None = None
    until: int | None = None
    action: str = ""
    outcome: str = ""
    client: str = ""
    department: str = ""
    person: str = ""
    staff: str = ""
    session: str = ""
    grant: str = ""
    reference: str = ""
    item: str = ""
    data: str = ""
    address: str = ""
    factor: str = ""
    acr: str = ""
    before: str = ""
    below: int | None = None


class Bad(Exception):
    """What was typed can't be looked for: ``errors`` field → stable word."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(*errors)
        self.errors = dict(errors)


class Spent(Exception):
    """So much was read already; nothing is left out above ``at``."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


def parse(typed: Mapping[str, str]) -> Query:
    """The query that a form or an address says. Raises Bad that names every wrong field."""
    given = {name: value.strip() for name, value in typed.items() if value.strip()}
    errors: dict[str, str] = {}
    since, until = _time(given, "from", errors), _time(given, "to", errors)
    if since is not None and until is not None and since >= until and not errors:
        errors["to"] = "range"
    within = given.get("within", "" if since is not None or until is not None else DAY)
    if within and within not in WITHIN:
        errors["within"] = "unknown"
    if given.get("action", "") not in ("", *GROUPS, *vocabulary()):
        errors["action"] = "unknown"
    if given.get("outcome", "") not in ("", *OUTCOMES):
        errors["outcome"] = "unknown"
    for name, offered in (("factor", FACTORS), ("acr", LEVELS)):
        if given.get(name, "") not in ("", *offered):
            errors[name] = "unknown"
    texts = {name: _text(name, given.get(name, ""), errors) for name in TEXTS}
    before = _hex("before", given.get("before", ""), 32, errors)
    if errors:
        raise Bad(errors)
    action, outcome = given.get("action", ""), given.get("outcome", "")
    return Query(
        within=within, since=since, until=until, action=action, outcome=outcome, before=before, below=None, **texts
    )


def pairs(query: Query) -> dict[str, str]:
    """The query as the parameters of an address; what asks nothing is left out."""
    times = {"from": local(query.since), "to": local(query.until)}
    own = {"within": query.within, "action": query.action, "outcome": query.outcome}
    texts = {name: str(getattr(query, name)) for name in (*TEXTS, "before")}
    return {name: value for name, value in {**own, **times, **texts}.items() if value}


def local(at: int | None) -> str:
    """An instant as a ``datetime-local`` field has it, in China's time."""
    return "" if at is None else (_ZERO + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M")


def window(query: Query, now: int) -> tuple[int, int]:
    """(since, until) in microseconds; since 0 for no beginning. A window that ends now takes what was written this moment."""
    since = query.since or 0
    if WITHIN.get(query.within):
        since = max(since, now - WITHIN[query.within])
    return since, query.until if query.until is not None else now + MINUTE


def kinds(query: Query, known: Sequence[str]) -> tuple[str, ...] | None:
    """The kinds that action, outcome and what is looked for inside of events leave; None when they leave all."""
    if not query.action and not query.outcome and not inside(query):
        return None
    action, outcome = query.action, query.outcome
    pool = tuple(known) if "." not in action else (action,)
    for asked, bearing in ((query.data, CARRYING), (query.factor, FACTORED), (query.acr, LEVELLED)):
        pool = tuple(kind for kind in pool if kind in bearing) if asked else pool
    if action in GROUPS:
        pool = tuple(kind for kind in pool if group_of(kind) == action)
    return tuple(kind for kind in pool if not outcome or outcome_of(kind) == outcome)


def inside(query: Query) -> bool:
    """Whether something is asked that stands in no index: each event is opened."""
    return bool(query.data or query.factor or query.acr)


def meets(query: Query, head: Mapping[str, Any]) -> bool:
    """Whether an event says what is asked of its inside."""
    factors = (*str(head.get("amr") or "").split(), head.get("factor"))
    return (
        (not query.data or query.data in (head.get("claims") or ()))
        and (not query.factor or query.factor in factors)
        and (not query.acr or query.acr == head.get("acr"))
    )


def conditions(
    query: Query, known: Sequence[str], clients: Sequence[str] | None
) -> list[tuple[tuple[str, bytes], ...]]:
    """Each condition as the index lines that meet it. ``clients``: those of the department that is asked for."""
    found: list[tuple[tuple[str, bytes], ...]] = []
    chosen = kinds(query, known)
    if chosen is not None:
        found.append(tuple((facets.KIND, kind.encode()) for kind in chosen))
    if query.department:
        own = tuple((facets.CLIENT, client.encode()) for client in clients or ())
        found.append(((facets.DEPARTMENT, query.department.encode()), *own))
    found += [((facet, bytes.fromhex(value)),) for facet in _RAW if (value := getattr(query, facet))]
    found += [((facet, value.encode()),) for facet in _PLAIN if (value := getattr(query, facet))]
    return found


class Line:
    """One descending run of numbers, read in pieces that grow while it is read on without a leap."""

    def __init__(self, read: Read, budget: "Budget", facet: str, value: bytes, floor: int) -> None:
        self._read, self._budget, self._name, self._floor = read, budget, (facet, value), floor
        self._rows: Sequence[int] = ()
        self._low, self._high = 0, -1
        """Everything of the line between the two is in ``_rows``."""
        self._size = FIRST_PAGE

    def seek(self, top: int) -> int | None:
        """The greatest number ≤ top; None below the floor. Raises Spent."""
        if not self._low <= top <= self._high:
            self._fetch(top)
        at = bisect_left(self._rows, -top, key=lambda n: -n)
        return self._rows[at] if at < len(self._rows) and self._rows[at] >= self._floor else None

    def _fetch(self, top: int) -> None:
        self._size = min(self._size * 4, PAGE) if top == self._low - 1 else FIRST_PAGE
        self._budget.take(top)
        self._rows = self._read(*self._name, top, self._size)
        self._high = top
        self._low = self._rows[-1] if len(self._rows) == self._size else 0


class Budget:
    """How much may still be read."""

    def __init__(self, reads: int = READS) -> None:
        self._left = reads

    def take(self, at: int) -> None:
        """One more read, at this number. Raises Spent."""
        if self._left <= 0:
            raise Spent(at)
        self._left -= 1


class Union:
    """Several lines as one."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    def seek(self, top: int) -> int | None:
        """The greatest number ≤ top of any line."""
        return max((n for line in self._lines if (n := line.seek(top)) is not None), default=None)


class Given:
    """Numbers that were found elsewhere, descending; ``whole``: there are no more below."""

    def __init__(self, numbers: Sequence[int], *, whole: bool) -> None:
        self._numbers, self._whole = numbers, whole

    def seek(self, top: int) -> int | None:
        """The greatest number ≤ top. Raises Spent below the last one unless they are whole."""
        at = bisect_left(self._numbers, -top, key=lambda n: -n)
        if at < len(self._numbers):
            return self._numbers[at]
        if self._whole:
            return None
        raise Spent(top)


def intersect(unions: Sequence[Union | Given], top: int) -> Iterator[int]:
    """The numbers ≤ top that stand in every union, descending. Raises Spent; nothing above its ``at`` is missing."""
    while True:
        at = _agreed(unions, top)
        if at is None:
            return
        yield at
        top = at - 1


def _agreed(unions: Sequence[Union | Given], at: int) -> int | None:
    try:
        while True:
            lowest = at
            for union in unions:
                found = union.seek(lowest)
                if found is None:
                    return None
                lowest = found
            if lowest == at:
                return at
            at = lowest
    except Spent:
        raise Spent(at) from None


def _time(given: Mapping[str, str], name: str, errors: dict[str, str]) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=CHINA) if at.tzinfo is None else at
        found = (at - _ZERO) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        found = -1
    if not 0 <= found < 1 << 53:
        errors[name] = "time"
        return None
    return found


def _text(name: str, value: str, errors: dict[str, str]) -> str:
    if name in HEX:
        return _hex(name, value, HEX[name], errors)
    if len(value) > LONGEST or not value.isprintable():
        errors[name] = "text"
    return value.upper() if name == "reference" else value


def _hex(name: str, value: str, length: int, errors: dict[str, str]) -> str:
    lower = value.lower()
    if value and not (len(lower) == length and all(c in "0123456789abcdef" for c in lower)):
        errors[name] = "hex"
    return lower
