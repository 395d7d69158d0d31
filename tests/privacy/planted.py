"""Values that may be found nowhere, the forms that they could take, and everything that the served product leaves behind."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus, urlsplit

import pytest

from tests.faults.ground import Served
from tests.kit.postgres import Postgres
from tests.kit.redis import Redis


class Planted:
    """Name → value of everything that may be found nowhere."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def add(self, name: str, value: str) -> str:
        assert len(value.encode()) >= 6, (name, value)
        self.values[name] = value
        return value


def forms(value: str) -> Iterator[bytes]:
    """The value as it stands, URL-encoded, JSON-escaped, hex, UTF-16, and base64 at each of its three alignments."""
    raw = value.encode()
    yield raw
    yield quote(value, safe="").encode()
    yield quote_plus(value).encode()
    yield value.encode("unicode_escape")
    yield value.encode("utf-16-le")
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + raw)
        inner = coded[4 if shift else 0 : -4]  # whole groups alone: the ends depend on the neighbours
        if len(inner) >= 8:
            yield inner
            yield inner.replace(b"+", b"-").replace(b"/", b"_")
    if re.fullmatch(r"[A-Za-z0-9_-]{22,}", value):  # a token: its bytes
        yield base64.urlsafe_b64decode(value[: len(value) // 4 * 4])[4:]


def found(planted: Planted, haystacks: dict[str, bytes]) -> list[str]:
    return sorted(
        {
            f"{name} in {where}"
            for name, value in planted.values.items()
            for form in forms(value)
            for where, data in haystacks.items()
            if form in data
        }
    )


def files(folder: Path) -> dict[str, bytes]:
    """Databases, their logs, and what the processes said."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def redis_contents(request: pytest.FixtureRequest) -> list[bytes]:
    server: Redis = request.getfixturevalue("redis")
    with server.client() as connection:
        keys = list(connection.scan_iter())
        assert keys
        return [bytes(key) + b"\0" + bytes(connection.dump(key) or b"") for key in keys]


def dumps(postgres: Postgres, served: Served) -> dict[str, bytes]:
    """Every table's rows as text, every file of the server, its write-ahead log among them."""
    found_files = {
        str(p.name): p.read_bytes() for p in (postgres.home.path / "data" / "pg_wal").iterdir() if p.is_file()
    }
    found_files["log of the server"] = postgres.log.read_bytes()
    for url in (served.config.database_url, served.config.keyring_url):
        name = urlsplit(url).path.removeprefix("/")
        with postgres.connect(name) as connection:
            tables = [t for (t,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
            for table in tables:
                with connection.cursor().copy(f'COPY (TABLE "{table}") TO STDOUT WITH (FORMAT binary)') as copy:
                    found_files[f"{name} {table}"] = b"".join(bytes(piece) for piece in copy)
    return found_files


def everything_left(request: pytest.FixtureRequest, served: Served, backend: str) -> dict[str, bytes]:
    """Stops the server: databases with their write-ahead logs, before and after, the cache, the metrics, and every line that was said."""
    haystacks = {f"cache {n}": data for n, data in enumerate(redis_contents(request))} if backend != "sqlite" else {}
    haystacks["metrics"] = served.manage("/metrics").data
    live = files(served.folder)  # while the write-ahead logs are full
    assert served.server.stop() == 0
    haystacks |= {f"{name} while serving": data for name, data in live.items()} | files(served.folder)
    if backend != "sqlite":
        postgres: Postgres = request.getfixturevalue("postgres")
        haystacks |= dumps(postgres, served)
    assert '"event":"request"' in served.server.output(), "the log is not on"
    assert any(len(data) > 50_000 for data in haystacks.values())
    return haystacks
