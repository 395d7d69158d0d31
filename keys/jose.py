"""The JOSE profile: one way to mint, one way to verify, and what both refuse.

Compact serialisation only, allowed algorithms always stated by the caller, keys only from the caller (``jwk``, ``jku``, ``x5u`` and
``x5c`` in a header are never looked at), nothing decoded before its length is checked. Verification answers claims; who issued them,
to whom and until when is the caller's question (``check_times`` helps).
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

from keys.errors import TokenInvalid
from keys.ports import Signer
from keys.signing import SIGNING_ALGS
from keys.wire import ascii64, b64url, unb64url

ACCEPTED_ALGS: Final = (*SIGNING_ALGS, "EdDSA")
"""What others may sign with: our own algorithms, and the older name of Ed25519 (RFC 8037; RFC 9864 names it anew)."""

MAX_TOKEN_CHARS: Final = 16_384
MAX_HEADER_CHARS: Final = 8_192
MAX_SIGNATURE_CHARS: Final = 1_400
MAX_KID_CHARS: Final = 256
_MAX_CANDIDATES: Final = 8
_HASHES: Final[Mapping[str, str]] = {
    "ES256": "sha256", "RS256": "sha256", "PS256": "sha256", "Ed25519": "sha512", "EdDSA": "sha512",
}  # fmt: skip
_FITTING: Final[Mapping[str, tuple[type[Key], str | None]]] = {
    "ES256": (ECKey, "P-256"), "RS256": (RSAKey, None), "PS256": (RSAKey, None), "Ed25519": (OKPKey, "Ed25519"), "EdDSA": (OKPKey, "Ed25519"),
}  # fmt: skip
_MIN_RSA_BITS: Final = 2048


class VerifyKeys:
    """Public keys to verify with, parsed once. Immutable."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = tuple(keys)

    @classmethod
    def from_jwks(cls, document: Mapping[str, Any]) -> "VerifyKeys":
        """From a JWK Set (RFC 7517 §5). Keys that this profile cannot use are left out; symmetric and private ones always are."""
        members = document.get("keys")
        if not isinstance(members, list):
            return cls(())
        return cls(key for member in members if (key := _public_key(member)) is not None)

    def __repr__(self) -> str:
        return f"VerifyKeys({len(self._keys)})"

    def __len__(self) -> int:
        return len(self._keys)

    def __add__(self, other: "VerifyKeys") -> "VerifyKeys":
        return VerifyKeys((*self._keys, *other._keys))

    def kids(self) -> frozenset[str]:
        """The key ids in this set."""
        return frozenset(key.kid for key in self._keys if key.kid)

    def candidates(self, alg: str, kid: str | None) -> tuple[Key, ...]:
        """Keys that may verify: kid equal where the header names one; type, curve, ``use`` and ``alg`` fitting."""
        return tuple(key for key in self._keys if (kid is None or key.kid == kid) and _fits(key, alg))[:_MAX_CANDIDATES]


def mint(signer: Signer, typ: str, claims: Mapping[str, Any]) -> str:
    """A compact JWS over ``claims`` (RFC 7515 §7.1). The one place where this provider signs. ``typ``: ``JWT``, ``at+jwt``…"""
    signing_input = _header(signer.alg, signer.kid, typ) + ascii64(msgspec.json.encode(claims))
    return (signing_input + b"." + ascii64(signer.sign(signing_input))).decode("ascii")


def verify(
    token: str, keys: VerifyKeys, algs: tuple[str, ...], typ: str | None, *, max_len: int = MAX_TOKEN_CHARS
) -> dict[str, Any]:
    """Claims of a compact JWS that one of ``keys`` signed with one of ``algs``.

    ``typ``: the media type that the header must state (RFC 8725 §3.11), None where the specification asks none. Raises ``TokenInvalid``
    alone; its ``reason`` ``unknown_kid`` tells that a fresh key set may help. Issuer, audience and times are not judged here.
    """
    _check_shape(token, max_len)
    header = _read_header(token.partition(".")[0])
    alg, kid = _check_header(header, algs, typ)
    candidates = keys.candidates(alg, kid)
    if not candidates:
        raise TokenInvalid("unknown_kid")
    for key in candidates:
        payload = _verified_payload(token, key, algs)
        if payload is not None:
            return _claims(payload)
    raise TokenInvalid("signature")


def unverified_header(token: str, *, max_len: int = MAX_TOKEN_CHARS) -> dict[str, Any]:
    """Header of a compact JWS, nothing proven: only to choose whose keys to ask. Raises ``TokenInvalid``."""
    _check_shape(token, max_len)
    return _read_header(token.partition(".")[0])


def unverified_claims(token: str, *, max_len: int = MAX_TOKEN_CHARS) -> dict[str, Any]:
    """Claims of a compact JWS, nothing proven: only to choose whose keys to ask (``iss`` of a client assertion)."""
    _check_shape(token, max_len)
    return _claims(_decoded(token.split(".")[1]))


