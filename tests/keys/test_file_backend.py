"""The sealed file: made once, private, and named clearly when it is wrong."""

import os
import pickle
import stat
from pathlib import Path

import pytest

from keys import backends
from keys.errors import KeysError, MissingKey, SealBroken, WrongRootKey
from keys.file_backend import FILE_NAME, FileRoot, create_root, open_root, restore_root, root_exists
from tests.kit.clock import deterministic_entropy


def file_of(url: str) -> Path:
    return Path(url.removeprefix("file://")) / FILE_NAME


def test_a_created_root_opens_and_its_file_is_private(url, root):
    assert open_root(url).fingerprint() == root.fingerprint()
    assert stat.S_IMODE(file_of(url).stat().st_mode) == 0o600
    assert stat.S_IMODE(file_of(url).parent.stat().st_mode) == 0o700
    assert [entry.name for entry in file_of(url).parent.iterdir()] == [FILE_NAME]


def test_opening_never_creates(url):
    with pytest.raises(MissingKey, match="no root key"):
        open_root(url)
    assert not root_exists(url)
    assert not file_of(url).parent.exists()


def test_creating_never_replaces(url, root):
    before = file_of(url).read_bytes()
    with pytest.raises(KeysError, match="never replaced"):
        create_root(url, os.urandom)
    assert file_of(url).read_bytes() == before
    assert [entry.name for entry in file_of(url).parent.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda content: b"", "not a root key file"),
        (lambda content: b"-----BEGIN", "not a root key file"),
        (lambda content: content[:-1], "truncated"),
        (lambda content: content + b"\n", "too long"),
        (lambda content: content[:4] + b"\x02" + content[5:], "version"),
        (lambda content: content[:20] + bytes([content[20] ^ 1]) + content[21:], "checksum"),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "checksum"),
    ],
)
def test_a_wrong_or_truncated_file_is_named(url, root, damage, text):
    path = file_of(url)
    content = path.read_bytes()
    path.write_bytes(damage(content))
    with pytest.raises(WrongRootKey, match=text) as caught:
        open_root(url)
    assert content[5:37].hex() not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_lax_file_permissions_are_refused(url, root, mode):
    file_of(url).chmod(mode)
    with pytest.raises(WrongRootKey, match="0600"):
        open_root(url)


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_lax_directory_permissions_are_refused(url, root, mode):
    file_of(url).parent.chmod(mode)
    with pytest.raises(WrongRootKey, match="0700"):
        open_root(url)
    file_of(url).unlink()
    with pytest.raises(WrongRootKey, match="0700"):
        create_root(url, os.urandom)


def test_a_symbolic_link_is_not_followed(url, root, tmp_path):
    moved = tmp_path / "elsewhere"
    file_of(url).rename(moved)
    file_of(url).symlink_to(moved)
    with pytest.raises(WrongRootKey, match="cannot be read"):
        open_root(url)


def test_a_directory_in_place_of_the_file_is_refused(url, root):
    file_of(url).unlink()
    file_of(url).mkdir(mode=0o700)
    with pytest.raises(WrongRootKey, match="regular file"):
        open_root(url)


@pytest.mark.parametrize(
    "url", ["", "file:relative", "file://host/keys", "/keys", "file:///keys?x=1", "pkcs11:token=x", "http://x/keys"]
)
def test_other_urls_are_refused(url):
    with pytest.raises(KeysError):
        backends.open_root(url)


def test_the_scheme_table_opens_the_file_backend(url, root):
    assert backends.open_root(url).fingerprint() == root.fingerprint()


def test_a_percent_encoded_directory(tmp_path, entropy):
    create_root(f"file://{tmp_path}/%E5%AF%86%E9%92%A5", entropy)
    assert (tmp_path / "密钥" / FILE_NAME).exists()


def test_wrap_round_trip_is_bound_to_its_label(root):
    wrapped = root.wrap(b"purpose/data/1", b"k" * 32)
    assert root.unwrap(b"purpose/data/1", wrapped) == b"k" * 32
    assert b"k" * 8 not in wrapped
    with pytest.raises(SealBroken):
        root.unwrap(b"purpose/data/2", wrapped)


def test_every_altered_or_shortened_wrapping_is_refused(root):
    wrapped = root.wrap(b"l", b"k" * 32)
    for position in range(len(wrapped)):
        altered = bytearray(wrapped)
        altered[position] ^= 1
        with pytest.raises((SealBroken, WrongRootKey)):
            root.unwrap(b"l", bytes(altered))
    for length in range(len(wrapped)):
        with pytest.raises((SealBroken, WrongRootKey)):
            root.unwrap(b"l", wrapped[:length])


def test_another_root_is_named_as_such(root):
    other = FileRoot(deterministic_entropy("other")(32))
    with pytest.raises(WrongRootKey, match=root.fingerprint()):
        other.unwrap(b"l", root.wrap(b"l", b"k" * 32))


def test_a_root_shows_and_serialises_nothing(root):
    assert repr(root) == f"FileRoot({root.fingerprint()})"
    assert root.export_material().hex() not in repr(root)
    with pytest.raises(TypeError):
        pickle.dumps(root)


def test_restore_writes_the_same_root(root, tmp_path):
    again = f"file://{tmp_path}/again"
    restore_root(again, root.export_material())
    assert open_root(again).unwrap(b"l", root.wrap(b"l", b"k")) == b"k"


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_material_of_another_length_is_no_root(url, length):
    with pytest.raises(KeysError):
        restore_root(url, b"x" * length)
    assert not root_exists(url)
