"""A citizen at a browser: follows forms as a person would, keeps cookies, reads the outbox."""

import html
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode, urlsplit

import pyotp
from werkzeug.test import Client as Browser
from werkzeug.test import TestResponse

from idp.flows.outbox import open_notice
from idp.records import Message
from tests.kit.house import REDIRECT, App, House, challenge

FORM = "application/x-www-form-urlencoded"
PASSWORD = "correct horse battery staple"
_INPUT = re.compile(r"<input[^>]*>")
_FORM = re.compile(r"<form[^>]*>.*?</form>", re.DOTALL)


def attribute(tag: str, name: str) -> str | None:
    """One attribute of a tag, unescaped."""
    found = re.search(rf'\s{name}="([^"]*)"', tag)
    return html.unescape(found[1]) if found else None


class Person:
    """One browser of one citizen. ``page`` is what it shows."""

    def __init__(
        self, house: House, remote: str = "203.0.113.7", agent: str = "Mozilla/5.0 (Windows NT 10.0) Chrome/140.0"
    ) -> None:
        self.house, self.remote, self.agent = house, remote, agent
        self.accepts = ""
        """The languages that the browser asks for (``Accept-Language``)."""
        self.browser: Browser = house.browser()
        self.page: TestResponse

    def get(self, path: str, *, follow: bool = True) -> TestResponse:
        """Open an address of the provider."""
        return self._open("GET", path, follow=follow)

    def post(
        self,
        path: str,
        fields: Mapping[str, str] | Sequence[tuple[str, str]],
        headers: Mapping[str, str] | None = None,
        *,
        follow: bool = True,
    ) -> TestResponse:
        """Send any form."""
        own = dict(headers or {})
        return self._open("POST", path, follow=follow, data=urlencode(fields), content_type=FORM, headers=own)

    def submit(
        self, filled: Mapping[str, str] | None = None, /, *, form: int = 0, follow: bool = True, **fields: str
    ) -> TestResponse:
        """Fill in the page's form and send it, with its hidden inputs."""
        action, hidden = self.form(form)
        return self.post(action, {**hidden, **(filled or {}), **fields}, follow=follow)

    def form(self, number: int = 0) -> tuple[str, dict[str, str]]:
        """Where a form of the page posts to, and its hidden inputs."""
        found = [form for form in _FORM.findall(self.page.text) if "ym-languages__link" not in form][number]
        inputs = [tag for tag in _INPUT.findall(found) if attribute(tag, "type") == "hidden"]
        return attribute(found, "action") or "", {
            attribute(t, "name") or "": attribute(t, "value") or "" for t in inputs
        }

    def sign_in(self, username: str = "li.wei", password: str = PASSWORD, *, follow: bool = True) -> TestResponse:
        """From the sign-in page."""
        self.get("/sign-in")
        return self.submit(username=username, password=password, follow=follow)

    def cookie(self, kind: str = "session") -> str | None:
        """The value of one of our cookies."""
        found = self.browser.get_cookie(f"__Host-yimen-{kind}", domain=self._host)
        return found.value if found else None

    def set_cookie(self, kind: str, value: str) -> None:
        """Plant a cookie."""
        self.browser.set_cookie(f"__Host-yimen-{kind}", value, domain=self._host, secure=True)

    def _open(self, method: str, path: str, *, follow: bool, **more: object) -> TestResponse:
        headers = {"User-Agent": self.agent, "Sec-Fetch-Site": "same-origin", **more.pop("headers", {})}  # type: ignore[dict-item]
        environ = {"REMOTE_ADDR": self.remote, **({"HTTP_ACCEPT_LANGUAGE": self.accepts} if self.accepts else {})}
        self.page = self.browser.open(
            path,
            method=method,
            base_url=self.house.config.issuer,
            headers=headers,
            environ_overrides=environ,
            **more,  # type: ignore[arg-type]
        )
        hops = 0
        while follow and self.page.status_code == 303 and (hops := hops + 1) < 9:
            target = urlsplit(self.page.headers["Location"])
            if target.netloc and target.netloc != self._host:
                break
            where = target.path + (f"?{target.query}" if target.query else "")
            self.page = self.browser.open(
                where, base_url=self.house.config.issuer, headers={"User-Agent": self.agent}, environ_overrides=environ
            )
        return self.page

    @property
    def _host(self) -> str:
        return self.house.config.host


def messages(house: House, kind: str | None = None) -> list[tuple[str, str, str]]:
    """(kind, to, body) of the messages that would be sent, oldest first."""
    rows = house.parts.store.find(Message, {"state": "pending"}, order=("created_at",))
    notices = [(row.kind, open_notice(house.parts, row)) for row in rows if kind in (None, row.kind)]
    return [(k, n.to, n.body) for k, n in notices if n is not None]


def last_code(house: House, kind: str) -> str:
    """The code in the last message of a kind."""
    found = re.search(r"[0-9]{8}", messages(house, kind)[-1][2])
    assert found is not None
    return found[0]


def totp_now(house: House, secret: str, *, steps: int = 0) -> str:
    """The app's code at the house's time."""
    return pyotp.TOTP(secret.replace(" ", "")).at(house.clock.seconds + 30 * steps)


def enrol(person: Person) -> tuple[str, list[str]]:
    """Set up the authenticator app of someone freshly signed in: (secret, recovery codes). The clock moves one step."""
    person.get("/account/totp")
    found = re.search(r'id="totp-secret">([^<]+)<', person.page.text)
    assert found is not None, person.page.text
    secret = found[1].replace(" ", "")
    person.submit(totp=totp_now(person.house, secret))
    codes = re.findall(r"<li><code>([0-9A-Z-]+)</code></li>", person.page.text)
    person.submit(saved="1")
    person.house.clock.advance(30)
    return secret, codes


def authorize(person: Person, app: App, **changes: str) -> TestResponse:
    """Begin an authorization at a client; the page that is due, or the redirect to the client."""
    query = {
        "response_type": "code",
        "client_id": app.id,
        "redirect_uri": REDIRECT,
        "scope": "openid",
        "state": "st",
        "code_challenge": challenge(),
        "code_challenge_method": "S256",
        **changes,
    }
    return person.get("/authorize?" + urlencode({k: v for k, v in query.items() if v}))
