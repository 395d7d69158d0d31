"""A small user agent: it follows the real pages with forms, hidden fields and cookies, over the composed application or over HTTP.

It knows the pages by their fixed element ids alone, signs in where ``#username`` is shown and allows where ``#consent-allow`` is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import requests
from werkzeug.test import Client as Browser

from tests.kit.house import PASSWORD, House
from tests.kit.process import PATIENCE_S

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer as the browser got it. ``headers``: names in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str
    url: str

    def has(self, element: str) -> bool:
        """Whether the page has an element with that id."""
        return f'id="{element}"' in self.text


Send = Callable[[str, str, str | None], Shown]
"""(method, absolute URL, urlencoded form or None) → the answer, redirects not followed; keeps cookies."""


@dataclass(frozen=True, slots=True)
class Left:
    """Where the provider sent the browser: by redirect (GET) or by an auto-submitted form (POST)."""

    url: str
    form: Mapping[str, str] | None = None

    @property
    def params(self) -> dict[str, str]:
        """The authorization response, from the form, the query or the fragment."""
        if self.form is not None:
            return dict(self.form)
        parts = urlsplit(self.url)
        return dict(parse_qsl(parts.fragment or parts.query, keep_blank_values=True))

    @property
    def mode(self) -> str:
        """The response mode that was used."""
        return "form_post" if self.form is not None else "fragment" if urlsplit(self.url).fragment else "query"


@dataclass(slots=True)
class PageForm:
    """One form of a page: its action and the fields that it carries unseen."""

    action: str = ""
    hidden: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self._open = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(PageForm(given.get("action", "")))
            self._open = True
        elif tag == "input" and self._open and given.get("type") == "hidden":
            self.forms[-1].hidden[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False


class Agent:
    """One browser of one citizen at a provider. ``shown``: the page it stands on; ``sign_ins``, ``consents``: how often it was asked."""

    def __init__(self, send: Send, origin: str, username: str = "li.wei", password: str = PASSWORD) -> None:
        self._send, self.origin = send, origin
        self.username, self.password = username, password
        self.shown: Shown
        self.sign_ins = self.consents = 0

    def open(self, url: str) -> Left | None:
        """Go to an address; where the provider sent the browser away to, or None when it shows a page."""
        return self._follow(self._send("GET", urljoin(self.origin, url), None))

    def submit(self, _form: int = 0, /, **fields: str) -> Left | None:
        """Fill in a form of the page and send it with its hidden fields."""
        form = self.form(_form)
        target = urljoin(self.shown.url, form.action)
        return self._follow(self._send("POST", target, urlencode({**form.hidden, **fields})))

    def form(self, number: int = 0) -> PageForm:
        """A form of the page."""
        return _Forms(self.shown.text).forms[number]

    def post(self, url: str, fields: Mapping[str, str]) -> Left | None:
        """Send a form of one's own making."""
        return self._follow(self._send("POST", urljoin(self.origin, url), urlencode(fields)))

    def through(self, left: Left | None) -> Left:
        """Sign in and consent where the pages ask, until the provider sends the browser away."""
        for _ in range(6):
            if left is not None:
                return left
            left = self._answer()
        raise AssertionError(f"still at {self.shown.url}")

    def authorize(self, url: str) -> Left:
        """A whole authorization, from the client's address to what the client receives."""
        return self.through(self.open(url))

    def _answer(self) -> Left | None:
        if self.shown.has("username"):
            self.sign_ins += 1
            return self.submit(username=self.username, password=self.password)
        if self.shown.has("consent-allow"):
            self.consents += 1
            return self.submit(decision="allow")
        raise AssertionError(f"{self.shown.status} {self.shown.url}\n{self.shown.text}")

    def _follow(self, answer: Shown) -> Left | None:
        for _ in range(9):
            self.shown = answer
            if answer.status not in (302, 303):
                return self._form_post(answer)
            target = urljoin(answer.url, answer.headers["location"])
            if not target.startswith(self.origin + "/"):
                return Left(target)
            answer = self._send("GET", target, None)
        raise AssertionError(f"redirected without end at {answer.url}")

    def _form_post(self, answer: Shown) -> Left | None:
        """A form that goes to another origin is an authorization response (OAuth 2.0 Form Post Response Mode §2)."""
        for form in _Forms(answer.text).forms:
            if form.action.startswith(("https://", "http://")) and not form.action.startswith(self.origin + "/"):
                return Left(form.action, form.hidden)
        return None


def in_house(house: House) -> Agent:
    """A browser at the composed application."""
    browser = Browser(house.app, use_cookies=True)

    def send(method: str, url: str, form: str | None) -> Shown:
        where = urlsplit(url)
        answer = browser.open(
            where.path,
            method=method,
            query_string=where.query,
            base_url=house.config.issuer,
            data=form,
            content_type=FORM if form is not None else None,
            headers={"Sec-Fetch-Site": "same-origin", "Accept-Language": "en"},
        )
        return Shown(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.text, url)

    return Agent(send, house.config.issuer)


def over_http(origin: str) -> Agent:
    """A browser at a provider that is really served."""
    session = requests.Session()
    session.trust_env = False

    def send(method: str, url: str, form: str | None) -> Shown:
        headers = {"Accept-Language": "en", "Sec-Fetch-Site": "same-origin"}
        if form is not None:
            headers |= {"Content-Type": FORM, "Origin": origin}
        answer = session.request(method, url, data=form, headers=headers, allow_redirects=False, timeout=PATIENCE_S)
        return Shown(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.text, url)

    return Agent(send, origin)
