"""Every page in Chromium under the real security policy: axe, narrow screens, keyboard, with and without scripts."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from idp.web.wording import PROBLEMS
from tests.kit.browser import COLOURS, axe, keep_axe
from tests.web.face_preview import every_page, serving

pytestmark = pytest.mark.browser

# The texts of the other problems differ, their page does not.
SEEN = [key for key in every_page() if not (key[0] == "error" and key[2] in PROBLEMS and key[2] != "server")]
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 320, "height": 600}
LEAVES = ("form_post", "logout_done/onward")  # scripts of these leave the page at once


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with serving() as address:
        yield address


def watched(context: BrowserContext) -> tuple[Page, list[str]]:
    """A page and the complaints of its console (policy violations are among them)."""
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


def stays(key: tuple[str, str, str]) -> bool:
    return key[0] not in LEAVES and f"{key[0]}/{key[2]}" not in LEAVES


@dataclass
class Looked:
    """What was seen on a walk through every page and state of one language: each is loaded once."""

    violations: dict[str, Any] = field(default_factory=dict)
    wide: dict[str, int] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module", params=["zh-Hans", "en"])
def looked(request: pytest.FixtureRequest, chromium: Browser, origin: str) -> Looked:
    """axe by day on a desk, its rules of colours in the dark too, then the width on a small phone."""
    context = chromium.new_context(viewport=DESK, reduced_motion="reduce")
    page, complaints = watched(context)
    keep_axe(page)
    found = Looked(complaints=complaints)
    for key in SEEN:
        if key[1] == request.param and stays(key):
            look(page, f"{origin}/page/{'/'.join(key)}", "/".join(key), found)
    context.close()
    return found


def look(page: Page, address: str, name: str, found: Looked) -> None:
    page.set_viewport_size(DESK)
    page.emulate_media(color_scheme="light")
    page.goto(address)
    if broken := axe(page):
        found.violations[f"{name} light"] = broken
    page.emulate_media(color_scheme="dark")
    if broken := axe(page, rules=COLOURS):
        found.violations[f"{name} dark"] = broken
    page.set_viewport_size(PHONE)
    width = page.evaluate("document.scrollingElement.scrollWidth")
    if width > PHONE["width"]:
        found.wide[name] = width


@pytest.mark.timeout(1800)
def test_axe_finds_nothing_and_the_policy_is_kept(looked: Looked) -> None:
    """WCAG 2.2 AA as far as a machine can tell, on every page and state, by day and in the dark."""
    assert looked.violations == {}
    assert looked.complaints == []


@pytest.mark.parametrize("kept", [False, True])
def test_axe_would_have_found_it(chromium: Browser, origin: str, kept: bool) -> None:
    """The gate bites: a field without a label and pale text are reported under the same policy."""
    context = chromium.new_context()
    page = context.new_page()
    if kept:
        keep_axe(page)
        page.goto(f"{origin}/page/sign_up/en/normal")
        assert axe(page) == []
    page.goto(f"{origin}/page/sign_in/en/normal")
    page.evaluate(
        "document.querySelector('label[for=username]').remove(); document.querySelector('h1').style.color = '#ddd'"
    )
    assert {found.rule for found in axe(page)} == {"label", "color-contrast"}
    assert {found.rule for found in axe(page, rules=COLOURS)} == {"color-contrast"}
    context.close()


def test_pages_that_leave_at_once_are_clean_without_scripts(chromium: Browser, origin: str) -> None:
    """Their scripts are held back by the route, so that axe may look."""
    context = chromium.new_context()
    context.route("**/js/*.js", lambda route: route.abort())
    page = context.new_page()
    for key in [key for key in SEEN if not stays(key)]:
        page.goto(f"{origin}/page/{'/'.join(key)}")
        assert axe(page) == [], key
    context.close()


@pytest.mark.timeout(1800)
def test_nothing_is_wider_than_a_small_phone(looked: Looked) -> None:
    """WCAG 1.4.10: at 320 CSS pixels there is no sideways scrolling and no text cut off."""
    assert looked.wide == {}


@pytest.mark.parametrize("width", [1100, 375])
def test_events_beside_other_panels_have_room_for_their_words(chromium: Browser, origin: str, width: int) -> None:
    """WCAG 1.4.10: no column of single letters, neither on a wide page of two columns nor on a phone."""
    context = chromium.new_context(viewport={"width": width, "height": 800})
    page, _ = watched(context)
    page.goto(f"{origin}/page/console_case/zh-Hans/normal")
    rooms = page.locator(".yc-event__what").evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
    context.close()
    assert rooms and min(rooms) >= 240


def submitted(page: Page) -> set[str]:
    return set(page.inner_text("body").splitlines())


def test_sign_in_and_consent_work_without_scripts(chromium: Browser, origin: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{origin}/page/sign_in/zh-Hans/normal")
    page.fill("#username", "li.wei")
    page.fill("#password", " spaced pass ")
    page.click("#sign-in")
    assert submitted(page) == {"handle='h4ndl3'", "proof='pr00f'", "username='li.wei'", "password=' spaced pass '"}
    page.goto(f"{origin}/page/consent/en/items")
    page.check("#allow-loan-email")
    page.click("#consent-allow")
    chosen = {"allow/loan/email='1'", "lasts='lasting'", "decision='allow'"}
    assert submitted(page) == {"handle='h4ndl3'", "proof='pr00f'"} | chosen
    page.goto(f"{origin}/page/consent/en/normal")
    page.click("#consent-deny")
    assert submitted(page) == {"handle='h4ndl3'", "proof='pr00f'", "decision='deny'"}
    page.goto(f"{origin}/page/form_post/en/normal")
    page.click("#form-post-send")
    assert "code='c0de'" in submitted(page)
    page.goto(f"{origin}/page/recovery_codes/en/normal")
    assert page.locator("[data-print]").is_hidden(), "a button that needs a script hides without it"
    context.close()


def test_sign_in_by_keyboard_alone(chromium: Browser, origin: str) -> None:
    """WCAG 2.1.1, 2.4.3, 2.4.7: skip link first, fields in order, focus always visible, Enter sends."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{origin}/page/sign_in/en/normal")
    page.locator(".govuk-password-input__toggle").wait_for()
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
        ring = page.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.boxShadow, s.backgroundColor] })()"
        )
        assert ring[0] != "none" and (ring[1] != "none" or ring[2] == "rgb(255, 221, 0)"), seen[-1]
    assert seen[0] == "Skip to main content"
    order = [name for name in seen if name in ("username", "password", "Show", "sign-in", "Forgotten your password?")]
    assert order == ["username", "password", "Show", "sign-in", "Forgotten your password?"]
    page.focus("#username")
    page.keyboard.type("li.wei")
    page.keyboard.press("Tab")
    page.keyboard.type("secret")
    page.keyboard.press("Enter")
    page.wait_for_url("**/done")
    assert "password='secret'" in submitted(page)
    context.close()


