"""A cookie of another site of the domain with bytes beyond ASCII, at the server that is really run: it hands on nothing of the field."""

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from tests.faults.ground import Served

pytestmark = pytest.mark.slow
FOREIGN = ("杭州".encode().decode("latin-1"), "\xe9", "\xff")


@pytest.fixture
def served(make_served: Callable[..., Served]) -> Served:
    house = make_served()
    house.start(1)
    return house


def ask(served: Served, method: str, path: str, cookies: str, **headers: str) -> TestResponse:
    return served.request(method, path, headers={"Cookie": cookies, **headers})


@pytest.mark.attack("A123")
def test_a_neighbours_cookie_is_named_as_what_it_is_and_can_be_got_rid_of(served: Served) -> None:
    """A cookie tossed by a neighbour locks nobody out: the page says what happened and has it deleted (Clear Site Data §3.1)."""
    _, own = served.session(served.citizen())
    assert ask(served, "GET", "/account", f"yimen-session={own}; city=hangzhou").status_code == 200
    for value in FOREIGN:
        answer = ask(served, "GET", "/account", f"yimen-session={own}; city={value}")
        assert answer.status_code == 400 and 'id="delete-cookies"' in answer.text and 'action="/cookies"' in answer.text
        assert ask(served, "POST", "/sign-in", f"city={value}").status_code == 400
        assert ask(served, "GET", "/", f"city={value}").status_code == 200, "the start page needs no cookie"
        gone = ask(served, "POST", "/cookies", f"city={value}", Origin=served.config.issuer)
        assert gone.status_code == 200 and gone.headers["Clear-Site-Data"] == '"cookies"'
    assert served.server.stop() == 0


@pytest.mark.attack("A123")
def test_nobody_else_has_cookies_deleted(served: Served) -> None:
    """Where they can be read there is nothing to delete, and another site's form deletes nothing (RFC 9700 §4.7)."""
    readable = ask(served, "POST", "/cookies", "city=hangzhou", Origin=served.config.issuer)
    foreign = ask(served, "POST", "/cookies", "city=\xe9", **{"Sec-Fetch-Site": "cross-site"})
    assert (readable.status_code, foreign.status_code) == (303, 403)
    for answer in (readable, foreign):
        assert "Clear-Site-Data" not in answer.headers
    assert served.server.stop() == 0
