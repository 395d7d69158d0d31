"""A whole house in a test's hand: real stores, real keys, the composed application, time that stands still until told otherwise.

``house`` stands on SQLite; ``any_house`` runs a test on SQLite and on PostgreSQL with Redis. Set-up (migrations, keys) is done once per
run and copied.
"""

import base64
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from zlib import crc32

import msgspec
import pytest
from werkzeug.test import Client as Browser
from werkzeug.test import TestResponse

from clients.model import Client
from idp.app import close_parts, create_app, open_parts, prepare
from idp.audit.events import CodeIssued, record
from idp.config import Config
from idp.flows.provision import add_account, add_client, add_department
from idp.parts import Parts
from idp.ports import Committed, Insert
from idp.records import Account, Department, Event, Grant, Session, grant_id
from idp.web.cookies import SESSION
from idp.web.cookies import name as cookie_name
from keys.signing import LocalSigner, new_signing_key
from keys.tokens import Opaque, new_token
from tests.kit.clock import START, FakeClock
from tests.kit.codes import credit_code
from tests.kit.once import remember
from tests.kit.postgres import Postgres
from tests.kit.redis import Redis

remember()

ISSUER = "https://id.example"
REDIRECT = "https://tax.example/callback"
VERIFIER = "a-verifier-of-the-right-length-0123456789-abcdefg"
PASSWORD = "correct horse battery staple"
SCOPES = "openid profile email phone address offline_access"
CLAIMS: dict[str, Any] = {
    "name": "李伟",
    "family_name": "李",
    "given_name": "伟",
    "preferred_username": "li.wei",
    "birthdate": "1990-02-03",
    "email": "li.wei@example.cn",
    "email_verified": True,
    "phone_number": "+8613800138000",
    "phone_number_verified": True,
    "address": {"country": "CN", "region": "浙江省", "locality": "杭州市"},
}
SECOND = 1_000_000


