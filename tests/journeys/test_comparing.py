"""*Does this number match?* The client brings a number and learns yes or no, never the number, and never many in a day."""

import json
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from werkzeug.test import Client as Browser

from idp.cli import main
from idp.flows.comparing import PER_DAY
from idp.records import ClientRefusal, Grant
from tests.faults.ground import environment
from tests.journeys.test_par import go, push, reference
from tests.journeys.test_service_items import allow, error_of
from tests.kit.catalogue import LOAN, item
from tests.kit.house import CLAIMS, App, House, claims_of

ID, OTHER = "11010519491231002X", "440524188001010014"
KNOWN = {**CLAIMS, "national_id": ID}
SCOPE = "openid service:loan"
NEEDS = [{"attribute": "national_id_matches", "essential": True}, {"attribute": "phone_number_matches"}]


def numbers(number: str = ID, *places: str, claim: str = "national_id_matches") -> str:
    return json.dumps({place: {claim: {"compare": number}} for place in places or ("userinfo",)})


@pytest.fixture
def app(house: House) -> App:
    item(house, {**LOAN, "needs": NEEDS})
    return house.register(scope="openid")


@pytest.fixture
def browser(house: House) -> Browser:
    return house.signed_in(house.citizen(claims=KNOWN, source="police"))


def answered(house: House, app: App, browser: Browser, claims: str) -> dict[str, Any]:
    """The token answer of a pushed request, after everything was allowed."""
    page = go(house, app, reference(house, app, scope=SCOPE, claims=claims), browser)
    code = (
        allow(house, browser, page)
        if page.status_code == 200
        else page.location.partition("code=")[2].partition("&")[0]
    )
    return dict(house.redeem(app, code).get_json())


@pytest.mark.parametrize(
    ("number", "verdict"), [(ID, True), ("110105 19491231 002x", True), (OTHER, False), ("?", False)]
)
def test_it_learns_the_verdict_alone(any_house: House, number: str, verdict: bool) -> None:
    house = any_house
    item(house, {**LOAN, "needs": NEEDS})
    app, browser = house.register(scope="openid"), house.signed_in(house.citizen(claims=KNOWN, source="police"))
    page = go(house, app, reference(house, app, scope=SCOPE, claims=numbers(number), ui_locales="en"), browser)
    assert "learns only whether the number that it already has is yours" in page.text
    assert ID not in page.text and OTHER not in page.text
    tokens = house.redeem(app, allow(house, browser, page)).get_json()
    told = house.userinfo(tokens["access_token"])
    assert told.get_json() == {"sub": claims_of(tokens["id_token"])["sub"], "national_id_matches": verdict}
    assert "national_id_matches" not in claims_of(tokens["id_token"])
    (event,) = house.events("attributes.released")
    assert event["claims"] == ["national_id_matches"]
    assert event["items"] == [{"code": "loan", "version": 1, "attributes": ["national_id_matches"]}]
    heads = json.dumps(house.events())
    assert ID not in heads and OTHER not in heads and "002x" not in heads


def test_in_the_id_token_where_it_is_asked_there(house: House, app: App, browser: Browser) -> None:
    tokens = answered(house, app, browser, numbers(ID, "id_token"))
    assert claims_of(tokens["id_token"])["national_id_matches"] is True
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub"}
    (event,) = house.events("attributes.released")
    assert (event["via"], event["items"][0]["attributes"]) == ("id_token", ["national_id_matches"])


def test_nothing_to_compare_is_the_clients_mistake(house: House, app: App, browser: Browser) -> None:
    for claims in (
        None,
        '{"userinfo":{"national_id_matches":null}}',
        '{"userinfo":{"national_id_matches":{"value":true}}}',
    ):
        answer = push(house, app, scope=SCOPE, claims=claims)
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
        assert "compare" in answer.get_json()["error_description"]
    assert {row.reason for row in house.parts.store.find(ClientRefusal)} == {"nothing_to_compare"}


def test_an_optional_verdict_is_ticked_and_goes_without_a_number(house: House, app: App, browser: Browser) -> None:
    claims = '{"userinfo":{"national_id_matches":{"compare":"1"},"phone_number_matches":{"compare":"+8613800138000"}}}'
    page = go(house, app, reference(house, app, scope=SCOPE, claims=claims), browser)
    assert 'name="allow/loan/phone_number_matches"' in page.text
    code = allow(house, browser, page, **{"allow/loan/phone_number_matches": "1"})
    told = house.userinfo(house.redeem(app, code).get_json()["access_token"]).get_json()
    assert (told["national_id_matches"], told["phone_number_matches"]) == (
        False,
        CLAIMS["phone_number"] == "+8613800138000",
    )
    page = go(house, app, reference(house, app, scope=SCOPE, claims=numbers()), browser)
    assert page.status_code == 303, "less than what was allowed"


def test_it_is_no_part_of_an_address(house: House, app: App, browser: Browser) -> None:
    answer = house.authorize(browser, app, scope=SCOPE, claims=numbers())
    assert error_of(answer) == "invalid_request" and ID not in answer.headers["Location"]
    assert {row.reason for row in house.parts.store.find(ClientRefusal)} == {"compare_not_pushed"}
    assert all(ID not in str(row) for row in house.parts.store.find(ClientRefusal))
    assert house.parts.store.find(Grant) == []


