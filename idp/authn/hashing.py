"""Argon2id behind a bounded queue, so that a storm of sign-ins never slows token, refresh and introspection.

A password is prepared in one way everywhere (RFC 8265 §4.2 OpaqueString: NFC, any space counts as U+0020, nothing trimmed, nothing cut off) and is
refused by its length before any work is done.
"""

import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from idp.errors import Unavailable

MAX_CHARS: Final = 128
"""Longest password (SP 800-63B §3.1.1.2 asks for at least 64)."""
_MAX_RAW: Final = 4 * MAX_CHARS
_WAIT_S: Final = 10.0

T = TypeVar("T")


class TooLong(ValueError):
    """The password is over :data:`MAX_CHARS`; nothing was hashed."""


def prepare(password: str) -> bytes:
    """The bytes that are hashed: NFC, spaces of all scripts as U+0020 (RFC 8265 §4.2.2), UTF-8. Raises TooLong before normalising large input."""
    if len(password) > _MAX_RAW:
        raise TooLong
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    text = unicodedata.normalize("NFC", spaced)
    if len(text) > MAX_CHARS:
        raise TooLong
    return text.encode("utf-8", "surrogatepass")


class ArgonHasher:
    """``idp.ports.Hasher``: Argon2id with one lane, ``threads`` at work and at most ``queue`` waiting.

    They are threads of its own: each keeps the memory that it fills, which stays in the processor's cache from one password to the next, instead
    of one such block for every thread that serves.
    """

    def __init__(self, memory_kib: int, passes: int, threads: int, queue: int) -> None:
        self._argon = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1, hash_len=32, type=Type.ID)
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix="hash")
        self._room = threading.BoundedSemaphore(threads + queue)
        self._dummy = self._argon.hash("no account has this password")
        self._head = self._dummy.rsplit("$", 2)[0] + "$"

    def hash(self, password: str) -> str:
        """PHC string with a fresh salt. Raises TooLong, or Unavailable when the queue is full."""
        prepared = prepare(password)
        return self._in_turn(lambda: self._argon.hash(prepared))

    def verify(self, phc: str | None, password: str) -> bool:
        """Whether ``password`` made ``phc``; None costs the same and is False. Too long a password is False at once, for everyone alike."""
        try:
            prepared = prepare(password)
        except TooLong:
            return False
        return self._in_turn(lambda: self._matches(phc or self._dummy, prepared)) and phc is not None

    def stale(self, phc: str) -> bool:
        """Made with other parameters than today's."""
        as_today = phc.startswith(self._head) and len(phc) == len(self._dummy)
        return not as_today and self._argon.check_needs_rehash(phc)

    def close(self) -> None:
        """``idp.ports.Hasher.close``."""
        self._workers.shutdown(wait=False)

    def _matches(self, phc: str, prepared: bytes) -> bool:
        try:
            return self._argon.verify(phc, prepared)
        except (VerificationError, InvalidHashError):
            return False

    def _in_turn(self, work: Callable[[], T]) -> T:
        """Done by one of the workers. Raises Unavailable when the queue is full, or the wait too long: whoever left is hashed for no more."""
        if not self._room.acquire(blocking=False):
            raise Unavailable("password queue")
        try:
            begun = self._workers.submit(work)
            try:
                return begun.result(timeout=_WAIT_S)
            except TimeoutError:
                if begun.cancel():
                    raise Unavailable("password queue") from None
                return begun.result()
        finally:
            self._room.release()
