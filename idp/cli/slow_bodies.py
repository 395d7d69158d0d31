"""Bodies that do not come: the server reads one in the thread that handles its request, for as long as the caller likes. Here it is cut off.

The server tells an application neither the connection nor a way to end a read. So the caller is answered with 408 over the server's own exit,
with a body of a length that nobody else gets, and the connection that wrote so much is the one that is shut: Linux counts what each has written.
"""

import contextlib
import fcntl
import os
import socket
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from secrets import randbelow
from typing import Any, Final

DEADLINE_S: Final = 10.0
"""So long a body may take."""
HURRIED_S: Final = 0.4
"""So long while more than a quarter of the threads wait for one."""
LOOK_S: Final = 0.1
WRITTEN_WITHIN_S: Final = 0.5
LEAST: Final = 12_000
"""Longer than other answers, and short enough for the system to take at once from a connection that nobody reads."""
_ACKED_AT: Final = 120
"""``tcpi_bytes_acked`` in Linux's ``struct tcp_info``."""
_HEADERS: Final = 400
"""The head of an answer is shorter than that."""
_HEAD: Final = [("Connection", "close"), ("Cache-Control", "no-store"), ("Content-Type", "application/json")]
_TEXT: Final = b'{"error":"invalid_request","error_description":"The request body came too slowly."}'

Runner = Callable[[Any, dict[str, Any]], int]


class Input:
    """``wsgi.input`` of one request. Raises TimeoutError from ``read`` when the body was cut off."""

    def __init__(self, bodies: "SlowBodies", stream: Any, proto: Any, scope: Mapping[str, Any]) -> None:
        self._bodies, self._stream, self.proto = bodies, stream, proto
        self.remote, self.port = str(scope["REMOTE_ADDR"]), int(scope["SERVER_PORT"])
        self.cut = False

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes."""
        self._bodies.reading[self] = self._bodies.watched_s
        try:
            found = bytes(self._stream.read(size))
        finally:
            del self._bodies.reading[self]
        if self.cut:
            raise TimeoutError
        return found


class SlowBodies:
    """Watches over the reads of one worker. ``threads``: how many requests it handles at once."""

    def __init__(self, threads: int) -> None:
        self._leave = max(1, threads // 4)
        self.reading: dict[Input, float] = {}
        self.watched_s = 0.0
        """A clock that stands still with the process: what came while nobody here could read it came in time."""

    def watched(self, runner: Runner) -> Runner:
        """The server's own call of the application, with each body under watch from here on."""
        threading.Thread(target=self._watch, name="slow-bodies", daemon=True).start()

        def run(proto: Any, scope: dict[str, Any]) -> int:
            if "CONTENT_LENGTH" in scope:
                scope["wsgi.input"] = Input(self, scope["wsgi.input"], proto, scope)
            return runner(proto, scope)

        return run

    def late(self, now: float) -> list[Input]:
        """Those to be cut off, the longest waiting first: all beyond the deadline, and under pressure all but a quarter of the threads' worth.
        ``now`` as ``watched_s``."""
        waiting = sorted((began, id(body), body) for body, began in list(self.reading.items()) if not body.cut)
        spare = len(waiting) - self._leave
        return [
            body
            for place, (began, _, body) in enumerate(waiting)
            if now - began > (HURRIED_S if place < spare else DEADLINE_S)
        ]

    def look(self, since_s: float) -> list[Input]:
        """Those that became late by now, ``since_s`` after the look before. One look counts as two at most."""
        self.watched_s += min(since_s, 2 * LOOK_S)
        found = self.late(self.watched_s)
        for body in found:
            body.cut = True
        return found

    def _watch(self) -> None:
        before = time.monotonic()
        while True:
            time.sleep(LOOK_S)
            now = time.monotonic()
            for body in self.look(now - before):
                cut_off(body)
            before = now


def cut_off(body: Input) -> bool:
    """Answer 408, then shut the connection; whether it was found."""
    text = _TEXT + b" " * (LEAST + randbelow(LEAST // 3))
    with _connections(body.remote, body.port) as found:
        before = [(line, _written(line)) for line in found]
        body.proto.response_bytes(408, _HEAD, text)
        until = time.monotonic() + WRITTEN_WITHIN_S
        while time.monotonic() < until:
            for line, count in before:
                if len(text) < _written(line) - count < len(text) + _HEADERS:
                    with contextlib.suppress(OSError):
                        line.shutdown(socket.SHUT_RD)
                    return True
            time.sleep(0.002)
    return False


@contextlib.contextmanager
def _connections(remote: str, port: int) -> Iterator[list[socket.socket]]:
    """This process's connections from that address to that port, held by handles of our own so that none is taken for another."""
    with contextlib.ExitStack() as held:
        yield [line for line in map(held.enter_context, _sockets()) if _is_from(line, remote, port)]


def _sockets() -> Iterator[socket.socket]:
    for handle in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if str(handle.readlink()).startswith("socket:"):
                yield socket.socket(fileno=os.dup(int(handle.name)))


def _is_from(line: socket.socket, remote: str, port: int) -> bool:
    if line.family not in (socket.AF_INET, socket.AF_INET6) or line.type != socket.SOCK_STREAM:
        return False
    with contextlib.suppress(OSError):
        return line.getpeername()[0] in (remote, f"::ffff:{remote}") and line.getsockname()[1] == port
    return False


def _written(line: socket.socket) -> int:
    """How many bytes were ever written to a connection, sent or not."""
    with contextlib.suppress(OSError, struct.error):
        info = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        queued = struct.unpack("i", fcntl.ioctl(line, termios.TIOCOUTQ, bytes(4)))[0]
        return int(struct.unpack_from("Q", info, _ACKED_AT)[0]) + int(queued)
    return 0
