import hashlib
import time
from base64 import b64encode
from contextlib import suppress
from urllib.parse import quote_plus

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.assertion import ASSERTION_TYPE, Assertion
from clients.authenticate import Presented, judge, judge_secret, presented
from clients.errors import ClientError
from tests.clients.ground import EC_KEY, ED_KEY, ISSUER, KEYS, OTHER_KEY, RSA_KEY, claims, make_client, sign

NOW_S = 1_767_225_600
NOW = NOW_S * 1_000_000


def hash_fn(secret: str) -> bytes:
    return hashlib.sha256(b"key" + secret.encode()).digest()


BASIC = make_client(secret_hash=hash_fn("s3cret"))
POST = msgspec.structs.replace(BASIC, token_endpoint_auth_method="client_secret_post")
PUBLIC = make_client(token_endpoint_auth_method="none")
SIGNING = make_client(token_endpoint_auth_method="private_key_jwt")


def basic(client_id: str = "tax", secret: str = "s3cret") -> str:
    return "Basic " + b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()


def form(**members: str) -> dict[str, str]:
    return members


def assertion_form(token: str, **more: str) -> dict[str, str]:
    return {"client_assertion": token, "client_assertion_type": ASSERTION_TYPE, **more}


def refusal(call, *args, **kwargs) -> ClientError:
    with pytest.raises(ClientError) as refused:
        call(*args, **kwargs)
    return refused.value


def assertion_refusal(payload, key=EC_KEY, client=SIGNING, keys=KEYS, **header):
    body = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
    shown = Presented(method="private_key_jwt", client_id="tax", assertion=sign(body, key, **header))
    return refusal(judge, client, shown, now=NOW, issuer=ISSUER, hash_fn=hash_fn, keys=keys)


@pytest.mark.parametrize(
    ("authorization", "parameters", "expected"),
    [
        (basic(), {}, ("client_secret_basic", "tax", "s3cret")),
        (basic(), form(client_id="tax"), ("client_secret_basic", "tax", "s3cret")),
        (basic().replace("Basic", "bAsIc"), {}, ("client_secret_basic", "tax", "s3cret")),
        (basic("a:b", "c:d%+ é"), {}, ("client_secret_basic", "a:b", "c:d%+ é")),
        (basic(secret=""), {}, ("client_secret_basic", "tax", "")),
        (None, form(client_id="tax", client_secret="s3cret"), ("client_secret_post", "tax", "s3cret")),
        (None, form(client_id="tax"), ("none", "tax", None)),
        (None, form(client_id="tax", client_secret="", client_assertion=""), ("none", "tax", None)),
    ],
)
def test_one_method_is_found(authorization, parameters, expected):
    shown = presented(authorization, parameters)
    assert (shown.method, shown.client_id, shown.secret) == expected


def test_an_assertion_names_its_client():
    token = sign(msgspec.json.encode(claims(NOW_S)))
    shown = presented(None, assertion_form(token))
    assert (shown.method, shown.client_id, shown.assertion) == ("private_key_jwt", "tax", token)
    assert presented(None, assertion_form(token, client_id="tax")) == shown


@pytest.mark.parametrize(
    ("authorization", "parameters", "code"),
    [
        (None, {}, "invalid_client"),
        (None, form(client_secret="s3cret"), "invalid_client"),
        ("Bearer abc", {}, "invalid_client"),
        ("Basic", {}, "invalid_client"),
        ("Basic !!!", {}, "invalid_client"),
        ("Basic " + b64encode(b"no colon").decode(), {}, "invalid_client"),
        ("Basic " + b64encode(b"\xff\xfe:x").decode(), {}, "invalid_client"),
        ("Basic " + b64encode(b":x").decode(), {}, "invalid_client"),
        (basic("a\x00"), {}, "invalid_client"),
        (basic("税"), {}, "invalid_client"),
        (None, form(client_id="a\x00"), "invalid_client"),
        (None, form(client_id="a" * 257), "invalid_client"),
        (None, form(client_id="tax", client_secret="x" * 1025), "invalid_client"),
        (None, form(client_assertion_type=ASSERTION_TYPE), "invalid_request"),
        (None, form(client_assertion="a.b.c"), "invalid_request"),
        (None, form(client_assertion="a.b.c", client_assertion_type="urn:x"), "invalid_client"),
        (None, assertion_form("a.b.c"), "invalid_client"),
        (None, assertion_form("a.e30.c"), "invalid_client"),
        (None, assertion_form("a.eyJzdWIiOjF9.c"), "invalid_client"),
    ],
)
def test_what_cannot_be_read_is_refused(authorization, parameters, code):
    assert refusal(presented, authorization, parameters).code == code


