"""Signing keys and the JOSE profile, cross-checked against joserfc."""

import base64
import hashlib
import json
import warnings
from functools import cache

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey, import_key, thumbprint

from keys import jose, signing
from keys.errors import SealBroken, TokenInvalid, WrongRootKey
from keys.file_backend import FileRoot
from keys.jose import ACCEPTED_ALGS, VerifyKeys, check_times, half_hash, mint, verify
from keys.keyring import SigningRing
from keys.lifecycle import RetireStart, applied
from keys.signing import SIGNING_ALGS, jwks, load_signer, new_signing_key, rewrapped

ROOT = FileRoot(bytes(range(32)))
ROWS = {alg: new_signing_key(ROOT, alg, 1, 1_000, state="active") for alg in SIGNING_ALGS}
SIGNERS = {alg: load_signer(ROOT, row) for alg, row in ROWS.items()}
LARGE = cache(lambda bits: json.loads(new_signing_key(ROOT, "RS256", 1, 1, rsa_bits=bits).public_jwk))
"""The larger, the longer to find: once for each size."""
KEYS = VerifyKeys.from_jwks(json.loads(jwks(ROWS.values())))
CLAIMS = {"iss": "https://id.example", "sub": "s", "aud": ["a", "b"], "exp": 2_000_000_000, "text": "门"}
EVERY = pytest.mark.parametrize("alg", SIGNING_ALGS)
TWO63 = 2**63


