"""The background work, done by one leader: deliveries, clean-up, key rotation, erasures, staff's factors. It may die and be taken up by another."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from clients.model import Client
from idp.errors import Unavailable
from idp.flows import cleanup, erasure, logos, outbox, staff_factors
from idp.flows.keys import rotate
from idp.parts import Parts
from idp.ports import Notifier
from idp.protocol.outbox import BACKOFF_S
from keys.ports import Sealer

TICK_S = 0.2
LEADER_WAIT_S = 1.0
THREADS = 32
PER_CLIENT = 2
LOGOS = "logos"
NOTICES = ""
"""The lane of messages to citizens; every client is a lane of its own."""
SECOND = 1_000_000
CLEAN_EVERY_US = 30 * SECOND
STAFF_EVERY_US = 3600 * SECOND
ROTATE_EVERY_US = SECOND
LONGEST_REST_US = 30 * SECOND


class Worker:
    """One process's offer to do the work. ``notifier`` None: messages wait (the demonstration shows them on a page)."""

    def __init__(
        self, parts: Parts, root: Sealer, notifier: Notifier | None = None, trouble: Callable[[str], object] = print
    ) -> None:
        self._parts, self._root, self._notifier, self._trouble = parts, root, notifier, trouble
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="delivery")
        self._busy: dict[bytes, str] = {}
        self._failures: Counter[str] = Counter()
        """Lane → failures since its last success."""
        self._resting: dict[bytes, int] = {}
        """Deliveries that failed in a way nobody foresaw → when they may be tried again."""
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._due_at = {"rotate": 0, "clean": 0, "erase": 0, "staff": 0, "logos": 0}
        self._walked = ""
        """Up to which client logos were looked for."""

    def run(self, stop: threading.Event, alive: Callable[[], bool] = lambda: True) -> None:
        """Work until ``stop`` is set or ``alive`` says no; while another leads, wait for it to go."""
        while not stop.is_set() and alive():
            try:
                with self._parts.store.lead("worker") as leader:
                    while leader and not stop.is_set() and alive():
                        self.tick()
                        self._wake.wait(TICK_S)
                        self._wake.clear()
            except Unavailable:
                pass  # the store is away: everything waits in it, and is there when it returns
            stop.wait(LEADER_WAIT_S)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def tick(self) -> None:
        """One look at everything that may be due. Raises Unavailable; any other failure of one chore leaves the others their turn."""
        now = self._parts.clock()
        self._chore(partial(self._deliver_logouts, now))
        if self._notifier is not None:
            self._chore(partial(self._deliver_messages, now, self._notifier))
        self._now_and_then("rotate", ROTATE_EVERY_US, now, self._rotate)
        self._now_and_then("clean", CLEAN_EVERY_US, now, partial(cleanup.clean, self._parts))
        self._now_and_then("erase", CLEAN_EVERY_US, now, partial(erasure.run_due, self._parts))
        self._now_and_then("staff", STAFF_EVERY_US, now, partial(staff_factors.tell, self._parts))
        self._now_and_then("logos", CLEAN_EVERY_US, now, self._fetch_logos)

    def idle(self) -> bool:
        """No delivery is under way."""
        with self._lock:
            return not self._busy

    def _now_and_then(self, name: str, every_us: int, now: int, work: Callable[[int], object]) -> None:
        if now >= self._due_at[name]:
            self._chore(partial(work, now))
            self._due_at[name] = now + every_us

    def _chore(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  told by its type alone: its text may hold personal data
            self._tell(error)

    def _rotate(self, now: int) -> None:
        rotate(self._parts.store, self._root, self._parts.config, self._parts.entropy, now)

    def _deliver_logouts(self, now: int) -> None:
        """A slow receiver holds at most two threads, a failing one a single one, so that it does not delay the others."""
        for limit in (outbox.BATCH, 10 * outbox.BATCH):
            due = outbox.due_logouts(self._parts, now, limit)
            begun = [self._submit(d.id, d.client_id, now, partial(outbox.deliver_logout, self._parts, d)) for d in due]
            if any(begun) or len(due) < limit:
                return

    def _deliver_messages(self, now: int, notifier: Notifier) -> None:
        for message in outbox.due_messages(self._parts, now):
            work = partial(outbox.deliver_message, self._parts, notifier, message)
            self._submit(message.id, NOTICES, now, work)

    def _fetch_logos(self, now: int) -> None:
        found, self._walked = logos.due(self._parts, self._walked, now)
        for client, version in found:
            self._submit(client.client_id.encode(), LOGOS, now, partial(self._fetch_logo, client, version))

    def _fetch_logo(self, client: Client, version: int) -> str | None:
        done = logos.again(self._parts, client, version, self._parts.clock())
        return None if done is None else "sent" if done else "pending"

    def _submit(self, key: bytes, lane: str, now: int, work: Callable[[], str | None]) -> bool:
        with self._lock:
            width = 1 if self._failures[lane] else PER_CLIENT
            full = Counter(self._busy.values())[lane] >= width or len(self._busy) >= THREADS
            if key in self._busy or full or self._resting.get(key, 0) > now:
                return False
            self._busy[key] = lane
            self._resting.pop(key, None)
        self._pool.submit(self._attempt, lane, work).add_done_callback(lambda done: self._done(key, done))
        return True

    def _attempt(self, lane: str, work: Callable[[], str | None]) -> None:
        """One delivery; when its receiver fails, whatever else is due for it is put behind the others."""
        state = work()
        if state is None:
            return
        with self._lock:
            self._failures[lane] = 0 if state == "sent" else self._failures[lane] + 1
            failures = self._failures[lane]
        if failures and lane not in (NOTICES, LOGOS):
            rest_us = min(BACKOFF_S[min(failures, len(BACKOFF_S)) - 1] * SECOND, LONGEST_REST_US)
            outbox.postpone(self._parts, lane, self._parts.clock() + rest_us)

    def _done(self, key: bytes, done: "Future[None]") -> None:
        error = done.exception() if not done.cancelled() else None
        with self._lock:
            self._busy.pop(key, None)
            if error is not None:
                now = self._parts.clock()
                self._resting = {k: at for k, at in self._resting.items() if at > now} | {key: now + LONGEST_REST_US}
        if error is not None:
            self._tell(error)
        self._wake.set()

    def _tell(self, error: BaseException) -> None:
        self._trouble(f"worker: {type(error).__name__} {_place(error)}; it is tried again")


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"at {trace.tb_frame.f_globals.get('__name__', '')}:{trace.tb_lineno}"
