"""Health and metrics of the served product, on their own address alone; and what ``idp serve`` says when it cannot."""

import os
import re
import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from idp.cli.serving import _began, early
from idp.config import ConfigError, load
from keys.file_backend import FILE_NAME, create_root
from tests.faults.ground import Process, Served, environment
from tests.kit.process import PATIENCE_S, alive, free_port, wait_until

pytestmark = pytest.mark.slow
INSIDE = (
    "/health/live",
    "/health/ready",
    "/health",
    "/metrics",
    "/debug",
    "/admin",
    "/docs",
    "/openapi.json",
    "/_render",
)


@pytest.fixture
def served(make_served: Callable[..., Served]) -> Served:
    return make_served()


@pytest.mark.attack("A165")
def test_operators_endpoints_are_not_on_the_public_listener(served: Served) -> None:
    """Health, metrics and whatever is for operators answers 404 outside; metrics add up over the workers (OWASP ASVS 13.4)."""
    app = served.machine()
    served.start(2)
    for _ in range(30):
        assert served.as_client(app, "/token", {"grant_type": "client_credentials"}).status_code == 200
    for path in INSIDE:
        assert served.request("GET", path).status_code == 404, path
        assert (
            served.request(
                "GET", path, headers={"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1"}
            ).status_code
            == 404
        )
    assert (served.manage("/health/live").status_code, served.health()[0]) == (200, 200)
    assert served.manage("/token").status_code == served.manage("/").status_code == 404
    probe, other = served.manage("/health/ready", "HEAD"), served.manage("/health/ready", "POST")
    assert (probe.status_code, probe.text) == (200, "")
    assert (other.status_code, other.headers["Allow"]) == (405, "GET, HEAD")  # RFC 9110 §15.5.6
    text = served.manage("/metrics").text
    counts = re.findall(
        r'^idp_http_request_duration_seconds_count\{method="POST",route="/token",status="200"\} (\S+)$',
        text,
        re.MULTILINE,
    )
    assert counts == ["30.0"], text[:2000]
    # A worker that dies takes none of its counts with it.
    for pid in served.server.of("server"):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(served.server.of("server")) == 2 and served.health()[0] == 200, "new workers")
    assert 'route="/token",status="200"} 30.0' in served.manage("/metrics").text
    labels = set(re.findall(r'(\w+)="', text))
    assert labels <= {"method", "route", "status", "le"}, "a label may name a person"


def test_not_ready_while_a_part_is_missing(served: Served) -> None:
    """Another schema, a database that is away: not ready, alive all the same; ready again when it is back."""
    server = served.start(1)
    file = Path(served.config.database_url.removeprefix("sqlite:///"))
    connection = sqlite3.connect(file, isolation_level=None)
    table = _version_table(connection)
    ((version,),) = connection.execute(f"SELECT version_num FROM {table}").fetchall()
    connection.execute(f"UPDATE {table} SET version_num = '9999'")
    code, state = served.health()
    assert code == 503 and "9999" in state["stores"]
    assert served.manage("/health/live").status_code == 200
    connection.execute(f"UPDATE {table} SET version_num = ?", [version])
    connection.close()
    assert served.health()[0] == 200

    def missed() -> bool:
        """It may be started again before anybody looked; each time it is started later."""
        for pid in server.of("worker"):
            os.kill(pid, signal.SIGKILL)
        return served.health()[1].get("worker") == "ended"

    wait_until(missed, "a missing worker")
    wait_until(lambda: served.health()[0] == 200, "another worker")


def _version_table(connection: sqlite3.Connection) -> str:
    names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    (found,) = [n for n in names if "version" in n]
    return str(found)


def refused(folder: Path, environ: dict[str, str], *arguments: str) -> str:
    """``idp serve`` must end by itself with 1 and one line; nothing stays behind."""
    process = Process(folder, environ, "serve", *arguments)
    try:
        code = process.popen.wait(PATIENCE_S)
        process.family()
        lines = process.output().strip().splitlines()
        assert code == 1 and "Traceback" not in process.output(), process.output()
        assert len(lines) == 1 and lines[0].startswith("idp: "), lines
        assert list(process.temporary.iterdir()) == []
        return lines[0]
    finally:
        process.close()


