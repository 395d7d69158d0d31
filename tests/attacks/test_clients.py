"""Attacks on what clients register, on how they authenticate, and on the calls that they make the provider make."""

import hashlib
import time
import tracemalloc
from base64 import b64encode, urlsafe_b64encode

import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import OctKey

from clients.assertion import ASSERTION_TYPE
from clients.authenticate import Presented, judge, judge_secret, presented
from clients.documents import KeyDirectory, KeysUnavailable, check_sector, fetch_jwks, fetch_logo
from clients.errors import ClientError
from clients.metadata import draft
from clients.model import Policy, public_metadata, to_json
from clients.outbound import GuardedOutbound, OutboundError
from clients.redirects import check_redirect_uri, match, match_post_logout
from tests.clients.ground import (
    EC_KEY,
    ISSUER,
    KEYS,
    OTHER_KEY,
    POLICY,
    RSA_KEY,
    SERVER,
    WEB,
    Authority,
    claims,
    jwks,
    make_client,
    reply,
    sign,
    silent_listener,
    site,
    visitors,
)

NOW_S = 1_767_225_600
NOW = NOW_S * 1_000_000
HOST = "keys.tax.example"
REGISTERED = "https://good.example/cb"
GOOD = make_client(redirect_uris=(REGISTERED,), post_logout_redirect_uris=("https://good.example/bye",))
SIGNING = make_client(token_endpoint_auth_method="private_key_jwt")


def hash_fn(secret: str) -> bytes:
    return hashlib.sha256(b"key" + secret.encode()).digest()


def refused(call, *args, **kwargs) -> ClientError:
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    return caught.value


def registration_refused(**members) -> ClientError:
    return refused(draft, {**WEB, **members}, POLICY, SERVER)


def assertion_refused(token: str, client=SIGNING, keys=KEYS) -> ClientError:
    """The token through the whole way: found, then judged."""

    def authenticate() -> None:
        shown = presented(None, {"client_assertion": token, "client_assertion_type": ASSERTION_TYPE})
        judge(client, shown, now=NOW, issuer=ISSUER, hash_fn=hash_fn, keys=keys)

    error = refused(authenticate)
    assert (error.code, error.public) == ("invalid_client", "Client authentication failed")
    return error


def genuine(**changes) -> bytes:
    return msgspec.json.encode(claims(NOW_S, **changes))


def part(value: object) -> str:
    data = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return urlsafe_b64encode(data).decode().rstrip("=")


# --- redirect URIs ---


@pytest.mark.attack("A001")
@pytest.mark.parametrize(
    "uri",
    [
        "https://good.example@evil.example/cb",
        "https://good.example:443@evil.example/cb",
        "https://a@b@good.example/cb",
        "https:evil",
        "https:good.example/cb",
        "http://localhost:80@evil/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "https://%67ood.example/cb",
    ],
)
def test_a001_authority_tricks_neither_match_nor_register(uri):
    """A user name that poses as the host matches nothing and cannot be registered (RFC 9700 §2.1)."""
    native = make_client(application_type="native", redirect_uris=("http://127.0.0.1/cb", REGISTERED))
    assert not match(GOOD, uri) and not match(native, uri)
    for is_native in (True, False):
        assert refused(check_redirect_uri, uri, native=is_native).code == "invalid_redirect_uri"


@pytest.mark.attack("A002")
@pytest.mark.parametrize(
    "uri",
    [
        "https://good.example.evil.tld/cb",
        "https://evil-good.example/cb",
        "https://good.example/cb.evil",
        "https://good.example/cbx",
        "https://good.exampl",
        "https://good.example",
        "",
    ],
)
def test_a002_prefixes_and_suffixes_do_not_match(uri):
    """Comparison is of the whole string (RFC 9700 §2.1)."""
    assert not match(GOOD, uri)
    assert match(GOOD, REGISTERED)


@pytest.mark.attack("A003")
@pytest.mark.parametrize(
    "uri",
    [
        "https://*.gov/cb",
        "https://good.example/*",
        "https://good.example/cb?x=*",
        "*",
        "https://g*d.example/",
        "https://*/",
    ],
)
def test_a003_wildcards_cannot_be_registered(uri):
    """A wildcard is refused, and a dot is a dot (RFC 9700 §2.1)."""
    assert refused(check_redirect_uri, uri, native=False).reason == "redirect_wildcard"
    assert not match(make_client(redirect_uris=(uri,)), "https://evil.gov/cb")
    assert not match(GOOD, "https://goodxexample/cb")