def b64(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(alg: str, header: dict, payload: bytes) -> str:
    """A token with any header, truly signed."""
    data = f"{b64(header)}.{b64(payload)}"
    return f"{data}.{b64(SIGNERS[alg].sign(data.encode()))}"


# ------------------------------------------------------------------------------------------------------------ signing keys


@EVERY
def test_kid_is_the_rfc7638_thumbprint_and_the_jwk_is_public(alg):
    jwk = json.loads(ROWS[alg].public_jwk)
    assert ROWS[alg].kid == jwk["kid"] == thumbprint({k: v for k, v in jwk.items() if k not in ("kid", "use", "alg")})
    assert (jwk["use"], jwk["alg"]) == ("sig", alg)
    assert not {"d", "p", "q", "dp", "dq", "qi", "k", "oth"} & jwk.keys()
    assert dict(SIGNERS[alg].public_jwk) == jwk


def test_the_thumbprint_of_rfc7638_section_3_1():
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-"
        "5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    assert signing.thumbprint({"kty": "RSA", "n": n, "e": "AQAB"}) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize("bits", [3072, 4096])
def test_rsa_size_is_configurable(bits):
    assert len(LARGE(bits)["n"]) == bits // 6 + (bits % 6 > 0)


@pytest.mark.parametrize(
    ("alg", "bits"), [("RS256", 1024), ("HS256", 2048), ("none", 2048), ("RSA1_5", 2048), ("", 2048)]
)
def test_other_algorithms_and_small_keys_are_not_made(alg, bits):
    with pytest.raises(ValueError, match="unknown"):
        new_signing_key(ROOT, alg, 1, 1, rsa_bits=bits)


@EVERY
def test_rows_show_no_private_key(alg):
    row = ROWS[alg]
    assert repr(row) == f"SigningKey({alg} v1 active {row.kid})"
    assert repr(SIGNERS[alg]) == f"LocalSigner({alg} {row.kid})"


@EVERY
@pytest.mark.parametrize("change", ["alg", "kid", "wrapped", "public_jwk"])
def test_an_altered_row_does_not_load(alg, change):
    other = new_signing_key(ROOT, alg, 2, 1)
    value = {
        "alg": "PS256" if alg == "RS256" else "RS256",
        "kid": other.kid,
        "wrapped": other.wrapped,
        "public_jwk": other.public_jwk,
    }
    with pytest.raises(SealBroken):
        load_signer(ROOT, msgspec.structs.replace(ROWS[alg], **{change: value[change]}))


def test_a_key_under_another_root_does_not_load_until_rewrapped():
    new = FileRoot(bytes(32))
    with pytest.raises(WrongRootKey):
        load_signer(new, ROWS["ES256"])
    moved = rewrapped(ROOT, new, ROWS["ES256"])
    assert load_signer(new, moved).kid == ROWS["ES256"].kid
    assert rewrapped(ROOT, new, moved) == moved


def test_a_key_of_another_type_under_the_same_label_does_not_load():
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    row = ROWS["ES256"]
    for private in (ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()):
        der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        with pytest.raises(SealBroken):
            load_signer(ROOT, msgspec.structs.replace(row, wrapped=ROOT.wrap(f"signing/ES256/{row.kid}".encode(), der)))


def test_the_published_set_is_deterministic_and_leaves_out_retired_keys():
    rows = [new_signing_key(ROOT, "ES256", n, n) for n in (1, 2, 3, 4)]
    rows = [
        msgspec.structs.replace(row, state=state)
        for row, state in zip(rows, ("retired", "retiring", "active", "next"), strict=True)
    ]
    published = jwks(rows)
    assert published == jwks(reversed(rows))
    assert [jwk["kid"] for jwk in json.loads(published)["keys"]] == [row.kid for row in rows[1:]]
    assert len(KeySet.import_key_set(json.loads(published)).keys) == 3
    assert json.loads(jwks([])) == {"keys": []}


# -------------------------------------------------------------------------------------------------------------------- mint


@EVERY
def test_what_we_mint_joserfc_verifies(alg):
    token = mint(SIGNERS[alg], "at+jwt", CLAIMS)
    decoded = jwt.decode(token, import_key(json.loads(ROWS[alg].public_jwk)), algorithms=[alg])
    assert decoded.claims == CLAIMS
    assert decoded.header == {"alg": alg, "kid": ROWS[alg].kid, "typ": "at+jwt"}


@EVERY
def test_what_joserfc_signs_we_verify(alg):
    rsa_key = RSAKey.generate_key(2048).as_dict(private=True)
    generated = {
        "ES256": ECKey.generate_key("P-256").as_dict(private=True),
        "RS256": rsa_key,
        "PS256": rsa_key,
        "Ed25519": OKPKey.generate_key("Ed25519").as_dict(private=True),
    }
    private = import_key(generated[alg])
    token = jwt.encode({"alg": alg, "kid": private.thumbprint()}, CLAIMS, private, algorithms=[alg])
    keys = VerifyKeys.from_jwks({"keys": [private.as_dict(private=False)]})
    assert verify(token, keys, (alg,), "jwt") == CLAIMS
    with pytest.raises(TokenInvalid, match="unknown_kid"):
        verify(token, KEYS, (alg,), "jwt")


def test_minting_twice_uses_the_header_of_its_own_signer_and_type():
    for alg in SIGNING_ALGS:
        for typ in ("JWT", "at+jwt", "logout+jwt"):
            assert jose.unverified_header(mint(SIGNERS[alg], typ, CLAIMS)) == {
                "alg": alg,
                "kid": ROWS[alg].kid,
                "typ": typ,
            }


# ------------------------------------------------------------------------------------------------------------------ verify


@EVERY
def test_our_own_round_trip(alg):
    assert verify(mint(SIGNERS[alg], "JWT", CLAIMS), KEYS, SIGNING_ALGS, "JWT") == CLAIMS


@EVERY
def test_an_algorithm_that_the_caller_did_not_allow_is_refused(alg):
    others = tuple(other for other in ACCEPTED_ALGS if other != alg)
    with pytest.raises(TokenInvalid, match="alg"):
        verify(mint(SIGNERS[alg], "JWT", CLAIMS), KEYS, others, "JWT")


@pytest.mark.parametrize(
    ("typ", "asked", "passes"),
    [
        ("at+jwt", "at+jwt", True),
        ("AT+JWT", "at+jwt", True),
        ("application/at+jwt", "at+jwt", True),
        ("JWT", "at+jwt", False),
        ("at+jwt", "JWT", False),
        (None, "at+jwt", False),
        (["at+jwt"], "at+jwt", False),
        ("JWT", None, True),
        (None, None, True),
    ],
)
def test_the_type_that_is_asked(typ, asked, passes):
    """RFC 8725 §3.11, RFC 7515 §4.1.9."""
    header = {"alg": "ES256", "kid": ROWS["ES256"].kid} | ({} if typ is None else {"typ": typ})
    token = signed("ES256", header, b"{}")
    if passes:
        assert verify(token, KEYS, ("ES256",), asked) == {}
    else:
        with pytest.raises(TokenInvalid, match="typ"):
            verify(token, KEYS, ("ES256",), asked)


def test_without_kid_every_fitting_key_is_tried():
    token = signed("ES256", {"alg": "ES256"}, b'{"a":1}')
    other = VerifyKeys.from_jwks({"keys": [json.loads(new_signing_key(ROOT, "ES256", 2, 1).public_jwk)]})
    assert verify(token, other + KEYS, ("ES256",), None) == {"a": 1}
    with pytest.raises(TokenInvalid, match="signature"):
        verify(token, other, ("ES256",), None)


def test_headers_that_this_profile_does_not_know_are_ignored():
    """RFC 7515 §4: unknown header parameters are ignored unless critical."""
    token = signed("ES256", {"alg": "ES256", "kid": ROWS["ES256"].kid, "x-vendor": {"a": [1]}, "x5t": "abc"}, b"{}")
    assert verify(token, KEYS, ("ES256",), None) == {}


def test_a_long_header_with_an_rsa_key_inside_passes():
    """A proof of possession carries its key: some 900 characters of header."""
    jwk = LARGE(4096)
    token = signed("ES256", {"alg": "ES256", "kid": ROWS["ES256"].kid, "jwk": jwk}, b"{}")
    assert verify(token, KEYS, ("ES256",), None) == {}


def test_the_older_name_of_ed25519_verifies_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        token = signed("Ed25519", {"alg": "EdDSA", "kid": ROWS["Ed25519"].kid}, b"{}")
        jwk = {name: value for name, value in SIGNERS["Ed25519"].public_jwk.items() if name != "alg"}
        assert verify(token, VerifyKeys.from_jwks({"keys": [jwk]}), ("EdDSA",), None) == {}
    with pytest.raises(TokenInvalid, match="alg"):
        verify(token, KEYS, ("Ed25519",), None)
    with pytest.raises(TokenInvalid, match="unknown_kid"):  # the key itself says Ed25519
        verify(token, KEYS, ("EdDSA",), None)


@pytest.mark.parametrize("payload", [b"[]", b'"x"', b"1", b"null", b"{", b"\xff", b'{"a":NaN}', b'{"a":1}x'])
def test_claims_are_a_json_object(payload):
    with pytest.raises(TokenInvalid, match="claims"):
        verify(signed("ES256", {"alg": "ES256", "kid": ROWS["ES256"].kid}, payload), KEYS, ("ES256",), None)


@EVERY
def test_every_altered_letter_is_refused(alg):
    token = mint(SIGNERS[alg], "JWT", {"a": 1})
    for position in range(0, len(token), 3):
        altered = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
        with pytest.raises(TokenInvalid):
            verify(altered, KEYS, SIGNING_ALGS, "JWT")


@pytest.mark.parametrize(
    ("member", "kept"),
    [
        (ECKey.generate_key("P-256").as_dict(private=False), True),
        (OKPKey.generate_key("Ed25519").as_dict(private=False), True),
        (ECKey.generate_key("P-256").as_dict(private=True), False),
        (OctKey.generate_key(256).as_dict(private=True), False),
        ({"kty": "ML-DSA-44", "pub": "x"}, False),
        ({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, False),
        ({"kty": "EC", "crv": "P-256"}, False),
        ({"kty": "RSA", "n": "AQAB", "e": "AQAB"}, False),
        ({"kty": "RSA", "n": "_" * 1_368, "e": "AQAB"}, False),
        ({"kty": "RSA", "n": "_" * 1_364, "e": "AQAB"}, True),
        ({"kty": "RSA", "n": "_" * 1_364, "e": "_" * 12}, False),
        ({"kty": "RSA", "n": 5, "e": "AQAB"}, False),
        ({"kty": ["EC"]}, False),
        ("EC", False),
        (None, False),
    ],
)
def test_a_foreign_key_set_keeps_its_usable_public_keys(member, kept):
    """RFC 7517 §5: keys that are not understood are ignored."""
    assert len(VerifyKeys.from_jwks({"keys": [member]})) == kept


def test_a_weak_rsa_key_is_left_out():
    numbers = rsa.generate_private_key(65537, 1024).public_key().public_numbers()  # noqa: S505 the weak key is the point
    n, e = (b64(number.to_bytes(128 if number > TWO63 else 3, "big")) for number in (numbers.n, numbers.e))
    assert len(VerifyKeys.from_jwks({"keys": [{"kty": "RSA", "n": n, "e": e}]})) == 0


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}, {"keys": "x"}, {"keys": []}])
def test_a_set_of_another_form_is_empty(document):
    assert len(VerifyKeys.from_jwks(document)) == 0


