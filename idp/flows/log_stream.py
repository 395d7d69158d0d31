"""Every event to whoever watches elsewhere: in the log's order, each at least once, none left out however long a receiver was away.

How far a sink is, is a row that moves after the sink took what came before: a death in between sends a few events again.
"""

import threading
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, Protocol

from idp.audit.siem import line
from idp.errors import Unavailable
from idp.flows.log_reading import events_between
from idp.flows.sequencer import head
from idp.parts import Parts
from idp.ports import Insert
from idp.records import TreeHead

BATCH: Final = 500
TICK_S: Final = 0.5
REST_S: Final = (1, 2, 5, 15, 30)
"""After so many failures in a row, the last for all that follow."""


class Sink(Protocol):
    """Where events go. ``send`` raises OSError unless all of it was taken; ``name`` for the operator's log, without secrets."""

    @property
    def name(self) -> str: ...
    @property
    def format(self) -> str: ...
    def send(self, lines: Sequence[str], now: int) -> None: ...


class Stream:
    """One sink's stream; ``only`` events of this kind, if given. Any number of processes may offer; one leads."""

    def __init__(
        self, parts: Parts, sink: Sink, trouble: Callable[[str], object] = print, *, only: str | None = None
    ) -> None:
        self._parts, self._sink, self._trouble, self._only = parts, sink, trouble, only
        self._key = "sink:" + sha256(f"{sink.name} {only or ''}".encode()).hexdigest()[:32]
        self._failures = 0

    def run(self, stop: threading.Event, alive: Callable[[], bool] = lambda: True) -> None:
        """Stream until ``stop`` is set or ``alive`` says no; while another leads, wait for it to go."""
        while not stop.is_set() and alive():
            try:
                with self._parts.store.lead(self._key) as leader:
                    while leader and not stop.is_set() and alive():
                        if not self.step():
                            stop.wait(REST_S[min(self._failures, len(REST_S)) - 1] if self._failures else TICK_S)
            except Unavailable:
                pass  # the store is away: the events wait in it
            stop.wait(REST_S[0])

    def step(self) -> int:
        """Send the next events; how many, 0 when there are none or the sink took none. Raises Unavailable."""
        start = self.position()
        end = min(start + BATCH, head(self._parts).size)
        if end <= start:
            return 0
        now = self._parts.clock()
        try:
            found = events_between(self._parts, start, end, gaps=True)
            lines = [line(self._sink.format, i, event) for i, event in found if self._only in (None, event.kind)]
            if lines:
                self._sink.send(lines, now)
        except OSError as error:
            self._failed(error)
            return 0
        self._failures = 0
        self._parts.store.commit([Insert(TreeHead(self._key, end, b"", 0, b"", now), on_conflict="replace")])
        return end - start

    def position(self) -> int:
        """The index of the next event to send. A log that became smaller is streamed on from its end."""
        found = self._parts.store.one(TreeHead, name=self._key)
        return 0 if found is None else min(found.size, head(self._parts).size)

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == 1:
            self._trouble(f"audit log: {self._sink.name}: events wait: {type(error).__name__}")
