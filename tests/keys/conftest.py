"""A root key in a private directory, an opened ring, and two accounts."""

from pathlib import Path

import pytest

from keys.file_backend import FileRoot, create_root
from keys.ports import Entropy
from keys.purpose import PurposeRing, new_purpose_key, new_ring_rows
from tests.kit.clock import deterministic_entropy

ALICE, BOB = b"a" * 16, b"b" * 16


@pytest.fixture
def entropy() -> Entropy:
    return deterministic_entropy("keys")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file://{tmp_path}/keys"


@pytest.fixture
def root(url: str, entropy: Entropy) -> FileRoot:
    return create_root(url, entropy)


@pytest.fixture
def ring(root: FileRoot, entropy: Entropy) -> PurposeRing:
    return PurposeRing.open(root, new_ring_rows(root, entropy, 1))


@pytest.fixture
def ring2(root: FileRoot, entropy: Entropy) -> PurposeRing:
    """Every purpose has versions 1 (retiring) and 2 (active)."""
    import msgspec

    from keys.purpose import PURPOSES

    first = [msgspec.structs.replace(row, state="retiring") for row in new_ring_rows(root, entropy, 1)]
    second = [new_purpose_key(root, purpose, 2, entropy, 2) for purpose in PURPOSES]
    return PurposeRing.open(root, [*first, *second])
