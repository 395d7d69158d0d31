"""Against sessions: fixation, other people's references, time limits, replayed cookies, withdrawn services."""

import re

import pytest

from idp.flows import sessions
from idp.records import Account, Grant, Session
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, authorize, enrol, totp_now


@pytest.fixture
def li_wei(house: House) -> Person:
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    person = Person(house)
    person.sign_in()
    return person


@pytest.fixture
def zhang_min(house: House) -> Person:
    house.citizen("zhang.min", claims={}, password=PASSWORD)
    person = Person(house)
    person.sign_in("zhang.min")
    return person


@pytest.mark.attack("A095")
def test_sessions_of_another_citizen(li_wei: Person, zhang_min: Person) -> None:
    """A reference or identifier of another's session ends nothing and answers 404 (ASVS 8.2.2)."""
    row = li_wei.house.parts.store.find(Session)[0]
    assert row.account_id != li_wei.house.parts.store.find(Session)[1].account_id
    tried = [
        sessions.reference(li_wei.house.parts, row),
        row.id.hex(),
        row.token_hash.hex(),
        li_wei.cookie() or "",
        "x",
    ]
    zhang_min.get("/account/sessions")
    action, hidden = zhang_min.form()
    for value in tried:
        assert zhang_min.post(action, {**hidden, "end": value}).status_code == 404
    assert li_wei.get("/account").request.path == "/account"
    assert not li_wei.house.events("session.ended")


@pytest.mark.attack("A095")
def test_services_of_another_citizen(li_wei: Person, zhang_min: Person) -> None:
    """A service's handle means something to its owner alone (ASVS 8.2.2)."""
    house, app = li_wei.house, li_wei.house.register()
    both = house.parts.store.find(Session)
    for session in both:
        house.grant(app, session.account_id, session=session)
    handle = re.search(r'name="withdraw" value="([^"]+)"', li_wei.get("/account/services").text)
    assert handle is not None
    zhang_min.get("/account/services")
    for value in (handle[1], app.id, both[0].id.hex()):
        action, hidden = zhang_min.form()
        for sure in ({}, {"sure": "1"}):
            assert zhang_min.post(action, {**hidden, "withdraw": value, **sure}).status_code == 404
        zhang_min.get("/account/services")
    assert all(grant.ended_at is None for grant in house.parts.store.find(Grant))


@pytest.mark.attack("A095")
@pytest.mark.parametrize(
    "path",
    [
        "/account",
        "/account/sessions",
        "/account/services",
        "/account/security",
        "/account/history",
        "/account/data",
        "/account/copy",
        "/account/delete",
    ],
)
def test_no_identifier_of_the_house_in_html(li_wei: Person, path: str) -> None:
    """Session keys, account and session identifiers stand on no page (CVE-2020-5224)."""
    page = li_wei.get(path).text
    (session,) = li_wei.house.parts.store.find(Session)
    secret = [li_wei.cookie() or "", session.id.hex(), session.account_id.hex(), session.token_hash.hex()]
    assert not [value for value in secret if value in page]


@pytest.mark.attack("A096")
def test_withdrawal_ends_code_and_tokens_at_once(li_wei: Person) -> None:
    """After withdrawal the code is invalid_grant, tokens are inactive, the next sign-in asks again (ASVS 10.7.3)."""
    house = li_wei.house
    app = house.register()
    (session,) = house.parts.store.find(Session)
    tokens = house.tokens(app, session.account_id, session=session)
    code, _ = house.grant(app, session.account_id, session=session)
    assert house.introspect(app, tokens["access_token"])["active"]
    handle = re.search(r'name="withdraw" value="([^"]+)"', li_wei.get("/account/services").text)
    assert handle is not None
    li_wei.submit(withdraw=handle[1], sure="1")
    assert house.redeem(app, code).get_json()["error"] == "invalid_grant"
    assert not house.introspect(app, tokens["access_token"])["active"]
    assert house.userinfo(tokens["access_token"]).status_code == 401
    assert 'id="consent-allow"' in authorize(li_wei, app).text


@pytest.mark.attack("A115")
def test_a_planted_cookie_is_not_adopted(house: House) -> None:
    """A session cookie set before sign-in is replaced, another's as well as an invented one (ASVS 7.2.4)."""
    house.citizen("li.wei", password=PASSWORD)
    house.citizen("zhang.min", claims={}, password=PASSWORD)
    attacker = Person(house)
    attacker.sign_in("zhang.min")
    for planted in (attacker.cookie() or "", "A" * 47, "x"):
        victim = Person(house)
        victim.get("/sign-in")
        action, hidden = victim.form()
        victim.set_cookie("session", planted)
        victim.post(action, {**hidden, "username": "li.wei", "password": PASSWORD}, follow=False)
        assert victim.cookie() not in (planted, None)
        thief = Person(house)
        thief.set_cookie("session", planted)
        assert "李伟" not in thief.get("/account").text


