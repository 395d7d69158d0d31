"""The container set-up, judged without containers.

No image is built and no container runs here: the Dockerfile is linted, the Compose file is read as data, and what the containers would start
(entry point, migration, registration, provider, worker, department app) is started as plain processes with the same words.
"""

import json
import os
import re
import shutil
import ssl
import stat
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.tree import ROOT, name, sources
from tests.kit.process import PATIENCE_S, free_port, wait_until

DOCKER = ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
HOUSE = sorted(n for n, s in SERVICES.items() if s.get("image") == "yimen")
BIN = Path(sys.executable).parent

# ----------------------------------------------------------------------------------------------------------- Dockerfile


def test_hadolint_is_content() -> None:
    run = subprocess.run([BIN / "hadolint", DOCKER / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "")


def test_hadolint_sees_faults() -> None:
    command = [str(BIN / "hadolint"), "-"]
    run = subprocess.run(command, input="FROM python\nUSER root\n", capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "DL3002" in run.stdout


def test_the_image_runs_as_nobody_special_with_core_dumps_off() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.findall(r"(?m)^USER (.+)$", last) == ["10001:10001"]
    assert 'ENTRYPOINT ["/app/docker/entrypoint"]' in last
    assert re.search(r"(?m)^ulimit -c 0\nexec idp", (DOCKER / "entrypoint").read_text(encoding="utf-8"))


def test_the_image_holds_what_is_copied_and_no_secret() -> None:
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert allowed[0] == "*"
    copied = [w for line in re.findall(r"(?m)^COPY (?!--from)(.+)$", DOCKERFILE) for w in line.split()[:-1]]
    for path in copied:
        assert (ROOT / path).exists(), path
        assert "!" + path in allowed, path
    assert not [a for a in allowed if "secret" in a]


# -------------------------------------------------------------------------------------------------------------- Compose


def test_the_parts_are_all_there() -> None:
    assert set(SERVICES) >= {"provider", "worker", "database", "keyring", "redis", "proxy", "department"}


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_names_exists(service: str) -> None:
    told = SERVICES[service]
    assert set(told.get("secrets", ())) <= set(COMPOSE["secrets"])
    assert set(told["networks"]) <= set(COMPOSE["networks"])
    assert set(told.get("depends_on", {})) <= set(SERVICES)
    for volume in told.get("volumes", ()):
        source = volume.partition(":")[0]
        assert source in COMPOSE["volumes"] or (DOCKER / source).is_file(), volume


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gives_up_every_privilege(service: str) -> None:
    told = SERVICES[service]
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert not told.get("privileged")


@pytest.mark.parametrize("service", HOUSE)
def test_the_house_runs_on_a_read_only_file_system_without_core_dumps(service: str) -> None:
    assert SERVICES[service]["read_only"] is True
    assert SERVICES[service]["ulimits"] == {"core": 0}


def test_only_the_proxy_is_reached_from_outside() -> None:
    assert [n for n, told in SERVICES.items() if "ports" in told] == ["proxy"]
    assert COMPOSE["networks"]["back"]["internal"] is True
    assert {n: SERVICES[n]["networks"] for n in ("database", "keyring", "redis")} == {
        n: ["back"] for n in ("database", "keyring", "redis")
    }


def test_only_the_proxys_forwarded_headers_are_believed() -> None:
    address = SERVICES["proxy"]["networks"]["front"]["ipv4_address"]
    assert SERVICES["provider"]["environment"]["IDP_TRUSTED_PROXIES"] == f"{address}/32"


def test_the_proxy_waits_for_slow_bodies() -> None:
    """A body that never ends holds a connection of the proxy, not a thread of the provider (ATTACKS F35)."""
    from idp.web.edge import MAX_BODY

    site = (DOCKER / "Caddyfile").read_text(encoding="utf-8")
    buffered = re.search(r"reverse_proxy provider:8000 \{[^}]*request_buffers (\d+)KiB", site)
    assert buffered is not None and int(buffered[1]) * 1024 > MAX_BODY
    assert re.search(r"read_header \d+s", site) and re.search(r"read_body \d+s", site)


def test_the_proxy_hands_on_no_cookie_that_the_provider_cannot_read() -> None:
    """One byte of a neighbour's that is not ASCII would make the whole field empty (ATTACKS A123)."""
    site = (DOCKER / "Caddyfile").read_text(encoding="utf-8")
    (pattern, instead) = re.findall(r'header_up Cookie "([^"]+)" "([^"]+)"', site)[0]
    assert re.sub(pattern, instead, "__Host-yimen-session=a; city=杭州\xff") == "__Host-yimen-session=a; city=???"


def test_the_settings_are_settings_of_the_house() -> None:
    config = pytest.importorskip("idp.config")
    known = config.names()
    image = dict(re.findall(r"(IDP_[A-Z_]+)=(\S+)", DOCKERFILE))
    for told in (*(SERVICES[s].get("environment", {}) for s in HOUSE), image):
        assert [n for n in told if n.startswith("IDP_") and n.removesuffix("_FILE") not in known] == []


@pytest.mark.parametrize("service", HOUSE)
def test_no_secret_stands_in_an_environment(service: str) -> None:
    text = json.dumps(SERVICES[service].get("environment", {}))
    assert not re.search(r"(?i)password=|://[^/\"]*:[^/\"]*@", text)


def test_the_volatile_store_refuses_rather_than_forgets(prepared: Path) -> None:
    conf = (prepared / "redis_conf").read_text(encoding="utf-8")
    assert "maxmemory-policy noeviction" in conf
    assert "appendonly no" in conf
    assert 'save ""' in conf
    assert SERVICES["redis"]["command"] == ["redis-server", "/run/secrets/redis_conf"]


# -------------------------------------------------------------------------------------------------------------- prepare


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docker")
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed (Debian: openssl)")
    subprocess.run([DOCKER / "prepare", folder], check=True)
    return folder / "secrets"


def test_prepare_makes_every_secret_of_the_compose_file(prepared: Path) -> None:
    wanted = {Path(s["file"]).name for s in COMPOSE["secrets"].values()}
    assert {p.name for p in prepared.iterdir()} >= wanted
    assert all(p.stat().st_size for p in prepared.iterdir())
    assert stat.S_IMODE(prepared.stat().st_mode) == 0o700
    assert not (prepared / "ca.key").exists()


def test_prepare_keeps_what_is_there_and_repeats_nothing(prepared: Path, tmp_path: Path) -> None:
    before = {p.name: p.read_bytes() for p in prepared.iterdir()}
    subprocess.run([DOCKER / "prepare", prepared.parent], check=True)
    assert {p.name: p.read_bytes() for p in prepared.iterdir()} == before
    subprocess.run([DOCKER / "prepare", tmp_path], check=True)
    for secret in ("database_password", "keyring_password", "redis_password", "certificate.key"):
        assert (tmp_path / "secrets" / secret).read_bytes() != before[secret]


def test_the_trials_certificate_is_for_its_hosts(prepared: Path) -> None:
    context = ssl.create_default_context(cafile=prepared / "ca.pem")
    context.load_cert_chain(prepared / "certificate.pem", prepared / "certificate.key")
    text = ["openssl", "x509", "-in", str(prepared / "certificate.pem"), "-noout", "-ext", "subjectAltName"]
    names = subprocess.run(text, capture_output=True, text=True, check=True).stdout
    assert {"DNS:id.localhost", "DNS:social.localhost"} <= set(re.findall(r"DNS:[a-z.]+", names))


def test_secrets_are_never_committed() -> None:
    run = subprocess.run(["git", "check-ignore", "-q", "docker/secrets/database_url"], cwd=ROOT, check=False)
    assert run.returncode == 0


# --------------------------------------------------------------------------------- what containers start, as processes


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A house of its own in a folder: what the Compose file sets, on embedded stores and loopback."""
    allowed = SERVICES["provider"]["environment"]["IDP_OUTBOUND_ALLOW"].partition("-")[2].rstrip("}")
    return {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "IDP_ISSUER": "http://localhost:8000",
        "IDP_DATABASE_URL": f"sqlite:///{tmp_path}/main.db",
        "IDP_KEYRING_URL": f"sqlite:///{tmp_path}/keyring.db",
        "IDP_VOLATILE_URL": f"sqlite:///{tmp_path}/volatile.db",
        "IDP_KEYS_URL": f"file://{tmp_path}/keys",
        "IDP_MANAGEMENT_BIND": "127.0.0.1:0",
        "IDP_OUTBOUND_ALLOW": f"{allowed},localhost,127.0.0.0/8",
    }


@pytest.mark.skipif(not os.access(BIN / "idp", os.X_OK), reason="this environment was not made by .ci/setup")
def test_the_entry_point_starts_the_command_with_core_dumps_off(environment: dict[str, str], tmp_path: Path) -> None:
    said = subprocess.run(
        [DOCKER / "entrypoint", "--version"], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith("idp, version ")
    spy = tmp_path / "idp"
    spy.write_text("#!/bin/sh\nulimit -c\n", encoding="utf-8")
    spy.chmod(0o700)
    limited = environment | {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    said = subprocess.run([DOCKER / "entrypoint"], env=limited, capture_output=True, text=True, check=True)
    assert said.stdout == "0\n"


def test_the_commands_are_commands_of_the_house() -> None:
    """Each service's words, up to its options, name a verb of the command line, and its options are that verb's."""
    import click

    from idp.cli import main

    for service in HOUSE:
        told = SERVICES[service]
        if "entrypoint" in told:
            continue
        command: click.Command = main
        context, words = click.Context(main), [*told["command"], "--help"]
        while isinstance(command, click.Group):
            found = command.get_command(context, words.pop(0))
            assert found is not None, service
            command, context = found, click.Context(found)
        options = {o for p in command.params for o in p.opts}
        assert {w for w in words if w.startswith("--")} <= options | {"--help"}, service


def test_the_department_app_is_a_module_here() -> None:
    assert SERVICES["department"]["entrypoint"] == ["python", "-m", "clients.sample_rp"]
    assert "clients/sample_rp/__main__.py" in {name(p) for p in sources("clients")}


@pytest.fixture
def upgraded(environment: dict[str, str]) -> dict[str, str]:
    """The same after what the service ``upgrade`` runs."""
    run(environment, "idp", *SERVICES["upgrade"]["command"])
    return environment


def run(environment: dict[str, str], *words: str, stdin: str = "") -> str:
    """Run to the end as a container would, with the house on the path and no terminal; its output."""
    command = [str(BIN / words[0]), *words[1:]]
    done = subprocess.run(command, cwd=ROOT, env=environment, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_upgrade_and_register_may_run_twice(upgraded: dict[str, str], tmp_path: Path) -> None:
    run(upgraded, "idp", *SERVICES["upgrade"]["command"])
    settings = tmp_path / "apps.json"
    office, base, _ = SERVICES["register"]["command"]
    for _ in range(2):
        run(upgraded, "python", str(DOCKER / "register.py"), office, base, str(settings))
    told = json.loads(settings.read_text(encoding="utf-8"))
    assert told["issuer"] == upgraded["IDP_ISSUER"]
    assert [(a["office"], a["base"], a["bind"]) for a in told["apps"]] == [
        ("social", "https://social.localhost", "0.0.0.0")
    ]
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    assert len(json.loads(run(upgraded, "idp", "clients", "list", "--json"))) == 1


@pytest.mark.slow
def test_a_citizen_is_entered_from_standard_input(upgraded: dict[str, str]) -> None:
    """The README's words."""
    citizen = {"identifiers": ["li.wei"], "password": "a-long-synthetic-pass-9", "claims": {"name": "李伟"}}
    made = json.loads(run(upgraded, "idp", "accounts", "add", "/dev/stdin", "--json", stdin=json.dumps(citizen)))
    assert len(made) == 1


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


@pytest.mark.slow
def test_provider_worker_and_department_start_answer_and_stop(upgraded: dict[str, str], tmp_path: Path) -> None:
    """On free ports of loopback instead of the containers' networks; the health check is the image's own."""
    public, management, department = free_port(), free_port(), free_port()
    environment = upgraded | {
        "IDP_ISSUER": f"http://localhost:{public}",
        "IDP_MANAGEMENT_BIND": f"127.0.0.1:{management}",
    }
    base, settings = f"http://localhost:{department}", tmp_path / "apps.json"
    run(environment, "python", str(DOCKER / "register.py"), "social", base, str(settings))
    serve = [w.replace("0.0.0.0:8000", f"127.0.0.1:{public}") for w in SERVICES["provider"]["command"]]
    health = json.loads("[" + DOCKERFILE.partition("CMD [")[2].partition("]")[0] + "]")
    words = {
        "provider": [str(DOCKER / "entrypoint"), *serve],
        "worker": [str(DOCKER / "entrypoint"), *SERVICES["worker"]["command"]],
        "department": [str(BIN / "python"), *SERVICES["department"]["entrypoint"][1:], str(settings)],
    }
    started = {}
    with ExitStack() as stack:
        for what, command in words.items():
            log = stack.enter_context((tmp_path / f"{what}.log").open("wb"))
            started[what] = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            stack.callback(started[what].wait)
            stack.callback(started[what].kill)
        for url in (f"http://localhost:{public}/.well-known/openid-configuration", base + "/"):
            wait_until(lambda url=url: answers(url), url)  # type: ignore[misc]
        run(environment, health[0], *(w.replace("9000", str(management)) for w in health[1:]))
        assert {what: process.poll() for what, process in started.items()} == dict.fromkeys(words)
        for process in started.values():
            process.terminate()
        assert {what: process.wait(PATIENCE_S) for what, process in started.items()} == dict.fromkeys(words, 0)