def challenge(verifier: str = VERIFIER) -> str:
    """S256 (RFC 7636 §4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def basic(client_id: str, secret: str) -> dict[str, str]:
    """The Authorization header of ``client_secret_basic``."""
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    """The Authorization header of RFC 6750 §2.1."""
    return {"Authorization": f"Bearer {token}"}


def claims_of(jwt: str) -> dict[str, Any]:
    """The payload of a JWT, unverified."""
    return msgspec.json.decode(_unpadded(jwt.partition(".")[2].partition(".")[0]))


def header_of(jwt: str) -> dict[str, Any]:
    """The header of a JWT."""
    return msgspec.json.decode(_unpadded(jwt.split(".", maxsplit=1)[0]))


def _unpadded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


@dataclass(frozen=True, slots=True)
class App:
    """A registered client and its secret, if it has one; ``signer`` signs its assertions."""

    client: Client
    secret: str | None = None
    signer: LocalSigner | None = None

    @property
    def id(self) -> str:
        return self.client.client_id


class House:
    """The provider, composed as it is served. ``parts`` are real; ``clock`` and ``entropy`` are the test's."""

    def __init__(self, config: Config, clock: FakeClock, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self.config, self.clock, self.lines = config, clock, list[bytes]()
        opened = open_parts(config, clock=clock, entropy=entropy)
        self.parts: Parts = replace(opened, registration_outbound=opened.outbound)
        self.app = create_app(config, self.parts, log=self.lines.append)
        self._departments: dict[str, Department] = {}

    def close(self) -> None:
        close_parts(self.parts)

    # The world ------------------------------------------------------------------------------------------------------

    def browser(self) -> Browser:
        """A user agent with a cookie jar of its own, speaking to the composed application."""
        return Browser(self.app, use_cookies=True)

    def request(self, method: str, path: str, **more: Any) -> TestResponse:
        """One request without cookies, addressed to the issuer."""
        return Browser(self.app, use_cookies=False).open(path, method=method, base_url=self.config.issuer, **more)

    def department(self, key: str = "tax") -> Department:
        """The department of that id, made on first use."""
        if key not in self._departments:
            self._departments[key] = add_department(
                self.parts,
                name_zh=f"{key}局",
                name_en=f"{key} bureau",
                credit_code=credit_code("11330000", f"{crc32(key.encode()) % 10**8:08}"),
                region="330000",
                level="provincial",
                department_id=key,
            )
        return self._departments[key]

    def register(self, department: str = "tax", *, require_pkce: bool = True, **metadata: Any) -> App:
        """A client of that department: ``client_secret_basic``, code and refresh, all user scopes, unless ``metadata`` says otherwise."""
        document: dict[str, Any] = {
            "client_name": department,
            "redirect_uris": [REDIRECT],
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": SCOPES,
            "id_token_signed_response_alg": "ES256",
            **metadata,
        }
        client, secret = add_client(
            self.parts, document, self.department(department), "sample", require_pkce=require_pkce
        )
        return App(client, secret)

    def public(self, department: str = "tax", **metadata: Any) -> App:
        """A public client with PKCE."""
        return self.register(department, token_endpoint_auth_method="none", **metadata)

    def machine(self, department: str = "tax", **metadata: Any) -> App:
        """A client that asks for tokens of its own."""
        document = {"grant_types": ["client_credentials"], "redirect_uris": [], "default_scope": "openid", **metadata}
        return self.register(department, **document)

    def signing(self, department: str = "tax", alg: str = "ES256", **metadata: Any) -> App:
        """A client with ``private_key_jwt`` and a registered key."""
        signer = key_pair(alg)
        app = self.register(
            department,
            token_endpoint_auth_method="private_key_jwt",
            jwks={"keys": [dict(signer.public_jwk)]},
            **metadata,
        )
        return App(app.client, None, signer)

    def citizen(
        self,
        *identifiers: str,
        claims: Mapping[str, Any] | None = None,
        password: str | None = None,
        source: str = "sample",
    ) -> bytes:
        """An account; its id."""
        document = {
            "identifiers": identifiers or ("li.wei", "li.wei@example.cn"),
            "claims": dict(CLAIMS if claims is None else claims),
            "password": password,
            "source": source,
        }
        return add_account(self.parts, document, "sample")

    # Sessions and codes, put in as the pages would ------------------------------------------------------------------

    def session(self, account_id: bytes, *, amr: str = "pwd", acr: str = "urn:yimen:acr:1") -> tuple[Session, str]:
        """A live session and its cookie value."""
        now, token, session_id = (
            self.clock(),
            new_token(self.parts.ring, "session", self.parts.entropy),
            self.parts.entropy(16),
        )
        sealed = self.parts.vault.citizen(account_id).seal("session", "where", session_id, 0, b"{}")
        end = now + self.config.session_max * SECOND
        row = Session(session_id, token.hash, account_id, amr, acr, now, now, end, sealed, now, None, None)
        assert isinstance(self.parts.store.commit([Insert(row)]), Committed)
        return row, token.token

    def grant(self, app: App, account_id: bytes, **changes: Any) -> tuple[str, Grant]:
        """An authorization code as ``/authorize`` would issue it, with its grant."""
        session = changes.pop("session", None) or self.session(account_id)[0]
        now, code = self.clock(), new_token(self.parts.ring, "code", self.parts.entropy)
        account = self.parts.store.one(Account, id=account_id)
        assert account is not None
        row = self._grant_row(app, account, session, code, now)
        row = msgspec.structs.replace(row, **changes)
        fact = CodeIssued(client_id=app.id, grant=row.id.hex(), scope=row.scope, acr=row.acr)
        event = record(fact, at=now, entropy=self.parts.entropy, person=self.parts.vault.citizen(account_id))
        assert isinstance(self.parts.store.commit([Insert(row), event]), Committed)
        return code.token, row

    def _grant_row(self, app: App, account: Account, session: Session, code: Opaque, now: int) -> Grant:
        scope = " ".join(s for s in app.client.scope if s != "offline_access")
        return Grant(
            id=grant_id(code.hash),
            account_id=account.id,
            client_id=app.id,
            session_id=session.id,
            sector_id=app.client.sector_id,
            pairwise_version=account.pairwise_version,
            code_hash=code.hash,
            state="issued",
            code_expires_at=now + self.config.code_ttl * SECOND,
            origin=None,
            redirect_uri=app.client.redirect_uris[0],
            code_challenge=challenge(),
            nonce="n-0S6_WzA2Mj",
            scope=scope,
            claims=None,
            acr=session.acr,
            amr=session.amr,
            auth_at=session.auth_at,
            auth_time_asked=0,
            offline=0,
            created_at=now,
            expires_at=now + self.config.code_ttl * SECOND,
            ended_at=None,
            ended_why=None,
        )

    # Through the authorization endpoint ---------------------------------------------------------------------------------

    def signed_in(self, account_id: bytes, **session: Any) -> Browser:
        """A browser that holds a live session of that account."""
        browser, cookie = self.browser(), self.session(account_id, **session)[1]
        browser.set_cookie(
            cookie_name(self.config, SESSION),
            cookie,
            domain=self.config.host.partition(":")[0],
            secure=self.config.secure,
        )
        return browser

    def authorize(self, browser: Browser, app: App, **params: str) -> TestResponse:
        """GET /authorize with a good request, changed by ``params`` (an empty value leaves one out), followed within the house."""
        query = {
            "response_type": "code",
            "client_id": app.id,
            "redirect_uri": app.client.redirect_uris[0] if app.client.redirect_uris else "",
            "scope": " ".join(s for s in app.client.scope if s != "offline_access"),
            "state": "a-state",
            "nonce": "n-0S6_WzA2Mj",
            "code_challenge": challenge(),
            "code_challenge_method": "S256",
            **params,
        }
        query = {name: value for name, value in query.items() if value}
        return self.follow(browser, browser.get("/authorize", query_string=query, base_url=self.config.issuer))

    def follow(self, browser: Browser, answer: TestResponse) -> TestResponse:
        """Redirects within the provider; an answer that leads elsewhere, or a page, comes back."""
        while answer.status_code == 303 and self._inside(answer.headers["Location"]):
            answer = browser.get(answer.headers["Location"], base_url=self.config.issuer)
        return answer

    def _inside(self, location: str) -> bool:
        return location.startswith(("/", self.config.issuer + "/"))

    def submit(self, browser: Browser, page: TestResponse, **fields: str) -> TestResponse:
        """Send the first form of a page with its hidden fields, followed within the house."""
        form = Form.of(page.text)
        sent = {**form.hidden, **fields}
        return self.follow(
            browser, browser.post(form.action or page.request.path, data=sent, base_url=self.config.issuer)
        )

    def code(self, browser: Browser, app: App, **params: str) -> str:
        """A code through the pages: consent is given where it is asked."""
        answer = self.authorize(browser, app, **params)
        if 'id="consent-allow"' in answer.text:
            answer = self.submit(browser, answer, decision="allow")
        assert answer.status_code == 303, answer.text
        return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))["code"]

    # Endpoints ------------------------------------------------------------------------------------------------------

    def post(
        self, path: str, form: Mapping[str, str] | Iterable[tuple[str, str]], headers: Mapping[str, str] | None = None
    ) -> TestResponse:
        """A form to an endpoint."""
        body = urlencode(list(form.items()) if isinstance(form, Mapping) else list(form))
        return self.request(
            "POST", path, data=body, content_type="application/x-www-form-urlencoded", headers=dict(headers or {})
        )

    def as_client(self, app: App, path: str, form: Mapping[str, str], **override: Any) -> TestResponse:
        """A form with the client's own authentication."""
        method = app.client.token_endpoint_auth_method
        fields, headers = dict(form), dict[str, str]()
        if method == "client_secret_basic":
            headers = basic(app.id, app.secret or "")
        elif method == "client_secret_post":
            fields |= {"client_id": app.id, "client_secret": app.secret or ""}
        elif method == "none":
            fields |= {"client_id": app.id}
        else:
            fields |= {
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": self.assertion(app, **override),
            }
        return self.post(path, fields, headers)

    def assertion(self, app: App, **override: Any) -> str:
        """A client assertion (RFC 7523 §3); ``override`` replaces claims, None leaves one out, ``header`` adds members."""
        assert app.signer is not None
        header = {"alg": app.signer.alg, "kid": app.signer.kid, **override.pop("header", {})}
        claims = {
            "iss": app.id,
            "sub": app.id,
            "aud": self.config.issuer,
            "exp": self.clock.seconds + 60,
            "iat": self.clock.seconds,
            "jti": os.urandom(12).hex(),
            **override,
        }
        return sign(app.signer, header, {name: value for name, value in claims.items() if value is not None})

    def redeem(self, app: App, code: str, **more: str) -> TestResponse:
        """The code for tokens."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": app.client.redirect_uris[0],
            "code_verifier": VERIFIER,
            **more,
        }
        return self.as_client(app, "/token", {name: value for name, value in form.items() if value})

    def refresh(self, app: App, token: str, **more: str) -> TestResponse:
        """New tokens for a refresh token."""
        return self.as_client(app, "/token", {"grant_type": "refresh_token", "refresh_token": token, **more})

    def tokens(self, app: App, account_id: bytes, **changes: Any) -> dict[str, Any]:
        """Code and redemption in one."""
        code, _ = self.grant(app, account_id, **changes)
        answer = self.redeem(app, code)
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())

    def userinfo(self, token: str) -> TestResponse:
        """GET /userinfo with the token in the header."""
        return self.request("GET", "/userinfo", headers=bearer(token))

    def introspect(self, app: App, token: str, **more: str) -> dict[str, Any]:
        """What the endpoint says of a token to this client."""
        answer = self.as_client(app, "/introspect", {"token": token, **more})
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())

    # Looking ----------------------------------------------------------------------------------------------------------

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Heads of recorded events, oldest first."""
        rows = self.parts.store.find(Event, {"kind": kind} if kind else None, order=("seq",), limit=10_000)
        return [msgspec.json.decode(row.head) for row in rows]


