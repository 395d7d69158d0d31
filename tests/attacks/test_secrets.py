"""Attacks on what lies about: files, logs, metrics, error pages and answers hold no secret and nothing personal."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from click.testing import CliRunner
from prometheus_client import generate_latest

from clients.model import public_metadata
from idp.cli import main
from idp.records import Account, Password, RecoveryCode, Totp
from keys.sealed import padded
from tests.kit.house import App, House, basic
from tests.kit.person import PASSWORD, Person, enrol, last_code, totp_now

SENTINELS: dict[str, Any] = {
    "name": "Sentinel-Name-欧阳",
    "email": "sentinel.mail@example.cn",
    "phone_number": "+8613912345678",
    "birthdate": "1971-07-17",
    "address": {"formatted": "Sentinel-Street 42"},
}


def forms(secret: str) -> set[bytes]:
    """How a value may lie about: as it is, percent-encoded, as JSON, as UTF-16 (a core dump's strings)."""
    return {secret.encode(), quote(secret).encode(), msgspec.json.encode(secret)[1:-1], secret.encode("utf-16-le")}


def lying_about(house: House) -> dict[str, bytes]:
    """Every file of every store, what was logged, and the metrics."""
    folder = Path(house.config.database_url.removeprefix("sqlite:///")).parent
    held = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {**held, "log": b"".join(house.lines), "metrics": generate_latest()}


def journey(house: House) -> tuple[App, list[str]]:
    """Sign-up, second factor, an authorization, tokens, mistakes of every kind; what was secret or personal on the way."""
    app = house.register()
    house.citizen("sentinel.user", "sentinel.mail@example.cn", claims=SENTINELS, password=PASSWORD)
    person = Person(house, remote="198.51.100.77", agent="Sentinel-Agent/9 Firefox/1")
    person.sign_in("sentinel.user", "Sentinel wrong password")
    person.sign_in("sentinel.user", PASSWORD)
    secret, codes = enrol(person)
    session = person.cookie() or ""
    code = house.code(
        person.browser, app, login_hint="sentinel.hint@example.cn", state="sentinel-state", nonce="sentinel-nonce"
    )
    tokens = house.redeem(app, code).get_json()
    house.userinfo(tokens["access_token"])
    house.redeem(app, code, code_verifier="Sentinel" * 8)
    house.post(
        "/token",
        {"grant_type": "authorization_code", "code": code, "client_secret": "Sentinel-Secret"},
        basic(app.id, "Sentinel-Basic"),
    )
    person.get("/forgot")
    person.submit(identifier="sentinel.mail@example.cn")
    reset = last_code(house, "reset_code")
    other = [
        PASSWORD,
        "Sentinel wrong password",
        secret,
        *codes,
        session,
        code,
        reset,
        app.secret or "",
        totp_now(house, secret),
    ]
    claims = [v["formatted"] if isinstance(v, dict) else v for v in SENTINELS.values()]
    return app, [
        *other,
        *claims,
        "sentinel.user",
        "sentinel.hint@example.cn",
        "198.51.100.77",
        "Sentinel-Agent",
        "Sentinel-Secret",
        "Sentinel-Basic",
        *(v for v in tokens.values() if isinstance(v, str) and len(v) > 40),
    ]


@pytest.mark.attack("A154", "A153")
def test_nothing_personal_or_secret_lies_about(make_house) -> None:
    """After a whole journey, with every request logged, no store, log line or metric holds a sentinel (DESIGN §2.5, §2.10; ASVS 14.2.4, 16.2.5)."""
    house: House = make_house(log_level="debug")
    _, secrets = journey(house)
    held = lying_about(house)
    assert {"main.db", "keyring.db", "volatile.db", "log", "metrics"} <= set(held) and held["log"].count(b"\n") > 15
    found = [
        (where, secret)
        for where, content in held.items()
        for secret in secrets
        if len(secret) > 6
        for form in forms(secret)
        if form in content
    ]
    assert found == []


@pytest.mark.attack("A166")
def test_no_answer_and_no_verb_shows_a_hash_or_a_seed(house: House) -> None:
    """Hashes of secrets, password hashes, TOTP seeds and recovery codes are written and never read out (ASVS 14.2.1)."""
    app, _ = journey(house)
    rows = [*house.parts.store.find(Password), *house.parts.store.find(Totp), *house.parts.store.find(RecoveryCode)]
    assert len(rows) == 12
    kept = [
        value for row in rows for value in msgspec.structs.astuple(row) if isinstance(value, bytes) and len(value) > 20
    ]
    assert app.client.secret_hash is not None
    kept.append(app.client.secret_hash)
    env = {
        f"IDP_{n.upper()}": str(getattr(house.config, n))
        for n in ("issuer", "database_url", "keyring_url", "volatile_url", "keys_url")
    }
    said = msgspec.json.encode(public_metadata(app.client)).decode()
    for verb in (
        ["clients", "list"],
        ["clients", "show", app.id],
        ["clients", "errors", app.id],
        ["audit", "list"],
        ["config", "show"],
        ["keys", "list"],
        ["audit", "export"],
    ):
        result = CliRunner().invoke(main, [*verb, "--json"], env=env, catch_exceptions=False)
        assert result.exit_code == 0, (verb, result.output)
        said += result.output
    assert app.id in said and "secret_hash" not in said and "registration_token_hash" not in said
    for value in kept:
        assert value.hex() not in said and msgspec.json.encode(value).decode().strip('"').rstrip("=")[:24] not in said
    assert "$argon2" not in said and padded(b"") not in said.encode()
    assert house.parts.store.count(Account) == 1


@pytest.mark.attack("A169")
@pytest.mark.parametrize(
    "path", ["/", "/sign-in", "/authorize?client_id=x", "/token", "/userinfo", "/register?client_id=x", "/jwks"]
)
def test_a_crash_tells_its_place_to_the_log_alone(house: House, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No trace, statement, path or version reaches the caller, whatever breaks below (ASVS 16.5.1)."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("SELECT sentinel FROM secrets -- /srv/app/key.pem")

    for part in ("one", "find", "count", "commit"):
        monkeypatch.setattr(type(house.parts.store), part, broken)
    for name in ("peek", "put", "bump"):
        monkeypatch.setattr(type(house.parts.volatile), name, broken)
    monkeypatch.setattr(type(house.parts.keys), "jwks", broken)
    cookie = "__Host-yimen-session=" + "AQAB" + "A" * 43
    for method in ("GET", "POST"):
        headers = {"Cookie": cookie, **basic("x", "y")} if path == "/token" else {"Cookie": cookie}
        answer = house.request(
            method,
            path,
            headers=headers,
            data="grant_type=x&client_id=x" if method == "POST" else None,
            content_type="application/x-www-form-urlencoded",
        )
        for word in (
            "SELECT",
            "sentinel",
            "/srv",
            "Traceback",
            "RuntimeError",
            "File ",
            ".py",
            "Werkzeug",
            "Flask",
            "Python",
        ):
            assert word not in answer.text and word not in str(answer.headers), (method, word)
    assert b"SELECT" not in b"".join(house.lines)
