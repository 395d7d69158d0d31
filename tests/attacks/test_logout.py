"""Attacks on signing out: whose question it is, who is told, what the frames may hold."""

from collections.abc import Callable
from urllib.parse import quote

import msgspec
import pytest
from werkzeug.test import TestResponse

from idp.flows.logout import CONTINUE_TTL_S
from idp.flows.provision import add_initial_token
from idp.flows.sessions import client_ids
from idp.ports import Insert
from idp.records import Grant, LogoutDelivery, Session
from tests.attacks.test_client_auth import ASSERTION
from tests.journeys.test_logout import Receiver, _sign_out, _work, reaching, receiver  # noqa: F401
from tests.kit.house import App, House, bearer, claims_of, header_of

OUT = "https://tax.example/out"


def ask(house: House, cookie: str, query: str = "") -> TestResponse:
    return house.request("GET", f"/logout?{query}", headers={"Cookie": f"__Host-yimen-session={cookie}"})


def token_of(page: TestResponse) -> str:
    return page.text.split('name="token" value="')[1].split('"')[0]


def yes(house: House, token: str, cookie: str, decision: str = "logout") -> TestResponse:
    headers = {"Cookie": f"__Host-yimen-session={cookie}", "Sec-Fetch-Site": "same-origin"}
    return house.post("/logout/confirm", {"token": token, "decision": decision}, headers)


def alive(house: House, session: Session) -> bool:
    row = house.parts.store.one(Session, id=session.id)
    return row is not None and row.ended_at is None


@pytest.mark.attack("A147", "A146")
@pytest.mark.parametrize("whose", ["nobody's", "another citizen's", "an old one", "none", "garbage"])
def test_a_question_is_answered_only_where_it_was_put(house: House, whose: str) -> None:
    """Logout CSRF with an attacker's own question: it is put again, nothing ends, nothing leads away (RFC 9700 §4.7; RP-Initiated Logout §6)."""
    app = house.register(post_logout_redirect_uris=[OUT])
    session, cookie = house.session(house.citizen())
    other, their_cookie = house.session(house.citizen("zhang.min"))
    query = f"client_id={app.id}&post_logout_redirect_uri={quote(OUT, safe='')}"
    found: dict[str, Callable[[], str]] = {
        "nobody's": lambda: token_of(house.request("GET", f"/logout?{query}")),
        "another citizen's": lambda: token_of(ask(house, their_cookie, query)),
        "an old one": lambda: token_of(ask(house, cookie, query)),
        "none": str,
        "garbage": lambda: "A" * 80,
    }
    token = found[whose]()
    if whose == "an old one":
        house.clock.advance(CONTINUE_TTL_S)
    for decision in ("logout", "stay"):
        answer = yes(house, token, cookie, decision)
        assert answer.headers.get("Location", "/account") == "/account"
        assert not answer.headers.getlist("Set-Cookie") and "Clear-Site-Data" not in answer.headers
    again = yes(house, token, cookie)
    assert 'id="logout-confirm"' in again.text and alive(house, session) and alive(house, other)
    assert yes(house, token_of(again), cookie).status_code == 200
    assert not alive(house, session) and alive(house, other)


@pytest.mark.attack("A148")
def test_no_client_hides_another_at_logout(any_house: House) -> None:
    """One client's thousand grants keep no other client from being told (Back-Channel Logout §2.3)."""
    house = any_house
    noisy, quiet = (
        house.register(
            name, redirect_uris=[f"https://{name}.example/cb"], backchannel_logout_uri=f"https://{name}.example/bc"
        )
        for name in ("noisy", "quiet")
    )
    session, cookie = house.session(house.citizen())
    _, grant = house.grant(noisy, session.account_id, session=session)
    fresh = [
        msgspec.structs.replace(
            grant, id=house.parts.entropy(16), code_hash=house.parts.entropy(32), origin=house.parts.entropy(32)
        )
        for _ in range(1100)
    ]
    house.parts.store.commit([Insert(row) for row in fresh])
    house.grant(quiet, session.account_id, session=session)
    assert client_ids(house.parts, session) == sorted([noisy.id, quiet.id])
    yes(house, token_of(ask(house, cookie)), cookie)
    told = [row.client_id for row in house.parts.store.find(LogoutDelivery)]
    assert sorted(told) == sorted([noisy.id, quiet.id])
    assert house.parts.store.count(Grant, {"session_id": session.id, "ended_at": None}) == 0


