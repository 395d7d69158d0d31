"""Attributes of service items in the ID token, where ``claims`` asks for them there (OIDC Core §5.5), if its encryption allows (DESIGN §7)."""

import json
from typing import Any

import pytest

from idp.flows import catalogue
from idp.records import ClientRefusal, Consent
from tests.journeys.test_service_items import allow
from tests.kit.catalogue import LOAN, item
from tests.kit.house import CLAIMS, App, House, claims_of
from tests.kit.sealed import EC, document, encrypting, nested

ID = "11010519491231002X"
KNOWN = {**CLAIMS, "national_id": ID, "marital_status": "married"}
NEEDS = [
    {"attribute": "name", "essential": True},
    {"attribute": "national_id", "essential": True},
    {"attribute": "marital_status"},
    {"attribute": "age_over_18"},
]
SCOPE = "openid service:loan"
ASKED = json.dumps({"id_token": dict.fromkeys(("national_id", "age_over_18", "marital_status", "phone_number"))})


def told(house: House, app: App, claims: str = ASKED, **ticked: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The token answer, and UserInfo's claims."""
    browser = house.signed_in(house.citizen(claims=KNOWN))
    page = house.authorize(browser, app, scope=SCOPE, claims=claims)
    tokens = dict(house.redeem(app, allow(house, browser, page, **ticked)).get_json())
    return tokens, document(house.userinfo(tokens["access_token"]).text, EC)


def person(claims: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if name in KNOWN or name.startswith("age_over")}


def test_what_was_asked_for_there_and_allowed(any_house: House) -> None:
    house = any_house
    item(house, {**LOAN, "needs": NEEDS[:1] + NEEDS[2:]})
    app = house.register(scope="openid", **encrypting("ECDH-ES+A256KW", "userinfo"))
    tokens, userinfo = told(house, app, **{"allow/loan/age_over_18": "1"})
    assert person(claims_of(tokens["id_token"])) == {"age_over_18": True}
    assert person(userinfo) == {"name": CLAIMS["name"], "age_over_18": True}
    inside, at_userinfo = house.events("attributes.released")
    assert (inside["via"], inside["claims"], inside["items"]) == (
        "id_token",
        ["age_over_18"],
        [{"code": "loan", "version": 1, "attributes": ["age_over_18"]}],
    )
    assert at_userinfo["claims"] == ["name", "age_over_18"]
    refreshed = house.refresh(app, tokens["refresh_token"]).get_json()
    assert person(claims_of(refreshed["id_token"])) == {}


def test_sensitive_inside_a_jwe_and_recorded_with_its_key(house: House) -> None:
    app = house.register(scope="openid", **encrypting("ECDH-ES+A256KW", "userinfo", "id_token"))
    item(house, {**LOAN, "needs": NEEDS})
    tokens, userinfo = told(house, app)
    assert ID not in tokens["id_token"]
    assert person(nested(house.parts, tokens["id_token"], EC)) == {"national_id": ID}
    assert person(userinfo) == {"name": CLAIMS["name"], "national_id": ID}
    inside = house.events("attributes.released")[0]
    assert (inside["via"], inside["key"]) == ("id_token", EC.thumbprint())


def test_sensitive_stays_out_of_an_id_token_in_the_clear(house: House) -> None:
    """The sign-in goes on; what stayed is an event and a line for the developer."""
    app = house.register(scope="openid", **encrypting("ECDH-ES+A256KW", "userinfo"))
    item(house, {**LOAN, "needs": NEEDS})
    tokens, userinfo = told(house, app, **{"allow/loan/marital_status": "1"})
    assert person(claims_of(tokens["id_token"])) == {"marital_status": "married"}
    assert userinfo["national_id"] == ID
    (event,) = house.events("attributes.withheld")
    assert (event["via"], event["claims"], event["reason"]) == ("id_token", ["national_id"], "no_client_key")
    assert {row.reason for row in house.parts.store.find(ClientRefusal)} >= {"no_client_key"}


def test_standard_claims_through_an_item_alone(house: House) -> None:
    """A claim of a scope that is not registered is asked for through the item: shown once, told as the item allows."""
    item(house, {**LOAN, "needs": [{"attribute": "name"}]})
    app = house.register(scope="openid", **encrypting("ECDH-ES+A256KW", "userinfo"))
    claims = json.dumps({"id_token": {"name": {"essential": True}, "email": None}})
    tokens, userinfo = told(house, app, claims)
    assert person(claims_of(tokens["id_token"])) == {} == person(userinfo), "not ticked"
    (consent,) = house.parts.store.find(Consent)
    assert json.loads(consent.document)["claims"] == []
    browser = house.signed_in(consent.account_id)
    page = house.authorize(browser, app, scope=SCOPE, claims=claims, prompt="consent")
    tokens = house.redeem(app, allow(house, browser, page, **{"allow/loan/name": "1"})).get_json()
    assert person(claims_of(tokens["id_token"])) == {"name": CLAIMS["name"]}


def test_without_the_item_nothing_of_it(house: House) -> None:
    item(house, {**LOAN, "needs": NEEDS[2:]})
    app = house.register(scope="openid profile")
    browser = house.signed_in(house.citizen(claims=KNOWN))
    tokens = house.redeem(app, house.code(browser, app, scope="openid profile", claims=ASKED)).get_json()
    assert person(claims_of(tokens["id_token"])) == {}


@pytest.mark.parametrize("change", ["retired", "narrowed"])
def test_what_the_item_declares_no_more_is_told_no_more(house: House, change: str) -> None:
    item(house, {**LOAN, "needs": NEEDS[2:]})
    app = house.register(scope="openid")
    browser = house.signed_in(house.citizen(claims=KNOWN))
    page = house.authorize(browser, app, scope=SCOPE, claims=ASKED)
    code = allow(house, browser, page, **{"allow/loan/marital_status": "1", "allow/loan/age_over_18": "1"})
    if change == "retired":
        catalogue.retire(house.parts, "loan")
    else:
        item(house, {**LOAN, "needs": NEEDS[3:]})
    found = person(claims_of(house.redeem(app, code).get_json()["id_token"]))
    assert found == ({} if change == "retired" else {"age_over_18": True})
