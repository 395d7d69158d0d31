"""The Volatile port on Redis. One key per command (Cluster-safe), one round trip per verb, every key hashed and typed.

What lies under a key but was not put there by these verbs (another type, a damaged value) is deleted and does not exist; a claim fails closed.
"""

from collections.abc import Sequence
from typing import Any

import redis

from idp.errors import Unavailable
from idp.ports import Bump, Clock, Consumed, Forget, Put, Verb
from idp.store.redis_line import RedisLine
from idp.store.volatile_entry import CLAIM, COUNTER, VALUE, name, unwrap, wrap

_USED = b"U"  # shorter than any wrapped value

_TAKE = f"""
local found = redis.call('GET', KEYS[1])
if found and found ~= '{_USED.decode()}' then redis.call('DEL', KEYS[1]) end
return found
"""
_BUMP = """
local left = redis.call('PTTL', KEYS[1])
local n = redis.call('INCRBY', KEYS[1], ARGV[1])
if left < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return n
"""


class RedisVolatile:
    """Implements ``idp.ports.Volatile``; ``url`` is redis://, rediss:// or unix://. Redis' own clock counts ``ttl_s``."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._line = RedisLine(url, clock)

    def put(self, kind: str, key: bytes, value: bytes, ttl_s: int) -> None:
        """``Volatile.put``."""
        self._line.call(*_command(Put(kind, key, value, ttl_s)))

    def peek(self, kind: str, key: bytes) -> bytes | None:
        """``Volatile.peek``."""
        digest = name(kind, key)
        return self._opened(digest, self._entry(VALUE, digest, "GET", _key(VALUE, digest)))

    def take(self, kind: str, key: bytes) -> bytes | None:
        """``Volatile.take``."""
        digest = name(kind, key)
        return self._opened(digest, self._entry(VALUE, digest, "EVAL", _TAKE, 1, _key(VALUE, digest)))

    def consume(self, kind: str, key: bytes) -> tuple[Consumed, bytes | None]:
        """``Volatile.consume``: one SET that answers with what was there before."""
        digest = name(kind, key)
        entry = _key(VALUE, digest)
        found = self._entry(VALUE, digest, "SET", entry, _USED, "XX", "KEEPTTL", "GET")
        if found == _USED:
            return Consumed.REPLAYED, None
        value = self._opened(digest, found)
        return (Consumed.UNKNOWN, None) if value is None else (Consumed.FRESH, value)

    def claim(self, kind: str, key: bytes, ttl_s: int) -> bool:
        """``Volatile.claim``. Whoever relies on it reads ``birth`` after this, never before."""
        return self._line.call("SET", _key(CLAIM, name(kind, key)), b"1", "NX", "EX", ttl_s) is not None

    def settle(self, kind: str, key: bytes, value: bytes, ttl_s: int) -> bytes:
        """``Volatile.settle``."""
        digest = name(kind, key)
        entry = _key(VALUE, digest)
        for _ in range(2):  # what stood there may have expired or be no value, and is then gone
            if self._line.call("SET", entry, wrap(digest, value), "NX", "EX", ttl_s) is not None:
                return value
            there = self._opened(digest, self._entry(VALUE, digest, "GET", entry))
            if there is not None:
                return there
        raise Unavailable("volatile store")

    def bump(self, kind: str, key: bytes, window_s: int, by: int = 1) -> int:
        """``Volatile.bump``."""
        digest = name(kind, key)
        entry = _key(COUNTER, digest)
        for _ in range(2):
            if by == 0:
                count = self._entry(COUNTER, digest, "GET", entry)
                if count is None or count.removeprefix(b"-").isdigit():  # below zero: taken off after it was forgotten
                    return int(count or 0)
                self._drop(entry)
                continue
            count = self._entry(COUNTER, digest, *_command(Bump(kind, key, window_s, by)))
            if count is not None:
                return int(count)
        raise Unavailable("volatile store")

    def forget(self, kind: str, key: bytes) -> None:
        """``Volatile.forget``: value, claim and counter of this key, which share a slot."""
        self._line.call(*_command(Forget(kind, key)))

    def several(self, verbs: Sequence[Verb]) -> list[int]:
        """``Volatile.several``: sent in one piece, each a command of its own."""
        counts: list[int] = []
        for verb, reply in zip(verbs, self._line.calls([_command(verb) for verb in verbs]), strict=True):
            if isinstance(verb, Bump):
                counts.append(self.bump(*verb) if isinstance(reply, redis.ResponseError) else int(reply))
            elif isinstance(reply, redis.ResponseError):
                raise Unavailable("volatile store") from reply
        return counts

    def birth(self) -> int:
        """``Volatile.birth``: renewed by a flush and by every new run of the server."""
        return self._line.birth()

    def sweep(self) -> int:
        """``Volatile.sweep``: Redis does so by itself."""
        return 0

    def check(self) -> None:
        """``Volatile.check``. Unavailable too when Redis would evict entries: a forgotten claim is a replay let in."""
        memory = self._line.call("INFO", "memory")
        if b"maxmemory_policy:noeviction" not in memory and b"maxmemory:0\r" not in memory:
            raise Unavailable("volatile store: maxmemory-policy must be noeviction")
        self.birth()

    def close(self) -> None:
        """``Volatile.close``."""
        self._line.close()

    def _entry(self, use: bytes, digest: bytes, *command: bytes | str | int) -> Any:
        """The reply, or None when a key of another type lies there, which is then deleted."""
        try:
            return self._line.call(*command)
        except redis.ResponseError:
            self._drop(_key(use, digest))
            return None

    def _opened(self, digest: bytes, found: Any) -> bytes | None:
        if found is None or found == _USED:
            return None
        value = unwrap(digest, found)
        if value is None:
            self._drop(_key(VALUE, digest))
        return value

    def _drop(self, key: bytes) -> None:
        self._line.call("DEL", key)


def _command(verb: Verb) -> tuple[bytes | str | int, ...]:
    digest = name(verb.kind, verb.key)
    match verb:
        case Put():
            return "SET", _key(VALUE, digest), wrap(digest, verb.value), "EX", verb.ttl_s
        case Bump():
            return "EVAL", _BUMP, 1, _key(COUNTER, digest), verb.by, verb.window_s * 1000
        case Forget():
            return "DEL", *(_key(use, digest) for use in (VALUE, CLAIM, COUNTER))


def _key(use: bytes, digest: bytes) -> bytes:
    """The braces put a key's three uses into one Cluster slot."""
    return b"yimen:" + use + b":{" + digest.hex().encode() + b"}"
