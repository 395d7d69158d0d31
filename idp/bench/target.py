"""What is measured: one running provider, known by its endpoints, clients and citizens alone, so that ours and a peer are treated alike."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

REDIRECT = "https://service.example/callback"
"""Where codes are sent; never opened."""
SCOPE = "openid profile"
VERIFIER = "bench-" + "v" * 43
MACHINE, ES256, RS256 = "machine", "es256", "rs256"

CLIENTS: Mapping[str, Mapping[str, object]] = {
    MACHINE: {
        "client_name": "Machine",
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
        "response_types": [],
    },
    **{
        alg: {
            "client_name": alg.upper(),
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "redirect_uris": [REDIRECT],
            "id_token_signed_response_alg": alg.upper(),
        }
        for alg in (ES256, RS256)
    },
}
"""The clients of every provider, as RFC 7591 metadata; all use ``client_secret_basic``."""


@dataclass(frozen=True, slots=True)
class Login:
    """A citizen's identifier and password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A client's own."""

    client_id: str
    secret: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The Authorization header (RFC 6749 §2.3.1)."""
        pair = f"{quote(self.client_id, safe='')}:{quote(self.secret, safe='')}"
        return "Basic " + base64.b64encode(pair.encode()).decode()


@dataclass(frozen=True, slots=True)
class Target:
    """``endpoints``: path by discovery's name (``token`` for ``token_endpoint``); ``processes``: part → its root process;
    ``machine_form``: what client_credentials needs besides for a JWT; ``signs_in``: whether its password page can be loaded."""

    name: str
    origin: str
    endpoints: Mapping[str, str]
    clients: Mapping[str, Credentials]
    citizens: tuple[Login, ...]
    processes: Mapping[str, int]
    machine_form: Mapping[str, str] = field(default_factory=dict)
    signs_in: bool = True
    releasing: Login | None = None
    """A citizen of whom eight attributes are known, where clients have registered encryption."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """The environment of the product, to open its stores beside it; with ``threads`` as served."""
    threads: int = 1

    def authorize(self, client: str) -> str:
        """Path and query of an authorization request."""
        query = {
            "response_type": "code",
            "client_id": self.clients[client].client_id,
            "redirect_uri": REDIRECT,
            "scope": SCOPE,
            "state": "bench",
            "nonce": "n-0S6_WzA2Mj",
            "code_challenge": challenge(VERIFIER),
            "code_challenge_method": "S256",
        }
        return f"{self.endpoints['authorization']}?{urlencode(query, quote_via=quote)}"


def redemption(code: str) -> dict[str, str]:
    """The form that turns a code into tokens (RFC 6749 §4.1.3)."""
    return {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}


def challenge(verifier: str) -> str:
    """S256 (RFC 7636 §4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
