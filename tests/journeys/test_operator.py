"""What an operator does to clients and accounts: pausing, letting on again, removing; what ends at once and what never comes back."""

from collections.abc import Callable
from typing import Any

import pytest

from idp.errors import Refusal
from idp.flows import client_status, staff
from idp.flows.account import services
from idp.flows.people import load
from idp.records import ClientOrigin, ClientRefusal, ClientRow, Grant, LogoutDelivery, OneTime, Session
from tests.kit.house import REDIRECT, App, House, bearer
from tests.kit.person import PASSWORD, Person, authorize, last_code

BACK: dict[str, Any] = {"backchannel_logout_uri": "https://tax.example/bye"}
LISTED = {"client_name": "税务", "redirect_uris": [REDIRECT], "scope": "openid profile"}


def pause(house: House, app: App, reason: str = "compromised") -> bool:
    return client_status.disable(house.parts, app.id, reason, now=house.clock())


def let_on(house: House, app: App) -> bool:
    return client_status.enable(house.parts, app.id, "resolved", now=house.clock())


def remove(house: House, app: App) -> bool:
    client_status.delete(house.parts, app.id, "retired", now=house.clock())
    return True


def living(house: House, session: Session) -> Session | None:
    """The session, unless it has ended."""
    return house.parts.store.one(Session, id=session.id, ended_at=None)


def dead(house: House, watcher: App, tokens: dict[str, str]) -> bool:
    """No endpoint knows these tokens any more."""
    assert house.introspect(watcher, tokens["access_token"]) == {"active": False}
    return house.userinfo(tokens["access_token"]).status_code == 401


# Clients --------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("A040", "A058")
@pytest.mark.parametrize("act", [pause, remove])
def test_a_client_that_an_operator_stops_is_out_at_once(any_house: House, act: Callable[[House, App], bool]) -> None:
    """Codes, tokens, pages under way and new requests: all refused from the next request on (RFC 6749 §5.2, DESIGN §2.6)."""
    house = any_house
    app, watcher, account = house.register(**BACK), house.register("social"), house.citizen()
    tokens, code = house.tokens(app, account, offline=1), house.grant(app, account)[0]
    browser = house.signed_in(account)
    under_way = house.authorize(browser, app, ui_locales="en")
    assert act(house, app)
    for answer in (house.redeem(app, code), house.refresh(app, tokens["refresh_token"])):
        assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")
    assert dead(house, watcher, tokens)
    assert house.parts.store.count(Grant, {"client_id": app.id, "ended_at": None}) == 0
    assert house.submit(browser, under_way, decision="allow").status_code == 400
    assert house.parts.store.count(ClientOrigin, {"client_id": app.id}) == 0


@pytest.mark.parametrize(("lang", "said"), [("en", "This service is paused"), ("zh-Hans", "该服务已暂停")])
def test_citizens_read_that_the_service_is_paused(house: House, lang: str, said: str) -> None:
    app = house.register()
    pause(house, app)
    page = house.authorize(house.signed_in(house.citizen()), app, lang=lang)
    assert page.status_code == 400 and said in page.text
    assert house.events("authorization.refused")[-1]["reason"] == "client_disabled"


def test_a_pause_tells_the_client_once_for_each_living_session(any_house: House) -> None:
    house = any_house
    app, quiet, account = house.register(**BACK), house.register("social"), house.citizen()
    session, ended = house.session(account)[0], house.session(account)[0]
    for _ in range(3):
        house.grant(app, account, session=session)
    house.grant(quiet, account, session=session)
    house.grant(app, account, session=ended)
    from idp.flows.sessions import end

    house.parts.store.commit(end(house.parts, ended, "logout", house.clock()))
    before = {row.id for row in house.parts.store.find(LogoutDelivery)}
    pause(house, app)
    new = [row for row in house.parts.store.find(LogoutDelivery) if row.id not in before]
    assert [(row.client_id, row.session_id, row.state) for row in new] == [(app.id, session.id, "pending")]
    pause(house, quiet)
    assert len(house.parts.store.find(LogoutDelivery)) == len(before) + 1
    assert living(house, session) is not None, "the citizen stays signed in elsewhere"


@pytest.mark.attack("A058")
def test_letting_on_again_brings_no_token_back(any_house: House) -> None:
    """Code, access and refresh token, and the client's own token from before the pause, stay dead (OWASP ASVS 10.4.9)."""
    house = any_house
    app, watcher, account = house.register(**BACK), house.register("social"), house.citizen()
    machine = house.machine()
    own = house.as_client(machine, "/token", {"grant_type": "client_credentials"}).get_json()["access_token"]
    tokens, code = house.tokens(app, account, offline=1), house.grant(app, account)[0]
    for each in (app, machine):
        pause(house, each)
        house.clock.advance(2)
        assert let_on(house, each)
    assert house.redeem(app, code).get_json()["error"] == "invalid_grant"
    assert house.refresh(app, tokens["refresh_token"]).get_json()["error"] == "invalid_grant"
    assert dead(house, watcher, tokens)
    assert house.introspect(machine, own) == {"active": False}
    again = house.as_client(machine, "/token", {"grant_type": "client_credentials"}).get_json()["access_token"]
    assert house.introspect(machine, again)["active"] is True
    assert house.userinfo(house.tokens(app, account)["access_token"]).status_code == 200


def test_a_code_from_a_node_that_had_not_heard_of_the_pause_dies_too(house: House) -> None:
    app, account = house.register(), house.citizen()
    pause(house, app)
    code, grant = house.grant(app, account, offline=1)
    let_on(house, app)
    assert house.redeem(app, code).get_json()["error"] == "invalid_grant"
    assert house.parts.store.one(Grant, id=grant.id, ended_why="client") is not None


