"""What the OpenID Foundation's suite does in every module: registers a client, asks, checks the answers, redeems, reads userinfo.

Registration documents and requests hold what the suite's hold, no more: no ``scope`` at registration, no PKCE, keys without ``kid``.
"""

import base64
import json
import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from idp.flows.provision import add_initial_token
from tests.kit.agent import Agent, Left, in_house
from tests.kit.house import PASSWORD, House, basic, bearer

BASE = "https://suite.example/test/a/yimen"
CALLBACK = f"{BASE}/callback"
RS256 = ["RS256"]
KEY = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=False)
"""The client's own key; one for all, since making one takes long."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Registered:
    """A client as ``POST /register`` answered."""

    document: Json
    key: RSAKey

    @property
    def id(self) -> str:
        return str(self.document["client_id"])


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request and what came back."""

    request: Json
    left: Left

    @property
    def answer(self) -> dict[str, str]:
        return self.left.params


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A finished sign-in: the token response, the verified claims of its ID token, userinfo."""

    asked: Asked
    tokens: Json
    id_token: Json
    userinfo: Json

    @property
    def code(self) -> str:
        return self.asked.answer["code"]


class Suite:
    """One run of a plan. ``mode`` is the response mode of every request; ``auth`` the client authentication of every client."""

    def __init__(self, house: House, mode: str = "query", auth: str = "client_secret_basic") -> None:
        self.house, self.mode, self.auth = house, mode, auth
        self.account = house.citizen(password=PASSWORD)
        self.right = add_initial_token(
            house.parts, house.department(), uses=20, require_pkce=False, token_endpoint_audience=True
        )
        self.agent: Agent = in_house(house)

    # Registration --------------------------------------------------------------------------------------------------

    def metadata(self, **more: Any) -> Json:
        """The suite's registration request, changed by ``more`` (None leaves a member out)."""
        document = {
            "client_name": "OIDF conformance",
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "redirect_uris": [CALLBACK],
            "jwks": {"keys": [public(KEY)]},
            "token_endpoint_auth_method": self.auth,
            "contacts": ["certification@suite.example"],
            **more,
        }
        return {name: value for name, value in document.items() if value is not None}

    def try_register(self, **more: Any) -> tuple[int, Json]:
        """Status and document."""
        answer = self.house.request(
            "POST",
            "/register",
            headers=bearer(self.right),
            data=json.dumps(self.metadata(**more)),
            content_type="application/json",
        )
        assert answer.content_type == "application/json"
        return answer.status_code, dict(answer.get_json())

    def register(self, **more: Any) -> Registered:
        """A client; what was registered comes back."""
        status, document = self.try_register(**more)
        assert status == 201, document
        return Registered(document, more.pop("key", KEY))

    # Authorization -------------------------------------------------------------------------------------------------

    def request(self, client: Registered, **more: str) -> dict[str, str]:
        """An authorization request (an empty value leaves a parameter out)."""
        query = {
            "client_id": client.id,
            "redirect_uri": client.document["redirect_uris"][0],
            "scope": "openid",
            "state": os.urandom(16).hex(),
            "nonce": os.urandom(16).hex(),
            "response_type": "code",
            **({"response_mode": "form_post"} if self.mode == "form_post" else {}),
            **more,
        }
        return {name: value for name, value in query.items() if value}

    def url(self, request: dict[str, str]) -> str:
        """The address that the suite opens."""
        return f"{self.house.config.issuer}/authorize?{urlencode(request, quote_via=quote)}"

    def ask(self, client: Registered, **more: str) -> Asked:
        """Through the pages to an answer at the client: response mode, ``state`` and ``iss`` are right (RFC 9207 §2)."""
        request = self.request(client, **more)
        return self.checked(request, self.agent.authorize(self.url(request)))

    def ask_directly(self, client: Registered, **more: str) -> Asked:
        """The same without any page in between."""
        request = self.request(client, **more)
        left = self.agent.open(self.url(request))
        assert left is not None, self.agent.shown.text
        return self.checked(request, left)

    def checked(self, request: dict[str, str], left: Left) -> Asked:
        """The answer went where it had to, in the mode that was asked for, with nothing unexpected."""
        answer = left.params
        assert left.url.partition("?")[0] == request["redirect_uri"].partition("?")[0]
        assert left.mode == request.get("response_mode", "query")
        assert answer.get("state") == request.get("state") and answer["iss"] == self.house.config.issuer
        dummies = dict(pair.split("=") for pair in request["redirect_uri"].partition("?")[2].split("&") if pair)
        assert set(answer) - set(dummies) <= {"code", "state", "iss", "error", "error_description"}
        return Asked(request, left)

    # Tokens --------------------------------------------------------------------------------------------------------

    def credentials(self, client: Registered, **claims: Any) -> tuple[dict[str, str], dict[str, str]]:
        """Form fields and headers that authenticate the client; ``claims`` change an assertion."""
        if self.auth == "client_secret_basic":
            return {}, basic(client.id, client.document["client_secret"])
        if self.auth == "client_secret_post":
            return {"client_id": client.id, "client_secret": client.document["client_secret"]}, {}
        return {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.assertion(client, **claims),
        }, {}

    def assertion(self, client: Registered, **claims: Any) -> str:
        """The suite's assertion: its audience is the token endpoint."""
        now = self.house.clock.seconds
        full = {
            "iss": client.id,
            "sub": client.id,
            "aud": f"{self.house.config.issuer}/token",
            "jti": os.urandom(10).hex(),
            "iat": now,
            "exp": now + 60,
            **claims,
        }
        header = {"alg": "RS256", **({"kid": client.key.kid} if client.key.kid else {})}
        return jwt.encode(header, full, client.key, algorithms=RS256)

    def token(self, client: Registered, form: dict[str, str], **claims: Any) -> tuple[int, Json]:
        """The token endpoint's status and JSON; never cacheable (RFC 6749 §5.1)."""
        fields, headers = self.credentials(client, **claims)
        answer = self.house.post("/token", {**form, **fields}, headers)
        assert answer.content_type == "application/json" and answer.headers["Cache-Control"] == "no-store"
        return answer.status_code, dict(answer.get_json())

    def redeem(self, client: Registered, asked: Asked, **more: Any) -> tuple[int, Json]:
        """The code for tokens."""
        form = {"grant_type": "authorization_code", "code": asked.answer["code"]}
        return self.token(client, {**form, "redirect_uri": asked.request["redirect_uri"], **more})

    def finish(self, client: Registered, asked: Asked, **more: Any) -> SignedIn:
        """Redeem, validate the ID token, read userinfo."""
        status, tokens = self.redeem(client, asked, **more)
        assert status == 200, tokens
        assert tokens["token_type"].lower() == "bearer" and tokens["expires_in"] > 0
        id_token = self.validated(client, tokens["id_token"], asked.request.get("nonce"))
        info = self.userinfo(tokens["access_token"])
        assert info["sub"] == id_token["sub"]
        return SignedIn(asked, tokens, id_token, info)

    def sign_in(self, client: Registered, **more: str) -> SignedIn:
        """A whole sign-in through the pages."""
        return self.finish(client, self.ask(client, **more))

    def sign_in_again(self, client: Registered, **more: str) -> SignedIn:
        """A whole sign-in without any page."""
        return self.finish(client, self.ask_directly(client, **more))

    def keys(self) -> KeySet:
        """The published keys."""
        return KeySet.import_key_set(self.house.request("GET", "/jwks").get_json())

    def validated(self, client: Registered, token: str, nonce: str | None) -> Json:
        """An ID token's claims, its signature found by ``kid`` (OIDC Core §2, §3.1.3.7, §10.1)."""
        alg = client.document["id_token_signed_response_alg"]
        read = jwt.decode(token, self.keys(), algorithms=[alg])
        assert read.header["alg"] == alg and read.header["kid"]
        claims, now = dict(read.claims), self.house.clock.seconds
        assert claims["iss"] == self.house.config.issuer and claims["aud"] == client.id
        assert claims["iat"] <= now < claims["exp"] and claims.get("nonce") == nonce
        assert 0 < len(claims["sub"]) <= 255
        return claims

    def userinfo(self, token: str) -> Json:
        """GET with the token in the header."""
        answer = self.house.userinfo(token)
        assert answer.status_code == 200 and answer.content_type == "application/json", answer.text
        return dict(answer.get_json())


def unsigned(claims: Json) -> str:
    """A JWT with ``alg`` none (RFC 7519 §6.1)."""
    parts = ({"alg": "none"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts) + "."


def public(key: RSAKey) -> Json:
    """The public part, as the suite registers it."""
    return dict(key.as_dict(private=False))
