"""A citizen's browser, small and quick: one connection, cookies, and forms filled in as a person would."""

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from idp.bench.processes import BenchError
from idp.bench.target import REDIRECT, Login, Target, redemption

FORM = "application/x-www-form-urlencoded"
TIMEOUT_S = 60
IDLE_S = 2
MAX_HOPS = 20


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    location: str
    body: str


class Form(HTMLParser):
    """The page's first form that posts: its action, the inputs that it already fills, and the names of those that it doesn't."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action, self.given, self.empty, self._inside = "", dict[str, str](), list[str](), 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note forms and what is in the first."""
        has = {name: value or "" for name, value in attrs}
        if tag == "form" and has.get("method", "").lower() == "post" and not self.action:
            self.action, self._inside = has.get("action", ""), 1
        elif self._inside and tag in ("input", "button") and "name" in has:
            if has.get("type") in ("hidden", "submit") or tag == "button":
                self.given.setdefault(has["name"], has.get("value", ""))
            elif has.get("type") not in ("checkbox", "radio"):
                self.empty.append(has["name"])

    def handle_endtag(self, tag: str) -> None:
        """A form ends."""
        if tag == "form":
            self._inside = 0

    def filled(self, login: Login) -> dict[str, str]:
        """Everything to be sent: the password where one is asked, the identifier elsewhere."""
        typed = {n: login.password if "password" in n else login.username for n in self.empty}
        return self.given | typed


class Browser:
    """One browser at one provider."""

    def __init__(self, target: Target) -> None:
        self._target, self._cookies, self._used = target, dict[str, str](), 0.0
        self._connection = http.client.HTTPConnection(urlsplit(target.origin).netloc, timeout=TIMEOUT_S)

    @property
    def cookies(self) -> str:
        """The Cookie header."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    def new_citizen(self) -> None:
        """Forget the cookies, keep the connection."""
        self._cookies.clear()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def get(self, path: str) -> Reply:
        """Open an address of the provider."""
        return self._send("GET", path, None, {})

    def post(self, path: str, fields: Mapping[str, str]) -> Reply:
        """Send a form of the provider's own, as browsers say."""
        own = {"Content-Type": FORM, "Origin": self._target.origin, "Sec-Fetch-Site": "same-origin"}
        return self._send("POST", path, urlencode(fields), own)

    def authorize(self, client: str, login: Login) -> str:
        """Through the pages that are due to a code. Raises BenchError when there is none."""
        reply = self.get(self._target.authorize(client))
        for _ in range(MAX_HOPS):
            if reply.location.startswith(REDIRECT):
                return self._code(reply)
            if reply.location:
                reply = self.get(_path(reply.location))
                continue
            form = Form(reply.body)
            if reply.status != 200 or not form.action:
                break
            reply = self.post(_path(form.action), form.filled(login))
        raise BenchError(f"{self._target.name}: no code; the last answer was {reply.status} {reply.body[:300]}")

    def tokens(self, client: str, login: Login) -> dict[str, object]:
        """A fresh set, as the client itself would fetch it. Raises BenchError."""
        form = urlencode(redemption(self.authorize(client, login)))
        own = {"Content-Type": FORM, "Authorization": self._target.clients[client].basic}
        reply = self._send("POST", self._target.endpoints["token"], form, own)
        if reply.status != 200:
            raise BenchError(f"{self._target.name}: no tokens: {reply.status} {reply.body[:300]}")
        answer: dict[str, object] = msgspec.json.decode(reply.body)
        return answer

    def _code(self, reply: Reply) -> str:
        answer = dict(parse_qsl(urlsplit(reply.location).query))
        if "code" not in answer:
            raise BenchError(f"{self._target.name}: {answer.get('error')}: {answer.get('error_description')}")
        return answer["code"]

    def _send(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Reply:
        if time.monotonic() > self._used + IDLE_S:  # the server may be about to hang up
            self._connection.close()
        cookies = {"Cookie": self.cookies} if self._cookies else {}
        self._connection.request(method, path, body, {"User-Agent": "Mozilla/5.0 (bench)", **cookies, **headers})
        answer = self._connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        self._used = time.monotonic()
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _, rest = cookie.partition("=")
            value = rest.partition(";")[0]
            self._cookies.pop(name, None)
            if value:
                self._cookies[name] = value
        return Reply(answer.status, answer.headers.get("Location") or "", text)


def _path(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")