def test_unverified_reading_has_the_same_limits():
    token = mint(SIGNERS["ES256"], "JWT", CLAIMS)
    assert jose.unverified_claims(token) == CLAIMS
    for broken in ("", "a.b", "a.b.c.d", "." * 3, "é.é.é", "x" * 20_000, b64(b"[1]") + ".e30.x"):
        with pytest.raises(TokenInvalid):
            jose.unverified_header(broken)


# ------------------------------------------------------------------------------------------------------------------- times


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": 1001}, None),
        ({"exp": 1000.5}, None),
        ({"exp": 991, "nbf": 1010, "iat": 1010}, None),
        ({"exp": 990}, "expired"),
        ({"exp": -1}, "expired"),
        ({}, "exp_missing"),
        ({"exp": None}, "exp_form"),
        ({"exp": "2000"}, "exp_form"),
        ({"exp": True}, "exp_form"),
        ({"exp": float("inf")}, "exp_form"),
        ({"exp": float("nan")}, "exp_form"),
        ({"exp": 10**400}, None),
        ({"exp": 2000, "nbf": 1011}, "not_yet_valid"),
        ({"exp": 2000, "iat": 1011}, "issued_in_future"),
        ({"exp": 2000, "iat": "x"}, "iat_form"),
    ],
)
def test_times(claims, reason):
    """RFC 7519 §4.1.4 to §4.1.6 with ten seconds of leeway, at second 1000."""
    if reason is None:
        check_times(claims, 1000, 10)
    else:
        with pytest.raises(TokenInvalid, match=f"^{reason}$"):
            check_times(claims, 1000, 10)


