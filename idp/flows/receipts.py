"""Receipts on demand: made and signed when their citizen asks, from the event that is in the log and the registers; nothing of them is kept.

The event can't change without breaking the log, so a receipt made in ten years says what one made today says; what was forgotten has none.
"""

from typing import Any

import msgspec

from idp.flows.history import Line
from idp.flows.people import Person
from idp.parts import Parts
from idp.records import Department, SigningKey
from idp.release.receipts import TYP, Facts, Party, claims_of
from keys.jose import VerifyKeys, mint
from keys.subjects import subject

ALG = "ES256"


def receipt(parts: Parts, person: Person, line: Line, now: int) -> tuple[str, dict[str, Any]]:
    """(signed form, claims) of one line of the citizen's history. ``now`` microseconds. Raises Unavailable without a signing key."""
    claims = claims_of(facts(parts, person, line, now))
    return mint(parts.keys.signer(ALG), TYP, claims), claims


def facts(parts: Parts, person: Person, line: Line, now: int) -> Facts:
    """What the receipt of a line says."""
    client = line.client
    return Facts(
        issuer=parts.config.issuer,
        origin=parts.config.log_origin,
        told=line.told,
        entry=line.event.entry,
        issued_at=now,
        subject=subject(parts.ring, person.account.pairwise_version, person.account.id, client.sector_id) if client else None,
        controller=_controller(parts, line),
        provider=Party(id=parts.config.issuer, names={"zh": "一门", "en": "Yimen"}, role="identity provider", url=parts.config.issuer),
        client_id=line.told.client_id,
        policy_uri=client.policy_uri if client else None,
        purposes=line.purposes,
    )  # fmt: skip


def published(parts: Parts) -> dict[str, Any]:
    """Every public key that a receipt of this house may bear, retired ones too: a JWK Set to hand out and to keep beside receipts."""
    rows = parts.store.find(SigningKey, {"alg": ALG}, order=("version",))
    return {"keys": [msgspec.json.decode(row.public_jwk) for row in rows]}


def keys(parts: Parts) -> VerifyKeys:
    """The keys of :func:`published`, to verify with."""
    return VerifyKeys.from_jwks(published(parts))


def _controller(parts: Parts, line: Line) -> Party:
    """The department that learned it; when the service is registered no more, its client id alone."""
    client = line.client
    row = parts.store.one(Department, id=client.department_id) if client else None
    if client is None or row is None:
        return Party(id=line.told.client_id, names={}, role="pii_controller")
    names = {"zh": row.name_zh, "en": row.name_en}
    return Party(id=row.credit_code, names=names, role="pii_controller", url=client.client_uri, region=row.region)
