"""The Keyring port's contract (``idp.ports.Keyring``) on every backend."""

from pathlib import Path

import pytest

from idp.ports import Keyring
from idp.records import KeyringEntry
from idp.store.open import open_keyring
from tests.ports.sample import key


def entry(n: int, wrapped: bytes = b"w" * 60) -> KeyringEntry:
    return KeyringEntry(account_id=key(n, 16), wrapped=wrapped, pseudonym=key(1000 + n, 16), created_at=n)


def test_put_is_there_and_a_second_put_is_refused(keyring: Keyring) -> None:
    keyring.put(entry(1))
    assert keyring.get(key(1, 16)) == entry(1)
    with pytest.raises(FileExistsError):
        keyring.put(entry(1, b"other"))
    assert keyring.get(key(1, 16)) == entry(1)
    assert keyring.get(key(2, 16)) is None


def test_two_accounts_never_share_a_pseudonym(keyring: Keyring) -> None:
    keyring.put(entry(1))
    with pytest.raises(FileExistsError):
        keyring.put(KeyringEntry(key(2, 16), b"w", entry(1).pseudonym, 1))


def test_swap_replaces_only_the_key_it_was_told(keyring: Keyring) -> None:
    keyring.put(entry(1))
    assert keyring.swap_key(key(1, 16), b"not it", b"new") is False
    assert keyring.swap_key(key(1, 16), b"w" * 60, b"new") is True
    assert keyring.get(key(1, 16)) == entry(1, b"new")


def test_many_are_swapped_in_one_go_each_for_itself(keyring: Keyring) -> None:
    for n in range(3):
        keyring.put(entry(n))
    swaps = [(key(0, 16), b"w" * 60, b"a"), (key(1, 16), b"not it", b"b"), (key(2, 16), b"w" * 60, b"c")]
    assert keyring.swap_keys([*swaps, (key(9, 16), b"w" * 60, b"d")]) == 2
    assert [e.wrapped for e in keyring.all()] == [b"a", b"w" * 60, b"c"]


def test_all_walks_in_order_of_account(keyring: Keyring) -> None:
    for n in (3, 1, 2):
        keyring.put(entry(n))
    assert keyring.all(limit=2) == [entry(1), entry(2)]
    assert keyring.all(after=key(2, 16)) == [entry(3)]


def test_a_pseudonym_leads_to_its_living_entry_alone(keyring: Keyring) -> None:
    for n in (1, 2):
        keyring.put(entry(n))
    assert keyring.whose(entry(2).pseudonym) == entry(2)
    assert keyring.whose(b"p" * 16) is None
    keyring.erase(key(2, 16))
    keyring.destroy(key(1, 16))
    assert keyring.whose(entry(1).pseudonym) is None and keyring.whose(entry(2).pseudonym) is None


def test_destroy_answers_whether_there_was_one(keyring: Keyring) -> None:
    keyring.put(entry(1))
    assert keyring.destroy(key(1, 16)) is True
    assert keyring.destroy(key(1, 16)) is False
    assert keyring.get(key(1, 16)) is None


def test_an_erased_account_is_known_and_never_comes_back(keyring: Keyring) -> None:
    """DESIGN §6: the account id is never reused; a lawful end is told from a lost key"""
    keyring.put(entry(1))
    keyring.put(entry(2))
    keyring.erase(key(1, 16))
    keyring.erase(key(1, 16))
    assert keyring.get(key(1, 16)) is None and keyring.erased(key(1, 16))
    assert keyring.all() == [entry(2)] and not keyring.erased(key(2, 16)) and not keyring.erased(key(3, 16))
    with pytest.raises(FileExistsError):
        keyring.put(entry(1))
    assert keyring.swap_key(key(1, 16), b"w" * 60, b"new") is False
    keyring.erase(key(3, 16))
    assert keyring.erased(key(3, 16))


def test_entries_survive_reopening(keyring: Keyring, keyring_url: str) -> None:
    keyring.put(entry(1))
    keyring.close()
    again = open_keyring(keyring_url)
    again.check()
    assert again.all() == [entry(1)]
    again.close()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_destroyed_key_is_in_none_of_the_files(keyring: Keyring, tmp_path: Path) -> None:
    """DESIGN §6: destroying the row is the erasure, so its bytes must go from the file and its write-ahead log."""

    def holds(secret: bytes) -> bool:
        return any(secret in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())

    secrets = [b"wrapped-secret-%03d-" % n * 4 for n in range(60)]
    for n, secret in enumerate(secrets):
        keyring.put(entry(n, secret))
    assert all(map(holds, secrets))
    keyring.get(key(5, 16))
    assert keyring.swap_key(key(7, 16), secrets[7], b"swapped")
    for n in range(0, 60, 2):
        (keyring.destroy if n % 4 else keyring.erase)(key(n, 16))
    assert [n for n in range(0, 60, 2) if holds(secrets[n])] == []
    assert not holds(entry(4).pseudonym)
    assert not holds(secrets[7])
    assert holds(secrets[9])


def test_a_backup_is_a_keyring(keyring: Keyring, tmp_path: Path, backend: str) -> None:
    keyring.put(entry(1))
    target = tmp_path / "keyring.backup"
    keyring.backup(str(target))
    assert target.stat().st_mode & 0o077 == 0
    if backend == "sqlite":
        copy = open_keyring(f"sqlite:///{target}")
        assert copy.all() == [entry(1)]
        copy.close()
