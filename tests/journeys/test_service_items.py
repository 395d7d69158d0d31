"""Asking for service items: by scope, by authorization details, pushed; shown, chosen, released, recorded."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from werkzeug.test import Client as Browser
from werkzeug.test import TestResponse

from idp.flows import catalogue
from idp.ports import Insert, Update
from idp.records import Attribute, ClientRefusal, Consent, Grant
from tests.kit.catalogue import BY_LAW, LAW, LOAN, draft, item
from tests.kit.house import CLAIMS, App, House, claims_of
from tests.kit.sealed import encrypting

EVERYTHING = {**CLAIMS, "marital_status": "married"}
TICKED = {"allow/loan/marital_status": "1"}


def detail(code: str = "loan", *attributes: str, **more: Any) -> str:
    return json.dumps(
        [{"type": "service_item", "item": code, **({"attributes": attributes} if attributes else {}), **more}]
    )


def ask(house: House, browser: Browser, app: App, **params: str) -> TestResponse:
    return house.authorize(browser, app, **{"scope": "openid service:loan", **params})


def allow(house: House, browser: Browser, page: TestResponse, **fields: str) -> str:
    """Allow on the consent page; the code."""
    assert 'id="consent-allow"' in page.text, page.text
    answer = house.submit(browser, page, decision="allow", **fields)
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


def error_of(answer: TestResponse) -> str:
    return parse_qs(urlsplit(answer.headers["Location"]).query)["error"][0]


@pytest.fixture
def asked(house: House) -> tuple[App, Browser]:
    """A client of the item's department and a signed-in citizen."""
    item(house)
    return house.register(), house.signed_in(house.citizen(claims=EVERYTHING))


def test_what_is_asked_for_two_reasons_is_shown_once_under_the_stronger(house: House) -> None:
    """The law's word or the service's need before a scope; what a scope tells anyway is nothing to tick."""
    item(house)
    claims = {**EVERYTHING, "email": "li.wei@example.cn"}
    app, browser = house.register(scope="openid profile email"), house.signed_in(house.citizen(claims=claims))
    page = ask(house, browser, app, scope="openid profile email service:loan")
    shown = page.text
    assert [shown.count(f"<bdi>{text}</bdi>") for text in ("1990年**月**日", "l***@example.cn")] == [1, 1]
    assert shown.count(">姓名</dt>") == 1
    assert 'name="allow/loan/email"' not in shown and 'name="allow/loan/marital_status"' in shown
    tokens = house.redeem(app, allow(house, browser, page, **{"allow/loan/email": "1"})).get_json()
    told = house.userinfo(tokens["access_token"]).get_json()
    assert (
        told["birthdate"] == CLAIMS["birthdate"] and told["email"] == claims["email"] and "marital_status" not in told
    )
    (event,) = house.events("consent.given")
    assert event["items"][0]["attributes"] == ["birthdate", "name"], "a field that was not offered counts for nothing"


def test_only_what_is_chosen_is_released_and_recorded(any_house: House) -> None:
    house = any_house
    item(house)
    app, browser = house.register(), house.signed_in(house.citizen(claims=EVERYTHING))
    tokens = house.redeem(app, allow(house, browser, ask(house, browser, app), **TICKED)).get_json()
    answer = house.userinfo(tokens["access_token"]).get_json()
    assert answer.pop("sub")
    assert answer == {"name": CLAIMS["name"], "birthdate": CLAIMS["birthdate"], "marital_status": "married"}
    (event,) = house.events("attributes.released")
    assert event["claims"] == ["name", "birthdate", "marital_status"]
    assert event["items"] == [{"code": "loan", "version": 1, "attributes": ["name", "birthdate", "marital_status"]}]
    (given,) = house.events("consent.given")
    assert given["items"] == [{"code": "loan", "version": 1, "attributes": ["birthdate", "marital_status", "name"]}]
    assert (given["lasts"], given["until"]) == ("lasting", 0)


def test_the_page_says_who_why_how_long_and_what_is_optional(house: House, asked: tuple[App, Browser]) -> None:
    app, browser = asked
    for lang, words in {
        "en": (
            "tax bureau", "Housing loan", "To decide on your loan", "2 years", "Regulations on the Housing Fund, article 24",
            "Sample data", "You may also share", "Told by law", "Needed for this service", "Married",
        ),
        "zh-CN": ("tax局", "公积金贷款", "审核贷款申请", "2 年", "第二十四条", "示例数据", "依法提供", "已婚"),
    }.items():  # fmt: skip
        page = ask(house, browser, app, ui_locales=lang)
        for word in words:
            assert word in page.text, word
        assert 'name="allow/loan/marital_status" type="checkbox" value="1"' in page.text
        assert " checked" not in page.text.split("allow-loan-email")[1].split(">")[0]
        assert 'name="allow/loan/name"' not in page.text and 'name="allow/loan/birthdate"' not in page.text
        for hidden in ("李伟", "1990-02-03", "li.wei@example.cn"):
            assert hidden not in page.text


