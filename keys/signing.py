"""Signing keys: made, wrapped, loaded once, published.

Key pairs come from the operating system's generator (the library draws it itself). A loaded key serves all threads.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from keys.errors import SealBroken
from keys.model import ACTIVE, NEXT, RETIRED, SigningKey, State
from keys.ports import PublicKey, Sealer, SigningBackend
from keys.purpose import rewrap
from keys.wire import b64url, unb64url

SIGNING_ALGS: Final = ("ES256", "RS256", "PS256", "Ed25519")
RSA_BITS: Final = (2048, 3072, 4096)
_ECDSA: Final = ec.ECDSA(hashes.SHA256())
_SHA256: Final = hashes.SHA256()
_RSA_PADDING: Final[Mapping[str, padding.AsymmetricPadding]] = MappingProxyType(
    {"RS256": padding.PKCS1v15(), "PS256": padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)}
)
_THUMBPRINT_MEMBERS: Final = MappingProxyType(
    {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}
)

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class LocalSigner:
    """A private key in memory. Its ``repr`` shows algorithm and kid alone."""

    __slots__ = ("_sign", "alg", "kid", "public_jwk")

    def __init__(self, kid: str, alg: str, public_jwk: Mapping[str, str], sign: Callable[[bytes], bytes]) -> None:
        self.kid = kid
        self.alg = alg
        self.public_jwk = public_jwk
        self._sign = sign

    def __repr__(self) -> str:
        return f"LocalSigner({self.alg} {self.kid})"

    def sign(self, signing_input: bytes) -> bytes:
        """JWS signature (RFC 7518 §3)."""
        return self._sign(signing_input)


def new_signing_key(
    root: Sealer, alg: str, version: int, now: int, *, state: State = NEXT, rsa_bits: int = 2048
) -> SigningKey:
    """A fresh key pair as a row, published from ``now`` (microseconds) on. ``state``: ``next``, or ``active`` for the very first key."""
    jwk, wrapped = _new_pair(root, alg, rsa_bits)
    return SigningKey(
        kid=jwk["kid"],
        alg=alg,
        state=state,
        wrapped=wrapped,
        public_jwk=msgspec.json.encode(jwk, order="sorted"),
        created_at=now,
        published_at=now,
        activated_at=now if state == ACTIVE else None,
        version=version,
    )


def _new_pair(root: Sealer, alg: str, rsa_bits: int) -> tuple[dict[str, str], bytes]:
    """The public JWK, and what the row keeps: the wrapped key, or a reference to the backend's own."""
    if alg not in SIGNING_ALGS or rsa_bits not in RSA_BITS:
        raise ValueError("unknown signing algorithm or RSA size")
    if isinstance(root, SigningBackend):
        public, reference = root.generate(alg, rsa_bits)
        return _public_jwk(public, alg), reference
    private = _generate(alg, rsa_bits)
    jwk = _public_jwk(private.public_key(), alg)
    plain = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return jwk, root.wrap(_label(alg, jwk["kid"]), plain)


