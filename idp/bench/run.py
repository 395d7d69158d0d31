"""The whole run: start the targets, load them in interleaved rounds, read their CPU time, end everything."""

import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from types import FrameType

import click

from idp.bench.citizen import Browser
from idp.bench.cpu import between_us, cores, spent_ns
from idp.bench.log import measure
from idp.bench.operations import LOG, OPERATIONS, RELEASES, Run
from idp.bench.peer import peer
from idp.bench.processes import BenchError, Missing, program
from idp.bench.provider import provider
from idp.bench.report import PEER, Report, Sample, rows
from idp.bench.services import Service, postgres, redis
from idp.bench.target import ES256, RS256, Target

WARM_S = 1
MEASURED = ("granian", "flask", "cryptography", "sqlalchemy", "psycopg", "redis")
Tell = Callable[[str], object]

__all__ = ["BenchError", "Plan", "run"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure. ``stacks``: sqlite, postgres; ``peer``: the folder of another provider."""

    stacks: tuple[str, ...]
    seconds: int
    rounds: int
    connections: int
    threads: int
    operations: tuple[str, ...]
    peer: Path | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A target with the browser of its first citizen, who is signed in and has consented."""

    target: Target
    browser: Browser


def run(plan: Plan, *, tell: Tell) -> Report:
    """Measure. ``tell`` hears what is left out and how far it is. Raises BenchError when nothing can be measured."""
    if set(plan.operations) - {"sign-in", LOG}:
        program("wrk", "wrk")
    left_out: list[str] = []
    with ExitStack() as stack, _ended_by_signal():
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="yimen-bench-")))
        log = measure(plan.stacks, _folder(folder, "log"), left_out) if LOG in plan.operations else []
        plan = replace(plan, operations=tuple(name for name in plan.operations if name != LOG))
        targets = _targets(plan, folder, stack, left_out) if plan.operations else []
        for what in left_out:
            tell(f"Left out: {what}")
        if not targets and not log:
            raise BenchError("there is nothing to measure")
        prepared = [_signed_in(target, stack) for target in targets]
        samples = _measure(plan, prepared, folder) if prepared else []
    made, told = _machine(), _told(plan)
    return Report(machine=made, plan=told, left_out=left_out, rows=rows(samples), samples=samples, log=log)


def _folder(home: Path, name: str) -> Path:
    """A folder of its own, for services of its own."""
    home.chmod(0o711)  # PostgreSQL's user passes through
    made = home / name
    made.mkdir()
    return made


def _targets(plan: Plan, folder: Path, stack: ExitStack, left_out: list[str]) -> list[Target]:
    targets, shared = list[Target](), dict[str, Service]()

    def one_redis() -> Service:
        if "redis" not in shared:
            shared["redis"] = stack.enter_context(redis(folder))
        return shared["redis"]

    def on_sqlite() -> Target:
        return stack.enter_context(provider("sqlite", folder / "sqlite", plan.threads))

    def on_postgres() -> Target:
        cache = one_redis()
        database = stack.enter_context(postgres(folder, ("main", "keyring")))
        return stack.enter_context(
            provider("postgres", folder / "served", plan.threads, database=database, redis=cache)
        )

    def of_peer() -> Target:
        assert plan.peer is not None
        return stack.enter_context(peer(plan.peer, folder / "peer", one_redis()))

    starters = {"sqlite": on_sqlite, "postgres": on_postgres, PEER: of_peer}
    for name in (*plan.stacks, *([PEER] if plan.peer else [])):
        try:
            targets.append(starters[name]())
        except Missing as error:
            left_out.append(f"{name}: {error}")
    return targets


def _signed_in(target: Target, stack: ExitStack) -> Prepared:
    """Sign in and consent once at each client, through the pages."""
    browser = Browser(target)
    stack.callback(browser.close)
    for client in (ES256, RS256):
        browser.tokens(client, target.citizens[0])
    return Prepared(target, browser)


def _measure(plan: Plan, prepared: list[Prepared], folder: Path) -> list[Sample]:
    """Each operation at each target in turn, round after round, so that what else the machine does hits all alike."""
    steps = [
        (number, name, one)
        for number in range(plan.rounds + 1)
        for name in plan.operations
        for one in prepared
        if (name != "sign-in" or one.target.signs_in) and (name not in RELEASES or one.target.releasing is not None)
    ]
    samples = []
    with click.progressbar(steps, label="Measuring", file=sys.stderr, item_show_func=_shown) as bar:
        for number, name, one in bar:
            seconds = plan.seconds if number else min(WARM_S, plan.seconds)
            sample = _sample(one, name, number, folder, seconds, plan.connections)
            if number:  # round 0 warms up: connections, caches, the peer's compiler
                samples.append(sample)
    return samples


def _shown(step: tuple[int, str, Prepared] | None) -> str | None:
    return f"{step[1]} on {step[2].target.name}" if step else None


def _sample(one: Prepared, name: str, number: int, folder: Path, seconds: int, connections: int) -> Sample:
    """Preparation (tokens for the load) is not counted: readings are taken around the load alone."""
    readings: list[dict[str, dict[str, int]]] = []

    def read() -> None:
        readings.append({part: spent_ns(pid) for part, pid in one.target.processes.items()})

    load = OPERATIONS[name](Run(one.target, one.browser, folder, seconds, connections, read))
    before, after = readings
    cpu = {part: between_us(before[part], after[part]) for part in after}
    if load.own_us is not None:
        cpu["server"] = load.own_us
    return Sample(operation=name, target=one.target.name, round=number, load=load, cpu_us=cpu)


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """SIGTERM ends like Ctrl-C: through every clean-up."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _machine() -> dict[str, str]:
    measured, load = cores()
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": _cpu_model(),
        "cores": str(os.cpu_count()),
        "measured_core": str(measured),
        "load_core": str(load),
        "python": platform.python_version(),
        **{name: version(name) for name in ("yimen", *MEASURED)},
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _told(plan: Plan) -> dict[str, str]:
    return {
        "stacks": " ".join(plan.stacks),
        "seconds": str(plan.seconds),
        "rounds": str(plan.rounds),
        "connections": str(plan.connections),
        "threads": str(plan.threads),
        "operations": " ".join(plan.operations),
    }
