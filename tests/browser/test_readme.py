"""The README's ten minutes, done as it says: its registration command, its Python block, and a citizen who signs in."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.served import _free
from tests.kit.process import wait_until

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
PORT = 5000


def block(language: str, holding: str) -> str:
    """The README's code block of a language that holds a text."""
    found = re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return next(text for text in found if holding in text)


def registered(demo, port: int) -> dict[str, str]:
    """The answer to the README's command, run by a shell against this demonstration."""
    command = block("sh", "/register").replace("http://localhost:8000", demo.issuer)
    done = subprocess.run(
        ["bash", "-euc", command.replace(f"localhost:{PORT}", f"localhost:{port}")],
        env={**os.environ, "INITIAL_ACCESS_TOKEN": demo.told["initial_access_token"]},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return json.loads(done.stdout)


@pytest.fixture
def app(demo, tmp_path):
    """The README's program, running; its address."""
    port = next(p for p in range(demo.port + 4, demo.port + 10) if _free(p))
    client = registered(demo, port)
    program = block("python", "authorize_redirect").replace(f"localhost:{PORT}", f"localhost:{port}")
    (tmp_path / "hello.py").write_text(program, encoding="utf-8")
    keys = {"CLIENT_ID": client["client_id"], "CLIENT_SECRET": client["client_secret"], "ISSUER": demo.issuer}
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "hello", "run", "--port", str(port)],
        cwd=tmp_path,
        env={**os.environ, **keys},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: not _free(port), "the app listens")
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(10)


def test_a_new_app_signs_a_citizen_in(citizens, app):
    li = citizens()
    li.page.goto(app)
    li.page.locator("#login").click()
    li.sign_in()
    assert set(li.facts()) >= {"姓名", "电子邮箱"}
    li.page.locator("#consent-allow").click()
    expect(li.page.locator("body")).to_have_text("Hello 陈小明")
