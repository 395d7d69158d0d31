"""Attacks on keys, tokens and sealed values: JOSE confusion, oversized input, moved ciphertext, wrong root keys."""

import base64
import hashlib
import hmac
import json
import os
import socket
import time
import tracemalloc
import zlib
from collections import Counter

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from joserfc import jwe as joserfc_jwe
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey, import_key

from keys import backends, jwe, tokens
from keys.errors import KeysError, MissingKey, SealBroken, TokenInvalid, WrongRootKey
from keys.file_backend import FILE_NAME, FileRoot, create_root
from keys.jose import ACCEPTED_ALGS, VerifyKeys, mint, verify
from keys.keyring import SigningRing
from keys.purpose import PURPOSES, PurposeRing, new_ring_rows
from keys.sealed import associated_data, new_data_key, open_data_key
from keys.signing import SIGNING_ALGS, jwks, load_signer, new_signing_key

ROOT = FileRoot(bytes(range(32)))
ROWS = {alg: new_signing_key(ROOT, alg, 1, 0, state="active") for alg in SIGNING_ALGS}
SIGNERS = {alg: load_signer(ROOT, row) for alg, row in ROWS.items()}
KEYS = VerifyKeys.from_jwks(json.loads(jwks(ROWS.values())))
KID = ROWS["ES256"].kid
CLAIMS = b'{"sub":"zhang.min"}'


def b64(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: dict, payload: bytes = CLAIMS, alg: str = "ES256") -> str:
    """Any header, truly signed: the signature is never the reason for the refusal."""
    data = f"{b64(header)}.{b64(payload)}"
    return f"{data}.{b64(SIGNERS[alg].sign(data.encode()))}"


def refused(token: str, keys: VerifyKeys = KEYS, algs: tuple[str, ...] = ACCEPTED_ALGS) -> str:
    """The reason of the refusal."""
    with pytest.raises(TokenInvalid) as caught:
        verify(token, keys, algs, None)
    return caught.value.reason


