"""The product as a target: stores made and filled through its own flows, then served by ``idp serve`` in processes of its own."""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from idp.app import close_parts, open_parts, prepare
from idp.bench import release
from idp.bench.processes import free_port, running, wait_until
from idp.bench.services import Service
from idp.bench.target import CLIENTS, MACHINE, SCOPE, Credentials, Login, Target
from idp.config import load
from idp.flows.provision import add_account, add_client, add_department

CITIZENS = 4
CLAIMS = {"name": "李伟", "family_name": "李", "given_name": "伟", "preferred_username": "li.wei", "locale": "zh-CN"}


@contextmanager
def provider(
    name: str, folder: Path, threads: int, *, database: Service | None = None, redis: Service | None = None
) -> Iterator[Target]:
    """Serve from SQLite files in ``folder``, or from the given services. Raises BenchError when it does not start."""
    folder.mkdir(mode=0o700)
    port, log = free_port(), folder / "serve.log"
    environment = settings(folder, port, free_port(), database, redis)
    clients, citizens, releasing = _enter(environment)
    options = {"--bind": f"127.0.0.1:{port}", "--workers": "1", "--threads": str(threads)}
    command = [sys.executable, "-m", "idp.cli", "serve", *(w for pair in options.items() for w in pair), "--no-worker"]
    own = {k: v for k, v in os.environ.items() if not k.startswith("IDP_")} | environment
    with running(command, log, environment=own) as process:
        origin = environment["IDP_ISSUER"]
        wait_until(lambda: answers(origin), process, "the provider", log)
        parts = {"server": process.pid}
        parts |= {what: service.pid for what, service in (("database", database), ("redis", redis)) if service}
        yield Target(
            name,
            origin,
            endpoints(origin),
            clients,
            citizens,
            parts,
            releasing=releasing,
            settings=environment,
            threads=threads,
        )


def settings(
    folder: Path, port: int, management: int, database: Service | None, redis: Service | None
) -> dict[str, str]:
    """The environment of the served product: everything else is as it comes."""
    main, ring = (
        (f"postgresql://postgres@/{which}?host={database.address}" if database else f"sqlite:///{folder}/{which}.db")
        for which in ("main", "keyring")
    )
    return {
        "IDP_ISSUER": f"http://127.0.0.1:{port}",
        "IDP_MANAGEMENT_BIND": f"127.0.0.1:{management}",
        "IDP_DATABASE_URL": main,
        "IDP_KEYRING_URL": ring,
        "IDP_VOLATILE_URL": f"unix://{redis.address}" if redis else f"sqlite:///{folder}/volatile.db",
        "IDP_KEYS_URL": f"file://{folder}/keys",
    }


def _enter(environment: Mapping[str, str]) -> tuple[dict[str, Credentials], tuple[Login, ...], Login]:
    """A department, the clients and the citizens, as an operator would; the last citizen has eight attributes."""
    config = load(environment)
    prepare(config)
    parts = open_parts(config)
    try:
        department = add_department(
            parts,
            name_zh="基准局",
            name_en="Bench",
            credit_code="11100000BENCH0015P",
            region="110000",
            level="national",
        )
        clients = {}
        for name, metadata in {**CLIENTS, **release.clients()}.items():
            scope = {"scope": SCOPE, "default_scope": "openid" if name == MACHINE else ""}
            client, secret = add_client(
                parts, {**metadata, **{k: v for k, v in scope.items() if v}}, department, "sample"
            )
            assert secret is not None
            clients[name] = Credentials(client.client_id, secret)
        *citizens, releasing = (Login(f"citizen{n}", parts.entropy(12).hex()) for n in range(CITIZENS + 1))
        for citizen in (*citizens, releasing):
            told = {
                "identifiers": [citizen.username],
                "password": citizen.password,
                "claims": release.EIGHT if citizen is releasing else CLAIMS,
                "source": "sample",
            }
            add_account(parts, told, "sample")
        return clients, tuple(citizens), releasing
    finally:
        close_parts(parts)


def answers(origin: str) -> bool:
    """Whether a provider listens."""
    try:
        with urllib.request.urlopen(f"{origin}/.well-known/openid-configuration", timeout=2):  # noqa: S310  our own address
            return True
    except (OSError, urllib.error.URLError):
        return False


def endpoints(origin: str) -> dict[str, str]:
    """Paths from the discovery document (OIDC Discovery §3)."""
    with urllib.request.urlopen(f"{origin}/.well-known/openid-configuration", timeout=5) as answer:  # noqa: S310
        document: dict[str, object] = msgspec.json.decode(answer.read())
    named = {name.removesuffix("_endpoint").removesuffix("_uri"): url for name, url in document.items()}
    wanted = ("authorization", "token", "userinfo", "introspection", "jwks")
    return {name: urlsplit(str(named[name])).path for name in wanted}
