"""Attacks on requests for service items, and on the consent that they rest on."""

import json
import threading
from typing import Any

import msgspec
import pytest
from werkzeug.test import Client as Browser
from werkzeug.test import TestResponse

from clients.errors import ClientError
from idp.errors import Refusal
from idp.flows import client_rows, sessions
from idp.flows.provision import add_department
from idp.ports import Insert, Update
from idp.records import ClientRow, Consent, Department, Grant
from tests.attacks.authorize_ground import answer, rows
from tests.clients.test_visible import BLANK
from tests.journeys.test_service_items import EVERYTHING, TICKED, allow, ask, detail
from tests.kit.catalogue import BY_LAW, LOAN, item
from tests.kit.house import App, Form, House, claims_of


@pytest.fixture
def asked(house: House) -> tuple[App, Browser, bytes]:
    item(house)
    account = house.citizen(claims=EVERYTHING)
    return house.register(), house.signed_in(account), account


def post(house: House, browser: Browser, form: dict[str, str], **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return browser.post("/consent", data=form, base_url=house.config.issuer, headers=named)


@pytest.mark.attack("A017")
@pytest.mark.parametrize(
    ("scope", "error"),
    [
        ("openid " + " ".join(f"service:i{n}" for n in range(20_000)), "invalid_request"),
        ("openid " + " ".join(f"service:i{n}" for n in range(100)), "invalid_request"),
        ("openid " + " ".join(f"service:i{n}" for n in range(21)), "invalid_scope"),
        ("openid " + " ".join(f"service:i{n}" for n in range(20)), "invalid_scope"),
        ("openid service:" + "a" * 5000, "invalid_request"),
        ("openid service:" + "a" * 3000, "invalid_scope"),
        ("openid service:../../etc", "invalid_scope"),
        ("openid service:loan'--", "invalid_scope"),
        ("openid service:LOAN", "invalid_scope"),
        ("openid service:standard-login", "invalid_scope"),
        ("openid Service:loan service:", "invalid_scope"),
    ],
)
def test_scopes_beyond_the_catalogue(house: House, asked: tuple[App, Browser, bytes], scope: str, error: str) -> None:
    """RFC 6749 §3.3: bounded, and nothing that the catalogue does not hold."""
    app, browser, _ = asked
    found = ask(house, browser, app, scope=scope)
    assert (found.status_code == 400 and error in found.text) or answer(found)["error"] == error
    assert house.parts.store.find(Consent) == [] and house.parts.store.find(Grant) == []


@pytest.mark.attack("A017")
def test_a_scope_that_comes_twice_counts_once(house: House, asked: tuple[App, Browser, bytes]) -> None:
    """RFC 6749 §3.3: a set."""
    app, browser, _ = asked
    page = ask(house, browser, app, scope="openid service:loan service:loan openid")
    assert page.text.count('name="allow/loan/marital_status"') == 1


@pytest.mark.attack("A082")
@pytest.mark.parametrize(
    "text",
    [
        detail("loan", "phone_number"),
        detail("loan", "national_id"),
        detail("loan", "sub"),
        detail("loan", privileges=["all"]),
        json.dumps([{"type": "service_item", "item": "loan"}, {"type": "admin"}]),
        '[{"type":"service_item","item":"loan","attributes":["name"],"attributes":["name","email"]}]',
    ],
    ids=range(6),
)
def test_details_beyond_the_catalogue(house: House, asked: tuple[App, Browser, bytes], text: str) -> None:
    """RFC 9396 §5: refused whole, and nothing of it granted."""
    app, browser, _ = asked
    found = answer(ask(house, browser, app, scope="openid", authorization_details=text))
    assert (found["error"], found["state"], found["iss"]) == (
        "invalid_authorization_details", "a-state", house.config.issuer,
    )  # fmt: skip
    assert house.parts.store.find(Consent) == [] and house.parts.store.find(Grant) == []


@pytest.mark.attack("A082")
def test_huge_details_and_details_twice(house: House, asked: tuple[App, Browser, bytes]) -> None:
    """RFC 6749 §3.1: bounded, and never two."""
    app, browser, _ = asked
    huge = ask(house, browser, app, authorization_details="[" + " " * 20_000 + "]")
    assert huge.status_code == 400 or answer(huge)["error"] == "invalid_request"
    twice = browser.get(
        f"/authorize?response_type=code&client_id={app.id}&redirect_uri={app.client.redirect_uris[0]}&scope=openid"
        "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        "&authorization_details=[]&authorization_details=[]",
        base_url=house.config.issuer,
    )
    assert answer(twice)["error"] == "invalid_request"


@pytest.mark.attack("A082")
def test_claims_do_not_open_what_items_hold(house: House, asked: tuple[App, Browser, bytes]) -> None:
    """A claim of an item is told for the item alone: asked beside it, unticked or in the ID token, it stays (OIDC Core §5.5)."""
    app, browser, _ = asked
    wild = json.dumps(
        {
            "userinfo": {"marital_status": {"essential": True}, "national_id": None, "age_over_18": None},
            "id_token": {"marital_status": {"essential": True}},
        }
    )
    tokens = house.redeem(app, allow(house, browser, ask(house, browser, app, claims=wild))).get_json()
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub", "name", "birthdate"}
    assert "marital_status" not in claims_of(tokens["id_token"])


@pytest.mark.attack("A082", "A083")
def test_an_item_of_another_department_stays_there(house: House, asked: tuple[App, Browser, bytes]) -> None:
    """A client that moved keeps nothing of what it was allowed for another department's item (DESIGN §7)."""
    app, browser, _ = asked
    tokens = house.redeem(app, allow(house, browser, ask(house, browser, app), **TICKED)).get_json()
    assert "marital_status" in house.userinfo(tokens["access_token"]).get_json()
    row = house.parts.store.one(ClientRow, client_id=app.id)
    assert row is not None
    house.department("social")
    moved = msgspec.structs.replace(app.client, department_id="social")
    house.parts.store.commit(client_rows.change(moved, row.version, house.clock()))
    house.clock.advance(1)
    assert set(house.userinfo(tokens["access_token"]).get_json()) == {"sub"}


@pytest.mark.attack("A083")
def test_details_say_nothing_of_the_citizen(house: House) -> None:
    """Two citizens who chose alike have the same ``authorization_details``, whatever is on record; another client sees none (RFC 9396 §9)."""
    item(house)
    app, other = house.register(), house.register("social")
    told = []
    for name, claims in (("a.a", EVERYTHING), ("b.b", {"name": "张敏"})):
        browser = house.signed_in(house.citizen(name, claims=claims))
        tokens = house.redeem(app, allow(house, browser, ask(house, browser, app))).get_json()
        told.append(
            (tokens["authorization_details"], house.introspect(app, tokens["access_token"])["authorization_details"])
        )
        assert house.introspect(other, tokens["access_token"]) == {"active": False}
    assert told[0] == told[1]


# The page -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("A086")
@pytest.mark.parametrize("change", [{"proof": "x"}, {"seen": "0" * 64}, {"handle": "x"}])
def test_a_form_for_an_item_that_we_did_not_make(
    house: House, asked: tuple[App, Browser, bytes], change: dict[str, str]
) -> None:
    """RFC 9700 §4.7."""
    app, browser, _ = asked
    form = {**Form.of(ask(house, browser, app).text).hidden, "decision": "allow", **TICKED}
    before = rows(house)
    assert post(house, browser, {**form, **change}).status_code in (400, 403)
    assert post(house, browser, form, Sec_Fetch_Site="cross-site").status_code == 403
    assert rows(house) == before


def other_version(house: House, app: App, account: bytes) -> None:
    item(house, LOAN, purposes={"zh": "其他", "en": "Something else"})


def other_value(house: House, app: App, account: bytes) -> None:
    citizen = house.parts.vault.citizen(account)
    changed = citizen.seal_claim("marital_status", "single", 2, "self", house.clock() + 1)
    house.parts.store.commit([Insert(changed, on_conflict="replace")])


def other_client(house: House, app: App, account: bytes) -> None:
    row = house.parts.store.one(ClientRow, client_id=app.id)
    assert row is not None
    renamed = msgspec.structs.replace(app.client, client_name="Another name")
    house.parts.store.commit(client_rows.change(renamed, row.version, house.clock()))
    house.clock.advance(1)


@pytest.mark.attack("A086", "A094")
@pytest.mark.parametrize("changed", [other_version, other_value, other_client])
def test_what_changed_between_showing_and_allowing_is_shown_again(
    house: House, asked: tuple[App, Browser, bytes], changed: Any
) -> None:
    """A yes is a yes to what was on the screen (GDPR Art. 4(11), PIPL Art. 14)."""
    app, browser, account = asked
    page = ask(house, browser, app)
    changed(house, app, account)
    shown = house.submit(browser, page, decision="allow", **TICKED)
    assert 'id="consent-allow"' in shown.text and house.parts.store.find(Consent) == []
    assert house.redeem(app, allow(house, browser, shown, **TICKED)).status_code == 200


@pytest.mark.attack("A090")
def test_a_public_client_is_asked_each_time(house: House) -> None:
    """RFC 8252 §8.6, OWASP ASVS 10.7.1: whoever can take its redirect gets nothing from an earlier yes, not even what the law orders."""
    item(house)
    item(house, BY_LAW)
    app = house.public(application_type="native", redirect_uris=["example.tax.app:/cb"])
    browser = house.signed_in(house.citizen(claims=EVERYTHING))
    for scope in ("openid service:loan", "openid service:duty"):
        for _ in range(2):
            page = ask(house, browser, app, scope=scope)
            assert 'id="consent-allow"' in page.text and 'name="lasts"' not in page.text
            assert "code=" in house.submit(browser, page, decision="allow").headers["Location"]
        assert "consent_required" in ask(house, browser, app, scope=scope, prompt="none").headers["Location"]


@pytest.mark.attack("A094")
def test_allowing_twice_makes_one_consent_and_one_code(any_house: House) -> None:
    """Double clicks with different ticks: one of them counts, one grant (RFC 6749 §4.1.2)."""
    house = any_house
    item(house)
    app, browser = house.register(), house.signed_in(house.citizen(claims=EVERYTHING))
    form = {**Form.of(ask(house, browser, app).text).hidden, "decision": "allow"}
    cookies = "; ".join(f"{c.key}={c.value}" for c in browser._cookies.values())
    barrier, found = threading.Barrier(4), list[int]()

    def click(more: dict[str, str]) -> None:
        barrier.wait()
        sent = house.request("POST", "/consent", data={**form, **more}, headers={"Cookie": cookies})
        found.append(sent.status_code)

    threads = [threading.Thread(target=click, args=(m,)) for m in ({}, TICKED, {}, TICKED)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {303}
    path = "/authorize/" + form["handle"]
    first = browser.get(path, base_url=house.config.issuer)
    assert "code=" in first.headers["Location"] and len(house.parts.store.find(Grant)) == 1
    assert "Location" not in browser.get(path, base_url=house.config.issuer).headers
    assert house.parts.store.count(Consent) == 1


@pytest.mark.attack("A096")
def test_withdrawal_ends_what_an_item_tells(any_house: House) -> None:
    """Code, access and refresh token of a withdrawn consent are dead, and the next request asks (OWASP ASVS 10.7.3)."""
    from idp.flows import account as own
    from idp.flows import people

    house = any_house
    item(house)
    app, account = house.register(), house.citizen(claims=EVERYTHING)
    browser = house.signed_in(account)
    tokens = house.redeem(app, allow(house, browser, ask(house, browser, app), **TICKED)).get_json()
    code = answer(ask(house, browser, app))["code"]
    person = people.load(house.parts, account)
    assert person is not None and sessions.living(house.parts, account, house.clock())
    (service,) = own.services(house.parts, person)
    assert {"marital_status", "name", "birthdate"} == {*service.sees, *service.lawful}
    caller = people.Caller(browser=b"b", remote="", device="", reference="r", now=house.clock())
    assert own.withdraw(house.parts, caller, person, service.reference)
    assert house.redeem(app, code).get_json()["error"] == "invalid_grant"
    assert house.userinfo(tokens["access_token"]).status_code == 401
    assert house.refresh(app, tokens["refresh_token"]).get_json()["error"] == "invalid_grant"
    assert 'id="consent-allow"' in ask(house, browser, app).text


@pytest.mark.attack("A096")
def test_an_earlier_yes_is_not_made_to_last_longer(house: House, asked: tuple[App, Browser, bytes]) -> None:
    """A yes for once, or for a year, lends nothing to a later one that lasts (PIPL Art. 14)."""
    app, browser, _ = asked
    allow(house, browser, ask(house, browser, app, scope="openid email service:loan"), lasts="once", **TICKED)
    allow(house, browser, ask(house, browser, app, scope="openid phone"))
    (row,) = house.parts.store.find(Consent)
    document = msgspec.json.decode(row.document)
    assert document["scope"] == ["openid", "phone"] and "items" not in document
    assert 'id="consent-allow"' in ask(house, browser, app).text


@pytest.mark.attack("A095")
def test_a_tick_for_another_citizens_form(house: House, asked: tuple[App, Browser, bytes]) -> None:
    """What was shown to one citizen is no yes of another's in the same browser (DESIGN §7)."""
    app, browser, _ = asked
    form = {**Form.of(ask(house, browser, app).text).hidden, "decision": "allow", **TICKED}
    second = house.signed_in(house.citizen("second", claims=EVERYTHING))
    taken = post(house, second, form)
    assert taken.status_code in (400, 403) and house.parts.store.find(Consent) == []


@pytest.mark.attack("A091")
@pytest.mark.parametrize("char", BLANK, ids=ascii)
def test_no_name_is_blank_to_the_eye(house: House, char: str) -> None:
    """Clients, departments and items show themselves by letters that are seen, and hide none between them (UTS 39 §2; Unicode §5.21)."""
    house.department()
    for name in (char, f"税务{char}局"):
        with pytest.raises(ClientError) as unreadable:
            house.register(client_name=name)
        assert unreadable.value.reason == "text_characters"
        with pytest.raises(Refusal) as unclear:
            item(house, LOAN, titles={"zh": name, "en": "Loan"})
        assert unclear.value.reason == "catalogue_entry"
        for names in ({"name_zh": name, "name_en": "Bureau"}, {"name_zh": "局", "name_en": name}):
            with pytest.raises(Refusal) as refused:
                add_department(house.parts, **names, credit_code="11330000MB0000019E", region="330000", level="city")
            assert refused.value.reason == "department_names"


@pytest.mark.attack("A091")
def test_names_of_departments_are_text(house: House, asked: tuple[App, Browser, bytes]) -> None:
    """Escaped wherever a service item is shown (OWASP ASVS 1.2.1)."""
    wild = "<script>alert(1)</script>"
    house.parts.store.commit([Update(Department, {"id": "tax"}, {"name_en": wild, "name_zh": wild})])
    app, browser, _ = asked
    item(house, LOAN, titles={"zh": wild, "en": wild}, purposes={"zh": wild, "en": wild})
    for text in (
        ask(house, browser, app).text,
        house.request("GET", "/services").text,
        house.request("GET", "/services/loan").text,
    ):
        assert wild not in text and "&lt;script&gt;alert" in text