def test_required_times_are_the_callers_choice():
    check_times({}, 1000, 0, require=())
    with pytest.raises(TokenInvalid, match="iat_missing"):
        check_times({"exp": 2000}, 1000, 0, require=("exp", "iat"))


# --------------------------------------------------------------------------------------------------------------- half hash


def test_the_half_hash_of_openid_connect_core_appendix_a3():
    assert half_hash("RS256", "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"


@pytest.mark.parametrize(
    ("alg", "name", "size"),
    [
        ("ES256", "sha256", 16),
        ("RS256", "sha256", 16),
        ("PS256", "sha256", 16),
        ("Ed25519", "sha512", 32),
        ("EdDSA", "sha512", 32),
    ],
)
def test_the_half_hash_of_every_algorithm(alg, name, size):
    """OIDC Core §3.1.3.6: the hash of the algorithm that signs the ID token."""
    assert half_hash(alg, "token") == b64(hashlib.new(name, b"token").digest()[:size])


def test_every_accepted_algorithm_has_a_half_hash():
    assert all(half_hash(alg, "x") for alg in ACCEPTED_ALGS)


# ------------------------------------------------------------------------------------------------------------------- ring


def test_a_signing_ring_signs_with_active_keys_and_publishes_all_but_retired():
    next_row = new_signing_key(ROOT, "ES256", 2, 5_000_000)
    ring = SigningRing.open(ROOT, [*ROWS.values(), next_row], jwks_max_age_s=10, slack_s=5)
    assert set(ring.algs) == set(SIGNING_ALGS)
    assert ring.signer("ES256").kid == ROWS["ES256"].kid
    assert json.loads(ring.jwks)["keys"][1]["kid"] == next_row.kid
    assert ring.verify_keys(0).kids() == {row.kid for row in ROWS.values()}
    with pytest.raises(KeyError):
        SigningRing.open(ROOT, [], jwks_max_age_s=10)._signers["ES256"]


def test_an_algorithm_without_an_active_key_is_missing():
    from keys.errors import MissingKey

    retiring = applied(ROWS["ES256"], RetireStart(kid=ROWS["ES256"].kid, at=2))
    ring = SigningRing.open(ROOT, [retiring], jwks_max_age_s=10)
    with pytest.raises(MissingKey, match="ES256"):
        ring.signer("ES256")
    assert verify(mint(SIGNERS["ES256"], "JWT", CLAIMS), ring.verify_keys(0), ("ES256",), "JWT") == CLAIMS


def test_serialising_with_joserfcs_json_form_is_no_compact_token():
    private = RSAKey.generate_key(2048)
    document = json.dumps(jws.serialize_json({"protected": {"alg": "RS256"}}, b"{}", private))
    with pytest.raises(TokenInvalid, match="not_compact"):
        verify(document, KEYS, ("RS256",), None)
