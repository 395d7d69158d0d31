"""PostgreSQL and Redis of the bench's own: temporary folders, Unix sockets only, durable as in production."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idp.bench.processes import BenchError, program, running, wait_until

DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class Service:
    """A running server. ``address``: its socket, or the folder that holds it."""

    pid: int
    address: Path


def postgres_programs(debian: Path = DEBIAN) -> Path:
    """The folder of initdb and postgres: the newest of Debian's, which are not on the PATH. Raises Missing."""
    found = sorted(debian.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else Path(program("initdb", "postgresql")).parent


@contextmanager
def postgres(folder: Path, databases: tuple[str, ...]) -> Iterator[Service]:
    """A server with empty databases of those names and the user ``postgres``. Raises Missing, BenchError."""
    bin_, home, log = postgres_programs(), folder / "postgres", folder / "postgres.log"
    other: dict[str, Any] = {}
    home.mkdir(mode=0o700)
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        other = {"user": "postgres", "group": "postgres"}
        folder.chmod(0o711)
        shutil.chown(home, "postgres", "postgres")
    data = home / "data"
    words = ["-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"]
    _tool([str(bin_ / "initdb"), *words], home, other)
    settings = {"listen_addresses": "", "unix_socket_directories": str(home), "shared_buffers": "128MB"}
    command = [str(bin_ / "postgres"), "-D", str(data), *(f"--{name}={value}" for name, value in settings.items())]
    with running(command, log, cwd=home, **other) as process:
        ready = [str(bin_ / "pg_isready"), "-q", "-h", str(home)]
        wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, process, "PostgreSQL", log)  # noqa: S603
        for name in databases:
            _tool([str(bin_ / "createdb"), "-h", str(home), "-U", "postgres", "-T", "template0", name], home, other)
        yield Service(process.pid, home)


def _tool(command: list[str], cwd: Path, other: dict[str, Any]) -> None:
    run = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60, **other)  # noqa: S603
    if run.returncode:
        raise BenchError(f"{Path(command[0]).name}: {run.stdout}{run.stderr}".strip())


@contextmanager
def redis(folder: Path) -> Iterator[Service]:
    """A server that refuses writes rather than forgetting, as production wants it. Raises Missing, BenchError."""
    server, log, socket = program("redis-server", "redis-server"), folder / "redis.log", folder / "redis.sock"
    options = {"port": "0", "unixsocket": str(socket), "unixsocketperm": "700", "save": "", "appendonly": "no"}
    options |= {"maxmemory-policy": "noeviction", "dir": str(folder), "daemonize": "no"}
    command = [server, *(word for name, value in options.items() for word in (f"--{name}", value))]
    with running(command, log) as process:
        wait_until(socket.exists, process, "Redis", log)
        yield Service(process.pid, socket)