def test_without_the_optional_ones(house: House, asked: tuple[App, Browser]) -> None:
    app, browser = asked
    tokens = house.redeem(app, allow(house, browser, ask(house, browser, app))).get_json()
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub", "name", "birthdate"}
    assert tokens["authorization_details"] == [
        {"type": "service_item", "item": "loan", "attributes": ["birthdate", "name"]}
    ]


def test_a_tick_for_what_was_not_offered_counts_for_nothing(house: House, asked: tuple[App, Browser]) -> None:
    app, browser = asked
    forged = {"allow/loan/phone_number": "1", "allow/other/email": "1", "allow/standard-login/email": "1"}
    tokens = house.redeem(app, allow(house, browser, ask(house, browser, app), **forged)).get_json()
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub", "name", "birthdate"}


def test_details_narrow_an_item_and_are_echoed(house: House, asked: tuple[App, Browser]) -> None:
    """RFC 9396 §2, §7, §9.2."""
    app, browser = asked
    page = ask(house, browser, app, scope="openid", authorization_details=detail("loan", "name", "email"))
    assert "marital_status" not in page.text and "1990-**-**" not in page.text
    tokens = house.redeem(app, allow(house, browser, page, **{"allow/loan/email": "1"})).get_json()
    told = [{"type": "service_item", "item": "loan", "attributes": ["email", "name"]}]
    assert tokens["authorization_details"] == told
    assert house.introspect(app, tokens["access_token"])["authorization_details"] == told
    assert house.introspect(app, tokens["refresh_token"])["authorization_details"] == told
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub", "name", "email"}


def test_pushed_details(house: House, asked: tuple[App, Browser]) -> None:
    """RFC 9396 §3 with RFC 9126."""
    app, browser = asked
    good = {
        "response_type": "code", "redirect_uri": app.client.redirect_uris[0], "scope": "openid", "state": "s",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256",
    }  # fmt: skip
    refused = house.as_client(app, "/par", {**good, "authorization_details": detail("loan", "phone_number")})
    assert refused.get_json()["error"] == "invalid_authorization_details"
    pushed = house.as_client(app, "/par", {**good, "authorization_details": detail()}).get_json()
    query = {"client_id": app.id, "request_uri": pushed["request_uri"]}
    page = house.follow(browser, browser.get("/authorize", query_string=query, base_url=house.config.issuer))
    assert 'name="allow/loan/marital_status"' in page.text


def test_the_choice_survives_a_refresh_and_narrowing_ends_it(house: House, asked: tuple[App, Browser]) -> None:
    app, browser = asked
    code = allow(house, browser, ask(house, browser, app, scope="openid email service:loan"), **TICKED)
    tokens = house.redeem(app, code).get_json()
    again = house.refresh(app, tokens["refresh_token"]).get_json()
    assert again["authorization_details"] == tokens["authorization_details"]
    assert "marital_status" in house.userinfo(again["access_token"]).get_json()
    narrow = house.refresh(app, again["refresh_token"], scope="openid email").get_json()
    assert "authorization_details" not in narrow
    assert set(house.userinfo(narrow["access_token"]).get_json()) == {"sub", "email", "email_verified"}


def test_what_is_not_on_record_is_said_and_left_out(house: House) -> None:
    item(house)
    app = house.register()
    browser = house.signed_in(house.citizen(claims={"name": "李伟", "birthdate": "1990-02-03"}))
    page = ask(house, browser, app, ui_locales="en")
    assert "which we do not have on record" not in page.text and "allow/loan/marital_status" not in page.text
    assert "Optional, and not on record" in page.text and "The service will not receive these." in page.text
    assert "If we come to know these" not in page.text, "what is optional was not allowed"
    tokens = house.redeem(app, allow(house, browser, page, **TICKED)).get_json()
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub", "name", "birthdate"}


