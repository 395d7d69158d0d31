import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.util import urlsafe_b64encode

from clients.key_material import BadKeys, parse_jwks
from tests.clients.ground import EC_KEY, ED_KEY, RSA_KEY, jwks


def public(key, **changes):
    full = {**key.as_dict(private=False), **changes}
    return {name: value for name, value in full.items() if value is not ...}


def test_keys_are_stripped_to_what_is_believed():
    entry = public(EC_KEY, x5u="https://evil.example/key", x5c=["AAAA"], note="hello", use="sig")
    kept = parse_jwks({"keys": [entry]}).as_jwks()["keys"]
    assert kept == [{name: entry[name] for name in ("kty", "crv", "x", "y", "kid", "use")}]


@pytest.mark.parametrize(
    ("alg", "kid", "found"),
    [
        ("ES256", "ec", "ec"),
        ("ES256", None, "ec"),
        ("RS256", None, "rsa"),
        ("PS256", "rsa", "rsa"),
        ("Ed25519", "ed", "ed"),
        ("EdDSA", None, "ed"),
        ("ES256", "rsa", None),
        ("RS256", "ec", None),
        ("ES256", "unknown", None),
        ("HS256", "rsa", None),
    ],
)
def test_the_verifying_key_has_the_kid_and_the_shape(alg, kid, found):
    key = parse_jwks(jwks(EC_KEY, RSA_KEY, ED_KEY)).verifier(alg, kid)
    assert (key.kid if key else None) == found


def test_without_kid_two_fitting_keys_are_ambiguous():
    other = ECKey.generate_key("P-256", {"kid": "ec2"})
    assert parse_jwks(jwks(EC_KEY, other)).verifier("ES256", None) is None


def test_use_separates_signing_from_encryption():
    keys = parse_jwks({"keys": [public(EC_KEY, use="enc"), public(RSA_KEY, use="sig")]})
    assert keys.verifier("ES256", "ec") is None
    assert keys.encrypter("RSA-OAEP-256") is None
    found = keys.encrypter("ECDH-ES+A256KW")
    assert found is not None and found.kid == "ec"


def chosen(alg, *entries, now_s=None):
    found = parse_jwks({"keys": list(entries)}).encrypter(alg, now_s)
    return found.kid if found else None


P256, P521 = ECKey.generate_key("P-256"), ECKey.generate_key("P-521")


@pytest.mark.parametrize(
    ("entries", "kid"),
    [
        ([public(P521, kid="any"), public(P256, kid="enc", use="enc")], "enc"),
        ([public(P521, kid="any", use="enc"), public(P256, kid="alg", use="enc", alg="ECDH-ES+A256KW")], "alg"),
        ([public(P256, kid="weak", use="enc"), public(P521, kid="strong", use="enc")], "strong"),
        ([public(P256, kid="new", iat=20), public(EC_KEY, kid="old", iat=10), public(EC_KEY, kid="none")], "new"),
        ([public(P256, kid="first"), public(EC_KEY, kid="second")], "first"),
        ([public(P256, kid="over", exp=100), public(EC_KEY, kid="now", nbf=100, exp=101)], "now"),
        ([public(P256, kid="over", exp=100), public(EC_KEY, kid="early", nbf=101)], None),
        ([public(P256, kid="signs", key_ops=["verify"]), public(P256, kid="agrees", key_ops=[])], "agrees"),
        ([public(P256, kid="other", alg="ECDH-ES")], None),
    ],
    ids=["use", "alg", "strongest", "newest", "first", "times", "none is current", "key_ops", "another alg"],
)
def test_the_most_appropriate_key_is_encrypted_to(entries, kid):
    assert chosen("ECDH-ES+A256KW", *entries, now_s=100) == kid


def test_the_larger_rsa_key_is_the_stronger():
    larger = RSAKey.generate_key(3072, {"kid": "larger"})
    assert chosen("RSA-OAEP-256", public(RSA_KEY), public(larger)) == "larger"


def test_a_key_is_known_by_its_thumbprint():
    (key,) = parse_jwks({"keys": [public(EC_KEY, use="enc", kid="x")]}).keys
    assert key.thumbprint == EC_KEY.thumbprint()


def test_a_key_for_one_algorithm_verifies_no_other():
    keys = parse_jwks({"keys": [public(RSA_KEY, alg="PS256")]})
    assert keys.verifier("RS256", "rsa") is None
    assert keys.verifier("PS256", "rsa") is not None


