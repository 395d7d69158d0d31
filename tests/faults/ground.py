"""The product as it is served: ``idp serve`` as real processes on loopback ports, over real stores, with the real clock.

``Served`` is a :class:`House` whose requests go over HTTP, so that its verbs (``redeem``, ``refresh``, ``userinfo`` …) meet the processes; its
``parts`` look into the same stores from the test.
"""

import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

import msgspec
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, TestResponse

from idp.config import Config
from tests.kit.clock import FakeClock
from tests.kit.house import House, config_in
from tests.kit.process import PATIENCE_S, alive, free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")
Gone = (OSError, http.client.HTTPException)
"""What a caller meets when a server dies: the request may or may not have been carried out."""


class WallClock(FakeClock):
    """The real time, as the served processes have it."""

    def now(self) -> int:
        return time.time_ns() // 1000  # noqa: TID251  the processes under test use the real clock

    __call__ = now

    @property
    def seconds(self) -> int:
        return self.now() // 1_000_000


def served_config(folder: Path, **settings: Any) -> Config:
    """Ports of its own; stores in ``folder`` unless ``settings`` say otherwise."""
    given = {
        "issuer": f"http://localhost:{free_port()}",
        "management_bind": f"127.0.0.1:{free_port()}",
        "outbound_allow": ("localhost", "127.0.0.1", "::1"),
        **settings,
    }
    return config_in(folder, **given)


