"""``idp demo``: the product with sample data, on this machine, until Ctrl-C."""

import contextlib
import json
import os
import secrets
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from idp.cli.common import fail, verb
from idp.cli.sample import ACCOUNTS, DEPARTMENTS, SOURCES

READY_S = 180
END_S = 35
"""Longer than the provider takes at most to finish what is under way."""
TOKEN_USES = 100
APPS = (1, 2, 3, 4)
"""Where the department apps are, above the provider's port."""
LOADED_FIRST = """\
import sys
import idp.app, idp.cli.management, idp.cli.serving
from idp.cli import main
from idp.cli.demo import as_part
as_part(sys.argv[1], lambda: main(sys.argv[2:]))
"""
"""A command whose modules are loaded while the data is still being prepared."""
APPS_BESIDE = """\
import sys
from clients.sample_rp.__main__ import main
from idp.cli.demo import as_part
as_part("", lambda: main(sys.argv[1]))
"""
LAST_PORT = 65_535 - 1000
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command()
@click.option(
    "--port",
    type=click.IntRange(1, LAST_PORT),
    default=8000,
    show_default=True,
    help="Port of the provider; the department apps take the next four, the management address that a thousand above.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Keep the data in this folder; removed at the end when absent.",
)
@click.option("--workers", default=1, show_default=True, help="Provider processes.")
@verb
def demo(port: int, data: Path | None, workers: int, as_json: bool) -> None:
    """Start the provider and four department apps with sample citizens.

    Needs nothing but this program: SQLite files, no mail server (messages appear on /outbox). For looking around, not for citizens.
    """
    if not _local("localhost"):
        fail("this machine does not know the name localhost: add the line `127.0.0.1 localhost` to /etc/hosts")
    ports = [port, *(port + n for n in APPS)]
    for p in (*ports, port + 1000):
        if not is_free(p):
            fail(
                f"port {p} is taken; stop what uses it, or choose others: `make run PORT=8140` or `.venv/bin/idp demo --port 8140`"
            )
    folder = data.resolve() if data else Path(tempfile.mkdtemp(prefix="yimen-demo-"))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    children: list[subprocess.Popen[bytes]] = []
    stops = Stops()
    stops.hear()
    try:
        settings = environment(folder, port)
        arguments = ["serve", "--bind", f"127.0.0.1:{port}", "--workers", str(workers), "--threads", str(_threads())]
        with stops.later():
            server = _start(["-c", LOADED_FIRST, "" if data else str(folder), *arguments], settings)
            children.append(server)
        prepared, keys = _prepare(settings, folder, port)
        told = prepared | {"settings": str(_settings_file(settings, folder))}
        _begin(server)
        with stops.later():
            children.append(_start(["-c", APPS_BESIDE, str(folder / "apps.json")], os.environ | {}))
        _begin(children[-1])
        _wait_ready(children, port, keys)
        _tell(told, as_json)
        while all(c.poll() is None for c in children):
            time.sleep(0.2)
        fail("a part of the demo ended unexpectedly; the lines above say which")
    except KeyboardInterrupt:
        click.echo("\nStopped.", err=True)
    finally:
        for name in STOPS:  # an impatient second Ctrl-C must not leave half of it behind
            signal.signal(name, signal.SIG_IGN)
        _end(children)
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)


def environment(folder: Path, port: int) -> dict[str, str]:
    """The settings of the demonstration's provider, for any program that opens the same data."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("IDP_")}
    return plain | {
        "IDP_ISSUER": f"http://localhost:{port}",
        "IDP_DATABASE_URL": f"sqlite:///{folder / 'yimen.db'}",
        "IDP_KEYRING_URL": f"sqlite:///{folder / 'keyring.db'}",
        "IDP_VOLATILE_URL": f"sqlite:///{folder / 'volatile.db'}",
        "IDP_KEYS_URL": f"file://{folder / 'keys'}",
        "IDP_MANAGEMENT_BIND": f"127.0.0.1:{port + 1000}",
        "IDP_OUTBOUND_ALLOW": "localhost,127.0.0.1",
        "IDP_OUTBOX_PAGE": "true",
    }


def _settings_file(settings: dict[str, str], folder: Path) -> Path:
    """For a shell: ``set -a; . FILE; set +a`` gives the command line this demonstration's settings."""
    path = folder / "settings.sh"
    path.write_text(
        "".join(f"{k}={shlex.quote(v)}\n" for k, v in settings.items() if k.startswith("IDP_")), encoding="utf-8"
    )
    path.chmod(0o600)
    return path


