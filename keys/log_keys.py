"""The two private keys of the audit log, made from its purpose key: Ed25519 and ML-DSA-44. They sign checkpoints and nothing else."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from keys.purpose import PurposeRing, subkey


def log_keys(ring: PurposeRing) -> tuple[Ed25519PrivateKey, MLDSA44PrivateKey]:
    """The same pair on every node and after every restart."""
    key = ring.current("log")[1]
    ed25519 = Ed25519PrivateKey.from_private_bytes(subkey(key, b"yimen-log/1 ed25519"))
    return ed25519, MLDSA44PrivateKey.from_seed_bytes(subkey(key, b"yimen-log/1 ml-dsa-44"))
