"""Numbers that a client brings to be compared: so many a day of one citizen, and never as part of an address.

Counted where the code is issued, once for each request, so that answers cost no more. The same number again on that day is not another one.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from clients.model import Client
from idp.audit.comparing import ComparisonBounded
from idp.audit.events import record
from idp.errors import Code, Refusal
from idp.flows.error_list import dropped
from idp.parts import Parts
from idp.ports import Write
from idp.protocol.claims_request import ClaimsRequest
from idp.records import Grant
from idp.release.compare import CLAIMS, canonical
from idp.release.model import Allowed
from idp.release.vault import Citizen
from keys.index import blind_index
from keys.wire import length_prefixed

PER_DAY: Final = 5
DAY_S: Final = 86_400
_NUMBERS, _SEEN = "compare-numbers", "compare-seen"


def pushed_alone(request: ClaimsRequest) -> None:
    """A number of somebody's stands in no address, where browsers and proxies keep it. Raises Refusal for a request that was not pushed."""
    if request.compared:
        text = "A value to compare is personal data: push the request (RFC 9126)."
        raise Refusal(Code.INVALID_REQUEST, text, reason="compare_not_pushed")


def within_bound(
    parts: Parts, client: Client, citizen: Citizen, request: ClaimsRequest, plan: bytes | None
) -> tuple[ClaimsRequest, tuple[str, ...]]:
    """The request with the numbers that may be tried, and the claims whose numbers were too many. What the citizen did not allow is not tried."""
    if not request.compared:
        return request, ()
    allowed = msgspec.json.decode(plan, type=Allowed).items if plan is not None else ()
    may = {code for item in allowed for code in item.attributes} & CLAIMS
    kept = {claim: number for claim, number in request.compared.items() if claim in may}
    over = tuple(claim for claim, number in kept.items() if _too_many(parts, client, citizen, claim, number))
    return msgspec.structs.replace(request, compared=_without(kept, over)), over


def _without(numbers: Mapping[str, str], over: tuple[str, ...]) -> dict[str, str]:
    return {claim: number for claim, number in numbers.items() if claim not in over}


def _too_many(parts: Parts, client: Client, citizen: Citizen, claim: str, number: str) -> bool:
    """Counted for the department: its clients are one curiosity. Neither number nor citizen can be read from the keys."""
    who = length_prefixed(citizen.account_id, client.department_id.encode())
    tried = blind_index(parts.ring, _SEEN, who + length_prefixed(claim.encode(), canonical(claim, number).encode()))[0]
    if parts.volatile.peek(_SEEN, tried) is not None:
        return False
    if parts.volatile.bump(_NUMBERS, blind_index(parts.ring, _NUMBERS, who)[0], DAY_S) > PER_DAY:
        return True
    parts.volatile.put(_SEEN, tried, b"1", DAY_S)
    return False


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