def _prepare(settings: dict[str, str], folder: Path, port: int) -> tuple[dict[str, Any], set[str]]:
    """Migrate, make keys, and enter the samples once; what to print, and the names of the keys that this provider publishes."""
    from idp.app import close_parts, open_parts, prepare
    from idp.config import load

    config = load(settings)
    prepare(config)
    memory = folder / "demo.json"
    parts = open_parts(config)
    try:
        keys = _kids(parts.keys.jwks())
        told = _remembered(memory, config.issuer) or _enter(parts, folder, port)
    finally:
        close_parts(parts)
    _private(memory, told)
    return told, keys


def _remembered(memory: Path, issuer: str) -> dict[str, Any] | None:
    if memory.exists():
        told: dict[str, Any] = json.loads(memory.read_text(encoding="utf-8"))
        if told["issuer"] != issuer:
            fail(f"the data in {memory.parent} belongs to {told['issuer']}: use the same --port, or another folder")
        return told
    return None


def _enter(parts: Any, folder: Path, port: int) -> dict[str, Any]:
    from idp.flows.provision import add_initial_token

    accounts = _enter_accounts(parts)
    apps = _enter_apps(parts, port)
    _enter_items(parts)
    token = add_initial_token(parts, DEPARTMENTS["tax"]["department_id"], uses=TOKEN_USES)
    issuer = parts.config.issuer
    _private(folder / "apps.json", {"issuer": issuer, "apps": apps})
    return {
        "issuer": issuer,
        "apps": [{"office": a["office"], "url": a["base"]} for a in apps],
        "accounts": accounts,
        "initial_access_token": token,
    }


def _kids(jwks: bytes) -> set[str]:
    return {key["kid"] for key in json.loads(jwks)["keys"]}


def _enter_accounts(parts: Any) -> list[dict[str, Any]]:
    from idp.flows.provision import add_account

    told = []
    for account in ACCOUNTS:
        password = _password()
        sources = {claim: SOURCES[claim] for claim in account["claims"] if claim in SOURCES}
        document = {**account, "password": password, "sources": sources}
        extra: dict[str, Any] = {}
        if account["roles"]:
            import pyotp

            document["totp_secret"] = extra["totp_secret"] = pyotp.random_base32()
        add_account(parts, document, how="sample")
        told.append({"username": account["identifiers"][0], "password": password, "roles": account["roles"], **extra})
    return told


def _enter_apps(parts: Any, port: int) -> list[dict[str, Any]]:
    from joserfc.jwk import ECKey

    from clients.sample_rp.offices import OFFICES, metadata
    from idp.flows.provision import add_client, add_department

    apps = []
    for number, office in enumerate(OFFICES.values(), start=1):
        add_department(parts, **DEPARTMENTS[office.key])
        base = f"http://localhost:{port + number}"
        key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
        keys = [key]
        if office.sealed:
            keys.append(ECKey.generate_key("P-256", {"use": "enc", "alg": "ECDH-ES+A256KW"}, auto_kid=True))
        described = metadata(office, base, {"keys": [key.as_dict(private=False) for key in keys]})
        client, secret = add_client(parts, described, DEPARTMENTS[office.key]["department_id"], how="sample")
        own: dict[str, Any] = {"jwk": key.as_dict(private=True)} if secret is None else {"secret": secret}
        if office.sealed:
            own["jwk_enc"] = keys[1].as_dict(private=True)
        if office.check:
            own["check"] = True
        apps.append({"office": office.key, "base": base, "client_id": client.client_id, **own})
    return apps


def _enter_items(parts: Any) -> None:
    """The catalogue: some items in force, one draft for the approver."""
    from idp.cli.sample import DRAFTS, ITEMS
    from idp.flows import catalogue
    from idp.release.items import read_entry

    catalogue.propose(parts, [read_entry(document) for document in ITEMS])
    for waiting in catalogue.waiting(parts):
        catalogue.decide(parts, waiting, approve=True)
    catalogue.propose(parts, [read_entry(document) for document in DRAFTS])


def _password() -> str:
    """Sixteen letters in speakable groups, new at each first start: about 70 bits."""
    groups = [
        "".join(secrets.choice("bcdfghjklmnprstvwz") + secrets.choice("aeiou") for _ in range(2)) for _ in range(5)
    ]
    return "-".join(groups)


def _private(path: Path, value: Any) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False)


