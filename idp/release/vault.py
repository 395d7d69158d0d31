"""The sealed vault: a citizen's data key, opened for one request, and the places it seals.

Nothing personal is written but through a :class:`Citizen`. A key that is gone or broken refuses for that person alone (:class:`KeyGone`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from idp.audit.events import Person, SealFailed, record
from idp.errors import Unavailable
from idp.ports import Clock, Entropy, Keyring, Op, Store
from idp.records import Attribute, KeyringEntry
from idp.release.details import DetailKeys, Months, keep
from keys.errors import SealBroken
from keys.purpose import SUITE_AES_256_GCM, PurposeRing
from keys.sealed import DataKey, account_place, associated_data, coded_place, fresh_data_key, is_joined, open_data_key

NOBODY = bytes(16)
"""Account id of no one: its key seals what is known of unknown callers (a failed sign-in's address)."""


PASSING_US = 2 * 86_400_000_000
"""What is sent to somebody without an account is kept for a day (``flows.cleanup``); the key goes on the third day after its own."""
_PASSING, _DAYS_AT_ONCE = b"passing-", 16
TELL_AGAIN_US = 60_000_000
TOLD_AT_MOST = 1024
LATELY_US = 2_000_000
"""``caches.TOO_OLD_US``: nothing that is remembered outlives its source by more."""
LATELY_AT_MOST = 4096
FEW = 4
"""Attributes looked up one by one; for more, one walk over all that a citizen has is cheaper. Only what is wanted is ever opened."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_ATTRIBUTES = 10_000
"""So many kinds of attributes the catalogue holds at most (``caches.Catalogue``)."""
_json = msgspec.json.Decoder().decode


class KeyGone(Exception):
    """The citizen's data key was destroyed, never existed, or does not open: nothing about them can be read."""


@dataclass(frozen=True, slots=True)
class Citizen:
    """An opened citizen: seals and opens at a place (table, column, row id, row version)."""

    account_id: bytes
    pseudonym: bytes
    key: DataKey
    entropy: Entropy
    suite: int = SUITE_AES_256_GCM
    """What new values are sealed with."""
    broken: Callable[["Person", str], None] = lambda _, __: None
    """Told of a value that does not open, and where it stood."""
    details: DetailKeys | None = None
    """The keys of each class and month of events; without them events are sealed under the citizen's key alone."""

    def __repr__(self) -> str:
        return "Citizen(…)"

    def seal(self, table: str, column: str, row_id: bytes | str, version: int, plain: bytes) -> bytes:
        """Sealed value in the format of ``keys.sealed``."""
        place = associated_data(table, column, self.account_id, row_id, version)
        return self.key.seal(place, plain, self.entropy(12), suite=self.suite)

    def open(self, table: str, column: str, row_id: bytes | str, version: int, sealed: bytes) -> bytes:
        """Plaintext. Raises ``keys.errors.SealBroken`` for anything altered or moved, which is on record then."""
        try:
            return self.key.open(associated_data(table, column, self.account_id, row_id, version), sealed)
        except SealBroken:
            self.broken(self, f"{table}.{column}")
            raise

    def opens(self, table: str, column: str, row_id: bytes | str, version: int, sealed: bytes) -> bytes | None:
        """Plaintext; None for what another's key may have sealed, which is on no record."""
        try:
            return self.key.open(associated_data(table, column, self.account_id, row_id, version), sealed)
        except SealBroken:
            return None

    def tag(self, label: bytes) -> bytes:
        """16 bytes that are the same for the same ``label`` under this key."""
        return self.key.tag(label, suite=self.suite)[:16]

    def seal_event(self, kind: str, at: int, event_id: bytes, name: str, plaintext: bytes) -> bytes:
        """A personal field of an audit event: under this citizen's key and that of the event's class and month. Raises Unavailable."""
        if self.details is None:
            return self.seal("event", name, event_id, 0, plaintext)
        key = self.key.joined(self.details.sealing(kind, at))
        place = associated_data("event", name, self.account_id, event_id, 0)
        return key.seal(place, plaintext, self.entropy(12), suite=self.suite)

    def open_event(
        self, kind: str, at: int, event_id: bytes, name: str, sealed: bytes, months: Months | None = None
    ) -> bytes:
        """Plaintext. ``months``: what was asked for already, by one who reads many. Raises KeyGone when the details of that class and month
        were destroyed, SealBroken, Unavailable."""
        if self.details is None or not is_joined(sealed):
            return self.open("event", name, event_id, 0, sealed)
        other = self.details.opening(kind, at, {} if months is None else months)
        if other is None:
            raise KeyGone("the details of this month were destroyed")
        try:
            return self.key.joined(other).open(associated_data("event", name, self.account_id, event_id, 0), sealed)
        except SealBroken:
            self.broken(self, f"event.{name}")
            raise

    def seal_claim(self, code: str, value: Any, version: int, source: str, now: int) -> Attribute:
        """The row of one claim value (any JSON)."""
        sealed = self.seal("attribute", "value", code, version, msgspec.json.encode(value))
        return Attribute(self.account_id, code, sealed, version, source, now)

    def open_claim(self, row: Attribute) -> Any:
        """The JSON value. Raises ``keys.errors.SealBroken``."""
        return self.open_claims((row,))[row.code]

    def open_claims(self, rows: Sequence[Attribute]) -> dict[str, Any]:
        """Code → JSON value. Raises ``keys.errors.SealBroken`` when one does not open, which is on record then."""
        place = account_place("attribute", "value", self.account_id)
        try:
            opened = self.key.open_each([(place + coded_place(row.code, row.row_version), row.sealed) for row in rows])
        except SealBroken:
            self.broken(self, "attribute.value")
            raise
        return {row.code: _json(value) for row, value in zip(rows, opened, strict=True)}


@dataclass(frozen=True, slots=True)
class Vault:
    """Opens citizens."""

    ring: PurposeRing
    keyring: Keyring
    store: Store
    entropy: Entropy
    clock: Clock
    details: DetailKeys
    _told: dict[tuple[bytes, str], int] = field(default_factory=dict)
    _lately: dict[bytes, tuple[int, Citizen]] = field(default_factory=dict)
    _today: dict[bytes, Citizen] = field(default_factory=dict)

    def create(self, account_id: bytes) -> Citizen:
        """Make and durably keep the key of a new account, before its account row is written."""
        key = fresh_data_key(self.entropy)
        entry = keep(self.ring, self.keyring, self.entropy, account_id, key, self.clock())
        return self._citizen(entry, key)

    def citizen(self, account_id: bytes) -> Citizen:
        """Raises KeyGone when there is no readable key."""
        entry = self.keyring.get(account_id)
        if entry is None:
            raise KeyGone("no data key")
        return self._opened(entry)

    def whose(self, pseudonym: bytes) -> Citizen:
        """The citizen whom the log knows by a pseudonym. Raises KeyGone."""
        entry = self.keyring.whose(pseudonym)
        if entry is None:
            raise KeyGone("no data key")
        return self._opened(entry)

    def lately(self, account_id: bytes) -> Citizen:
        """As :meth:`citizen`, opened at most two seconds ago: what a grant's answers ask for three times in one sign-in. Never where the time of
        an answer could tell whether somebody is known (A105)."""
        now, lately = self.clock(), self._lately
        known = lately.get(account_id)
        if known is not None and 0 <= now - known[0] < LATELY_US:
            return known[1]
        citizen = self.citizen(account_id)
        if len(lately) >= LATELY_AT_MOST:
            lately.clear()
        lately[account_id] = now, citizen
        return citizen

    def forget(self, account_id: bytes) -> None:
        """The key was destroyed: this process reads nothing with it any more; others for two seconds, as ``caches``."""
        self._lately.pop(account_id, None)

    def nobody(self) -> Citizen:
        """Stands for unknown callers; made on first use."""
        return self.of_house(NOBODY)

    def passing(self, at: int) -> Citizen:
        """Stands for somebody without an account to whom something is sent: a key of the day ``at`` (UTC), which ends soon after it, so that no copy
        tells later what they were sent before they had a key of their own. This process asks for it once a day. Raises Unavailable for a day whose
        key is gone: the clock is wrong."""
        name = _day(at)
        known = self._today.get(name)
        if known is None:
            try:
                known = self.of_house(name)
            except KeyGone:
                raise Unavailable("keyring (the key of a day that is over: is the clock right?)") from None
            self._today.clear()
            self._today[name] = known
        return known

    def open_passing(self, at: int, table: str, column: str, row_id: bytes, sealed: bytes) -> bytes:
        """What :meth:`passing` sealed at ``at``, or an earlier version of the house under nobody's key. Raises SealBroken."""
        try:
            plain = self.citizen(_day(at)).opens(table, column, row_id, 0, sealed)
        except KeyGone:
            plain = None
        return self.nobody().open(table, column, row_id, 0, sealed) if plain is None else plain

    def end_passing(self, now: int) -> int:
        """Destroy the keys of days that are over, those too that an older copy of the keyring brought back; how many. Raises Unavailable."""
        first, found = _day(now - PASSING_US), self.keyring.all(_PASSING, _DAYS_AT_ONCE)
        over = [e.account_id for e in found if e.account_id.startswith(_PASSING) and e.account_id < first]
        for name in over:
            self.keyring.erase(name)
        return len(over)

    def of_house(self, name: bytes) -> Citizen:
        """A key of the house's own, under 16 bytes that no account has; made on first use. Raises KeyGone once it was erased."""
        try:
            return self.citizen(name)
        except KeyGone:
            try:
                return self.create(name)
            except FileExistsError:
                return self.citizen(name)

    def claims(self, citizen: Citizen, codes: Iterable[str]) -> dict[str, Any]:
        """The values of just those claims, absent ones left out. Raises ``keys.errors.SealBroken`` when one fails to open."""
        return citizen.open_claims(self.rows(citizen, codes))

    def rows(self, citizen: Citizen, codes: Iterable[str]) -> list[Attribute]:
        """The sealed rows of just those claims."""
        wanted = tuple(codes)
        if not wanted:
            return []
        if len(wanted) <= FEW:
            return self.store.find(Attribute, {"account_id": citizen.account_id, "code": Op("in", wanted)})
        rows = self.store.find(Attribute, {"account_id": citizen.account_id}, limit=MOST_ATTRIBUTES)
        return [row for row in rows if row.code in wanted]

    def _opened(self, entry: KeyringEntry) -> Citizen:
        try:
            key = open_data_key(self.ring, entry.account_id, entry.wrapped)
        except SealBroken as error:
            self._broken(Known(entry.pseudonym), "keyring")
            raise KeyGone("data key does not open") from error
        return self._citizen(entry, key)

    def _citizen(self, entry: KeyringEntry, key: DataKey) -> Citizen:
        suite, details = self.ring.suite, self.details
        return Citizen(entry.account_id, entry.pseudonym, key, self.entropy, suite, self._broken, details)

    def _broken(self, person: Person, place: str) -> None:
        """The event, once a minute for each person and place in each process: who asks again and again does not fill the log."""
        now, at = self.clock(), (person.pseudonym, place)
        if now - self._told.get(at, -TELL_AGAIN_US) < TELL_AGAIN_US:
            return
        if len(self._told) >= TOLD_AT_MOST:
            self._told.clear()
        self._told[at] = now
        self.store.commit([record(SealFailed(place=place), at=now, entropy=self.entropy, person=person)])


def _day(at: int) -> bytes:
    """What stands for a day where the keyring has an account: sixteen readable bytes, which no account has."""
    return _PASSING + (_EPOCH + timedelta(microseconds=at)).strftime("%Y%m%d").encode()


@dataclass(frozen=True, slots=True)
class Known:
    """A person known by pseudonym alone."""

    pseudonym: bytes

    def seal_event(self, kind: str, at: int, event_id: bytes, name: str, plaintext: bytes) -> bytes:
        """Never asked for: what seals is gone."""
        del kind, at, event_id, name, plaintext
        raise KeyGone("no data key")