@pytest.mark.attack("A150")
def test_frames_are_registered_addresses_and_no_others(house: House) -> None:
    """Front-channel logout loads what its client registered, in a sandbox, each with its own sid; the policy names those origins alone
    (Front-Channel Logout §2, §3)."""
    apps: list[App] = [
        house.register(
            name,
            redirect_uris=[f"https://{name}.example/cb"],
            frontchannel_logout_uri=f"https://{name}.example/fc",
            frontchannel_logout_session_required=True,
        )
        for name in ("tax", "social")
    ]
    stranger = house.register(
        "other", redirect_uris=["https://stray.invalid/cb"], frontchannel_logout_uri="https://stray.invalid/fc"
    )
    session, cookie = house.session(house.citizen())
    sids = [claims_of(house.tokens(app, session.account_id, session=session)["id_token"])["sid"] for app in apps]
    done = yes(house, token_of(ask(house, cookie)), cookie)
    policy = done.headers["Content-Security-Policy"]
    assert "frame-src https://social.example https://tax.example;" in policy
    assert done.text.count("<iframe") == done.text.count("sandbox=") == 2 and "stray.invalid" not in done.text
    assert len(set(sids)) == 2 and all(f"sid={sid}" in done.text for sid in sids)
    assert stranger.client.frontchannel_logout_uri is not None
    assert "check_session_iframe" not in house.request("GET", "/.well-known/openid-configuration").get_json()


@pytest.mark.attack("A150")
@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/fc",
        "http://tax.example/fc",
        "javascript:alert(1)",
        "https://tax.example:8443/fc",
        "https://tax.example@evil.example/fc",
        "https://tax.example/fc#x",
    ],
)
def test_a_frame_of_another_origin_is_not_registered(house: House, uri: str) -> None:
    """The address shares scheme, host and port with a redirect URI (Front-Channel Logout §2)."""
    right = add_initial_token(house.parts, house.department())
    body = msgspec.json.encode({"redirect_uris": ["https://tax.example/callback"], "frontchannel_logout_uri": uri})
    answer = house.request("POST", "/register", data=body, content_type="application/json", headers=bearer(right))
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client_metadata")


@pytest.mark.attack("A147")
@pytest.mark.parametrize("whose", ["an earlier session's", "another citizen's", "another's at another client"])
def test_a_genuine_hint_of_another_session_only_asks(house: House, whose: str) -> None:
    """An attacker's own valid ID token signs nobody else out (RP-Initiated Logout §2, §4)."""
    app = house.register()
    account = house.citizen()
    earlier, _ = house.session(account)
    session, cookie = house.session(account)
    other, _ = house.session(house.citizen("zhang.min"))
    hint = {
        "an earlier session's": lambda: house.tokens(app, account, session=earlier),
        "another citizen's": lambda: house.tokens(app, other.account_id, session=other),
        "another's at another client": lambda: house.tokens(house.register("social"), other.account_id, session=other),
    }[whose]()["id_token"]
    answer = ask(house, cookie, f"id_token_hint={hint}")
    assert 'id="logout-confirm"' in answer.text and not answer.headers.getlist("Set-Cookie")
    assert alive(house, session) and alive(house, earlier) and alive(house, other)


@pytest.mark.attack("A149", "A053")
def test_a_logout_token_opens_nothing_and_is_for_one_client(reaching: House, receiver: Receiver) -> None:  # noqa: F811
    """Shown as access token, hint or assertion it is refused; its type is its own, its audience one (Back-Channel Logout §2.4; ASVS 10.5.5)."""
    house, other = reaching, reaching.register("social")
    app, session, _ = _sign_out(house, receiver)
    _work(house)
    (token,) = receiver.tokens
    told = claims_of(token)
    assert header_of(token)["typ"] == "logout+jwt" and "nonce" not in told
    assert (told["iss"], told["aud"]) == (house.config.issuer, app.id) and told["exp"] - told["iat"] <= 120
    theirs = claims_of(
        house.tokens(other, session.account_id, session=house.session(session.account_id)[0])["id_token"]
    )
    assert told["sub"] != theirs["sub"] and told["sid"] != theirs["sid"]
    assert house.userinfo(token).status_code == 401
    assert house.introspect(app, token) == {"active": False}
    assert house.refresh(app, token).get_json()["error"] == "invalid_grant"
    asserted = {"client_assertion_type": ASSERTION, "client_assertion": token}
    assert house.post("/token", {"grant_type": "client_credentials", **asserted}).status_code == 401
    living, cookie = house.session(house.citizen("zhang.min"))
    assert 'id="logout-confirm"' in ask(house, cookie, f"id_token_hint={token}").text and alive(house, living)
    answer = house.authorize(house.signed_in(living.account_id), app, prompt="none", id_token_hint=token)
    assert "error=invalid_request" in answer.headers["Location"]
    assert house.post("/logout", {"logout_token": token}).status_code == 303 and alive(house, living)
