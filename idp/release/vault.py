"""The sealed vault: a citizen's data key, opened for one request, and the places it seals.

Nothing personal is written but through a :class:`Citizen`. A key that is gone or broken refuses for that person alone (:class:`KeyGone`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from idp.ports import Clock, Entropy, Keyring, Op, Store
from idp.records import Attribute, KeyringEntry
from keys.errors import SealBroken
from keys.purpose import PurposeRing
from keys.sealed import DataKey, associated_data, new_data_key, open_data_key

NOBODY = bytes(16)
"""Account id of no one: its key seals what is known of unknown callers (a failed sign-in's address)."""


class KeyGone(Exception):
    """The citizen's data key was destroyed, never existed, or does not open: nothing about them can be read."""


@dataclass(frozen=True, slots=True)
class Citizen:
    """An opened citizen: seals and opens at a place (table, column, row id, row version)."""

    account_id: bytes
    pseudonym: bytes
    key: DataKey
    entropy: Entropy

    def __repr__(self) -> str:
        return "Citizen(…)"

    def seal(self, table: str, column: str, row_id: bytes | str, version: int, plain: bytes) -> bytes:
        """Sealed value in the format of ``keys.sealed``."""
        return self.key.seal(associated_data(table, column, self.account_id, row_id, version), plain, self.entropy(12))

    def open(self, table: str, column: str, row_id: bytes | str, version: int, sealed: bytes) -> bytes:
        """Plaintext. Raises ``keys.errors.SealBroken`` for anything altered or moved."""
        return self.key.open(associated_data(table, column, self.account_id, row_id, version), sealed)

    def seal_event(self, event_id: bytes, name: str, plaintext: bytes) -> bytes:
        """A personal field of an audit event."""
        return self.seal("event", name, event_id, 0, plaintext)

    def seal_claim(self, code: str, value: Any, version: int, source: str, now: int) -> Attribute:
        """The row of one claim value (any JSON)."""
        sealed = self.seal("attribute", "value", code, version, msgspec.json.encode(value))
        return Attribute(self.account_id, code, sealed, version, source, now)

    def open_claim(self, row: Attribute) -> Any:
        """The JSON value. Raises ``keys.errors.SealBroken``."""
        return msgspec.json.decode(self.open("attribute", "value", row.code, row.row_version, row.sealed))


@dataclass(frozen=True, slots=True)
class Vault:
    """Opens citizens."""

    ring: PurposeRing
    keyring: Keyring
    store: Store
    entropy: Entropy
    clock: Clock

    def create(self, account_id: bytes) -> Citizen:
        """Make and durably keep the key of a new account, before its account row is written."""
        entry = KeyringEntry(
            account_id, new_data_key(self.ring, self.entropy, account_id), self.entropy(16), self.clock()
        )
        self.keyring.put(entry)
        return self._opened(entry)

    def citizen(self, account_id: bytes) -> Citizen:
        """Raises KeyGone when there is no readable key."""
        entry = self.keyring.get(account_id)
        if entry is None:
            raise KeyGone("no data key")
        return self._opened(entry)

    def nobody(self) -> Citizen:
        """Stands for unknown callers; made on first use."""
        try:
            return self.citizen(NOBODY)
        except KeyGone:
            try:
                return self.create(NOBODY)
            except FileExistsError:
                return self.citizen(NOBODY)

    def claims(self, citizen: Citizen, codes: Iterable[str]) -> dict[str, Any]:
        """The values of just those claims, absent ones left out. Raises ``keys.errors.SealBroken`` when one fails to open."""
        return {row.code: citizen.open_claim(row) for row in self.rows(citizen, codes)}

    def rows(self, citizen: Citizen, codes: Iterable[str]) -> list[Attribute]:
        """The sealed rows of just those claims."""
        wanted = tuple(codes)
        if not wanted:
            return []
        return self.store.find(Attribute, {"account_id": citizen.account_id, "code": Op("in", wanted)})

    def _opened(self, entry: KeyringEntry) -> Citizen:
        try:
            key = open_data_key(self.ring, entry.account_id, entry.wrapped)
        except SealBroken as error:
            raise KeyGone("data key does not open") from error
        return Citizen(entry.account_id, entry.pseudonym, key, self.entropy)