def test_what_the_item_does_not_declare_is_not_compared(house: House, browser: Browser) -> None:
    item(house)
    app = house.register(scope="openid profile")
    page = go(house, app, reference(house, app, scope=SCOPE, claims=numbers()), browser)
    tokens = house.redeem(app, allow(house, browser, page)).get_json()
    assert "national_id_matches" not in house.userinfo(tokens["access_token"]).get_json()
    (grant,) = house.parts.store.find(Grant)
    assert grant.claims is None


@pytest.mark.parametrize(
    ("request_", "lines"),
    [
        ("scope=openid", [("-", "not_in_item")]),
        (f"scope={SCOPE}", [("-", "not_in_item")]),
        (
            'scope=openid&authorization_details=[{"type":"service_item","item":"file","attributes":["age_over_18"]}]',
            [("file", "not_asked")],
        ),
    ],
    ids=["no item", "another item", "left out of the item"],
)
def test_what_is_left_out_is_told_to_the_developer_with_its_reason(
    house: House, browser: Browser, request_: str, lines: list[tuple[str, str]]
) -> None:
    """A number to compare and a verified claim that no item of the request asks for: in the plan of `release explain` and in the client's list."""
    item(house, {**LOAN, "needs": [{"attribute": "phone_number_matches"}, {"attribute": "age_over_16"}]})
    needs = [{"attribute": code} for code in ("national_id_matches", "age_over_18", "region_code")]
    item(house, {**LOAN, "code": "file", "needs": needs})
    app = house.register(scope="openid")
    proof = {"verification": {"trust_framework": None}, "claims": {"region_code": None}}
    asked = {"userinfo": {"national_id_matches": {"compare": ID}, "verified_claims": proof}}
    query = f"{request_}&claims={json.dumps(asked)}"
    done = CliRunner().invoke(main, ["release", "explain", app.id, query, "--json"], env=environment(house.config))
    assert done.exit_code == 0 and ID not in done.output, done.output
    found = json.loads(done.stdout)
    names = ("national_id_matches", "region_code")
    told = [(line["item"], line["attribute"], line["why"]) for line in found["lines"] if line["attribute"] in names]
    (where, why), *_ = lines
    assert told == [(where, name, why) for name in names]
    assert found["dropped"] == list(names)
    params = dict(part.split("=", 1) for part in query.split("&"))
    assert push(house, app, **params).status_code == 201
    (line,) = house.parts.store.find(ClientRefusal)
    assert (line.code, line.reason, line.received) == ("dropped", "claims_not_registered", " ".join(names))
    assert f"national_id_matches:{why} region_code:{why}" in line.registered and ID not in str(line)


def test_the_number_is_kept_sealed(house: House, app: App, browser: Browser) -> None:
    answered(house, app, browser, numbers(ID, "userinfo", "id_token"))
    (grant,) = house.parts.store.find(Grant)
    assert grant.claims is not None and ID.encode() not in grant.claims
    assert set(msgspec.json.decode(grant.claims)) == {"id_token", "userinfo", "sealed"}


def test_so_many_numbers_a_day(house: House, app: App, browser: Browser) -> None:
    """Beyond the bound the verdict is left out, with an event and a line for the developer; the same number again is not another one."""

    def verdict(number: str) -> Any:
        tokens = answered(house, app, browser, numbers(number))
        return house.userinfo(tokens["access_token"]).get_json().get("national_id_matches")

    guesses = [f"11010519491231{n:03}X" for n in range(100, 100 + PER_DAY)]
    assert [verdict(guess) for guess in guesses] == [False] * PER_DAY
    assert verdict(ID) is None and verdict(ID) is None, "the right one tells nothing either"
    assert verdict(guesses[0]) is False
    events = house.events("comparison.bounded")
    assert [event["claims"] for event in events] == [["national_id_matches"]] * 2
    assert ID not in json.dumps(events)
    rows = house.parts.store.find(ClientRefusal)
    assert {row.reason for row in rows} == {"compare_too_often"} and all(ID not in str(row) for row in rows)
    sister = house.register(scope="openid", redirect_uris=app.client.redirect_uris)
    tokens = answered(house, sister, browser, numbers(ID))
    assert "national_id_matches" not in house.userinfo(tokens["access_token"]).get_json(), (
        "one department, one curiosity"
    )
    (first,) = {grant.account_id for grant in house.parts.store.find(Grant)}
    other = house.signed_in(house.citizen("zhang.min", claims={**KNOWN, "national_id": OTHER}))
    tokens = answered(house, app, other, numbers(OTHER))
    assert house.userinfo(tokens["access_token"]).get_json()["national_id_matches"] is True
    house.clock.advance(2 * 86_400)
    browser = house.signed_in(first)
    tokens = answered(house, app, browser, numbers(ID))
    assert house.userinfo(tokens["access_token"]).get_json()["national_id_matches"] is True


def test_the_developer_sees_what_is_missing(house: House, app: App) -> None:
    def explained(claims: str) -> dict[str, Any]:
        words = ["release", "explain", app.id, f"scope={SCOPE}&claims={claims}", "--json"]
        done = CliRunner().invoke(main, words, env=environment(house.config))
        assert done.exit_code == 0 and ID not in done.output, done.output
        return dict(json.loads(done.stdout))

    found = explained("{}")
    assert found["lines"][0]["why"] == "nothing_to_compare" and found["error"].startswith("invalid_request")
    assert explained(numbers())["error"] == "" and explained(numbers())["lines"][0]["outcome"] == "release"
