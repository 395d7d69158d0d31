"""Public keys that clients publish: which are believed, and which one verifies a given signature.

Only asymmetric public keys of current strength enter (RFC 7517, RFC 7518 §6, RFC 8037); one bad key refuses the whole set, because a
department must hear about it and not find out at the next rotation.
"""

from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

MAX_KEYS = 20
MAX_KID_LENGTH = 256

# What each signature algorithm asks of a key: its type and curve (RFC 7518 §3.1, RFC 9864 §2.2).
SIGNATURE_KEYS: dict[str, tuple[str, str | None]] = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "RS256": ("RSA", None),
    "PS256": ("RSA", None),
    "Ed25519": ("OKP", "Ed25519"),
    "EdDSA": ("OKP", "Ed25519"),
}
# What each key encryption algorithm asks of a key (RFC 7518 §4.1, RFC 8037 §3.2).
_AGREEING = frozenset({("EC", "P-256"), ("EC", "P-384"), ("EC", "P-521"), ("OKP", "X25519")})
ENCRYPTION_KEYS: dict[str, frozenset[tuple[str, str | None]]] = {
    "ECDH-ES+A256KW": _AGREEING,
    "ECDH-ES": _AGREEING,
    "RSA-OAEP-256": frozenset({("RSA", None)}),
}
# Security in bits of each curve (NIST SP 800-57 part 1 §5.6.1.1, RFC 7748 §1).
_STRENGTH = {"P-256": 128, "Ed25519": 128, "X25519": 128, "P-384": 192, "P-521": 256}
_CURVES = {"EC": {"P-256", "P-384", "P-521"}, "OKP": {"Ed25519", "X25519"}}
_MEMBERS = {"EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "RSA": ("n", "e")}
_LABELS = ("kid", "use", "alg", "key_ops")
_TIMES = ("iat", "nbf", "exp")  # OpenID Federation 1.0 §8.7.2, in seconds
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_PRIVATE_OPERATIONS = frozenset({"sign", "decrypt", "unwrapKey"})
_ENCRYPTING = frozenset({"encrypt", "wrapKey", "deriveKey", "deriveBits"})
_PROBE = X25519PrivateKey.from_private_bytes(bytes(range(32)))


class BadKeys(ValueError):
    """``reason`` is a short stable word, ``text`` a sentence fragment that follows the name of where the keys came from."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.text = text


class ClientKey(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One public key, itself alone (what is prepared for it is kept by the object). ``shape`` is its type and curve (RSA has none)."""

    kid: str | None
    use: str | None
    alg: str | None
    shape: tuple[str, str | None]
    key: Key
    public: dict[str, Any]
    """The members that were believed, and no others."""
    thumbprint: str = ""
    """RFC 7638, SHA-256."""
    strength: int = 0
    """Bits of an RSA modulus, or of a curve's security: to compare keys of one type."""

    def encrypts(self, alg: str, now_s: int | None) -> bool:
        """Whether ``alg`` may encrypt to it: type, ``use``, ``key_ops``, ``alg``, and, where ``now_s`` is given, its times."""
        operations = self.public.get("key_ops") or _ENCRYPTING
        fits = self.use != "sig" and self.alg in {None, alg} and self.shape in ENCRYPTION_KEYS.get(alg, ())
        return fits and not _ENCRYPTING.isdisjoint(operations) and (now_s is None or self._current(now_s))

    def _current(self, now_s: int) -> bool:
        begins, ends = self.public.get("nbf", now_s), self.public.get("exp", now_s + 1)
        return bool(begins <= now_s < ends)


class ClientKeys(msgspec.Struct, frozen=True):
    """The usable keys of one client, in the order published."""

    keys: tuple[ClientKey, ...]

    def verifier(self, alg: str, kid: str | None) -> ClientKey | None:
        """The key that verifies ``alg``: the one named ``kid``, or the only one of the right shape (OIDC Core §10.1)."""
        return self._only(
            lambda key: key.use != "enc" and key.alg in {None, alg} and key.shape == SIGNATURE_KEYS.get(alg), kid
        )

    def encrypter(self, alg: str, now_s: int | None = None) -> ClientKey | None:
        """The most appropriate published key that ``alg`` can encrypt to (OIDC Core §10.2.1); None when there is none.

        Made for encryption before made for anything, made for ``alg`` before any, then the strongest, the newest by ``iat``, the first published.
        ``now_s`` in seconds: keys before their ``nbf`` or past their ``exp`` are none; left out, times are not judged.
        """
        timeless, found = _encrypter(self, alg)
        if timeless or now_s is None:
            return found
        return max((key for key in self.keys if key.encrypts(alg, now_s)), key=_appropriate, default=None)

    def has_kid(self, kid: str) -> bool:
        """Whether a key of that name is in the set."""
        return any(key.kid == kid for key in self.keys)

    def names(self) -> str:
        """Each key's name and shape, for people."""
        return ", ".join(" ".join((key.kid or "(no kid)", *(part for part in key.shape if part))) for key in self.keys)

    def signs(self, algorithms: Iterable[str]) -> bool:
        """Whether some key can verify one of ``algorithms``."""
        usable = [key for key in self.keys if key.use != "enc"]
        return any(
            key.shape == SIGNATURE_KEYS.get(alg) and key.alg in {None, alg} for alg in algorithms for key in usable
        )

    def as_jwks(self) -> dict[str, Any]:
        """The set with believed members alone."""
        return {"keys": [dict(key.public) for key in self.keys]}

    def _only(self, fits: Callable[[ClientKey], bool], kid: str | None) -> ClientKey | None:
        found = [key for key in self.keys if fits(key) and (kid is None or key.kid == kid)]
        return found[0] if len(found) == 1 else None


def parse_jwks(jwks: Any) -> ClientKeys:
    """The keys of a JWK Set (RFC 7517 §5). Raises :class:`BadKeys`.

    Keys of a type that is not known are left out, as RFC 7517 §5 asks; a known type with a weak, private or broken key refuses the set.
    """
    entries = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadKeys("shape", "must be a JSON object whose member keys is an array of objects (RFC 7517 section 5)")
    if len(entries) > MAX_KEYS:
        raise BadKeys("too_many", f"must not hold more than {MAX_KEYS} keys")
    keys = tuple(key for entry in entries if (key := _parse_key(entry)) is not None)
    if not keys:
        raise BadKeys("empty", "must hold at least one public key of type EC, RSA or OKP")
    kids = [key.kid for key in keys if key.kid is not None]
    if len(set(kids)) != len(kids):
        raise BadKeys("duplicate_kid", "must not use one kid for two keys")
    return ClientKeys(keys)


def _parse_key(entry: Mapping[str, Any]) -> ClientKey | None:
    if _PRIVATE & entry.keys() or entry.get("kty") == "oct":
        raise BadKeys(
            "private", "must hold public keys alone; treat the key that was sent as stolen and make a new one"
        )
    kty = entry.get("kty")
    if not isinstance(kty, str):
        raise BadKeys("kty", "must name the type of each key in kty")
    if kty not in _MEMBERS:
        return None
    kid, use, alg = (_label(entry, name) for name in ("kid", "use", "alg"))
    if use not in {None, "sig", "enc"}:
        raise BadKeys("use", "must state use as sig or enc, or leave it out")
    _check_operations(entry.get("key_ops"))
    key = _import(kty, {name: entry.get(name) for name in _MEMBERS[kty]})
    shape = (kty, None if kty == "RSA" else str(entry["crv"]))
    _check_alg(alg, use, shape)
    _check_times(entry)
    _check_order(key)
    public = {"kty": kty} | {name: entry[name] for name in (*_MEMBERS[kty], *_LABELS, *_TIMES) if name in entry}
    strength = _STRENGTH.get(shape[1] or "") or _number(entry["n"]).bit_length()
    return ClientKey(
        kid=kid, use=use, alg=alg, shape=shape, key=key, public=public, thumbprint=key.thumbprint(), strength=strength
    )


@lru_cache(maxsize=4096)
def _encrypter(keys: ClientKeys, alg: str) -> tuple[bool, ClientKey | None]:
    """Whether no key of the set has times, so that the choice stands whenever it is asked for; and the choice without regard to times."""
    timeless = not any(name in key.public for key in keys.keys for name in ("nbf", "exp"))
    return timeless, max((key for key in keys.keys if key.encrypts(alg, None)), key=_appropriate, default=None)


def _appropriate(key: ClientKey) -> tuple[bool, bool, int, float]:
    return key.use == "enc", key.alg is not None, key.strength, key.public.get("iat", 0)


def _check_times(entry: Mapping[str, Any]) -> None:
    for name in _TIMES:
        value = entry.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
            raise BadKeys(name, f"must state {name} as a number of seconds")


def _check_order(key: Key) -> None:
    """A point of small order would make the agreed secret known to all (RFC 7748 §6.1)."""
    point = key.public_key if isinstance(key, OKPKey) else None
    if isinstance(point, X25519PublicKey):
        try:
            _PROBE.exchange(point)
        except ValueError:
            raise BadKeys("small_order", "must not use an X25519 key of small order") from None


def _label(entry: Mapping[str, Any], name: str) -> str | None:
    value = entry.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= MAX_KID_LENGTH or not value.isprintable():
        raise BadKeys(name, f"must state {name} as a short text")
    return value


def _check_operations(operations: Any) -> None:
    if operations is None:
        return
    if not isinstance(operations, list) or not all(isinstance(name, str) for name in operations):
        raise BadKeys("key_ops", "must state key_ops as an array of texts")
    if _PRIVATE_OPERATIONS & set(operations):
        raise BadKeys("key_ops", "must not name operations of a private key in key_ops")


def _check_alg(alg: str | None, use: str | None, shape: tuple[str, str | None]) -> None:
    """A stated ``alg`` fits the key, or is one that is never used here; ``HS256`` on a public key is the classic confusion."""
    if alg is None:
        return
    if alg.startswith(("HS", "PBES2")) or alg in {"none", "dir", "RSA1_5"}:
        raise BadKeys("alg", "must not name a symmetric or broken algorithm; use ES256 or RS256")
    if use != "enc" and alg in SIGNATURE_KEYS and SIGNATURE_KEYS[alg] != shape:
        raise BadKeys("alg", "must name an alg that fits the type and curve of the key")
    if use != "sig" and alg in ENCRYPTION_KEYS and shape not in ENCRYPTION_KEYS[alg]:
        raise BadKeys("alg", "must name an alg that fits the type and curve of the key")


def _import(kty: str, members: dict[str, Any]) -> Key:
    for value in members.values():
        if not isinstance(value, str) or len(value) > 1500:
            raise BadKeys("members", f"must hold every member of a key of type {kty} as base64url text")
    if kty in _CURVES and members["crv"] not in _CURVES[kty]:
        raise BadKeys("crv", f"must use one of the curves {' '.join(sorted(_CURVES[kty]))}")
    if kty == "RSA":
        _check_rsa(members)
    try:
        return _load({"kty": kty, **members})
    except (JoseError, ValueError, TypeError, UnsupportedAlgorithm):
        reason = "off_curve" if kty == "EC" else "members"
        raise BadKeys(reason, f"must hold valid public keys; one of type {kty} is not") from None


def _load(data: dict[str, Any]) -> Key:
    """The key as joserfc holds it; the EC binding refuses a point that is not on its curve."""
    if data["kty"] == "EC":
        return ECKey.import_key(data)
    return OKPKey.import_key(data) if data["kty"] == "OKP" else RSAKey.import_key(data)


def _check_rsa(members: dict[str, Any]) -> None:
    """RFC 7518 §3.3 and NIST SP 800-56B: at least 2048 bits; a giant modulus or exponent would cost CPU at each use."""
    n, e = _number(members["n"]), _number(members["e"])
    if not 2048 <= n.bit_length() <= 8192:
        raise BadKeys("weak", "must use RSA keys of 2048 to 8192 bits")
    if n % 2 == 0 or e % 2 == 0 or not 65537 <= e < 2**64:
        raise BadKeys("weak", "must use RSA keys with an odd modulus and an exponent of at least 65537")


def _number(text: str) -> int:
    try:
        return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
    except ValueError:
        raise BadKeys("members", "must hold every member of a key of type RSA as base64url text") from None
