"""Root and signing keys on a token, on a real SoftHSM2: the same contract as the file, and nothing leaves the token (RFC 7512, PKCS #11)."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pkcs11
import pytest
from pkcs11 import Attribute, ObjectClass

from keys import backends
from keys.errors import KeysError, MissingKey, SealBroken, WrongRootKey
from keys.file_backend import FileRoot
from keys.jose import VerifyKeys, mint, verify
from keys.ports import ExportableSealer, SigningBackend
from keys.purpose import PurposeRing, new_ring_rows
from keys.signing import SIGNING_ALGS, load_signer, new_signing_key
from tests.kit.softhsm import Token
from tests.ports.children import ROOT

NOW = 1_767_225_600_000_000
Url = Callable[[], str]


def test_made_once_opened_again_and_never_replaced(root_url: Url) -> None:
    url = root_url()
    assert backends.root_exists(url) is False
    with pytest.raises(MissingKey, match="no root key"):
        backends.open_root(url)
    made = backends.create_root(url, os.urandom)
    assert backends.root_exists(url) is True
    with pytest.raises(KeysError, match="never replaced"):
        backends.create_root(url, os.urandom)
    again = backends.open_root(url)
    assert again.fingerprint() == made.fingerprint() and len(made.fingerprint()) == 16
    assert again.unwrap(b"label", made.wrap(b"label", b"hello")) == b"hello"
    assert made.fingerprint() in repr(made) and not isinstance(made, ExportableSealer)


@pytest.mark.attack("F25", "A085")
def test_another_root_label_or_altered_value_opens_nothing(root_url: Url) -> None:
    """As with the file: another root is named by its fingerprint, what was moved or altered is one refusal, whichever bit."""
    one, other = (backends.create_root(root_url(), os.urandom) for _ in range(2))
    wrapped = one.wrap(b"purpose/data/1", bytes(32))
    assert wrapped != one.wrap(b"purpose/data/1", bytes(32))
    for foreign in (other, FileRoot(bytes(32))):
        with pytest.raises((WrongRootKey, SealBroken)):
            foreign.unwrap(b"purpose/data/1", wrapped)
    with pytest.raises(WrongRootKey, match=one.fingerprint()):
        other.unwrap(b"purpose/data/1", wrapped)
    for label, value in (
        (b"purpose/data/2", wrapped),
        (b"purpose/data/1", wrapped[:-1]),
        (b"purpose/data/1", wrapped[:9]),
        (b"purpose/data/1", wrapped[:20] + bytes([wrapped[20] ^ 1]) + wrapped[21:]),
        (b"purpose/data/1", b"\x09" + wrapped[1:]),
        (b"purpose/data/1", b"\x03" + wrapped[1:]),
        (b"purpose/data/1", b""),
    ):
        with pytest.raises(SealBroken):
            one.unwrap(label, value)
    assert one.unwrap(b"purpose/data/1", wrapped) == bytes(32), "the token goes on"


def test_a_ring_stands_on_it(root_url: Url) -> None:
    root = backends.create_root(root_url(), os.urandom)
    rows = new_ring_rows(root, os.urandom, NOW)
    assert PurposeRing.open(root, rows).current("pairwise")[0] == 1


@pytest.mark.parametrize("alg", SIGNING_ALGS)
def test_a_signing_key_signs_on_the_token_and_joserfc_agrees(root_url: Url, alg: str) -> None:
    root = backends.create_root(root_url(), os.urandom)
    row = new_signing_key(root, alg, 1, NOW)
    signer = load_signer(root, row)
    token = mint(signer, "JWT", {"sub": "x"})
    keys = VerifyKeys.from_jwks({"keys": [dict(signer.public_jwk)]})
    assert verify(token, keys, (alg,), "JWT") == {"sub": "x"}
    assert len(row.wrapped) == 25 and signer.kid == row.kid


@pytest.mark.parametrize("alg", SIGNING_ALGS)
def test_no_private_part_can_be_read_or_taken_out(root_url: Url, token: Token, alg: str) -> None:
    root = backends.create_root(root_url(), os.urandom)
    row = new_signing_key(root, alg, 1, NOW)
    with pkcs11.lib(token.module).get_token(token_label="yimen test").open(rw=True) as session:
        (private,) = session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.ID: row.wrapped[9:]})
        secrets = list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY}))
        for held in (private, *secrets):
            assert held[Attribute.SENSITIVE] and not held[Attribute.EXTRACTABLE]
            assert held[Attribute.NEVER_EXTRACTABLE] and held[Attribute.ALWAYS_SENSITIVE]
            rsa = held is private and alg in ("RS256", "PS256")
            with pytest.raises(pkcs11.AttributeSensitive):
                _ = held[Attribute.PRIVATE_EXPONENT if rsa else Attribute.VALUE]


@pytest.mark.attack("F25")
def test_a_row_that_names_another_key_signs_nothing(root_url: Url) -> None:
    """A reference exchanged in the database is found at start: one signature proves the published part."""
    root = backends.create_root(root_url(), os.urandom)
    one, two = (new_signing_key(root, "ES256", n, NOW) for n in (1, 2))
    for wrapped, error in (
        (two.wrapped, SealBroken),
        (one.wrapped[:9] + os.urandom(16), MissingKey),
        (one.wrapped[:1] + os.urandom(8) + one.wrapped[9:], WrongRootKey),
        (b"\x01" + one.wrapped[1:], SealBroken),
        (b"", SealBroken),
    ):
        with pytest.raises(error):
            load_signer(root, msgspec.structs.replace(one, wrapped=wrapped))


def test_many_threads_sign_at_once(root_url: Url) -> None:
    root = backends.create_root(root_url(), os.urandom)
    assert isinstance(root, SigningBackend)
    signer = load_signer(root, new_signing_key(root, "ES256", 1, NOW))
    keys, failures = VerifyKeys.from_jwks({"keys": [dict(signer.public_jwk)]}), list[BaseException]()

    def sign() -> None:
        try:
            for n in range(20):
                assert verify(mint(signer, "JWT", {"n": n}), keys, ("ES256",), "JWT") == {"n": n}
        except BaseException as error:  # noqa: BLE001  told below
            failures.append(error)

    threads = [threading.Thread(target=sign) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("pkcs11:token=a;object=b?module-path=/x.so", "must look like"),
        ("pkcs11:token=a?module-path=/x.so&pin-source=file:/p", "must look like"),
        ("pkcs11:token=a;object=b?pin-source=file:/p", "must look like"),
        ("pkcs11:token=a;object=b?module-path=/x.so&pin-value=1234", "must not hold the PIN"),
        ("pkcs12:x", "unknown keys backend"),
    ],
)
def test_a_url_that_cannot_be_right_is_explained_without_its_secrets(url: str, says: str) -> None:
    with pytest.raises(KeysError, match=says) as refused:
        backends.open_root(url)
    assert "1234" not in str(refused.value)


def test_a_pin_file_that_others_may_read_is_refused(token: Token, tmp_path: Path) -> None:
    loose = tmp_path / "pin"
    loose.write_text("123456")
    loose.chmod(0o644)
    with pytest.raises(WrongRootKey, match="0600"):
        backends.open_root(token.url("x", pin_file=loose))
    with pytest.raises(MissingKey, match="no PIN"):
        backends.open_root(token.url("x", pin_file=loose.with_name("nothing")))


LEAVES = """
import sys, pkcs11
from keys import backends, pkcs11_backend
url = sys.argv[1]
place = pkcs11_backend.Place(url)
def seen():
    session = pkcs11.lib(place.module).get_token(token_label=place.token).open()
    found = len(list(session.get_objects({pkcs11.Attribute.LABEL: place.label})))
    session.close()
    return found
first, second = backends.open_root(url), backends.open_root(url)
wrapped = first.wrap(b"x", b"hello")
first.close(), first.close()
assert second.unwrap(b"x", wrapped) == b"hello" and backends.root_exists(url) and seen() == 1
try:
    first.wrap(b"x", b"hello")
except pkcs11_backend.BackendDown as error:
    assert "closed" in str(error)
else:
    raise AssertionError
second.close()
assert seen() == 0, "nobody is logged in any more"
try:
    backends.open_root(url.replace("object=", "object=no"))
except pkcs11_backend.MissingKey:
    assert seen() == 0
third = backends.open_root(url)
assert third.unwrap(b"x", wrapped) == b"hello"
"""


def test_who_leaves_last_logs_out(root_url: Url) -> None:
    """One login of the process, whoever uses it (PKCS #11 §5.6); what could not be opened leaves nothing open."""
    url = root_url()
    backends.create_root(url, os.urandom).close()
    done = subprocess.run([sys.executable, "-c", LEAVES, url], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
