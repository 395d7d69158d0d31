"""The demonstration's port, taken by another server after it was found free."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from idp.cli.demo import _local
from tests.browser.served import free_port
from tests.kit.process import PATIENCE_S, wait_until

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


class Other(BaseHTTPRequestHandler):
    """Answers everything, as another demonstration would."""

    def do_GET(self) -> None:
        body = b'{"keys":[{"kid":"of-another"}]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_another_port_is_a_word_to_make() -> None:
    """As the message about a taken port says; a variable of the caller's environment is not meant for us."""
    for words, environ, told in (["PORT=8140"], {}, "idp demo --port 8140"), ([], {"PORT": "9"}, "idp demo"):
        asked = subprocess.run(
            ["make", "-n", "run", *words],
            cwd=ROOT,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            check=True,
        )
        assert asked.stdout.rstrip().endswith(told)


def test_a_machine_that_does_not_know_localhost_is_told_apart() -> None:
    """A bare system without /etc/hosts: said at once, not after a minute of waiting for an address that nobody finds."""
    assert [_local(name) for name in ("localhost", "no-such-host.invalid", "192.0.2.1")] == [True, False, False]


def test_nothing_is_announced_on_the_port_of_another(tmp_path: Path) -> None:
    """Whose accounts and token would be printed beside an address where they count for nothing (issue 2: the printed URLs and accounts work)."""
    port = free_port()
    others = [ThreadingHTTPServer(("127.0.0.1", port + n), Other, bind_and_activate=False) for n in range(5)]
    command = [sys.executable, "-m", "idp.cli", "demo", "--port", str(port), "--data", str(tmp_path / "data")]
    plain = {k: v for k, v in os.environ.items() if not k.startswith("IDP_")}
    demo = subprocess.Popen(command, env=plain, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        wait_until((tmp_path / "data" / "yimen.db").exists, "the ports were found free, the data is being prepared")
        for other in others:
            other.server_bind()
            other.server_activate()
            threading.Thread(target=other.serve_forever, daemon=True).start()
        out, errors = demo.communicate(timeout=PATIENCE_S)
    finally:
        demo.kill()
        for other in others:
            other.server_close()
    assert demo.returncode == 1 and out == b""
    assert b"taken by another" in errors or b"can't listen" in errors
