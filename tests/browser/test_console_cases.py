"""Cases at a browser: opened, noted on, who it is asked by one and approved by another, closed; by both languages, wide and on a phone."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_console import SECRET, tab_to
from tests.kit.process import wait_until

pytestmark = pytest.mark.browser
NOTE = "三城同时登录。Called the owner back."


def member(citizens, *roles: str, **browser):
    """A member of staff of one's own, signed in with both factors."""
    one = citizens(citizens.demo.account(roles=list(roles), totp_secret=SECRET), **browser)
    one.open("/sign-in")
    one.sign_in()
    one.type_totp(SECRET)
    return one


@pytest.mark.parametrize(("locale", "phone"), [("zh-CN", True), ("en", False)])
def test_a_case_from_an_event_to_who_it_is(citizens, locale: str, phone: bool) -> None:
    li = citizens(locale=locale)
    li.open("/sign-in")
    li.sign_in()
    wang = member(citizens, "auditor", locale=locale, phone=phone)
    page = wang.page

    def there() -> bool:
        wang.open("/console/events?action=session.started&within=1h")
        return page.locator(".yc-event").count() > 1

    wait_until(there, "the events are in the index")
    page.locator(".yc-event summary").nth(1).click()
    wang.press(".yc-event details[open] .yc-links a")
    wang.press("#to-case")
    page.locator("#note").fill(NOTE)
    wang.press("#open-case")
    expect(page.locator("#steps")).to_contain_text("Called the owner back.")
    tab_to(page, "#take")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator("#case-keeper")).to_be_visible()
    wang.press("#close")
    expect(page.locator(".govuk-error-summary")).to_be_visible()
    page.locator("#ask-more").click()
    wang.look()
    page.locator("#see_name").check()
    page.locator("#reason").select_option("takeover")
    page.locator("#why").fill("The owner must be reached")
    wang.press("#ask")
    reveal = page.url
    sun = member(citizens, "approver", locale=locale, phone=phone)
    sun.open("/console/approvals")
    sun.press(f"button[value='approve/reveal/{reveal.rpartition('/')[2]}']")
    wang.open("/console/approvals")
    wang.press("#own a")
    wang.press("#look")
    expect(page.locator("#revealed")).to_contain_text("陈小明")
    wang.open("/console/cases?state=mine")
    wang.press(".yc-lines a")
    page.locator("#closing").fill("Reached, locked.")
    page.locator("#outcome").select_option("handled")
    wang.press("#close")
    expect(page.locator("#closing-panel")).to_have_count(0)
    for path in (
        "/console/cases",
        "/console/cases?state=closed",
        "/console/cases/new",
        "/console/alerts",
        "/console/rules",
    ):
        wang.open(path)
    wang.press(".yc-lines li:first-child a")
    page.locator("#count").fill("0")
    wang.press("#change-rule")
    expect(page.locator("#count-error")).to_be_visible()
    assert re.search("/console/rules/", page.url)
