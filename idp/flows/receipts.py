"""Receipts on demand: made and signed when their citizen asks, from the event that is in the log and the registers; nothing of them is kept.

The event can't change without breaking the log, so a receipt made in ten years says what one made today says; what was forgotten has none.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from idp.audit.merkle import leaf_hash, verify_inclusion
from idp.audit.note import Verifier, checkpoint, split
from idp.audit.proof import parse, verify
from idp.errors import Refusal
from idp.flows.history import Line
from idp.flows.log_reading import prove
from idp.flows.people import Person
from idp.parts import Parts
from idp.records import Department, SigningKey
from idp.release.receipts import TYP, Facts, Party, claims_of
from keys.jose import VerifyKeys, mint
from keys.subjects import subject
from keys.wire import unb64url

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
        origin=parts.config.log_name,
        told=line.told,
        entry=line.event.entry,
        proof=_proof(parts, line),
        issued_at=now,
        subject=subject(parts.ring, person.account.pairwise_version, person.account.id, client.sector_id) if client else None,
        controller=_controller(parts, line),
        provider=Party(id=parts.config.issuer, names={"zh": "一门", "en": "Yimen"}, role="identity provider", url=parts.config.issuer),
        client_id=line.told.client_id,
        policy_uri=client.policy_uri if client else None,
        purposes=line.purposes,
    )  # fmt: skip


def _proof(parts: Parts, line: Line) -> str:
    """A tlog-proof of the event; empty while it is on its way into the tree. What its entry is made of stays out: the head names a pseudonym, which
    would lead from one department's receipt to another's."""
    try:
        return dataclasses.replace(prove(parts, line.event), extra=b"").text()
    except Refusal:
        return ""


def proved(claims: Mapping[str, Any], keys: Sequence[Verifier]) -> bool:
    """Whether a verified receipt proves that its event stands in the log. Raises ProofError or NoteError for a proof that does not hold.

    ``keys`` of the log; without any, the receipt's own signature vouches for the tree head.
    """
    log = claims["log"]
    if "proof" not in log:
        return False
    proof, entry = parse(str(log["proof"])), unb64url(str(log["entry"])) or b""
    if keys:
        verify(proof, entry, str(log["origin"]), keys)
        return True
    head = checkpoint(split(proof.checkpoint)[0])
    verify_inclusion(leaf_hash(entry), proof.index, head.size, proof.hashes, head.root)
    return bool(head.origin == log["origin"])


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