def test_the_error_summary_takes_the_focus(chromium: Browser, origin: str) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{origin}/page/sign_in/en/error")
    page.wait_for_function("document.activeElement.classList.contains('govuk-error-summary')")
    page.click(".govuk-error-summary a[href='#password']")
    assert page.evaluate("document.activeElement.id") == "password"
    context.close()


def test_the_password_can_be_shown_and_is_hidden_when_sent(chromium: Browser, origin: str) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{origin}/page/sign_in/zh-Hans/normal")
    page.fill("#password", "x")
    page.click("text=显示")
    assert page.get_attribute("#password", "type") == "text"
    page.click("text=隐藏")
    assert page.get_attribute("#password", "type") == "password"
    context.close()


def test_the_secret_can_be_copied_and_it_is_said(chromium: Browser, origin: str) -> None:
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{origin}/page/recovery_codes/en/normal")
    page.click("[data-copy]")
    page.wait_for_function("document.querySelector('[data-said]').textContent === 'Copied'")
    copied = page.evaluate("navigator.clipboard.readText()").split("\n")
    assert copied == [f"k7qf-{n}m2p-xw4t" for n in range(10)]
    context.close()


def test_form_post_goes_on_by_itself_with_exact_values(chromium: Browser, origin: str) -> None:
    """OAuth 2.0 Form Post Response Mode §2, under a policy without unsafe-inline."""
    context = chromium.new_context()
    page, complaints = watched(context)
    page.goto(f"{origin}/page/form_post/en/normal")
    page.wait_for_url("**/done")
    assert submitted(page) == {"code='c0de'", "state='a\"b<c>&d'", "iss='https://id.example.cn'"}
    assert complaints == []
    context.close()


def test_after_logout_the_page_goes_on_once_the_frames_answered(chromium: Browser, origin: str) -> None:
    context = chromium.new_context()
    page, complaints = watched(context)
    page.goto(f"{origin}/page/logout_done/en/onward")
    page.wait_for_url("**/qr.svg?state=x%26y")
    assert complaints == []
    context.close()


@pytest.mark.parametrize("language", ["zh-Hans", "en"])
def test_what_comes_after_a_row_of_links_stands_apart_from_it(chromium: Browser, origin: str, language: str) -> None:
    context = chromium.new_context(viewport={"width": 360, "height": 640})
    page = context.new_page()
    page.goto(f"{origin}/page/data/{language}/normal")
    gap = page.evaluate(
        "() => { const links = document.querySelector('main .ym-ways');"
        " return links.nextElementSibling.getBoundingClientRect().top - links.getBoundingClientRect().bottom }"
    )
    context.close()
    assert gap >= 24


@pytest.mark.parametrize("scripts", [False, True])
def test_enter_sends_a_form_and_the_language_is_a_button_of_it(chromium: Browser, origin: str, scripts: bool) -> None:
    """HTML §4.10.21.2: the Enter key presses the form's first button, which is not the one of the language."""
    context = chromium.new_context(java_script_enabled=scripts)
    page = context.new_page()
    for key, name in (("sign_in", "username"), ("confirm_code", "code"), ("set_password", "name")):
        page.goto(f"{origin}/page/{key}/en/normal")
        page.locator(f"#{name}").fill("typed")
        page.locator(f"#{name}").press("Enter")
        page.wait_for_url("**/done")
        assert f"{name}='typed'" in page.content() and "shown=" not in page.content(), key
        page.goto(f"{origin}/page/{key}/en/normal")
        page.locator(f"#{name}").fill("typed")
        page.locator(".ym-languages__link").click()
        page.wait_for_url("**/done?lang=zh-Hans")
        assert f"{name}='typed'" in page.content() and "shown='1'" in page.content(), key
    context.close()