def public_forms(alg: str) -> list[bytes]:
    """What an attacker may take for the HMAC secret."""
    key = import_key(dict(SIGNERS[alg].public_jwk))
    assert isinstance(key, ECKey | RSAKey | OKPKey)
    pem = key.as_pem(private=False)
    der = load_pem_public_key(pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return [pem, pem.strip(), der, ROWS[alg].public_jwk, b""]


# ---------------------------------------------------------------------------------------------------------- JOSE (A062–A066)


@pytest.mark.attack("A062")
@pytest.mark.parametrize("alg", SIGNING_ALGS)
@pytest.mark.parametrize("mac", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_no_hmac_secret(alg, mac):
    """A MAC keyed with our public key as PEM, DER, JWK or nothing is refused, even if the caller allows the algorithm (RFC 8725 §2.1)."""
    for secret in public_forms(alg):
        for header in ({"alg": mac}, {"alg": mac, "kid": ROWS[alg].kid}):
            data = f"{b64(header)}.{b64(CLAIMS)}"
            token = f"{data}.{b64(hmac.digest(secret, data.encode(), mac.replace('HS', 'sha')))}"
            assert refused(token) == "alg"
            assert refused(token, algs=(*ACCEPTED_ALGS, mac)) == "alg"


@pytest.mark.attack("A062")
def test_a_symmetric_key_never_enters_a_verification_set():
    """An ``oct`` member of a key set is left out, so that no MAC can ever be checked (RFC 8725 §3.2)."""
    secret = OctKey.generate_key(256, auto_kid=True)
    assert len(VerifyKeys.from_jwks({"keys": [secret.as_dict(private=True)]})) == 0


@pytest.mark.attack("A062", "A168")
@pytest.mark.parametrize(
    ("signed_as", "key_of"), [("RS256", "PS256"), ("PS256", "RS256"), ("ES256", "Ed25519"), ("RS256", "ES256")]
)
def test_an_algorithm_is_fixed_to_its_key(signed_as, key_of):
    """A token that names another algorithm's key finds no key (RFC 8725 §3.1)."""
    assert refused(signed({"alg": signed_as, "kid": ROWS[key_of].kid}, alg=signed_as)) == "unknown_kid"


@pytest.mark.attack("A063")
@pytest.mark.parametrize(
    "alg",
    ["none", "None", "nOnE", "NONE", " none", "", "es256", "ES256 ", "ES256\x00", None, 5, ["ES256"], {"a": 1}, True],
)
def test_no_algorithm_and_odd_spellings(alg):
    """``none`` in any spelling, an odd type or case is refused, with or without signature (RFC 8725 §3.2)."""
    token = signed({"alg": alg, "kid": KID})
    assert refused(token) == "alg"
    assert refused(token, algs=(*ACCEPTED_ALGS, "none")) == "alg"
    assert refused(token.rpartition(".")[0] + ".") == "not_compact"


@pytest.mark.attack("A063")
def test_a_missing_algorithm_and_json_serialisation():
    """No ``alg``, and JSON forms with an unprotected one, are refused (RFC 7515 §7.2)."""
    assert refused(signed({"kid": KID})) == "alg"
    header, payload, signature = signed({"alg": "ES256", "kid": KID}).split(".")
    flat = {"payload": payload, "header": {"alg": "ES256", "kid": KID}, "signature": signature, "protected": header}
    for document in (flat, {"payload": payload, "signatures": [flat]}):
        assert refused(json.dumps(document)) in ("not_compact", "base64")
        assert refused(json.dumps(document).replace("{", "a.b.{", 1)) in ("not_compact", "base64")


@pytest.mark.attack("A064")
@pytest.mark.parametrize("alg", ["ES256", "RS256"])
def test_a_key_in_the_header_is_never_used(alg, monkeypatch):
    """The attacker's own key in ``jwk``, ``x5c`` or behind ``jku``, ``x5u`` verifies nothing and is never fetched (RFC 8725 §3.10)."""

    def unexpected(*_: object) -> None:
        raise AssertionError("an outbound connection was tried")

    monkeypatch.setattr(socket.socket, "connect", unexpected)
    own = ECKey.generate_key("P-256") if alg == "ES256" else RSAKey.generate_key(2048)
    row = new_signing_key(ROOT, alg, 9, 0)
    thief = load_signer(ROOT, row)
    sources: list[dict] = [
        {"jwk": dict(thief.public_jwk)},
        {"jwk": own.as_dict(private=False)},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "http://169.254.169.254/"},
        {"x5c": ["MIIB"]},
        {"x5t": "abc"},
    ]
    for source in sources:
        kids: tuple[dict, ...] = ({}, {"kid": thief.kid}, {"kid": ROWS[alg].kid})
        for kid in kids:
            data = f"{b64({'alg': alg, **kid, **source})}.{b64(CLAIMS)}"
            assert refused(f"{data}.{b64(thief.sign(data.encode()))}") in ("signature", "unknown_kid")


@pytest.mark.attack("A064")
@pytest.mark.parametrize(
    "kid",
    [
        "../../etc/passwd",
        "' OR 1=1 --",
        "",
        "\x00",
        "k" * 257,
        "k" * 5_000,
        5,
        True,
        1.5,
        [KID],
        {"kid": KID},
        f" {KID}",
        f"{KID}\n",
        "门",
    ],
)
def test_an_odd_kid_finds_no_key(kid):
    """A kid is a short string that equals a known one; a path, a statement, a list or a number is refused (RFC 7515 §4.1.4)."""
    odd = not isinstance(kid, str) or not 0 < len(kid) <= 256
    assert refused(signed({"alg": "ES256", "kid": kid})) == ("kid" if odd else "unknown_kid")


@pytest.mark.attack("A065")
@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": False},
        {"crit": ["b64"], "b64": True},
        {"crit": ["x-unknown"], "x-unknown": 1},
        {"crit": []},
        {"crit": "b64"},
        {"crit": None},
        {"crit": ["alg"]},
        {"b64": False},
        {"b64": True},
    ],
)
def test_critical_headers_and_unencoded_payloads(extra):
    """No critical extension is understood here, and the payload is always base64url (RFC 7515 §4.1.11, RFC 7797 §6)."""
    assert refused(signed({"alg": "ES256", "kid": KID, **extra})) == "crit"