class Form(HTMLParser):
    """The first form of a page: where it goes and what it carries unseen."""

    def __init__(self) -> None:
        super().__init__()
        self.action, self.hidden, self._at = "", dict[str, str](), 0

    @classmethod
    def of(cls, html: str) -> "Form":
        form = cls()
        form.feed(html)
        return form

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._at += 1
            self.action = self.action or given.get("action", "")
        if tag == "input" and given.get("type") == "hidden" and self._at == 1:
            self.hidden[given["name"]] = given.get("value", "")


def key_pair(alg: str = "ES256") -> LocalSigner:
    """A client's own key."""
    from keys.file_backend import FileRoot
    from keys.signing import load_signer

    root = FileRoot(os.urandom(32))
    return load_signer(root, new_signing_key(root, alg, 1, START))


def sign(signer: LocalSigner, header: Mapping[str, Any] | bytes, claims: Mapping[str, Any] | bytes) -> str:
    """A compact JWS with any header; bytes as they are."""
    parts = (part if isinstance(part, bytes) else msgspec.json.encode(part) for part in (header, claims))
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    return (signed + b"." + base64.urlsafe_b64encode(signer.sign(signed)).rstrip(b"=")).decode()


# Building -------------------------------------------------------------------------------------------------------------


def config_in(folder: Path, **settings: Any) -> Config:
    """SQLite files and keys in ``folder``; password hashing made cheap."""
    base: dict[str, Any] = {
        "issuer": ISSUER,
        "database_url": f"sqlite:///{folder}/main.db",
        "keyring_url": f"sqlite:///{folder}/keyring.db",
        "volatile_url": f"sqlite:///{folder}/volatile.db",
        "keys_url": f"file://{folder}/keys",
        "argon2_memory_kib": 64,
        "argon2_passes": 1,
        "hash_threads": 2,
    }
    return Config(**{**base, **settings})


