"""PostgreSQL and Redis go and come back under load: refusals in between, recovery by itself, nothing used twice (F07, F16, F17)."""

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from tests.faults.ground import Load, Served
from tests.kit.house import App
from tests.kit.postgres import Postgres
from tests.kit.process import wait_until
from tests.kit.redis import Redis

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.redis]
IN_A_ROW = 60
"""More than would get by while one of the workers, or one connection of a pool, refuses."""


@pytest.fixture
def served(make_served: Callable[..., Served]) -> Served:
    house = make_served("postgres+redis")
    house.start(2)
    return house


class Watch:
    """Callers under an outage: every answer is right or an honest 503, never another error."""

    def __init__(self, served: Served) -> None:
        self.served, self.refused, self.right, self.in_a_row = served, 0, 0, 0
        self.machine, self.app = served.machine(), served.register()
        self.account = served.citizen()
        self.access = served.tokens(self.app, self.account)["access_token"]
        self.browser = served.signed_in(self.account)

    def judged(self, answer: TestResponse, *good: int) -> None:
        if answer.status_code in good:
            self.right += 1
            self.in_a_row += 1
            return
        assert answer.status_code == 503, (answer.status_code, answer.text[:300])
        assert int(answer.headers["Retry-After"]) >= 1
        self.refused += 1
        self.in_a_row = 0

    def tokens(self) -> None:
        self.judged(self.served.as_client(self.machine, "/token", {"grant_type": "client_credentials"}), 200)

    def userinfo(self) -> None:
        self.judged(self.served.userinfo(self.access), 200)

    def introspection(self) -> None:
        answer = self.served.as_client(self.app, "/introspect", {"token": self.access})
        assert answer.status_code == 503 or answer.get_json()["active"], "a good token was called inactive"
        self.judged(answer, 200)

    def pages(self) -> None:
        """A page says so in words, with the reference."""
        answer = self.served.request("GET", "/sign-in")
        self.judged(answer, 200)
        assert answer.content_type.startswith("text/html")

    def load(self) -> Load:
        return Load(self.tokens, self.userinfo, self.introspection, self.pages, pause_s=0.05)

    def recovers(self) -> None:
        """The store is back: soon nothing is refused any more, and all kinds of requests get through."""
        self.in_a_row = 0
        wait_until(lambda: self.in_a_row > IN_A_ROW, "answers without a refusal after the outage")


def pids(served: Served) -> set[int]:
    return set(served.server.of("server") + served.server.of("worker"))


def test_postgresql_restarts(served: Served, postgres: Postgres) -> None:
    """Fast, immediate, and away for a while; no process of ours is restarted."""
    watch, before = Watch(served), pids(served)
    used = code_and_tokens(watch)
    with watch.load():
        wait_until(lambda: watch.right > 20, "load")
        postgres.restart()
        watch.recovers()
        postgres.crash()
        wait_until(
            lambda: served.health() == (503, {**served.health()[1], "stores": "database unavailable"}), "not ready"
        )
        before_it = watch.refused
        wait_until(lambda: watch.refused > before_it + 5, "refusals while it is away")
        postgres.start()
        watch.recovers()
    wait_until(lambda: served.health()[0] == 200, "readiness")
    assert pids(served) == before, served.server.output()
    not_again(watch, used)


def test_redis_goes(served: Served, redis: Redis) -> None:
    """Flushed, restarted, killed: requests under way are lost with a clear page; sessions, codes and tokens are not; nothing works again."""
    watch, before = Watch(served), pids(served)
    for how in ("flush", "restart", "kill"):
        redis_goes(watch, redis, how)
    assert pids(served) == before, served.server.output()


def redis_goes(watch: Watch, redis: Redis, how: str) -> None:
    served = watch.served
    used = code_and_tokens(watch)
    code, _ = served.grant(watch.app, watch.account)
    browser = served.browser()
    page = served.authorize(browser, watch.app)
    assert 'id="sign-in"' in page.text
    pushed = push(served, watch.app)
    with watch.load():
        wait_until(lambda: watch.right > 20, "load")
        if how == "flush":
            redis.flush()
        elif how == "restart":
            redis.restart()
        else:
            redis.kill()
            wait_until(lambda: served.health()[1].get("stores") == "volatile store unavailable", "not ready")
            redis.start()
        watch.recovers()
    # What was in Redis is gone, and said so; what must outlive it did.
    lost = served.submit(browser, page, username="li.wei", password="whatever it was")
    assert lost.status_code == 400 and 'id="error-code"' in lost.text
    gone = watch.browser.get("/authorize", query_string={"client_id": watch.app.id, "request_uri": pushed})
    assert gone.status_code == 400 and 'id="error-code"' in gone.text
    assert served.redeem(watch.app, code).status_code == 200
    allowed = served.authorize(watch.browser, watch.app)
    assert 'id="consent-allow"' in allowed.text, "the session did not outlive the cache"
    not_again(watch, used)


def code_and_tokens(watch: Watch) -> tuple[str, str, dict[str, str]]:
    """A used code, a used refresh token, and the living tokens of that family."""
    code, _ = watch.served.grant(watch.app, watch.account)
    first = watch.served.redeem(watch.app, code).get_json()
    second = watch.served.refresh(watch.app, first["refresh_token"]).get_json()
    assert watch.served.userinfo(second["access_token"]).status_code == 200
    return code, first["refresh_token"], second


def not_again(watch: Watch, used: tuple[str, str, dict[str, str]]) -> None:
    """Neither the code nor the refresh token works again, and trying ends the family."""
    code, refresh, living = used
    assert watch.served.userinfo(living["access_token"]).status_code == 200
    for answer in (watch.served.redeem(watch.app, code), watch.served.refresh(watch.app, refresh)):
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")
    assert watch.served.userinfo(living["access_token"]).status_code == 401


def push(served: Served, app: App) -> str:
    form = {"response_type": "code", "redirect_uri": app.client.redirect_uris[0], "scope": "openid"}
    form |= {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
    return str(served.as_client(app, "/par", form).get_json()["request_uri"])
