"""Signing out: RP-Initiated Logout 1.0, Front-Channel Logout 1.0, Back-Channel Logout 1.0."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote

import pytest

from idp.flows import outbox
from idp.flows.cleanup import clean
from idp.flows.worker import Worker
from idp.records import Grant, LogoutDelivery, Session
from keys.backends import open_root
from keys.jose import verify
from tests.kit.house import House, claims_of, header_of, sign

OUT = "https://tax.example/out"


@pytest.fixture
def signed_in(house: House):
    """A citizen signed in at an app: the app, the session's cookie, its row, the ID token."""
    app = house.register(post_logout_redirect_uris=[OUT])
    session, cookie = house.session(house.citizen())
    tokens = house.tokens(app, session.account_id, session=session)
    return app, cookie, session, tokens["id_token"]


def _logout(house: House, query: str, cookie: str | None = None):
    headers = {"Cookie": f"__Host-yimen-session={cookie}"} if cookie else {}
    return house.request("GET", f"/logout?{query}", headers=headers)


def _alive(house: House, session: Session) -> bool:
    row = house.parts.store.one(Session, id=session.id)
    return row is not None and row.ended_at is None


def test_own_hint_and_registered_uri_end_the_session_without_a_question(house, signed_in):
    """RP-Initiated Logout §2, §3"""
    _, cookie, session, hint = signed_in
    answer = _logout(house, f"id_token_hint={hint}&post_logout_redirect_uri={quote(OUT, safe='')}&state=x%20y", cookie)
    assert (answer.status_code, answer.headers["Location"]) == (303, OUT + "?state=x+y")
    assert not _alive(house, session)
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert any(v.startswith("__Host-yimen-session=;") for v in answer.headers.getlist("Set-Cookie"))
    assert [e["why"] for e in house.events("session.ended")] == ["logout"]


def test_expired_own_hint_is_accepted(house, signed_in):
    """RP-Initiated Logout §2"""
    _, cookie, session, hint = signed_in
    house.clock.advance(1800)
    assert _logout(house, f"id_token_hint={hint}", cookie).status_code == 200
    assert not _alive(house, session)


@pytest.mark.parametrize(
    "query", ["", "post_logout_redirect_uri=https%3A%2F%2Ftax.example%2Fout", "state=x", "logout_hint=li.wei"]
)
def test_without_a_hint_the_person_is_asked(house, signed_in, query):
    """RP-Initiated Logout §2: it must not sign out without asking"""
    _, cookie, session, _ = signed_in
    answer = _logout(house, query, cookie)
    assert answer.status_code == 200
    assert 'id="logout-confirm"' in answer.text
    assert "Location" not in answer.headers
    assert _alive(house, session)


@pytest.mark.parametrize("decision", ["logout", "stay"])
def test_the_answer_decides(house, signed_in, decision):
    app, cookie, session, _ = signed_in
    page = _logout(house, f"client_id={app.id}&post_logout_redirect_uri={quote(OUT, safe='')}", cookie)
    token = page.text.split('name="token" value="')[1].split('"')[0]
    answer = house.post(
        "/logout/confirm",
        {"token": token, "decision": decision},
        {"Cookie": f"__Host-yimen-session={cookie}", "Origin": "null"},
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, OUT)
    assert _alive(house, session) is (decision == "stay")


def test_hint_of_an_earlier_session_asks(house, signed_in):
    """RP-Initiated Logout §2"""
    _, _, old, hint = signed_in
    newer, cookie = house.session(old.account_id)
    assert 'id="logout-confirm"' in _logout(house, f"id_token_hint={hint}", cookie).text
    assert _alive(house, newer)


def test_nobody_signed_in_and_own_hint_goes_straight_to_the_client(house, signed_in):
    _, _, _, hint = signed_in
    answer = _logout(house, f"id_token_hint={hint}&post_logout_redirect_uri={quote(OUT, safe='')}")
    assert (answer.status_code, answer.headers["Location"]) == (303, OUT)


def test_nobody_signed_in_and_nothing_asked_says_so(house):
    answer = house.request("GET", "/logout")
    assert answer.status_code == 200
    assert 'id="logout-done"' in answer.text
    assert "您尚未登录" in answer.text and "已通知" not in answer.text
    said = house.request("GET", "/logout?lang=en").text
    assert "You are not signed in" in said and "We have told" not in said and "signed out" not in said


