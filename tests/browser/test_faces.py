"""Every page in both languages, on a phone and on a desk, in daylight and in the dark; without JavaScript; without a mouse."""

import pytest
from playwright.sync_api import expect

from tests.browser.raw import authorize
from tests.browser.test_second_factor import set_up
from tests.kit.process import wait_until

pytestmark = pytest.mark.browser

FACES = [
    pytest.param({"locale": "zh-CN"}, id="zh"),
    pytest.param({"locale": "en"}, id="en"),
    pytest.param({"locale": "zh-CN", "phone": True}, id="zh-phone"),
    pytest.param({"locale": "en", "phone": True}, id="en-phone"),
    pytest.param({"locale": "zh-CN", "dark": True}, id="dark"),
]
OPEN = ["/", "/sign-in", "/sign-up", "/forgot", "/nowhere", "/outbox"]
OWN = ["/account", "/account/security", "/account/sessions", "/account/services", "/account/password", "/account/totp"]
OWN += ["/account/contacts", "/account/contacts/new"]


@pytest.mark.parametrize("face", FACES)
def test_every_page(citizens, face):
    li = citizens(**face)
    for path in OPEN:
        li.open(path)
        expected = "en" if face["locale"] == "en" else "zh-Hans"
        assert li.page.locator("html").get_attribute("lang") == expected
    for office in ("tax", "social", "housing"):
        li.begin(office)
        if office == "tax":
            li.sign_in("not the password at all")
            li.sign_in()
        li.allow()
        li.signed_in_at(office)
    li.page.locator("summary").click()
    li.look()
    for path in OWN:
        li.open(path)
    li.page.goto(authorize(li, prompt="select_account"))
    li.look()
    li.page.goto(authorize(li, redirect_uri="http://localhost:1/"))
    li.look()
    li.page.goto(authorize(li, prompt="login"))
    li.look()
    li.open("/logout")
    li.open_app("housing")
    li.logout_everywhere()
    expect(li.page.locator("#rp-goodbye")).to_be_visible()
    li.look()


@pytest.mark.parametrize(
    ("browser", "asked", "shown"),
    [("zh-CN", "en", "en"), ("en", "zh-CN", "zh-Hans"), ("en", "fr de", "en"), ("fr", "", "zh-Hans")],
)
def test_ui_locales_before_the_browser(citizens, browser, asked, shown):
    li = citizens.stranger(locale=browser)
    li.page.goto(authorize(li, ui_locales=asked))
    assert li.page.locator("html").get_attribute("lang") == shown
    li.look()


def test_without_javascript(citizens):
    li = citizens(javascript=False)
    secret, _ = set_up(li)
    li.use("housing")
    li.use("tax")
    li.open_app("tax")
    li.logout_everywhere()
    if li.page.locator("#logout-done").count():  # frames tell the other apps; the way on is a link
        li.look()
        wait_until(lambda: li.page.locator("#logout-continue").count() == 1, "the way on")
        li.page.locator("#logout-continue").click()
    expect(li.page.locator("#rp-goodbye")).to_be_visible()
    for office in ("tax", "housing"):
        li.soon_out_of(office)
    li.open("/sign-in")
    li.sign_in()
    li.type_totp(secret)
    expect(li.page).to_have_url(li.demo.issuer + "/account")


def test_by_keyboard_alone(citizens):
    li = citizens()
    li.page.goto(li.demo.app("tax"))
    go_to(li, "rp-login")
    li.page.keyboard.press("Enter")
    expect(li.page.locator("#sign-in")).to_be_visible()
    go_to(li, "username")
    li.page.keyboard.type(li.account.username)
    go_to(li, "password")
    li.page.keyboard.type(li.account.password)
    li.page.keyboard.press("Enter")
    expect(li.page.locator("#consent-allow")).to_be_visible()
    go_to(li, "consent-allow")
    li.page.keyboard.press("Enter")
    li.signed_in_at("tax")


def go_to(citizen, name: str) -> None:
    """Press Tab until the element has the focus, and can be seen to have it."""
    for _ in range(40):
        focused = citizen.page.evaluate("document.activeElement?.id")
        if focused == name:
            return
        citizen.page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard never reaches #{name}")
