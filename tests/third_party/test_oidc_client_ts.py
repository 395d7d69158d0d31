"""oidc-client-ts 3 in Chromium, unmodified: a public client that reads discovery, keys, tokens and userinfo across origins."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.faults.ground import Served
from tests.kit.browser import NewPage
from tests.kit.house import CLAIMS, PASSWORD, App
from tests.kit.process import PATIENCE_S
from tests.third_party.node import HERE, PACKAGES, need_packages

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>App</title>
<pre id="learned"></pre><script type="application/json" id="settings">{settings}</script>
<script src="/library.js"></script><script src="/spa.js"></script></html>"""
LIBRARY = "node_modules/oidc-client-ts/dist/browser/oidc-client-ts.js"


@dataclass(frozen=True, slots=True)
class Spa:
    """The app's own origin and its registration."""

    origin: str
    app: App


class _Static(ThreadingHTTPServer):
    settings: str = "{}"


class _Handler(BaseHTTPRequestHandler):
    server: _Static

    def do_GET(self) -> None:
        files = {"/library.js": PACKAGES / LIBRARY, "/spa.js": HERE / "spa.js"}
        found = files.get(self.path)
        body = found.read_bytes() if found else PAGE.format(settings=self.server.settings).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if found else "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def spa(served: Served) -> Iterator[Spa]:
    need_packages()
    server = _Static(("127.0.0.1", 0), _Handler)
    origin = f"http://localhost:{server.server_address[1]}"
    app = served.public(
        "spa",
        redirect_uris=[f"{origin}/callback", f"{origin}/silent"],
        post_logout_redirect_uris=[f"{origin}/out"],
        grant_types=["authorization_code"],
    )
    server.settings = json.dumps(
        {
            "authority": served.config.issuer,
            "client_id": app.id,
            "redirect_uri": f"{origin}/callback",
            "silent_redirect_uri": f"{origin}/silent",
            "post_logout_redirect_uri": f"{origin}/out",
            "scope": "openid profile email",
            "loadUserInfo": True,
            "automaticSilentRenew": False,
            "silentRequestTimeoutInSeconds": PATIENCE_S,
        }
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield Spa(origin, app)
    server.shutdown()
    server.server_close()
    thread.join()


def signed_in(page: Page, spa: Spa) -> dict[str, Any]:
    """From the app through sign-in and, where it is asked, consent, back to the app; what it learned."""
    page.goto(spa.origin)
    page.evaluate("void window.signIn()")
    page.fill("#username", "li.wei")
    page.fill("#password", PASSWORD)
    page.click("#sign-in")
    page.wait_for_selector("#consent-allow, #learned:not(:empty)")
    if page.query_selector("#consent-allow"):
        page.click("#consent-allow")
    return learned(page)


def learned(page: Page) -> dict[str, Any]:
    """What the app wrote on its page."""
    expect(page.locator("#learned")).not_to_be_empty()
    return dict(json.loads(page.locator("#learned").inner_text()))


def test_sign_in_with_pkce_and_userinfo(served: Served, spa: Spa, new_page: NewPage) -> None:
    """Discovery, JWKS, token and userinfo read across origins."""
    told = signed_in(new_page(), spa)
    assert told["iss"] == served.config.issuer
    assert (told["name"], told["email"]) == (CLAIMS["name"], CLAIMS["email"])
    assert 0 < told["expires_in"] <= served.config.access_token_ttl and told["refresh_token"] is None


def test_silent_renewal_in_a_frame(spa: Spa, new_page: NewPage) -> None:
    """``prompt=none`` answers with redirects alone, so that no page of ours has to be framed."""
    page = new_page()
    first = signed_in(page, spa)
    page.goto(spa.origin)
    renewed = page.evaluate("window.renew()")
    assert renewed["sub"] == first["sub"] and renewed["access_token"] != first["access_token"]


def test_silent_renewal_of_a_stranger_is_an_error_and_no_page(spa: Spa, new_page: NewPage) -> None:
    page = new_page()
    page.goto(spa.origin)
    assert page.evaluate("window.renew()") == {"error": "login_required"}


def test_revocation_across_origins(served: Served, spa: Spa, new_page: NewPage) -> None:
    """RFC 7009 §2.3"""
    page = new_page()
    told = signed_in(page, spa)
    assert served.userinfo(told["access_token"]).status_code == 200
    page.evaluate("window.revoke()")
    assert served.userinfo(told["access_token"]).status_code == 401


def test_rp_initiated_logout(spa: Spa, new_page: NewPage) -> None:
    page = new_page()
    signed_in(page, spa)
    page.goto(spa.origin)
    page.evaluate("void window.signOut()")
    page.wait_for_url(f"{spa.origin}/out**")
    assert learned(page) == {"out": True}
    page.goto(spa.origin)
    assert page.evaluate("window.renew()") == {"error": "login_required"}