@pytest.mark.attack("A004")
@pytest.mark.parametrize(
    "path",
    [
        "/cb/../x",
        "/cb/..",
        "/./cb",
        "/cb%2f..%2fx",
        "/cb/%2e%2e/x",
        "/cb/%252e%252e/x",
        "/cb/%25252e%25252e/x",
        "/cb/..;/x",
        "/cb/..%5cx",
        "/cb%5c..%5cx",
    ],
)
def test_a004_dot_segments_cannot_be_registered(path):
    """Dot segments under any depth of encoding are refused: others resolve them (RFC 3986 §5.2.4)."""
    error = refused(check_redirect_uri, f"https://good.example{path}", native=False)
    assert error.reason in {"redirect_dot_segment", "redirect_backslash"}
    assert not match(GOOD, f"https://good.example{path}")


@pytest.mark.attack("A004")
@pytest.mark.parametrize(
    "uri",
    [
        "https://good.example/cb/",
        "https://good.example/cb;",
        "https://good.example/cb?a=b",
        "https://good.example/%63b",
        "https://good.example:443/cb",
        "https://good.example//cb",
    ],
)
def test_a004_equivalent_spellings_do_not_match(uri):
    """Nothing is normalised before the comparison; the identical one still works (RFC 9700 §2.1)."""
    assert not match(GOOD, uri)
    assert match(GOOD, REGISTERED)


@pytest.mark.attack("A005")
@pytest.mark.parametrize(
    "uri",
    [
        "https://good.example\\@evil.example/cb",
        "https:\\\\good.example\\cb",
        "https://good.example/cb\t",
        "https://good.example/cb\r\nLocation: https://evil.example",
        "https://good.example/cb\x00",
        "https://good.example/cb%00",
        "https://good.example/cb%0d%0aX:1",
        "\ufeffhttps://good.example/cb",
        " https://good.example/cb",
        "https://GOOD.example/cb",
        "HTTPS://good.example/cb",
        "https://gооd.example/cb",
        "https://good。example/cb",
        "https://[::1/cb",
        "https://[::ffff:1.2.3.4%25]/cb",
        "https://[]/cb",
        "https://]good.example/cb",
    ],
)
def test_a005_strange_characters_are_refused_and_never_crash(uri):
    """Controls, backslashes, look-alikes, upper case and broken literals: refused at registration, no match (RFC 3986 §2)."""
    assert not match(GOOD, uri)
    error = refused(check_redirect_uri, uri, native=False)
    assert error.code == "invalid_redirect_uri"
    assert error.public.isascii() and error.public.isprintable()
    assert "evil" not in error.public


@pytest.mark.attack("A006")
@pytest.mark.parametrize(
    ("kind", "registered", "uri"),
    [
        ("web", "http://127.0.0.1/cb", "http://127.0.0.1:99/cb"),
        ("web", "http://[::1]/cb", "http://[::1]:99/cb"),
        ("native", "http://localhost/cb", "http://localhost:99/cb"),
        ("native", "http://127.0.0.1/cb", "http://localhost:99/cb"),
        ("native", "http://127.0.0.1/cb", "http://127.0.0.1:99/other"),
        ("native", "http://127.0.0.1/cb", "https://127.0.0.1:99/cb"),
        ("native", "http://127.0.0.1/cb", "http://127.0.0.1:99999/cb"),
        ("native", "http://127.0.0.1/cb", "http://127.0.0.1.evil.example:99/cb"),
        ("native", "http://10.0.0.1/cb", "http://10.0.0.1:99/cb"),
        ("native", "https://good.example/cb", "https://good.example:99/cb"),
    ],
)
def test_a006_the_port_varies_for_native_loopback_literals_alone(kind, registered, uri):
    """RFC 8252 §7.3 frees the port of a native client's 127.0.0.1 or [::1], and nothing else."""
    client = make_client(application_type=kind, redirect_uris=(registered,))
    assert not match(client, uri)
    assert match(client, registered)


@pytest.mark.attack("A010")
@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "javascript://good.example/%0aalert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "data:text/html;base64,PHNjcmlwdD4=",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://good.example/1",
        "about:blank",
        "intent://x#Intent;scheme=https;end",
        "myapp://cb",
        "urn:ietf:wg:oauth:2.0:oob",
    ],
)
def test_a010_active_and_foreign_schemes_cannot_be_registered(uri):
    """https, or a reversed domain name of a native app's own (RFC 8252 §7.1)."""
    for native in (True, False):
        assert refused(check_redirect_uri, uri, native=native).code == "invalid_redirect_uri"
    for member in ("redirect_uris", "post_logout_redirect_uris"):
        registration_refused(**{member: [uri]})


