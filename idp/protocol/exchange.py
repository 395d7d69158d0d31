"""Token exchange in the one form that is done: a citizen's identifier for another department (RFC 8693 §2)."""

from dataclasses import dataclass
from typing import Final

from idp.errors import Code, Refusal
from idp.protocol.params import Params

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
LIFE_S: Final = 300
TYP: Final = "yimen-identifier+jwt"


@dataclass(frozen=True, slots=True)
class ExchangeRequest:
    """``subject_token``: the asking client's own access token for the citizen; ``audience``: the client that may read the identifier."""

    subject_token: str
    audience: str

    def __repr__(self) -> str:
        return f"ExchangeRequest({self.audience})"


def read(form: Params) -> ExchangeRequest:
    """§2.1. Raises Refusal: invalid_request for what is missing or of another type, invalid_target without one audience."""
    token = form.required("subject_token")
    if form.required("subject_token_type") != ACCESS_TOKEN:
        raise _bad("subject_token_type must be that of an access token.", "subject_token_type")
    if form.one("requested_token_type") not in (None, JWT):
        raise _bad("requested_token_type can only be a JWT.", "requested_token_type")
    for name in ("actor_token", "actor_token_type", "scope", "resource"):
        if name in form:
            raise _bad(f"{name} is not supported in this exchange.", "exchange_parameter")
    audience = form.one("audience")
    if audience is None:
        raise Refusal(Code.INVALID_TARGET, "audience must name a client.", reason="audience_missing")
    return ExchangeRequest(token, audience)


def claims(
    *, issuer: str, audience: str, asked_by: str, subject: str, jti: str, now_s: int, life_s: int = LIFE_S
) -> dict[str, object]:
    """What the other client reads: its own subject for the citizen, and who asked. Nothing of the asking client's own subject."""
    return {
        "iss": issuer,
        "aud": audience,
        "azp": asked_by,
        "sub": subject,
        "iat": now_s,
        "exp": now_s + life_s,
        "jti": jti,
    }


def document(token: str) -> dict[str, object]:
    """§2.2.1: no access token, so its type is ``N_A``."""
    return {"access_token": token, "issued_token_type": JWT, "token_type": "N_A", "expires_in": LIFE_S}


def _bad(text: str, reason: str) -> Refusal:
    return Refusal(Code.INVALID_REQUEST, text, reason=reason)
