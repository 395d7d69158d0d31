"""Keeps the log: sequences what is committed, remembers and shows its heads, checks itself. One leader; it may die at any moment.

Sequencing has a thread of its own, so that a slow witness or receiver delays no leaf.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from idp.audit.tiles import WIDTH
from idp.audit.verify import Bad
from idp.errors import Unavailable
from idp.flows import addresses
from idp.flows.log_memory import ADVICE, check, remember, sound_alarm
from idp.flows.log_purge import end_again
from idp.flows.log_reading import CHECKED, checkpoint
from idp.flows.log_witnesses import Witnessing
from idp.flows.sequencer import MANY, SECOND, Damaged, catch_up, check_tail, head, log_signer, sign_again
from idp.parts import Parts
from idp.ports import Insert

TICK_S: Final = 0.2
REST_S: Final = 1.0
TAIL_EVERY_US: Final = SECOND
REMEMBER_EVERY_US: Final = SECOND
WITNESS_EVERY_US: Final = 10 * SECOND
SHOW_EVERY_US: Final = 60 * SECOND
SIGN_EVERY_US: Final = 600 * SECOND
MONTH_EVERY_US: Final = 60 * SECOND
ENDED_EVERY_US: Final = 24 * 3600 * SECOND
CHECK_EVERY_US: Final = 3600 * SECOND
SLICE: Final = 400
"""Bundles whose rows each hourly check reads beside the newest: about a hundred thousand events; the next hour goes on behind them."""


NOTHING_YET: Final = object()
"""The answer of a chore that has nothing to do before the first checkpoint: it is asked again soon."""
TAIL = Bad(None, "the stored tree does not carry its head, or its newest events are gone")


class Receiver(Protocol):
    """Whoever gets checkpoints. ``send`` raises OSError when it could not be handed over; ``name`` for the operator's log."""

    @property
    def name(self) -> str: ...
    def send(self, checkpoint: str, now: int) -> None: ...