@pytest.mark.attack("A146")
@pytest.mark.parametrize(
    "uri",
    [
        "https://good.example/bye?x=1",
        "https://good.example/bye/",
        "https://good.example/bye#x",
        "https://good.example/cb",
        "https://evil.example/bye",
        "https://good.example@evil.example/bye",
        "//good.example/bye",
        "",
    ],
)
def test_a146_only_registered_post_logout_uris_match(uri):
    """Byte for byte one of the client's own post-logout URIs; its redirect URIs do not count (RP-Initiated Logout §3)."""
    assert not match_post_logout(GOOD, uri)
    assert match_post_logout(GOOD, "https://good.example/bye")
    assert not match_post_logout(make_client(), "https://good.example/bye")


# --- client authentication ---


@pytest.mark.attack("A060")
@pytest.mark.parametrize("exp", [NOW_S + 601, NOW_S + 86400, 2**62, 1e308])
def test_a060_an_assertion_lives_ten_minutes_at_most(exp):
    """A jti need be remembered for ten minutes, since longer lives are refused (RFC 7523 §3)."""
    assert assertion_refused(sign(genuine(exp=exp))).reason == "assertion_lives_too_long"


@pytest.mark.attack("A060")
@pytest.mark.parametrize("jti", [..., "", 7, None])
def test_a060_an_assertion_without_jti_cannot_be_made_single_use(jti):
    """Without a jti nothing could be consumed, so it is refused (RFC 7523 §3)."""
    assertion_refused(sign(genuine(jti=jti)))


@pytest.mark.attack("A060")
def test_a060_what_is_to_be_consumed_is_handed_over():
    """The jti and a time not before the assertion's end, so that no replay outlives the memory of it (RFC 7523 §3)."""
    shown = Presented(method="private_key_jwt", client_id="tax", assertion=sign(genuine(exp=NOW_S + 59.9)))
    assertion = judge(SIGNING, shown, now=NOW, issuer=ISSUER, hash_fn=hash_fn, keys=KEYS)
    assert assertion is not None
    assert (assertion.jti, assertion.exp) == ("one", NOW_S + 60)


@pytest.mark.attack("A061")
@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [ISSUER]},
        {"aud": [ISSUER, "https://evil.example"]},
        {"aud": f"{ISSUER}/par"},
        {"aud": f"{ISSUER}/token"},
        {"aud": "https://evil.example"},
        {"aud": ISSUER + "."},
        {"aud": ...},
        {"sub": ...},
        {"iss": ...},
        {"exp": ...},
        {"iss": "https://evil.example"},
    ],
)
def test_a061_made_for_another_server_or_incomplete(changes):
    """The audience is our issuer as one string; iss, sub and exp are there (RFC 7523 §3, FAPI 2.0 §5.3.3.1)."""
    assertion_refused(sign(genuine(**changes)))


def hmac_signed(secret: bytes, alg: str = "HS256") -> str:
    """An HMAC over the genuine claims with whatever bytes, as an attacker's own tool would make it."""
    import hmac

    head = f"{part({'alg': alg, 'kid': 'rsa'})}.{part(genuine())}"
    return f"{head}.{part(hmac.new(secret, head.encode(), 'sha256').digest())}"


@pytest.mark.attack("A062")
@pytest.mark.parametrize(
    "secret",
    [
        RSA_KEY.as_pem(private=False),
        EC_KEY.as_pem(private=False),
        RSA_KEY.as_der(private=False),
        msgspec.json.encode(RSA_KEY.as_dict(private=False)),
        b"",
        b"s3cret",
    ],
)
@pytest.mark.parametrize("alg", ["HS256", "RS256", "ES256"])
def test_a062_a_public_key_is_no_shared_secret(secret, alg):
    """HMAC algorithms are not among those accepted, and an HMAC under another name does not verify (RFC 8725 §3.1)."""
    pinned = msgspec.structs.replace(SIGNING, token_endpoint_auth_signing_alg="RS256")
    for client in (SIGNING, pinned):
        assertion_refused(hmac_signed(secret, alg), client)


@pytest.mark.attack("A062")
def test_a062_shared_secrets_cannot_be_registered_as_keys():
    """No oct key, no HS256 for any purpose (RFC 8725 §3.1)."""
    oct_set = {"keys": [OctKey.generate_key(256).as_dict(private=True)]}
    assert registration_refused(jwks=oct_set).reason == "jwks_private"
    for member in ("id_token_signed_response_alg", "userinfo_signed_response_alg", "request_object_signing_alg"):
        assert "use ES256 or RS256" in registration_refused(**{member: "HS256"}).public
    method = {"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks(EC_KEY)}
    assert "use ES256" in registration_refused(**method, token_endpoint_auth_signing_alg="HS256").public


@pytest.mark.attack("A063")
@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "nOnE"},
        {"alg": ""},
        {},
        {"alg": None},
        {"alg": 1},
        {"alg": ["ES256"]},
        [],
    ],
)
@pytest.mark.parametrize("signature", ["", "AA"])
def test_a063_unsigned_assertions(header, signature):
    """No spelling of none, and no absence of alg, is an algorithm (RFC 8725 §3.2)."""
    assertion_refused(f"{part(header)}.{part(genuine())}.{signature}")


