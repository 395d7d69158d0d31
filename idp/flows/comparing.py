"""Numbers that a client brings to be compared: so many a day of one citizen, and never as part of an address.

Counted where the code is issued, in the same batch, so that nothing that is lost forgives a number and answers cost no more. The same number
again on that day is not another one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from clients.model import Client
from idp.audit.comparing import ComparisonBounded
from idp.audit.events import record
from idp.errors import Code, Refusal
from idp.flows.error_list import dropped
from idp.parts import Parts
from idp.ports import Insert, Op, Update, Write
from idp.protocol.claims_request import ClaimsRequest
from idp.records import Grant, UsedAssertion
from idp.release.compare import CLAIMS, canonical
from idp.release.model import Allowed
from idp.release.vault import Citizen
from keys.index import blind_index
from keys.wire import length_prefixed

PER_DAY: Final = 5
DAY_US: Final = 86_400_000_000
_PLACES, _SEEN = "compare-places", "compare-seen"


@dataclass(frozen=True, slots=True)
class Tried:
    """The ``request`` with the numbers that may be tried; ``over``: claims whose numbers were too many; ``writes``: what counts the others."""

    request: ClaimsRequest
    over: tuple[str, ...] = ()
    writes: tuple[Write, ...] = ()


def pushed_alone(request: ClaimsRequest) -> None:
    """A number of somebody's stands in no address, where browsers and proxies keep it. Raises Refusal for a request that was not pushed."""
    if request.compared:
        text = "A value to compare is personal data: push the request (RFC 9126)."
        raise Refusal(Code.INVALID_REQUEST, text, reason="compare_not_pushed")


def within_bound(
    parts: Parts, client: Client, citizen: Citizen, request: ClaimsRequest, plan: bytes | None, now: int
) -> Tried:
    """What may be tried today. What the citizen did not allow is not tried. ``now`` microseconds.

    A day has :data:`PER_DAY` places for each citizen and department, whose clients are one curiosity. A number takes the next free place, for a
    day, and leaves its own mark beside it. When another request takes the place first, the batch conflicts and this is to be asked again.
    """
    if not request.compared:
        return Tried(request)
    allowed = msgspec.json.decode(plan, type=Allowed).items if plan is not None else ()
    may = {code for item in allowed for code in item.attributes} & CLAIMS
    numbers = {claim: number for claim, number in request.compared.items() if claim in may}
    places, marks = _places(parts, client, citizen), _marks(parts, client, citizen, numbers)
    rows = {row.hash: row for row in parts.store.find(UsedAssertion, {"hash": Op("in", (*places, *marks.values()))})}
    free = [place for place in places if place not in rows or rows[place].expires_at <= now]
    over, writes = list[str](), list[Write]()
    for claim, mark in marks.items():
        if mark in rows and rows[mark].expires_at > now:
            continue
        if not free:
            over.append(claim)
            continue
        writes += [_taken(one, rows.get(one), now + DAY_US) for one in (free.pop(0), mark)]
    return Tried(msgspec.structs.replace(request, compared=_without(numbers, over)), tuple(over), tuple(writes))


def _without(numbers: Mapping[str, str], over: Sequence[str]) -> dict[str, str]:
    return {claim: number for claim, number in numbers.items() if claim not in over}


def _places(parts: Parts, client: Client, citizen: Citizen) -> list[bytes]:
    who = _who(client, citizen)
    return [blind_index(parts.ring, _PLACES, who + bytes([n]))[0] for n in range(PER_DAY)]


def _marks(parts: Parts, client: Client, citizen: Citizen, numbers: Mapping[str, str]) -> dict[str, bytes]:
    who = _who(client, citizen)
    told = {
        claim: length_prefixed(claim.encode(), canonical(claim, number).encode()) for claim, number in numbers.items()
    }
    return {claim: blind_index(parts.ring, _SEEN, who + what)[0] for claim, what in told.items()}


def _who(client: Client, citizen: Citizen) -> bytes:
    """By the pseudonym: once that is destroyed, nobody can test a guess, of the citizen or of the number."""
    return length_prefixed(citizen.pseudonym, client.department_id.encode())


def _taken(key: bytes, row: UsedAssertion | None, until: int) -> Write:
    """Once, whoever else tries at this moment."""
    if row is None:
        return Insert(UsedAssertion(key, until))
    return Update(UsedAssertion, {"hash": key, "expires_at": row.expires_at}, {"expires_at": until})


def bounded(
    parts: Parts, client: Client, grant: Grant, citizen: Citizen, claims: tuple[str, ...], now: int, reference: str
) -> list[Write]:
    """The record of what was left out, and the line in the client's own error list; nothing where nothing was."""
    if not claims:
        return []
    fact = ComparisonBounded(client_id=client.client_id, grant=grant.id.hex(), claims=claims, reference=reference)
    return [
        record(fact, at=now, entropy=parts.entropy, person=citizen),
        *dropped(parts, client, "compare_too_often", " ".join(claims), now, reference),
    ]
