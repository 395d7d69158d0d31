"""Verified claims of a grant (OpenID Connect for Identity Assurance): what was asked for, what of it is kept sealed, and the answer."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from idp.parts import Parts
from idp.protocol import claims_request, verified_claims
from idp.protocol.claims_request import NOTHING, ClaimsRequest, Private
from idp.protocol.verified_claims import Confirmed, VerifiedRequest
from idp.records import Grant
from idp.release.confirmed import confirmed, register
from idp.release.model import Line
from idp.release.vault import Citizen

_PLACE = ("grant", "claims")
_NOTHING = (frozenset[str](), verified_claims.NOTHING, None)

Answer = dict[str, Any] | list[dict[str, Any]] | None


@lru_cache(maxsize=2048)
def asked_in(claims: bytes, place: str) -> tuple[frozenset[str], VerifiedRequest, bytes | None]:
    """:func:`claims_request.kept_names`, read once."""
    return claims_request.kept_names(claims, place)


def kept(citizen: Citizen, grant_id: bytes, request: ClaimsRequest) -> bytes | None:
    """What a grant keeps of its ``claims``: what somebody typed into them is sealed to the citizen."""
    if request == NOTHING:
        return None
    private = claims_request.private(request)
    sealed = citizen.seal(*_PLACE, grant_id, 0, private) if private is not None else None
    return claims_request.stored(request, sealed)


def opened(citizen: Citizen, grant: Grant, place: str) -> Private:
    """What a grant keeps sealed, the numbers of ``place`` alone. Raises ``keys.errors.SealBroken``."""
    names, request, sealed = asked_in(grant.claims, place) if grant.claims is not None else _NOTHING
    if sealed is None:
        return Private(id_token_verified=request) if place == "id_token" else Private(userinfo_verified=request)
    private = msgspec.json.decode(citizen.open(*_PLACE, grant.id, 0, sealed), type=Private)
    compared = {claim: number for claim, number in private.compared.items() if claim in names}
    return msgspec.structs.replace(private, compared=compared)


def answered(parts: Parts, request: VerifiedRequest, known: Mapping[str, tuple[Line, Any]], now: int) -> Answer:
    """What stands behind ``verified_claims``; None for nothing. ``known``: claims that may be told, with the line that says whose word each is."""
    framework = parts.config.framework
    spoken = {
        claim: _confirmed(line, value, framework) for claim, (line, value) in known.items() if confirmed(line.source)
    }
    return verified_claims.answer(request, spoken, framework, now)


def _confirmed(line: Line, value: Any, framework: str) -> Confirmed:
    found = register(line.source, framework)
    return Confirmed(value=value, at=line.updated_at, record=found.type, source=found.keeper)
