"""The client assertion of ``private_key_jwt``, judged claim by claim (RFC 7523 §3)."""

from typing import Any

import msgspec

from clients.key_material import ClientKeys
from clients.signed import BadSigned, open_signed, peek_payload, read_json

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 §2.2
MAX_LIFE_S = 600
MAX_SKEW_S = 30
MAX_JTI_LENGTH = 256

_TYPES: frozenset[str | None] = frozenset({None, "JWT", "jwt", "client-authentication+jwt"})


class Assertion(msgspec.Struct, frozen=True):
    """A verified assertion. The caller consumes ``jti`` atomically and keeps it until ``exp``, in whole seconds rounded up."""

    jti: str
    exp: int


class Claims(msgspec.Struct, frozen=True):
    """RFC 7523 §3. Times may have fractions (RFC 7519 §2)."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: int | float
    jti: str
    iat: int | float | None = None
    nbf: int | float | None = None
    response_type: Any = msgspec.UNSET
    redirect_uri: Any = msgspec.UNSET


class _Subject(msgspec.Struct, frozen=True):
    sub: str


def peek_subject(assertion: str) -> str:
    """The ``sub``, unverified: it tells which client to look up. Raises :class:`BadSigned`."""
    return read_json(peek_payload(assertion), _Subject, "claims").sub


def verify_assertion(
    assertion: str, keys: ClientKeys | None, *, client_id: str, alg: str | None, audiences: tuple[str, ...], now_s: int
) -> Assertion:
    """``assertion`` verified with one of ``keys`` and judged. Raises :class:`BadSigned`.

    ``alg`` is the registered algorithm or ``None`` for any supported; ``audiences`` begins with the issuer; ``now_s`` in seconds.
    """
    claims = read_json(open_signed(assertion, keys, alg=alg, types=_TYPES), Claims, "claims")
    if claims.response_type is not msgspec.UNSET or claims.redirect_uri is not msgspec.UNSET:
        # A request object went through a browser: whoever saw it there must not be the client with it (RFC 8725 §2.8, §3.12).
        raise BadSigned(
            "typ",
            "response_type" if claims.redirect_uri is msgspec.UNSET else "redirect_uri",
            "no authorization request",
        )
    _check_parties(claims, client_id, audiences)
    _check_times(claims, now_s)
    if not 0 < len(claims.jti) <= MAX_JTI_LENGTH or not claims.jti.isprintable():
        raise BadSigned("jti", claims.jti, f"a text of 1 to {MAX_JTI_LENGTH} characters")
    return Assertion(claims.jti, int(claims.exp) + 1)


def _check_parties(claims: Claims, client_id: str, audiences: tuple[str, ...]) -> None:
    """Issuer and subject are the client; the audience is our issuer as one text, so that no assertion made for another server is taken
    here. A list is read only for clients whose registration names older audiences, and then only of those."""
    if claims.iss != client_id or claims.sub != client_id:
        raise BadSigned("parties", (claims.iss, claims.sub), f"{client_id} as iss and sub")
    named = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if isinstance(claims.aud, list) and len(audiences) == 1:
        raise BadSigned("audience_list", claims.aud, f"{audiences[0]} as one text")
    if not named or not set(named) <= set(audiences):
        raise BadSigned("audience", named, " ".join(audiences))


def _check_times(claims: Claims, now_s: int) -> None:
    """Lives ten minutes at most; clocks may differ by half a minute."""
    if claims.exp <= now_s:
        raise BadSigned("expired", claims.exp, f"later than {now_s}")
    if claims.exp > now_s + MAX_LIFE_S:
        raise BadSigned("lives_too_long", claims.exp, f"at most {now_s + MAX_LIFE_S}")
    for moment in (claims.iat, claims.nbf):
        if moment is not None and moment > now_s + MAX_SKEW_S:
            raise BadSigned("early", moment, f"at most {now_s + MAX_SKEW_S}")
