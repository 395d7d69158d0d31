"""SIGKILL of any process at any moment under load: what was acknowledged is there, and nothing works twice (F01-F04)."""

import os
import signal
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from werkzeug.test import TestResponse

from idp.records import Consent, Event, Grant, LogoutDelivery, PurposeKey, Session, SigningKey, grant_id
from keys.tokens import open_jti, token_hash
from tests.faults.conftest import BACKENDS
from tests.faults.ground import Gone, Load, Served
from tests.kit.clock import deterministic_entropy
from tests.kit.house import App, claims_of
from tests.kit.process import alive, wait_until

pytestmark = pytest.mark.slow
KILLS, PASSWORD = 14, "correct horse battery staple"
OUT = "https://tax.example/out"


@dataclass
class Journal:
    """What the product acknowledged, by the caller's own record."""

    codes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Code → how often it was answered with tokens."""
    refreshed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Refresh token → how often it was answered with tokens."""
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Code → the first tokens."""
    successors: list[str] = field(default_factory=list)
    revoked: list[dict[str, Any]] = field(default_factory=list)
    consents: list[tuple[bytes, str]] = field(default_factory=list)
    sign_ins: list[str] = field(default_factory=list)
    logouts: list[str] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)

    def full(self) -> bool:
        """Whether each kind was acknowledged."""
        return all((self.codes, self.refreshed, self.revoked, self.consents, self.sign_ins, self.logouts))


class Driver:
    """Journeys of callers who never trust a lost answer: what is not answered counts as neither done nor undone."""

    def __init__(self, served: Served) -> None:
        self.served, self.journal = served, Journal()
        self.app = served.register(post_logout_redirect_uris=[OUT])
        self.account = served.citizen("li.wei", password=PASSWORD)
        self.other = served.citizen("zhao.min", password=PASSWORD)
        self.turn = 0

    def asked(self, what: str, action: Callable[[], TestResponse]) -> TestResponse | None:
        """The answer, or None when there was none that says anything."""
        try:
            answer = action()
        except Gone:
            self.journal.lost[what] += 1
            return None
        assert answer.status_code in (200, 201, 303, 400, 401, 503), (answer.status_code, answer.text)
        return None if answer.status_code == 503 else answer

    def tokens(self) -> None:
        """A code, redeemed until an answer says how it ended; then refreshed; every third family revoked."""
        served, app, journal = self.served, self.app, self.journal
        code, _ = served.grant(app, self.account, offline=1)
        first = None
        for _ in range(20):
            answer = self.asked("code", lambda: served.redeem(app, code))
            if answer is not None:
                if answer.status_code == 200:
                    journal.codes[code] += 1
                    first = journal.tokens[code] = answer.get_json()
                break
            time.sleep(0.1)
        if first is None:
            return
        refresh = first["refresh_token"]
        answer = self.asked("refresh", lambda: served.refresh(app, refresh))
        if answer is not None and answer.status_code == 200:
            journal.refreshed[refresh] += 1
            journal.successors.append(answer.get_json()["refresh_token"])
        self.turn += 1
        if self.turn % 3 == 0:
            done = self.asked("revoke", lambda: served.as_client(app, "/revoke", {"token": refresh}))
            if done is not None and done.status_code == 200:
                journal.revoked.append(first)

    def li_wei(self) -> None:
        self._citizen("li.wei", self.account)

    def zhao_min(self) -> None:
        """Another person: a yes that one citizen says in two pages at once is one consent, with one event."""
        self._citizen("zhao.min", self.other)

    def _citizen(self, name: str, account: bytes) -> None:
        """Signs in, allows a service, signs out."""
        served, journal, browser = self.served, self.journal, self.served.browser()
        query = {"scope": "openid profile", "state": "s"}
        try:
            page = served.authorize(browser, self.app, **query, prompt="login consent")
            signed = served.submit(browser, page, username=name, password=PASSWORD)
        except (*Gone, KeyError):
            return
        if "yimen-session" in browser.cookies:
            journal.sign_ins.append(browser.cookies["yimen-session"])
        if 'id="consent-allow"' not in signed.text:
            return
        answer = self.asked("consent", lambda: served.submit(browser, signed, decision="allow"))
        code = dict(parse_qsl(urlsplit(answer.headers.get("Location", "")).query)).get("code") if answer else None
        if code is None:
            return
        journal.consents.append((account, code))
        tokens = self.asked("code", lambda: served.redeem(self.app, code))
        if tokens is None or tokens.status_code != 200:
            return
        journal.codes[code] += 1
        hint = tokens.get_json()["id_token"]
        cookie = browser.cookies["yimen-session"]
        out = self.asked("logout", lambda: browser.get("/logout", query_string={"id_token_hint": hint}))
        if out is not None and 'id="logout-done"' in out.text:
            journal.logouts.append(cookie)


@pytest.fixture(params=BACKENDS)
def served(request: pytest.FixtureRequest, make_served: Callable[..., Served]) -> Served:
    return make_served(request.param)


@pytest.mark.attack("F01", "F02", "F03", "F04")
def test_what_was_acknowledged_is_there_and_nothing_works_twice(served: Served) -> None:
    """Killed at any moment under load: nothing acknowledged is lost, nothing works twice (DESIGN §2.1, §2.2)."""
    driver = Driver(served)
    early = served.session(driver.account)
    keys = {row.kid for row in served.parts.store.find(SigningKey)}, served.parts.store.find(PurposeKey)
    served.start(2)
    chance = deterministic_entropy("kills")
    with Load(driver.tokens, driver.tokens, driver.li_wei, driver.zhao_min):
        for number in range(KILLS):
            time.sleep(0.1 + chance(1)[0] / 320)
            strike(served, "parent" if number in (5, 10) else ("server", "server", "worker")[chance(1)[0] % 3])
        served.wait_ready(2)
        wait_until(driver.journal.full, "every kind of journey to its end")
    assert driver.journal.lost.total() > 0, "nothing was under way when something was killed"
    judge(served, driver)
    # Sessions survive, and no key was made anew.
    browser = served.browser()
    browser.set_cookie("yimen-session", early[1])
    assert "code=" in served.authorize(browser, driver.app, prompt="none", scope="openid").headers["Location"]
    assert {row.kid for row in served.parts.store.find(SigningKey)} >= keys[0]
    assert served.parts.store.find(PurposeKey) == keys[1]
    assert served.server.stop() == 0
    intact(served)


def strike(served: Served, whom: str) -> None:
    """SIGKILL; a killed parent is started again, as a service manager does."""
    server = served.server
    if server.popen.poll() is None and whom != "parent":
        for pid in server.of(whom)[:1]:
            kill(pid)
        return
    server.kill()
    served.start(2, ready=False)
    wait_until(lambda: served.health()[0] == 200, "a new start")


def kill(pid: int) -> None:
    """SIGKILL, and its end: a process that is dying still holds its listener, and health would believe it."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    wait_until(lambda: not alive(pid), "the end of a killed process")