MALFORMED = {
    "no issuer": ({"IDP_ISSUER": ""}, "IDP_ISSUER"),
    "broken issuer": ({"IDP_ISSUER": "https://[bad"}, "IDP_ISSUER"),
    "broken port": ({"IDP_ISSUER": "https://id.example:many"}, "IDP_ISSUER"),
    "unknown name": ({"IDP_ISUER": "https://id.example"}, "IDP_ISUER"),
    "no number": ({"IDP_CODE_TTL": "soon"}, "IDP_CODE_TTL"),
    "other scheme of database": ({"IDP_DATABASE_URL": "mysql://root:hunter2@db/idp"}, "IDP_DATABASE_URL"),
    "other scheme of cache": ({"IDP_VOLATILE_URL": "memcached://x:hunter2@c"}, "IDP_VOLATILE_URL"),
    "other scheme of keyring": ({"IDP_KEYRING_URL": "nonsense"}, "IDP_KEYRING_URL"),
    "no such authority": ({"IDP_OUTBOUND_CA": "/nowhere/no.pem"}, "IDP_OUTBOUND_CA"),
    "broken proxy network": ({"IDP_TRUSTED_PROXIES": "10.0.0.0/99"}, "IDP_TRUSTED_PROXIES"),
    "broken allow list": ({"IDP_OUTBOUND_ALLOW": "10.0.0.0/99"}, "IDP_OUTBOUND_ALLOW"),
    "broken management address": ({"IDP_MANAGEMENT_BIND": "nine thousand"}, "IDP_MANAGEMENT_BIND"),
    "unknown log level": ({"IDP_LOG_LEVEL": "loud"}, "IDP_LOG_LEVEL"),
    "missing secret file": ({"IDP_SMTP_URL_FILE": "/nowhere/no"}, "IDP_SMTP_URL_FILE"),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_setting_is_named_without_its_value(what: str) -> None:
    changed, named = MALFORMED[what]
    with pytest.raises(ConfigError) as refusal:
        load({"IDP_ISSUER": "https://id.example"} | changed)
    assert named in str(refusal.value) and "hunter2" not in str(refusal.value)


UNUSABLE = {
    "malformed": ({"IDP_DATABASE_URL": "mysql://root:hunter2@db/idp"}, "IDP_DATABASE_URL"),
    "database away": ({"IDP_DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/idp"}, "database"),
    "cache away": ({"IDP_VOLATILE_URL": "redis://:hunter2@127.0.0.1:1/0"}, "volatile store"),
    "empty database": ({"IDP_DATABASE_URL": "sqlite:///{folder}/empty.db"}, "idp db upgrade"),
    "no root key": ({"IDP_KEYS_URL": "file://{folder}/nothing"}, "{folder}/nothing"),
    "other kind of keys": ({"IDP_KEYS_URL": "vault://x"}, "keys URL"),
    "unreadable breach list": ({"IDP_PASSWORD_BREACHED_FILE": "{folder}/no"}, "IDP_PASSWORD_BREACHED_FILE"),
    "broken mail address": ({"IDP_SMTP_URL": "smtp//nonsense:hunter2"}, "IDP_SMTP_URL"),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_what_cannot_serve_says_so_in_one_line(served: Served, what: str) -> None:
    changed, named = UNUSABLE[what]
    folder = str(served.folder)
    environ = environment(served.config) | {k: v.replace("{folder}", folder) for k, v in changed.items()}
    line = refused(served.folder, environ, "--bind", f"127.0.0.1:{served.port}")
    assert named.replace("{folder}", folder) in line
    assert "hunter2" not in line


def another_root(folder: Path) -> None:
    (folder / FILE_NAME).unlink()
    create_root(f"file://{folder}", os.urandom)


ROOTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "lost": (lambda folder: (folder / FILE_NAME).unlink(), "recover it from escrow"),
    "another": (another_root, "a key was wrapped by root"),
    "wrong bytes": (lambda folder: (folder / FILE_NAME).write_bytes(os.urandom(45)), "is not a root key file"),
    "truncated": (lambda folder: os.truncate(folder / FILE_NAME, 40), "truncated"),
    "one bit": (lambda folder: flip(folder / FILE_NAME), "damaged"),
    "open to others": (lambda folder: (folder / FILE_NAME).chmod(0o644), "0600"),
}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)


@pytest.mark.attack("F25")
@pytest.mark.parametrize("what", ROOTS)
def test_f25_without_its_root_key_nothing_starts_and_none_is_made(served: Served, what: str) -> None:
    """Lost, wrong or damaged: start and upgrade are refused in a line that says what to do; no new root key takes its place."""
    change, named = ROOTS[what]
    folder = Path(served.config.keys_url.removeprefix("file://"))
    change(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    environ = environment(served.config)
    assert named in refused(served.folder, environ, "--bind", f"127.0.0.1:{served.port}")
    upgrade = Process(served.folder, environ, "db", "upgrade")
    assert upgrade.popen.wait(PATIENCE_S) == 1 and named in upgrade.output() and "Traceback" not in upgrade.output()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_two_servers_on_one_address(served: Served, make_served: Callable[..., Served]) -> None:
    """The public one would be shared in silence, the management one would end in a trace: both are refused in words."""
    served.start(1)
    other = environment(served.config)
    assert f"127.0.0.1:{served.port}" in refused(served.folder, other, "--bind", f"127.0.0.1:{served.port}")
    taken = refused(served.folder, other, "--bind", f"127.0.0.1:{free_port()}")
    assert "IDP_MANAGEMENT_BIND" in taken and served.config.management_bind in taken
    assert served.health()[0] == 200 and all(alive(pid) for pid in served.server.family())


def test_who_never_began_ended_early_however_long_it_took(tmp_path: Path) -> None:
    """On a slow machine loading alone takes longer than a sound worker's first seconds elsewhere"""
    assert early(tmp_path, 7, 600.0)
    for lived_s, soon in ((600.0, False), (1.0, True)):
        _began(tmp_path, 7).touch()
        assert early(tmp_path, 7, lived_s) == soon
        assert list(tmp_path.iterdir()) == [], "the next process of that number has to say so itself"


def test_workers_that_cannot_begin_end_the_server(served: Served) -> None:
    """The root key disappears while serving: the server does not start workers for ever, and says why it ends."""
    server = served.start(1, "--no-worker")
    keys = Path(served.config.keys_url.removeprefix("file://"))
    shutil.move(keys, keys.with_name("elsewhere"))
    for pid in server.of("server"):
        os.kill(pid, signal.SIGKILL)
    assert server.popen.wait(PATIENCE_S) == 1
    assert "server workers end as soon as they begin" in server.output()