def test_posted_request_is_decided_after_a_redirect(house, signed_in):
    """RP-Initiated Logout §2: POST; Lax cookies are absent on a cross-site POST"""
    _, cookie, session, hint = signed_in
    answer = house.post("/logout", {"id_token_hint": hint, "post_logout_redirect_uri": OUT})
    assert answer.status_code == 303
    assert hint not in answer.headers["Location"]
    done = house.request("GET", answer.headers["Location"], headers={"Cookie": f"__Host-yimen-session={cookie}"})
    assert done.headers["Location"] == OUT
    assert not _alive(house, session)


def test_online_grants_end_and_offline_ones_stay(house, signed_in):
    """OpenID Connect Core §11"""
    app, cookie, session, hint = signed_in
    house.tokens(app, session.account_id, session=session, offline=1, scope="openid offline_access")
    _logout(house, f"id_token_hint={hint}", cookie)
    grants = house.parts.store.find(Grant, {"session_id": session.id})
    assert {(g.offline, g.ended_at is None) for g in grants} == {(0, False), (1, True)}


def test_front_channel_frames_carry_iss_and_sid_and_are_allowed_by_the_policy(house):
    """Front-Channel Logout §3"""
    app = house.register(
        post_logout_redirect_uris=[OUT],
        frontchannel_logout_uri="https://tax.example/fc",
        frontchannel_logout_session_required=True,
    )
    session, cookie = house.session(house.citizen())
    hint = house.tokens(app, session.account_id, session=session)["id_token"]
    answer = _logout(house, f"id_token_hint={hint}&post_logout_redirect_uri={quote(OUT, safe='')}", cookie)
    sid = claims_of(hint)["sid"]
    assert f"https://tax.example/fc?iss=https%3A%2F%2Fid.example&amp;sid={sid}" in answer.text
    assert "frame-src https://tax.example;" in answer.headers["Content-Security-Policy"]
    assert f'href="{OUT}"' in answer.text


# Back-channel -----------------------------------------------------------------------------------------------------------------