def test_what_was_not_on_record_is_told_once_it_is_as_the_page_said(house: House) -> None:
    """Essential and ordered attributes are agreed to by name; each stands with what it belongs to."""
    needs = [
        {"attribute": "name", "essential": True},
        {"attribute": "nickname", "essential": True},
        {"attribute": "birthdate", "essential": True, "basis": "statutory", "citation": LAW},
    ]
    item(house, {**LOAN, "needs": needs})
    app, account = house.register(), house.citizen(claims={"name": "李伟"})
    browser = house.signed_in(account)
    page = ask(house, browser, app, ui_locales="en").text
    law, own = page.index("The law orders these to be told too"), page.index("which we do not have on record")
    assert law < page.index("Date of birth") < page.index("Needed for this service") < own < page.index("Nickname")
    assert page.count("If we come to know these, the service will receive them too.") == 2
    tokens = house.redeem(app, allow(house, browser, house.authorize(browser, app, scope="openid service:loan")))
    citizen = house.parts.vault.citizen(account)
    house.parts.store.commit([Insert(citizen.seal_claim("nickname", "小李", 1, "self", house.clock()))])
    assert house.userinfo(tokens.get_json()["access_token"]).get_json()["nickname"] == "小李"


def test_a_verdict_instead_of_the_value(house: House) -> None:
    item(house, {**LOAN, "code": "library", "needs": [{"attribute": "age_over_18", "essential": True}]})
    app, browser = house.register(), house.signed_in(house.citizen())
    page = ask(house, browser, app, scope="openid service:library", ui_locales="en")
    assert "Whether you are 18 or older" in page.text and "1990" not in page.text
    tokens = house.redeem(app, allow(house, browser, page)).get_json()
    answer = house.userinfo(tokens["access_token"]).get_json()
    assert set(answer) == {"sub", "age_over_18"} and answer["age_over_18"] is True
    assert house.parts.store.find(Attribute, {"code": "age_over_18"}) == []


# By law ---------------------------------------------------------------------------------------------------------------------------


def test_what_the_law_orders_is_told_once_and_asks_no_consent(house: House) -> None:
    item(house, BY_LAW)
    app, browser = house.register(), house.signed_in(house.citizen())
    assert error_of(ask(house, browser, app, scope="openid service:duty", prompt="none")) == "consent_required"
    page = ask(house, browser, app, scope="openid service:duty", ui_locales="en")
    assert "This service is told by law" in page.text and "Continue" in page.text
    assert 'name="lasts"' not in page.text and "You can withdraw" not in page.text and "article 24" in page.text
    tokens = house.redeem(app, allow(house, browser, page)).get_json()
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub", "name"}
    assert house.events("consent.given") == []
    (told,) = house.events("consent.informed")
    assert told["items"] == [{"code": "duty", "version": 1, "attributes": ["name"]}]
    assert "code=" in ask(house, browser, app, scope="openid service:duty").headers["Location"]


def test_leaving_tells_nothing(house: House) -> None:
    item(house, BY_LAW)
    app, browser = house.register(), house.signed_in(house.citizen())
    page = ask(house, browser, app, scope="openid service:duty")
    assert error_of(house.submit(browser, page, decision="deny")) == "access_denied"
    assert house.parts.store.find(Consent) == []


# Remembered and asked again -------------------------------------------------------------------------------------------------------


def again(house: House, **changes: Any) -> None:
    """Another version of the item, approved."""
    item(house, LOAN, **changes)


def test_an_unchanged_or_narrower_version_asks_nobody_again(house: House, asked: tuple[App, Browser]) -> None:
    app, browser = asked
    tokens = house.redeem(app, allow(house, browser, ask(house, browser, app), **TICKED)).get_json()
    again(house, titles={"zh": "贷款", "en": "Loan"}, needs=LOAN["needs"][:3], retention_days=30)
    code = parse_qs(urlsplit(ask(house, browser, app).headers["Location"]).query)["code"][0]
    assert set(house.userinfo(house.redeem(app, code).get_json()["access_token"]).get_json()) == {
        "sub", "name", "birthdate", "marital_status",
    }  # fmt: skip
    assert house.events("attributes.released")[-1]["items"][0]["version"] == 2
    assert "marital_status" in house.userinfo(tokens["access_token"]).get_json()