@given(
    st.text(max_size=60),
    st.dictionaries(
        st.sampled_from(["client_id", "client_secret", "client_assertion", "client_assertion_type"]),
        st.text(max_size=40),
    ),
)
def test_whatever_is_sent_gives_a_value_or_a_client_error(authorization, parameters):
    for header in (None, authorization, f"Basic {authorization}"):
        with suppress(ClientError):
            assert 0 < len(presented(header, parameters).client_id) <= 256


def test_repr_shows_no_secret():
    assert "s3cret" not in repr(presented(basic(), {}))


@pytest.mark.parametrize(
    ("client", "shown"),
    [
        (BASIC, Presented(method="client_secret_basic", client_id="tax", secret="s3cret")),
        (POST, Presented(method="client_secret_post", client_id="tax", secret="s3cret")),
        (PUBLIC, Presented(method="none", client_id="tax")),
    ],
)
def test_the_registered_method_with_the_right_secret_passes(client, shown):
    assert judge(client, shown, now=NOW, issuer=ISSUER, hash_fn=hash_fn) is None


@pytest.mark.parametrize(
    ("client", "shown", "reason"),
    [
        (BASIC, Presented(method="client_secret_basic", client_id="tax", secret="S3cret"), "wrong_secret"),
        (BASIC, Presented(method="client_secret_basic", client_id="tax", secret=""), "wrong_secret"),
        (BASIC, Presented(method="client_secret_basic", client_id="tax"), "wrong_secret"),
        (BASIC, Presented(method="client_secret_basic", client_id="other", secret="s3cret"), "client_id_differs"),
        (None, Presented(method="client_secret_basic", client_id="tax", secret="s3cret"), "unknown_client"),
        (None, Presented(method="none", client_id="tax"), "unknown_client"),
        (make_client(), Presented(method="client_secret_basic", client_id="tax", secret=""), "wrong_secret"),
        (
            msgspec.structs.replace(BASIC, status="disabled"),
            Presented(method="client_secret_basic", client_id="tax", secret="s3cret"),
            "client_disabled",
        ),
        (
            msgspec.structs.replace(BASIC, secret_expires_at=NOW),
            Presented(method="client_secret_basic", client_id="tax", secret="s3cret"),
            "secret_expired",
        ),
    ],
)
def test_every_failure_of_a_secret_has_one_answer(client, shown, reason):
    error = refusal(judge, client, shown, now=NOW, issuer=ISSUER, hash_fn=hash_fn)
    assert (error.code, error.public, error.reason) == ("invalid_client", "Client authentication failed", reason)


def test_a_secret_lives_until_its_time():
    client = msgspec.structs.replace(BASIC, secret_expires_at=NOW + 1)
    judge_secret(client, Presented(method="client_secret_basic", client_id="tax", secret="s3cret"), hash_fn, now=NOW)


@pytest.mark.parametrize("client", [BASIC, None, PUBLIC, SIGNING, msgspec.structs.replace(BASIC, status="disabled")])
def test_each_attempt_hashes_once_whatever_the_client(client):
    count = []

    def counting(secret: str) -> bytes:
        count.append(secret)
        return hash_fn(secret)

    refusal(
        judge_secret, client, Presented(method="client_secret_basic", client_id="tax", secret="x"), counting, now=NOW
    )
    assert count == ["x"]


