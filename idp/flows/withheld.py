"""What leaves only encrypted and could not: an event and a line in the client's own error list, or a refusal where the service can't do without."""

from clients.model import Client
from idp.audit.events import AttributesWithheld, record
from idp.errors import Code, Refusal
from idp.flows.error_list import lines
from idp.flows.released import Released
from idp.parts import Parts
from idp.ports import Write
from idp.records import Grant
from idp.release.vault import Citizen

WORDS = {
    "no_client_key": "The answer holds an attribute that is released only encrypted, and the client has no usable key for it.",
    "key_held": "The answer holds an attribute that is held back until the new key of the client is confirmed.",
}


def refusal(released: Released) -> Refusal | None:
    """Why the answer as a whole can't be given: an essential attribute stays (DESIGN §7)."""
    line = next((line for line in released.withheld if line.essential), None)
    return None if line is None else Refusal(Code.INVALID_REQUEST, WORDS[line.reason], reason=line.reason)


def writes(
    parts: Parts, client: Client, grant: Grant, citizen: Citizen, released: Released, via: str, now: int, reference: str
) -> list[Write]:
    """The record of what was left out; nothing where nothing was."""
    told: list[Write] = []
    for reason in dict.fromkeys(line.reason for line in released.withheld):
        claims = tuple(line.claim for line in released.withheld if line.reason == reason)
        fact = AttributesWithheld(
            client_id=client.client_id, grant=grant.id.hex(), claims=claims, reason=reason, via=via
        )
        shown = Refusal(Code.INVALID_REQUEST, WORDS[reason], reason=reason, private=" ".join(claims))
        told += lines(parts, client, None, shown, now, reference)
        told.append(record(fact, at=now, entropy=parts.entropy, person=citizen))
    return told