@pytest.mark.parametrize(
    "wider",
    [
        {"needs": [*LOAN["needs"], {"attribute": "phone_number"}]},
        {"needs": [*LOAN["needs"][:2], {"attribute": "marital_status", "essential": True}]},
        {"retention_days": 3650},
        {"purposes": {"zh": "其他", "en": "Something else"}},
    ],
)
def test_a_wider_version_asks_again_and_older_tokens_tell_no_more(
    house: House, asked: tuple[App, Browser], wider: dict[str, Any]
) -> None:
    app, browser = asked
    tokens = house.redeem(app, allow(house, browser, ask(house, browser, app))).get_json()
    again(house, **wider)
    page = ask(house, browser, app, ui_locales="en")
    assert "asks for something else" in page.text
    assert error_of(ask(house, browser, app, prompt="none")) == "consent_required"
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub", "name", "birthdate"}


def test_a_retired_item_releases_nothing_at_once(house: House, asked: tuple[App, Browser]) -> None:
    app, browser = asked
    tokens = house.redeem(app, allow(house, browser, ask(house, browser, app))).get_json()
    catalogue.retire(house.parts, "loan")
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub"}
    assert error_of(ask(house, browser, app)) == "invalid_scope"


def test_another_value_for_once_is_asked_each_time_and_gets_no_refresh(
    house: House, asked: tuple[App, Browser]
) -> None:
    app, browser = asked
    tokens = house.redeem(app, allow(house, browser, ask(house, browser, app), lasts="once", **TICKED)).get_json()
    assert "refresh_token" not in tokens and "marital_status" in house.userinfo(tokens["access_token"]).get_json()
    assert house.events("consent.given")[-1]["lasts"] == "once"
    assert 'id="consent-allow"' in ask(house, browser, app).text
    assert error_of(ask(house, browser, app, prompt="none")) == "consent_required"


@pytest.mark.parametrize("before", ["once", "year", "lasting", "withdrawn"])
def test_once_counts_once_again_whatever_was_allowed_before(
    house: House, asked: tuple[App, Browser], before: str
) -> None:
    """A yes for once that replaces another one, later, is no date in the past"""
    app, browser = asked
    first = "lasting" if before == "withdrawn" else before
    house.redeem(app, allow(house, browser, ask(house, browser, app), lasts=first, **TICKED))
    if before in ("withdrawn", "lasting", "year"):
        house.parts.store.commit([Update(Consent, {"client_id": app.id}, {"withdrawn_at": house.clock()})])
    for _ in range(2):
        house.clock.advance(61)
        tokens = house.redeem(app, allow(house, browser, ask(house, browser, app), lasts="once", **TICKED)).get_json()
        assert "marital_status" in house.userinfo(tokens["access_token"]).get_json()
        (row,) = house.parts.store.find(Consent)
        assert row.created_at == row.expires_at == house.clock()


def test_a_dated_consent_ends_on_its_day(any_house: House) -> None:
    house = any_house
    item(house)
    app, account = house.register(), house.citizen(claims=EVERYTHING)
    browser = house.signed_in(account)
    tokens = house.redeem(app, allow(house, browser, ask(house, browser, app), lasts="year")).get_json()
    (row,) = house.parts.store.find(Consent)
    assert row.expires_at == row.created_at + 365 * 86_400_000_000
    house.parts.store.commit([Update(Grant, {"client_id": app.id}, {"plan": _until(house, house.clock() + 5_000_000)})])
    assert house.userinfo(tokens["access_token"]).status_code == 200
    house.clock.advance(5)
    assert house.userinfo(tokens["access_token"]).status_code == 401
    assert house.introspect(app, tokens["access_token"]) == {"active": False}
    assert house.introspect(app, tokens["refresh_token"]) == {"active": False}
    assert house.refresh(app, tokens["refresh_token"]).get_json()["error"] == "invalid_grant"
    house.parts.store.commit([Update(Consent, {"client_id": app.id}, {"expires_at": house.clock()})])
    assert 'id="consent-allow"' in ask(house, browser, app).text


def _until(house: House, until: int) -> bytes:
    (grant,) = house.parts.store.find(Grant)
    assert grant.plan is not None
    return msgspec.json.encode({**msgspec.json.decode(grant.plan), "until": until})


def test_access_while_away_is_never_for_once(house: House, asked: tuple[App, Browser]) -> None:
    app, browser = asked
    page = ask(house, browser, app, scope="openid offline_access service:loan")
    assert 'value="once"' not in page.text
    shown = house.submit(browser, page, decision="allow", lasts="once")
    assert 'id="consent-allow"' in shown.text and house.parts.store.find(Consent) == []


