"""The two ports of this room: who signs, and who wraps keys."""

from collections.abc import Callable, Mapping
from typing import Protocol

Entropy = Callable[[int], bytes]
"""``entropy(n)`` gives n unpredictable bytes (``os.urandom`` in the composition)."""


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


class ExportableSealer(Sealer, Protocol):
    """A root key whose material can be carried into escrow (a file can; a hardware module has its own way)."""

    def export_material(self) -> bytes:
        """The raw 32 bytes; for ``keys.escrow`` alone."""
