"""What was measured as values, a table and JSON. Pure: samples in, text out."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import msgspec

from idp.bench.log import LogRow
from idp.bench.wrk import Load

PARTS = ("server", "database", "redis")
PEER = "peer"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One operation at one target in one round. ``cpu_us``: part → microseconds of CPU while it was loaded."""

    operation: str
    target: str
    round: int
    load: Load
    cpu_us: dict[str, float]

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.load.operations / self.load.seconds

    def each_us(self, part: str) -> float | None:
        """CPU per operation of one part; None where it has no such part or nothing was done."""
        return self.cpu_us[part] / self.load.operations if part in self.cpu_us and self.load.operations else None

    @property
    def all_us(self) -> float | None:
        """CPU per operation of all parts."""
        return sum(self.cpu_us.values()) / self.load.operations if self.load.operations else None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """The medians over the rounds. ``…_of_peer``: ratio round by round to the peer in the same round (CPU of the server alone, and of all
    parts; operations per second); ``of_alone``: share of the unavoidable work (Argon2id of a sign-in, cryptography of a release) in all CPU time."""

    operation: str
    target: str
    rate: float
    p50_ms: float
    p99_ms: float
    server_us: float | None
    database_us: float | None
    redis_us: float | None
    errors: int
    bad: bool
    last_error: str
    server_of_peer: float | None = None
    all_of_peer: float | None = None
    rate_of_peer: float | None = None
    of_alone: float | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run. ``machine`` and ``plan``: what was measured, where and how; ``left_out``: what was not, and why."""

    machine: dict[str, str]
    plan: dict[str, str]
    left_out: list[str]
    rows: list[Row]
    samples: list[Sample]
    log: list[LogRow] = []

    def json(self) -> bytes:
        """Everything, for programs."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)

    def table(self) -> str:
        """For people: one line per operation and target, bad ones marked, then what they mean."""
        if not self.rows:
            return "\n".join(self._notes(beside=False))
        beside = any(row.server_of_peer is not None for row in self.rows)
        lines = [_HEAD + (_PEER_HEAD if beside else [])]
        lines += [_cells(row) + (_peer_cells(row) if beside else []) for row in self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        drawn = [
            "  ".join(
                c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([*drawn, "", *self._notes(beside=beside)])

    def _notes(self, *, beside: bool) -> list[str]:
        notes = [
            "Medians of the rounds. Server, database, redis: CPU microseconds per operation. A login is two requests; p50 and p99 are of one."
        ]
        if beside:
            notes.append(
                "Against the peer, round by round: CPU of the server, CPU of all parts (lower is better), operations per second."
            )
        notes += [_beside(row) for row in self.rows if row.of_alone]
        notes += [
            f"BAD {r.operation} on {r.target}: {r.errors} errors; the last: {r.last_error}" for r in self.rows if r.bad
        ]
        notes += [row.line() for row in self.log]
        return [*notes, *(f"Left out: {what}" for what in self.left_out)]


_HEAD = ["OPERATION", "ON", "PER S", "P50 MS", "P99 MS", "SERVER", "DATABASE", "REDIS", "ERRORS"]
_PEER_HEAD = ["SERVER/PEER", "ALL/PEER", "PER S/PEER"]


def _beside(row: Row) -> str:
    """The figure beside the work alone."""
    assert row.of_alone
    if row.operation == "sign-in":
        return (
            f"sign-in on {row.target}: {row.of_alone:.0%} of what Argon2id alone allows on the same core, by CPU time"
        )
    what = "the whole request" if row.operation.startswith("userinfo") else "the release with its event on disk"
    return f"{row.operation} on {row.target}: {what}, {1 / row.of_alone:.2f} times the CPU of its cryptography alone"


def _cells(row: Row) -> list[str]:
    parts = [_text(value, "{:.0f}") for value in (row.server_us, row.database_us, row.redis_us)]
    errors = f"{row.errors} BAD" if row.bad else str(row.errors)
    return [row.operation, row.target, f"{row.rate:.0f}", f"{row.p50_ms:.1f}", f"{row.p99_ms:.1f}", *parts, errors]


def _peer_cells(row: Row) -> list[str]:
    return [_text(v, "{:.2f}") for v in (row.server_of_peer, row.all_of_peer, row.rate_of_peer)]


def _text(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def rows(samples: Sequence[Sample]) -> list[Row]:
    """One row for each operation and target, in the order in which they were first measured."""
    grouped: dict[tuple[str, str], list[Sample]] = {}
    for sample in samples:
        grouped.setdefault((sample.operation, sample.target), []).append(sample)
    order = {name: at for at, name in enumerate(dict.fromkeys(s.operation for s in samples))}
    keys = sorted(grouped, key=lambda key: order[key[0]])
    return [_row(grouped[key], {s.round: s for s in grouped.get((key[0], PEER), [])}) for key in keys]


def _row(group: Sequence[Sample], peers: Mapping[int, Sample]) -> Row:
    first, errors = group[0], sum(s.load.errors for s in group)
    pairs = [(s, peers[s.round]) for s in group if s.round in peers and first.target != PEER]
    return Row(
        operation=first.operation,
        target=first.target,
        rate=median(s.rate for s in group),
        p50_ms=median(s.load.p50_ms for s in group),
        p99_ms=median(s.load.p99_ms for s in group),
        server_us=_median(s.each_us("server") for s in group),
        database_us=_median(s.each_us("database") for s in group),
        redis_us=_median(s.each_us("redis") for s in group),
        errors=errors,
        bad=errors > 0 or any(s.load.operations == 0 for s in group),
        last_error=next((s.load.last_error for s in reversed(group) if s.load.last_error), ""),
        server_of_peer=_median(_ratio(s.each_us("server"), p.each_us("server")) for s, p in pairs),
        all_of_peer=_median(_ratio(s.all_us, p.all_us) for s, p in pairs),
        rate_of_peer=_median(_ratio(s.rate, p.rate) for s, p in pairs),
        of_alone=_median(_ratio(s.load.alone_us, s.all_us) for s in group),
    )


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
