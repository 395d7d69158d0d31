"""Citizens' wrapped keys and pseudonyms, in a store of their own. Destroying a row here is what erases a citizen.

SQLite: freed bytes are overwritten (``secure_delete``) and the write-ahead log is cut before ``destroy`` returns.
PostgreSQL: the row is deleted and its page vacuumed; PostgreSQL does not overwrite freed bytes, so old pages, its log and replicas are covered by
the next epoch of the ``data`` key, which re-wraps the living and destroys the key that the dead bytes were wrapped with.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

from idp.ports import Conflict, Delete, Insert, Op, Update
from idp.records import KeyringEntry
from idp.store.sql import SqlStore

GONE = b""
"""In place of a wrapped key: this account was erased, and its id is never used again."""


class SqlKeyring:
    """Implements ``idp.ports.Keyring`` over a SQL store; ``scrub`` removes what a deleted row left in its files."""

    def __init__(self, store: SqlStore, scrub: Callable[[], None]) -> None:
        self._store = store
        self._scrub = scrub

    def put(self, entry: KeyringEntry) -> None:
        """Durable when it returns. Raises FileExistsError for a known account, Unavailable."""
        if isinstance(self._store.commit([Insert(entry)]), Conflict):
            raise FileExistsError("the keyring knows this account")

    def get(self, account_id: bytes) -> KeyringEntry | None:
        """The account's entry. Raises Unavailable."""
        return self._store.one(KeyringEntry, account_id=account_id, wrapped=Op("!=", GONE))

    def whose(self, pseudonym: bytes) -> KeyringEntry | None:
        """The entry with this pseudonym. Raises Unavailable."""
        return self._store.one(KeyringEntry, pseudonym=pseudonym, wrapped=Op("!=", GONE))

    def swap_key(self, account_id: bytes, old_wrapped: bytes, new_wrapped: bytes) -> bool:
        """Replace the wrapped key if it still is ``old_wrapped``. Raises Unavailable."""
        where = {"account_id": account_id, "wrapped": old_wrapped}
        return not isinstance(self._store.commit([Update(KeyringEntry, where, {"wrapped": new_wrapped})]), Conflict)

    def swap_keys(self, swaps: Sequence[tuple[bytes, bytes, bytes]]) -> int:
        """``(account_id, old, new)`` each, where it still is the old one; how many were replaced. Raises Unavailable."""
        done = self._store.commit(
            [
                Update(KeyringEntry, {"account_id": account, "wrapped": old}, {"wrapped": new}, rows=None)
                for account, old, new in swaps
            ]
        )
        return 0 if isinstance(done, Conflict) else sum(done.rows)

    def destroy(self, account_id: bytes) -> bool:
        """Delete and scrub; whether there was an entry. After Unavailable call again: scrubbing is repeated even without a row."""
        done = self._store.commit([Delete(KeyringEntry, {"account_id": account_id})])
        self._scrub()
        return not isinstance(done, Conflict) and done.rows[0] > 0

    def erase(self, account_id: bytes) -> None:
        """Destroy the entry and leave a mark that there was one: no key, no pseudonym. Repeats harmlessly. Raises Unavailable."""
        mark = KeyringEntry(account_id, GONE, sha256(b"yimen-erased/1" + account_id).digest()[:16], 0)
        self._store.commit([Delete(KeyringEntry, {"account_id": account_id}), Insert(mark)])
        self._scrub()

    def erased(self, account_id: bytes) -> bool:
        """Whether :meth:`erase` was done for this account. Raises Unavailable."""
        return self._store.one(KeyringEntry, account_id=account_id, wrapped=GONE) is not None

    def all(self, after: bytes = b"", limit: int = 1000) -> list[KeyringEntry]:
        """Entries in the order of account ids, from behind ``after``. Raises Unavailable."""
        where = {"account_id": Op(">", after), "wrapped": Op("!=", GONE)}
        return self._store.find(KeyringEntry, where, order=("account_id",), limit=limit)

    def check(self) -> None:
        """Raises SchemaUnknown, Unavailable."""
        self._store.check()

    def backup(self, target: str) -> None:
        """A consistent copy; keep only the newest one (an older copy would bring erased citizens back)."""
        self._store.backup(target)

    def close(self) -> None:
        """Release connections."""
        self._store.close()
