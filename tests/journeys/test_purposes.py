"""What something was told for: items as they were published, each attribute with its basis in law."""

import msgspec
import pytest

from idp.caches import CATALOGUE, bump
from idp.flows.purposes import purposes
from idp.ports import Committed, Insert
from idp.records import AttributeRow, ServiceItemRow
from idp.release.model import AttributeKind, Need, ServiceItem
from idp.release.receipts import SIGN_IN
from idp.release.told import Told, ToldItem
from tests.journeys.test_history import citizen, lines, sequenced
from tests.journeys.test_service_items import allow, ask
from tests.kit.catalogue import BY_LAW, item
from tests.kit.house import CLAIMS, House
from tests.kit.person import PASSWORD, Person

LAWS = {"en": "Regulations on the Housing Fund, article 24", "zh-Hans": "第二十四条"}
WHY = {"en": "Some of it the law orders, the rest you authorized", "zh-Hans": "部分依照法律规定"}
MARRIED = {"en": "Marital status", "zh-Hans": "婚姻状况"}

LAW = {"zh": "《个人所得税法》第十一条", "en": "Individual Income Tax Law art. 11"}
PURPOSES = {"zh": "办理汇算清缴", "en": "Annual settlement"}


def told(*items: ToldItem, kind: str = "attributes.released", claims: tuple[str, ...] = ()) -> Told:
    return Told(event_id="00", at=1, kind=kind, client_id="c", claims=claims, items=items)


@pytest.fixture
def published(house: House) -> House:
    needs = (
        Need(attribute="name", essential=True, basis="statutory", citation=LAW),
        Need(attribute="tax_number", essential=True, basis="statutory", citation=LAW),
        Need(attribute="phone_number"),
    )
    item = ServiceItem(
        code="settle",
        version=2,
        department_id="tax",
        titles=PURPOSES,
        purposes=PURPOSES,
        needs=needs,
        retention_days=30,
    )
    house.department()
    row = ServiceItemRow("settle", 2, "tax", "approved", msgspec.json.encode(item), 1, 1, "cli")
    kind = AttributeKind(code="tax_number", claim="tin", names={"zh": "税号", "en": "Tax number"})
    kept = AttributeRow("tax_number", msgspec.json.encode(kind), 1, 1)
    assert isinstance(house.parts.store.commit([Insert(row), Insert(kept), *bump(CATALOGUE)]), Committed)
    house.parts.generations.reread()
    return house


def test_each_attribute_has_the_basis_of_its_item(published: House) -> None:
    """DESIGN §7: consent or statutory, by attribute; what belongs to no item is of the sign-in"""
    item = ToldItem(code="settle", version=2, attributes=("name", "tin", "phone_number"))
    law, consent, login = purposes(published.parts, told(item, claims=("name", "tin", "phone_number", "nickname")))
    assert (law.basis, law.claims, law.optional, law.citation) == ("statutory", ("name", "tin"), (), LAW)
    assert (consent.basis, consent.claims, consent.optional) == ("consent", ("phone_number",), ("phone_number",))
    assert (law.item, law.item_version, law.retention_days, law.texts) == ("settle", 2, 30, PURPOSES)
    assert (login.texts, login.claims) == (SIGN_IN, ("nickname",))


def test_an_item_that_is_not_known_any_more_keeps_its_code(house: House) -> None:
    item = ToldItem(code="gone", version=1, attributes=("name",))
    (informed,) = purposes(house.parts, told(item, kind="consent.informed"))
    assert (informed.basis, informed.item, informed.claims) == ("statutory", "gone", ("name",))
    (given,) = purposes(house.parts, told(item, kind="consent.given"))
    assert given.basis == "consent"


def test_without_items_it_is_the_sign_in(house: House) -> None:
    (login,) = purposes(house.parts, told(claims=("name",)))
    assert (login.texts, login.claims, login.basis) == (SIGN_IN, ("name",), "consent")
    assert purposes(house.parts, told(kind="consent.withdrawn"))[0].claims == ()


@pytest.mark.parametrize("lang", ["en", "zh-Hans"])
def test_the_history_says_for_which_item_and_by_which_law(any_house: House, lang: str) -> None:
    """Issue 3.7: every release, when, who, which attributes, why; a statutory basis is cited, in both languages"""
    house = any_house
    account = house.citizen("li.wei", claims={**CLAIMS, "marital_status": "married"}, password=PASSWORD)
    person = Person(house)
    person.sign_in()
    item(house)
    app = house.register()
    code = allow(house, person.browser, ask(house, person.browser, app), **{"allow/loan/marital_status": "1"})
    house.userinfo(house.redeem(app, code).get_json()["access_token"])
    sequenced(house)
    page = person.get(f"/account/history?lang={lang}")
    title = {"en": "Housing loan", "zh-Hans": "公积金贷款"}[lang]
    assert page.text.count(title) == 2 and account.hex() not in page.text
    released = person.get(f"/account/history/{lines(page)[0]}?lang={lang}").text
    assert LAWS[lang] in released and WHY[lang] in released and MARRIED[lang] in released
    claims = person.get(f"/account/history/{lines(page)[0]}/receipt.json").get_json()["claims"]
    purposes_told = claims["record"]["pii_processing"]["purposes"]
    assert {p["lawful_basis"]["basis"]: [i["pii_type"] for i in p["pii_information"]] for p in purposes_told} == {
        "consent": ["name", "marital_status"],
        "statutory": ["birthdate"],
    }
    assert {p["retention_period"] for p in purposes_told} == {"P730D"}
    assert {(p["service"]["item"], p["service"]["version"]) for p in purposes_told} == {("loan", 1)}
    readable = person.get(f"/account/history/{lines(page)[0]}/receipt?lang={lang}").text
    assert title in readable and "730" in readable


def test_what_the_law_orders_is_a_line_of_its_own(house: House) -> None:
    """A statutory item informs and asks no consent: the line says so"""
    _, person = citizen(house)
    item(house, BY_LAW)
    app = house.register()
    page = ask(house, person.browser, app, scope="openid service:duty")
    house.userinfo(house.redeem(app, allow(house, person.browser, page)).get_json()["access_token"])
    sequenced(house)
    page = person.get("/account/history?lang=en")
    assert "You were informed of what the law orders" in page.text and "You gave an authorization" not in page.text
    assert "The law orders it" in person.get(f"/account/history/{lines(page)[0]}?lang=en").text
    person.get("/account/history?lang=en")
    table = person.submit(file="csv").data.decode("utf-8-sig")
    assert "Yearly settlement" in table and "The law orders it" in table
