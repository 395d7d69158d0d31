"""RP-Initiated Logout 1.0, Front-Channel and Back-Channel Logout: the law."""

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
HINT = Hint("c", "s")


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
        logout.check_destination(LogoutRequest(client_id="c", post_logout_redirect_uri=uri), CLIENT, _registered)
    assert refused.value.reason == "logout_uri_unregistered"


def test_destination_without_hint_or_client_is_never_followed():
    """RP-Initiated Logout §2.1"""
    request = LogoutRequest(post_logout_redirect_uri="https://rp.example/out")
    assert logout.check_destination(request, None, _registered) is None


def test_state_is_passed_back():
    """RP-Initiated Logout §3"""
    request = LogoutRequest(client_id="c", post_logout_redirect_uri="https://rp.example/out", state="a b&c")
    assert logout.check_destination(request, CLIENT, _registered) == "https://rp.example/out?state=a+b%26c"


def test_disabled_client_gets_no_redirect():
    request = LogoutRequest(client_id="c", post_logout_redirect_uri="https://rp.example/out")
    disabled = Client(client_id="c", department_id="d", sector_id=bytes(16), created_at=0, status="disabled")
    with pytest.raises(Refusal):
        logout.check_destination(request, disabled, _registered)


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
    import msgspec

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
