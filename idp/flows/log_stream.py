"""Every event to whoever watches elsewhere: in the log's order, each at least once, none left out however long a receiver was away.

How far a sink is, is a row that moves after the sink took what came before: a death in between sends a few events again. An alert whose leaf does
not come is told ahead of its turn, and passed over in it; the log's alarm again as long as it stands.
"""

import threading
from collections.abc import Callable, Container, Sequence
from hashlib import sha256
from typing import Final, Protocol

from idp.audit.ahead import due, pack, unpack
from idp.audit.siem import line
from idp.errors import Unavailable
from idp.flows.log_places import moved
from idp.flows.log_reading import events_between
from idp.flows.log_waiting import waiting
from idp.flows.sequencer import Damaged, head
from idp.parts import Parts
from idp.records import Event, TreeHead

BATCH: Final = 500
TICK_S: Final = 0.5
NO_LEAF: Final = -1
"""The index of what has no leaf yet."""
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
        held = self._held()
        place, waits, now = held or self._nothing(), waiting(self._parts), self._parts.clock()
        told, was, tree = unpack(place.note), place.note, head(self._parts).size
        start = min(place.size, tree)
        end = min(start + BATCH, tree)
        try:
            found = self._next(start, end, told)
        except Damaged:  # a bundle of the tree is gone: the alarm about it is told all the same
            found, end = [], start
        try:
            told |= {event.id: now for _, event in found if event.id in waits}
            ahead = due({name: how for name, (_, how) in waits.items()}, told, now)
            told |= dict.fromkeys(ahead, now)
            found += [(NO_LEAF, waits[name][0]) for name in ahead]
            lines = [line(self._sink.format, index, event) for index, event in found]
            if lines:
                self._sink.send(lines, now)
        except OSError as error:
            self._failed(error)
            return 0
        self._failures = 0
        if end == tree:  # what waits no longer has its leaf, and was passed over
            told = {name: at for name, at in told.items() if name in waits}
        if end > start or pack(told) != was or place.size > tree > 0:
            place = TreeHead(self._key, end if tree else place.size, b"", 0, pack(told), now)
            self._parts.store.commit([moved(held, place)])  # of two leaders none takes the other back
        return end - start + len(ahead)

    def _next(self, start: int, end: int, told: Container[bytes]) -> list[tuple[int, Event]]:
        """The events of these leaves that are for this sink. Raises Damaged."""
        leaves = events_between(self._parts, start, end, gaps=True) if end > start else ()
        return [(n, event) for n, event in leaves if self._only in (None, event.kind) and event.id not in told]

    def position(self) -> int:
        """The index of the next event to send. A log that became smaller is streamed on from its end."""
        return min((self._held() or self._nothing()).size, head(self._parts).size)

    def _held(self) -> TreeHead | None:
        """How far the sink is; ``note``: what it was told ahead of that."""
        return self._parts.store.one(TreeHead, name=self._key)

    def _nothing(self) -> TreeHead:
        return TreeHead(self._key, 0, b"", 0, b"", 0)

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == 1:
            self._trouble(f"audit log: {self._sink.name}: events wait: {type(error).__name__}")
