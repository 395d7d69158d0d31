"""The background work, done by one leader: deliveries, clean-up, key rotation. It may die at any moment and be taken up by another."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from idp.errors import Unavailable
from idp.flows import cleanup, outbox
from idp.flows.keys import rotate
from idp.parts import Parts
from idp.ports import Notifier
from keys.ports import Sealer

TICK_S = 0.2
LEADER_WAIT_S = 1.0
THREADS = 16
PER_CLIENT = 2
CLEAN_EVERY_US = 30 * 1_000_000
ROTATE_EVERY_US = 1_000_000


class Worker:
    """One process's offer to do the work. ``notifier`` None: messages wait (the demonstration shows them on a page)."""

    def __init__(
        self, parts: Parts, root: Sealer, notifier: Notifier | None = None, trouble: Callable[[str], object] = print
    ) -> None:
        self._parts, self._root, self._notifier, self._trouble = parts, root, notifier, trouble
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="delivery")
        self._busy: dict[bytes, str] = {}
        self._lock = threading.Lock()
        self._cleaned_at = self._rotated_at = 0

    def run(self, stop: threading.Event, alive: Callable[[], bool] = lambda: True) -> None:
        """Work until ``stop`` is set or ``alive`` says no; while another leads, wait for it to go."""
        while not stop.is_set() and alive():
            try:
                with self._parts.store.lead("worker") as leader:
                    while leader and not stop.is_set() and alive():
                        self.tick()
                        stop.wait(TICK_S)
            except Unavailable:
                pass  # the store is away: everything waits in it, and is there when it returns
            stop.wait(LEADER_WAIT_S)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def tick(self) -> None:
        """One look at everything that may be due."""
        now = self._parts.clock()
        self._deliver_logouts(now)
        if self._notifier is not None:
            self._deliver_messages(now, self._notifier)
        if now - self._rotated_at >= ROTATE_EVERY_US:
            rotate(self._parts.store, self._root, self._parts.config, self._parts.entropy, now)
            self._rotated_at = now
        if now - self._cleaned_at >= CLEAN_EVERY_US:
            cleanup.clean(self._parts, now)
            self._cleaned_at = now

    def idle(self) -> bool:
        """No delivery is under way."""
        with self._lock:
            return not self._busy

    def _deliver_logouts(self, now: int) -> None:
        """A slow receiver holds at most two threads, so that it does not delay the others."""
        for delivery in outbox.due_logouts(self._parts, now):
            self._submit(delivery.id, delivery.client_id, partial(outbox.deliver_logout, self._parts, delivery))

    def _deliver_messages(self, now: int, notifier: Notifier) -> None:
        for message in outbox.due_messages(self._parts, now):
            self._submit(message.id, "notices", partial(outbox.deliver_message, self._parts, notifier, message))

    def _submit(self, key: bytes, lane: str, work: Callable[[], str]) -> None:
        with self._lock:
            if key in self._busy or Counter(self._busy.values())[lane] >= PER_CLIENT:
                return
            self._busy[key] = lane
        self._pool.submit(work).add_done_callback(lambda done: self._done(key, done))

    def _done(self, key: bytes, done: "Future[str]") -> None:
        with self._lock:
            self._busy.pop(key, None)
        error = done.exception() if not done.cancelled() else None
        if error is not None:
            self._trouble(f"worker: {type(error).__name__} while delivering; it is tried again")