def environment(config: Config, **more: str) -> dict[str, str]:
    """The configuration as a process receives it."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("IDP_")}
    told = {}
    for f in fields(Config):
        value = getattr(config, f.name)
        if value != f.default:
            told["IDP_" + f.name.upper()] = ",".join(value) if isinstance(value, tuple) else str(value)
    return plain | told | more


class Process:
    """One ``idp`` command as a process group; everything it says is kept. Its temporary folder is its own, so that leftovers show."""

    def __init__(self, folder: Path, environ: Mapping[str, str], *arguments: str) -> None:
        self.said, self.temporary = folder / f"said-{os.urandom(4).hex()}", Path(tempfile.mkdtemp(dir=folder))
        with self.said.open("wb") as sink:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "idp.cli", *arguments],
                cwd=ROOT,
                env={**environ, "TMPDIR": str(self.temporary), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        self.pid = self.popen.pid
        self.known: set[int] = set()

    def output(self) -> str:
        return self.said.read_text(encoding="utf-8", errors="replace")

    def family(self) -> dict[int, str]:
        """Living children and what they are: ``server`` (a worker of the server), ``worker`` (the background one), ``other``."""
        found = {}
        for pid in _children(self.pid):
            try:
                line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            kind = "worker" if " worker " in f"{line} " else "server" if "spawn_main" in line else "other"
            if alive(pid):
                found[pid] = kind
        self.known |= set(found)
        return found

    def of(self, kind: str) -> list[int]:
        return [pid for pid, k in self.family().items() if k == kind]

    def left(self) -> list[int]:
        """Children ever seen that still live."""
        return [pid for pid in self.known if alive(pid)]

    def stop(self, timeout_s: float = PATIENCE_S) -> int:
        """SIGTERM; the exit code."""
        self.popen.terminate()
        return self.popen.wait(timeout_s)

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def close(self) -> None:
        self.family()
        if self.popen.poll() is None:
            self.kill()
        for pid in self.known:
            if alive(pid):
                _kill(pid)
        shutil.rmtree(self.temporary, ignore_errors=True)


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(c) for t in tasks for c in (t / "children").read_text().split()]
    except OSError:
        return []


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


class Served(House):
    """A house whose requests go to its processes. ``server`` is the parent of them."""

    def __init__(self, config: Config, folder: Path) -> None:
        super().__init__(config, WallClock())
        self.folder = folder
        self.port = int(config.issuer.rpartition(":")[2])
        self.server: Process
        self._started: list[Process] = []

    def start(self, workers: int = 2, *arguments: str, ready: bool = True, **environ: str) -> Process:
        """``idp serve``; returns when it says that it is ready."""
        words = ["serve", "--bind", f"127.0.0.1:{self.port}", "--workers", str(workers), *arguments]
        self.server = Process(self.folder, environment(self.config, **environ), *words)
        self._started.append(self.server)
        if ready:
            self.wait_ready(workers)
        return self.server

    def wait_ready(self, workers: int) -> None:
        server = self.server

        def ready() -> bool:
            assert server.popen.poll() is None, server.output()
            return len(server.of("server")) >= workers and self.health()[0] == 200

        wait_until(ready, "readiness")
        # Each worker listens on a socket of its own: ready is when a run of connections meets none that is still loading.
        for _ in range(3):
            self.request("GET", "/.well-known/openid-configuration")

    def idp(self, *arguments: str) -> Any:
        """An operator's command, its JSON answer."""
        done = subprocess.run(
            [sys.executable, "-m", "idp.cli", *arguments, "--json"],
            cwd=ROOT,
            env=environment(self.config),
            capture_output=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, done.stderr.decode()
        return msgspec.json.decode(done.stdout)

    def close(self) -> None:
        for process in self._started:
            process.close()
        super().close()

    # HTTP -----------------------------------------------------------------------------------------------------------------

    def request(self, method: str, path: str, **more: Any) -> TestResponse:
        """One request on a connection of its own, so that the system picks the worker. Raises one of ``Gone``."""
        body = more.pop("data", None)
        body = body.encode() if isinstance(body, str) else body
        headers = {"Host": self.config.host, "Connection": "close", **(more.pop("headers", None) or {})}
        if "content_type" in more:
            headers["Content-Type"] = more.pop("content_type")
        if query := more.pop("query_string", None):
            path += "?" + urlencode(query)
        timeout = more.pop("timeout", PATIENCE_S)
        assert not more, more
        return self._exchange(self.port, method, path, body, headers, timeout)

    def manage(self, path: str, method: str = "GET") -> TestResponse:
        """One request to the management address."""
        port = int(self.config.management_bind.rpartition(":")[2])
        return self._exchange(port, method, path, None, {"Connection": "close"}, PATIENCE_S)

    def health(self) -> tuple[int, dict[str, str]]:
        """/health/ready; (0, {}) when nobody answers."""
        try:
            answer = self.manage("/health/ready")
        except Gone:
            return 0, {}
        return answer.status_code, answer.get_json()

    def _exchange(
        self, port: int, method: str, path: str, body: bytes | None, headers: dict[str, str], timeout: float
    ) -> TestResponse:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        asked = EnvironBuilder(path=path, method=method, base_url=self.config.issuer).get_request()
        return TestResponse([content], f"{answer.status} {answer.reason}", Headers(answer.headers.items()), asked)

    def browser(self) -> Any:
        """A user agent with a cookie jar."""
        return Agent(self)


class Agent:
    """Cookies and forms over HTTP, with the verbs of werkzeug's client that the kit uses."""

    def __init__(self, served: Served) -> None:
        self._served, self.cookies = served, dict[str, str]()

    def open(self, path: str, method: str = "GET", **more: Any) -> TestResponse:
        base = more.pop("base_url", "")
        path = path.removeprefix(base) if base else path
        for word in ("environ_overrides",):
            more.pop(word, None)
        headers = dict(more.pop("headers", None) or {})
        headers.setdefault("Sec-Fetch-Site", "same-origin")
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        if isinstance(more.get("data"), Mapping):
            more["data"] = urlencode(more["data"])
            more["content_type"] = "application/x-www-form-urlencoded"
        answer = self._served.request(method, path, headers=headers, **more)
        for line in answer.headers.getlist("Set-Cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if value and "Max-Age=0" not in line:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.open(path, "GET", **more)

    def post(self, path: str, **more: Any) -> TestResponse:
        return self.open(path, "POST", **more)

    def set_cookie(self, name: str, value: str, **_: Any) -> None:
        self.cookies[name] = value


def at_once(action: Callable[[], T], times: int) -> list[T]:
    """The same from so many threads at the same moment."""
    barrier = threading.Barrier(times)

    def run() -> T:
        barrier.wait(PATIENCE_S)
        return action()

    with ThreadPoolExecutor(times) as pool:
        return [f.result() for f in [pool.submit(run) for _ in range(times)]]


def patiently(ask: Callable[[], TestResponse]) -> TestResponse:
    """The first answer that is no 503: who did not get their turn in time has changed nothing, and asks again."""
    for _ in range(20):
        answer = ask()
        if answer.status_code != 503:
            return answer
    raise AssertionError("no turn in twenty tries")


class Load:
    """Threads that repeat journeys until told to stop; an error of theirs fails the test at the end."""

    def __init__(self, *journeys: Callable[[], object], pause_s: float = 0.01) -> None:
        self._stop, self._pause_s = threading.Event(), pause_s
        self.errors: list[BaseException] = []
        self.turns = [0] * len(journeys)
        self._threads = [threading.Thread(target=self._run, args=(n, j), daemon=True) for n, j in enumerate(journeys)]

    def _run(self, number: int, journey: Callable[[], object]) -> None:
        while not self._stop.is_set():
            try:
                journey()
            except Exception as error:  # noqa: BLE001  told at the end
                self.errors.append(error)
                return
            self.turns[number] += 1
            self._stop.wait(self._pause_s)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE_S)
        if kind is None and self.errors:
            raise self.errors[0]
