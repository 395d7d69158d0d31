"""One deadline and one byte count for a whole exchange.

A socket's own timeout starts anew with each packet, so that a peer which sends a byte a second could hold a thread for hours. Here every
read is given what is left of the call's time, headers and chunks included.
"""

import io
import socket
from collections.abc import Callable
from typing import Any, TypeVar

from urllib3.connection import HTTPConnection

C = TypeVar("C", bound=HTTPConnection)


class Budget:
    """What is left of one call: seconds and bytes to read."""

    def __init__(self, monotonic: Callable[[], float], total_s: float, max_bytes: int) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + total_s
        self._bytes = max_bytes

    def seconds(self) -> float:
        """Seconds left. Raises ``TimeoutError`` when there are none."""
        left = self._end - self._monotonic()
        if left <= 0:
            raise TimeoutError("the call's time is over")
        return left

    def spend(self, count: int) -> None:
        """Count bytes read. Raises ``OverflowError`` beyond the limit."""
        self._bytes -= count
        if self._bytes < 0:
            raise OverflowError("the response is too large")


class _TimedReader(io.RawIOBase):
    """The raw bytes of a socket, each read within the budget."""

    def __init__(self, sock: socket.socket, budget: Budget) -> None:
        super().__init__()
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._budget.seconds())
        count = self._raw.readinto(buffer)
        self._budget.spend(count or 0)
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class TimedSocket:
    """A connected socket as ``http.client`` uses one, within the budget."""

    def __init__(self, sock: socket.socket, budget: Budget) -> None:
        self._sock = sock
        self._budget = budget

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """A buffered reader, whatever mode is asked for: responses are only read."""
        return io.BufferedReader(_TimedReader(self._sock, self._budget))

    def sendall(self, data: Any) -> None:
        """Send all of ``data`` in the time left."""
        self._sock.settimeout(self._budget.seconds())
        self._sock.sendall(data)

    def settimeout(self, _: float | None) -> None:
        """The budget decides."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def timed(connection: type[C], budget: Budget) -> type[C]:
    """``connection`` whose socket keeps to ``budget`` once it is open; looking up and the handshake have their own timeout."""

    class Timed(connection):  # type: ignore[misc, valid-type]
        sock: Any

        def connect(self) -> None:
            super().connect()
            self.sock = TimedSocket(self.sock, budget)

    return Timed
