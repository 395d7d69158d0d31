"""What leaves only encrypted and could not: an event and a line in the client's own error list, or a refusal where the service can't do without."""

from clients.model import Client
from idp.audit.events import AttributesWithheld, record
from idp.errors import Code, Refusal
from idp.flows import asking
from idp.flows.error_list import dropped
from idp.flows.released import Released
from idp.parts import Parts
from idp.ports import Write
from idp.protocol.request import AuthorizeRequest
from idp.records import Grant
from idp.release.model import STANDARD_LOGIN, Line
from idp.release.vault import Citizen

WORDS = {
    "no_client_key": "The answer holds an attribute that is released only encrypted, and the client has no usable key for it.",
    "key_held": "The answer holds an attribute that is held back until the new key of the client is confirmed.",
}


def refusal(released: Released) -> Refusal | None:
    """Why the answer as a whole can't be given: an essential attribute stays (DESIGN §7)."""
    line = next((line for line in released.withheld if line.essential), None)
    return None if line is None else Refusal(Code.INVALID_REQUEST, WORDS[line.reason], reason=line.reason)


def not_offered(parts: Parts, client: Client, request: AuthorizeRequest) -> tuple[Line, ...]:
    """What of the service items in a request was optional and left out before the citizen could choose: it leaves only encrypted, and can't."""
    if not request.items:
        return ()
    lines = asking.planned(parts, client, asking.asked(request, client)).lines
    return tuple(line for line in lines if line.item != STANDARD_LOGIN and line.reason in asking.KEY_REASONS)


def writes(
    parts: Parts,
    client: Client,
    grant: Grant,
    citizen: Citizen,
    left: tuple[Line, ...],
    via: str,
    now: int,
    reference: str,
) -> list[Write]:
    """The record of what was left out; nothing where nothing was."""
    told: list[Write] = []
    for reason in dict.fromkeys(line.reason for line in left):
        claims = tuple(line.claim for line in left if line.reason == reason)
        fact = AttributesWithheld(
            client_id=client.client_id, grant=grant.id.hex(), claims=claims, reason=reason, via=via
        )
        told += dropped(parts, client, reason, " ".join(claims), now, reference)
        told.append(record(fact, at=now, entropy=parts.entropy, person=citizen))
    return told
