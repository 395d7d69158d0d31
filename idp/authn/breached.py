"""The operator's offline list of breached passwords: a sorted text file, one SHA-1 in hexadecimal per line, looked up in place.

Lines may be cut to a prefix of at least ten digits and may go on after a colon (``HASH:COUNT``); all have one length of hash and one case.
"""

import hashlib
import mmap
from pathlib import Path
from typing import Final

_LEAST: Final = 10


class BreachList:
    """Memory-mapped; a look-up reads about as many pages as the file has doublings. Shared by threads."""

    def __init__(self, path: str) -> None:
        with Path(path).open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        first = self._line(0)
        self._upper, self._digits = first == first.upper(), len(first)
        if not _LEAST <= self._digits <= 40 or not _is_hex(first):
            raise ValueError("the list of breached passwords must hold one hexadecimal SHA-1 per line, sorted")

    def __contains__(self, prepared: object) -> bool:
        """Whether the password (bytes as ``idp.authn.hashing.prepare`` gives them) is in the list."""
        if not isinstance(prepared, bytes):
            return False
        digest = hashlib.sha1(prepared, usedforsecurity=False).hexdigest()[: self._digits]
        wanted = (digest.upper() if self._upper else digest).encode()
        low, high = 0, len(self._map)
        while low < high:
            middle = (low + high) // 2
            start = self._map.rfind(b"\n", 0, middle) + 1
            line = self._line(start)
            if line == wanted:
                return True
            if line < wanted:
                end = self._map.find(b"\n", middle)
                low = len(self._map) if end < 0 else end + 1
            else:
                high = start
        return False

    def _line(self, start: int) -> bytes:
        """The hash on the line that begins at ``start``."""
        end = self._map.find(b"\n", start, start + 128)
        return self._map[start : end if end >= 0 else min(start + 128, len(self._map))].strip().partition(b":")[0]


def _is_hex(text: bytes) -> bool:
    return all(c in b"0123456789abcdefABCDEF" for c in text)