def _local(name: str) -> bool:
    """Whether the name leads to this machine over IPv4, where the demonstration listens."""
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET)
    except OSError:
        return False
    return any(address[0] == "127.0.0.1" for *_, address in found)


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _threads() -> int:
    """As many as the server finds right for this machine's cores; it warns of more."""
    return min(8, 2 * (os.cpu_count() or 1) + 1)


def _start(arguments: list[str], settings: dict[str, str]) -> subprocess.Popen[bytes]:
    """One of our own programs, which begins when it is told. What it says of itself is left out; its errors are shown."""
    return subprocess.Popen(  # noqa: S603
        [sys.executable, *arguments],
        env=settings,
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )


def _begin(child: subprocess.Popen[bytes]) -> None:
    """Tell a child that waits. One that has died meanwhile is noticed by :func:`_wait_ready`."""
    assert child.stdin is not None
    with contextlib.suppress(OSError):
        child.stdin.write(b"\n")
        child.stdin.flush()


def as_part(folder: str, run: Callable[[], object]) -> None:
    """A child's life: ``run``, from the first byte of its input on. The input ends when the demonstration has ended, also one that was killed and
    could tell nobody: then the child ends too, and removes ``folder`` (if any) in its place."""

    def end_too() -> None:
        os.read(0, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    try:
        if os.read(0, 1):
            threading.Thread(target=end_too, daemon=True).start()
            run()
    finally:
        if folder and select.select([0], [], [], 0)[0]:
            shutil.rmtree(folder, ignore_errors=True)


def _wait_ready(children: list[subprocess.Popen[bytes]], port: int, keys: set[str]) -> None:
    """Until all answer. ``keys``: those of our provider; who answers with others took the port meanwhile."""
    deadline = time.monotonic() + READY_S
    waiting = [
        f"http://localhost:{port}/jwks",
        *(f"http://localhost:{port + n}/" for n in APPS),
    ]
    while waiting:
        if any(c.poll() is not None for c in children):
            fail("the demo did not start; the lines above say why")
        if time.monotonic() > deadline:
            fail(f"the demo did not start: {waiting[0]} did not answer within {READY_S} seconds")
        try:
            with urllib.request.urlopen(waiting[0], timeout=2) as answer:  # noqa: S310  our own address
                if len(waiting) > len(APPS) and not _ours(answer.read(), keys):
                    fail(f"port {port} was taken by another server; stop it, or choose others with --port")
                waiting.pop(0)
        except OSError:
            time.sleep(0.05)


def _ours(jwks: bytes, keys: set[str]) -> bool:
    """Whether a provider that publishes this is the one whose data we prepared."""
    try:
        return not keys.isdisjoint(_kids(jwks))
    except (ValueError, KeyError, TypeError):
        return False


def _tell(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    from clients.sample_rp.offices import OFFICES

    click.echo(f"\n  Yimen 一门 is ready. This is a demonstration with sample data.\n\n  Provider   {told['issuer']}")
    for app in told["apps"]:
        office = OFFICES[app["office"]]
        click.echo(f"  {app['url']}   {office.name_zh} {office.name_en}")
    click.echo(f"  {told['issuer']}/outbox   messages that would be sent\n\n  Accounts (made for this demonstration):")
    for account in told["accounts"]:
        role = (
            f"   ({', '.join(account['roles'])}; one-time codes: {account['totp_secret']})" if account["roles"] else ""
        )
        click.echo(f"    {account['username']:<12} {account['password']}{role}")
    click.echo(
        f"\n  Register apps of your own, {TOKEN_USES} at most (see README):  INITIAL_ACCESS_TOKEN={told['initial_access_token']}"
    )
    click.echo(f"  Use `.venv/bin/idp` beside it:  set -a; . {shlex.quote(str(told['settings']))}; set +a")
    click.echo(
        "\n  Sign in at the tax bureau, then open social security: you are signed in already.\n  Ctrl-C stops everything.\n"
    )


class Stops:
    """Ctrl-C and its like: each raises KeyboardInterrupt, at once or at the end of :meth:`later`."""

    def __init__(self) -> None:
        self._held = self._heard = False

    def hear(self) -> None:
        """From now on."""
        for name in STOPS:
            signal.signal(name, self._stop)

    def _stop(self, *_: Any) -> None:
        self._heard = True
        if not self._held:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def later(self) -> Iterator[None]:
        """For the moment between a child's start and its place among those that are ended: who is stopped just then leaves none behind."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._heard:
            raise KeyboardInterrupt


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is None:
            child.terminate()
    for child in children:
        try:
            child.wait(timeout=END_S)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        assert child.stdin is not None
        with contextlib.suppress(OSError):
            child.stdin.close()
