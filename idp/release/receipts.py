"""Receipts: what one consent or release was, as a record after ISO/IEC TS 27560:2023 that is signed once and checked anywhere. Pure.

A receipt names its citizen as the one department knows them (the pairwise subject) and holds no other value of the citizen, of a session or of the
log that a second department could have: two receipts of one citizen for two sectors share nothing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from clients import strict_json
from idp.release.model import Texts, Value
from idp.release.told import DENIED, EXCHANGED, GIVEN, INFORMED, RELEASED, WITHDRAWN, Told
from keys.errors import TokenInvalid
from keys.jose import VerifyKeys, verify
from keys.wire import b64url

TYP: Final = "yimen-receipt+jwt"
"""A type of its own (RFC 8725 §3.11): no receipt passes as a token, no token as a receipt."""
ALGS: Final = ("ES256",)
SCHEMA: Final = "ISO/IEC TS 27560:2023"
MAX_CHARS: Final = 262_144

FIELDS: Final[Mapping[str, str]] = {
    "receipt.receipt_id": "6.4.5 receipt metadata: identifier, the event's own",
    "receipt.issued_at": "6.4.5 receipt metadata: when this copy was signed",
    "receipt.issuer": "6.4.5 receipt metadata: who issued it",
    "record.schema_version": "6.3.3 record header: schema_version",
    "record.record_id": "6.3.3 record header: record_id",
    "record.pii_principal_id": "6.3.3 record header: pii_principal_id, pairwise; absent when the service is registered no more",
    "record.pii_processing.privacy_notice": "6.3.4 PII processing: privacy_notice (the service's policy_uri)",
    "record.pii_processing.language": "6.3.4 PII processing: language of the texts, as their keys",
    "record.pii_processing.purposes.purpose": "6.3.4 PII processing: purpose",
    "record.pii_processing.purposes.lawful_basis": "6.3.4 PII processing: lawful_basis; a law is cited for a statutory one",
    "record.pii_processing.purposes.service": "6.3.4 PII processing: service, the item 事项 with its version",
    "record.pii_processing.purposes.retention_period": "6.3.4 PII processing: retention_period (ISO 8601), where an item states one",
    "record.pii_processing.purposes.jurisdiction": "6.3.4 PII processing: jurisdiction (GB/T 2260)",
    "record.pii_processing.purposes.collection_method": "6.3.4 PII processing: collection_method",
    "record.pii_processing.purposes.pii_controllers": "6.3.4 PII processing: pii_controllers, by party_id",
    "record.pii_processing.purposes.withdrawal_method": "6.3.4 PII processing: withdrawal_method",
    "record.pii_processing.purposes.privacy_rights": "6.3.4 PII processing: privacy_rights",
    "record.pii_processing.purposes.pii_information.pii_type": "6.3.5 PII information: pii_type (the claim's name)",
    "record.pii_processing.purposes.pii_information.pii_optional": "6.3.5 PII information: pii_optional",
    "record.party_identification.party_id": "6.3.6 party identification: party_id (GB 32100 for a department)",
    "record.party_identification.party_name": "6.3.6 party identification: party_name",
    "record.party_identification.party_role": "6.3.6 party identification: party_role",
    "record.party_identification.party_url": "6.3.6 party identification: party_url",
    "record.event.event_time": "6.3.7 event: event_time",
    "record.event.event_type": "6.3.7 event: event_type",
    "record.event.event_state": "6.3.7 event: event_state",
    "record.event.entity_id": "6.3.7 event: entity_id, who acted",
    "record.event.validity_duration": "6.3.7 event: validity_duration, as the citizen chose it",
    "record.event.notice_digest": "beyond the specification: SHA-256 of exactly what was shown (``flows.consent``)",
    "record.event.verified": "beyond the specification: the claims that were told with who stands for them and since when",
    "record.event.recipient_client_id": "beyond the specification: whose own identifier of the citizen was handed over, encrypted to them",
    "log.origin": "beyond the specification: the audit log that holds the event",
    "log.entry": "beyond the specification: the event's entry there, salted",
    "log.proof": "beyond the specification: that the entry stands in the signed tree (C2SP tlog-proof), once it does",
}
"""Member → clause and field of ISO/IEC TS 27560:2023. Members inside lists stand without an index."""

_EVENTS: Final[Mapping[str, tuple[str, str, str]]] = {
    GIVEN: ("consent_given", "given", "pii_principal"),
    INFORMED: ("pii_principal_informed", "informed", "pii_principal"),
    DENIED: ("consent_refused", "refused", "pii_principal"),
    WITHDRAWN: ("consent_withdrawn", "withdrawn", "pii_principal"),
    EXCHANGED: ("identifier_exchanged", "released", "pii_controller"),
    RELEASED: ("pii_released", "released", "pii_controller"),
}
_METHODS: Final[Mapping[str, str]] = {
    "userinfo": "OpenID Connect UserInfo, asked by the service",
    "id_token": "OpenID Connect ID token, at sign-in",
    "": "OpenID Connect authorization, decided by the citizen",
}
SIGN_IN: Final[Texts] = {
    "zh": "登录该服务，并使用所列信息",
    "en": "Signing in to the service, with the information that is listed",
}
"""The purpose of the built-in item."""


class Purpose(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One purpose that attributes were told for. ``optional``: which of ``claims`` the citizen could leave out; ``citation`` of a law."""

    texts: Texts
    claims: tuple[str, ...]
    optional: tuple[str, ...] = ()
    basis: str = "consent"
    citation: Texts | None = None
    item: str = ""
    item_version: int = 0
    item_titles: Texts | None = None
    retention_days: int | None = None


