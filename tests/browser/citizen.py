"""A citizen at a real browser. Every page on the way is looked at: accessibility, width, scripts, policies."""

import os
import re
import time
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from urllib.parse import urlsplit

import pyotp
from playwright.sync_api import ConsoleMessage, Locator, Page, Response, expect

from idp.authn.totp import STEP_S
from tests.browser.served import Account, Demo
from tests.kit.browser import COLOURS, NewPage, axe, shot
from tests.kit.process import wait_until

PHONE = {"width": 375, "height": 740}
WIDE = {"width": 1280, "height": 900}

SEEN = """
(() => {
    const root = document.documentElement, heading = document.querySelector('h1')
    return heading && {
        wide: root.scrollWidth - root.clientWidth,
        heading: heading.innerText,
        lang: root.getAttribute('lang'),
        errors: document.querySelectorAll('.govuk-error-summary').length,
        filled: document.querySelector('main li') !== null,
    }
})()
"""
"""One question instead of five; nothing of a page that is still on its way to another."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What makes a page another one to judge."""

    office: int
    path: str
    heading: str
    lang: str | None
    width: int
    dark: bool
    javascript: bool
    errors: int
    filled: bool


class Citizen:
    """One browser of one citizen. Steps return nothing; what a page must show is expected by the test."""

    def __init__(
        self,
        demo: Demo,
        new_page: NewPage,
        account: Account | None = None,
        *,
        locale: str = "zh-CN",
        javascript: bool = True,
        phone: bool = False,
        dark: bool = False,
    ) -> None:
        self.demo, self.account, self.javascript, self.dark = demo, account, javascript, dark
        self.complaints: list[str] = []
        viewport = PHONE if phone else WIDE
        scheme = "dark" if dark else "light"
        self.page: Page = new_page(locale=locale, javascript=javascript, viewport=viewport, color_scheme=scheme)
        self.page.context.on("console", self._hear)
        self.page.context.on("response", self._loaded)

    # Looking ----------------------------------------------------------------------------------------------------------

    def look(self, page: Page | None = None) -> None:
        """Judge the page as it stands, once for each kind of page."""
        page = page or self.page
        page.wait_for_load_state()
        kind = self._kind(page)
        if kind in self.demo.seen:
            return
        self.demo.seen.add(kind)
        # Another colour scheme changes colours alone: what else there is to judge was judged by day.
        by_day = self.dark and replace(kind, dark=False) in self.demo.seen
        found = axe(page, rules=COLOURS if by_day else None)
        assert not found, f"{page.url}: {found}"
        if os.environ.get("YIMEN_SHOTS"):
            shot(page, "-".join(re.sub(r"\W+", "_", str(part)).strip("_") for part in astuple(kind)))

    def _kind(self, page: Page) -> Kind:
        parts = urlsplit(page.url)
        if self.javascript:
            found = page.evaluate(SEEN)
            if not found:
                page.locator("h1").first.wait_for(state="attached")
                found = page.evaluate(SEEN)
            assert found.pop("wide") <= 0, f"{page.url} scrolls sideways"
        else:
            found = {
                "heading": page.locator("h1").first.inner_text(),
                "lang": page.locator("html").get_attribute("lang"),
                "errors": page.locator(".govuk-error-summary").count(),
                "filled": page.locator("main li").count() > 0,
            }
        return Kind(
            office=(parts.port or 0) - self.demo.port,
            path=re.sub(r"^/authorize/.+", "/authorize/_", parts.path),
            width=page.viewport_size["width"] if page.viewport_size else 0,
            dark=self.dark,
            javascript=self.javascript,
            **found,
        )

    def _hear(self, message: ConsoleMessage) -> None:
        # A page that is itself an error (a wrong code: 422) is logged by the browser as a failed resource; what the page loads is in _loaded.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.complaints.append(message.text)

    def _loaded(self, response: Response) -> None:
        if response.status >= 400 and response.request.resource_type != "document":
            self.complaints.append(f"{response.status} {response.url}")

    def content(self) -> None:
        """Nothing on any page complained."""
        assert self.complaints == []

    # At the department apps -------------------------------------------------------------------------------------------

    def open_app(self, office: str) -> None:
        """Its start page."""
        self.page.goto(self.demo.app(office))
        self.look()

    def begin(self, office: str) -> None:
        """Press *sign in* at the app; the provider's page, or the app again."""
        self.open_app(office)
        self.page.locator("#rp-login").click()
        self.page.wait_for_load_state()
        self.look()

    def at_app(self, office: str) -> bool:
        """Whether the browser shows the app's own page."""
        return self.page.url.startswith(self.demo.app(office))

    def signed_in_at(self, office: str) -> dict[str, str]:
        """What the app learned, as it shows it: claim → text."""
        expect(self.page.locator("#rp-name")).to_be_visible()
        assert self.at_app(office)
        self.look()
        rows = self.page.locator("[data-claim]")
        return {str(row.get_attribute("data-claim")): row.text_content() or "" for row in rows.all()}

    def is_out_of(self, office: str) -> bool:
        """Whether the app, opened now, knows nobody."""
        self.page.goto(self.demo.app(office))
        return self.page.locator("#rp-login").count() == 1

    def soon_out_of(self, office: str) -> None:
        """The app hears of a sign-out elsewhere."""
        wait_until(lambda: self.is_out_of(office), f"{office} hears of the sign-out")

    def use(self, office: str) -> dict[str, str]:
        """From the app's page through whatever is asked, back to it: what it learned."""
        self.begin(office)
        if self.page.locator("#username").count():
            self.sign_in()
        if self.page.locator("#consent-allow").count():
            self.allow()
        return self.signed_in_at(office)

    def logout_everywhere(self) -> None:
        """At an app that is open."""
        self.page.locator("#rp-logout-everywhere").click()
        self.page.wait_for_load_state()

    # At the provider --------------------------------------------------------------------------------------------------

    def open(self, path: str) -> None:
        """A page of the provider."""
        self.page.goto(self.demo.issuer + path)
        self.look()

    def sign_in(self, password: str | None = None, username: str | None = None) -> None:
        """Fill in the sign-in page that is open."""
        assert self.account is not None
        self.page.locator("#username").fill(username or self.account.username)
        self.page.locator("#password").fill(password or self.account.password)
        self.press("#sign-in")

    def sign_in_first(self) -> None:
        """At the provider alone, to the account page."""
        self.open("/sign-in")
        self.sign_in()
        if self.page.locator("#totp").count():
            self.type_totp()
        expect(self.page).to_have_url(self.demo.issuer + "/account")

    def type_totp(self, secret: str | None = None, *, step: int = 0) -> None:
        """The code that the app shows now, or showed one ``step`` (-1) ago: each counts once, so a test that needs two begins with the older."""
        key = secret or (self.account.totp_secret if self.account else None)
        assert key is not None
        now = self._seconds()
        if step < 0 and now % STEP_S > 24:  # it would be too old before it arrives
            time.sleep(STEP_S + 1 - now % STEP_S)
            now = self._seconds()
        self.page.locator("#totp").fill(pyotp.TOTP(key.replace(" ", "")).at(now + STEP_S * step))
        self.press("form button[type=submit]")
        # On a machine that stood still meanwhile a code is as old as a citizen's who was called away: they type the next one.
        if self._seconds() // STEP_S > now // STEP_S + step + 1 and self.page.locator("#totp-error").count():
            self.type_totp(secret, step=step)

    def _seconds(self) -> int:
        return self.demo.parts.clock() // 1_000_000

    def allow(self) -> None:
        """Say yes on the consent page."""
        self.press("#consent-allow")

    def press(self, selector: str) -> None:
        """A button or link of the page; the page that follows is looked at."""
        self.page.locator(selector).click()
        self.page.wait_for_load_state()
        self.look()

    def heading(self) -> str:
        """The page's first heading."""
        return self.page.locator("h1").first.inner_text()

    def facts(self) -> dict[str, str]:
        """The consent page's words and masked values."""
        keys, values = self.page.locator(".ym-facts__key"), self.page.locator(".ym-facts__value")
        return dict(zip(_texts(keys), _texts(values), strict=True))

    # Messages ---------------------------------------------------------------------------------------------------------

    def messages(self, to: str) -> list[str]:
        """The bodies of what was sent to an address, newest first, read in a tab of its own."""
        with_outbox = self.page.context.new_page()
        try:
            with_outbox.goto(self.demo.issuer + "/outbox")
            self.look(with_outbox)
            items = with_outbox.locator("#outbox > li").filter(has_text=to)
            return [item.inner_text() for item in items.all()]
        finally:
            with_outbox.close()

    def code_for(self, to: str) -> str:
        """The code in the newest message to an address."""
        found = re.search(r"\b[0-9]{8}\b", self.messages(to)[0])
        assert found is not None
        return found[0]


def _texts(found: Locator) -> Iterable[str]:
    return [text.strip() for text in found.all_inner_texts()]


def tab(citizen: Citizen) -> Page:
    """Another tab of the same browser."""
    page = citizen.page.context.new_page()
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    return page