@pytest.mark.attack("A063")
def test_a063_json_serialisation_is_not_read():
    """Compact serialisation only (RFC 7523 §2.2)."""
    flattened = jws.serialize_json({"protected": {"alg": "ES256"}}, genuine(), EC_KEY, algorithms=["ES256"])
    assertion_refused(msgspec.json.encode(flattened).decode())
    compact = sign(genuine())
    for token in (f"{compact}.", f"{compact}.x.y", f" {compact}", f"{compact}\n", compact.replace(".", "..", 1)):
        assertion_refused(token)


@pytest.mark.attack("A064")
@pytest.mark.parametrize("embedded", ["jwk", "jku", "x5u", "x5c"])
def test_a064_keys_in_the_header_are_not_believed(embedded):
    """Only registered keys verify; an address in the header is never called (RFC 8725 §3.10)."""
    with silent_listener() as listener:
        address = f"https://127.0.0.1:{listener.getsockname()[1]}/jwks"
        values = {"jwk": OTHER_KEY.as_dict(private=False), "jku": address, "x5u": address, "x5c": ["AAAA"]}
        for kid in ("ec", ..., "stranger"):
            assertion_refused(sign(genuine(), OTHER_KEY, kid=kid, **{embedded: values[embedded]}))
        assert visitors(listener) == 0


@pytest.mark.attack("A064")
@pytest.mark.parametrize(
    "kid", ["../../dev/null", "' OR 1=1 --", "k" * 1_000_000, ["ec"], 5, {"a": 1}, "\x00", "../ec"]
)
def test_a064_strange_kids(kid):
    """A kid is compared with the registered ones and used for nothing else (RFC 7515 §4.1.4)."""
    assertion_refused(f"{part({'alg': 'ES256', 'kid': kid})}.{part(genuine())}.{'A' * 86}")


@pytest.mark.attack("A065")
@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["exp"], "exp": NOW_S + 60},
        {"crit": ["x"], "x": 1},
        {"crit": []},
        {"crit": "b64"},
        {"crit": None},
        {"b64": False, "crit": ["b64"]},
        {"b64": False},
        {"b64": True},
    ],
)
def test_a065_extensions_that_are_not_understood(extra):
    """Any crit, and any b64, is refused (RFC 7515 §4.1.11, RFC 7797 §6)."""
    head = f"{part({'alg': 'ES256', 'kid': 'ec', **extra})}.{part(genuine())}"
    signature = jws.JWSRegistry.algorithms["ES256"].sign(head.encode(), EC_KEY)
    assert assertion_refused(f"{head}.{part(signature)}").reason == "assertion_crit"


DEEP = b'{"sub":"tax","x":' + b"[" * 3000
BOMBS = {
    "long header": f"{'A' * 20_000_000}.{part(genuine())}.AA",
    "long payload": f"{part({'alg': 'ES256'})}.{'A' * 20_000_000}.AA",
    "long signature": f"{part({'alg': 'ES256'})}.{part(genuine())}.{'A' * 20_000_000}",
    "deep header": f"{part(b'[' * 3000)}.{part(genuine())}.AA",
    "deep payload": f"{part({'alg': 'ES256'})}.{part(b'[' * 3000)}.AA",
    "deep member": f"{part({'alg': 'ES256'})}.{part(DEEP)}.AA",
    "many dots": "." * 5_000_000,
}


@pytest.mark.attack("A066")
@pytest.mark.parametrize("bomb", BOMBS)
def test_a066_giant_and_deep_tokens_cost_nothing(bomb):
    """The length is judged before anything is decoded, nesting is bounded: under 50 ms and 10 MB (RFC 8725 §3.11)."""
    tracemalloc.start()
    begun = time.process_time()
    assertion_refused(BOMBS[bomb])
    spent, peak = time.process_time() - begun, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert spent < 0.05
    assert peak < 10_000_000


BASIC = "Basic " + b64encode(b"tax:s3cret").decode()
ASSERTION = {"client_assertion": "a.b.c", "client_assertion_type": ASSERTION_TYPE}


