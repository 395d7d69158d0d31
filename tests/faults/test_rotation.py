"""Twenty ``idp keys rotate`` under load: who follows the cache headers never meets an unknown key, and no worker rejects a good token (F22)."""

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from joserfc import jwt
from joserfc.jwk import KeySet

from idp.cli import main
from idp.records import SigningKey
from tests.faults.ground import Load, Served, environment
from tests.kit.house import header_of

pytestmark = pytest.mark.slow
MAX_AGE_S, ROTATIONS = 2, 20


class Caching:
    """A client that keeps the key set as long as Cache-Control allows, and not a moment longer."""

    def __init__(self, served: Served) -> None:
        self._served, self._lock = served, threading.Lock()
        self._keys, self._until, self.fetched = KeySet([]), 0.0, 0

    def verify(self, token: str) -> dict[str, Any]:
        with self._lock:
            if time.monotonic() >= self._until:
                asked = time.monotonic()
                answer = self._served.request("GET", "/jwks")
                seconds = int(answer.headers["Cache-Control"].partition("max-age=")[2].partition(",")[0])
                assert 0 < seconds <= MAX_AGE_S
                self._keys, self._until = KeySet.import_key_set(msgspec.json.decode(answer.data)), asked + seconds
                self.fetched += 1
            keys = self._keys
        return dict(jwt.decode(token, keys, algorithms=["ES256", "RS256"]).claims)


@pytest.mark.attack("F22")
def test_rotation_is_never_seen(make_served: Callable[..., Served]) -> None:
    """Twenty rotations under load: whoever follows the cache header never meets a key it does not know (OIDC Core §10.1.1)."""
    served = make_served(jwks_max_age=MAX_AGE_S)
    served.start(2)
    caching, account = Caching(served), served.citizen()
    es, rs = served.register(), served.register(id_token_signed_response_alg="RS256")
    signed_with: set[str] = set()
    kept: list[str] = []

    def sign_in(app: Any = es) -> None:
        tokens = served.tokens(app, account)
        signed_with.add(header_of(tokens["id_token"])["kid"])
        signed_with.add(header_of(tokens["access_token"])["kid"])
        for _ in range(2):  # the workers answer by turns: each must know the key
            caching.verify(tokens["id_token"])
            caching.verify(tokens["access_token"])
            assert served.userinfo(tokens["access_token"]).status_code == 200
            assert served.introspect(app, tokens["access_token"])["active"]
        kept.append(tokens["access_token"])

    def old_ones() -> None:
        for token in kept[-40::7]:
            assert served.userinfo(token).status_code == 200

    environ = environment(served.config)
    with Load(sign_in, sign_in, lambda: sign_in(rs), old_ones):
        began = time.monotonic()
        number = 0
        while (
            number < ROTATIONS or len(signed_with) < 6 or caching.fetched < 8
        ):  # a busy machine's callers see less of each key
            done = CliRunner().invoke(main, ["keys", "rotate", "--json"], env=environ)
            assert done.exit_code == 0, done.output
            number += 1
            time.sleep(max(0.0, began + 1.4 * number - time.monotonic()))
    states = [row.state for row in served.parts.store.find(SigningKey) if row.alg == "ES256"]
    assert states.count("active") == 1 and states.count("retiring") >= 2, states
    for token in kept[::9]:
        assert served.userinfo(token).status_code == 200, "a token of a retiring key is still good"
    assert served.server.stop() == 0
