"""What the provider says of itself, as bytes made once: the discovery document, validated before it is served, and the published keys."""

from hashlib import sha256

import msgspec
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.discovery import OpenIDProviderMetadata

from idp.flows.offer import server_profile
from idp.parts import Parts
from idp.protocol.discovery import document
from idp.release.claims import STANDARD


class Published(msgspec.Struct, frozen=True):
    """Ready bytes with their strong entity tag (RFC 9110 §8.8.3)."""

    body: bytes
    etag: str


def published(body: bytes) -> Published:
    """With the tag that names exactly these bytes."""
    return Published(body, f'"{sha256(body).hexdigest()[:32]}"')


def discovery(parts: Parts) -> Published:
    """The document, the same for OIDC Discovery §4 and RFC 8414 §3. Raises ValueError when it contradicts either."""
    profile = server_profile(parts.config)
    metadata = document(
        parts.config.issuer,
        scopes=profile.scopes_supported,
        grant_types=profile.grant_types_supported,
        response_modes=profile.response_modes_supported,
        auth_methods=profile.token_endpoint_auth_methods_supported,
        assertion_algs=profile.token_endpoint_auth_signing_alg_values_supported,
        request_object_algs=profile.request_object_signing_alg_values_supported,
        signing_algs=parts.keys.algorithms,
        encryption_algs=profile.id_token_encryption_alg_values_supported,
        encryption_encs=profile.id_token_encryption_enc_values_supported,
        acr_values=profile.acr_values_supported,
        claims=STANDARD,
        require_par=parts.config.require_par,
    )
    check(metadata)
    return published(msgspec.json.encode(metadata))


def check(metadata: dict[str, object]) -> None:
    """Authlib's reading of both specifications. It holds that an issuer is https; ours may be http on loopback alone, which the configuration
    saw to. Raises ValueError."""
    issuer = str(metadata["issuer"])
    secure = {name: _as_https(value, issuer) for name, value in metadata.items()}
    AuthorizationServerMetadata(secure).validate()
    OpenIDProviderMetadata(secure).validate()


def _as_https(value: object, issuer: str) -> object:
    if isinstance(value, str) and issuer.startswith("http://") and value.startswith(issuer):
        return "https" + value.removeprefix("http")
    return value


class Jwks:
    """The key set; hashed again only when the bytes are others."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._last = published(b"")

    def now(self) -> Published:
        """Raises Unavailable when the keys can't be told fresh enough."""
        body = self._parts.keys.jwks()
        last = self._last
        if last.body is not body:
            last = self._last = published(body)
        return last
