"""The test ground itself: services are real, isolated and leave nothing behind; the browser's gates see what they should."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis as redis_client
from playwright.sync_api import Page

from tests.kit.browser import NewPage, axe, shot
from tests.kit.clock import START, FakeClock, deterministic_entropy
from tests.kit.postgres import SETTINGS, Postgres
from tests.kit.process import PATIENCE_S, Home, alive, wait_until
from tests.kit.redis import Redis

# ------------------------------------------------------------------------------------------------------ time and chance


def test_the_clock_moves_only_when_told(clock: FakeClock) -> None:
    assert clock.now() == clock() == START
    assert clock.advance(1.5) == START + 1_500_000 == clock()
    assert clock.advance(-1.5) == START
    assert clock.seconds * 1_000_000 == START


def test_entropy_repeats_between_runs_and_never_within_one(entropy: Callable[[int], bytes]) -> None:
    first, second = deterministic_entropy("a"), deterministic_entropy("a")
    drawn = [first(16) for _ in range(100)]
    assert drawn == [second(16) for _ in range(100)]
    assert len(set(drawn)) == 100
    assert entropy(32) not in (entropy(32), drawn[0])
    assert [len(entropy(n)) for n in (0, 1, 33)] == [0, 1, 33]


# ----------------------------------------------------------------------------------------------------------- PostgreSQL


def test_postgres_is_durable_utf8_and_off_the_network(postgres: Postgres, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        shown = {name: connection.execute(f"SHOW {name}").fetchone() for name in (*SETTINGS, "server_encoding")}
        collation = connection.execute(
            "SELECT datcollate FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert {n: v[0] for n, v in shown.items() if v} == {**SETTINGS, "server_encoding": "UTF8"}
    assert collation == ("C.UTF-8",)


def test_each_database_is_fresh_or_a_copy_of_its_template(
    postgres: Postgres, postgres_database: Callable[..., str]
) -> None:
    built = []

    def build(url: str) -> None:
        built.append(url)
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kit (n int)")

    one, two = (postgres_database(postgres.prepared("kit", build)) for _ in range(2))
    with psycopg.connect(one) as connection:
        connection.execute("INSERT INTO kit VALUES (1)")
    with psycopg.connect(two) as connection:
        assert connection.execute("SELECT count(*) FROM kit").fetchone() == (0,)
    assert len(built) == 1
    with psycopg.connect(postgres_database()) as connection:
        assert connection.execute("SELECT to_regclass('kit')").fetchone() == (None,)


@pytest.mark.parametrize("fault", [Postgres.restart, Postgres.kill, Postgres.crash])
def test_postgres_keeps_what_it_committed(
    postgres: Postgres, postgres_url: str, fault: Callable[[Postgres], None]
) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    fault(postgres)
    if fault is not Postgres.restart:
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(postgres_url)
        postgres.start()
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_postgres_can_hang_and_hang_up(postgres: Postgres, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        postgres.disconnect()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with postgres.hanging(), pytest.raises(psycopg.OperationalError, match="timeout"):
        psycopg.connect(postgres_url, connect_timeout=2)
    psycopg.connect(postgres_url).close()


# ---------------------------------------------------------------------------------------------------------------- Redis


def test_redis_refuses_rather_than_forgets_and_is_off_the_network(redis: Redis, redis_url: str) -> None:
    with redis.client() as connection:
        settings = connection.config_get("maxmemory-policy", "port", "appendonly", "save")
        connection.set("a", 1)
        redis.full()
        with pytest.raises(redis_client.OutOfMemoryError):
            connection.set("b", 1)
        redis.full(0)
        assert connection.get("a") == b"1"
    text = {_text(k): _text(v) for k, v in settings.items()}
    assert text == {"maxmemory-policy": "noeviction", "port": "0", "appendonly": "no", "save": ""}


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


@pytest.mark.parametrize("fault", [Redis.restart, Redis.flush, lambda r: (r.kill(), r.start())])
def test_a_lost_redis_is_empty(redis: Redis, redis_url: str, fault: Callable[[Redis], None]) -> None:
    with redis.client() as connection:
        connection.set("a", 1)
    fault(redis)
    with redis.client() as connection:
        assert connection.get("a") is None


def test_redis_can_hang(redis: Redis, redis_url: str) -> None:
    with (
        redis_client.Redis.from_url(redis_url, socket_timeout=0.3, retry=None) as hurried,
        redis.hanging(),
        pytest.raises(redis_client.TimeoutError),
    ):
        hurried.ping()
    with redis.client() as connection:
        assert connection.ping()


# -------------------------------------------------------------------------------------------------------------- cleanup


def test_a_home_ends_with_its_process_and_directory() -> None:
    child = subprocess.Popen(["sleep", "60"])
    home = Home("kit")
    home.guarding(child.pid)
    home.close()
    assert not home.path.exists()
    assert child.wait(PATIENCE_S) == -signal.SIGKILL


def test_a_killed_run_leaves_no_server_behind() -> None:
    code = (
        "from tests.kit.redis import Redis; import time\n"
        "r = Redis(); print(r.pid, r.home.path, flush=True); time.sleep(60)"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    with run:
        assert run.stdout is not None
        pid, path = run.stdout.readline().split()
        assert alive(int(pid))
        os.kill(run.pid, signal.SIGKILL)
    wait_until(lambda: not alive(int(pid)) and not Path(path).exists(), "the guard's work")


# -------------------------------------------------------------------------------------------------------------- browser

CSP = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; img-src 'self'\">"
GOOD = f"<!doctype html><html lang=en><head>{CSP}<title>T</title></head><body><main><h1>一门 Yimen</h1></main></body></html>"


def test_axe_sees_faults_and_clean_pages_under_the_pages_csp(new_page: NewPage) -> None:
    page = new_page(watch=False)  # the image that it loads is refused
    page.set_content(GOOD)
    assert axe(page) == []
    page.set_content(GOOD.replace("<h1>", "<img src='data:,'><h1>"), wait_until="commit")
    assert "image-alt" in [violation.rule for violation in axe(page)]


def test_axe_runs_without_the_pages_javascript(page_plain: Page) -> None:
    page_plain.set_content(
        GOOD.replace("<html lang=en>", "<html>").replace(CSP, "<script>document.title='JS'</script>")
    )
    assert page_plain.title() == "T"
    assert [violation.rule for violation in axe(page_plain)] == ["html-has-lang"]
    page_plain.set_content(GOOD.replace(CSP, ""))
    assert axe(page_plain) == []
    page_plain.set_content(GOOD.replace(CSP, "").replace("<h1>", "<img src='data:,'><h1>"), wait_until="commit")
    assert "image-alt" in [violation.rule for violation in axe(page_plain)], "a page that changes is judged anew"


def test_locales_reach_the_page(page: Page, page_en: Page) -> None:
    assert [p.evaluate("navigator.language") for p in (page, page_en)] == ["zh-CN", "en"]


def test_contexts_share_no_cookies(new_page: NewPage) -> None:
    one, two = new_page(), new_page()
    one.context.add_cookies([{"name": "a", "value": "1", "url": "http://localhost"}])
    assert [len(p.context.cookies()) for p in (one, two)] == [1, 0]


def test_pictures_are_taken(page: Page) -> None:
    page.set_content(GOOD)
    assert shot(page, "kit").read_bytes().startswith(b"\x89PNG")


def test_a_page_that_breaks_its_csp_or_throws_is_reported(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makeconftest("pytest_plugins = ['tests.kit.browser']")
    pytester.makepyfile(
        f'''
        CSP = """{CSP}"""
        def test_csp(page):
            page.set_content(CSP + "<img src='http://localhost:1/x.png'><script>1</script>")
        def test_throws(page):
            page.set_content("<script>throw new Error('no')</script>")
            page.wait_for_timeout(100)
        def test_watch_off(new_page):
            new_page(watch=False).set_content("<script>throw new Error('no')</script>")
        '''
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist")
    result.assert_outcomes(passed=3, errors=2)
