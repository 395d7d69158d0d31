"""Against strangers who would fill the log and the volatile store, or keep everybody else busy."""

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.flows import strangers
from idp.flows.par import PUSHES_PER_WINDOW, WEIGHT
from idp.flows.strangers import ANSWERED, ASKING, REFUSED, REGISTERING, WINDOW_S, Bound
from idp.records import ClientRow, Event, Message, OneTime
from tests.journeys.test_authorize import query
from tests.kit.house import App, House, bearer
from tests.kit.person import Person

HERE, THERE = "198.51.100.7", "198.51.100.8"


def ask(house: House, path: str, remote: str = HERE, method: str = "GET", **more: Any) -> TestResponse:
    return house.request(method, path, environ_overrides={"REMOTE_ADDR": remote}, **more)


def authorize(house: House, app: App, remote: str = HERE, **changes: str) -> TestResponse:
    return ask(house, "/authorize", remote, query_string=query(app, **changes))


def used_up(house: House, bound: Bound, remote: str = HERE) -> None:
    """The network has used what it may."""
    strangers.over(house.parts, bound, remote, bound.per_network)


def is_later(answer: TestResponse, said: str) -> bool:
    return answer.status_code == 429 and answer.headers["Retry-After"] == str(WINDOW_S) and said in answer.text


@pytest.mark.parametrize(
    ("lang", "said"), [("en", "Try again in about 10 minutes."), ("zh-Hans", "请在约 10 分钟后重试。")]
)
def test_requests_that_nobody_answers_are_kept_up_to_a_bound(
    make_house: Callable[..., House], lang: str, said: str
) -> None:
    """Beyond it a page says when to come back, and nothing is kept; other networks go on (RFC 6585 §4)."""
    house = make_house(pending_per_address=3, pending_total=100)
    app = house.register()
    assert [authorize(house, app).status_code for _ in range(4)] == [303, 303, 303, 429]
    answer = authorize(house, app, lang=lang)
    assert is_later(answer, said) and "temporarily_unavailable" in answer.text and "Location" not in answer.headers
    assert authorize(house, app, THERE).status_code == 303
    house.clock.advance(WINDOW_S)
    assert authorize(house, app).status_code == 303


def test_large_requests_count_by_their_size(make_house: Callable[..., House]) -> None:
    house = make_house(pending_per_address=10)
    app = house.register()
    assert authorize(house, app, state="s" * 4000).status_code == 303
    assert authorize(house, app, state="s" * 4000).status_code == 303
    assert authorize(house, app, state="s" * 4000).status_code == 429


def test_many_networks_share_one_bound(make_house: Callable[..., House]) -> None:
    house = make_house(pending_per_address=3, pending_total=5)
    app = house.register()
    answers = [authorize(house, app, f"198.51.100.{n}").status_code for n in range(6)]
    assert answers == [303] * 5 + [429]


def test_one_subscriber_is_one_network(make_house: Callable[..., House]) -> None:
    house = make_house(pending_per_address=3)
    app = house.register()
    answers = [authorize(house, app, f"2001:db8::{n}").status_code for n in range(4)]
    assert answers == [303, 303, 303, 429]


def test_posted_requests_are_bounded_alike(make_house: Callable[..., House]) -> None:
    house = make_house(pending_per_address=2)
    app = house.register()
    form: dict[str, Any] = {"data": query(app), "method": "POST"}
    assert [ask(house, "/authorize", **form).status_code for _ in range(3)] == [303, 303, 429]
    asked: dict[str, Any] = {"data": {"client_id": app.id}, "method": "POST"}
    assert ask(house, "/logout", **asked).status_code == 429
    assert ask(house, "/logout", THERE, **asked).status_code == 303


def test_who_has_a_session_is_not_counted(make_house: Callable[..., House], monkeypatch: pytest.MonkeyPatch) -> None:
    """The way that a session answers at once makes no trip to the volatile store, and no stranger's flood shuts it."""
    house = make_house(pending_per_address=1, pending_total=1)
    app, browser = house.register(), house.signed_in(house.citizen())
    house.code(browser, app)
    monkeypatch.setattr(type(house.parts.volatile), "bump", None)
    assert "code=" in house.authorize(browser, app).headers["Location"]