@pytest.mark.parametrize(
    ("alg", "key"), [("ES256", EC_KEY), ("RS256", RSA_KEY), ("PS256", RSA_KEY), ("Ed25519", ED_KEY)]
)
def test_a_signed_assertion_passes_and_hands_over_its_jti(alg, key):
    token = sign(msgspec.json.encode(claims(NOW_S)), key, alg=alg)
    shown = presented(None, assertion_form(token))
    judged = judge(SIGNING, shown, now=NOW, issuer=ISSUER, hash_fn=hash_fn, keys=KEYS)
    assert judged == Assertion("one", NOW_S + 61)


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_the_older_name_of_ed25519_is_understood():
    token = sign(msgspec.json.encode(claims(NOW_S)), ED_KEY, alg="EdDSA")
    shown = presented(None, assertion_form(token))
    assert judge(SIGNING, shown, now=NOW, issuer=ISSUER, hash_fn=hash_fn, keys=KEYS) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"iat": NOW_S + 10},
        {"nbf": NOW_S + 10},
        {"iat": ...},
        {"iat": NOW_S - 3600},
        {"exp": NOW_S + 600},
        {"exp": NOW_S + 0.5},
        {"extra": {"nested": [1, 2]}},
    ],
)
def test_times_within_bounds_pass(changes):
    token = sign(msgspec.json.encode(claims(NOW_S, **changes)))
    judge(SIGNING, presented(None, assertion_form(token)), now=NOW, issuer=ISSUER, hash_fn=hash_fn, keys=KEYS)


@pytest.mark.parametrize("typ", [..., "JWT", "client-authentication+jwt"])
def test_types_that_name_the_purpose_pass(typ):
    token = sign(msgspec.json.encode(claims(NOW_S)), typ=typ)
    judge(SIGNING, presented(None, assertion_form(token)), now=NOW, issuer=ISSUER, hash_fn=hash_fn, keys=KEYS)


@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "dpop+jwt", "oauth-authz-req+jwt", "entity-statement+jwt", ""])
def test_a_token_made_for_another_purpose_is_refused(typ):
    assert assertion_refusal(claims(NOW_S), typ=typ).reason == "assertion_typ"


def test_without_kid_the_only_fitting_key_is_used():
    token = sign(msgspec.json.encode(claims(NOW_S)), kid=...)
    judge(SIGNING, presented(None, assertion_form(token)), now=NOW, issuer=ISSUER, hash_fn=hash_fn, keys=KEYS)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": NOW_S}, "assertion_expired"),
        ({"exp": NOW_S + 601}, "assertion_lives_too_long"),
        ({"exp": 1e300}, "assertion_lives_too_long"),
        ({"exp": -1}, "assertion_expired"),
        ({"exp": ...}, "assertion_claims"),
        ({"exp": str(NOW_S + 60)}, "assertion_claims"),
        ({"exp": True}, "assertion_claims"),
        ({"iat": NOW_S + 60}, "assertion_early"),
        ({"nbf": NOW_S + 60}, "assertion_early"),
        ({"jti": ...}, "assertion_claims"),
        ({"jti": ""}, "assertion_jti"),
        ({"jti": 5}, "assertion_claims"),
        ({"jti": "j" * 257}, "assertion_jti"),
        ({"jti": "a\x00b"}, "assertion_jti"),
        ({"iss": ...}, "assertion_claims"),
        ({"iss": "other"}, "assertion_parties"),
        ({"sub": "other"}, "assertion_parties"),
        ({"aud": ...}, "assertion_claims"),
        ({"aud": "https://other.example"}, "assertion_audience"),
        ({"aud": f"{ISSUER}/"}, "assertion_audience"),
        ({"aud": f"{ISSUER}/token"}, "assertion_audience"),
        ({"aud": f"{ISSUER}/par"}, "assertion_audience"),
        ({"aud": [ISSUER]}, "assertion_audience_list"),
        ({"aud": []}, "assertion_audience_list"),
        ({"aud": {}}, "assertion_claims"),
        ({"response_type": "code"}, "assertion_typ"),
        ({"redirect_uri": "https://tax.example/callback"}, "assertion_typ"),
        ({"response_type": None}, "assertion_typ"),
    ],
)
def test_each_claim_is_judged(changes, reason):
    error = assertion_refusal(claims(NOW_S, **changes))
    assert (error.code, error.public, error.reason) == ("invalid_client", "Client authentication failed", reason)


