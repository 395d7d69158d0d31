"""What is measured, row by row: how an operation is prepared at a provider and loaded."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from idp.bench import release
from idp.bench.citizen import Browser
from idp.bench.inside import releasing
from idp.bench.sign_in import argon_alone_us, signing_in
from idp.bench.target import ES256, MACHINE, RS256, Target, redemption
from idp.bench.wrk import Load, loaded


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: where, how long, and a folder for what the load needs. ``browser`` has a session and remembered consents; ``read`` takes
    a reading of CPU time, right before the load and right after it."""

    target: Target
    browser: Browser
    folder: Path
    seconds: int
    connections: int
    read: Callable[[], None]


def _wrk(run: Run, script: str, **settings: str) -> Load:
    run.read()
    load = loaded(run.target.origin, script, settings, seconds=run.seconds, connections=run.connections)
    run.read()
    return load


def _fixed(run: Run, path: str, expect: str, body: str = "", authorization: str = "") -> Load:
    method = "POST" if body else "GET"
    return _wrk(run, "fixed.lua", METHOD=method, PATH=path, EXPECT=expect, BODY=body, AUTHORIZATION=authorization)


def _discovery(run: Run) -> Load:
    return _fixed(run, "/.well-known/openid-configuration", '"issuer"')


def _jwks(run: Run) -> Load:
    return _fixed(run, run.target.endpoints["jwks"], '"keys"')


def _client_credentials(run: Run) -> Load:
    form = urlencode({"grant_type": "client_credentials", **run.target.machine_form})
    return _fixed(run, run.target.endpoints["token"], '"access_token":"eyJ', form, run.target.clients[MACHINE].basic)


def _login(run: Run, client: str) -> Load:
    redeem = redemption("")
    del redeem["code"]
    return _wrk(
        run,
        "login.lua",
        PATH=run.target.authorize(client),
        TOKEN=run.target.endpoints["token"],
        REDEEM=urlencode(redeem),
        COOKIE=run.browser.cookies,
        AUTHORIZATION=run.target.clients[client].basic,
    )


def _refresh(run: Run) -> Load:
    """Each run has tokens of its own: those on their way when a run ends are lost."""
    login, file = run.target.citizens[0], run.folder / "refresh-tokens"
    tokens = [str(run.browser.tokens(ES256, login)["refresh_token"]) for _ in range(run.connections + 8)]
    file.write_text("".join(f"{token}\n" for token in tokens), encoding="ascii")
    basic = run.target.clients[ES256].basic
    return _wrk(run, "refresh.lua", TOKEN=run.target.endpoints["token"], TOKENS=str(file), AUTHORIZATION=basic)


def _userinfo(run: Run) -> Load:
    token = run.browser.tokens(ES256, run.target.citizens[0])["access_token"]
    return _fixed(run, run.target.endpoints["userinfo"], '"name"', authorization=f"Bearer {token}")


def _introspect(run: Run) -> Load:
    form = urlencode({"token": str(run.browser.tokens(ES256, run.target.citizens[0])["access_token"])})
    basic = run.target.clients[ES256].basic
    return _fixed(run, run.target.endpoints["introspection"], '"active":true', form, basic)


def _sign_in(run: Run) -> Load:
    alone = argon_alone_us()
    run.read()
    load = signing_in(run.target, run.seconds)
    run.read()
    return msgspec.structs.replace(load, alone_us=alone)


def _release(run: Run, client: str, *, whole: bool = False) -> Load:
    """Eight attributes, signed and encrypted to the client: the release itself, or the ``whole`` request to UserInfo. The cryptography alone is
    measured before and after, as the machine's pace may change between."""
    assert run.target.releasing is not None
    browser, before = Browser(run.target), release.alone_us(client)
    try:
        token = str(browser.tokens(client, run.target.releasing)["access_token"])
    finally:
        browser.close()
    if whole:
        load = _fixed(run, run.target.endpoints["userinfo"], "eyJ", authorization=f"Bearer {token}")
    else:
        run.read()
        load = releasing(run.target, token, run.seconds)
        run.read()
    return msgspec.structs.replace(load, alone_us=(before + release.alone_us(client)) / 2)


OPERATIONS: dict[str, Callable[[Run], Load]] = {
    "discovery": _discovery,
    "jwks": _jwks,
    "client_credentials": _client_credentials,
    "login-es256": lambda run: _login(run, ES256),
    "login-rs256": lambda run: _login(run, RS256),
    "refresh": _refresh,
    "userinfo": _userinfo,
    "introspect": _introspect,
    release.ECDH: lambda run: _release(run, release.ECDH),
    release.RSA: lambda run: _release(run, release.RSA),
    "userinfo-ecdh": lambda run: _release(run, release.ECDH, whole=True),
    "userinfo-rsa": lambda run: _release(run, release.RSA, whole=True),
    "sign-in": _sign_in,
}
NAMES = tuple(OPERATIONS)
RELEASES = (release.ECDH, release.RSA, "userinfo-ecdh", "userinfo-rsa")
"""Need a citizen of whom eight attributes are known."""
LOG = "log"
"""What is measured beside the operations: the audit log, in one process without a server."""