def judge(served: Served, driver: Driver) -> None:
    journal, store, ring = driver.journal, served.parts.store, served.parts.ring
    assert journal.full()
    assert max(journal.codes.values()) == 1 and max(journal.refreshed.values()) == 1
    events: dict[str, Counter[str]] = defaultdict(Counter)
    for row in store.find(Event, limit=1_000_000):
        events[row.kind][
            str(msgspec.json.decode(row.head).get("grant") or msgspec.json.decode(row.head).get("session"))
        ] += 1
    for code in journal.codes:
        grant = store.one(Grant, id=grant_id(token_hash(ring, "code", code) or b""))
        assert grant is not None and grant.state == "redeemed"
        assert events["code.issued"][grant.id.hex()] == 1 and events["code.redeemed"][grant.id.hex()] == 1
    assert max(events["code.redeemed"].values()) == 1
    assert events["token.refreshed"].total() >= sum(journal.refreshed.values())
    ended = {grant.id for grant in store.find(Grant, limit=1_000_000) if grant.ended_at is not None}
    for cookie in journal.sign_ins:
        session = store.one(Session, token_hash=token_hash(ring, "session", cookie))
        assert session is not None and events["session.started"][session.id.hex()] == 1
    for cookie in journal.logouts:
        session = store.one(Session, token_hash=token_hash(ring, "session", cookie))
        assert session is not None and session.ended_at is not None
        assert events["session.ended"][session.id.hex()] == 1
    for account, _ in journal.consents:
        assert store.one(Consent, account_id=account, client_id=driver.app.id) is not None
    assert events["consent.given"].total() >= len(journal.consents)
    assert not store.find(LogoutDelivery, {"state": "dead"})
    twice(served, driver.app, journal, ended)


def twice(served: Served, app: App, journal: Journal, ended: set[bytes]) -> None:
    """Every acknowledged token that nobody ended is good; every used code and refresh token is not, and its replay ends the family."""
    dead = {tokens["access_token"] for tokens in journal.revoked}

    def active(tokens: dict[str, Any]) -> bool:
        return bool(served.introspect(app, tokens["access_token"])["active"])

    with ThreadPoolExecutor(4) as pool:
        firsts = list(journal.tokens.items())
        for (_, tokens), good in zip(firsts, pool.map(lambda item: active(item[1]), firsts), strict=True):
            assert good == (tokens["access_token"] not in dead) or _was_ended(served, tokens, ended)
        for answer in pool.map(lambda used: served.refresh(app, used), list(journal.refreshed)):
            assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")
        for answer in pool.map(lambda used: served.redeem(app, used), list(journal.codes)):
            assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")


def _was_ended(served: Served, tokens: dict[str, Any], ended: set[bytes]) -> bool:
    """A caller whose answer was lost may have ended its own family by asking again, or by a revocation whose answer was lost."""
    opened = open_jti(served.parts.ring, claims_of(tokens["access_token"])["jti"])
    return opened is not None and opened[1] in ended


def intact(served: Served) -> None:
    url = served.config.database_url
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


@pytest.mark.attack("F04")
def test_the_background_worker_and_the_servers_come_back_by_themselves(make_served: Callable[..., Served]) -> None:
    """Both kinds are killed at once; the parent starts both again, and says so meanwhile."""
    served = make_served()
    server = served.start(2)
    before = server.family()
    for pid, kind in before.items():
        if kind != "other":
            kill(pid)

    def unready() -> bool:
        """They may be there again before anybody looked; the background worker is started later each time."""
        for pid in server.of("worker"):
            kill(pid)
        return served.health()[0] == 503

    wait_until(unready, "not ready")
    wait_until(lambda: served.health()[0] == 200 and len(server.of("server")) == 2, "ready again")
    assert server.popen.poll() is None
    assert not set(server.of("server") + server.of("worker")) & set(before)
    assert served.request("GET", "/jwks").status_code == 200