class LogKeeper:
    """One process's offer to keep the log. ``receivers`` get checkpoints; ``trouble`` hears lines for the operator."""

    def __init__(
        self, parts: Parts, receivers: Sequence[Receiver] = (), trouble: Callable[[str], object] = print
    ) -> None:
        self._parts, self._receivers, self._trouble = parts, receivers, trouble
        self._signer = log_signer(parts)
        self._witnessing = Witnessing(parts, parts.config.log_witnesses)
        self._due: dict[str, int] = {}
        self._shown = self._remembered = b""
        self._slice = 0
        self._said: dict[str, str] = {}
        self._chores: tuple[tuple[str, int, Callable[[], object]], ...] = (
            ("check", CHECK_EVERY_US, self._check),
            ("tail", TAIL_EVERY_US, self._tail),
            ("month", MONTH_EVERY_US, self._month),
            ("ended", ENDED_EVERY_US, self._ended),
            ("remember", REMEMBER_EVERY_US, self._remember),
            ("witness", WITNESS_EVERY_US, self._witness),
            ("show", SHOW_EVERY_US, self._show),
        )

    def run(self, stop: threading.Event, alive: Callable[[], bool] = lambda: True) -> None:
        """Keep it until ``stop`` is set or ``alive`` says no; while another leads, wait for it to go."""
        while not stop.is_set() and alive():
            try:
                with self._parts.store.lead("log") as leader:
                    if leader:
                        self._lead(stop, lambda: bool(leader) and alive())
            except Unavailable:
                pass  # the store is away: everything waits in it, and is there when it returns
            stop.wait(REST_S)

    def sequence(self) -> int:
        """One look at what is committed; how many leaves. Raises Unavailable; a damaged tree is an alarm, and gets no leaf."""
        now = self._parts.clock()
        try:
            count = catch_up(self._parts, self._signer, now)
        except Damaged as damaged:
            self._alarm(damaged.bad or TAIL)
            raise
        if not count and now - head(self._parts).at >= SIGN_EVERY_US:
            sign_again(self._parts, self._signer, now)
        return count

    def tick(self) -> None:
        """One look at everything else that is due; what can't be done keeps nothing else waiting. Raises the first Unavailable, at the end."""
        now, troubles = self._parts.clock(), list[Unavailable]()
        for name, every_us, work in self._chores:
            try:
                self._now_and_then(name, every_us, now, work)
            except Unavailable as error:
                troubles.append(error)
        if troubles:
            raise troubles[0]

    def check(self) -> bool:
        """The self-check; whether the log is whole. Raises Unavailable."""
        bundles = -(-head(self._parts).size // WIDTH)
        start = self._slice if self._slice < bundles else 0
        part = range(start, min(start + SLICE, bundles))
        try:
            whole = check(self._parts, self._signer, part)
        except Bad as bad:
            self._alarm(bad)
            return False
        self._slice = part.stop
        if whole.note:
            seen = msgspec.structs.replace(whole, name=CHECKED, at=self._parts.clock())
            self._parts.store.commit([Insert(seen, on_conflict="replace")])
        return True

    def _lead(self, stop: threading.Event, alive: Callable[[], bool]) -> None:
        ended = threading.Event()
        thread = threading.Thread(target=self._keep_sequencing, args=(stop, ended), name="sequencer", daemon=True)
        thread.start()
        try:
            while not stop.is_set() and alive():
                self._guarded("keeper", self.tick)
                stop.wait(REST_S / 2)
        finally:
            ended.set()
            thread.join()

    def _keep_sequencing(self, stop: threading.Event, ended: threading.Event) -> None:
        while not stop.is_set() and not ended.is_set():
            count = self._guarded("sequencer", self.sequence)
            if count is None:
                ended.wait(REST_S)
            elif count < MANY:
                ended.wait(TICK_S)

    def _guarded(self, who: str, work: Callable[[], int | None]) -> int | None:
        """Unavailable waits; what nobody foresaw is told by its type alone, once, and tried again."""
        try:
            done = work()
        except Unavailable as error:
            self._say(who, error.advice())
            return None
        except Exception as error:  # noqa: BLE001  its text may hold what is personal
            self._say(who, f"{type(error).__name__}; it is tried again")
            return None
        self._said.pop(who, None)
        return done

    def _say(self, who: str, text: str) -> None:
        if self._said.get(who) != text:
            self._said[who] = text
            self._trouble(f"audit log: {who}: {text}")

    def _now_and_then(self, name: str, every_us: int, now: int, work: Callable[[], object]) -> None:
        if now >= self._due.get(name, 0) and (work() is not NOTHING_YET):
            self._due[name] = now + every_us

    def _alarm(self, bad: Bad) -> None:
        if sound_alarm(self._parts, bad):
            self._trouble(f"audit log: ALARM: {bad}; {ADVICE}")

    def _check(self) -> object:
        self.check()
        return None if head(self._parts).note else NOTHING_YET

    def _tail(self) -> None:
        try:
            check_tail(self._parts)
        except Damaged:
            self._alarm(TAIL)

    def _month(self) -> None:
        """Not tried again at once when it can't be: events go on in the last month's partition."""
        try:
            self._parts.store.part_off(addresses.month(self._parts.clock()))
        except Unavailable as error:
            self._say("month", f"the month's partition waits: {error.advice()}")
        else:
            self._said.pop("month", None)

    def _ended(self) -> None:
        """Keys that were destroyed stay destroyed, whichever copy of the keyring is there."""
        again = [*end_again(self._parts), *addresses.end_again(self._parts, self._parts.clock())]
        if again:
            self._trouble(
                f"audit log: {len(again)} destroyed keys of months were back, from an older keyring; they are destroyed again"
            )

    def _remember(self) -> None:
        if head(self._parts).note == self._remembered:
            return
        try:
            self._remembered = remember(self._parts, self._signer).note
        except Bad as bad:
            self._alarm(bad)

    def _witness(self) -> object:
        if not head(self._parts).note:
            return NOTHING_YET
        for witness, state in self._witnessing.ask(self._parts.clock()).items():
            if state != "ok":
                self._say(witness, f"the witness {state}" if state == "disagrees" else "the witness is away")
            else:
                self._said.pop(witness, None)
        return None

    def _show(self) -> object:
        newest = checkpoint(self._parts)
        if not newest:
            return NOTHING_YET
        if newest == self._shown:
            return None
        self._shown = newest
        for receiver in self._receivers:
            try:
                receiver.send(newest.decode(), self._parts.clock())
                self._said.pop(receiver.name, None)
            except OSError as error:
                self._shown = b""
                self._say(receiver.name, f"a checkpoint could not be sent: {type(error).__name__}")
        return None
