"""The console at a browser: every page in both languages, wide and on a phone, by the keyboard alone, from an error's reference to its event."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.kit.process import wait_until

pytestmark = pytest.mark.browser
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def auditor(citizens, **browser):
    """A member of staff of one's own, since a one-time code counts once; signed in with both factors."""
    account = citizens.demo.account(roles=["auditor"], totp_secret=SECRET)
    wang = citizens(account, **browser)
    wang.open("/sign-in")
    wang.sign_in()
    wang.type_totp(SECRET)
    return wang


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"the keyboard does not reach {selector}")


@pytest.mark.parametrize(("locale", "phone"), [("zh-CN", False), ("en", True)])
def test_a_reference_leads_to_the_event_by_keyboard(citizens, locale: str, phone: bool) -> None:
    stranger = citizens.stranger(locale=locale)
    stranger.page.goto(f"{stranger.demo.issuer}/authorize?client_id=nobody&response_type=code")
    reference = stranger.page.locator("#error-code").inner_text()
    wang = auditor(citizens, locale=locale, phone=phone)
    wang.press("main a[href='/console']")
    expect(wang.page.locator(".yc-chart")).to_have_count(5)
    page = wang.page

    def there() -> bool:
        tab_to(page, "#jump")
        page.keyboard.type(reference)
        with page.expect_navigation():
            page.keyboard.press("Enter")
        return "/console/events?" in page.url

    wait_until(there, "the event is in the index")
    wang.look()
    tab_to(page, ".yc-event summary")
    page.keyboard.press("Enter")
    expect(page.locator(".yc-event details[open]")).to_have_count(1)
    wang.look()
    tab_to(page, ".yc-event .yc-links a")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/console/events/[0-9a-f]{32}"))
    expect(page.locator("main code", has_text=reference).first).to_be_visible()
    wang.look()
    for path in ("/console/events?outcome=refused&within=7d", "/console/clients", "/console/log", "/console?within=7d"):
        wang.open(path)
    wang.open("/console/clients")
    wang.press(".yc-table tbody tr:first-child a")
    wang.open("/console/events?action=session.started&within=all")
    page.locator(".yc-event summary").first.click()
    wang.press(".yc-event details[open] a[href^='/console/accounts/']")
    expect(page.locator("h1 code")).to_be_visible()


def test_the_console_needs_no_script(citizens) -> None:
    wang = auditor(citizens, javascript=False)
    wang.open("/console/events?within=all")
    wang.page.locator("#action").select_option("session.started")
    wang.press("#search")
    assert "action=session.started" in wang.page.url and wang.page.locator(".yc-event").count() > 0
    wang.press(".yc-chip a[href*='within']")


@pytest.mark.parametrize(("locale", "phone"), [("zh-CN", True), ("en", False)])
def test_the_questions_of_staff_are_answered_from_the_first_page(citizens, locale: str, phone: bool) -> None:
    """Who read a citizen's name and why; which accounts did an address try; is the log whole: one form or link each."""
    chen = citizens(citizens.demo.account())
    chen.use("tax")
    wang = auditor(citizens, locale=locale, phone=phone)
    page = wang.page

    def read() -> bool:
        wang.open("/console")
        page.locator("#identifier").fill(chen.account.email)
        page.locator("#data").select_option("name")
        page.locator("#why").select_option("alert")
        wang.press("#ask-person-go")
        return page.locator(".yc-event").count() > 0

    wait_until(read, "the release is in the index")
    assert "data=name" in page.url and chen.account.username not in page.content()
    wang.look()
    page.locator(".yc-event summary").first.click()
    expect(page.locator(".yc-event details[open] .yc-facts__whole").first).to_be_visible()
    wang.open("/console")
    tab_to(page, "#address")
    page.keyboard.type("127.0.0.0/24")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator("#tried tbody tr").first).to_be_visible()
    assert "127.0.0" not in page.url
    wang.look()
    wang.open("/console")
    wang.press("#ask-address-go")
    expect(page.locator("#address-error")).to_be_visible()
    wang.look()
    wang.press("#look-up a[href='/console/log']")
    expect(page.locator("h1")).to_be_visible()
    wang.content()


def test_new_events_come_by_themselves_where_scripts_run(citizens) -> None:
    wang = auditor(citizens, locale="en")
    wang.open("/console/events?action=authorization.refused&within=1h")
    wang.page.locator("#live").click()
    expect(wang.page.locator("#live")).to_have_attribute("aria-pressed", "true")
    stranger = citizens.stranger()
    stranger.page.goto(f"{stranger.demo.issuer}/authorize?client_id=nobody&response_type=code")
    reference = stranger.page.locator("#error-code").inner_text()
    expect(wang.page.locator("[data-live-section] .yc-event", has_text=reference)).to_have_count(1)
    wang.look()
    wang.page.locator("#live").click()
    expect(wang.page.locator("#live")).to_have_attribute("aria-pressed", "false")
    wang.content()


def test_what_is_listed_does_not_come_again(citizens) -> None:
    """The stream repeats what is younger than five seconds (HTML, server-sent events: an id may come twice)"""

    def refused() -> str:
        stranger.page.goto(f"{stranger.demo.issuer}/authorize?client_id=nobody&response_type=code")
        return stranger.page.locator("#error-code").inner_text()

    wang, stranger = auditor(citizens, locale="en"), citizens.stranger()
    first, _ = refused(), refused()

    def listed() -> bool:
        wang.open("/console/events?action=authorization.refused&within=1h")
        return wang.page.locator("#found .yc-event", has_text=first).count() == 1

    wait_until(listed, "the event is in the index")
    wang.page.locator("#live").click()
    second = refused()
    expect(wang.page.locator("[data-live-section] .yc-event", has_text=second)).to_have_count(1)
    expect(wang.page.locator(".yc-event", has_text=first)).to_have_count(1)


def test_a_search_is_saved(citizens) -> None:
    wang = auditor(citizens)
    wang.open("/console/events?action=sign-in&outcome=refused&within=7d")
    wang.press("#save-search")
    wang.page.locator("#name").fill("登录失败")
    wang.press("#keep-search")
    wang.page.locator(".yc-kept summary").first.click()
    expect(wang.page.locator(".yc-kept pre").first).to_contain_text("session.refused")
    wang.press('.yc-kept a[href^="/console/events?"]')
    assert "outcome=refused" in wang.page.url