def check_times(claims: Mapping[str, Any], now_s: int, leeway_s: int, *, require: tuple[str, ...] = ("exp",)) -> None:
    """``exp`` in the future, ``nbf`` and ``iat`` not (RFC 7519 §4.1.4–6), each ± leeway. Raises ``TokenInvalid``."""
    for name in require:
        if name not in claims:
            raise TokenInvalid(f"{name}_missing")
    times = {name: _numeric_date(claims[name], name) for name in ("exp", "nbf", "iat") if name in claims}
    if "exp" in times and times["exp"] <= now_s - leeway_s:
        raise TokenInvalid("expired")
    if "nbf" in times and times["nbf"] > now_s + leeway_s:
        raise TokenInvalid("not_yet_valid")
    if "iat" in times and times["iat"] > now_s + leeway_s:
        raise TokenInvalid("issued_in_future")


def half_hash(alg: str, value: str) -> str:
    """``at_hash``, ``c_hash``, ``s_hash``: left half of the hash that ``alg`` uses (OIDC Core §3.1.3.6); SHA-512 for Ed25519.

    ``alg`` is one of ``ACCEPTED_ALGS``; ``value`` a token of ours."""
    digest = hashlib.new(_HASHES[alg], value.encode()).digest()
    return b64url(digest[: len(digest) // 2])


@lru_cache(maxsize=256)
def _header(alg: str, kid: str, typ: str) -> bytes:
    return ascii64(msgspec.json.encode({"alg": alg, "kid": kid, "typ": typ})) + b"."


class _Registry(jws.JWSRegistry):
    """joserfc's registry with this profile's limits; warnings about names are ours to heed when the allowed sets are written."""

    max_header_length = MAX_HEADER_CHARS
    max_payload_length = 1_048_576
    max_signature_length = MAX_SIGNATURE_CHARS

    def get_alg(self, name: str) -> Any:
        if not self.allowed or name not in self.allowed:
            raise TokenInvalid("alg")
        return self.algorithms[name]


@lru_cache(maxsize=64)
def _registry(algs: tuple[str, ...]) -> _Registry:
    return _Registry(algorithms=algs, strict_check_header=False)


def _verified_payload(token: str, key: Key, algs: tuple[str, ...]) -> bytes | None:
    try:
        return jws.deserialize_compact(token, key, registry=_registry(algs)).payload
    except (JoseError, ValueError, TypeError, RecursionError):
        return None


def _check_shape(token: str, max_len: int) -> None:
    if len(token) > max_len:
        raise TokenInvalid("too_long")
    parts = token.split(".", 3)
    if len(parts) != 3 or not all(parts):
        raise TokenInvalid("not_compact")
    if len(parts[0]) > MAX_HEADER_CHARS or len(parts[2]) > MAX_SIGNATURE_CHARS:
        raise TokenInvalid("too_long")


def _check_header(header: Mapping[str, Any], algs: tuple[str, ...], typ: str | None) -> tuple[str, str | None]:
    alg, kid = header.get("alg"), header.get("kid")
    if not isinstance(alg, str) or alg not in algs or alg not in ACCEPTED_ALGS:
        raise TokenInvalid("alg")
    if "crit" in header or "b64" in header:
        raise TokenInvalid("crit")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= MAX_KID_CHARS):
        raise TokenInvalid("kid")
    if typ is not None and _media_type(header.get("typ")) != typ.lower():
        raise TokenInvalid("typ")
    return alg, kid


def _media_type(value: object) -> str | None:
    """RFC 7515 §4.1.9: case does not matter, ``application/`` may be left out."""
    return value.lower().removeprefix("application/") if isinstance(value, str) else None


def _read_header(segment: str) -> dict[str, Any]:
    return _object(_decoded(segment), "header")


def _claims(payload: bytes) -> dict[str, Any]:
    return _object(payload, "claims")


def _decoded(segment: str) -> bytes:
    raw = unb64url(segment)
    if raw is None:
        raise TokenInvalid("base64")
    return raw


def _object(raw: bytes, name: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise TokenInvalid(name) from None
    if not isinstance(value, dict):
        raise TokenInvalid(name)
    return value


def _numeric_date(value: object, name: str) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or (isinstance(value, float) and not math.isfinite(value))
    ):
        raise TokenInvalid(f"{name}_form")
    return value


def _fits(key: Key, alg: str) -> bool:
    kind, curve = _FITTING[alg]
    if not isinstance(key, kind) or key.get("use", "sig") != "sig":
        return False
    stated = key.get("alg")
    if stated and stated != alg:
        return False
    return curve is None or getattr(key, "curve_name", None) == curve


def _public_key(member: object) -> Key | None:
    """One member of a foreign JWK Set; None if it is not a public key that this profile can use (RFC 7517 §5: ignore it)."""
    if not isinstance(member, dict) or member.get("kty") not in ("EC", "RSA", "OKP") or "d" in member:
        return None
    if member["kty"] == "RSA" and not _sound_rsa(member):
        return None
    try:
        key = import_key(member)
        key.ensure_kid()
    except (JoseError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        return None
    return key


def _sound_rsa(member: Mapping[str, Any]) -> bool:
    """2048 to 8192 bits (RFC 7518 §3.3) and a short exponent: weaker is unsafe, larger is a burden on whoever verifies."""
    n, e = member.get("n"), member.get("e")
    if not isinstance(n, str) or not isinstance(e, str) or len(n) > 1366 or len(e) > 8:
        return False
    return int.from_bytes(unb64url(n) or b"", "big").bit_length() >= _MIN_RSA_BITS
