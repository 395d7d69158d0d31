"""What a client signs (assertions, request objects): read within limits, verified with one pinned algorithm and a registered key.

Keys and addresses of keys inside the header are never looked at (RFC 8725 §3.10); compact serialisation only.
"""

from hashlib import shake_256
from typing import Any, TypeVar

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode

from clients import strict_json
from clients.key_material import SIGNATURE_KEYS, ClientKey, ClientKeys

CLIENT_ALGS = ("ES256", "RS256", "PS256", "Ed25519", "EdDSA")
MAX_LENGTH = 8192
_COMPACT = "header.payload.signature, each base64url (RFC 7515 section 7.1)"

T = TypeVar("T")


class BadSigned(ValueError):
    """``reason`` is a short stable word; nothing of what was received is in it. ``received`` is the member that was at fault, as it came and
    unproven; ``expected`` what would have been right. Neither is for whoever asked."""

    def __init__(self, reason: str, received: object = None, expected: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.received = received
        self.expected = expected


class Header(msgspec.Struct, frozen=True):
    """The header members that are looked at."""

    alg: str
    kid: str | None = None
    typ: str | None = None
    crit: Any = msgspec.UNSET
    b64: Any = msgspec.UNSET


class _Registry(JWSRegistry):
    """joserfc's limits, with room for certificates in the header, and one allowed algorithm; ``EdDSA`` without its warning."""

    max_header_length = 4096

    def get_alg(self, name: str) -> Any:
        if self.allowed is None or name not in self.allowed:
            raise BadSigned("alg")
        return self.algorithms[name]


def _stand_ins() -> dict[str, ClientKey]:
    """Keys to try when there is none: a valid shape that costs as much. What they verify is refused all the same."""
    modulus = int.from_bytes(shake_256(b"yimen stand-in modulus").digest(256), "big") | (1 << 2047) | 1
    x, y = "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"
    n = urlsafe_b64encode(modulus.to_bytes(256, "big")).decode()
    base_point = "WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY"
    made: tuple[tuple[tuple[str, str | None], Any], ...] = (
        (("EC", "P-256"), ECKey.import_key({"kty": "EC", "crv": "P-256", "x": x, "y": y})),
        (("OKP", "Ed25519"), OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": base_point})),
        (("RSA", None), RSAKey.import_key({"kty": "RSA", "n": n, "e": "AQAB"})),
    )
    keys = {shape: ClientKey(kid=None, use=None, alg=None, shape=shape, key=key, public={}) for shape, key in made}
    return {alg: keys[SIGNATURE_KEYS[alg]] for alg in CLIENT_ALGS}


_STAND_INS = _stand_ins()


def read_json(data: bytes, shape: type[T], reason: str) -> T:
    """``data`` in ``shape``, read strictly: a proof says one thing or nothing (ATTACKS A161). Raises :class:`BadSigned`."""
    try:
        return strict_json.read_as(data, shape)
    except strict_json.NotStrict as error:
        raise BadSigned(reason, None, f"one JSON object with each member once; this {error}") from None


def _segments(token: str, max_length: int) -> tuple[bytes, bytes]:
    """Header and payload; the length is judged before anything is decoded."""
    if len(token) > max_length:
        raise BadSigned("too_long", len(token), f"at most {max_length} characters")
    parts = token.split(".")
    if len(parts) != 3 or not all(parts) or not token.isascii():
        raise BadSigned("syntax", None, _COMPACT)
    try:
        return urlsafe_b64decode(parts[0].encode()), urlsafe_b64decode(parts[1].encode())
    except ValueError:
        raise BadSigned("syntax", None, _COMPACT) from None


def peek_header(token: str, *, max_length: int = MAX_LENGTH) -> Header:
    """The header, unverified: its ``kid`` tells which key to look for. Raises :class:`BadSigned`."""
    return read_json(_segments(token, max_length)[0], Header, "header")


def peek_payload(token: str, *, max_length: int = MAX_LENGTH) -> bytes:
    """The payload, unverified: only to find out whose it claims to be. Raises :class:`BadSigned`."""
    return _segments(token, max_length)[1]


def open_signed(
    token: str,
    keys: ClientKeys | None,
    *,
    alg: str | None,
    types: frozenset[str | None],
    max_length: int = MAX_LENGTH,
) -> bytes:
    """The payload of ``token``, verified. Raises :class:`BadSigned`.

    ``alg`` is the client's registered algorithm, or ``None`` for any of :data:`CLIENT_ALGS`; ``types`` the values of ``typ`` that name
    this purpose (RFC 8725 §3.11). Without a fitting key a stand-in is tried, so that the work is the same.
    """
    header = peek_header(token, max_length=max_length)
    _check_header(header, types, alg)
    key = keys.verifier(header.alg, header.kid) if keys is not None and alg in {None, header.alg} else None
    genuine = _verify(token, header.alg, key or _STAND_INS[header.alg])
    named = (header.alg, header.kid)
    if key is None and alg not in {None, header.alg}:
        raise BadSigned("alg", header.alg, alg or "")
    if key is None:
        raise BadSigned("key", named, keys.names() if keys is not None else "")
    if not genuine:
        raise BadSigned("signature", named, keys.names() if keys is not None else "")
    return peek_payload(token, max_length=max_length)


def _check_header(header: Header, types: frozenset[str | None], alg: str | None) -> None:
    """The algorithm is the verifier's choice (RFC 8725 §3.1); no extension is understood (RFC 7515 §4.1.11, RFC 7797)."""
    if header.alg not in CLIENT_ALGS:
        raise BadSigned("alg", header.alg, alg or " ".join(CLIENT_ALGS))
    if header.crit is not msgspec.UNSET or header.b64 is not msgspec.UNSET:
        raise BadSigned("crit", header.crit if header.crit is not msgspec.UNSET else "b64", "no crit and no b64")
    if header.typ not in types:
        raise BadSigned("typ", header.typ, " ".join(sorted(name for name in types if name)))


def _verify(token: str, alg: str, key: ClientKey) -> bool:
    registry = _Registry(algorithms=[alg], strict_check_header=False)
    try:
        jws.deserialize_compact(token, key.key, registry=registry)
    except (JoseError, ValueError, TypeError):
        return False
    return True
