"""The two ports of this room: who signs, and who wraps keys."""

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

Entropy = Callable[[int], bytes]
"""``entropy(n)`` gives n unpredictable bytes (``os.urandom`` in the composition)."""


PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


class Signer(Protocol):
    """One private signing key, wherever it lives. Thread-safe; ``sign`` may touch the backend."""

    @property
    def kid(self) -> str:
        """RFC 7638 thumbprint."""

    @property
    def alg(self) -> str:
        """JWS algorithm, one of ``keys.jose.SIGNING_ALGS``."""

    @property
    def public_jwk(self) -> Mapping[str, str]:
        """Public JWK with ``kid``, ``use`` and ``alg``."""

    def sign(self, signing_input: bytes) -> bytes:
        """Signature in JWS form (RFC 7518 §3.4: raw r‖s for ES256)."""


class Sealer(Protocol):
    """The root key. Wraps other keys, nothing else; opened at start, never during a request."""

    def wrap(self, label: bytes, plain: bytes) -> bytes:
        """Seals ``plain`` so that it opens only with this root key and the same label."""

    def unwrap(self, label: bytes, wrapped: bytes) -> bytes:
        """Opens it. Raises ``WrongRootKey`` for another root's value, ``SealBroken`` for an altered or relabelled one."""

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that name the root key and tell nothing about it."""

    def close(self) -> None:
        """Give back what the backend holds for it; nothing is asked of it afterwards. Safe to call twice."""


@runtime_checkable
class SigningBackend(Protocol):
    """A root key's backend that also makes signing keys and signs with them, so that they never leave it."""

    def generate(self, alg: str, rsa_bits: int) -> tuple[PublicKey, bytes]:
        """The public half of a new key pair, and the reference that its row keeps in place of a wrapped key."""

    def signing(self, alg: str, reference: bytes) -> Callable[[bytes], bytes]:
        """What signs with the key of a reference. Raises ``MissingKey``, ``WrongRootKey``, ``SealBroken``; signing ``BackendDown``."""


@runtime_checkable
class ExportableSealer(Sealer, Protocol):
    """A root key whose material can be carried into escrow (a file can; a hardware module has its own way)."""

    def export_material(self) -> bytes:
        """The raw 32 bytes; for ``keys.escrow`` alone."""