@pytest.mark.attack("A067")
@pytest.mark.parametrize(
    ("authorization", "form"),
    [
        (BASIC, {"client_id": "tax", "client_secret": "s3cret"}),
        (BASIC, {"client_secret": "s3cret"}),
        (BASIC, ASSERTION),
        (BASIC, {"client_assertion_type": ASSERTION_TYPE}),
        (None, {"client_id": "tax", "client_secret": "s3cret", **ASSERTION}),
        (BASIC, {"client_id": "tax", "client_secret": "s3cret", **ASSERTION}),
        ("Bearer x", {"client_id": "tax", "client_secret": "s3cret"}),
    ],
)
def test_a067_two_methods_in_one_request(authorization, form):
    """At most one method per request (RFC 6749 §2.3)."""
    assert refused(presented, authorization, form).code == "invalid_request"


METHODS = {
    "client_secret_basic": Presented(method="client_secret_basic", client_id="tax", secret="s3cret"),
    "client_secret_post": Presented(method="client_secret_post", client_id="tax", secret="s3cret"),
    "private_key_jwt": Presented(method="private_key_jwt", client_id="tax", assertion=sign(genuine())),
    "none": Presented(method="none", client_id="tax"),
}


@pytest.mark.attack("A067")
@pytest.mark.parametrize("shown", METHODS)
@pytest.mark.parametrize("registered", METHODS)
def test_a067_only_the_registered_method_passes(registered, shown):
    """A right credential by another method is refused; a confidential client never passes without one (RFC 6749 §2.3)."""
    client = make_client(token_endpoint_auth_method=registered, secret_hash=hash_fn("s3cret"))

    def authenticate() -> None:
        judge(client, METHODS[shown], now=NOW, issuer=ISSUER, hash_fn=hash_fn, keys=KEYS)

    if registered == shown:
        authenticate()
    else:
        assert refused(authenticate).code == "invalid_client"


@pytest.mark.attack("A067")
def test_a067_a_client_without_a_stored_secret_has_no_secret():
    """No secret, an empty one and the stand-in's bytes all fail where none is stored (RFC 6749 §2.3.1)."""
    client = make_client(secret_hash=None)
    for secret in (None, "", "x"):
        shown = Presented(method="client_secret_basic", client_id="tax", secret=secret)
        assert refused(judge_secret, client, shown, lambda _: bytes(32), now=NOW).reason == "wrong_secret"


@pytest.mark.attack("A068")
@pytest.mark.parametrize(
    ("authorization", "form"),
    [
        (BASIC, {"client_id": "other"}),
        (None, {"client_assertion": sign(genuine()), "client_assertion_type": ASSERTION_TYPE, "client_id": "other"}),
        (BASIC, {"client_id": "tax\x00"}),
        (BASIC, {"client_id": "Tax"}),
    ],
)
def test_a068_identities_that_contradict_each_other(authorization, form):
    """Body, header and assertion name one client (RFC 6749 §2.3.1, RFC 7521 §4.2)."""
    assert refused(presented, authorization, form).code in {"invalid_request", "invalid_client"}


@pytest.mark.attack("A068")
def test_a068_an_assertion_of_another_client():
    """Issuer and subject are the client that is looked up (RFC 7523 §3)."""
    assertion_refused(sign(genuine(iss="other")))
    other = make_client(client_id="other", token_endpoint_auth_method="private_key_jwt")
    assert assertion_refused(sign(genuine()), other).reason == "client_id_differs"


@pytest.mark.attack("A070")
def test_a070_one_answer_and_one_work_for_every_failed_secret():
    """Unknown client, wrong secret, wrong method and disabled client cannot be told apart (RFC 6749 §5.2)."""
    known = make_client(secret_hash=hash_fn("s3cret"))
    variants = (
        {"secret_hash": None},
        {"status": "disabled"},
        {"token_endpoint_auth_method": "none"},
        {"secret_expires_at": 1},
    )
    clients = [None, known, *(msgspec.structs.replace(known, **variant) for variant in variants)]
    hashed: list[str] = []

    def counting(secret: str) -> bytes:
        hashed.append(secret)
        return hash_fn(secret)

    shown = Presented(method="client_secret_basic", client_id="tax", secret="wrong")
    errors = {(e.code, e.public) for e in (refused(judge_secret, c, shown, counting, now=NOW) for c in clients)}
    assert errors == {("invalid_client", "Client authentication failed")}
    assert len(hashed) == len(clients)