LEGACY = msgspec.structs.replace(SIGNING, assertion_audiences=(f"{ISSUER}/token",))


@pytest.mark.parametrize(
    ("aud", "passes"),
    [
        (f"{ISSUER}/token", True),
        (ISSUER, True),
        ([ISSUER, f"{ISSUER}/token"], True),
        ([f"{ISSUER}/token"], True),
        ([f"{ISSUER}/token", "https://other.example"], False),
        ([], False),
        (f"{ISSUER}/par", False),
    ],
)
def test_older_audiences_only_where_registered(aud, passes):
    token = sign(msgspec.json.encode(claims(NOW_S, aud=aud)))
    shown = presented(None, assertion_form(token))
    if passes:
        judge(LEGACY, shown, now=NOW, issuer=ISSUER, hash_fn=hash_fn, keys=KEYS)
    else:
        refusal(judge, LEGACY, shown, now=NOW, issuer=ISSUER, hash_fn=hash_fn, keys=KEYS)


def test_the_registered_algorithm_is_the_only_one():
    pinned = msgspec.structs.replace(SIGNING, token_endpoint_auth_signing_alg="RS256")
    assert assertion_refusal(claims(NOW_S), client=pinned).reason == "assertion_alg"
    token = sign(msgspec.json.encode(claims(NOW_S)), RSA_KEY, alg="RS256")
    judge(pinned, presented(None, assertion_form(token)), now=NOW, issuer=ISSUER, hash_fn=hash_fn, keys=KEYS)


def test_another_key_under_the_same_kid_is_refused():
    assert assertion_refusal(claims(NOW_S), OTHER_KEY).reason == "assertion_signature"


def test_an_altered_payload_is_refused():
    head, _, tail = sign(msgspec.json.encode(claims(NOW_S))).split(".")
    forged = sign(msgspec.json.encode(claims(NOW_S, jti="two"))).split(".")[1]
    shown = Presented(method="private_key_jwt", client_id="tax", assertion=f"{head}.{forged}.{tail}")
    error = refusal(judge, SIGNING, shown, now=NOW, issuer=ISSUER, hash_fn=hash_fn, keys=KEYS)
    assert error.reason == "assertion_signature"


@pytest.mark.parametrize("client", [None, BASIC, PUBLIC, msgspec.structs.replace(SIGNING, status="disabled")])
def test_a_genuine_assertion_does_not_make_up_for_the_client(client):
    assert assertion_refusal(claims(NOW_S), client=client).public == "Client authentication failed"


def test_an_unknown_client_costs_a_verification_as_well():
    """The stand-in is verified against, so the time is of the same order; a bare refusal would be far under a fifth of it."""
    token = sign(msgspec.json.encode(claims(NOW_S)), OTHER_KEY)
    shown = Presented(method="private_key_jwt", client_id="tax", assertion=token)

    def spent(client, keys) -> float:
        begun = time.thread_time()
        for _ in range(100):
            refusal(judge, client, shown, now=NOW, issuer=ISSUER, hash_fn=hash_fn, keys=keys)
        return time.thread_time() - begun

    # The best of three: what else the machine does costs caches, too.
    assert min(spent(None, None) for _ in range(3)) > min(spent(SIGNING, KEYS) for _ in range(3)) / 2
