"""The consent page of service items at a real browser: on a phone and a desk, in both languages, by keyboard, without JavaScript."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.test_faces import FACES, go_to
from tests.kit.house import header_of

pytestmark = pytest.mark.browser

MARRIED = "#allow-housing-withdrawal-marital_status"
ID_NUMBER = "110101199002030018"
PHONE = "#allow-housing-withdrawal-phone_number"


def someone(citizens, **face):
    """A citizen whose register says that they are married."""
    claims = {
        "name": "陈小明",
        "birthdate": "1990-02-03",
        "phone_number": "+8613900001234",
        "national_id": ID_NUMBER,
        "marital_status": "married",
        "address": {"country": "CN", "region": "浙江省", "locality": "杭州市", "street_address": "解放路 1 号"},
    }
    return citizens(citizens.demo.account(claims=claims), **face)


def at_the_page(li, office="housing"):
    li.begin(office)
    li.sign_in()
    expect(li.page.locator("#consent-allow")).to_be_visible()


@pytest.mark.parametrize("face", FACES)
def test_the_page_in_every_face(citizens, face):
    li = someone(citizens, **face)
    at_the_page(li)
    text = li.page.locator("main").inner_text()
    words = {
        "en": (
            "Housing fund withdrawal",
            "5 years",
            "article 24",
            "Told by law",
            "Needed for this service",
            "Entered by our staff",
        ),
        "zh-CN": ("公积金提取", "5 年", "第二十四条", "依法提供", "办理本服务所必需", "由工作人员录入"),
    }[face["locale"]]
    assert all(word in text for word in words)
    assert "陈小明" not in text and "13900001234" not in text and "解放路" not in text
    for box in (MARRIED, PHONE):
        expect(li.page.locator(box)).not_to_be_checked()
    li.page.locator("label[for='allow-housing-withdrawal-marital_status']").click()
    li.page.locator("label[for=lasts-year]").click()
    li.look()
    li.allow()
    learned = li.signed_in_at("housing")
    assert learned["marital_status"] == "married" and "phone_number" not in learned
    li.open("/account/services")
    li.open("/services")
    li.press("a[href='/services/housing-withdrawal']")


def test_without_what_is_optional(citizens):
    li = someone(citizens)
    at_the_page(li)
    li.allow()
    learned = li.signed_in_at("housing")
    assert learned["name"] == "陈小明" and "杭州市" in learned["address"]
    assert not {"marital_status", "phone_number"} & set(learned)


def test_without_javascript(citizens):
    li = someone(citizens, javascript=False)
    at_the_page(li)
    li.page.locator(PHONE).check()
    li.page.locator("#lasts-once").check()
    li.allow()
    assert li.signed_in_at("housing")["phone_number"] == "+8613900001234"
    li.press("#rp-logout-here")
    li.begin("housing")
    expect(li.page.locator("#consent-allow")).to_be_visible()  # it was for once


def test_by_keyboard_alone(citizens):
    li = someone(citizens, locale="en", phone=True)
    at_the_page(li)
    go_to(li, MARRIED.removeprefix("#"))
    li.page.keyboard.press("Space")
    go_to(li, "lasts-lasting")
    li.page.keyboard.press("ArrowDown")
    expect(li.page.locator("#lasts-year")).to_be_checked()
    go_to(li, "consent-allow")
    li.page.keyboard.press("Enter")
    assert li.signed_in_at("housing")["marital_status"] == "married"


def test_the_library_learns_the_age_limit_alone(citizens):
    li = someone(citizens, locale="en")
    at_the_page(li, "library")
    assert "Whether you are 18 or older" in li.page.locator("main").inner_text()
    li.allow()
    learned = li.signed_in_at("library")
    assert learned["age_over_18"] == "true" and not {"name", "birthdate"} & set(learned)


def test_the_tax_bureau_is_told_by_law_in_what_it_alone_can_open(citizens):
    li = someone(citizens, locale="en")
    at_the_page(li, "tax")
    assert "Told by law" in li.page.locator("main").inner_text()
    assert ID_NUMBER not in li.page.content()  # masked on the page
    li.allow()
    assert li.signed_in_at("tax")["national_id"] == ID_NUMBER
    raw = li.page.locator("#rp-jwe").text_content() or ""
    assert raw.count(".") == 4 and header_of(raw)["alg"] == "ECDH-ES+A256KW" and header_of(raw)["cty"] == "JWT"


def test_the_tax_bureau_hears_who_stands_for_it(citizens, demo):
    for locale, words in (
        ("zh-CN", ("由有关机关确认", "公安机关（人口登记）")),
        ("en", ("Confirmed by an authority", "population register")),
    ):
        li = citizens(demo.printed("li.wei"), locale=locale, phone=True)
        learned = li.use("tax")
        proof = json.loads(learned["verified_claims"])
        assert proof["claims"] == {"name": "李伟", "national_id": "330102198803140017"}
        assert proof["verification"]["time"].endswith("T00:00Z")
        shown = li.page.locator("#rp-proved-1").inner_text()
        assert all(word in shown for word in (*words, "李伟", proof["verification"]["time"][:10]))
        li.page.locator("#rp-proved-1 a").click()
        li.look()
        assert demo.issuer in li.page.url and li.page.locator("h1").count() == 1


def test_what_staff_entered_comes_from_no_register(citizens):
    assert "verified_claims" not in someone(citizens).use("tax")


@pytest.mark.parametrize("face", [{"locale": "zh-CN", "phone": True}, {"locale": "en", "javascript": False}])
def test_social_security_learns_whether_a_number_matches(citizens, face):
    li = someone(citizens, **face)
    first = li.use("social")
    for number, verdict in (("11010519491231002X", False), (f" {ID_NUMBER[:6]} {ID_NUMBER[6:]}", True)):
        li.page.locator("#rp-number").fill(number)
        li.page.locator("#rp-check").click()
        li.page.wait_for_load_state()
        if not verdict:
            li.look()
            assert ID_NUMBER not in li.page.content() and number not in li.page.url
            li.allow()
        learned = li.signed_in_at("social")
        said = {"zh-CN": ("不是您本人的", "号码是您本人的"), "en": ("is not yours", "is yours")}[face["locale"]]
        assert said[verdict] in li.page.locator("#rp-verdict").inner_text()
        assert ID_NUMBER not in li.page.content()
        assert learned["sub"] == first["sub"] and "name" in learned


def test_a_citizen_corrects_what_they_said_themselves(citizens, demo):
    li = citizens(demo.printed("li.wei"), locale="en", phone=True)
    li.sign_in_first()
    li.open("/account/data")
    assert "You said so yourself" in li.page.locator("main").inner_text()
    assert li.page.locator("a[href='/account/correct?attribute=national_id']").count() == 0
    li.press("a[href='/account/correct?attribute=nickname']")
    li.page.locator("[name=value]").fill("大伟")
    li.press("#correct-save")
    assert li.use("social")["nickname"] == "大伟"


def test_leaving_tells_nothing(citizens):
    li = someone(citizens)
    at_the_page(li)
    li.press("#consent-deny")
    assert li.at_app("housing") and li.page.locator("#rp-name").count() == 0


def test_an_approver_at_work(citizens, demo):
    zhao = citizens(demo.printed("zhao.approve"), locale="en", phone=True)
    zhao.sign_in_first()
    zhao.press("a[href='/approvals']")
    assert "Pension insurance enquiry" in zhao.page.locator("main").inner_text()
    zhao.press("#approve-pension-enquiry")
    assert zhao.page.locator("#approve-pension-enquiry").count() == 0
    zhao.open("/services/pension-enquiry")