@pytest.mark.attack("A115")
def test_a_new_token_at_sign_in_step_up_and_change(li_wei: Person) -> None:
    """Each proof renews the token and the old one is dead (ASVS 7.2.4)."""
    house, seen = li_wei.house, [li_wei.cookie()]
    secret, _ = enrol(li_wei)
    seen.append(li_wei.cookie())
    house.clock.advance(400)
    li_wei.get("/account/confirm")
    li_wei.submit(password=PASSWORD)
    li_wei.submit(totp=totp_now(house, secret))
    seen.append(li_wei.cookie())
    li_wei.get("/account/password")
    new = "harbour lantern seven quilts"
    li_wei.submit(password=PASSWORD, new_password=new, repeat_password=new)
    seen.append(li_wei.cookie())
    assert len(set(seen)) == 4 and None not in seen
    assert house.parts.store.count(Session) == 1
    for old in seen[:-1]:
        thief = Person(house)
        thief.set_cookie("session", old or "")
        assert thief.get("/account").request.path == "/sign-in"
    assert li_wei.get("/account").request.path == "/account"


@pytest.mark.attack("A115", "A117")
def test_a_link_of_another_browser(li_wei: Person) -> None:
    """A sign-in begun in one browser can't be finished in another (CVE-2024-28197)."""
    app, starter, other = li_wei.house.register(), Person(li_wei.house), Person(li_wei.house)
    authorize(starter, app)
    action, hidden = starter.form()
    starter.submit(username="li.wei", password=PASSWORD)
    other.get("/sign-in")
    assert other.get(f"/authorize/{hidden['handle']}").status_code == 400
    answer = other.post(action, {**hidden, "username": "li.wei", "password": PASSWORD})
    assert answer.status_code == 400 and other.cookie() is None


@pytest.mark.attack("A117")
def test_another_citizen_in_the_same_browser_replaces_the_first(li_wei: Person) -> None:
    """Signing in as somebody else ends the session that was there (ASVS 7.4.1)."""
    house = li_wei.house
    house.citizen("zhang.min", claims={}, password=PASSWORD)
    app = house.register()
    page = authorize(li_wei, app, prompt="login")
    assert 'id="sign-in"' in page.text
    li_wei.submit(username="zhang.min", password=PASSWORD)
    (ended,) = house.events("session.ended")
    assert ended["why"] == "superseded"
    assert house.parts.store.count(Session, {"ended_at": None}) == 1


@pytest.mark.attack("A124")
def test_idle_and_absolute_limits(li_wei: Person) -> None:
    """An unused session ends after the idle limit, a used one after the absolute limit (ASVS 7.3.1, 7.3.2)."""
    house = li_wei.house
    for _ in range(house.config.session_max // 1800 - 1):
        house.clock.advance(1800)
        assert li_wei.get("/account").request.path == "/account"
    house.clock.advance(1800)
    assert li_wei.get("/account").request.path == "/sign-in"
    li_wei.sign_in()
    house.clock.advance(house.config.session_idle)
    assert li_wei.get("/account").request.path == "/sign-in"


@pytest.mark.attack("A124")
def test_background_requests_keep_nothing_alive(li_wei: Person) -> None:
    """prompt=none does not extend the idle limit (ASVS 7.3.1)."""
    house, app = li_wei.house, li_wei.house.register()
    authorize(li_wei, app)
    li_wei.submit(decision="allow")
    answers = []
    for _ in range(5):
        house.clock.advance(house.config.session_idle // 4)
        answers.append(authorize(li_wei, app, prompt="none").headers["Location"])
    assert "code=" in answers[0] and "error=login_required" in answers[-1]


@pytest.mark.attack("A124")
def test_a_clock_set_back_revives_nothing(li_wei: Person) -> None:
    """Neither an ended session nor one from the future is alive (ASVS 7.3)."""
    house = li_wei.house
    (session,) = house.parts.store.find(Session)
    idle = house.config.session_idle
    assert sessions.alive(session, house.clock(), idle)
    assert not sessions.alive(session, session.created_at - 3600 * 1_000_000, idle)
    house.parts.store.commit(sessions.end(house.parts, session, "citizen", house.clock()))
    house.clock.advance(-10)
    assert li_wei.get("/account").request.path == "/sign-in"


@pytest.mark.attack("A121")
@pytest.mark.parametrize("status", ["disabled", "erased"])
def test_a_disabled_account_has_no_session(li_wei: Person, status: str) -> None:
    """Status is read at every request: a disabled account is out at once (ASVS 7.4.2)."""
    from idp.ports import Update

    (account,) = li_wei.house.parts.store.find(Account)
    li_wei.house.parts.store.commit([Update(Account, {"id": account.id}, {"status": status})])
    assert li_wei.get("/account").request.path == "/sign-in"
    assert li_wei.sign_in().status_code == 422


@pytest.mark.attack("A123")
def test_other_tokens_are_no_session_cookie(li_wei: Person) -> None:
    """The browser cookie, a code or a handle in place of the session cookie opens nothing (RFC 9700 §4.12)."""
    for value in (
        li_wei.cookie("browser") or "",
        li_wei.house.grant(li_wei.house.register(), li_wei.house.parts.store.find(Account)[0].id)[0],
    ):
        other = Person(li_wei.house)
        other.set_cookie("session", value)
        assert other.get("/account").request.path == "/sign-in"
