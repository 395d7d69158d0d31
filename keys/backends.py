"""Which backend a keys URL names: ``file:`` (a sealed file) or ``pkcs11:`` (a hardware module, with the extra ``hsm``)."""

from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Final

from keys.errors import KeysError
from keys.ports import Entropy, Sealer

BACKENDS: Final = MappingProxyType({"file": "keys.file_backend", "pkcs11": "keys.pkcs11_backend"})


def open_root(url: str) -> Sealer:
    """Opens the root key that ``IDP_KEYS_URL`` names; never creates one. Raises ``KeysError`` and its kin."""
    root: Sealer = _backend(url).open_root(url)
    return root


def create_root(url: str, entropy: Entropy) -> Sealer:
    """Makes a new root key there. Raises ``KeysError`` if one is already there."""
    root: Sealer = _backend(url).create_root(url, entropy)
    return root


def root_exists(url: str) -> bool:
    """Whether something stands where the URL points, usable or not."""
    return bool(_backend(url).root_exists(url))


def _backend(url: str) -> ModuleType:
    """Loaded when it is named: a hardware module's library is an extra."""
    scheme = url.partition(":")[0]
    if scheme not in BACKENDS:
        raise KeysError(f"unknown keys backend in the keys URL; known: {', '.join(sorted(BACKENDS))}")
    try:
        return import_module(BACKENDS[scheme])
    except ModuleNotFoundError:
        raise KeysError(f"{scheme}: needs the package python-pkcs11 (pip install 'yimen[hsm]')") from None
