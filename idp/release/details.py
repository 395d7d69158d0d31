"""Keys of the log's details: one for each class of events and month, in the keyring beside the citizens' keys.

A personal field of an event needs its citizen's key and its month's: destroying the one forgets a person, destroying the other ends a class's month
in the database and in every copy of it. Entries stand in the keyring under ids that no account has, so that epochs of the ``data`` key turn them too.
"""

from dataclasses import dataclass, field
from hashlib import sha256

from idp.audit.retention import month_of
from idp.errors import Unavailable
from idp.ports import Clock, Entropy, Keyring
from idp.records import KeyringEntry
from keys.errors import SealBroken
from keys.purpose import PurposeRing
from keys.sealed import DataKey, fresh_data_key, open_data_key, wrap_data_key, wrapped_version

KEPT = 64
"""Keys that a process remembers, of the months in which it sealed."""

Months = dict[bytes, DataKey | None]
"""Keys that one reader asked for, by their id; None for those that are gone."""


def detail_id(group: str, month: str) -> bytes:
    """Under which the keyring keeps the key of a class (an event's subject, like ``session``) and month."""
    return sha256(f"yimen-detail/1 {group} {month}".encode()).digest()[:16]


def keep(
    ring: PurposeRing, keyring: Keyring, entropy: Entropy, entry_id: bytes, key: DataKey, now: int
) -> KeyringEntry:
    """Durably keep a new key. Raises FileExistsError when there is or was one, Unavailable."""
    wrapped = wrap_data_key(ring, entropy, entry_id, key)
    entry = KeyringEntry(entry_id, wrapped, entropy(16), now)
    keyring.put(entry)
    if wrapped_version(wrapped) != ring.latest("data")[0]:
        # An epoch began meanwhile: who wraps the living anew may have passed this place already.
        keyring.swap_key(entry_id, wrapped, wrap_data_key(ring, entropy, entry_id, key))
    return entry


@dataclass(frozen=True, slots=True)
class DetailKeys:
    """Finds them, and makes those of a month that begins."""

    ring: PurposeRing
    keyring: Keyring
    entropy: Entropy
    clock: Clock
    _open: dict[bytes, DataKey] = field(default_factory=dict)

    def sealing(self, kind: str, at: int) -> DataKey:
        """The key for a new event; asked of the keyring once for each class and month. Raises Unavailable, also for a key that was damaged."""
        entry_id = detail_id(kind.partition(".")[0], month_of(at))
        key = self._open.get(entry_id)
        if key is None:
            if len(self._open) >= KEPT:
                self._open.clear()
            try:
                key = self._open[entry_id] = self._found(entry_id) or self._made(entry_id)
            except SealBroken:
                raise Unavailable("keyring (key of the log's details)") from None
        return key

    def opening(self, kind: str, at: int, asked: Months) -> DataKey | None:
        """The key of an event that was; None when it was destroyed. ``asked`` remembers for the one who reads. Raises SealBroken, Unavailable."""
        entry_id = detail_id(kind.partition(".")[0], month_of(at))
        if entry_id not in asked:
            asked[entry_id] = self._found(entry_id)
        return asked[entry_id]

    def known(self, group: str, month: str) -> bool:
        """Whether there is one to destroy."""
        return self.keyring.get(detail_id(group, month)) is not None

    def destroy(self, group: str, month: str) -> None:
        """For ever: none is made for this class and month again. Repeats harmlessly. Raises Unavailable."""
        entry_id = detail_id(group, month)
        self.keyring.erase(entry_id)
        self._open.pop(entry_id, None)

    def _found(self, entry_id: bytes) -> DataKey | None:
        entry = self.keyring.get(entry_id)
        return None if entry is None else open_data_key(self.ring, entry_id, entry.wrapped)

    def _made(self, entry_id: bytes) -> DataKey:
        key = fresh_data_key(self.entropy)
        try:
            keep(self.ring, self.keyring, self.entropy, entry_id, key, self.clock())
        except FileExistsError:
            # Another process was faster; or the month's details are over already, and nothing shall open what is sealed now.
            return self._found(entry_id) or key
        return key
