"""Fifty at once over four worker processes: of everything that works once, exactly one works, in every round (F33)."""

from collections import Counter
from collections.abc import Callable

import pytest

from idp.flows.provision import add_initial_token
from idp.records import Grant, InitialAccessToken
from tests.faults.conftest import BACKENDS
from tests.faults.ground import Served, at_once, patiently
from tests.kit.house import App, bearer, challenge

pytestmark = pytest.mark.slow
RACERS, ROUNDS = 50, 4


@pytest.fixture(params=BACKENDS)
def served(request: pytest.FixtureRequest, make_served: Callable[..., Served]) -> Served:
    house = make_served(request.param)
    house.start(4, "--no-worker")
    return house


def everything_is_dead(served: Served, app: App, tokens: dict[str, str]) -> None:
    assert served.introspect(app, tokens["access_token"]) == {"active": False}
    assert served.userinfo(tokens["access_token"]).status_code == 401
    again = served.refresh(app, tokens["refresh_token"])
    assert (again.status_code, again.get_json()["error"]) == (400, "invalid_grant")


@pytest.mark.attack("F33")
def test_of_fifty_at_once_one_works(served: Served) -> None:
    """RFC 6749 §4.1.2, RFC 9700 §4.14.2, RFC 9126 §4: codes, refresh tokens, pushed requests, initial access tokens."""
    app, account = served.register(), served.citizen()
    pids = set(served.server.of("server"))
    for _ in range(ROUNDS):
        codes(served, app, account)
        refreshes(served, app, account)
        pushed(served, app, account)
    initial_tokens(served)
    assert set(served.server.of("server")) == pids, served.server.output()


def codes(served: Served, app: App, account: bytes) -> None:
    code, grant = served.grant(app, account, offline=1)
    answers = at_once(lambda: patiently(lambda: served.redeem(app, code)), RACERS)
    assert Counter(a.status_code for a in answers) == {200: 1, 400: RACERS - 1}
    (tokens,) = [a.get_json() for a in answers if a.status_code == 200]
    assert {a.get_json()["error"] for a in answers if a.status_code == 400} == {"invalid_grant"}
    served.redeem(app, code)  # a replay for certain, after the winner
    everything_is_dead(served, app, tokens)
    row = served.parts.store.one(Grant, id=grant.id)
    assert row is not None and row.ended_why == "code_replayed"


def refreshes(served: Served, app: App, account: bytes) -> None:
    first = served.tokens(app, account, offline=1)
    answers = at_once(lambda: patiently(lambda: served.refresh(app, first["refresh_token"])), RACERS)
    assert Counter(a.status_code for a in answers) == {200: 1, 400: RACERS - 1}
    (tokens,) = [a.get_json() for a in answers if a.status_code == 200]
    served.refresh(app, first["refresh_token"])
    everything_is_dead(served, app, tokens)


def pushed(served: Served, app: App, account: bytes) -> None:
    """Twenty tabs of one browser with one pushed request: one code, whichever arrives."""
    browser = served.signed_in(account)
    served.code(browser, app)  # consent is given and remembered
    request = {
        "response_type": "code",
        "redirect_uri": app.client.redirect_uris[0],
        "scope": "openid profile email phone address",
        "code_challenge": challenge(),
        "code_challenge_method": "S256",
    }
    uri = served.as_client(app, "/par", request).get_json()["request_uri"]
    before = served.parts.store.count(Grant)
    query = {"client_id": app.id, "request_uri": uri}
    answers = at_once(lambda: served.follow(browser, browser.get("/authorize", query_string=query)), 20)
    assert not [a for a in answers if a.status_code >= 500]
    assert served.parts.store.count(Grant) == before + 1
    assert len({a.headers["Location"] for a in answers if "code=" in a.headers.get("Location", "")}) == 1


def initial_tokens(served: Served) -> None:
    token = add_initial_token(served.parts, served.department("tax").id, uses=3)
    document = b'{"client_name":"App","redirect_uris":["https://app.example/cb"]}'
    headers = {**bearer(token), "Content-Type": "application/json"}
    answers = at_once(
        lambda: patiently(lambda: served.request("POST", "/register", data=document, headers=headers)), RACERS
    )
    assert Counter(a.status_code for a in answers) == {201: 3, 401: RACERS - 3}
    assert [t.uses_left for t in served.parts.store.find(InitialAccessToken)] in ([0], [])
