"""A real Redis: own directory, Unix socket only, refusing writes rather than forgetting."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
import redis as client

from tests.kit.process import PATIENCE_S, Home, frozen, need, wait_until


class Redis:
    """One server without persistence: a restart loses everything, as a lost cache does."""

    def __init__(self) -> None:
        self.home = Home("redis")
        self.socket, self.log = self.home.path / "s", self.home.path / "log"
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except BaseException:
            self.home.close()
            raise

    @property
    def url(self) -> str:
        """``unix://`` URL, as redis-py and IDP_VOLATILE_URL take it."""
        return f"unix://{self.socket}"

    def client(self) -> client.Redis:
        """A client whose calls end."""
        return client.Redis.from_url(self.url, socket_timeout=PATIENCE_S)

    def _answers(self) -> bool:
        try:
            with self.client() as connection:
                return bool(connection.ping())
        except client.RedisError:
            return False

    def start(self) -> None:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "maxmemory-policy": "noeviction",
            "save": "",
            "appendonly": "no",
            "dir": str(self.home.path),
            "daemonize": "no",
        }
        command = ["redis-server", *(word for name, value in options.items() for word in (f"--{name}", value))]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.home.guarding(self._process.pid)
        wait_until(self._answers, "Redis's first answer")

    @property
    def pid(self) -> int:
        assert self._process is not None, "Redis is stopped"
        return self._process.pid

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None, "Redis is stopped"
        os.kill(self._process.pid, how)
        self._process.wait(PATIENCE_S)
        self._process = None
        self.home.guarding(None)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def flush(self) -> None:
        """Forget everything while running."""
        with self.client() as connection:
            connection.flushall()

    def full(self, limit: int = 1) -> None:
        """From now on every write is refused (``OOM``); ``full(0)`` lifts it."""
        with self.client() as connection:
            connection.config_set("maxmemory", limit)

    def hanging(self) -> AbstractContextManager[None]:
        """Inside the block it neither answers nor closes connections."""
        return frozen(self.pid)

    def close(self) -> None:
        try:
            if self._process is not None:
                self.kill()
        finally:
            self.home.close()


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """One server per run (per xdist worker). Tests that stop it start it again."""
    need("Redis", "redis-server", shutil.which("redis-server"))
    server = Redis()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def redis_url(redis: Redis) -> str:
    """The URL of an empty Redis."""
    redis.flush()
    return redis.url