@pytest.mark.attack("A065")
def test_an_unencoded_payload_cannot_be_slipped_under_a_signature():
    """The same signature over raw and encoded payload is not two tokens (RFC 7797 §8)."""
    header = b64({"alg": "ES256", "kid": KID, "b64": False, "crit": ["b64"]})
    data = f"{header}.{CLAIMS.decode()}"
    assert refused(f"{data}.{b64(SIGNERS['ES256'].sign(data.encode()))}") in ("crit", "base64", "not_compact")


@pytest.mark.attack("A066")
@pytest.mark.parametrize(
    "form",
    [
        lambda huge: f"{huge}.{b64(CLAIMS)}.AA",
        lambda huge: f"{b64({'alg': 'ES256', 'kid': KID})}.{huge}.AA",
        lambda huge: f"{b64({'alg': 'ES256', 'kid': KID})}.{b64(CLAIMS)}.{huge}",
        lambda huge: huge.replace("A", "."),
        lambda huge: huge,
        lambda huge: f"{b64({'alg': 'ES256'})}.{huge}",
    ],
    ids=["header", "payload", "signature", "dots", "no dots", "two parts"],
)
def test_a_huge_segment_is_refused_before_it_is_decoded(form):
    """Tens of megabytes cost neither memory nor time: lengths come first (RFC 7515 §10, CVE-2025-61920 class)."""
    token = form("A" * 30_000_000)
    started = time.thread_time()
    base64.urlsafe_b64decode("A" * 30_000_000)
    decoding, started = time.thread_time() - started, time.thread_time()
    assert refused(token) == "too_long"
    took = time.thread_time() - started
    tracemalloc.start()
    assert refused(token) == "too_long"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000
    assert took < decoding / 4


@pytest.mark.attack("A066")
@pytest.mark.parametrize(
    ("header", "signature", "reason"),
    [
        ({"alg": "ES256", "kid": KID, "x5c": ["A" * 9_000]}, None, "too_long"),
        ({"alg": "ES256", "kid": KID}, "A" * 1_401, "too_long"),
        ({"alg": "ES256", "kid": KID}, "A" * 1_400, "signature"),
    ],
)
def test_each_segment_has_its_own_limit(header, signature, reason):
    """A header or a signature beyond its limit is refused although the whole is short enough (RFC 8725 §3.11 neighbours)."""
    token = signed(header)
    assert refused(token if signature is None else f"{token.rpartition('.')[0]}.{signature}") == reason


@pytest.mark.attack("A066")
@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b"[", b"]")])
def test_deep_nesting_is_a_refusal_and_no_crash(opening, closing):
    """Ten thousand levels in header or claims end as an ordinary refusal (CVE-2025-61920 class)."""
    deep = {depth: opening * depth + (b"1" if opening != b"[" else b"") + closing * depth for depth in (1_000, 10_000)}
    assert refused(f"{b64(deep[1_000])}.{b64(CLAIMS)}.AA") in ("header", "alg", "too_long")
    assert refused(f"{b64(deep[10_000])}.{b64(CLAIMS)}.AA") == "too_long"
    payload = b'{"sub":' + deep[10_000] + b"}"
    with pytest.raises(TokenInvalid, match="claims"):
        verify(signed({"alg": "ES256", "kid": KID}, payload), KEYS, ("ES256",), None, max_len=1_000_000)


# ----------------------------------------------------------------------------------------------------------- JWE (A076–A078)

RSA = RSAKey.generate_key(2048)
EC = ECKey.generate_key("P-256")


