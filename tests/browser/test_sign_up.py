"""A new account, by e-mail or phone, in the middle of signing in at a department's app; and a forgotten or changed password."""

import pytest
from playwright.sync_api import expect

from tests.browser.served import PASSWORD
from tests.kit.process import wait_until

pytestmark = pytest.mark.browser

NEW_PASSWORD = "eleven swallows above the old bridge"


def choose_password(citizen, password=NEW_PASSWORD, button="#reset-password"):
    citizen.page.locator("#new_password").fill(password)
    citizen.page.locator("#repeat_password").fill(password)
    citizen.press(button)


@pytest.mark.parametrize("address", ["new.citizen@example.cn", "13911112222"])
def test_sign_up_goes_on_where_it_began(citizens, address):
    new = citizens.stranger()
    new.begin("tax")
    new.press("a[href*='sign-up']")
    new.page.locator("#identifier").fill(address)
    new.press("#sign-up")
    new.page.locator("#code").fill("00000000")
    new.press("#confirm-code")
    expect(new.page.locator(".govuk-error-summary")).to_be_visible()
    new.page.locator("#code").fill(new.code_for(address))
    new.press("#confirm-code")
    new.page.locator("#name").fill("新来")
    choose_password(new, "short", "#set-password")
    expect(new.page.locator(".govuk-error-summary")).to_be_visible()
    choose_password(new, PASSWORD, "#set-password")
    assert new.facts()["姓名"].startswith("新")
    new.allow()
    assert new.signed_in_at("tax")["name"] == "新来"
    new.open("/account")
    assert "新来" in new.heading()


def test_a_known_address_is_told_by_message_alone(citizens):
    owner, other = citizens(), citizens.stranger()
    other.open("/sign-up")
    other.page.locator("#identifier").fill(owner.account.email)
    other.press("#sign-up")
    expect(other.page.locator("#code")).to_be_visible()
    assert owner.messages(owner.account.email), "the owner hears of it"


def test_forgotten_password(citizens):
    li = citizens()
    elsewhere = citizens(li.account)
    elsewhere.sign_in_first()
    li.begin("tax")
    li.press("a[href*='forgot']")
    li.page.locator("#identifier").fill(li.account.email)
    li.press("#forgot")
    li.page.locator("#code").fill(li.code_for(li.account.email))
    li.press("#confirm-code")
    choose_password(li)
    expect(li.page.locator("#change-done")).to_be_visible()
    wait_until(lambda: len(li.messages(li.account.email)) >= 2, "a notice of the change")
    elsewhere.page.goto(li.demo.issuer + "/account")
    expect(elsewhere.page.locator("#sign-in")).to_be_visible()
    li.press("#main-content a.govuk-button")
    li.sign_in(PASSWORD)
    expect(li.page.locator(".govuk-error-summary")).to_be_visible()
    li.sign_in(NEW_PASSWORD)
    li.allow()
    assert li.signed_in_at("tax")["name"] == "陈小明"


def test_change_password(citizens):
    li = citizens()
    elsewhere = citizens(li.account)
    elsewhere.sign_in_first()
    li.sign_in_first()
    li.open("/account/security")
    li.press("#to-change-password")
    li.page.locator("#password").fill("not the password at all")
    choose_password(li, button="#change-password")
    expect(li.page.locator(".govuk-error-summary")).to_be_visible()
    li.page.locator("#password").fill(PASSWORD)
    choose_password(li, button="#change-password")
    expect(li.page.locator("#change-done")).to_be_visible()
    assert li.messages(li.account.email), "a notice"
    li.open("/account")
    elsewhere.page.goto(li.demo.issuer + "/account")
    expect(elsewhere.page.locator("#sign-in")).to_be_visible()
    elsewhere.sign_in(PASSWORD)
    expect(elsewhere.page.locator(".govuk-error-summary")).to_be_visible()
    elsewhere.sign_in(NEW_PASSWORD)
    expect(elsewhere.page).to_have_url(li.demo.issuer + "/account")


def test_another_address(citizens):
    li = citizens()
    elsewhere = citizens(li.account)
    elsewhere.sign_in_first()
    li.sign_in_first()
    moved = f"moved.{li.account.email}"
    li.open("/account/security")
    li.press("#to-contacts")
    li.press("a[href*='instead='] >> nth=0")
    li.page.locator("#identifier").fill(moved)
    li.press("#contact-send")
    li.page.locator("#code").fill("00000000")
    li.press("#confirm-code")
    expect(li.page.locator(".govuk-error-summary")).to_be_visible()
    li.page.locator("#code").fill(li.code_for(moved))
    li.press("#confirm-code")
    expect(li.page.locator("#change-done")).to_be_visible()
    assert any("更换" in body for body in li.messages(li.account.email)), "a notice to the old one"
    elsewhere.page.goto(li.demo.issuer + "/account")
    expect(elsewhere.page.locator("#sign-in")).to_be_visible()
    elsewhere.sign_in(username=moved)
    expect(elsewhere.page).to_have_url(li.demo.issuer + "/account")
