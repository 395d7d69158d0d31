"""The root key in a sealed file: ``IDP_KEYS_URL=file:///directory``.

File ``root.key`` = ``YMRK`` ‖ version u8 ‖ 32 bytes of key ‖ SHA-256 of what precedes [:8]. The directory is 0700, the file 0600, both
owned by the process. A root key is made by ``create_root`` alone; opening never makes one, because a new root key would turn every
stored value into noise. Wrapped value = format u8 ‖ root fingerprint 8 ‖ AES-256-SIV (RFC 5297: deterministic, needs no nonce).
"""

import hashlib
import hmac
import os
import stat
import tempfile
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import unquote, urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from keys.errors import KeysError, MissingKey, SealBroken, WrongRootKey
from keys.ports import Entropy

FILE_NAME: Final = "root.key"
_MAGIC: Final = b"YMRK"
_VERSION: Final = b"\x01"
_KEY_BYTES: Final = 32
_SUM_BYTES: Final = 8
_SIZE: Final = len(_MAGIC) + len(_VERSION) + _KEY_BYTES + _SUM_BYTES
_WRAP_FORMAT: Final = b"\x01"
_PRINT_BYTES: Final = 8


class FileRoot:
    """Sealer over key material held in memory. Its ``repr`` shows the fingerprint alone."""

    __slots__ = ("_material", "_print", "_siv")

    def __init__(self, material: bytes) -> None:
        if len(material) != _KEY_BYTES:
            raise KeysError("a root key has 32 bytes")
        self._material = material
        self._siv = AESSIV(hmac.digest(material, b"yimen-root-wrap/1", "sha512"))
        self._print = hmac.digest(material, b"yimen-root-fingerprint/1", "sha256")[:_PRINT_BYTES]

    def __repr__(self) -> str:
        return f"FileRoot({self.fingerprint()})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a root key is not serialised")

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits."""
        return self._print.hex()

    def close(self) -> None:
        """See ``keys.ports.Sealer``: nothing is open."""

    def wrap(self, label: bytes, plain: bytes) -> bytes:
        """Seals another key under this root."""
        return _WRAP_FORMAT + self._print + self._siv.encrypt(plain, [label])

    def unwrap(self, label: bytes, wrapped: bytes) -> bytes:
        """Opens what ``wrap`` made; see ``keys.ports.Sealer``."""
        head = len(_WRAP_FORMAT) + _PRINT_BYTES
        if wrapped[:1] != _WRAP_FORMAT or len(wrapped) <= head + 16:
            raise SealBroken("a wrapped key is damaged")
        if not hmac.compare_digest(wrapped[1:head], self._print):
            raise WrongRootKey(
                f"a key was wrapped by root {wrapped[1:head].hex()}, the open root is {self.fingerprint()}"
            )
        try:
            return self._siv.decrypt(wrapped[head:], [label])
        except InvalidTag:
            raise SealBroken("a wrapped key is damaged or stands in another key's place") from None

    def export_material(self) -> bytes:
        """Raw root key for escrow."""
        return self._material


def create_root(url: str, entropy: Entropy) -> FileRoot:
    """Makes a new root key at ``url`` (``file:///directory``). Raises ``KeysError`` if one is already there."""
    return restore_root(url, entropy(_KEY_BYTES))


def restore_root(url: str, material: bytes) -> FileRoot:
    """Writes recovered material as the root key at ``url``. Raises ``KeysError`` if a root key is already there."""
    root = FileRoot(material)
    directory = _directory(url)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_directory(directory)
    body = _MAGIC + _VERSION + material
    _write_once(directory / FILE_NAME, body + hashlib.sha256(body).digest()[:_SUM_BYTES])
    return root


def root_exists(url: str) -> bool:
    """Whether a root key file is there, readable or not."""
    return os.path.lexists(_directory(url) / FILE_NAME)


def open_root(url: str) -> FileRoot:
    """Opens the root key. Raises ``MissingKey`` (no file) or ``WrongRootKey`` (damaged, foreign, or open to others)."""
    path = _directory(url) / FILE_NAME
    try:
        _check_directory(path.parent)
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise MissingKey(f"no root key at {path}; create one or recover it from escrow") from None
    except OSError as error:
        raise WrongRootKey(f"the root key file {path} cannot be read: {error.strerror}") from None
    try:
        _check_file(path, os.fstat(handle))
        return FileRoot(_parse(path, os.read(handle, _SIZE + 1)))
    finally:
        os.close(handle)


def _parse(path: Path, content: bytes) -> bytes:
    if content[: len(_MAGIC)] != _MAGIC:
        raise WrongRootKey(f"{path} is not a root key file")
    if content[len(_MAGIC) : len(_MAGIC) + 1] != _VERSION:
        raise WrongRootKey(f"{path} has a version that this release does not know")
    if len(content) != _SIZE:
        raise WrongRootKey(f"{path} is truncated or too long: it must have {_SIZE} bytes")
    body, checksum = content[:-_SUM_BYTES], content[-_SUM_BYTES:]
    if not hmac.compare_digest(hashlib.sha256(body).digest()[:_SUM_BYTES], checksum):
        raise WrongRootKey(f"{path} is damaged: its checksum does not match")
    return body[-_KEY_BYTES:]


def _directory(url: str) -> Path:
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc or parts.query or parts.fragment or not parts.path.startswith("/"):
        raise KeysError("the keys URL must look like file:///absolute/directory")
    return Path(unquote(parts.path))


def _check_directory(path: Path) -> None:
    found = path.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise WrongRootKey(f"{path} is not a directory")
    check_private(path, found, "0700")


def _check_file(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise WrongRootKey(f"{path} is not a regular file")
    check_private(path, found, "0600")


def check_private(path: Path, found: os.stat_result, wanted: str) -> None:
    """Raises ``WrongRootKey`` for a file or directory that others may read or own. ``wanted``: the mode to advise."""
    if found.st_mode & 0o077:
        raise WrongRootKey(f"{path} is open to other users: set its mode to {wanted}")
    if found.st_uid != os.geteuid():
        raise WrongRootKey(f"{path} belongs to another user")


def _write_once(path: Path, content: bytes) -> None:
    """Complete or absent, never over an existing file: temporary file, fsync, link (which refuses to replace), fsync of the directory."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        raise KeysError(f"there is already a root key at {path}; it is never replaced") from None
    finally:
        Path(temporary).unlink()
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
