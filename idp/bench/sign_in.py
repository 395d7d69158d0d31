"""Password sign-in through the real pages, by citizens in threads; and beside it what Argon2id alone costs on the same core."""

import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from argon2 import PasswordHasher

from idp.bench.citizen import Browser, Form
from idp.bench.cpu import cores, on_core
from idp.bench.target import Login, Target
from idp.bench.wrk import Load
from idp.config import Config

PATH = "/sign-in"
ALONE_S = 1.0
PASSWORD = "an argon password to verify"


@dataclass(slots=True)
class Tally:
    """What the threads saw. ``took_ms``: per sign-in, page and form together."""

    took_ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def signing_in(target: Target, seconds: int) -> Load:
    """Each citizen signs in again and again, each time in a new browser."""
    tally, began = Tally(), time.perf_counter()
    until = began + seconds
    with on_core(cores()[1]):
        _together([lambda login=login: _loop(target, login, until, tally) for login in target.citizens])  # type: ignore[misc]
    took = time.perf_counter() - began
    ordered = sorted(tally.took_ms) or [0.0]
    return Load(
        operations=len(tally.took_ms),
        requests=2 * len(tally.took_ms),
        seconds=took,
        p50_ms=ordered[len(ordered) // 2],
        p99_ms=ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
        errors=len(tally.errors),
        last_error=tally.errors[-1] if tally.errors else "",
    )


def argon_alone_us() -> float:
    """CPU microseconds of one verification with the product's default parameters, on the measured core."""
    config, done = Config(), 0
    argon = PasswordHasher(config.argon2_passes, config.argon2_memory_kib, parallelism=1)
    phc = argon.hash(PASSWORD)
    with on_core(cores()[0]):
        until, began = time.perf_counter() + ALONE_S, time.thread_time()
        while time.perf_counter() < until:
            argon.verify(phc, PASSWORD)
            done += 1
        return (time.thread_time() - began) / done * 1_000_000


def _loop(target: Target, login: Login, until: float, tally: Tally) -> None:
    browser = Browser(target)
    try:
        while (began := time.perf_counter()) < until:
            browser.new_citizen()
            wrong = _once(browser, login)
            if wrong:
                tally.errors.append(wrong)
            else:
                tally.took_ms.append((time.perf_counter() - began) * 1000)
    except (OSError, http.client.HTTPException) as error:
        tally.errors.append(type(error).__name__)
    finally:
        browser.close()


def _once(browser: Browser, login: Login) -> str:
    """Page, form, session; what was wrong, or nothing."""
    form = Form(browser.get(PATH).body)
    answer = browser.post(form.action or PATH, form.filled(login))
    signed_in = answer.status == 303 and "session=" in browser.cookies
    return "" if signed_in else f"{answer.status} {answer.body[:200]}"


def _together(jobs: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=job, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
