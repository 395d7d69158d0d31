"""What the audit log costs: an append over the transaction it rides on, integration, verification and proof, in one process on one core."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import msgspec

from idp.app import close_parts, open_parts, prepare
from idp.audit.events import SignInFailed, record
from idp.bench.cpu import between_us, cores, on_core, spent_ns
from idp.bench.processes import Missing
from idp.bench.provider import settings
from idp.bench.services import Service, postgres
from idp.config import load
from idp.flows.log_reading import events_between, prove
from idp.flows.log_verify import verify
from idp.flows.sequencer import LogSigner, head, log_signer, step
from idp.parts import Parts
from idp.ports import Insert
from idp.records import UsedAssertion

EVENTS = 100_000
MILLION = 1_000_000
TURNS, SLICE = 12, 50
PROOFS = 200
BATCH = 500


class LogRow(msgspec.Struct, frozen=True, kw_only=True):
    """One store. ``append_us``: CPU of one more audited event in a transaction, all parts; rates are events per second, wall clock, one core;
    ``million_s``: the time to verify a million events, extrapolated; ``proof_ms``: one inclusion proof, fresh from the store."""

    target: str
    events: int
    append_us: float
    integrate_per_s: float
    verify_per_s: float
    million_s: float
    proof_ms: float

    def line(self) -> str:
        """For people."""
        return (
            f"audit log on {self.target}: {self.append_us:.0f} us CPU per append, integrates {self.integrate_per_s:,.0f} events/s, "
            f"verifies a million in {self.million_s:.0f} s, proves one in {self.proof_ms:.1f} ms"
        )


def measure(stacks: tuple[str, ...], folder: Path, left_out: list[str]) -> list[LogRow]:
    """A row for each store that is there; the others are named in ``left_out``."""
    found = []
    for stack in stacks:
        try:
            with ExitStack() as opened:
                database = opened.enter_context(postgres(folder, ("main", "keyring"))) if stack == "postgres" else None
                found.append(opened.enter_context(_on_one_core(stack, folder, database, EVENTS)))
        except Missing as error:
            left_out.append(f"audit log on {stack}: {error}")
    return found


@contextmanager
def _on_one_core(stack: str, folder: Path, database: Service | None, events: int) -> Iterator[LogRow]:
    home = folder / f"log-{stack}"
    home.mkdir(mode=0o700)
    config = load(settings(home, 1, 2, database, None))
    with on_core(cores()[0]):
        prepare(config)
        parts = open_parts(config)
        try:
            yield _row(parts, stack, database.pid if database else None, events)
        finally:
            close_parts(parts)


def _row(parts: Parts, target: str, server: int | None, events: int) -> LogRow:
    signer = log_signer(parts)
    append_us = _append(parts, server)
    for _ in range(events // BATCH):
        parts.store.commit([_event(parts) for _ in range(BATCH)])
    integrated = _timed(lambda: _integrate(parts, signer))
    size = head(parts).size
    verified = _timed(lambda: verify(parts, signer))
    proved = _timed(lambda: _prove(parts))
    return LogRow(
        target=target,
        events=size,
        append_us=append_us,
        integrate_per_s=events / integrated,
        verify_per_s=size / verified,
        million_s=MILLION * verified / size,
        proof_ms=1000 * proved / PROOFS,
    )


class _Nobody:
    """Seals without a key: what is measured is the log, not the vault."""

    pseudonym = b"p" * 16

    def seal_event(self, kind: str, at: int, event_id: bytes, name: str, plaintext: bytes) -> bytes:  # noqa: ARG002
        return plaintext


def _event(parts: Parts) -> Insert:
    fact = SignInFailed(reason="password", client_id="bench")
    personal = {"address": "192.0.2.1", "device": "bench"}
    return record(fact, at=parts.clock(), entropy=os.urandom, person=_Nobody(), personal=personal)


def _append(parts: Parts, server: int | None) -> float:
    """A transaction with one event against the same without; in turns, so that what else the machine does hits both, and in slices of many, as
    reading what another process spent costs more than one append and leaves its caches cold.

    Of this process the time between the two readings alone; of the database's server, which is its child, everything that ran meanwhile.
    """
    spent: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(2 * TURNS):
        audited = turn % 2 == 0
        theirs, ours = _served(server), time.process_time_ns()
        for _ in range(SLICE):
            row = Insert(UsedAssertion(os.urandom(32), 1))
            parts.store.commit([row, _event(parts)] if audited else [row])
        ours = time.process_time_ns() - ours
        spent[audited].append((ours / 1000 + between_us(theirs, _served(server))) / SLICE)
    return median(with_it - without for with_it, without in zip(spent[True], spent[False], strict=True))


def _served(server: int | None) -> dict[str, int]:
    return {} if server is None else spent_ns(server)


def _integrate(parts: Parts, signer: LogSigner) -> None:
    while step(parts, signer, parts.clock()):
        pass


def _prove(parts: Parts) -> None:
    size = head(parts).size
    for number in range(PROOFS):
        index = number * (size // PROOFS)
        prove(parts, next(events_between(parts, index, index + 1))[1])


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
