"""The access record and the last-resort log: one JSON line each, no query, no header, no exception text."""

import os
import select
import threading
import traceback
from collections.abc import Callable

import msgspec

from idp.ports import Clock
from idp.web import metrics


class Sink:
    """Writes lines to a file descriptor that may be a pipe whose reader has stopped: what it can't take at once is not waited for."""

    MOST = select.PIPE_BUF
    """A pipe that is ready takes so many bytes without waiting (POSIX, write)."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._turn = descriptor, threading.Lock()

    def __call__(self, line: bytes) -> None:
        """Raises OSError when the line can't be written now."""
        with self._turn:
            ready = select.poll()
            ready.register(self._descriptor, select.POLLOUT)
            if len(line) > self.MOST or not any(event & select.POLLOUT for _, event in ready.poll(0)):
                raise BlockingIOError
            os.write(self._descriptor, line)


class Access:
    """Writes lines to ``write`` (stderr by default) and counts requests. A blocked or broken sink drops lines, never requests."""

    def __init__(self, clock: Clock, *, every: bool, write: Callable[[bytes], object] | None = None) -> None:
        self._clock, self._every = clock, every
        self._write = write or Sink(2)

    def record(
        self, method: str, route: str, status: int, seconds: float, reference: str, trouble: str | None = None
    ) -> None:
        """One answered request; written when everything is (debug) or when it failed. ``trouble``: why, where a part could not be reached."""
        metrics.request(route, method, status, seconds)
        if self._every or status >= 500:
            self._line(
                {
                    "event": "request",
                    "method": method,
                    "route": route,
                    "status": status,
                    "ms": round(seconds * 1000, 2),
                    **({"trouble": trouble} if trouble is not None else {}),
                    "reference": reference,
                }
            )

    def crash(self, reference: str, error: BaseException) -> None:
        """An error that no rule foresaw: its type and places, not its text, which may hold what people typed."""
        places = [
            f"{f.filename.rsplit('/', 2)[-1]}:{f.lineno} {f.name}"
            for f in traceback.extract_tb(error.__traceback__)[-8:]
        ]
        self._line({"event": "crash", "type": type(error).__name__, "at": places, "reference": reference})

    def _line(self, value: dict[str, object]) -> None:
        try:
            self._write(msgspec.json.encode({"time": self._clock() // 1000, **value}) + b"\n")
        except OSError:
            metrics.log_dropped()
