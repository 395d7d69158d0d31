"""Which backend a keys URL names. A hardware backend (``pkcs11:``) adds itself to this table."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from keys import file_backend
from keys.errors import KeysError
from keys.ports import Sealer

BACKENDS: Final[Mapping[str, Callable[[str], Sealer]]] = MappingProxyType({"file": file_backend.open_root})


def open_root(url: str) -> Sealer:
    """Opens the root key that ``IDP_KEYS_URL`` names; never creates one. Raises ``KeysError`` and its kin."""
    scheme = url.partition(":")[0]
    if scheme not in BACKENDS:
        raise KeysError(f"unknown keys backend; known: {', '.join(sorted(BACKENDS))}")
    return BACKENDS[scheme](url)
