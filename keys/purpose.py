"""Purpose keys: one symmetric key per use, versioned, wrapped by the root key, opened once at start."""

import hmac
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal, NoReturn, get_args

import msgspec
from cryptography.hazmat.primitives.hashes import SM3
from cryptography.hazmat.primitives.hmac import HMAC

from keys.errors import MissingKey, SealBroken, WrongRootKey
from keys.model import ACTIVE, NEXT, RETIRING, PurposeKey, State
from keys.ports import Entropy, Sealer

Purpose = Literal["data", "index", "pairwise", "sid", "pseudonym", "hash", "flow", "log"]
PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)
SUITE_AES_256_GCM: Final = 1
"""AES-256-GCM and SHA-256."""
SUITE_SM4_GCM: Final = 2
"""SM4-GCM and SM3 (GB/T 32907, GB/T 32905, RFC 8998 §3.2)."""
MAX_VERSION: Final = 0xFFFF
_BYTES: Final[Mapping[str, int]] = MappingProxyType({"pairwise": 64})
_DEFAULT_BYTES: Final = 32


def new_purpose_key(
    root: Sealer, purpose: Purpose, version: int, entropy: Entropy, now: int, *, state: State = ACTIVE
) -> PurposeKey:
    """A fresh key of one purpose (64 bytes for ``pairwise``: AES-256-SIV; else 32). ``now`` in microseconds.

    ``state``: ``active`` in a new house; ``next`` where other nodes must be able to open its values before anyone makes one.
    """
    if purpose not in PURPOSES or not 1 <= version <= MAX_VERSION:
        raise ValueError("unknown purpose or version out of range")
    plain = entropy(_BYTES.get(purpose, _DEFAULT_BYTES))
    wrapped = root.wrap(_label(purpose, version), plain)
    return PurposeKey(purpose=purpose, version=version, wrapped=wrapped, created_at=now, state=state)


def new_ring_rows(root: Sealer, entropy: Entropy, now: int) -> tuple[PurposeKey, ...]:
    """Version 1 of every purpose: what a new installation stores before anything else."""
    return tuple(new_purpose_key(root, purpose, 1, entropy, now) for purpose in PURPOSES)


def rewrapped(old: Sealer, new: Sealer, row: PurposeKey) -> PurposeKey:
    """The same key under another root. A row that is already under ``new`` comes back unchanged, so that the work can be resumed."""
    label = _label(row.purpose, row.version)
    return msgspec.structs.replace(row, wrapped=rewrap(old, new, label, row.wrapped))


def rewrap(old: Sealer, new: Sealer, label: bytes, wrapped: bytes) -> bytes:
    """Wraps one value under ``new``, unless it is already. Raises ``WrongRootKey`` if neither root made it."""
    try:
        new.unwrap(label, wrapped)
    except WrongRootKey:
        return new.wrap(label, old.unwrap(label, wrapped))
    return wrapped


class PurposeRing:
    """The opened purpose keys. Shared by threads; its ``repr`` shows versions alone."""

    __slots__ = ("_current", "_keys", "suite")

    def __init__(
        self, current: Mapping[str, int], keys: Mapping[tuple[str, int], bytes], suite: int = SUITE_AES_256_GCM
    ) -> None:
        self._current = MappingProxyType(dict(current))
        self._keys = MappingProxyType(dict(keys))
        self.suite = suite

    @classmethod
    def open(cls, root: Sealer, rows: Iterable[PurposeKey], suite: int = SUITE_AES_256_GCM) -> "PurposeRing":
        """Unwraps all versions that are not retired. ``suite``: what new values are sealed and indexed with; all are read.

        Raises ``MissingKey`` if a purpose has no active version.
        """
        return cls(*_live(root, rows, {}), suite)

    def _exchange(self, root: Sealer, rows: Iterable[PurposeKey]) -> None:
        """Take over what ``rows`` say now; what is open already is not opened again. Each moment in between is whole."""
        known = self._keys
        current, keys = _live(root, rows, known)
        self._keys = MappingProxyType({**known, **keys})
        self._current = MappingProxyType(dict(current))
        self._keys = MappingProxyType(dict(keys))

    def __repr__(self) -> str:
        return f"PurposeRing({dict(self._current)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("purpose keys are not serialised")

    def close(self) -> None:
        """Ask nothing of the root key any more; keys that are open stay. A ring that follows no store holds nothing."""

    def current(self, purpose: Purpose) -> tuple[int, bytes]:
        """(version, key) that new values are made with."""
        version = self._current[purpose]
        return version, self._keys[purpose, version]

    def latest(self, purpose: Purpose) -> tuple[int, bytes]:
        """As :meth:`current`, and certainly no older than this call where the ring follows a store."""
        return self.current(purpose)

    def get(self, purpose: Purpose, version: int) -> bytes:
        """The key of one version. Raises ``MissingKey`` if it is unknown or retired."""
        try:
            return self._keys[purpose, version]
        except KeyError:
            raise MissingKey(f"no {purpose} key of version {version}") from None

    def versions(self, purpose: Purpose) -> tuple[int, ...]:
        """All usable versions, the current one first, then newest to oldest."""
        current = self._current[purpose]
        others = sorted(
            (version for name, version in self._keys if name == purpose and version != current), reverse=True
        )
        return (current, *others)


def _live(
    root: Sealer, rows: Iterable[PurposeKey], known: Mapping[tuple[str, int], bytes]
) -> tuple[dict[str, int], dict[tuple[str, int], bytes]]:
    live = [row for row in rows if row.state in (NEXT, ACTIVE, RETIRING)]
    places = [(row.purpose, row.version) for row in live]
    keys = {at: known[at] if at in known else _opened(root, row) for at, row in zip(places, live, strict=True)}
    current = {row.purpose: row.version for row in sorted(live, key=_version) if row.state == ACTIVE}
    missing = [purpose for purpose in PURPOSES if purpose not in current]
    if missing:
        raise MissingKey(f"no active key for: {', '.join(missing)}")
    return current, keys


def subkey(key: bytes, label: bytes, digest: Literal["sha256", "sha512", "sm3"] = "sha256") -> bytes:
    """An independent key for one label under a purpose key (HMAC as a pseudo-random function). ``sm3``: GB/T 32905."""
    if digest == "sm3":
        context = HMAC(key, SM3())
        context.update(label)
        return context.finalize()
    return hmac.digest(key, label, digest)


def _opened(root: Sealer, row: PurposeKey) -> bytes:
    plain = root.unwrap(_label(row.purpose, row.version), row.wrapped)
    if len(plain) != _BYTES.get(row.purpose, _DEFAULT_BYTES):
        raise SealBroken("a purpose key has the wrong length")
    return plain


def _version(row: PurposeKey) -> int:
    return row.version


def _label(purpose: str, version: int) -> bytes:
    return f"purpose/{purpose}/{version}".encode()
