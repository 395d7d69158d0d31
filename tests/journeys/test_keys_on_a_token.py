"""A house whose root and signing keys are on a token (SoftHSM2): it serves, rotates and starts again; the database holds references alone."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from idp.app import close_parts, open_parts, prepare
from idp.authn.hashing import ArgonHasher
from idp.cli import main
from idp.flows.keys import rotate
from idp.records import SigningKey
from idp.store.schema import KEYRING_LINEAGE, MAIN_LINEAGE, upgrade
from keys import pkcs11_backend
from keys.backends import open_root
from keys.errors import BackendDown, MissingKey
from keys.jose import verify
from tests.faults.ground import Process, environment
from tests.kit.clock import FakeClock
from tests.kit.house import CLAIMS, House, claims_of, config_in, header_of
from tests.kit.process import PATIENCE_S, free_port
from tests.kit.softhsm import TOKEN, Token


@pytest.fixture
def held(token: Token, root_url: Callable[[], str], tmp_path: Path, clock: FakeClock) -> Iterator[House]:
    config = config_in(tmp_path, keys_url=root_url())
    prepare(config, clock=clock)
    house = House(config, clock)
    yield house
    house.close()


def test_it_serves_and_every_algorithm_signs(held: House) -> None:
    account = held.citizen()
    for alg in ("ES256", "RS256", "PS256", "Ed25519"):
        app = held.register(id_token_signed_response_alg=alg, userinfo_signed_response_alg=alg)
        tokens = held.tokens(app, account)
        assert verify(tokens["id_token"], held.parts.keys.verifying(), (alg,), "JWT")["aud"] == app.id
        assert claims_of(held.userinfo(tokens["access_token"]).text)["name"] == CLAIMS["name"]
    assert {len(row.wrapped) for row in held.parts.store.find(SigningKey)} == {25}


def test_it_rotates_and_starts_again(held: House, clock: FakeClock) -> None:
    account, app = held.citizen(), held.register()
    before = held.tokens(app, account)["id_token"]
    rotate(held.parts.store, open_root(held.config.keys_url), held.config, os.urandom, clock(), emergency=True)
    again = House(held.config, clock)
    try:
        after = again.tokens(app, account)
        assert header_of(after["id_token"])["kid"] != header_of(before)["kid"]
        assert again.userinfo(after["access_token"]).status_code == 200
    finally:
        again.close()


def test_the_token_is_asked_to_sign_and_for_nothing_else(held: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN §6: opened at start; a request that signs nothing never touches the token."""
    app = held.register()
    tokens = held.tokens(app, held.citizen())
    asked: list[str] = []
    use = pkcs11_backend.Sessions.use

    def counted(self: pkcs11_backend.Sessions, work: Callable[[object], object]) -> object:
        asked.append("x")
        return use(self, work)

    monkeypatch.setattr(pkcs11_backend.Sessions, "use", counted)
    assert held.userinfo(tokens["access_token"]).status_code == 200
    assert held.introspect(app, tokens["access_token"])["active"] is True
    assert held.request("GET", "/jwks").status_code == 200
    assert asked == []
    assert held.refresh(app, tokens["refresh_token"]).status_code == 200
    assert asked == ["x", "x"], "an access token and an ID token"


@pytest.mark.attack("F25")
def test_f25_a_token_that_does_not_answer_is_503_and_comes_back(held: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module is down: what needs a signature is refused to be tried again, what needs none goes on, nothing is signed elsewhere."""
    app, account = held.register(userinfo_signed_response_alg="ES256"), held.citizen()
    plain = held.register()
    signed, unsigned = (held.tokens(one, account)["access_token"] for one in (app, plain))

    def down(*_: object) -> bytes:
        raise BackendDown("the token did not answer")

    with monkeypatch.context() as patch:
        patch.setattr(pkcs11_backend.Sessions, "use", down)
        answer = held.userinfo(signed)
        assert (answer.status_code, answer.get_json()["error"]) == (503, "temporarily_unavailable")
        assert "Retry-After" in answer.headers and CLAIMS["name"] not in answer.text
        assert held.userinfo(unsigned).status_code == 200
    assert held.userinfo(signed).status_code == 200


def test_a_start_that_fails_closes_what_it_opened(
    held: House, token: Token, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token's keys open, but the database knows none: nothing stays behind in a process that goes on (DESIGN §2.6)."""
    made = list[ArgonHasher]()

    class Hasher(ArgonHasher):
        def __init__(self, *given: int) -> None:
            super().__init__(*given)
            made.append(self)

    def users() -> int:
        return len(pkcs11_backend._OPEN[token.module, TOKEN])

    monkeypatch.setattr("idp.app.ArgonHasher", Hasher)
    before, (url, keyring) = users(), (f"sqlite:///{tmp_path}/empty.db", f"sqlite:///{tmp_path}/none.db")
    upgrade(url, lineage=MAIN_LINEAGE)
    upgrade(keyring, lineage=KEYRING_LINEAGE)
    with pytest.raises(MissingKey):
        open_parts(replace(held.config, database_url=url, keyring_url=keyring))
    assert users() == before
    with pytest.raises(RuntimeError, match="shutdown"):
        made[0].hash("correct horse battery staple")
    again = open_parts(held.config)
    assert users() == before + 1
    close_parts(again)
    assert users() == before
    assert held.userinfo(held.tokens(held.register(), held.citizen())["access_token"]).status_code == 200


def test_escrow_says_that_the_key_never_leaves(held: House, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = tmp_path / "recovery.pem"
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    words = ["keys", "escrow", "--to", str(pem), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, words, env=environment(held.config))
    assert done.exit_code == 1 and "never leaves" in done.stderr and not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.attack("F25")
@pytest.mark.parametrize("what", ["module", "token", "object", "pin"])
def test_f25_what_the_url_names_is_not_there(held: House, token: Token, tmp_path: Path, what: str) -> None:
    """Start is refused in one line that names what is missing; no key is made in its place."""
    wrong = tmp_path / "wrong-pin"
    wrong.touch(0o600)
    wrong.write_text("999999")
    url, says = {
        "module": (token.url("x", module="/nowhere.so"), "/nowhere.so"),
        "token": (token.url("x", token="other"), "no token other"),
        "object": (token.url("nothing here"), "no root key nothing here"),
        "pin": (token.url("x", pin_file=wrong), "is not that of token"),
    }[what]
    environ = environment(held.config) | {"IDP_KEYS_URL": url}
    started = Process(tmp_path, environ, "serve", "--bind", f"127.0.0.1:{free_port()}")
    try:
        assert started.popen.wait(PATIENCE_S) == 1
        assert says in started.output() and "Traceback" not in started.output()
        assert "999999" not in started.output()
    finally:
        started.close()
