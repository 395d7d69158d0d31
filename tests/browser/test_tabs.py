"""What people really do: three tabs at once, the back button, reload, a second click, no cookies, a page left open too long."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.citizen import tab

pytestmark = pytest.mark.browser


def test_three_tabs_finished_in_mixed_order(citizens):
    li = citizens()
    pages = {office: tab(li) for office in ("tax", "social", "housing")}
    for office, page in pages.items():
        page.goto(li.demo.app(office, "/login"))
        expect(page.locator("#sign-in")).to_be_visible()
    li.page = pages["housing"]
    li.sign_in()
    expect(pages["housing"].locator("#consent-allow")).to_be_visible()
    for office in ("tax", "social"):  # a form that was opened before the sign-in elsewhere
        li.page = pages[office]
        li.sign_in()
        expect(pages[office].locator("#consent-allow")).to_be_visible()
    subs = set()
    for office in ("social", "housing", "tax"):
        li.page = pages[office]
        li.allow()
        subs.add(li.signed_in_at(office)["sub"])
    assert len(subs) == 3


def test_two_tabs_at_the_same_app(citizens):
    li = citizens()
    first, second = tab(li), tab(li)
    for page in (first, second):
        page.goto(li.demo.app("tax", "/login"))
    for page in (second, first):
        li.page = page
        li.sign_in()
        if page.locator("#consent-allow").count():
            li.allow()
        li.signed_in_at("tax")


def test_back_button_after_everything_is_harmless(citizens):
    li = citizens()
    li.use("tax")
    li.page.go_back()
    li.page.wait_for_load_state()
    li.look()
    if not li.at_app("tax"):
        assert "500" not in li.heading()
    li.open_app("tax")
    li.signed_in_at("tax")


def test_back_to_the_sign_in_page_and_again(citizens):
    li = citizens()
    li.begin("tax")
    li.sign_in()
    expect(li.page.locator("#consent-allow")).to_be_visible()
    li.page.go_back()
    li.page.wait_for_load_state()
    if li.page.locator("#password").count():
        li.sign_in()
    if not li.page.locator("#consent-allow").count():
        li.page.go_forward()
    li.allow()
    li.signed_in_at("tax")


def test_reload_of_every_step(citizens):
    li = citizens()
    li.begin("tax")
    li.page.reload()
    li.sign_in("not the password at all")
    li.page.reload()  # sends the form again, as the citizen confirms
    li.sign_in()
    li.page.reload()
    li.allow()
    li.page.reload()
    li.signed_in_at("tax")


@pytest.mark.parametrize("step", ["sign-in", "consent"])
def test_double_submit(citizens, step):
    li = citizens(javascript=False)  # nothing guards the second click
    li.begin("tax")
    li.page.locator("#username").fill(li.account.username)
    li.page.locator("#password").fill(li.account.password)
    if step == "sign-in":
        li.page.locator("#sign-in").dblclick()
        li.page.wait_for_load_state()
    else:
        li.press("#sign-in")
    expect(li.page.locator("#consent-allow")).to_be_visible()
    allow = li.page.locator("#consent-allow")
    allow.dblclick() if step == "consent" else allow.click()
    expect(li.page.locator("#rp-name, #error-code")).to_be_visible()
    li.look()
    li.open_app("tax")
    if li.page.locator("#rp-login").count():  # the second click left before the first was answered
        li.page.locator("#rp-login").click()
    li.signed_in_at("tax")


def test_the_consent_form_sent_twice_says_so(citizens):
    li = citizens()
    li.begin("tax")
    li.sign_in()
    twin = tab(li)
    twin.goto(li.page.url)
    li.allow()
    li.signed_in_at("tax")
    twin.locator("#consent-allow").click()
    expect(twin.locator("#error-code")).to_be_visible()
    li.look(twin)


def test_without_cookies_the_page_says_what_to_do(citizens, new_page, demo):
    li = citizens()
    li.begin("tax")
    li.page.context.clear_cookies()
    li.page.locator("#username").fill(li.account.username)
    li.page.locator("#password").fill(li.account.password)
    li.press("#sign-in")
    expect(li.page.locator("#error-code")).to_have_text(re.compile(r"^[0-9A-Z]{8,}$"))
    assert "cookie" in li.page.locator("main").inner_text().lower()


def test_an_expired_interaction_has_a_way_back(citizens):
    li = citizens()
    li.open("/authorize/AQAB" + "x" * 43)
    expect(li.page.locator("#error-code")).to_be_visible()
    assert li.page.locator("main .govuk-list li").count(), "what the citizen can do"
    li.press("#to-home")
    expect(li.page.locator("#to-sign-in")).to_be_visible()
