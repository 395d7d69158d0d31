"""The README's ten minutes, done as it says: its registration command, its Python block, and a citizen who signs in."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from playwright.sync_api import expect

from idp.cli.demo import is_free
from tests.kit.process import PATIENCE_S, wait_until

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
        timeout=PATIENCE_S,
    )
    return json.loads(done.stdout)


def told(demo, command: str, **environ: str) -> str:
    """What a shell answers to a block of the README against this demonstration."""
    done = subprocess.run(
        ["bash", "-euc", command.replace("http://localhost:8000", demo.issuer)],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    return done.stdout


def first_page(demo, client_id: str, **query: str) -> str:
    """Where a browser is sent that comes with this authorization request."""
    answer = requests.get(
        f"{demo.issuer}/authorize", {"client_id": client_id, **query}, allow_redirects=False, timeout=PATIENCE_S
    )
    return answer.headers.get("Location", answer.text)


def test_a_request_is_pushed(demo):
    client = registered(demo, PORT)
    keys = {"CLIENT_ID": client["client_id"], "CLIENT_SECRET": client["client_secret"]}
    pushed = json.loads(told(demo, block("sh", "/par"), **keys))
    assert first_page(demo, client["client_id"], request_uri=pushed["request_uri"]).startswith("/authorize/")
    assert "/authorize/" not in first_page(demo, client["client_id"], request_uri=pushed["request_uri"] + "x")


def test_a_token_is_asked_about_and_ended(demo):
    metadata = {"client_name": "System", "grant_types": ["client_credentials"], "response_types": []}
    bearer = {"Authorization": "Bearer " + demo.told["initial_access_token"]}
    client = requests.post(f"{demo.issuer}/register", json=metadata, headers=bearer, timeout=PATIENCE_S).json()
    basic = (client["client_id"], client["client_secret"])
    form = {"grant_type": "client_credentials"}
    token = requests.post(f"{demo.issuer}/token", form, auth=basic, timeout=PATIENCE_S).json()["access_token"]
    keys = {"CLIENT_ID": basic[0], "CLIENT_SECRET": basic[1], "ACCESS_TOKEN": token}
    before, after = re.findall(r'\{"active":(true|false)', told(demo, block("sh", "/introspect"), **keys))
    assert (before, after) == ("true", "false")


def test_a_request_is_signed(demo, tmp_path):
    (tmp_path / "signed.py").write_text(block("python", "oauth-authz-req+jwt"), encoding="utf-8")
    environ = {"ISSUER": demo.issuer, "INITIAL_ACCESS_TOKEN": demo.told["initial_access_token"]}
    address = told(demo, f"{sys.executable} {tmp_path}/signed.py", **environ).strip()
    query = dict(parse_qsl(urlsplit(address).query))
    assert first_page(demo, query.pop("client_id"), **query).startswith("/authorize/")
    page = requests.get(address, timeout=PATIENCE_S)
    assert page.status_code == 400, "a signed request counts once"


def test_a_registration_is_changed(demo):
    client = registered(demo, PORT)
    uri, old = client["registration_client_uri"], {"Authorization": f"Bearer {client['registration_access_token']}"}
    read = requests.get(uri, headers=old, timeout=PATIENCE_S).json()
    read = {k: v for k, v in read.items() if k in ("client_id", "redirect_uris", "scope", "client_name")}
    changed = requests.put(uri, json={**read, "client_name": "Renamed"}, headers=old, timeout=PATIENCE_S).json()
    assert changed["client_name"] == "Renamed"
    assert changed["registration_access_token"] != client["registration_access_token"]
    assert requests.get(uri, headers=old, timeout=PATIENCE_S).status_code == 401


@pytest.fixture
def app(demo, tmp_path):
    """The README's program, running; its address."""
    port = next(p for p in range(demo.port + 4, demo.port + 10) if is_free(p))
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
        wait_until(lambda: not is_free(port), "the app listens")
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def test_a_new_app_signs_a_citizen_in(citizens, app):
    li = citizens()
    li.page.goto(app)
    li.page.locator("#login").click()
    li.sign_in()
    assert set(li.facts()) >= {"姓名", "电子邮箱"}
    li.page.locator("#consent-allow").click()
    expect(li.page.locator("body")).to_have_text("Hello 陈小明")
