"""The authenticator app: set up, asked for, recovery codes in its place; staff never without it."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.raw import answered, authorize

pytestmark = pytest.mark.browser


def set_up(citizen) -> tuple[str, list[str]]:
    """From the account page: the secret as text and the recovery codes."""
    citizen.sign_in_first()
    citizen.open("/account/security")
    citizen.press("#to-enrol-totp")
    assert citizen.page.locator("img.ym-qr").evaluate("image => image.naturalWidth > 0") if citizen.javascript else True
    secret = citizen.page.locator("#totp-secret").inner_text()
    citizen.page.locator("#totp").fill("000000")
    citizen.press("#enrol-totp")
    expect(citizen.page.locator(".govuk-error-summary")).to_be_visible()
    citizen.type_totp(secret, step=-1)
    codes = [text.strip() for text in citizen.page.locator("#recovery-codes li").all_inner_texts()]
    assert len(set(codes)) == 10
    citizen.press("#codes-saved")
    expect(citizen.page.locator("#saved-error")).to_be_visible()
    citizen.page.locator("#saved").check()
    citizen.press("#codes-saved")
    expect(citizen.page.locator("#recovery-codes")).to_have_count(0)
    return secret.replace(" ", ""), codes


def test_set_up_then_asked_at_sign_in_and_each_recovery_code_works_once(citizens):
    li = citizens()
    secret, codes = set_up(li)
    again = citizens(li.account)
    again.open("/sign-in")
    again.sign_in()
    assert again.page.url != li.demo.issuer + "/account"
    again.page.locator("#totp").fill("000000")
    again.press("#totp-continue")
    expect(again.page.locator(".govuk-error-summary")).to_be_visible()
    again.type_totp(secret)
    expect(again.page).to_have_url(li.demo.issuer + "/account")

    for owner, works in ((citizens(li.account), True), (citizens(li.account), False)):
        owner.open("/sign-in")
        owner.sign_in()
        owner.press("a[href*='recovery-code']")
        owner.page.locator("#recovery_code").fill(codes[3])
        owner.press("#recovery-continue")
        assert owner.page.locator(".govuk-error-summary").count() == (0 if works else 1)
        assert (owner.page.url == li.demo.issuer + "/account") is works


def test_a_request_for_two_factors_is_met(citizens):
    li = citizens()
    secret, _ = set_up(li)
    again = citizens(li.account)
    again.page.goto(authorize(again, acr_values="urn:yimen:acr:2"))
    again.sign_in()
    again.type_totp(secret)
    again.allow()
    assert "code" in answered(again)


def test_new_codes_and_removal(citizens):
    li = citizens()
    set_up(li)
    li.open("/account/security")
    li.press("#to-recovery-codes")
    li.press("#make-codes")
    expect(li.page.locator("#recovery-codes li")).to_have_count(10)
    li.page.locator("#saved").check()
    li.press("#codes-saved")
    li.open("/account/security")
    li.press("#remove-totp")
    expect(li.page.locator("#change-done")).to_be_visible()
    li.open("/account/security")
    expect(li.page.locator("#to-enrol-totp")).to_be_visible()


def test_staff_sign_in_with_the_printed_secret(citizens, demo):
    wang = citizens(demo.printed("wang.audit"))
    wang.open("/sign-in")
    wang.sign_in()
    wang.type_totp()
    expect(wang.page).to_have_url(demo.issuer + "/account")
    wang.open("/account/security")
    assert wang.page.locator("#remove-totp").count() == 0, "the role requires it"


@pytest.mark.parametrize(
    "face",
    [
        pytest.param({"locale": "zh-CN", "phone": True}, id="zh-phone"),
        pytest.param({"locale": "en", "phone": True}, id="en-phone"),
        pytest.param({"locale": "en", "javascript": False}, id="en-plain"),
    ],
)
def test_asked_at_every_sign_in_by_choice(citizens, face):
    li = citizens(**face)
    secret, codes = set_up(li)
    expect(li.page).to_have_url(li.demo.issuer + "/account/second-step")
    li.press("#ask-when-wanted")
    expect(li.page).to_have_url(li.demo.issuer + "/account/security")
    before = citizens(li.account, **face)
    before.use("tax")
    li.press("#ask-always")
    expect(li.page.locator("#change-done")).to_be_visible()

    again = citizens(li.account, **face)
    again.begin("tax")
    again.sign_in()
    again.type_totp(secret)
    again.signed_in_at("tax")
    before.begin("housing")
    expect(before.page.locator("#totp")).to_be_visible()
    before.press("a[href*='recovery-code']")
    before.page.locator("#recovery_code").fill(codes[0])
    before.press("#recovery-continue")
    before.allow()
    before.signed_in_at("housing")

    li.press("#ask-always")
    expect(li.page.locator("#change-done")).to_be_visible()
    third = citizens(li.account, **face)
    third.begin("tax")
    third.sign_in()
    third.signed_in_at("tax")


def test_the_choice_is_offered_at_the_end_of_setting_up(citizens):
    li = citizens(locale="en")
    set_up(li)
    li.press("#ask-always")
    expect(li.page).to_have_url(re.compile(re.escape(li.demo.issuer + "/account/security?done=")))
    expect(li.page.locator("#change-done")).to_be_visible()
    expect(li.page.locator("#ask-always")).to_have_text("Turn off")
    assert sum("每次登录" in text for text in li.messages(li.account.email)) == 1