@pytest.mark.attack("A070")
def test_a070_only_the_hash_of_a_secret_is_kept_and_nothing_is_shown():
    """What is stored, answered and printed holds no secret (ASVS 6.2.1)."""
    client = draft(WEB, POLICY, SERVER).create(client_id="tax", created_at=1, secret_hash=hash_fn("planted-secret"))
    shown = Presented(method="client_secret_basic", client_id="tax", secret="planted-secret")
    error = refused(judge_secret, None, shown, hash_fn, now=NOW)
    for text in (
        to_json(client).decode(),
        repr(client),
        str(public_metadata(client)),
        repr(shown),
        repr(error),
        str(error),
    ):
        assert "planted-secret" not in text
    assert hash_fn("planted-secret").hex() not in str(public_metadata(client))


# --- what clients make us fetch ---

SPECIAL = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "224.0.0.1",
    "::1",
    "::",
    "fc00::1",
    "fd00::1",
    "fe80::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
]
ODD_SPELLINGS = [
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "127.1",
    "127.0.1",
    "017700000001",
    "127.0.0.1.",
    "１２７.0.0.1",
]


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def outbound(authority=None, allow=(), addresses=("127.0.0.1",)) -> GuardedOutbound:
    ca = str(authority.pem) if authority else None
    return GuardedOutbound(monotonic=time.monotonic, allow=allow, ca=ca, resolve=lambda host, port: list(addresses))


def call_refused(guarded: GuardedOutbound, url: str) -> str:
    with pytest.raises(OutboundError) as caught:
        guarded.get(url)
    assert str(caught.value) == "The address could not be fetched"
    return caught.value.reason


@pytest.mark.attack("A027")
@pytest.mark.parametrize("address", SPECIAL)
def test_a027_no_packet_to_a_special_address(address, monkeypatch):
    """Whether spelled or looked up, a special address is refused before a socket is opened (OWASP ASVS 1.3.6)."""
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a packet was sent"))
    literal = f"[{address}]" if ":" in address else address
    assert call_refused(outbound(addresses=[address]), "https://tax.example/") == "refused_address"
    assert call_refused(outbound(), f"https://{literal}/") in {"refused_address", "bad_url"}
    assert call_refused(outbound(addresses=["8.8.8.8", address]), "https://tax.example/") == "refused_address"


@pytest.mark.attack("A027")
@pytest.mark.parametrize("host", ODD_SPELLINGS)
def test_a027_other_spellings_of_addresses(host):
    """Decimal, octal, hexadecimal, short and full-width forms are no hosts (WHATWG URL §3.5)."""
    assert call_refused(outbound(), f"https://{host}/") == "bad_url"
    assert registration_refused(jwks_uri=f"https://{host}/").code == "invalid_client_metadata"


@pytest.mark.attack("A027")
def test_a027_rebinding_between_check_and_use(authority):
    """The name is looked up once, and the checked address is the one connected to (RFC 9700 §4.11)."""
    answers = [["127.0.0.1"], ["10.0.0.1"]]
    guarded = GuardedOutbound(
        monotonic=time.monotonic, allow=["127.0.0.1"], ca=str(authority.pem), resolve=lambda host, port: answers.pop(0)
    )
    with site(reply(b"x"), authority) as server:
        assert guarded.get(f"https://{HOST}:{server.port}/").body == b"x"
        assert call_refused(guarded, f"https://{HOST}:{server.port}/") == "refused_address"
    assert len(server.seen) == 1


@pytest.mark.attack("A027")
def test_a027_a_redirect_into_the_network_is_not_followed(authority):
    """A redirect is an answer, and no document (RFC 9700 §4.11)."""
    with silent_listener() as listener:
        inner = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with site(reply(b"{}", 307, Location=inner), authority) as server:
            url = f"https://{HOST}:{server.port}/"
            assert refused(fetch_jwks, outbound(authority, ["127.0.0.1"]), url).code == "invalid_client_metadata"
        assert visitors(listener) == 0


@pytest.mark.attack("A027", "A098", "A099", "A100")
@pytest.mark.parametrize(
    "scheme",
    ["file:///etc/passwd", "ftp://tax.example/", "gopher://tax.example/", "dict://tax.example/", "ldap://tax.example/"],
)
def test_a027_other_schemes_are_not_called(scheme):
    """https, or what the operator allowed over http (RFC 9700 §4.11)."""
    assert call_refused(outbound(), scheme) == "bad_url"
    for member in ("jwks_uri", "sector_identifier_uri", "backchannel_logout_uri"):
        assert registration_refused(**{member: scheme}).code == "invalid_client_metadata"


BAD_KEYS = {
    "private": {"keys": [EC_KEY.as_dict(private=True)]},
    "symmetric": {"keys": [OctKey.generate_key(256).as_dict(private=True)]},
    "small RSA": {"keys": [{"kty": "RSA", "e": "AQAB", "n": part(b"\xff" * 128)}]},
    "duplicate kid": jwks(EC_KEY, OTHER_KEY),
    "too many": {"keys": [EC_KEY.as_dict(private=False) | {"kid": str(n)} for n in range(21)]},
}


