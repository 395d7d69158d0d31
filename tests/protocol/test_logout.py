"""RP-Initiated Logout 1.0, Front-Channel and Back-Channel Logout: the law."""

import msgspec
import pytest

from clients.model import Client
from idp.errors import Refusal
from idp.protocol import logout, outbox
from idp.protocol.logout import Ask, Hint, LogoutRequest, Proceed
from idp.protocol.params import Params, parse

CLIENT = Client(
    client_id="c",
    department_id="d",
    sector_id=bytes(16),
    created_at=0,
    post_logout_redirect_uris=("https://rp.example/out",),
    frontchannel_logout_uri="https://rp.example/fc?a=1",
)
PAUSED = msgspec.structs.replace(CLIENT, status="disabled")
HINT = Hint("c", "s")
OUT = "https://rp.example/out"


def _registered(client: Client, uri: str) -> bool:
    return uri in client.post_logout_redirect_uris


@pytest.mark.parametrize(
    ("hint", "signed_in", "same", "location", "expected"),
    [
        (HINT, True, True, "https://rp.example/out", Proceed("c", "https://rp.example/out")),
        (HINT, True, True, None, Proceed("c", None)),
        (HINT, False, False, "https://rp.example/out", Proceed("c", "https://rp.example/out")),
        (HINT, True, False, "https://rp.example/out", Ask("c", "https://rp.example/out")),
        (None, True, False, None, Ask("c", None)),
        (None, True, False, "https://rp.example/out", Ask("c", "https://rp.example/out")),
        (None, False, False, "https://rp.example/out", Ask("c", "https://rp.example/out")),
        (None, False, False, None, Proceed("c", None)),
    ],
)
def test_only_an_own_hint_of_this_session_skips_the_question(hint, signed_in, same, location, expected):
    """RP-Initiated Logout §2"""
    assert logout.judge(hint, "c", location, signed_in=signed_in, same_session=same) == expected


def test_client_id_must_be_the_hints_audience():
    """RP-Initiated Logout §2"""
    with pytest.raises(Refusal) as refused:
        logout.check_same_client(LogoutRequest(client_id="other"), HINT)
    assert refused.value.reason == "logout_client_mismatch"


@pytest.mark.parametrize(
    "uri",
    ["https://rp.example/out?x=1", "https://rp.example/out/", "https://evil.example/out", "HTTPS://rp.example/out"],
)
def test_unregistered_destination_is_refused(uri):
    """RP-Initiated Logout §2.1"""
    with pytest.raises(Refusal) as refused:
        logout.check_destination(LogoutRequest(client_id="c", post_logout_redirect_uri=uri), None, CLIENT, _registered)
    assert refused.value.reason == "logout_uri_unregistered"
    with pytest.raises(Refusal) as refused:
        logout.check_destination(LogoutRequest(post_logout_redirect_uri=uri), HINT, CLIENT, _registered)
    assert refused.value.reason == "logout_uri_unregistered"


@pytest.mark.parametrize(
    ("sent", "hint", "client", "expected"),
    [
        # proven by the hint, by client_id, by both; a hint that could not be verified (sent, yet None) takes nothing from client_id
        ({"id_token_hint": "own"}, HINT, CLIENT, OUT),
        ({"client_id": "c"}, None, CLIENT, OUT),
        ({"id_token_hint": "own", "client_id": "c"}, HINT, CLIENT, OUT),
        ({"id_token_hint": "unverifiable", "client_id": "c"}, None, CLIENT, OUT),
        # by nobody: the sign-out ends here
        ({}, None, None, None),
        ({"id_token_hint": "unverifiable"}, None, None, None),
        # by a client that is paused, or gone since
        ({"id_token_hint": "own"}, HINT, PAUSED, None),
        ({"client_id": "c"}, None, PAUSED, None),
        ({"id_token_hint": "own"}, HINT, None, None),
        ({"id_token_hint": "own", "client_id": "c"}, HINT, None, None),
    ],
)
def test_who_vouches_for_the_destination(sent, hint, client, expected):
    """RP-Initiated Logout §2.1, §3, §4: what failed to verify is not used, and what does not depend on it goes on"""
    request = LogoutRequest(post_logout_redirect_uri=OUT, **sent)
    assert logout.check_destination(request, hint, client, _registered) == expected
    assert logout.check_destination(LogoutRequest(**sent), hint, client, _registered) is None


@pytest.mark.parametrize("hint", [None, "unverifiable"])
def test_a_client_that_never_was_is_called_so(hint):
    request = LogoutRequest(id_token_hint=hint, client_id="x", post_logout_redirect_uri=OUT)
    with pytest.raises(Refusal) as refused:
        logout.check_destination(request, None, None, _registered)
    assert (refused.value.reason, refused.value.public) == ("unknown_client", "client_id is unknown.")


def test_state_is_passed_back():
    """RP-Initiated Logout §3"""
    request = LogoutRequest(client_id="c", post_logout_redirect_uri="https://rp.example/out", state="a b&c")
    assert logout.check_destination(request, None, CLIENT, _registered) == "https://rp.example/out?state=a+b%26c"


@pytest.mark.parametrize("name", ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"])
def test_repeated_parameter_is_refused(name):
    """RFC 6749 §3.1"""
    with pytest.raises(Refusal):
        logout.read(parse(f"{name}=a&{name}=b"))


def test_unknown_parameters_are_ignored():
    assert logout.read(Params([("x", "y")])) == LogoutRequest()


@pytest.mark.parametrize(
    ("needed", "uri"),
    [(False, "https://rp.example/fc?a=1"), (True, "https://rp.example/fc?a=1&iss=https%3A%2F%2Fop&sid=s")],
)
def test_front_channel_uri(needed, uri):
    """Front-Channel Logout §3"""
    client = msgspec.structs.replace(CLIENT, frontchannel_logout_session_required=needed)
    assert logout.front_channel_uri(client, "https://op", "s") == uri


def test_logout_token_claims():
    """Back-Channel Logout §2.4"""
    claims = logout.logout_claims(issuer="https://op", client_id="c", sub="u", sid="s", jti="j", now_s=100)
    assert claims == {
        "iss": "https://op",
        "aud": "c",
        "iat": 100,
        "exp": 220,
        "jti": "j",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        "sub": "u",
        "sid": "s",
    }


def test_backoff_grows_and_ends():
    waits = [outbox.next_try(n, 0) for n in range(1, len(outbox.BACKOFF_S) + 2)]
    assert waits[-1] is None
    assert waits[:-1] == sorted(waits[:-1])


@pytest.mark.parametrize(("status", "ok"), [(200, True), (204, True), (302, False), (400, False), (500, False)])
def test_what_counts_as_delivered(status, ok):
    """Back-Channel Logout §2.8"""
    assert outbox.accepted(status) is ok
