"""Verified claims on their way: asked for, shown, allowed, told in both places, recorded (OpenID Connect for Identity Assurance 1.0)."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from werkzeug.test import Client as Browser

from idp.cli import main
from idp.flows import catalogue
from idp.flows.sequencer import catch_up, log_signer
from idp.ports import Update
from idp.records import Attribute, ClientRefusal, Consent, Grant
from idp.release.model import AttributeKind
from tests.faults.ground import environment
from tests.journeys.test_history import HANDLE
from tests.journeys.test_service_items import allow
from tests.kit.catalogue import LOAN, item
from tests.kit.house import CLAIMS, App, House, claims_of
from tests.kit.sealed import EC, document, encrypting, nested

ID = "11010519491231002X"
KNOWN = {**CLAIMS, "national_id": ID, "marital_status": "married"}


def wanted(*names: str, **verification: Any) -> dict[str, Any]:
    return {"verification": {"trust_framework": None, **verification}, "claims": dict.fromkeys(names)}


def both(asked: Any) -> str:
    return json.dumps({"id_token": {"verified_claims": asked}, "userinfo": {"verified_claims": asked}})


def framework(house: House) -> str:
    return f"{house.config.issuer}/trust-framework"


def self_stated(house: House, code: str) -> None:
    house.parts.store.commit([Update(Attribute, {"code": code}, {"source": "self"})])


@pytest.fixture
def signed_in(house: House) -> Browser:
    return house.signed_in(house.citizen(claims=KNOWN, source="police"))


def test_told_in_both_places_and_recorded(any_house: House) -> None:
    house = any_house
    app, browser = house.register(), house.signed_in(house.citizen(claims=KNOWN, source="police"))
    record = {"type": {"value": "electronic_record"}, "record": {"type": None, "source": {"name": None}}}
    claims = both(wanted("name", "birthdate", time=None, evidence=[record]))
    page = house.authorize(browser, app, scope="openid", claims=claims)
    assert "公安机关" in page.text or "household register" in page.text or "户籍" in page.text
    tokens = house.redeem(app, allow(house, browser, page)).get_json()
    told = house.userinfo(tokens["access_token"]).get_json()
    assert set(told) == {"sub", "verified_claims"}, "what is asked for as verified alone is not told otherwise"
    verification = told["verified_claims"]["verification"]
    assert verification["trust_framework"] == framework(house)
    assert verification["time"].endswith("T00:00Z")
    assert verification["evidence"] == [
        {"type": "electronic_record", "record": {"type": "population_register", "source": {"name": "公安机关"}}}
    ]
    assert told["verified_claims"]["claims"] == {"name": CLAIMS["name"], "birthdate": CLAIMS["birthdate"]}
    assert claims_of(tokens["id_token"])["verified_claims"] == told["verified_claims"]
    released = house.events("attributes.released")
    assert [e["via"] for e in released] == ["id_token", "userinfo"]
    assert all(set(e["claims"]) == set(e["verified"]) == {"name", "birthdate"} for e in released)
    (given,) = house.events("consent.given")
    assert given["verified"] == ["birthdate", "name"] == given["claims"]
    refreshed = house.refresh(app, tokens["refresh_token"]).get_json()
    assert "verified_claims" not in claims_of(refreshed["id_token"])


def test_plain_and_verified_stand_beside_each_other(house: House, signed_in: Browser) -> None:
    app = house.register()
    claims = json.dumps(
        {"userinfo": {"name": None, "verified_claims": [wanted("name"), wanted("birthdate"), wanted("ghost")]}}
    )
    tokens = house.redeem(app, house.code(signed_in, app, scope="openid", claims=claims)).get_json()
    told = house.userinfo(tokens["access_token"]).get_json()
    assert told["name"] == CLAIMS["name"] and "birthdate" not in told
    assert [element["claims"] for element in told["verified_claims"]] == [
        {"name": CLAIMS["name"]},
        {"birthdate": CLAIMS["birthdate"]},
    ]
    assert "verified_claims" not in claims_of(tokens["id_token"])


def test_what_citizens_say_of_themselves_is_never_verified(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen(claims=KNOWN, source="staff"))
    self_stated(house, "name")
    claims = json.dumps(
        {"userinfo": {"birthdate": None, "verified_claims": wanted("name", "email", "birthdate", time=None)}}
    )
    page = house.authorize(browser, app, scope="openid", claims=claims, ui_locales="en")
    assert 'id="unconfirmed"' in page.text and "which they are not" in page.text
    tokens = house.redeem(app, allow(house, browser, page)).get_json()
    told = house.userinfo(tokens["access_token"]).get_json()
    assert told["verified_claims"]["claims"] == {"email": CLAIMS["email"], "birthdate": CLAIMS["birthdate"]}
    assert "name" not in told
    self_stated(house, "birthdate")
    told = house.userinfo(tokens["access_token"]).get_json()
    assert told["verified_claims"]["claims"] == {"email": CLAIMS["email"]}
    assert told["birthdate"] == CLAIMS["birthdate"], "asked for plainly, it is told plainly"


def test_a_staff_entry_has_no_evidence_and_another_source_is_a_register_of_the_framework(house: House) -> None:
    app = house.register()
    asked = wanted("name", evidence=[{"type": {"value": "electronic_record"}, "record": {"source": {"name": None}}}])
    for source, known in (("staff", False), ("大学", True)):
        browser = house.signed_in(house.citizen(f"{known}.wei", claims=KNOWN, source=source))
        claims = json.dumps({"userinfo": {"verified_claims": asked}})
        tokens = house.redeem(app, house.code(browser, app, scope="openid", claims=claims)).get_json()
        told = house.userinfo(tokens["access_token"]).get_json()
        assert ("verified_claims" in told) is known
    (entry,) = told["verified_claims"]["verification"]["evidence"]
    assert entry["record"] == {"type": f"{framework(house)}/register", "source": {"name": "大学"}}


def test_a_new_wish_for_proof_asks_again(house: House, signed_in: Browser) -> None:
    app = house.register()
    house.code(signed_in, app, scope="openid", claims='{"userinfo":{"name":null}}')
    page = house.authorize(signed_in, app, scope="openid", claims='{"userinfo":{"name":null}}')
    assert page.status_code == 303
    claims = json.dumps({"userinfo": {"verified_claims": wanted("name")}})
    page = house.authorize(signed_in, app, scope="openid", claims=claims)
    assert 'id="consent-allow"' in page.text
    allow(house, signed_in, page)
    assert house.authorize(signed_in, app, scope="openid", claims=claims).status_code == 303
    assert house.authorize(signed_in, app, scope="openid", claims='{"userinfo":{"name":null}}').status_code == 303


def test_values_are_kept_sealed_and_count(house: House, signed_in: Browser) -> None:
    """A value that a claim does not have leaves the claim out (§5.7.3); what was typed stands nowhere in the clear."""
    app = house.register()
    asked = wanted()
    asked["claims"] = {"name": {"value": "欧阳不对"}, "birthdate": {"value": CLAIMS["birthdate"]}}
    claims = json.dumps({"userinfo": {"verified_claims": asked}})
    tokens = house.redeem(app, house.code(signed_in, app, scope="openid", claims=claims)).get_json()
    assert house.userinfo(tokens["access_token"]).get_json()["verified_claims"]["claims"] == {
        "birthdate": CLAIMS["birthdate"]
    }
    (grant,) = house.parts.store.find(Grant)
    assert grant.claims is not None
    assert "欧阳".encode() not in grant.claims and CLAIMS["birthdate"].encode() not in grant.claims
    assert "sealed" in msgspec.json.decode(grant.claims)
    moved = msgspec.json.decode(grant.claims)
    moved["sealed"] = moved["sealed"][:-8] + "AAAAAAA="
    house.parts.store.commit([Update(Grant, {"id": grant.id}, {"claims": msgspec.json.encode(moved)})])
    assert house.userinfo(tokens["access_token"]).status_code in (400, 500, 503)
    assert house.events("seal.failed")


# Service items ----------------------------------------------------------------------------------------------------------------------------


NEEDS = [{"attribute": "name", "essential": True}, {"attribute": "national_id"}, {"attribute": "age_over_18"}]
SCOPE = "openid service:loan"
ASKED = wanted("name", "national_id", "age_over_18", "marital_status", time=None)


def test_attributes_of_items_only_as_the_citizen_chose(house: House) -> None:
    app = house.register(**encrypting("ECDH-ES+A256KW", "userinfo", "id_token"))
    item(house, {**LOAN, "needs": NEEDS})
    browser = house.signed_in(house.citizen(claims=KNOWN, source="police"))
    page = house.authorize(browser, app, scope=SCOPE, claims=both(ASKED))
    tokens = house.redeem(app, allow(house, browser, page, **{"allow/loan/age_over_18": "1"})).get_json()
    told = document(house.userinfo(tokens["access_token"]).text, EC)
    assert told["verified_claims"]["claims"] == {"name": CLAIMS["name"], "age_over_18": True}
    assert "national_id" not in told and "marital_status" not in told
    page = house.authorize(browser, app, scope=SCOPE, claims=both(ASKED), prompt="consent")
    tokens = house.redeem(app, allow(house, browser, page, **{"allow/loan/national_id": "1"})).get_json()
    told = document(house.userinfo(tokens["access_token"]).text, EC)
    assert told["verified_claims"]["claims"] == {"name": CLAIMS["name"], "national_id": ID}
    inside = nested(house.parts, tokens["id_token"], EC)
    assert inside["verified_claims"] == told["verified_claims"] and "national_id" not in inside
    last = house.events("attributes.released")[-1]
    assert last["items"] == [{"code": "loan", "version": 1, "attributes": ["name", "national_id"]}]


def test_sensitive_only_inside_a_jwe(house: House) -> None:
    """The ID token of a client that registered encryption for UserInfo alone holds nothing sensitive (DESIGN §7)."""
    app = house.register(**encrypting("ECDH-ES+A256KW", "userinfo"))
    item(house, {**LOAN, "needs": NEEDS})
    browser = house.signed_in(house.citizen(claims=KNOWN, source="police"))
    page = house.authorize(browser, app, scope=SCOPE, claims=both(ASKED))
    tokens = house.redeem(app, allow(house, browser, page, **{"allow/loan/national_id": "1"})).get_json()
    assert claims_of(tokens["id_token"])["verified_claims"]["claims"] == {"name": CLAIMS["name"]}
    assert ID not in json.dumps(claims_of(tokens["id_token"]))
    assert document(house.userinfo(tokens["access_token"]).text, EC)["verified_claims"]["claims"]["national_id"] == ID
    (event,) = house.events("attributes.withheld")
    assert (event["via"], event["claims"]) == ("id_token", ["national_id"])
    assert {r.reason for r in house.parts.store.find(ClientRefusal)} >= {"no_client_key"}


# What is told about it --------------------------------------------------------------------------------------------------------------------


def test_discovery_lists_what_may_be_told_and_an_added_attribute(house: House) -> None:
    def stated() -> dict[str, Any]:
        return dict(house.request("GET", "/.well-known/openid-configuration").get_json())

    before = stated()
    assert before["trust_frameworks_supported"] == [framework(house)]
    assert before["evidence_supported"] == ["electronic_record"]
    assert set(before["electronic_records_supported"]) >= {"population_register", "social_security"}
    assert {"name", "national_id", "age_over_18"} <= set(before["claims_in_verified_claims_supported"])
    assert not {"updated_at", "email_verified"} & set(before["claims_in_verified_claims_supported"])
    kind = AttributeKind(code="degree", claim="degree", names={"zh": "学位", "en": "Degree"})
    catalogue.extend(house.parts, [kind])
    assert set(stated()["claims_in_verified_claims_supported"]) - set(
        before["claims_in_verified_claims_supported"]
    ) == {"degree"}


def test_the_frameworks_name_is_an_address_that_says_what_it_means(house: House) -> None:
    """For people in both languages, for programs as discovery has it; a register without a common name too."""
    stated = house.request("GET", "/.well-known/openid-configuration").get_json()
    (name,) = stated["trust_frameworks_supported"]
    path = name.removeprefix(house.config.issuer)
    for lang, words in {
        "en": ("population_register", "Never told as confirmed"),
        "zh-Hans": ("从不作为已确认的内容告知", name),
    }.items():
        page = house.request("GET", f"{path}?lang={lang}")
        assert page.status_code == 200 and all(word in page.text for word in words)
    told = house.request("GET", path, headers={"Accept": "application/json"}).get_json()
    assert told == house.request("GET", f"{path}.json").get_json()
    assert (told["trust_framework"], [told["evidence"]]) == (name, stated["evidence_supported"])
    assert told["claims"] == stated["claims_in_verified_claims_supported"]
    records = [*(one["record_type"] for one in told["registers"]), told["record_type_of_other_registers"]]
    assert records == stated["electronic_records_supported"]
    assert house.request("GET", records[-1].removeprefix(house.config.issuer)).status_code == 200


def test_the_framework_has_the_operators_name(make_house: Callable[..., House]) -> None:
    house = make_house(trust_framework="urn:cn:example:real-name")
    app, browser = house.register(), house.signed_in(house.citizen(claims=KNOWN))
    asked = wanted("name")
    asked["verification"]["trust_framework"] = {"value": "urn:cn:example:real-name"}
    claims = json.dumps({"userinfo": {"verified_claims": asked}})
    tokens = house.redeem(app, house.code(browser, app, scope="openid", claims=claims)).get_json()
    told = house.userinfo(tokens["access_token"]).get_json()["verified_claims"]
    assert told["verification"] == {"trust_framework": "urn:cn:example:real-name"}


def test_history_and_receipt_say_it(house: House) -> None:
    app, browser = house.register(), house.signed_in(house.citizen(claims=KNOWN, source="police"))
    claims = json.dumps({"userinfo": {"email": None, "verified_claims": wanted("name")}})
    tokens = house.redeem(app, house.code(browser, app, scope="openid", claims=claims)).get_json()
    house.userinfo(tokens["access_token"])
    catch_up(house.parts, log_signer(house.parts), house.clock())
    base = {"base_url": house.config.issuer}
    first = HANDLE.findall(browser.get("/account/history", **base).text)[0]
    page = browser.get(f"/account/history/{first}", headers={"Accept-Language": "en"}, **base).text
    assert "With who stands for it and since when" in page or "一并告知核实来源与日期" in page
    record = browser.get(f"/account/history/{first}/receipt.json", **base).get_json()["claims"]["record"]
    assert record["event"]["verified"] == ["name"]
    (purpose,) = record["pii_processing"]["purposes"]
    assert {told["pii_type"] for told in purpose["pii_information"]} == {"email", "name"}


def test_the_developer_sees_the_plan_and_what_can_not_be_met(house: House, signed_in: Browser) -> None:
    app = house.register(scope="openid profile")
    item(house, {**LOAN, "needs": NEEDS[2:]})
    unmet = wanted("name", assurance_level={"value": "high"})
    claims = json.dumps({"userinfo": {"verified_claims": [wanted("name", "email", "age_over_18"), unmet]}})
    query = f"scope={SCOPE}&claims={claims}"
    done = CliRunner().invoke(main, ["release", "explain", app.id, query, "--json"], env=environment(house.config))
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    lines = {
        (line["item"], line["attribute"]): line["verified"] for line in found["lines"] if line["outcome"] == "release"
    }
    assert lines == {("loan", "age_over_18"): "also", ("standard-login", "name"): "only"}
    left = [(line["item"], line["attribute"], line["why"]) for line in found["lines"] if line["outcome"] == "withhold"]
    assert left == [("standard-login", "email", "not_registered"), ("-", "verified_claims", "verification_unknown")]
    assert found["dropped"] == ["email", "verified_claims"]
    house.authorize(signed_in, app, scope=SCOPE, claims=claims)
    (told,) = house.parts.store.find(ClientRefusal)
    assert told.received == "email verified_claims"
    assert told.registered.endswith("(email:not_registered verified_claims:verification_unknown)")


def asks(house: House, browser: Browser, app: App, asked: Any) -> dict[str, Any]:
    """What UserInfo tells after everything was allowed."""
    claims = json.dumps({"userinfo": {"verified_claims": asked}})
    tokens = house.redeem(app, house.code(browser, app, scope="openid", claims=claims)).get_json()
    return dict(house.userinfo(tokens["access_token"]).get_json())


def test_what_is_not_met_is_no_error_and_tells_nothing(house: House, signed_in: Browser) -> None:
    app = house.register()
    for verification in ({"trust_framework": {"value": "eidas"}}, {"assurance_level": {"value": "high"}}):
        told = asks(house, signed_in, app, wanted("name", **verification))
        assert set(told) == {"sub"}
    house.clock.advance(3 * 86_400)
    browser = house.signed_in(house.parts.store.find(Consent)[0].account_id)
    assert set(asks(house, browser, app, wanted("name", time={"max_age": 86_400}))) == {"sub"}
    assert "verified_claims" in asks(house, browser, app, wanted("name", time={"max_age": 10 * 86_400}))
    assert len(house.events("attributes.released")) == 1


def test_what_an_item_may_be_given_plainly_is_still_the_citizens_choice(house: House) -> None:
    """Asked for by the client itself as verified alone, and as optional by an item: one stands for nothing of the other."""
    item(house, {**LOAN, "needs": [{"attribute": "name"}]})
    app, browser = house.register(), house.signed_in(house.citizen(claims=KNOWN, source="self"))
    claims = json.dumps({"userinfo": {"verified_claims": wanted("name")}})
    page = house.authorize(browser, app, scope=SCOPE, claims=claims)
    assert 'name="allow/loan/name"' in page.text
    tokens = house.redeem(app, allow(house, browser, page, **{"allow/loan/name": "1"})).get_json()
    assert house.userinfo(tokens["access_token"]).get_json().keys() == {"sub", "name"}