class Receiver:
    """A department's back-channel endpoint on this machine."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.tokens.append(parse_qs(body)["logout_token"][0])
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://localhost:{self.server.server_address[1]}/bcl"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def reaching(make_house) -> House:
    return make_house(outbound_allow=("localhost", "127.0.0.1", "::1"))


def _sign_out(house: House, receiver: Receiver, **metadata):
    app = house.register(backchannel_logout_uri=receiver.uri, backchannel_logout_session_required=True, **metadata)
    session, cookie = house.session(house.citizen())
    hint = house.tokens(app, session.account_id, session=session)["id_token"]
    _logout(house, f"id_token_hint={hint}", cookie)
    return app, session, hint


def _work(house: House) -> None:
    worker = Worker(house.parts, open_root(house.config.keys_url))
    worker.tick()
    worker._pool.shutdown(wait=True)


def _state(house: House) -> LogoutDelivery:
    (row,) = house.parts.store.find(LogoutDelivery)
    return row


@pytest.mark.parametrize("alg", ["ES256", "RS256"])
def test_logout_token_is_delivered_signed_for_one_client(reaching, receiver, alg):
    """Back-Channel Logout §2.4, §2.5"""
    app, _, hint = _sign_out(reaching, receiver, id_token_signed_response_alg=alg)
    _work(reaching)
    (token,) = receiver.tokens
    claims = verify(token, reaching.parts.keys.verifying(), (alg,), "logout+jwt")
    original = claims_of(hint)
    assert (claims["iss"], claims["aud"]) == (reaching.config.issuer, app.id)
    assert (claims["sub"], claims["sid"]) == (original["sub"], original["sid"])
    assert claims["exp"] - claims["iat"] == 120
    assert "nonce" not in claims
    assert _state(reaching).state == "sent"
    assert [e["outcome"] for e in reaching.events("logout.delivered")] == ["sent"]


def test_every_client_of_the_session_is_told_under_its_own_identifiers(reaching, receiver):
    session, cookie = reaching.session(reaching.citizen())
    for department in ("tax", "social"):
        app = reaching.register(department, backchannel_logout_uri=receiver.uri)
        hint = reaching.tokens(app, session.account_id, session=session)["id_token"]
    _logout(reaching, f"id_token_hint={hint}", cookie)
    _work(reaching)
    one, other = (claims_of(t) for t in receiver.tokens)
    assert not {one["sub"], one["sid"], one["jti"]} & {other["sub"], other["sid"], other["jti"]}


def test_a_client_whose_tokens_are_long_over_is_told_while_the_session_lives(reaching, receiver):
    """Back-Channel Logout §2.5: whoever took part in the session; its grant is kept as long, and no token lives longer for it"""
    app = reaching.register(backchannel_logout_uri=receiver.uri, grant_types=["authorization_code"])
    lasting = reaching.register("social", backchannel_logout_uri=receiver.uri)
    session, cookie = reaching.session(reaching.citizen())
    hint = reaching.tokens(app, session.account_id, session=session)["id_token"]
    reaching.tokens(lasting, session.account_id, session=session)
    reaching.grant(app, session.account_id, session=session)  # never redeemed: nobody signed in with it
    reaching.clock.advance(25 * 60)
    clean(reaching.parts, reaching.clock())
    kept = reaching.parts.store.find(Grant)
    assert [(g.state, g.expires_at >= session.expires_at) for g in kept] == [("redeemed", True)] * 2
    _logout(reaching, f"id_token_hint={hint}", cookie)
    _work(reaching)
    assert len(receiver.tokens) == 2
    reaching.clock.advance(reaching.config.session_max + 600)
    clean(reaching.parts, reaching.clock())
    assert reaching.parts.store.find(Grant) == []


@pytest.mark.parametrize("status", [302, 400, 500])
def test_failed_delivery_is_tried_again_with_a_fresh_token(reaching, receiver, status):
    """Back-Channel Logout §2.8"""
    receiver.status = status
    _sign_out(reaching, receiver)
    _work(reaching)
    assert (_state(reaching).state, _state(reaching).last_error) == ("pending", f"status {status}")
    _work(reaching)
    assert len(receiver.tokens) == 1, "not before its time"
    receiver.status = 204
    reaching.clock.advance(2)
    _work(reaching)
    assert _state(reaching).state == "sent"
    assert len({claims_of(t)["jti"] for t in receiver.tokens}) == 2


def test_delivery_is_given_up_and_stays_visible(reaching, receiver):
    receiver.status = 500
    _sign_out(reaching, receiver)
    for _ in range(8):
        _work(reaching)
        reaching.clock.advance(3600)
    assert _state(reaching).state == "dead"
    assert [e["outcome"] for e in reaching.events("logout.delivered")] == ["dead"]


def test_a_list_of_what_is_due_that_became_old_delivers_nothing_twice(reaching, receiver):
    _sign_out(reaching, receiver)
    (row,) = outbox.due_logouts(reaching.parts, reaching.clock())
    assert outbox.deliver_logout(reaching.parts, row) == "sent"
    assert outbox.deliver_logout(reaching.parts, row) is None
    assert _state(reaching).attempts == 1 and len(receiver.tokens) == 1


def test_of_several_workers_one_delivers(reaching, receiver):
    """One leader that is late and the next: each try is one token (Back-Channel Logout §2.5)."""
    _sign_out(reaching, receiver)
    (row,) = outbox.due_logouts(reaching.parts, reaching.clock())
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: outbox.deliver_logout(reaching.parts, row), range(8)))
    assert sorted(told, key=str) == [None] * 7 + ["sent"] and len(receiver.tokens) == 1


def test_a_try_whose_worker_died_is_made_again(reaching, receiver, monkeypatch):
    _sign_out(reaching, receiver)
    (row,) = outbox.due_logouts(reaching.parts, reaching.clock())
    with monkeypatch.context() as dying:
        dying.setattr(outbox, "recipient", _dies)
        with pytest.raises(KeyboardInterrupt):
            outbox.deliver_logout(reaching.parts, row)
    _work(reaching)
    assert receiver.tokens == []
    reaching.clock.advance(outbox.HELD_S[LogoutDelivery])
    _work(reaching)
    assert len(receiver.tokens) == 1 and _state(reaching).state == "sent"


def _dies(*_):
    raise KeyboardInterrupt


def test_typ_and_alg_of_the_logout_token(reaching, receiver):
    """Back-Channel Logout §2.4"""
    _sign_out(reaching, receiver)
    _work(reaching)
    assert header_of(receiver.tokens[0])["typ"] == "logout+jwt"


# Attacks ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("A146")
@pytest.mark.parametrize(
    "uri", ["https://evil.example/", OUT + "?x=1", OUT + "/", "https://social.example/out", "javascript:alert(1)"]
)
def test_unregistered_post_logout_uri(house, signed_in, uri):
    """Open redirect by post_logout_redirect_uri (RP-Initiated Logout §2.1)."""
    app, cookie, session, hint = signed_in
    house.register(
        "social", redirect_uris=["https://social.example/cb"], post_logout_redirect_uris=["https://social.example/out"]
    )
    for query in (f"id_token_hint={hint}", f"client_id={app.id}"):
        answer = _logout(house, f"{query}&post_logout_redirect_uri={quote(uri, safe='')}", cookie)
        assert answer.status_code == 400
        assert "Location" not in answer.headers
        assert f'href="{uri}"' not in answer.text
    assert _alive(house, session)


@pytest.mark.attack("A147")
@pytest.mark.parametrize("forge", ["foreign-key", "other-issuer", "garbage", "access-token"])
def test_forged_hint_is_never_trusted(house, signed_in, forge):
    """Logout forced by a forged hint (RP-Initiated Logout §2)."""
    from tests.kit.house import key_pair

    app, cookie, session, hint = signed_in
    claims, signer = claims_of(hint), key_pair()
    tokens = house.tokens(app, session.account_id, session=session)
    token = {
        "foreign-key": sign(signer, {"alg": "ES256", "typ": "JWT", "kid": header_of(hint)["kid"]}, claims),
        "other-issuer": sign(
            house.parts.keys.signer("ES256"),
            {"alg": "ES256", "typ": "JWT", "kid": header_of(hint)["kid"]},
            claims | {"iss": "https://x"},
        ),
        "garbage": "a.b.c",
        "access-token": tokens["access_token"],
    }[forge]
    answer = _logout(house, f"id_token_hint={token}", cookie)
    assert 'id="logout-confirm"' in answer.text
    assert _alive(house, session)


@pytest.mark.attack("A147")
def test_cross_site_confirmation_is_refused(house, signed_in):
    """Logout CSRF: another site's form answers the question (RFC 9700 §4.7)."""
    _, cookie, session, _ = signed_in
    page = _logout(house, "", cookie)
    token = page.text.split('name="token" value="')[1].split('"')[0]
    headers = {
        "Cookie": f"__Host-yimen-session={cookie}",
        "Origin": "https://evil.example",
        "Sec-Fetch-Site": "cross-site",
    }
    assert house.post("/logout/confirm", {"token": token, "decision": "logout"}, headers).status_code == 403
    assert _alive(house, session)


@pytest.mark.attack("A148")
def test_nothing_online_survives_logout(house, signed_in):
    """After logout the session cookie, the access token and the refresh token are dead (CVE-2025-12390)."""
    app, cookie, session, hint = signed_in
    tokens = house.tokens(app, session.account_id, session=session)
    _logout(house, f"id_token_hint={hint}", cookie)
    assert house.userinfo(tokens["access_token"]).status_code == 401
    assert house.introspect(app, tokens["access_token"]) == {"active": False}
    if "refresh_token" in tokens:
        assert house.refresh(app, tokens["refresh_token"]).status_code == 400


@pytest.mark.attack("A100")
def test_back_channel_to_an_internal_address_sends_nothing(make_house, receiver):
    """Rebinding: an internal address is refused at call time too (CVE-2026-1518)."""
    house = make_house(outbound_allow=("localhost", "127.0.0.1", "::1"))
    _sign_out(house, receiver)
    strict = make_house()
    _work(strict)
    assert receiver.tokens == []
    assert _state(strict).last_error == "refused_address"
