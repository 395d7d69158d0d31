"""wrk with a script of ours: the load on one core, and what it counted."""

import os
import subprocess
from collections.abc import Mapping
from importlib.resources import as_file, files

import msgspec

from idp.bench.cpu import cores, on_core
from idp.bench.processes import BenchError, program

MARK = "RESULT "
PATIENCE_S = 120


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What a load generator counted. An operation may be several requests; ``p50_ms`` and ``p99_ms`` are of one request.

    ``alone_us``: CPU of the unavoidable work alone, where that was measured beside; ``own_us``: CPU of the whole load where it ran without the
    server, in the bench's own process."""

    operations: int
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int
    last_error: str = ""
    alone_us: float | None = None
    own_us: float | None = None


def loaded(origin: str, script: str, settings: Mapping[str, str], *, seconds: int, connections: int) -> Load:
    """Run ``script`` against ``origin`` for so long. Raises Missing without wrk, BenchError when it fails."""
    command = [program("wrk", "wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    with as_file(files("idp.bench") / "load") as folder, on_core(cores()[1]):
        environment = {f"BENCH_{name}": value for name, value in settings.items()}
        environment |= {"BENCH_REPORT": str(folder / "report.lua"), "PATH": os.environ.get("PATH", "")}
        run = subprocess.run(  # noqa: S603  wrk with our own script
            [*command, "-s", str(folder / script), origin],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + PATIENCE_S,
        )
    return read(run.stdout, run.stderr)


def read(output: str, trouble: str = "") -> Load:
    """The script's last line. Raises BenchError when it never came."""
    line = next((line for line in output.splitlines() if line.startswith(MARK)), None)
    if line is None:
        raise BenchError(f"wrk told nothing: {trouble or output}".strip())
    return msgspec.json.decode(line.removeprefix(MARK), type=Load)
