"""``idp witness``: cosigns the checkpoints of other houses' logs, so that none of them can show two histories (C2SP tlog-witness).

Needs no database: a folder with its key and one small file per log that it serves.
"""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from idp.audit import note
from idp.audit.note import Checkpoint, NoteError, Signing, Verifier
from idp.audit.witness import MAX_BODY, SIZE_TYPE, Refused, cosign, judge, parse
from idp.cli.common import fail, show, verb
from idp.config import ConfigError
from idp.memory import TextFile
from keys.purpose import subkey

SEED_BYTES = 32


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--name", required=True, help="The witness's name in cosignatures, for example witness.example.gov/w1.")
@click.option(
    "--log",
    "logs",
    multiple=True,
    metavar="VKEY",
    help="A log to serve: its verifier key (`idp audit checkpoint --keys`).",
)
@click.option(
    "--bind", default="127.0.0.1:8090", show_default=True, help="Address to listen on; the proxy in front speaks TLS."
)
@click.option(
    "--keys", is_flag=True, help="Print the witness's verifier keys and end: they go into the logs' IDP_LOG_WITNESSES."
)
@verb
def witness(folder: Path, name: str, logs: tuple[str, ...], bind: str, keys: bool, as_json: bool) -> None:
    """Be a witness. FOLDER holds its key and what it cosigned; made at the first start.

    A witness that lost its folder, or runs from an old copy of it, must not go on under its name.
    """
    made = Cosigner(folder, name, [_verifier(text) for text in logs])
    if keys:
        texts = [key.text() for key in made.verifiers]
        show({"name": name, "keys": texts}, True) if as_json else click.echo("\n".join(texts))
        return
    if not logs:
        fail("name at least one log (--log VKEY)")
    host, _, port = bind.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise click.BadParameter("give HOST:PORT", param_hint="--bind")
    from idp.app import system_clock

    server = ThreadingHTTPServer((host.strip("[]"), int(port)), handler(made, lambda: system_clock() // 1_000_000))
    server.daemon_threads = True
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    show({"witness": name, "bind": f"{host}:{server.server_address[1]}", "logs": len(made.logs)}, as_json)
    sys.stdout.flush()
    try:
        server.serve_forever()
    finally:
        server.server_close()


class Cosigner:
    """A witness's keys and memory. ``logs``: verifier keys of the logs that it serves. Raises ConfigError, OSError."""

    def __init__(self, folder: Path, name: str, logs: Sequence[Verifier]) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        seed = _seed(folder / "witness.key")
        ed25519 = Ed25519PrivateKey.from_private_bytes(subkey(seed, b"yimen-witness/1 ed25519"))
        mldsa44 = MLDSA44PrivateKey.from_seed_bytes(subkey(seed, b"yimen-witness/1 ml-dsa-44"))
        made = (note.ed25519_cosigner(name, ed25519), note.mldsa44_cosigner(name, mldsa44))
        self.verifiers = tuple(public for public, _ in made)
        self._signings: tuple[Signing, ...] = tuple(sign for _, sign in made)
        self._folder = folder
        self.logs: dict[str, list[Verifier]] = {}
        for key in logs:
            self.logs.setdefault(key.name, []).append(key)

    def add_checkpoint(self, body: bytes, now: int) -> str:
        """Judge, remember, cosign: what is remembered is on disk before anything is signed. ``now`` seconds. Raises Refused, OSError."""
        sent = parse(body)
        seen: list[Checkpoint] = []

        def decide(old: str) -> str:
            known = _known(old)
            seen.append(judge(sent, self.logs, {known.origin: known} if known is not None else {}))
            return note.Checkpoint(seen[0].origin, seen[0].size, seen[0].root).text()

        origin = sent.checkpoint.partition("\n")[0]
        if origin not in self.logs:
            judge(sent, self.logs, {})
            raise Refused(404)
        TextFile(self._folder / f"{sha256(origin.encode()).hexdigest()[:32]}.log").change(decide)
        return cosign(seen[0], self._signings, now)


def handler(made: Cosigner, seconds: Any) -> type[BaseHTTPRequestHandler]:
    """The HTTP of a witness."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10.0
        server_version, sys_version = "Yimen", ""

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if self.path != "/add-checkpoint" or not length.isdigit() or len(length) > 9 or int(length) > MAX_BODY:
                self.close_connection = True
                self._answer(404 if self.path != "/add-checkpoint" else 400, "")
                return
            try:
                self._answer(200, made.add_checkpoint(self.rfile.read(int(length)), seconds()))
            except Refused as no:
                self._answer(no.status, no.body)
            except OSError:
                self._answer(503, "")

        def _answer(self, status: int, body: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", SIZE_TYPE if status == 409 else "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """What was cosigned is in its file."""

    return Handler


def _seed(path: Path) -> bytes:
    try:
        seed = path.read_bytes()
    except FileNotFoundError:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            seed = os.urandom(SEED_BYTES)
            file.write(seed)
            file.flush()
            os.fsync(file.fileno())
    if len(seed) != SEED_BYTES:
        raise ConfigError(f"{path} is not a witness's key")
    return seed


def _known(text: str) -> Checkpoint | None:
    """What was cosigned lastly. Raises OSError for a damaged file: a witness that forgot signs nothing."""
    try:
        return note.checkpoint(text) if text else None
    except NoteError as error:
        raise OSError("what was cosigned can't be read") from error


def _verifier(text: str) -> Verifier:
    try:
        return note.verifier(text)
    except NoteError as error:
        raise ConfigError(f"--log: {error}") from None