def test_refused_requests_leave_events_up_to_a_bound(any_house: House) -> None:
    """Beyond it they leave nothing but one event that says so, and are told to come back later (OWASP ASVS 16.4.1)."""
    house, nobody = any_house, {"client_id": "nobody"}
    assert ask(house, "/authorize", query_string=nobody).status_code == 400
    used_up(house, REFUSED)
    before = house.parts.store.count(Event)
    answers = [ask(house, "/authorize", query_string={**nobody, "lang": "en"}) for _ in range(5)]
    assert all(is_later(answer, "Too many requests from your network") for answer in answers)
    assert house.parts.store.count(Event) == before
    assert ask(house, "/authorize", THERE, query_string=nobody).status_code == 400
    assert house.events("authorization.refused")[-1]["reason"] == "unknown_client"


def test_the_event_that_no_more_are_kept_comes_once(house: House) -> None:
    strangers.over(house.parts, REFUSED, HERE, REFUSED.per_network - 2)
    for _ in range(9):
        ask(house, "/authorize", query_string={"client_id": "nobody"})
    reasons = [event["reason"] for event in house.events("authorization.refused")]
    assert reasons == ["unknown_client", "unknown_client", "refused_too_often"]


def test_mistakes_of_a_client_still_reach_it_and_leave_no_event_beyond_the_bound(house: House) -> None:
    app = house.register()
    used_up(house, REFUSED)
    authorize(house, app, scope="")
    before = house.parts.store.count(Event)
    assert "error=invalid_scope" in authorize(house, app, scope="nothing").headers["Location"]
    assert house.parts.store.count(Event) == before


def test_silent_sign_ins_are_answered_and_leave_no_event_beyond_the_bound(house: House) -> None:
    app = house.register()
    used_up(house, ANSWERED)
    authorize(house, app, prompt="none")
    before = house.parts.store.count(Event)
    assert "error=login_required" in authorize(house, app, prompt="none").headers["Location"]
    assert house.parts.store.count(Event) == before


def test_an_interaction_that_finds_no_room_uses_no_request_object_up(make_house: Callable[..., House]) -> None:
    """Judged before consumed: the same object is good when there is room again (DESIGN §2.3)."""
    from tests.journeys.test_par import request_object

    house = make_house(pending_per_address=1)
    app = house.signing()
    authorize(house, app)
    where: dict[str, Any] = {"client_id": app.id, "request": request_object(house, app)}
    assert ask(house, "/authorize", query_string=where).status_code == 429
    assert ask(house, "/authorize", THERE, query_string=where).status_code == 303


@pytest.mark.attack("A097")
@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "DELETE"])
def test_tries_to_register_are_counted(any_house: House, method: str) -> None:
    """429 beyond the bound, with few events; a right token is never held up (RFC 7591 §5)."""
    from idp.flows.provision import add_initial_token

    house = any_house
    good = add_initial_token(house.parts, house.department(), uses=2)
    body: dict[str, Any] = {"json": {"redirect_uris": ["https://tax.example/cb"]}} if method in ("POST", "PUT") else {}
    wrong: dict[str, Any] = {"query_string": {"client_id": "x"}, "headers": bearer("guess"), "method": method, **body}
    assert ask(house, "/register", **wrong).status_code == 401
    strangers.over(house.parts, REGISTERING, HERE, REGISTERING.per_network - 2)
    answers = [ask(house, "/register", **wrong) for _ in range(4)]
    assert [a.status_code for a in answers] == [401, 429, 429, 429]
    assert answers[-1].headers["Retry-After"] == str(WINDOW_S)
    reasons = [event["reason"] for event in house.events("client.registration_refused")]
    assert reasons[-1] == "throttled" and len(reasons) == 3
    right: dict[str, Any] = {
        "json": {"redirect_uris": ["https://tax.example/cb"]},
        "method": "POST",
        "headers": bearer(good),
    }
    assert ask(house, "/register", **right).status_code == 201
    assert ask(house, "/register", THERE, **wrong).status_code == 401