@pytest.fixture(scope="session")
def prepared_house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated SQLite files and keys, made once per run."""
    folder = tmp_path_factory.mktemp("house")
    prepare(config_in(folder), clock=FakeClock())
    return folder


@pytest.fixture
def make_house(prepared_house: Path, tmp_path: Path, clock: FakeClock) -> Iterator[Callable[..., House]]:
    """Builds houses on SQLite, each with settings of its own, all over the same files."""
    built: list[House] = []
    folder = tmp_path / "house"

    def make(**settings: Any) -> House:
        if not folder.exists():
            shutil.copytree(prepared_house, folder)
        house = House(config_in(folder, **settings), clock)
        built.append(house)
        return house

    yield make
    for house in built:
        house.close()


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    return make_house()


@pytest.fixture
def served_house(
    postgres: Postgres, redis: Redis, prepared_house: Path, tmp_path: Path, clock: FakeClock
) -> Iterator[House]:
    """On PostgreSQL and Redis."""
    folder = tmp_path / "house"
    shutil.copytree(prepared_house / "keys", folder / "keys")
    template = postgres.prepared(f"{prepared_house}/main", lambda url: _prepare_postgres(prepared_house, url, "main"))
    keyring = postgres.prepared(
        f"{prepared_house}/keyring", lambda url: _prepare_postgres(prepared_house, url, "keyring")
    )
    redis.flush()
    config = config_in(
        folder, database_url=postgres.database(template), keyring_url=postgres.database(keyring), volatile_url=redis.url
    )
    house = House(config, clock)
    yield house
    house.close()
    postgres.drop(config.database_url)
    postgres.drop(config.keyring_url)


def _prepare_postgres(prepared: Path, url: str, which: str) -> None:
    """Migrate, and bring the keys of the SQLite house along."""
    from idp.ports import Insert as Row
    from idp.records import PurposeKey, SigningKey
    from idp.store.open import open_store
    from idp.store.schema import KEYRING_LINEAGE, MAIN_LINEAGE, upgrade

    upgrade(url, lineage=MAIN_LINEAGE if which == "main" else KEYRING_LINEAGE)
    if which != "main":
        return
    source, target = open_store(f"sqlite:///{prepared}/main.db"), open_store(url)
    rows = [*source.find(PurposeKey), *source.find(SigningKey)]
    target.commit([Row(row) for row in rows])
    source.close()
    target.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.redis])])
def any_house(request: pytest.FixtureRequest) -> House:
    """The same test on each backend."""
    found: House = request.getfixturevalue("house" if request.param == "sqlite" else "served_house")
    return found
