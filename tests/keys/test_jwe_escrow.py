"""JWE in both algorithms, and the root key's way into and out of escrow."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc import jwe as joserfc_jwe
from joserfc.jwk import ECKey, OctKey, RSAKey

from keys import jwe
from keys.errors import KeysError, SealBroken, TokenInvalid
from keys.escrow import export_root, recover_root
from keys.file_backend import FileRoot, restore_root
from keys.wire import unb64url

EC, RSA = ECKey.generate_key("P-256"), RSAKey.generate_key(2048)
PRIVATE = {"EC": EC.private_key, "RSA": RSA.private_key}
ALGS = {"EC": "ECDH-ES+A256KW", "RSA": "RSA-OAEP-256"}
EVERY = pytest.mark.parametrize("kind", ["EC", "RSA"])
KEYS: dict[str, jwe.EncryptionKey] = {"EC": EC, "RSA": RSA}


def public_pem(private) -> bytes:
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_pem(private, password: bytes | None = None) -> bytes:
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


def public(kind: str) -> jwe.EncryptionKey:
    document = KEYS[kind].as_dict(private=False)
    return ECKey.import_key(document) if kind == "EC" else RSAKey.import_key(document)


@EVERY
def test_jwe_round_trip_with_the_stated_algorithms(kind):
    token = jwe.encrypt(b"hello", public(kind), kid="k1", cty="JWT")
    plain, header = jwe.decrypt(token, KEYS[kind])
    assert plain == b"hello"
    assert {name: header[name] for name in ("alg", "enc", "kid", "cty")} == {
        "alg": ALGS[kind],
        "enc": "A256GCM",
        "kid": "k1",
        "cty": "JWT",
    }
    assert "zip" not in header
    assert "typ" not in header


@EVERY
def test_joserfc_reads_what_we_encrypt(kind):
    token = jwe.encrypt(b"hello", public(kind))
    assert joserfc_jwe.decrypt_compact(token, KEYS[kind], algorithms=[ALGS[kind], "A256GCM"]).plaintext == b"hello"


@EVERY
def test_every_altered_part_is_the_same_refusal(kind):
    token = jwe.encrypt(b"hello", public(kind))
    parts = token.split(".")
    broken = [
        token[:-1],
        token + "A",
        token[1:],
        "",
        "....",
        ".".join(parts[:3]),
        json.dumps({"protected": parts[0]}),
        "\udc80" + token,
    ]
    for index, part in enumerate(parts):
        for position in range(0, len(part), 7):
            changed = part[:position] + ("A" if part[position] != "A" else "B") + part[position + 1 :]
            broken.append(".".join([*parts[:index], changed, *parts[index + 1 :]]))
    for other in broken:
        with pytest.raises(TokenInvalid, match=r"^jwe$"):
            jwe.decrypt(other, KEYS[kind])


@pytest.mark.parametrize("kind", ["EC", "RSA"])
def test_a_token_for_another_kind_of_key_is_refused(kind):
    other = "RSA" if kind == "EC" else "EC"
    with pytest.raises(TokenInvalid, match=r"^jwe$"):
        jwe.decrypt(jwe.encrypt(b"hello", public(kind)), KEYS[other])


def test_an_unusable_key_is_named():
    with pytest.raises(ValueError, match="cannot be encrypted to"):
        jwe.encrypt(b"x", OctKey.generate_key(256))


def test_a_large_release_passes_and_a_larger_token_is_refused_unread():
    token = jwe.encrypt(b"x" * 100_000, public("EC"))
    assert jwe.decrypt(token, EC)[0] == b"x" * 100_000
    with pytest.raises(TokenInvalid):
        jwe.decrypt(token, EC, max_len=1_000)


@EVERY
@pytest.mark.parametrize("password", [None, b"two people"])
def test_escrow_round_trip(root, tmp_path, kind, password):
    envelope = export_root(root, public_pem(PRIVATE[kind]))
    material = recover_root(envelope + "\n", private_pem(PRIVATE[kind], password), password)
    restored = restore_root(f"file://{tmp_path}/recovered", material)
    assert restored.unwrap(b"l", root.wrap(b"l", b"k")) == b"k"


@EVERY
def test_the_envelope_shows_the_fingerprint_and_no_key(root, kind):
    envelope = export_root(root, public_pem(PRIVATE[kind]))
    header = json.loads(unb64url(envelope.split(".")[0]) or b"")
    assert (header["kid"], header["alg"], header["typ"]) == (root.fingerprint(), ALGS[kind], "yimen-escrow+jwe")
    assert all(root.export_material() not in (unb64url(part) or b"") for part in envelope.split("."))


@EVERY
def test_another_recovery_key_does_not_open(root, kind):
    envelope = export_root(root, public_pem(PRIVATE[kind]))
    other = ec.generate_private_key(ec.SECP256R1()) if kind == "EC" else rsa.generate_private_key(65537, 2048)
    with pytest.raises(SealBroken, match="does not open"):
        recover_root(envelope, private_pem(other))


@pytest.mark.parametrize(
    ("content", "typ", "kid", "text"),
    [
        (b"x" * 32, "yimen-escrow+jwe", None, "not an escrowed"),
        (b"yimen-escrow/1\x00" + b"x" * 32, "JWT", None, "not an escrowed"),
        (b"yimen-escrow/1\x00" + b"x" * 32, "yimen-escrow+jwe", None, "fingerprint"),
        (b"yimen-escrow/1\x00" + b"x" * 32, "yimen-escrow+jwe", "0" * 16, "fingerprint"),
    ],
)
def test_something_else_encrypted_to_the_recovery_key_is_no_root(content, typ, kid, text):
    """Anyone can encrypt to a public key: the content has to say what it is."""
    with pytest.raises(SealBroken, match=text):
        recover_root(jwe.encrypt(content, public("EC"), typ=typ, kid=kid), private_pem(PRIVATE["EC"]))


def test_material_of_another_length_is_no_root():
    envelope = jwe.encrypt(b"yimen-escrow/1\x00short", public("EC"), typ="yimen-escrow+jwe", kid="0" * 16)
    with pytest.raises(KeysError, match="32 bytes"):
        recover_root(envelope, private_pem(PRIVATE["EC"]))


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"not pem",
        private_pem(PRIVATE["EC"]),
        public_pem(ec.generate_private_key(ec.SECP384R1())),
        public_pem(ed25519.Ed25519PrivateKey.generate()),
        public_pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505 the weak key is the point
    ],
)
def test_an_unfit_recovery_key_is_refused(root, pem):
    with pytest.raises(KeysError, match="recovery key"):
        export_root(root, pem)


def test_a_wrong_password_is_named_without_showing_it(root):
    envelope = export_root(root, public_pem(PRIVATE["EC"]))
    for password in (None, b"wrong one"):
        with pytest.raises(KeysError, match="password is wrong") as caught:
            recover_root(envelope, private_pem(PRIVATE["EC"], b"right one"), password)
        assert "one" not in str(caught.value)


def test_a_root_that_was_not_escrowed_stays_closed(root):
    material = recover_root(export_root(root, public_pem(PRIVATE["EC"])), private_pem(PRIVATE["EC"]))
    assert FileRoot(material).fingerprint() == root.fingerprint() != FileRoot(bytes(32)).fingerprint()