@pytest.mark.attack("A072")
@pytest.mark.parametrize("bad", BAD_KEYS)
def test_a072_weak_private_and_ambiguous_key_sets(bad):
    """Refused when registered by value and when fetched (RFC 7517 §4.5, RFC 7518 §3.3)."""
    assert registration_refused(jwks=BAD_KEYS[bad]).code == "invalid_client_metadata"
    with site(reply(msgspec.json.encode(BAD_KEYS[bad]))) as server:
        url = f"http://127.0.0.1:{server.port}/"
        assert refused(fetch_jwks, outbound(allow=["127.0.0.1"]), url).code == "invalid_client_metadata"


@pytest.mark.attack("A072")
@pytest.mark.parametrize(
    "answer",
    [
        reply(msgspec.json.encode({**jwks(EC_KEY), "padding": "x" * 5_000_000})),
        reply(msgspec.json.encode(jwks(EC_KEY)), Content_Encoding="gzip"),
        reply(msgspec.json.encode(jwks(EC_KEY)), 302, Location="https://keys.tax.example/"),
    ],
    ids=["5 MB", "gzip", "redirect"],
)
def test_a072_the_old_set_serves_while_the_new_answer_is_hostile(answer, clock):
    """A bounded, plain, direct answer or none; the last good set is kept for a day (OIDC Core §10.1)."""
    with site(reply(msgspec.json.encode(jwks(EC_KEY)))) as server:
        directory = KeyDirectory(outbound(allow=["127.0.0.1"]), clock)
        client = make_client(jwks_uri=f"http://127.0.0.1:{server.port}/")
        directory.keys_for(client)
        clock.advance(601)
        server.answer = answer
        assert directory.keys_for(client).has_kid("ec")
        clock.advance(24 * 3600)
        with pytest.raises(KeysUnavailable):
            directory.keys_for(client)
    assert len(server.seen) == 3


@pytest.mark.attack("A079")
@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ({**EC_KEY.as_dict(private=False), "y": EC_KEY.as_dict(private=False)["x"]}, "jwks_off_curve"),
        ({"kty": "RSA", "e": "AQAB", "n": part(b"\xff" * 128)}, "jwks_weak"),
        (OctKey.generate_key(256).as_dict(private=True), "jwks_private"),
        ({**RSA_KEY.as_dict(private=False), "use": "sig"}, "jwks_no_encrypter"),
        ({**EC_KEY.as_dict(private=False)}, "jwks_no_encrypter"),
        ({"kty": "OKP", "crv": "X25519", "x": "A" * 43}, "jwks_small_order"),
        ({**RSA_KEY.as_dict(private=False), "key_ops": ["verify"]}, "jwks_no_encrypter"),
    ],
    ids=["off-curve", "small", "oct", "use sig", "other type", "small order", "key_ops"],
)
def test_a079_unusable_encryption_keys(key, reason):
    """A key that answers cannot be encrypted to is refused at registration, for what is wrong with it (OIDC Registration §2)."""
    members = {"userinfo_encrypted_response_alg": "RSA-OAEP-256", "userinfo_encrypted_response_enc": "A256GCM"}
    error = registration_refused(jwks={"keys": [key]}, **members)
    assert (error.code, error.reason) == ("invalid_client_metadata", reason)
    good = draft(
        {**WEB, **members, "jwks": {"keys": [{**RSA_KEY.as_dict(private=False), "use": "enc"}]}}, POLICY, SERVER
    )
    assert good.fields["userinfo_encrypted_response_alg"] == "RSA-OAEP-256"


@pytest.mark.attack("A092")
@pytest.mark.parametrize(
    "member", ["logo_uri", "client_uri", "policy_uri", "tos_uri", "logo_uri#en", "tos_uri#zh-Hans"]
)
@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "java\tscript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "javascript://tax.example/%0aalert(1)",
        "data:image/svg+xml,<svg onload=alert(1)>",
        "http://tax.example/x",
        "//tax.example/x",
        "https:javascript",
        'https://tax.example/"onmouseover=alert(1)',
        "https://a@tax.example/",
        "",
    ],
)
def test_a092_pages_and_logos_are_https(member, uri):
    """Addresses that people follow are plain https ones, in every language (RFC 7591 §5)."""
    error = registration_refused(**{member: uri})
    assert error.code == "invalid_client_metadata"
    assert "alert" not in error.public


