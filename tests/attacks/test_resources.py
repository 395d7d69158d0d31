"""Attacks with a resource that tokens are not for (RFC 8707)."""

from urllib.parse import urlencode

import pytest

from tests.attacks.authorize_ground import answer, rows
from tests.attacks.test_authorize import FORM, signed_in_and_consented
from tests.journeys.test_authorize import query
from tests.journeys.test_par import GOOD, push, request_object
from tests.kit.house import ISSUER, House, claims_of


@pytest.mark.attack("A047")
@pytest.mark.parametrize("asked", [["https://api.example"], ["x"], [ISSUER, "https://api.example"], [ISSUER + "/"]])
def test_another_resource_is_refused_wherever_it_is_asked(house: House, asked: list[str]) -> None:
    """A token that would not be for it is issued on no path; the client learns it where it asks first (RFC 8707 §2)."""
    app = house.signing()
    browser = signed_in_and_consented(house, app)
    pairs = [*query(app).items(), *(("resource", value) for value in asked)]
    before = rows(house)
    got = browser.get("/authorize", query_string=urlencode(pairs), base_url=ISSUER)
    told = answer(house.follow(browser, got))
    assert (told["error"], told["state"], "code" in told) == ("invalid_target", query(app)["state"], False)
    posted = browser.post("/authorize", data=urlencode(pairs), content_type=FORM, base_url=ISSUER)
    assert answer(house.follow(browser, posted))["error"] == "invalid_target"
    signed = request_object(house, app, resource=asked[0] if len(asked) == 1 else asked)
    by_value = browser.get("/authorize", query_string={"client_id": app.id, "request": signed}, base_url=ISSUER)
    assert answer(house.follow(browser, by_value))["error"] == "invalid_target"
    assert rows(house) == before
    pushed = [*GOOD.items(), *(("resource", value) for value in asked)]
    assertion = {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": house.assertion(app),
    }
    refused = house.post("/par", [*pushed, *assertion.items()])
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_target")
    refused = house.as_client(app, "/par", {"request": request_object(house, app, resource=asked[0] + "/x")})
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_target")
    assert {event["code"] for event in house.events("authorization.refused")} == {"invalid_target"}


def test_the_provider_itself_is_a_resource_on_every_path(house: House) -> None:
    """What is asked for the issuer is issued for it (RFC 8707 §2, RFC 9068 §3)."""
    app = house.signing()
    browser = house.signed_in(house.citizen())
    code = house.code(browser, app, resource=ISSUER)
    tokens = house.redeem(app, code, resource=ISSUER).get_json()
    assert claims_of(tokens["access_token"])["aud"] == ISSUER
    assert house.refresh(app, tokens["refresh_token"], resource=ISSUER).status_code == 200
    assert house.as_client(app, "/par", {"request": request_object(house, app, resource=ISSUER)}).status_code == 201
    assert push(house, app, resource=ISSUER).status_code == 201


@pytest.mark.parametrize("named", [[ISSUER], [ISSUER, ISSUER]])
def test_the_provider_may_be_named_as_an_array_and_more_than_once(house: House, named: list[str]) -> None:
    """Several resources are an array in a request object and a repeated parameter elsewhere (RFC 8707 §2)."""
    app = house.signing()
    browser = house.signed_in(house.citizen())
    house.code(browser, app)
    signed = {"client_id": app.id, "request": request_object(house, app, resource=named)}
    told = answer(house.follow(browser, browser.get("/authorize", query_string=signed, base_url=ISSUER)))
    assert "code" in told and "error" not in told
    pairs = [*query(app).items(), *(("resource", value) for value in named)]
    other = browser.post(
        "/authorize?resource=https://api.example", data=urlencode(pairs), content_type=FORM, base_url=ISSUER
    )
    assert answer(house.follow(browser, other))["error"] == "invalid_target", "whichever part of the request names it"
    for asked in (
        browser.get("/authorize", query_string=urlencode(pairs), base_url=ISSUER),
        browser.post("/authorize", data=urlencode(pairs), content_type=FORM, base_url=ISSUER),
    ):
        told = answer(house.follow(browser, asked))
        assert "code" in told and "error" not in told
    assert house.as_client(app, "/par", {"request": request_object(house, app, resource=named)}).status_code == 201


@pytest.mark.attack("A047")
@pytest.mark.parametrize("named", [[], [""], [7], [None], [[ISSUER]], [ISSUER, {}], {}])
def test_an_array_that_holds_no_resources_is_no_array_of_resources(house: House, named: object) -> None:
    """Nothing is left out of what was signed (RFC 8707 §2)."""
    app = house.signing()
    got = house.as_client(app, "/par", {"request": request_object(house, app, resource=named)})
    assert got.status_code == 400 and got.get_json()["error"] in ("invalid_request_object", "invalid_target")
