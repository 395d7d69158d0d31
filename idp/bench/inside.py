"""The release itself, without HTTP: the flow that UserInfo calls, in this process, by as many threads as the server has, over the same stores."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from idp.app import close_parts, in_turn, open_parts
from idp.bench.cpu import cores, on_core
from idp.bench.target import Target
from idp.bench.wrk import Load
from idp.config import load
from idp.errors import Refusal, Unavailable
from idp.flows.access_tokens import AccessTokens, check_alive
from idp.flows.userinfo import Signed, release
from idp.parts import Parts
from idp.records import Grant


@dataclass(slots=True)
class _Tally:
    took_ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def releasing(target: Target, token: str, seconds: int) -> Load:
    """Vault opened, plan made, event on disk, answer signed and encrypted, again and again. The CPU is this process's own."""
    parts = open_parts(load(target.settings))
    try:
        verified = AccessTokens(parts).verify(token, parts.clock())
        grant = check_alive(parts, verified, parts.clock())
        assert grant is not None
        with on_core(cores()[0]), _as_served():
            _loop(parts, grant, verified.token.scope, 0, _Tally())  # caches
            return _load(parts, grant, verified.token.scope, target.threads, seconds)
    finally:
        close_parts(parts)


@contextmanager
def _as_served() -> Iterator[None]:
    """Threads are scheduled as those of a server."""
    before = os.sched_getscheduler(0)
    in_turn()
    try:
        yield
    finally:
        os.sched_setscheduler(0, before, os.sched_param(0))


def _load(parts: Parts, grant: Grant, scope: tuple[str, ...], threads: int, seconds: int) -> Load:
    tally, began, spent = _Tally(), time.perf_counter(), time.process_time()
    until = began + seconds
    workers = [threading.Thread(target=_loop, args=(parts, grant, scope, until, tally)) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took, own = time.perf_counter() - began, time.process_time() - spent
    ordered = sorted(tally.took_ms) or [0.0]
    return Load(
        operations=len(tally.took_ms),
        requests=len(tally.took_ms),
        seconds=took,
        p50_ms=ordered[len(ordered) // 2],
        p99_ms=ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
        errors=len(tally.errors),
        last_error=tally.errors[-1] if tally.errors else "",
        own_us=own * 1_000_000,
    )


def _loop(parts: Parts, grant: Grant, scope: tuple[str, ...], until: float, tally: _Tally) -> None:
    """At least once."""
    while True:
        began = time.perf_counter()
        try:
            told = release(parts, grant, scope, parts.clock())
        except (Refusal, Unavailable) as error:
            tally.errors.append(type(error).__name__)
        else:
            tally.took_ms.append((time.perf_counter() - began) * 1000)
            if not isinstance(told, Signed):
                tally.errors.append("not encrypted")
        if time.perf_counter() >= until:
            return