def load_signer(root: Sealer, row: SigningKey) -> LocalSigner:
    """Opens a row for signing. Raises ``SealBroken`` (altered, or public and private part differ), ``WrongRootKey``, ``MissingKey``."""
    if isinstance(root, SigningBackend):
        return _held_signer(root, row)
    # Skips RSA's 50 ms primality check: the bytes are ours, authenticated by the root key, and compared with their public part below.
    private = load_der_private_key(
        root.unwrap(_label(row.alg, row.kid), row.wrapped), None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(private, PrivateKey) or not _known_curve(private):
        raise SealBroken("a signing key is of an unknown type")
    jwk = _public_jwk(private.public_key(), row.alg)
    if msgspec.json.encode(jwk, order="sorted") != row.public_jwk:
        raise SealBroken("a signing key does not belong to its published part")
    return LocalSigner(row.kid, row.alg, MappingProxyType(jwk), _sign_function(private, row.alg))


def _held_signer(root: SigningBackend, row: SigningKey) -> LocalSigner:
    """One signature at start proves that the backend's key is the published one."""
    jwk, sign = msgspec.json.decode(row.public_jwk, type=dict[str, str]), root.signing(row.alg, row.wrapped)
    probe = b"yimen/1 signing key probe"
    try:
        _verify(jwk, row.alg, sign(probe), probe)
    except InvalidSignature:
        raise SealBroken("a signing key does not belong to its published part") from None
    return LocalSigner(row.kid, row.alg, MappingProxyType(jwk), sign)


def rewrapped(old: Sealer, new: Sealer, row: SigningKey) -> SigningKey:
    """The same key under another root; unchanged if it already is, so that the work can be resumed."""
    return msgspec.structs.replace(row, wrapped=rewrap(old, new, _label(row.alg, row.kid), row.wrapped))


def jwks(rows: Iterable[SigningKey]) -> bytes:
    """The published set (RFC 7517 §5): next, active and retiring keys, public members only. Equal rows give equal bytes."""
    published = sorted((row for row in rows if row.state != RETIRED), key=lambda row: (row.alg, row.version, row.kid))
    return b'{"keys":[' + b",".join(row.public_jwk for row in published) + b"]}"


def thumbprint(jwk: Mapping[str, str]) -> str:
    """RFC 7638 §3 thumbprint with SHA-256."""
    members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}
    return b64url(hashlib.sha256(msgspec.json.encode(members, order="sorted")).digest())


def _generate(alg: str, rsa_bits: int) -> PrivateKey:
    if alg == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if alg == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=rsa_bits)


def _sign_function(private: PrivateKey, alg: str) -> Callable[[bytes], bytes]:
    if isinstance(private, ec.EllipticCurvePrivateKey) and alg == "ES256":
        return partial(_sign_ecdsa, private)
    if isinstance(private, rsa.RSAPrivateKey) and alg in _RSA_PADDING:
        return partial(_sign_rsa, private, _RSA_PADDING[alg])
    if isinstance(private, ed25519.Ed25519PrivateKey) and alg == "Ed25519":
        return private.sign
    raise SealBroken("a signing key does not fit its algorithm")


def _sign_ecdsa(private: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """RFC 7518 §3.4: r and s as 32 bytes each."""
    r, s = decode_dss_signature(private.sign(data, _ECDSA))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _sign_rsa(private: rsa.RSAPrivateKey, pad: padding.AsymmetricPadding, data: bytes) -> bytes:
    return private.sign(data, pad, _SHA256)


def _verify(jwk: Mapping[str, str], alg: str, signature: bytes, data: bytes) -> None:
    """Raises ``cryptography``'s InvalidSignature."""
    if jwk["kty"] == "RSA":
        numbers = rsa.RSAPublicNumbers(_integer(jwk["e"]), _integer(jwk["n"]))
        numbers.public_key().verify(signature, data, _RSA_PADDING[alg], _SHA256)
    elif jwk["kty"] == "EC":
        point = ec.EllipticCurvePublicNumbers(_integer(jwk["x"]), _integer(jwk["y"]), ec.SECP256R1())
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        point.public_key().verify(encode_dss_signature(r, s), data, _ECDSA)
    else:
        ed25519.Ed25519PublicKey.from_public_bytes(unb64url(jwk["x"]) or b"").verify(signature, data)


def _integer(member: str) -> int:
    return int.from_bytes(unb64url(member) or b"", "big")


def _public_jwk(public: PublicKey, alg: str) -> dict[str, str]:
    members = _key_members(public)
    return {**members, "kid": thumbprint(members), "use": "sig", "alg": alg}


def _key_members(public: PublicKey) -> dict[str, str]:
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"kty": "RSA", "n": _unsigned(numbers.n), "e": _unsigned(numbers.e)}
    if isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "x": b64url(point.x.to_bytes(32, "big")),
            "y": b64url(point.y.to_bytes(32, "big")),
        }
    return {"kty": "OKP", "crv": "Ed25519", "x": b64url(public.public_bytes_raw())}


def _known_curve(private: PrivateKey) -> bool:
    return not isinstance(private, ec.EllipticCurvePrivateKey) or isinstance(private.curve, ec.SECP256R1)


def _unsigned(number: int) -> str:
    return b64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _label(alg: str, kid: str) -> bytes:
    return f"signing/{alg}/{kid}".encode()
