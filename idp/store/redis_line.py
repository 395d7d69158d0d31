"""One command, one reply, on connections that can't mix them up; and the moment this Redis began to remember.

redis-py's pool lends the connections; the exchange is ours: a connection whose reply was not read to its end, for whatever reason
(timeout, cancellation), is closed and never lent again (CVE-2023-28858, CVE-2023-28859). Nothing is retried: the lost reply of a
single-use verb must not be asked for twice.
"""

from collections.abc import Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from idp.errors import Unavailable
from idp.ports import Clock

CONNECT_S = 0.2
REPLY_S = 1.0
CONNECTIONS = 64
BIRTH = b"yimen:birth"

# The birth belongs to one run of the server: a restart, even one that loads its files, may have forgotten what it had acknowledged.
_BEGIN = b"""
local known = redis.pcall('GET', KEYS[1])
if type(known) == 'string' and string.find(known, '^' .. ARGV[1] .. ':%d+$') then return known end
local born = ARGV[1] .. ':' .. ARGV[2]
redis.call('SET', KEYS[1], born)
return born
"""


class RedisLine:
    """``call`` sends one command. Raises Unavailable; ``redis.ResponseError`` for a wrong-typed key alone."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._clock = clock
        self._run = ""
        self._pool = redis.ConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            socket_connect_timeout=CONNECT_S,
            socket_timeout=REPLY_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
            redis_connect_func=self._greet,
        )

    def call(self, *command: bytes | str | int) -> Any:
        """The reply to one command."""
        reply = self.calls((command,))[0]
        if isinstance(reply, redis.ResponseError):
            raise reply
        return reply

    def calls(self, commands: Sequence[tuple[bytes | str | int, ...]]) -> list[Any]:
        """The replies to commands that are sent in one piece; that of a wrong-typed key is its ``redis.ResponseError``."""
        try:
            connection: Any = self._pool.get_connection()
        except redis.RedisError as error:
            raise Unavailable("volatile store") from error
        whole = False
        try:
            connection.send_packed_command(connection.pack_commands(commands))
            replies = [_reply(connection) for _ in commands]
            whole = True
        except redis.RedisError as error:
            raise Unavailable("volatile store") from error
        finally:
            if not whole:
                connection.disconnect()
            self._pool.release(connection)
        for reply in replies:
            if isinstance(reply, redis.ResponseError) and not wrong_type(reply):
                raise Unavailable("volatile store") from reply
        return replies

    def birth(self) -> int:
        """When this Redis began empty, microseconds; begun now when nobody had said (a flush)."""
        try:
            known = self.call("GET", BIRTH)
        except redis.ResponseError:
            known = None
        run, _, at = (known or b"").partition(b":")
        if run == self._run.encode() and at.isdigit():
            return int(at)
        return int(self.call("EVAL", _BEGIN, 1, BIRTH, self._run, self._clock()).partition(b":")[2])

    def close(self) -> None:
        """Close every connection."""
        self._pool.disconnect()

    def _greet(self, connection: Any) -> None:
        """Before a new connection carries anything: which run of the server is this, and has its birth been written?"""
        try:
            connection.on_connect()
            connection.send_command("INFO", "server")
            self._run = _run_id(connection.read_response())
            connection.send_command("EVAL", _BEGIN, 1, BIRTH, self._run, self._clock())
            connection.read_response()
        except BaseException:
            connection.disconnect()
            raise


def _reply(connection: Any) -> Any:
    """One reply; the next are read whatever it says."""
    try:
        return connection.read_response()
    except redis.ResponseError as error:
        return error


def wrong_type(error: redis.ResponseError) -> bool:
    """Whether the entry, not the server, is at fault."""
    text = str(error)
    return "WRONGTYPE" in text or "Operation against a key" in text or "not an integer" in text or "overflow" in text


def _run_id(info: Any) -> str:
    text = info if isinstance(info, bytes) else b""
    for line in text.splitlines():
        if line.startswith(b"run_id:"):
            return line.partition(b":")[2].strip().decode("ascii")
    raise redis.ConnectionError("INFO server must be allowed: it names the server's run")