@pytest.fixture
def unreached(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library must not even see the token: no key operation, no inflating, no iteration."""

    def decrypt_compact(*_: object, **__: object) -> None:
        raise AssertionError("the token reached decryption")

    monkeypatch.setattr(joserfc_jwe, "decrypt_compact", decrypt_compact)


@pytest.mark.attack("A076")
@pytest.mark.parametrize("key", [RSA, EC], ids=["RSA", "EC"])
def test_a_compressed_jwe_is_refused_before_it_is_inflated(unreached, key):
    """``zip: DEF`` does not exist here: refused by its header, whatever it would inflate to (RFC 8725 §3.6)."""
    header = {"alg": jwe.algorithm_for(key), "enc": "A256GCM", "zip": "DEF"}
    bomb = joserfc_jwe.encrypt_compact(
        header, zlib.compress(bytes(60_000)) + bytes(60_000), key, algorithms=[*jwe.JWE_ALGS, "A256GCM", "DEF"]
    )
    tracemalloc.start()
    with pytest.raises(TokenInvalid, match=r"^jwe$"):
        jwe.decrypt(bomb, key)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


WORK = {"p2s": "c2FsdHNhbHQ", "p2c": 2**31}


@pytest.mark.attack("A077")
@pytest.mark.parametrize(
    ("alg", "work"),
    [
        ("PBES2-HS256+A128KW", WORK),
        ("PBES2-HS512+A256KW", WORK),
        ("PBES2-HS256+A128KW", {}),
        (None, WORK),
    ],
    ids=["HS256", "HS512", "no count", "another algorithm"],
)
def test_chosen_work_is_never_done(unreached, alg, work):
    """PBES2 is refused at once, whatever count it states, and a count beside any other algorithm (RFC 8725 §3.2, CVE-2026-27932 class)."""
    for key in (RSA, EC):
        header = {"alg": alg or jwe.algorithm_for(key), "enc": "A256GCM", **work}
        with pytest.raises(TokenInvalid, match=r"^jwe$"):
            jwe.decrypt(f"{b64(header)}.AAAA.AAAA.AAAA.AAAA", key)


@pytest.mark.attack("A078")
def test_rsa1_5_is_not_spoken_and_all_failures_look_alike():
    """RSA1_5 is refused by its header; bad padding, bad key and bad tag are one and the same error (RFC 8725 §3.2)."""
    header, key, iv, text, tag = jwe.encrypt(b"x", RSA).split(".")
    old = {"alg": "RSA1_5", "enc": "A256GCM"}
    attempts = [
        f"{b64(old)}.{key}.{iv}.{text}.{tag}",
        f"{header}.{b64(os.urandom(256))}.{iv}.{text}.{tag}",
        f"{header}.{b64(os.urandom(255))}.{iv}.{text}.{tag}",
        f"{header}.{key}.{iv}.{text}.{b64(bytes(16))}",
        f"{header}.{key}.{iv}.{text}.{tag[:4]}",
        f"{header}..{iv}.{text}.{tag}",
    ]
    seen = set()
    for attempt in attempts:
        with pytest.raises(TokenInvalid) as caught:
            jwe.decrypt(attempt, RSA)
        seen.add((str(caught.value), caught.value.__cause__))
    assert seen == {("jwe", None)}


@pytest.mark.attack("A078")
@pytest.mark.parametrize(
    "header",
    [
        {"alg": "dir"},
        {"alg": "A256KW"},
        {"alg": "RSA-OAEP"},
        {"alg": "ECDH-ES"},
        {"enc": "A128CBC-HS256"},
        {"crit": ["exp"]},
    ],
)
def test_only_the_profiles_algorithms_are_decrypted(unreached, header):
    """Anything but ECDH-ES+A256KW or RSA-OAEP-256 with A256GCM is refused by its header (RFC 8725 §3.1)."""
    _, *rest = jwe.encrypt(b"x", RSA).split(".")
    stated = {"alg": "RSA-OAEP-256", "enc": "A256GCM"} | header
    with pytest.raises(TokenInvalid, match=r"^jwe$"):
        jwe.decrypt(".".join([b64(stated), *rest]), RSA)


# --------------------------------------------------------------------------------------------------------- sealed values (A085)

ALICE, BOB = b"a" * 16, b"b" * 16


def ring_of(root: FileRoot = ROOT) -> PurposeRing:
    return PurposeRing.open(root, new_ring_rows(root, os.urandom, 0))


@pytest.mark.attack("A085", "F26")
def test_swapped_ciphertext_and_keys_fail_closed_and_others_stay_well():
    """A value or a data key in another citizen's row opens nothing; the owner's own still opens (RFC 5116 §2.1: associated data)."""
    ring = ring_of()
    wrapped = {who: new_data_key(ring, os.urandom, who) for who in (ALICE, BOB)}
    place = {who: associated_data("attribute", "value", who, b"name", 1) for who in (ALICE, BOB)}
    opened = {who: open_data_key(ring, who, wrapped[who]) for who in (ALICE, BOB)}
    sealed = {who: opened[who].seal(place[who], who, os.urandom(12)) for who in (ALICE, BOB)}

    for owner, other in ((ALICE, BOB), (BOB, ALICE)):
        with pytest.raises(SealBroken):
            open_data_key(ring, owner, wrapped[other])
        with pytest.raises(SealBroken):
            opened[owner].open(place[owner], sealed[other])
        with pytest.raises(SealBroken):
            opened[owner].open(place[other], sealed[owner])
        assert opened[owner].open(place[owner], sealed[owner]) == owner


@pytest.mark.attack("A085")
@pytest.mark.parametrize("suite", [1, 2])
def test_an_older_value_of_the_same_row_does_not_come_back(suite):
    """A ciphertext of an earlier row version is refused: nobody rolls a value back unseen (DESIGN §6)."""
    key = open_data_key(ring := ring_of(), ALICE, new_data_key(ring, os.urandom, ALICE))
    old = key.seal(associated_data("account", "email", ALICE, b"1", 1), b"old", os.urandom(12), suite=suite)
    with pytest.raises(SealBroken):
        key.open(associated_data("account", "email", ALICE, b"1", 2), old)


@pytest.mark.attack("A085")
@pytest.mark.parametrize("suite", [1, 2])
def test_no_suite_version_tag_or_bit_can_be_changed(suite):
    """Downgraded suite, other key version, shortened tag, any flipped bit: refused (CVE-2018-1000539 class)."""
    key = open_data_key(ring := ring_of(), ALICE, new_data_key(ring, os.urandom, ALICE))
    aad = associated_data("account", "email", ALICE, b"1", 1)
    sealed = key.seal(aad, b"li.wei@example.cn", os.urandom(12), suite=suite)
    changed = [bytes([other]) + sealed[1:] for other in range(256) if other != suite]
    changed += [sealed[:1] + n.to_bytes(2, "big") + sealed[3:] for n in (0, 2, 256, 65_535)]
    changed += [sealed[:-n] for n in range(1, 17)]
    changed += [
        sealed[: bit // 8] + bytes([sealed[bit // 8] ^ (1 << bit % 8)]) + sealed[bit // 8 + 1 :]
        for bit in range(len(sealed) * 8)
    ]
    for value in changed:
        with pytest.raises(SealBroken):
            key.open(aad, value)


@pytest.mark.attack("F26")
def test_truncated_or_foreign_data_key_rows_are_one_clear_error():
    """A damaged keyring row raises ``SealBroken``, whose text holds nothing of it (DESIGN §2.6)."""
    ring, foreign = ring_of(), ring_of()
    wrapped = new_data_key(ring, os.urandom, ALICE)
    for value in (
        b"",
        b"\x01",
        wrapped[:15],
        wrapped[:-1],
        wrapped + b"x",
        bytes(65),
        new_data_key(foreign, os.urandom, ALICE),
    ):
        with pytest.raises(SealBroken) as caught:
            open_data_key(ring, ALICE, value)
        assert ALICE.hex() not in str(caught.value)
        assert str(value) not in str(caught.value)


# --------------------------------------------------------------------------------------------------------- randomness (A167)


@pytest.mark.attack("A167")
def test_tokens_carry_256_bits_of_the_generator_and_nothing_else():
    """Exactly the 32 bytes asked of the generator are in the token; the rest is format and key version (RFC 6749 §10.10)."""
    asked = []

    def entropy(n: int) -> bytes:
        asked.append(os.urandom(n))
        return asked[-1]

    token = tokens.new_token(ring_of(), "code", entropy).token
    assert [len(part) for part in asked] == [32]
    assert base64.urlsafe_b64decode(token + "=") == b"\x01\x00\x01" + asked[0]


@pytest.mark.attack("A167")
@pytest.mark.parametrize(
    "make",
    [
        lambda ring: tokens.new_token(ring, "code", os.urandom).token,
        lambda ring: tokens.seal_jti(ring, b"g", ALICE, os.urandom),
    ],
    ids=["token", "jti"],
)
def test_many_tokens_show_no_pattern(make):
    """None twice, and every letter at every place behind the head about equally often (χ², 63 degrees of freedom; RFC 6749 §10.10)."""
    ring, count = ring_of(), 20_000
    made = [make(ring) for _ in range(count)]
    assert len(set(made)) == count
    for place in range(4, len(made[0]) - 1):
        frequencies = Counter(token[place] for token in made)
        assert len(frequencies) == 64
        chi2 = sum((seen - count / 64) ** 2 / (count / 64) for seen in frequencies.values())
        assert chi2 < 150  # one in 10⁸ by chance


@pytest.mark.attack("A167")
def test_a_stored_hash_is_useless_without_the_key():
    """A thief of the database cannot test guesses: the hash is keyed, and no plain hash of the token (DESIGN §2.10)."""
    ring = ring_of()
    opaque = tokens.new_token(ring, "code", os.urandom)
    raw = base64.urlsafe_b64decode(opaque.token + "=")
    assert opaque.hash not in (hashlib.sha256(raw).digest(), hashlib.sha256(opaque.token.encode()).digest())
    other = PurposeRing(
        dict.fromkeys(PURPOSES, 1), {(name, 1): os.urandom(64 if name == "pairwise" else 32) for name in PURPOSES}
    )
    assert tokens.token_hash(other, "code", opaque.token) != opaque.hash


# ------------------------------------------------------------------------------------------------------- key confusion (A168)


def aged(state: str, version: int) -> tuple:
    row = new_signing_key(ROOT, "ES256", version, 0)
    return msgspec.structs.replace(row, state=state, retiring_at=0 if state == "retiring" else None), load_signer(
        ROOT, row
    )


@pytest.mark.attack("A168")
def test_retired_and_future_keys_verify_nothing_of_ours():
    """Only keys that can have signed are believed: a retired one no longer, a fresh next not yet (RFC 7517 §5)."""
    rows = {state: aged(state, n) for n, state in enumerate(("retired", "retiring", "active", "next"), 1)}
    ring = SigningRing.open(ROOT, [row for row, _ in rows.values()], jwks_max_age_s=100, slack_s=5)
    minted = {state: mint(signer, "JWT", {}) for state, (_, signer) in rows.items()}
    # ripe at 105 s: another node may have activated the next a moment ago
    for at, wanted in (
        (0, ["retiring", "active"]),
        (104_999_999, ["retiring", "active"]),
        (105_000_000, ["retiring", "active", "next"]),
    ):
        keys = ring.verify_keys(at)
        for state, token in minted.items():
            if state in wanted:
                assert verify(token, keys, ("ES256",), "JWT") == {}
            else:
                assert refused(token, keys) == "unknown_kid"


@pytest.mark.attack("A168")
@pytest.mark.parametrize(
    ("retiring_at", "at", "believed"),
    [(1, 0, True), (1, 3_606 * 1_000_000, True), (1, 3_606 * 1_000_000 + 1, False), (None, 0, False)],
    ids=["retired", "at its end", "over", "ended in an emergency"],
)
def test_a_retired_key_is_believed_for_hints_alone(retiring_at: int | None, at: int, believed: bool):
    """No token of ours, no published set: a hint, as long as a session may live, and never after an emergency (RFC 7517 §5)."""
    row, signer = aged("retired", 1)
    row = msgspec.structs.replace(row, retiring_at=retiring_at)
    ring = SigningRing.open(ROOT, [row, aged("active", 2)[0]], jwks_max_age_s=10, session_max_s=3_601, slack_s=5)
    token = mint(signer, "JWT", {})
    assert refused(token, ring.verify_keys(at)) == "unknown_kid" and row.kid.encode() not in ring.jwks
    if believed:
        assert verify(token, ring.hint_keys(at), ("ES256",), "JWT") == {}
    else:
        assert refused(token, ring.hint_keys(at)) == "unknown_kid"


@pytest.mark.attack("A168")
def test_a_key_for_encryption_verifies_no_signature():
    """``use: enc`` and foreign ``key_ops`` keep a key out (RFC 7517 §4.2, §4.3)."""
    jwk = {name: value for name, value in SIGNERS["ES256"].public_jwk.items() if name != "use"}
    token = signed({"alg": "ES256", "kid": KID})
    assert verify(token, VerifyKeys.from_jwks({"keys": [jwk]}), ("ES256",), None)
    assert refused(token, VerifyKeys.from_jwks({"keys": [jwk | {"use": "enc"}]})) == "unknown_kid"
    assert refused(token, VerifyKeys.from_jwks({"keys": [jwk | {"key_ops": ["encrypt"]}]})) == "signature"


@pytest.mark.attack("A168")
def test_a_colliding_kid_hides_no_key_and_lends_no_trust():
    """Two keys under one kid: each verifies its own signature alone, in either order (RFC 7517 §4.5)."""
    ours, theirs = (dict(load_signer(ROOT, new_signing_key(ROOT, "ES256", n, 0)).public_jwk) for n in (1, 2))
    good = {**SIGNERS["ES256"].public_jwk}
    token = signed({"alg": "ES256", "kid": KID})
    for order in ([good, theirs | {"kid": KID}], [theirs | {"kid": KID}, good]):
        assert verify(token, VerifyKeys.from_jwks({"keys": order}), ("ES256",), None)
    assert refused(token, VerifyKeys.from_jwks({"keys": [ours | {"kid": KID}, theirs | {"kid": KID}]})) == "signature"


@pytest.mark.attack("A168")
def test_a_token_of_one_kind_serves_as_no_other():
    """Type in the header, kind in the hash, label in the seal: a code is no refresh token, an ID token no access token (RFC 8725 §3.12)."""
    ring = ring_of()
    kinds = ("code", "refresh", "session", "handle", "recovery")
    token = tokens.new_token(ring, "code", os.urandom).token
    assert len({tokens.token_hash(ring, kind, token) for kind in kinds}) == len(kinds)
    with pytest.raises(TokenInvalid, match="typ"):
        verify(mint(SIGNERS["ES256"], "JWT", {}), KEYS, ("ES256",), "at+jwt")


# ------------------------------------------------------------------------------------------------------------ root key (F25)


@pytest.mark.attack("F25")
def test_a_lost_root_key_refuses_and_is_never_made_anew(tmp_path):
    """No file: a clear refusal that names the way out, and still no file (fail closed; DESIGN §2.6)."""
    url = f"file://{tmp_path}/keys"
    create_root(url, os.urandom)
    (tmp_path / "keys" / FILE_NAME).unlink()
    with pytest.raises(MissingKey, match="escrow"):
        backends.open_root(url)
    assert list((tmp_path / "keys").iterdir()) == []


@pytest.mark.attack("F25")
def test_a_wrong_root_key_is_named_before_anything_is_opened(tmp_path):
    """Another installation's root key opens no ring and no signer, and the error says which root was meant (DESIGN §2.6)."""
    other = create_root(f"file://{tmp_path}/keys", os.urandom)
    with pytest.raises(WrongRootKey, match=ROOT.fingerprint()):
        PurposeRing.open(other, new_ring_rows(ROOT, os.urandom, 0))
    with pytest.raises(WrongRootKey, match=ROOT.fingerprint()):
        load_signer(other, ROWS["ES256"])


@pytest.mark.attack("F25")
def test_wrong_bytes_in_the_root_key_file_are_refused(tmp_path):
    """Every single changed byte and every truncation of the file is noticed at start; no text shows the key (DESIGN §2.6)."""
    root = create_root(f"file://{tmp_path}/keys", os.urandom)
    path = tmp_path / "keys" / FILE_NAME
    whole = path.read_bytes()
    damaged = [whole[:i] + bytes([whole[i] ^ 0x40]) + whole[i + 1 :] for i in range(len(whole))]
    for content in [*damaged, *(whole[:i] for i in range(len(whole)))]:
        path.write_bytes(content)
        with pytest.raises(KeysError) as caught:
            backends.open_root(f"file://{tmp_path}/keys")
        assert root.export_material().hex() not in str(caught.value)
    path.write_bytes(whole)
    assert backends.open_root(f"file://{tmp_path}/keys").fingerprint() == root.fingerprint()
