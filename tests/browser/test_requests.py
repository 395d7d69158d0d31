"""What an app may ask for, as a citizen meets it: cancelling, signing in again, the citizen's own pages."""

import time

import pytest
from playwright.sync_api import expect

from tests.browser.raw import answered, authorize

pytestmark = pytest.mark.browser


def test_cancel_leads_back_to_the_app(citizens):
    li = citizens()
    li.begin("tax")
    li.sign_in()
    li.press("#consent-deny")
    expect(li.page.locator("#rp-error")).to_have_text("access_denied")
    assert li.at_app("tax")
    li.press("a[href='/login']")
    expect(li.page.locator("#consent-allow")).to_be_visible()


def test_prompt_login_asks_again(citizens):
    li = citizens()
    li.use("tax")
    li.page.goto(authorize(li, prompt="login"))
    expect(li.page.locator("#password")).to_be_visible()
    li.look()
    li.sign_in()
    assert answered(li)["iss"] == li.demo.issuer


def test_max_age_asks_again_only_when_it_was_long_ago(citizens):
    li = citizens()
    li.use("tax")
    li.page.goto(authorize(li, max_age="3600"))
    assert "code" in answered(li)
    time.sleep(1.1)
    li.page.goto(authorize(li, max_age="1"))
    li.look()
    li.sign_in()
    assert "code" in answered(li)


def test_prompt_none_shows_no_page(citizens):
    li = citizens()
    li.page.goto(authorize(li, prompt="none"))
    assert answered(li)["error"] == "login_required"
    li.use("tax")
    li.page.goto(authorize(li, prompt="none"))
    assert "code" in answered(li)


def test_prompt_select_account_offers_the_known_and_another(citizens):
    li = citizens()
    li.use("tax")
    li.page.goto(authorize(li, prompt="select_account"))
    li.look()
    li.press("#other-account")
    expect(li.page.locator("#password")).to_be_visible()
    li.account = li.demo.account()
    li.sign_in()
    li.allow()
    assert "code" in answered(li)


def test_prompt_create_leads_to_sign_up(citizens):
    li = citizens.stranger()
    li.page.goto(authorize(li, prompt="create"))
    expect(li.page.locator("#sign-up")).to_be_visible()
    li.look()


@pytest.mark.parametrize(
    "wrong", [{"redirect_uri": "http://localhost:1/callback"}, {"client_id": "nobody"}, {"state": "x" * 20000}]
)
def test_a_wrong_request_ends_on_a_page_with_a_reference(citizens, wrong):
    li = citizens.stranger()
    li.page.goto(authorize(li, **wrong))
    expect(li.page.locator("#error-code")).to_be_visible()
    li.look()


def test_sessions_of_two_browsers(citizens):
    here = citizens()
    there = citizens(here.account)
    there.use("tax")
    here.sign_in_first()
    here.open("/account/sessions")
    expect(here.page.locator("button[name=end]")).to_have_count(1)
    here.press("button[name=end]")
    expect(here.page.locator("button[name=end]")).to_have_count(0)
    there.soon_out_of("tax")
    there.page.goto(here.demo.issuer + "/account")
    expect(there.page.locator("#sign-in")).to_be_visible()
    here.open("/account")


def test_sign_out_everywhere_else(citizens):
    here = citizens()
    others = [citizens(here.account) for _ in range(2)]
    for other in others:
        other.sign_in_first()
    here.sign_in_first()
    here.open("/account/sessions")
    here.press("#end-all")
    for other in others:
        other.page.goto(here.demo.issuer + "/account")
        expect(other.page.locator("#sign-in")).to_be_visible()


def test_withdraw_a_service(citizens):
    li = citizens()
    li.use("tax")
    li.use("social")
    li.open("/account/services")
    names = li.page.locator("main li.ym-item h2").all_inner_texts()
    assert sorted(names) == ["人力资源和社会保障局", "税务局"]
    li.page.locator("li.ym-item").filter(has_text="个人所得税").or_(
        li.page.locator("li.ym-item").filter(has=li.page.get_by_role("heading", name="税务局", exact=True))
    ).locator("button[name=withdraw]").click()
    li.press("#withdraw-keep")
    expect(li.page.locator("main li.ym-item h2")).to_have_count(2)
    li.page.locator("li.ym-item").filter(has_text="税务局").locator("button[name=withdraw]").click()
    expect(li.page.locator("h1")).to_contain_text("撤回")
    li.press("#withdraw-confirm")
    expect(li.page.locator("#change-done")).to_be_visible()
    expect(li.page.locator("main li.ym-item h2")).to_have_count(1)
    li.soon_out_of("tax")
    li.begin("tax")
    expect(li.page.locator("#consent-allow")).to_be_visible()
    assert li.page.locator("#password").count() == 0
    assert not li.is_out_of("social"), "the other service goes on"


def test_language_switch_is_remembered(citizens):
    li = citizens()
    li.sign_in_first()
    li.press(".ym-languages__link")
    assert li.page.locator("html").get_attribute("lang") == "en"
    li.open("/account")
    li.press("#write-en")
    assert li.page.locator("#write-en").count() == 0 and li.page.url.endswith("/account")
    li.open("/account/security")
    assert li.heading() == "Sign-in and security"
    li.press(".ym-languages__link")
    assert li.heading() == "登录与安全"
