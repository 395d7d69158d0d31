"""Chromium on the real pages: pages in either language, with and without JavaScript, and the accessibility gate."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakKeyDictionary, WeakSet

import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, ConsoleMessage, Page, expect, sync_playwright

from tests.kit.process import PATIENCE_S, need

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nothing but this machine resolves: a page that reaches out fails its test.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules that judge colours: all that another colour scheme can break."""


def executable() -> str | None:
    """The browser's path; Playwright downloads none."""
    return next((p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))), None)


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken accessibility rule and where."""

    rule: str
    impact: str
    help: str
    targets: tuple[str, ...]


def axe(page: Page, *, rules: list[str] | None = None) -> list[Violation]:
    """Run axe-core on the page as it stands, WCAG 2.2 AA and good practice; ``rules``: just these.

    It goes in through the debugging protocol, not as a script of the page, so that the page's CSP stays on.
    """
    if page.context in _PLAIN:
        return axe(_twin(page), rules=rules)
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": WCAG}
    run = f"axe.run(document, {{runOnly: {only}, resultTypes: ['violations']}}).then(r => r.violations)"
    if kept := _KEPT.get(page):
        found = _evaluate(kept, run, _world(kept))
    else:
        session = page.context.new_cdp_session(page)
        try:
            # Half a megabyte to send and to compile: once per document.
            if _evaluate(session, "typeof axe") == "undefined":
                _evaluate(session, _source() + "; undefined")
            found = _evaluate(session, run)
        finally:
            session.detach()
    return [
        Violation(v["id"], v["impact"] or "", v["help"], tuple(str(n["target"]) for n in v["nodes"])) for v in found
    ]


def keep_axe(page: Page) -> None:
    """For a page that is judged at address after address: axe is sent once, and is there in each document that follows, in a world of its own."""
    session = page.context.new_cdp_session(page)
    session.send("Page.enable")
    session.send("Page.addScriptToEvaluateOnNewDocument", {"source": _source(), "worldName": WORLD})
    _KEPT[page] = session


WORLD = "axe"
_KEPT: WeakKeyDictionary[Page, CDPSession] = WeakKeyDictionary()
_PLAIN: WeakSet[BrowserContext] = WeakSet()
"""Contexts without JavaScript, where axe can't run."""
_TWINS: WeakKeyDictionary[BrowserContext, Page] = WeakKeyDictionary()


@cache
def _source() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def _world(session: CDPSession) -> int:
    """The document's own world of that name: scripts of the page neither see it nor are seen."""
    frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
    made = session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": WORLD})
    return int(made["executionContextId"])


def _twin(page: Page) -> Page:
    """The same document with the same styles, its scripts taken out, where axe runs: one page for each context, with its cookies of now."""
    twin = _TWINS.get(page.context)
    if twin is None:
        assert page.context.browser is not None
        twin = _TWINS[page.context] = page.context.browser.new_context().new_page()
        keep_axe(twin)
    html = re.sub(r"(?s)<script\b.*?</script>", "", page.content())
    if page.viewport_size:
        twin.set_viewport_size(page.viewport_size)
    twin.context.clear_cookies()
    twin.context.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    address = "http://localhost/" if page.url == "about:blank" else page.url.partition("#")[0]
    answer = {"body": html, "content_type": "text/html; charset=utf-8"}
    twin.route(lambda url: url == address, lambda route: route.fulfill(**answer))
    try:
        twin.goto(address)
    finally:
        twin.unroute_all()
    return twin


def _evaluate(session: CDPSession, expression: str, world: int | None = None) -> Any:
    where = {} if world is None else {"contextId": world}
    asked = {"expression": expression, "awaitPromise": True, "returnByValue": True, **where}
    answer = session.send("Runtime.evaluate", asked)
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    return answer["result"].get("value")


def shot(page: Page, name: str) -> Path:
    """A picture of the whole page under ``YIMEN_SHOTS`` or a temporary directory; its path."""
    folder = Path(os.environ.get("YIMEN_SHOTS") or Path(tempfile.gettempdir(), f"yimen-shots-{os.getuid()}"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path


class NewPage(Protocol):
    """``new_page(locale="zh-CN", javascript=True, watch=True, **context)``: a page in a context (cookie jar) of its own.

    ``watch``: an uncaught script error or a refused resource (CSP) on any page of the context fails the test.
    """

    def __call__(self, *, locale: str = ..., javascript: bool = ..., watch: bool = ..., **context: Any) -> Page: ...


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser per run (per xdist worker)."""
    need("Chromium", "chromium", executable())
    expect.set_options(timeout=PATIENCE_S * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), headless=True, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture
def new_page(chromium: Browser) -> Iterator[NewPage]:
    """Factory of pages; contexts are closed and what the pages complained of is judged at the end."""
    contexts, complaints = [], list[str]()

    def on_console(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            complaints.append(message.text)

    def make(*, locale: str = "zh-CN", javascript: bool = True, watch: bool = True, **context: Any) -> Page:
        made = chromium.new_context(locale=locale, java_script_enabled=javascript, **context)
        made.set_default_timeout(PATIENCE_S * 1000)
        contexts.append(made)
        if not javascript:
            _PLAIN.add(made)
        if watch:
            made.on("console", on_console)
            made.on("weberror", lambda error: complaints.append(str(error.error)))
        return made.new_page()

    yield make
    for made in contexts:
        if twin := _TWINS.pop(made, None):
            twin.context.close()
        made.close()
    assert complaints == [], "a page complained"


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A page as a citizen with a Chinese browser sees it."""
    return new_page()


@pytest.fixture
def page_en(new_page: NewPage) -> Page:
    """The same in English."""
    return new_page(locale="en")


@pytest.fixture
def page_plain(new_page: NewPage) -> Page:
    """The same without JavaScript."""
    return new_page(javascript=False)
