"""Builders for this room's tests: clients, assertions, a certificate authority and real local servers."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from clients.key_material import ClientKeys, parse_jwks
from clients.model import Client, Policy
from clients.profile import ServerProfile

ISSUER = "https://login.example"
SERVER = ServerProfile(
    issuer=ISSUER, assertion_audiences_supported=(f"{ISSUER}/token",), acr_values_supported=("urn:one",)
)
POLICY = Policy(department_id="tax", granted_scope=("openid", "profile", "email", "offline_access"))
WEB = {"redirect_uris": ["https://tax.example/cb"]}

EC_KEY = ECKey.generate_key("P-256", {"kid": "ec"})
RSA_KEY = RSAKey.generate_key(2048, {"kid": "rsa"})
ED_KEY = OKPKey.generate_key("Ed25519", {"kid": "ed"})
OTHER_KEY = ECKey.generate_key("P-256", {"kid": "ec"})


def jwks(*keys: Key) -> dict[str, Any]:
    return {"keys": [dict(key.as_dict(private=False)) for key in keys]}


KEYS: ClientKeys = parse_jwks(jwks(EC_KEY, RSA_KEY, ED_KEY))


def make_client(**members: Any) -> Client:
    base: dict[str, Any] = {"client_id": "tax", "department_id": "tax", "sector_id": bytes(16), "created_at": 1}
    return Client(**{**base, **members})


def claims(now_s: int, **changes: Any) -> dict[str, Any]:
    full = {"iss": "tax", "sub": "tax", "aud": ISSUER, "exp": now_s + 60, "iat": now_s, "jti": "one"} | changes
    return {name: value for name, value in full.items() if value is not ...}


def sign(payload: bytes, key: Key = EC_KEY, **header: Any) -> str:
    full = {"alg": "ES256", "kid": key.kid} | header
    full = {name: value for name, value in full.items() if value is not ...}
    registry = jws.JWSRegistry(algorithms=[full["alg"]], strict_check_header=False)
    registry.max_header_length = 100_000
    return jws.serialize_compact(full, payload, key, registry=registry)


class Authority:
    """A certificate authority with one server certificate for the names given, in the strict form of RFC 5280 (Python from 3.13 on asks for it)."""

    def __init__(self, home: Path, names: tuple[str, ...] = ("keys.tax.example", "127.0.0.1")) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self.pem = home / "ca.pem"
        self.pem.write_bytes(self._authority().public_bytes(serialization.Encoding.PEM))
        self.chain = home / "server.pem"
        self.chain.write_bytes(self._server(names))

    def _builder(self, subject: x509.Name, key: Any) -> x509.CertificateBuilder:
        start = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start)
        builder = builder.not_valid_after(start + dt.timedelta(days=36500))
        by = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        return builder.add_extension(by, critical=False)

    def _authority(self) -> x509.Certificate:
        builder = self._builder(self.name, self.key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        usage = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
        )
        signs = x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False)
        builder = builder.add_extension(signs, critical=True)
        return builder.sign(self.key, hashes.SHA256())

    def _server(self, names: tuple[str, ...]) -> bytes:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(x509.Name([]), key.public_key())
        alternatives = [
            x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name) for name in names
        ]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=True)
        certificate = builder.sign(self.key, hashes.SHA256())
        plain = serialization.NoEncryption()
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        return private + certificate.public_bytes(serialization.Encoding.PEM)


class Site:
    """A running server: its port, what it answers, and every request that reached it as (method, path, headers, body)."""

    def __init__(self, port: int, answer: "Answer") -> None:
        self.port = port
        self.answer = answer
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []


Answer = Callable[[BaseHTTPRequestHandler], None]


def reply(body: bytes, status: int = 200, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if "Transfer_Encoding" not in headers:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@contextmanager
def site(answer: Answer, authority: Authority | None = None) -> Iterator[Site]:
    """``answer`` served on a free loopback port, over TLS when an authority is given."""
    made: list[Site] = []

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made[0].seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            try:
                made[0].answer(self)
            except OSError:
                self.close_connection = True

        do_GET = do_POST = handle_any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that hangs up is what many of these tests are about

    server = Quiet(("127.0.0.1", 0), Handler)
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.chain)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    made.append(Site(server.server_address[1], answer))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent_listener() -> Iterator[socket.socket]:
    """A listening socket that nobody serves: whoever connects waits in its queue, and :func:`visitors` counts them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def visitors(listener: socket.socket) -> int:
    listener.setblocking(False)
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1
