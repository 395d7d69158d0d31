"""People of the database whom nothing can be read of, though nobody erased them: what an older or a foreign keyring shows itself by."""

from collections.abc import Iterator
from dataclasses import dataclass

from idp.parts import Parts
from idp.ports import Op
from idp.records import Account, KeyringEntry
from keys.errors import SealBroken
from keys.sealed import open_data_key

PAGE = 1000
MEANING = (
    "the keyring is older than the database, or another house's; they can't sign in and nothing about them can be read, "
    "unless a newer copy of the keyring comes back"
)


@dataclass(frozen=True, slots=True)
class People:
    """Accounts that live, by whether their key opens."""

    readable: int
    unreadable: int


def people(parts: Parts, most: int = 0) -> People:
    """Count them; whom the database or the keyring knows as erased is neither. ``most``: no more than about so many, from a random one on, as ids
    are random too; 0 for all. Raises Unavailable."""
    readable = unreadable = 0
    for accounts in _living(parts, most):  # before their keys: a key is there before its account is
        keys = _keys(parts, accounts)
        for account_id in accounts:
            if _opens(parts, keys.get(account_id)):
                readable += 1
            elif not parts.keyring.erased(account_id):
                unreadable += 1
    return People(readable, unreadable)


def _living(parts: Parts, most: int) -> Iterator[list[bytes]]:
    start, looked = parts.entropy(16) if most else b"", 0
    for began, until in ((start, None), (b"", start)) if most else ((start, None),):
        after = began
        while rows := parts.store.find(Account, {"id": Op(">", after)}, order=("id",), limit=PAGE):
            rows = [row for row in rows if until is None or row.id <= until]
            yield [row.id for row in rows if row.status != "erased"]
            looked += len(rows)
            if not rows or (most and looked >= most):
                break
            after = rows[-1].id
        if most and looked >= most:
            return


def _keys(parts: Parts, accounts: list[bytes]) -> dict[bytes, KeyringEntry]:
    """Page by page rather than one by one: of a million people that is seconds."""
    found = dict[bytes, KeyringEntry]()
    after = _before(accounts[0]) if accounts else b""
    while accounts and after < accounts[-1] and (entries := parts.keyring.all(after, PAGE)):
        found |= {entry.account_id: entry for entry in entries}
        after = entries[-1].account_id
    return found


def _before(account_id: bytes) -> bytes:
    number = int.from_bytes(account_id, "big")
    return (number - 1).to_bytes(len(account_id), "big") if number else b""


def _opens(parts: Parts, entry: KeyringEntry | None) -> bool:
    if entry is None:
        return False
    try:
        open_data_key(parts.ring, entry.account_id, entry.wrapped)
    except SealBroken:
        return False
    return True
