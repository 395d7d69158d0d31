"""Signed request objects (RFC 9101, OpenID Connect Core §6.1): what the claims must say, and the parameters they hold.

The signature is verified before; here only the verified claims are judged.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from clients.model import Client
from idp.errors import Code, Refusal
from idp.protocol import resource
from idp.protocol.params import Params

MAX_LIFE_S: Final = 3600
"""FAPI 2.0 Message Signing §5.3.1: ``exp`` at most 60 minutes after ``nbf``, ``nbf`` at most 60 minutes ago."""
LEEWAY_S: Final = 10
_META: Final = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti", "sub"})
_MAX_JTI: Final = 256


class RequestObject(msgspec.Struct, frozen=True):
    """The parameters of a request object that is proven; ``jti`` (or None) may be used once until ``exp`` (seconds)."""

    params: Params
    jti: str | None
    exp: int


def read(claims: Mapping[str, Any], client: Client, issuer: str, now_s: int) -> RequestObject:
    """Judge verified claims (RFC 9101 §4, §6.3). Raises Refusal(invalid_request_object)."""
    _issued_by(claims, client)
    _meant_for(claims, issuer)
    exp = _in_time(claims, now_s)
    _not_nested(claims)
    return RequestObject(Params(_parameters(claims)), _jti(claims), exp)


def refused(what: str, reason: str, received: object = None, expected: str = "") -> Refusal:
    """The one refusal of a request object (RFC 9101 §7); ``received`` and ``expected`` are for the client's own list."""
    return Refusal(
        Code.INVALID_REQUEST_OBJECT,
        f"The request object {what}.",
        reason=f"request_object_{reason}",
        received=received,
        expected=expected,
    )


def _issued_by(claims: Mapping[str, Any], client: Client) -> None:
    """``client_id`` is the client that asks and so is ``iss`` (RFC 9101 §4, §5; OIDC Core §6.1)."""
    if claims.get("iss") != client.client_id:
        raise refused("was not issued by this client", "iss", claims.get("iss"), client.client_id)
    if claims.get("client_id") != client.client_id:
        raise refused("names another client_id", "client_id", claims.get("client_id"), client.client_id)


def _meant_for(claims: Mapping[str, Any], issuer: str) -> None:
    """``aud`` holds the issuer (RFC 9101 §4)."""
    audience = claims.get("aud")
    if issuer not in (audience if isinstance(audience, list) else [audience]):
        raise refused("is meant for another server", "aud", audience, issuer)


def _in_time(claims: Mapping[str, Any], now_s: int) -> int:
    """``exp`` is there, ahead, and not far; ``nbf`` and ``iat`` not ahead and not old (RFC 9101 §10.2; RFC 7519 §4.1)."""
    exp = _date(claims, "exp")
    if exp is None or exp <= now_s:
        raise refused("has expired or has no exp", "exp", exp, f"later than {now_s}")
    if exp > now_s + MAX_LIFE_S + LEEWAY_S:
        raise refused("lives longer than an hour", "exp_far", exp, f"at most {now_s + MAX_LIFE_S + LEEWAY_S}")
    for name in ("nbf", "iat"):
        at = _date(claims, name)
        if at is not None and not now_s - MAX_LIFE_S <= at <= now_s + LEEWAY_S:
            expected = f"from {now_s - MAX_LIFE_S} to {now_s + LEEWAY_S}"
            raise refused("is not valid yet or is too old", name, at, expected)
    return exp


def _date(claims: Mapping[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise refused(f"has a malformed {name}", name, value, "seconds since 1970 as a number")
    return int(value)


def _not_nested(claims: Mapping[str, Any]) -> None:
    """No request inside a request (RFC 9101 §4)."""
    if "request" in claims or "request_uri" in claims:
        inner = "request" if "request" in claims else "request_uri"
        raise refused("holds another request", "nested", inner, "neither request nor request_uri")


def _jti(claims: Mapping[str, Any]) -> str | None:
    jti = claims.get("jti")
    if jti is not None and not (isinstance(jti, str) and 0 < len(jti) <= _MAX_JTI):
        raise refused("has a malformed jti", "jti", jti, f"a text of 1 to {_MAX_JTI} characters")
    return jti


def _parameters(claims: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, _text(name, one))
        for name, value in claims.items()
        if name not in _META and value is not None
        for one in (_several(value) if name == resource.NAME and isinstance(value, list) else [value])
    ]


def _several(values: list[Any]) -> list[str]:
    """What a form says by naming a parameter more than once is an array here (RFC 8707 §2)."""
    if not values or not all(isinstance(value, str) and value for value in values):
        raise refused(
            "holds a value of the wrong form", "value", (resource.NAME, values), "a text or an array of texts"
        )
    return values


def _text(name: str, value: Any) -> str:
    """A parameter as the query would spell it: text as it is, numbers as digits, ``claims`` as JSON (RFC 9101 §4)."""
    if isinstance(value, str):
        if (
            len(value) > (16_384 if name in ("claims", "authorization_details", "id_token_hint") else 4096)
            or "\x00" in value
        ):
            raise refused("holds a value that is too long", "value", (name, value), "a shorter text without NUL")
        return value
    if isinstance(value, bool) or not isinstance(value, int | dict | list):
        raise refused("holds a value of the wrong form", "value", (name, value), "a text, a whole number or JSON")
    try:
        return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise refused("holds a value that is nested too deeply", "value", name, "less depth") from None