@pytest.mark.attack("A097")
def test_open_registration_is_bounded(make_house: Callable[..., House]) -> None:
    """Where anyone may register, one network makes so many clients and no more (RFC 7591 §5)."""
    house = make_house(open_registration=True)
    body: dict[str, Any] = {"json": {"redirect_uris": ["https://tax.example/cb"]}, "method": "POST"}
    assert ask(house, "/register", **body).status_code == 201
    used_up(house, REGISTERING)
    assert ask(house, "/register", **body).status_code == 429
    assert house.parts.store.count(ClientRow) == 1
    assert ask(house, "/register", THERE, **body).status_code == 201


@pytest.mark.attack("A032")
def test_a_large_push_counts_for_several(any_house: House) -> None:
    """What is outstanding is bounded by its size, not by its number alone (RFC 9126 §7.5)."""
    house = any_house
    app = house.register()
    house.parts.volatile.bump("par-quota", app.id.encode(), 60, PUSHES_PER_WINDOW - 4)
    form = {name: value for name, value in query(app).items() if name != "client_id"}
    claims = '{"userinfo": {' + ", ".join(f'"c{n}": {{"value": "{"v" * 120}"}}' for n in range(100)) + "}}"
    assert len(claims) > 3 * WEIGHT
    assert house.as_client(app, "/par", {**form, "claims": claims}).status_code == 201
    refused = house.as_client(app, "/par", {**form, "claims": claims})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")


@pytest.mark.attack("A032")
def test_strangers_do_not_use_up_a_public_clients_quota(make_house: Callable[..., House]) -> None:
    """Anyone may speak as a public client: what one network pushes is bounded by itself (RFC 9126 §7.5)."""
    house = make_house(pending_per_address=2)
    app = house.public()
    push: dict[str, Any] = {"method": "POST", "data": query(app)}
    assert [ask(house, "/par", **push).status_code for _ in range(4)] == [201, 201, 429, 429]
    assert house.parts.volatile.bump("par-quota", app.id.encode(), 60, 0) == 2
    assert ask(house, "/par", THERE, **push).status_code == 201


@pytest.mark.attack("A104")
@pytest.mark.parametrize("path", ["/forgot", "/sign-up"])
@pytest.mark.parametrize("typed", ["li.wei@example.cn", "no.body@example.cn"])
def test_codes_asked_without_end(house: House, path: str, typed: str) -> None:
    """Beyond the bound no row is written, and the answer is the same whoever is meant (OWASP ASVS 6.3.8)."""
    house.citizen()
    used_up(house, ASKING, "203.0.113.7")
    person = Person(house)
    person.get(path)
    assert is_later(person.submit(identifier=typed), "请求过多")
    assert (house.parts.store.count(OneTime), house.parts.store.count(Message)) == (0, 0)


def test_many_names_from_one_network_leave_one_event(house: House) -> None:
    """Once the address is throttled, a new name at each try tells nothing more."""
    for n in range(70):
        Person(house).sign_in(f"no.body{n}", "wrong password")
    events = house.parts.store.count(Event)
    for n in range(5):
        Person(house).sign_in(f"some.body{n}", "wrong password")
    assert len(house.events("session.throttled")) == 1 and house.parts.store.count(Event) == events


@pytest.mark.attack("A070")
def test_one_subscriber_guesses_from_one_network(house: House) -> None:
    """Another address of the same IPv6 network is no new start for a client's failures (RFC 6177 §2)."""
    app = house.register()
    form = {"client_id": app.id, "client_secret": "wrong", "grant_type": "client_credentials"}
    answers = [ask(house, "/token", f"2001:db8::{n:x}", "POST", data=form).status_code for n in range(22)]
    assert answers.count(401) == 20 and answers[-1] == 429