class Party(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A department or the provider."""

    id: str
    names: Texts
    role: str
    url: str | None = None
    region: str = ""


class Facts(Value, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that goes into one receipt. ``subject``: pairwise, or None; ``entry`` the event's in the log, 32 bytes;
    ``proof`` a tlog-proof, empty while the event is on its way into the tree."""

    issuer: str
    origin: str
    told: Told
    entry: bytes
    proof: str = ""
    issued_at: int
    subject: str | None
    controller: Party
    provider: Party
    client_id: str
    policy_uri: str | None
    purposes: tuple[Purpose, ...]


class NotAReceipt(ValueError):
    """Refused. ``reason``: form, unsigned, type, foreign_key, altered or issuer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def claims_of(facts: Facts) -> dict[str, Any]:
    """The claims that are signed: a JWT (RFC 7519) without subject or audience, so that nobody takes it for a token."""
    told = facts.told
    return {
        "iss": facts.issuer,
        "iat": facts.issued_at // 1_000_000,
        "jti": told.event_id,
        "receipt": {
            "receipt_id": told.event_id,
            "issued_at": _time(facts.issued_at),
            "issuer": facts.issuer,
        },
        "record": {
            "schema_version": SCHEMA,
            "record_id": told.event_id,
            **({"pii_principal_id": facts.subject} if facts.subject else {}),
            "pii_processing": {
                "privacy_notice": facts.policy_uri,
                "language": ["zh", "en"],
                "purposes": [_purpose(facts, purpose) for purpose in facts.purposes],
            },
            "party_identification": [_party(party) for party in (facts.controller, facts.provider)],
            "event": _event(told),
        },
        "log": {
            "origin": facts.origin,
            "entry": b64url(facts.entry),
            **({"proof": facts.proof} if facts.proof else {}),
        },
    }


def file_of(jws: str, claims: Mapping[str, Any]) -> bytes:
    """The file that a citizen keeps: the signed form, and the same claims to be read."""
    return msgspec.json.format(msgspec.json.encode({"jws": jws, "claims": claims}), indent=1)


def check(text: str, keys: VerifyKeys, issuer: str | None) -> dict[str, Any]:
    """The claims of a receipt, as a file or a compact JWS, that one of ``keys`` signed. Raises NotAReceipt.

    ``issuer``: who must have issued it; None when the caller shows it to a person. The readable claims of a file must be the signed ones.
    """
    jws, shown = _read(text)
    if jws.endswith("."):
        raise NotAReceipt("unsigned")
    try:
        claims = verify(jws, keys, ALGS, TYP, max_len=MAX_CHARS)
    except TokenInvalid as error:
        raise NotAReceipt(_REASONS.get(error.reason, "altered")) from None
    if shown is not None and shown != claims:
        raise NotAReceipt("altered")
    if issuer is not None and claims.get("iss") != issuer:
        raise NotAReceipt("issuer")
    if not isinstance(claims.get("record"), dict) or claims["record"].get("schema_version") != SCHEMA:
        raise NotAReceipt("type")
    return claims


_REASONS: Final[Mapping[str, str]] = {
    "alg": "unsigned",
    "typ": "type",
    "unknown_kid": "foreign_key",
    "kid": "foreign_key",
    "not_compact": "form",
    "too_long": "form",
    "base64": "form",
    "header": "form",
    "crit": "form",
}


def _read(text: str) -> tuple[str, Any]:
    text = text.strip().removeprefix("\ufeff")
    if len(text) > 2 * MAX_CHARS:
        raise NotAReceipt("form")
    if not text.startswith("{"):
        return text, None
    try:
        document = strict_json.read(text)
    except strict_json.NotStrict:
        raise NotAReceipt("form") from None
    jws = document.get("jws")
    if not isinstance(jws, str) or not jws:
        raise NotAReceipt("unsigned" if "claims" in document or "record" in document else "form")
    return jws, document.get("claims")


def _purpose(facts: Facts, purpose: Purpose) -> dict[str, Any]:
    issuer = facts.issuer
    return {
        "purpose": purpose.texts,
        "lawful_basis": {"basis": purpose.basis, **({"citation": purpose.citation} if purpose.citation else {})},
        "service": {
            "client_id": facts.client_id,
            **({"item": purpose.item, "version": purpose.item_version, "title": purpose.item_titles} if purpose.item else {}),
        },
        "retention_period": None if purpose.retention_days is None else f"P{purpose.retention_days}D",
        "jurisdiction": facts.controller.region or None,
        "collection_method": _METHODS.get(facts.told.via, facts.told.via),
        "pii_controllers": [facts.controller.id],
        "withdrawal_method": f"{issuer}/account/services",
        "privacy_rights": [f"{issuer}/account/history", f"{issuer}/account/data"],
        "pii_information": [{"pii_type": claim, "pii_optional": claim in purpose.optional} for claim in purpose.claims],
    }  # fmt: skip


def _party(party: Party) -> dict[str, Any]:
    return {"party_id": party.id, "party_name": party.names, "party_role": party.role, "party_url": party.url}


def _event(told: Told) -> dict[str, Any]:
    what, state, who = _EVENTS[told.kind]
    return {
        "event_time": _time(told.at),
        "event_type": what,
        "event_state": state,
        "entity_id": who,
        "validity_duration": _validity(told),
        **({"notice_digest": told.digest} if told.digest else {}),
        **({"verified": list(told.verified)} if told.verified else {}),
        **({"recipient_client_id": told.to_client} if told.to_client else {}),
    }


def _validity(told: Told) -> str | None:
    """How long the citizen's word counts; none of theirs was asked where the law orders, or nothing was allowed."""
    if told.kind != GIVEN:
        return None
    if told.lasts == "once":
        return "for this authorization alone"
    return f"until {_time(told.until)} or withdrawn" if told.until else "until withdrawn"


def _time(at: int) -> str:
    """RFC 3339, UTC, to the second."""
    return datetime.fromtimestamp(at // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
