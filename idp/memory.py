"""A small text in a file of its own: replaced as a whole, on disk when it is answered, one writer at a time over all processes."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from idp.config import Config

MAX_BYTES = 1_000_000


class TextFile:
    """Implements ``idp.ports.Memory`` over ``path``, a file of the owner alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> str:
        """What is there; "" for nothing."""
        try:
            with self._path.open(encoding="utf-8") as file:
                return file.read(MAX_BYTES)
        except FileNotFoundError:
            return ""
        except UnicodeDecodeError as error:
            raise OSError(f"{self._path} does not hold text") from error

    def change(self, decide: Callable[[str], str]) -> str:
        """Replace the text by what ``decide`` makes of it; unchanged text is not written again."""
        handle = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            old = self.read()
            new = decide(old)
            if new != old:
                self._write(new)
            return new
        finally:
            os.close(handle)

    def _write(self, text: str) -> None:
        part = Path(f"{self._path}.part")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def open_memory(config: Config) -> TextFile:
    """Where the log's newest checkpoint is remembered: as configured, or beside the root key, which no backup of a database holds."""
    if config.log_checkpoint_file:
        return TextFile(Path(config.log_checkpoint_file))
    url = urlsplit(config.keys_url)
    folder = Path(unquote(url.path)) if url.scheme == "file" else Path("var")
    return TextFile(folder / "log.checkpoint")