@pytest.mark.attack("A093")
def test_a093_a_logo_is_fetched_by_the_guarded_fetcher_and_reencoded():
    """No foreign bytes are served; a private address is not called (RFC 7591 §5)."""
    with site(reply(b"<svg onload='alert(1)'/>")) as server:
        url = f"http://127.0.0.1:{server.port}/logo"
        assert refused(fetch_logo, outbound(), url).reason == "logo_uri_unavailable"
        assert server.seen == []
        assert refused(fetch_logo, outbound(allow=["127.0.0.1"]), url).reason == "logo_unreadable"


@pytest.mark.attack("A097")
def test_a097_a_token_registers_within_its_policy_and_its_time():
    """Scope, PKCE and department are the token's, not the request's; it ends at its time (RFC 7591 §3)."""
    policy = Policy(department_id="tax", granted_scope=("openid",), expires_at=NOW)
    assert policy.expired(NOW) and not policy.expired(NOW - 1)
    asked = {**WEB, "department_id": "police", "sector_id": "AAAA", "status": "active", "client_id": "chosen"}
    client = draft(asked, policy, SERVER).create(client_id="made", created_at=1)
    assert (client.department_id, client.client_id, client.scope) == ("tax", "made", ("openid",))
    for beyond in ({"scope": "openid email"}, {"require_pkce": False}, {"assertion_audiences": [f"{ISSUER}/token"]}):
        assert refused(draft, {**WEB, **beyond}, policy, SERVER).code == "invalid_client_metadata"


PRIVATE_HOSTS = [
    "localhost",
    "127.0.0.1",
    "[::1]",
    "10.0.0.1",
    "169.254.169.254",
    "[fd00::1]",
    "db.internal",
    "x.localhost",
    "[::ffff:a00:1]",
]


@pytest.mark.attack("A093", "A098", "A099", "A100")
@pytest.mark.parametrize(
    "member", ["jwks_uri", "sector_identifier_uri", "backchannel_logout_uri", "logo_uri", "logo_uri#zh-Hans"]
)
@pytest.mark.parametrize("host", PRIVATE_HOSTS)
def test_a098_addresses_inside_cannot_be_registered(member, host):
    """What the provider calls lies outside, unless the operator says otherwise (RFC 7591 §5)."""
    assert registration_refused(**{member: f"https://{host}/x"}).code == "invalid_client_metadata"
    assert registration_refused(**{member: f"http://{host}/x"}).code == "invalid_client_metadata"


@pytest.mark.attack("A098")
def test_a098_open_closed_and_filtered_ports_read_the_same(authority):
    """One text for every failure, and no packet to an address that is not allowed (RFC 7591 §5)."""
    texts = set()
    with silent_listener() as listener, site(reply(b"not json"), authority) as server:
        for port in (listener.getsockname()[1], server.port, 1):
            error = refused(fetch_jwks, outbound(authority), f"https://{HOST}:{port}/")
            texts.add((error.code, error.public, error.reason))
        assert visitors(listener) == 0
        assert server.seen == []
    with silent_listener() as listener:
        closed = listener.getsockname()[1]
    with site(reply(b"", 500), authority) as server:
        for port in (closed, server.port):
            error = refused(fetch_jwks, outbound(authority, ["127.0.0.1"]), f"https://{HOST}:{port}/")
            texts.add((error.code, error.public, error.reason))
    assert len(texts) == 1


@pytest.mark.attack("A099")
@pytest.mark.parametrize(
    "body",
    [
        b'["https://tax.example/other"]',
        b"[]",
        b"{}",
        b"<html>",
        b"[1]",
        b"[" * 60_000,
        b'["https://tax.example/cb' + b"x" * 1_000_000,
    ],
)
def test_a099_sector_documents_that_do_not_vouch(body):
    """A small JSON array with every redirect URI, or no client (OIDC Registration §5)."""
    with site(reply(body)) as server:
        url = f"http://127.0.0.1:{server.port}/"
        error = refused(check_sector, outbound(allow=["127.0.0.1"]), url, ["https://tax.example/cb"])
    assert error.code == "invalid_client_metadata"


@pytest.mark.attack("A100")
def test_a100_the_logout_call_is_guarded_when_it_is_made():
    """A name that was public at registration and is private now is not called (Back-Channel Logout §4)."""
    name = "https://tax.example/back"
    assert draft({**WEB, "backchannel_logout_uri": name}, POLICY, SERVER).fields["backchannel_logout_uri"] == name
    with silent_listener() as listener:
        url = f"https://tax.example:{listener.getsockname()[1]}/back"
        with pytest.raises(OutboundError) as caught:
            outbound().post(url, b"logout_token=x", "application/x-www-form-urlencoded")
        assert caught.value.reason == "refused_address"
        assert visitors(listener) == 0
