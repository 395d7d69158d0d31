"""What a search by address stands on: a network, or an event's own, looked for under the key of each month. It is named by a handle.

The handle lives for an hour, opens for the member of staff who made it, and is all that an address bar, a log line or a history shows; what it stands
for is sealed under their key.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from idp.audit.events import record
from idp.audit.facets import ID
from idp.audit.lookups import AddressSearched
from idp.audit.networks import BadNetwork, wanted
from idp.audit.search import Bad, Given
from idp.errors import Unavailable
from idp.flows import addresses
from idp.flows.ids import raw_id
from idp.flows.people import Caller, Person
from idp.parts import Parts
from idp.ports import Committed, Op
from idp.records import EventAddress, EventFacet

LIFE_S: Final = 3600
MOST: Final = 2000
"""Events of one page's address; further back the search goes on by key."""
AT_ONCE: Final = 256
PER_HOUR: Final = 120
_KIND: Final = "console-address"


class Trace(msgspec.Struct, frozen=True):
    """``size`` exact, near or wide; ``text`` the network as typed, or empty for that of ``event`` (hex), which is found within its month."""

    size: str
    text: str = ""
    event: str = ""

    def lines(
        self, parts: Parts, since: int, until: int, waiting: Mapping[bytes, int], floor: int, top: int, fall: int
    ) -> Given:
        """The numbers of its newest events in ``since`` ≤ at < ``until`` (microseconds), of those from ``floor`` to ``top``, whose times lie out of
        order by ``fall`` at most. ``waiting``: numbers by id of those without a leaf. Raises Unavailable."""
        rows: list[EventAddress] = []
        for month in addresses.months(max(since, addresses.oldest(parts, until)), until):
            marks = self._marks(parts, month)
            where = {self.size: Op("in", marks), "at": Op("<", until)}
            more = parts.store.find(EventAddress, where, order=("-at",), limit=MOST - len(rows)) if marks else []
            rows += [row for row in more if row.at >= since]
            if len(rows) >= MOST:
                break
        whole = len(rows) < MOST
        if not whole and rows[0].at > rows[-1].at + fall:  # the order of times is not quite that of numbers
            rows = [row for row in rows if row.at > rows[-1].at + fall]
        numbers = _numbers(parts, [row.event_id for row in rows], waiting)
        return Given([number for number in numbers if floor <= number <= top], whole=whole)

    def _marks(self, parts: Parts, month: int) -> tuple[bytes, ...]:
        if self.event:
            row = parts.store.one(EventAddress, event_id=bytes.fromhex(self.event))
            return (getattr(row, self.size),) if row is not None and row.month == month else ()
        key = addresses.key_of(parts, month)
        return tuple(addresses.mark(key, self.size, label) for label in wanted(self.text)[2]) if key else ()


def of_address(parts: Parts, caller: Caller, staff: Person, typed: str) -> str:
    """The handle of an address or a network in CIDR notation. Raises Bad, Unavailable."""
    try:
        size, network, _ = wanted(typed)
    except BadNetwork as bad:
        raise Bad({"address": bad.word}) from None
    single = network.num_addresses == 1
    text = str(network.network_address if single else network)
    return _kept(
        parts, caller, staff, Trace(size, text), AddressSearched(how="typed", size=size, reference=caller.reference)
    )


def of_event(parts: Parts, caller: Caller, staff: Person, event_id: str, size: str) -> str:
    """The handle of the address that an event came from, which stays unknown. Raises Bad, Unavailable."""
    if not found(parts, event_id) or size not in ("exact", "near", "wide"):
        raise Bad({"address": "no_address"})
    fact = AddressSearched(how="event", size=size, event=event_id, reference=caller.reference)
    return _kept(parts, caller, staff, Trace(size, event=event_id), fact)


def found(parts: Parts, event_id: str) -> bool:
    """Whether an event can be found by its address."""
    raw = raw_id(event_id)
    return raw is not None and parts.store.one(EventAddress, event_id=raw) is not None


def opened(parts: Parts, staff: Person, handle: str) -> Trace | None:
    """What this member of staff's handle stands for; None when it is not theirs, or its time is over. Raises Unavailable."""
    if not handle:
        return None
    kept = parts.volatile.peek(_KIND, staff.account.id + handle.encode())
    if kept is None:
        return None
    return msgspec.json.decode(staff.citizen.open("volatile", _KIND, handle, 0, kept), type=Trace)


def _kept(parts: Parts, caller: Caller, staff: Person, trace: Trace, fact: AddressSearched) -> str:
    """The search is on record before anything is found."""
    if parts.volatile.bump("console-addresses", staff.account.id, 3600) > PER_HOUR:
        raise Bad({"address": "too_many"})
    told = record(fact, at=caller.now, entropy=parts.entropy, actor=staff.citizen)
    if not isinstance(parts.store.commit([told]), Committed):
        raise Unavailable("database")
    handle = parts.entropy(16).hex()
    sealed = staff.citizen.seal("volatile", _KIND, handle, 0, msgspec.json.encode(trace))
    parts.volatile.put(_KIND, staff.account.id + handle.encode(), sealed, LIFE_S)
    return handle


def _numbers(parts: Parts, ids: list[bytes], waiting: Mapping[bytes, int]) -> list[int]:
    """The numbers of events, descending: by the index, or of those that have no line of it yet."""
    numbers = {waiting[name] for name in ids if name in waiting}
    for at in range(0, len(ids), AT_ONCE):
        where = {"facet": ID, "value": Op("in", tuple(ids[at : at + AT_ONCE]))}
        numbers |= {line.seq for line in parts.store.find(EventFacet, where, limit=AT_ONCE)}
    return sorted(numbers, reverse=True)
