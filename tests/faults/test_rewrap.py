"""``idp keys rewrap`` on the served product, killed in the middle under load, taken up by two at once, then the old epoch destroyed (F24)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import msgspec
import pytest

from idp.records import PurposeKey
from keys.sealed import wrapped_version
from tests.faults.conftest import BACKENDS
from tests.faults.ground import ROOT, Load, Process, Served, environment
from tests.kit.process import PATIENCE_S

pytestmark = pytest.mark.slow
PEOPLE = 2500
HALF = f"""
import os, signal, sys
from idp.cli import main
from idp.flows import rewrap

plain, turns = rewrap._anew, iter(range({PEOPLE} // rewrap.BATCH // 2))

def anew(*given):
    if next(turns, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(*given)

rewrap._anew = anew
main(sys.argv[1:])
"""
"""The command, killed at half of its batches: whoever watched from outside would be too late on one machine and too early on another."""


def epochs(served: Served) -> dict[int, int]:
    """Epoch → how many keys stand under it."""
    found: dict[int, int] = {}
    after = b""
    while page := served.parts.keyring.all(after):
        for entry in page:
            version = wrapped_version(entry.wrapped)
            found[version] = found.get(version, 0) + 1
        after = page[-1].account_id
    return found


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.attack("F24")
def test_f24_killed_at_half_under_load(make_served: Callable[..., Served], backend: str) -> None:
    """Every answer is right throughout: each key opens with the old or the new epoch; the old one goes when no key needs it."""
    served = make_served(backend)
    served.start(2)
    app, account = served.register(), served.citizen()
    crowd = [os.urandom(16) for _ in range(PEOPLE)]
    for one in crowd:
        served.parts.vault.create(one)
    newcomers: list[bytes] = []

    def signs_in() -> None:
        token = served.tokens(app, account)["access_token"]
        answer = served.userinfo(token)
        assert answer.status_code == 200 and answer.get_json()["name"] == "李伟", answer.text

    def arrives() -> None:
        new = served.citizen(f"citizen-{len(newcomers)}", f"c{len(newcomers)}@example.cn")
        newcomers.append(new)
        assert served.userinfo(served.tokens(app, new)["access_token"]).status_code == 200

    environ = environment(served.config)
    words = ("keys", "rewrap", "--destroy-old", "--json")
    with Load(signs_in, signs_in, arrives):
        first = subprocess.run([sys.executable, "-c", HALF, *words], cwd=ROOT, env=environ, check=False)
        assert first.returncode == -signal.SIGKILL
        half = epochs(served)
        assert half.get(1, 0) > 0 and half.get(2, 0) > 0, half
        time.sleep(1)
        both = [Process(served.folder, environ, *words) for _ in range(2)]
        assert [one.popen.wait(3 * PATIENCE_S) for one in both] == [0, 0], [one.output() for one in both]
        time.sleep(1)
    for process in both:
        process.close()
    said = [msgspec.json.decode(one.output()[one.output().index("{") :]) for one in both]
    assert sum(one["wrapped_anew"] for one in said) >= half[1], said
    states = {row.version: row.state for row in served.parts.store.find(PurposeKey, {"purpose": "data"})}
    live = [version for version, state in states.items() if state != "retired"]
    assert states[1] == "retired" and len(live) == 1 and set(epochs(served)) == set(live)
    assert newcomers
    for one in (*crowd, *newcomers, account):
        served.parts.vault.citizen(one)
    assert served.events("seal.failed") == []
    assert served.server.stop() == 0
