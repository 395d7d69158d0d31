"""What we encrypt is read by joserfc, for every algorithm, encryption and curve that is offered (RFC 7516 §5, RFC 7518 §4 and §5)."""

import pytest
from joserfc import jwe as joserfc_jwe
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from keys import jwe
from tests.kit.house import header_of

KEYS: dict[str, jwe.EncryptionKey] = {
    "P-256": ECKey.generate_key("P-256"),
    "P-384": ECKey.generate_key("P-384"),
    "P-521": ECKey.generate_key("P-521"),
    "X25519": OKPKey.generate_key("X25519"),
    "RSA": RSAKey.generate_key(2048),
}
PAIRS = [(name, alg) for name in KEYS for alg in jwe.JWE_ALGS if (name == "RSA") == (alg == "RSA-OAEP-256")]


@pytest.mark.parametrize("enc", jwe.JWE_ENCS)
@pytest.mark.parametrize(("name", "alg"), PAIRS)
@pytest.mark.parametrize("size", [0, 15, 16, 4000])
def test_joserfc_reads_it(name: str, alg: str, enc: str, size: int) -> None:
    key = KEYS[name]
    token = jwe.encrypt(b"x" * size, type(key).import_key(key.as_dict(private=False)), alg=alg, enc=enc, kid="k")
    assert joserfc_jwe.decrypt_compact(token, key, algorithms=[alg, enc]).plaintext == b"x" * size
    header = header_of(token)
    assert (header["alg"], header["enc"], header["kid"]) == (alg, enc, "k") and "zip" not in header
    assert (token.split(".")[1] == "") is (alg == "ECDH-ES")


@pytest.mark.parametrize("name", KEYS)
def test_nothing_of_one_token_is_in_another(name: str) -> None:
    first, second = (jwe.encrypt(b"hello", KEYS[name]).split(".") for _ in range(2))
    assert all(mine != theirs for mine, theirs in zip(first[1:], second[1:], strict=True))
    assert (first[0] == second[0]) is (name == "RSA"), "the ephemeral key is fresh"


@pytest.mark.parametrize("iss", [None, "https://id.example"])
def test_the_issuer_is_repeated_where_it_is_asked(iss: str | None) -> None:
    """Back-Channel Logout 1.0 §2.4, RFC 7519 §5.3"""
    assert header_of(jwe.encrypt(b"x", KEYS["RSA"], iss=iss or "")).get("iss") == iss


@pytest.mark.attack("A078")
@pytest.mark.parametrize(
    ("name", "alg", "enc"),
    [
        ("RSA", "RSA1_5", "A256GCM"),
        ("RSA", "RSA-OAEP", "A256GCM"),
        ("P-256", "dir", "A256GCM"),
        ("P-256", "PBES2-HS256+A128KW", "A256GCM"),
        ("P-256", "RSA-OAEP-256", "A256GCM"),
        ("RSA", "ECDH-ES", "A256GCM"),
        ("RSA", "RSA-OAEP-256", "A128GCM"),
        ("RSA", "RSA-OAEP-256", "none"),
    ],
)
def test_no_other_algorithm_and_no_other_type_of_key(name: str, alg: str, enc: str) -> None:
    """Nothing is ever encrypted with padding of PKCS #1 v1.5, a shared secret or a weaker cipher (RFC 7518 §4.2, RFC 8725 §3.2)."""
    with pytest.raises(ValueError, match="cannot be encrypted to"):
        jwe.encrypt(b"x", KEYS[name], alg=alg, enc=enc)


def test_a_curve_that_is_not_offered_and_no_key_at_all() -> None:
    for key in (ECKey.generate_key("secp256k1"), OKPKey.generate_key("Ed25519"), OctKey.generate_key(256)):
        with pytest.raises(ValueError, match="cannot be encrypted to"):
            jwe.encrypt(b"x", key)


@pytest.mark.parametrize(("name", "alg"), PAIRS)
def test_what_is_prepared_once_serves_many_and_every_member_is_there(name: str, alg: str) -> None:
    """RFC 7516 §4.1: the header is one JSON object, whichever optional members it has."""
    prepared = jwe.Encrypter(KEYS[name], alg=alg, kid='k"\\', typ="JWT", cty="JWT", iss="https://id.example")
    tokens = [prepared(text) for text in (b"one", b"two")]
    registry = joserfc_jwe.JWERegistry(algorithms=[alg, "A256GCM"], strict_check_header=False)
    opened = [joserfc_jwe.decrypt_compact(token, KEYS[name], registry=registry) for token in tokens]
    assert [one.plaintext for one in opened] == [b"one", b"two"]
    kept = {"kid": 'k"\\', "typ": "JWT", "cty": "JWT", "iss": "https://id.example"}
    assert {n: header_of(tokens[0])[n] for n in kept} == kept
    assert set(header_of(tokens[0])) - set(kept) - {"epk"} == {"alg", "enc"}
    assert all(a != b for a, b in zip(tokens[0].split(".")[1:], tokens[1].split(".")[1:], strict=True) if a)
