"""Plans RP-Initiated, Back-Channel and Front-Channel Logout, module by module.

After a logout the modules ask again with ``prompt=none``, which must be an error.
"""

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from joserfc import jwt

from idp.flows import outbox
from tests.clients.ground import Authority, reply, site
from tests.conformance.suite import BASE, RS256, Registered, SignedIn, Suite, unsigned
from tests.kit.agent import Left
from tests.kit.house import House, key_pair, sign

OUT = f"{BASE}/post_logout_redirect"
STATE = "a" * 128
"""The suite's state is long, to see that it comes back whole."""
SHOWS = {"logout-confirm", "logout-done", "error-code"}


def prepared(suite: Suite, **metadata: Any) -> tuple[Registered, SignedIn]:
    """A client with a post-logout address, and its citizen signed in."""
    client = suite.register(post_logout_redirect_uris=[OUT], **metadata)
    return client, suite.sign_in(client)


def leave(suite: Suite, done: SignedIn, **changes: str) -> Left | None:
    """The suite's request to the end_session_endpoint (an empty value leaves a parameter out)."""
    query = {
        "id_token_hint": done.tokens["id_token"],
        "post_logout_redirect_uri": OUT,
        "state": STATE,
        **changes,
    }
    return suite.agent.open("/logout?" + urlencode({n: v for n, v in query.items() if v}))


def signed_out(suite: Suite, client: Registered) -> bool:
    """Whether ``prompt=none`` is now an error that asks for a citizen."""
    answer = suite.ask_directly(client, prompt="none").answer
    assert "code" in answer or answer["error"] in {"login_required", "interaction_required"}
    return "code" not in answer


@pytest.mark.parametrize("state", [pytest.param(STATE, id="state"), pytest.param("", id="no-state")])
def test_oidcc_rp_initiated_logout(plain: Suite, state: str) -> None:
    """RP-Initiated Logout §2, §3: back to the client with the state alone."""
    client, done = prepared(plain)
    left = leave(plain, done, state=state)
    assert left is not None and left.url.partition("?")[0] == OUT
    assert left.params == ({"state": state} if state else {})
    assert signed_out(plain, client)


def forged(suite: Suite, done: SignedIn, how: str) -> str:
    """An ID token that is not ours, though its claims are."""
    own = jwt.decode(done.tokens["id_token"], suite.keys(), algorithms=RS256).claims
    key = key_pair("RS256")
    return unsigned(dict(own)) if how == "alg none" else sign(key, {"alg": "RS256", "kid": key.kid}, own)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"post_logout_redirect_uri": f"{OUT}/other"}, id="bad-post-logout-redirect-uri"),
        pytest.param({"post_logout_redirect_uri": f"{OUT}?foo=bar"}, id="query-added-to-post-logout-redirect-uri"),
        pytest.param({"id_token_hint": "alg none"}, id="modified-id-token-hint"),
        pytest.param({"id_token_hint": "foreign key"}, id="bad-id-token-hint"),
        pytest.param({"id_token_hint": ""}, id="no-id-token-hint"),
    ],
)
def test_oidcc_rp_initiated_logout_does_not_redirect(plain: Suite, changes: dict[str, str]) -> None:
    """RP-Initiated Logout §3, §4: an error page or a question, never a redirect."""
    client, done = prepared(plain)
    if changes.get("id_token_hint"):
        changes = {"id_token_hint": forged(plain, done, changes["id_token_hint"])}
    assert leave(plain, done, **changes) is None
    assert any(plain.agent.shown.has(element) for element in ("logout-confirm", "error-code"))
    if plain.agent.shown.has("logout-confirm"):
        left = plain.agent.submit(decision="logout")
        assert left is None and plain.agent.shown.has("logout-done")
        assert signed_out(plain, client)


@pytest.mark.parametrize(
    "absent",
    [
        pytest.param(("id_token_hint", "post_logout_redirect_uri", "state"), id="no-params"),
        pytest.param(("id_token_hint", "post_logout_redirect_uri"), id="only-state"),
        pytest.param(("post_logout_redirect_uri",), id="no-post-logout-redirect-uri"),
    ],
)
def test_oidcc_rp_initiated_logout_ends_at_a_page(plain: Suite, absent: tuple[str, ...]) -> None:
    """RP-Initiated Logout §2: the citizen ends signed out, at a page that says so; asked first where no hint proves the wish."""
    client, done = prepared(plain)
    assert leave(plain, done, **dict.fromkeys(absent, "")) is None
    if "id_token_hint" in absent:
        assert plain.agent.shown.has("logout-confirm")
        assert plain.agent.submit(decision="logout") is None
    assert plain.agent.shown.has("logout-done")
    assert signed_out(plain, client)


def test_oidcc_backchannel_rp_initiated_logout(make_house: Callable[..., House], tmp_path: Path) -> None:
    """Back-Channel Logout §2.4, §2.5: a signed token with the ID token's ``sub`` and ``sid``, no ``nonce``, in a form."""
    authority = Authority(tmp_path)
    suite = Suite(make_house(outbound_allow=("127.0.0.1",), outbound_ca=str(authority.pem)))
    with site(reply(b""), authority) as receiver:
        address = f"https://127.0.0.1:{receiver.port}/backchannel_logout"
        client, done = prepared(suite, backchannel_logout_uri=address, backchannel_logout_session_required=True)
        left = leave(suite, done)
        assert left is not None and left.params == {"state": STATE}
        [due] = outbox.due_logouts(suite.house.parts, suite.house.clock())
        assert outbox.deliver_logout(suite.house.parts, due) == "sent"
        [(method, path, headers, body)] = receiver.seen
    assert (method, path) == ("POST", "/backchannel_logout")
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    fields = parse_qs(body.decode())
    assert set(fields) == {"logout_token"}
    read = jwt.decode(fields["logout_token"][0], suite.keys(), algorithms=RS256)
    claims = read.claims
    assert {n: claims[n] for n in ("iss", "aud", "sub", "sid")} == {
        n: done.id_token[n] for n in ("iss", "aud", "sub", "sid")
    }
    assert read.header["typ"] == "logout+jwt" and claims["jti"] and claims["iat"] <= claims["exp"]
    assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}} and "nonce" not in claims
    assert signed_out(suite, client)


def test_oidcc_frontchannel_rp_initiated_logout(plain: Suite) -> None:
    """Front-Channel Logout §2, §3: the client's page is loaded in a frame with ``iss`` and ``sid``, then the browser goes on."""
    client, done = prepared(
        plain, frontchannel_logout_uri=f"{BASE}/frontchannel_logout", frontchannel_logout_session_required=True
    )
    assert leave(plain, done) is None
    page = plain.agent.shown
    [frame] = [unescape(src) for src in re.findall(r'<iframe[^>]* src="([^"]+)"', page.text)]
    assert frame.partition("?")[0] == f"{BASE}/frontchannel_logout"
    assert dict(parse_qsl(urlsplit(frame).query)) == {"iss": plain.house.config.issuer, "sid": done.id_token["sid"]}
    [onward] = [unescape(href) for href in re.findall(r'<a[^>]* href="([^"]+)"[^>]*data-onward', page.text)]
    assert onward == f"{OUT}?state={STATE}"
    assert "https://suite.example" in page.headers["content-security-policy"]
    assert signed_out(plain, client)