def test_each_act_is_an_event_with_its_reason_and_doing_it_twice_is_none(house: House) -> None:
    app = house.register()
    assert [pause(house, app), pause(house, app)] == [True, False]
    assert [let_on(house, app), let_on(house, app)] == [True, False]
    remove(house, app)
    told = [
        (e["kind"], e["client_id"], e["reason"]) for e in house.events() if e["client_id"] == app.id and "reason" in e
    ]
    assert [t for t in told if t[0].startswith("client.")] == [
        ("client.disabled", app.id, "compromised"),
        ("client.enabled", app.id, "resolved"),
        ("client.removed", app.id, "retired"),
    ]


def test_a_removed_client_leaves_nothing_that_could_be_used_again(house: House) -> None:
    account = house.citizen()
    from idp.flows.provision import add_initial_token

    right = add_initial_token(house.parts, house.department(), uses=1)
    made = house.request("POST", "/register", json=LISTED, headers=bearer(right)).get_json()
    client, person = house.parts.clients.get(made["client_id"]), load(house.parts, account)
    assert client is not None and person is not None
    app = App(client, made["client_secret"])
    house.authorize(house.signed_in(account), app, scope="openid email")
    remove(house, app)
    assert [row.client_id for row in house.parts.store.find(ClientRow)] == []
    assert house.parts.store.find(ClientRefusal, {"client_id": app.id}) == []
    where = {"query_string": {"client_id": app.id}, "headers": bearer(made["registration_access_token"])}
    assert [house.request(m, "/register", **where).status_code for m in ("GET", "DELETE")] == [401, 401]
    again = house.request("POST", "/register", json={**LISTED, "client_id": app.id}, headers=bearer(right))
    assert again.status_code == 401, "the right to register it was used up"
    page = house.authorize(house.signed_in(account), app, lang="en")
    assert page.status_code == 400 and "This service is not registered" in page.text
    assert services(house.parts, person) == []
    with pytest.raises(Refusal, match="invalid_request"):
        remove(house, app)


# Accounts -------------------------------------------------------------------------------------------------------------


def suspend(house: House, status: str = "disabled", reason: str = "compromised") -> bool:
    return staff.set_status(house.parts, "li.wei", status, reason, now=house.clock())


@pytest.mark.attack("A040", "A058", "A121")
def test_a_suspended_account_is_out_at_once_and_nothing_comes_back(any_house: House) -> None:
    """Session, code, tokens and an open reset end; letting the account on again revives none of them (OWASP ASVS 7.4.2)."""
    house = any_house
    account = house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    app, watcher = house.register(**BACK), house.register("social")
    person, other = Person(house), Person(house)
    person.sign_in()
    (session,) = house.parts.store.find(Session)
    tokens = house.tokens(app, account, session=session, offline=1)
    code = house.grant(app, account, session=session, offline=1)[0]
    other.get("/forgot")
    other.submit(identifier="li.wei@example.cn")
    assert suspend(house)
    assert not suspend(house)
    assert person.get("/account").request.path == "/sign-in"
    for answer in (house.redeem(app, code), house.refresh(app, tokens["refresh_token"])):
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")
    assert dead(house, watcher, tokens)
    assert [row.client_id for row in house.parts.store.find(LogoutDelivery)] == [app.id]
    assert house.parts.store.count(OneTime, {"account_id": account, "state": "open"}) == 0
    assert suspend(house, "active", "resolved")
    assert person.get("/account").request.path == "/sign-in"
    assert dead(house, watcher, tokens)
    assert house.redeem(app, code).get_json()["error"] == "invalid_grant"
    other.submit(code=last_code(house, "reset_code"))
    assert 'id="new-password"' not in other.page.text
    assert person.sign_in().request.path == "/account"
    told = [(e["value"], e["by"], e["reason"]) for e in house.events("account.changed") if e["what"] == "status"]
    assert told == [("disabled", "cli", "compromised"), ("active", "cli", "resolved")]


@pytest.mark.attack("A104")
def test_a_suspended_account_is_answered_like_a_wrong_password(house: House) -> None:
    """Nobody learns at the sign-in page, or by asking for a new password, that an account is suspended (OWASP ASVS 6.3.8)."""
    for name in ("li.wei", "zhang.min"):
        house.citizen(name, f"{name}@example.cn", claims={}, password=PASSWORD)
    suspend(house)

    def shape(person: Person) -> tuple[int, str, list[str]]:
        text = person.page.text.replace(person.page.headers.get("Content-Length", ""), "")
        return person.page.status_code, text[: text.find("<form")][-400:], sorted(k for k, _ in person.page.headers)

    suspended, wrong = Person(house), Person(house)
    suspended.sign_in("li.wei")
    wrong.sign_in("zhang.min", "some other words for it")
    assert suspended.page.status_code == wrong.page.status_code == 422
    assert shape(suspended)[::2] == shape(wrong)[::2]
    assert suspended.page.text.count("credentials") == wrong.page.text.count("credentials")


def test_a_session_that_a_slow_request_left_behind_does_not_wake_up(house: House) -> None:
    account = house.citizen("li.wei", password=PASSWORD)
    suspend(house)
    late, _ = house.session(account)
    suspend(house, "active")
    assert house.parts.store.one(Session, id=late.id, ended_why="disabled") is not None


def test_an_unknown_account_is_refused(house: House) -> None:
    with pytest.raises(Refusal):
        suspend(house)


def test_a_page_under_way_ends_at_the_sign_in(house: House) -> None:
    house.citizen("li.wei", password=PASSWORD)
    person = Person(house)
    person.sign_in()
    assert 'id="consent-allow"' in authorize(person, house.register()).text
    suspend(house)
    assert 'id="sign-in"' in person.submit(decision="allow").text