def test_agreement_curve_encrypts_and_never_signs():
    keys = parse_jwks(jwks(OKPKey.generate_key("X25519")))
    assert keys.encrypter("ECDH-ES+A256KW") is not None
    assert not keys.signs(["Ed25519", "ES256", "RS256"])


def test_unknown_types_are_left_out():
    keys = parse_jwks({"keys": [{"kty": "AKP", "alg": "ML-DSA-65", "pub": "AA"}, public(EC_KEY)]})
    assert len(keys.keys) == 1


SMALL = public(RSA_KEY, n=urlsafe_b64encode(b"\xff" * 128).decode().rstrip("="))
EVEN = public(RSA_KEY, n=public(RSA_KEY)["n"][:-1] + "A")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (EC_KEY.as_dict(private=True), "private"),
        (RSA_KEY.as_dict(private=True), "private"),
        (ED_KEY.as_dict(private=True), "private"),
        (public(RSA_KEY, q="AQ"), "private"),
        (OctKey.generate_key(256).as_dict(private=True), "private"),
        ({"kty": "oct"}, "private"),
        (SMALL, "weak"),
        (EVEN, "weak"),
        (public(RSA_KEY, e="Aw"), "weak"),
        (public(RSA_KEY, e="_" * 1400), "weak"),
        (public(RSA_KEY, n="_" * 1500), "weak"),
        (public(RSA_KEY, n="_" * 2000), "members"),
        (public(RSA_KEY, n=5), "members"),
        (public(RSA_KEY, n=...), "members"),
        (public(EC_KEY, x=public(EC_KEY)["y"]), "off_curve"),
        (public(EC_KEY, x="AA", y="AA"), "off_curve"),
        (public(EC_KEY, crv="secp256k1"), "crv"),
        (public(EC_KEY, crv="P-384"), "off_curve"),
        (public(EC_KEY, crv=["P-256"]), "members"),
        (public(ED_KEY, x="AA"), "members"),
        (public(ED_KEY, crv="Ed448"), "crv"),
        (public(EC_KEY, use="both"), "use"),
        (public(EC_KEY, use=1), "use"),
        (public(EC_KEY, kid=5), "kid"),
        (public(EC_KEY, kid=""), "kid"),
        (public(EC_KEY, kid="k" * 257), "kid"),
        (public(EC_KEY, kid="a\x00"), "kid"),
        (public(EC_KEY, alg="HS256"), "alg"),
        (public(EC_KEY, alg="none"), "alg"),
        (public(EC_KEY, alg="RS256"), "alg"),
        (public(RSA_KEY, alg="RSA1_5"), "alg"),
        (public(RSA_KEY, alg="ECDH-ES+A256KW", use="enc"), "alg"),
        (public(EC_KEY, key_ops="verify"), "key_ops"),
        (public(EC_KEY, key_ops=["sign"]), "key_ops"),
        (public(EC_KEY, exp="soon"), "exp"),
        (public(EC_KEY, iat=True), "iat"),
        (public(EC_KEY, nbf=-1), "nbf"),
        ({"kty": "OKP", "crv": "X25519", "x": "A" * 43}, "small_order"),
        (public(EC_KEY, kty=...), "kty"),
        (public(EC_KEY, kty=["EC"]), "kty"),
        ({"kty": "AKP"}, "empty"),
    ],
)
def test_one_bad_key_refuses_the_set(entry, reason):
    with pytest.raises(BadKeys) as refused:
        parse_jwks({"keys": [entry]})
    assert refused.value.reason == reason


@pytest.mark.parametrize("document", [None, [], "x", {}, {"keys": {}}, {"keys": ["x"]}, {"keys": [None]}, {"keys": 1}])
def test_other_shapes_are_refused(document):
    with pytest.raises(BadKeys) as refused:
        parse_jwks(document)
    assert refused.value.reason == "shape"


def test_duplicate_kid_and_too_many_keys_are_refused():
    with pytest.raises(BadKeys, match="duplicate_kid"):
        parse_jwks({"keys": [public(EC_KEY, kid="a"), public(RSA_KEY, kid="a")]})
    with pytest.raises(BadKeys, match="too_many"):
        parse_jwks({"keys": [public(EC_KEY, kid=str(n)) for n in range(21)]})