# Refused --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "error", "reason"),
    [
        ({"scope": "openid service:nowhere"}, "invalid_scope", "item_unknown"),
        ({"scope": "openid service:"}, "invalid_scope", "item_unknown"),
        ({"scope": "openid service:waiting"}, "invalid_scope", "item_not_approved"),
        ({"scope": "openid service:theirs"}, "invalid_scope", "foreign_item"),
        ({"scope": "openid service:secret"}, "invalid_scope", "no_client_key"),
        ({"authorization_details": detail("nowhere")}, "invalid_authorization_details", "item_unknown"),
        ({"authorization_details": detail("theirs")}, "invalid_authorization_details", "foreign_item"),
        ({"authorization_details": detail("loan", "phone_number")}, "invalid_authorization_details", "not_in_item"),
        ({"authorization_details": detail("secret")}, "invalid_authorization_details", "no_client_key"),
    ],
)
def test_what_the_catalogue_does_not_allow(house: House, params: dict[str, str], error: str, reason: str) -> None:
    item(house)
    draft(house, {**LOAN, "code": "waiting"})
    item(house, {**LOAN, "code": "theirs", "department": "social"})
    receiver = house.register(**encrypting("ECDH-ES+A256KW", "userinfo"))
    item(house, {**LOAN, "code": "secret", "needs": [{"attribute": "national_id", "essential": True}]})
    app, browser = house.register(), house.signed_in(house.citizen())
    answer = house.authorize(browser, app, **{"scope": "openid", **params})
    assert error_of(answer) == error and receiver.id != app.id
    (line,) = house.parts.store.find(ClientRefusal)
    assert (line.code, line.reason) == (error, reason) and f":{reason}" in line.registered
    assert house.parts.store.find(Consent) == []


def test_an_optional_sensitive_attribute_is_left_out(house: House) -> None:
    """DESIGN §7: never in the clear; what the service can do without is left out."""
    needs = [{"attribute": "name", "essential": True}, {"attribute": "national_id"}]
    house.register(**encrypting("ECDH-ES+A256KW", "userinfo"))
    item(house, {**LOAN, "needs": needs})
    app = house.register()
    browser = house.signed_in(house.citizen(claims={**CLAIMS, "national_id": "11010519491231002X"}))
    page = ask(house, browser, app)
    assert "national_id" not in page.text
    tokens = house.redeem(app, allow(house, browser, page, **{"allow/loan/national_id": "1"})).get_json()
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub", "name"}


def test_an_item_that_is_retired_while_its_page_is_open(house: House, asked: tuple[App, Browser]) -> None:
    app, browser = asked
    page = ask(house, browser, app)
    catalogue.retire(house.parts, "loan")
    answer = house.submit(browser, page, decision="allow")
    assert error_of(answer) == "invalid_scope" and house.parts.store.find(Grant) == []


def test_a_request_without_items_keeps_no_plan(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen())
    tokens = house.redeem(app, house.code(browser, app)).get_json()
    (grant,) = house.parts.store.find(Grant)
    assert grant.plan is None and "authorization_details" not in tokens
    assert "authorization_details" not in claims_of(tokens["access_token"])


def test_details_are_not_for_the_token_endpoint(house: House, asked: tuple[App, Browser]) -> None:
    """RFC 9396 §6 is not offered; narrowing unsaid would give more than was asked for."""
    app, browser = asked
    code = allow(house, browser, ask(house, browser, app))
    answer = house.redeem(app, code, authorization_details=detail())
    assert answer.get_json()["error"] == "invalid_authorization_details"
    assert house.redeem(app, code).status_code == 200


def test_registered_types(house: House) -> None:
    """RFC 9396 §10."""
    assert house.request("GET", "/.well-known/openid-configuration").get_json()[
        "authorization_details_types_supported"
    ] == ["service_item"]
    app = house.register(authorization_details_types=["service_item"])
    assert app.client.authorization_details_types == ("service_item",)
    from clients.errors import ClientError

    with pytest.raises(ClientError):
        house.register(authorization_details_types=["payment"])


def test_claims_that_are_dropped_stand_in_the_developers_list(house: House) -> None:
    """OIDC Core §5.5.1: no error; the developer sees it once a minute."""
    app, browser = house.register(scope="openid email"), house.signed_in(house.citizen())
    for _ in range(3):
        page = house.authorize(browser, app, claims='{"userinfo":{"email":null,"name":null,"<b>李伟":null}}')
        assert 'id="consent-allow"' in page.text
    (line,) = house.parts.store.find(ClientRefusal)
    assert (line.code, line.reason, line.received) == ("dropped", "claims_not_registered", "?b??? name")
