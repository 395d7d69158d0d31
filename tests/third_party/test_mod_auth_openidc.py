"""mod_auth_openidc (Apache), unmodified, against the served product."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from idp.records import LogoutDelivery
from tests.faults.ground import Served
from tests.kit.agent import Agent
from tests.kit.house import CLAIMS, App
from tests.kit.process import PATIENCE_S, free_port, wait_until
from tests.third_party.apache import Apache, need_apache, serving


@dataclass(frozen=True, slots=True)
class Protected:
    """An application behind the module: its server, its registration."""

    apache: Apache
    app: App

    def browser(self, agent: Agent) -> "Visitor":
        """A citizen's browser that visits it."""
        return Visitor(self, agent)


class Visitor:
    """Two halves of one browser: at the application (its cookies here) and at the provider (the agent's)."""

    def __init__(self, protected: Protected, agent: Agent) -> None:
        self.origin, self.agent, self.log = protected.apache.origin, agent, protected.apache.log
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str) -> requests.Response:
        """An address of the application; trips to the provider and back are made as a browser would."""
        answer = self.session.get(self.origin + path, allow_redirects=False, timeout=PATIENCE_S)
        for _ in range(8):
            if answer.status_code not in (302, 303):
                return answer
            target = answer.headers["Location"]
            if target.startswith(self.agent.origin + "/"):
                left = self.agent.through(self.agent.open(target))
                target = left.url
            answer = self.session.get(target, allow_redirects=False, timeout=PATIENCE_S)
        raise AssertionError(self.log())

    def claims(self) -> dict[str, str]:
        """What the application learns of this visitor, by header name."""
        answer = self.get("/claims")
        assert answer.status_code == 200, (answer.text, self.log())
        told = dict(line.split("=", 1) for line in answer.text.splitlines())
        return {name: opened(value) if name.startswith("HTTP_OIDC_CLAIM_") else value for name, value in told.items()}

    def knocks(self) -> requests.Response:
        """The application's answer to this browser as it is, without a trip."""
        return self.session.get(f"{self.origin}/claims", allow_redirects=False, timeout=PATIENCE_S)


def opened(value: str) -> str:
    """A header's text. Passed as they are, some versions of the module turn what is not Latin-1 into question marks."""
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()


@pytest.fixture(scope="module")
def protected(served: Served) -> Iterator[Protected]:
    need_apache()
    port = free_port()
    origin = f"http://localhost:{port}"
    app = served.register(
        "apache",
        redirect_uris=[f"{origin}/back"],
        post_logout_redirect_uris=[f"{origin}/open"],
        backchannel_logout_uri=f"{origin}/back?logout=backchannel",
        backchannel_logout_session_required=True,
        grant_types=["authorization_code"],
        id_token_signed_response_alg="RS256",
    )
    directives = {
        "OIDCProviderMetadataURL": (f"{served.config.issuer}/.well-known/openid-configuration",),
        "OIDCClientID": (app.id,),
        "OIDCClientSecret": (app.secret or "",),
        "OIDCRedirectURI": (f"{origin}/back",),
        "OIDCDefaultLoggedOutURL": (f"{origin}/open",),
        "OIDCCryptoPassphrase": ("only for this test",),
        "OIDCScope": ("openid profile email",),
        "OIDCPKCEMethod": ("S256",),
        "OIDCClaimPrefix": ("OIDC-CLAIM-",),  # Apache drops headers with an underscore on the way to a program
        "OIDCPassClaimsAs": ("headers", "base64url"),
        "OIDCSessionType": ("server-cache",),
        "OIDCCacheType": ("shm",),
    }
    with serving(port, directives) as apache:
        yield Protected(apache, app)


def test_sign_in_brings_claims_in_headers(protected: Protected, agent: Agent) -> None:
    """Discovery, code with PKCE, userinfo."""
    learned = protected.browser(agent).claims()
    assert learned["HTTP_OIDC_CLAIM_NAME"] == CLAIMS["name"]
    assert learned["HTTP_OIDC_CLAIM_EMAIL"] == CLAIMS["email"]
    assert learned["REMOTE_USER"].startswith(learned["HTTP_OIDC_CLAIM_SUB"])
    assert "HTTP_OIDC_CLAIM_ADDRESS" not in learned


def test_rp_initiated_logout(protected: Protected, agent: Agent) -> None:
    """The module sends the citizen to the end_session_endpoint with its ID token and gets them back."""
    visitor = protected.browser(agent)
    visitor.claims()
    back = f"{visitor.origin}/open"
    answer = visitor.session.get(
        f"{visitor.origin}/back?{urlencode({'logout': back})}", allow_redirects=False, timeout=PATIENCE_S
    )
    asked = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    assert asked["id_token_hint"] and asked["post_logout_redirect_uri"] == back
    left = agent.open(answer.headers["Location"])
    assert left is not None and left.url.startswith(back)
    assert visitor.knocks().status_code == 302
    assert agent.open(visitor.knocks().headers["Location"]) is None and agent.shown.has("username")


def test_back_channel_logout(protected: Protected, served: Served, agent: Agent) -> None:
    """Signed out at the provider, the citizen is soon signed out at the application, without any browser."""
    visitor = protected.browser(agent)
    visitor.claims()
    assert visitor.knocks().status_code == 200
    assert agent.open("/logout") is None
    assert agent.submit(decision="logout") is None and agent.shown.has("logout-done")
    wait_until(lambda: visitor.knocks().status_code == 302, "the application's sign-out")
    wait_until(lambda: {row.state for row in deliveries(served, protected)} == {"sent"}, "delivery")
    assert {row.attempts for row in deliveries(served, protected)} == {1}


def deliveries(served: Served, protected: Protected) -> list[LogoutDelivery]:
    """The outbox of the application."""
    return served.parts.store.find(LogoutDelivery, {"client_id": protected.app.id})
