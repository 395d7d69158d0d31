"""What the provider says of itself, as bytes made once: the discovery document, validated before it is served, and the published keys."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.discovery import OpenIDProviderMetadata

from idp.caches import CATALOGUE
from idp.errors import Unavailable
from idp.flows.offer import server_profile
from idp.parts import Parts
from idp.protocol.discovery import document
from idp.release.claims import STANDARD
from idp.release.confirmed import offered, record_types


class Published(msgspec.Struct, frozen=True):
    """Ready bytes with their strong entity tag (RFC 9110 §8.8.3)."""

    body: bytes
    etag: str


def published(body: bytes) -> Published:
    """With the tag that names exactly these bytes."""
    return Published(body, f'"{sha256(body).hexdigest()[:32]}"')


class Discovery:
    """The document, the same for OIDC Discovery §4 and RFC 8414 §3; made again only when the catalogue has other attributes.

    Raises ValueError when it contradicts its specifications.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._at = -1
        self._last = self.now()

    def now(self) -> Published:
        """What is not read fresh enough is told as it was: nothing is promised by it."""
        try:
            at = self._parts.generations.now(CATALOGUE)
            if at != self._at:
                claims = offered(self._parts.catalogue.all_kinds().values())
                self._last, self._at = published(msgspec.json.encode(_document(self._parts, claims))), at
        except Unavailable:
            if self._at < 0:
                raise
        return self._last


def _document(parts: Parts, verified_claims: tuple[str, ...]) -> dict[str, Any]:
    profile, framework = server_profile(parts.config), parts.config.framework
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
        trust_frameworks=(framework,),
        verified_claims=verified_claims,
        electronic_records=record_types(framework),
        require_par=parts.config.require_par,
    )
    check(metadata)
    return metadata


def check(metadata: dict[str, object]) -> None:
    """Authlib's reading of both specifications. It holds that an issuer is https; ours may be http on loopback alone, which the configuration
    saw to. Raises ValueError."""
    issuer = str(metadata["issuer"])
    secure = {name: _as_https(value, issuer) for name, value in metadata.items()}
    AuthorizationServerMetadata(secure).validate()
    OpenIDProviderMetadata(secure).validate()
    _check_assurance(metadata)


_EVIDENCE: Final = {"document": "documents_supported", "electronic_record": "electronic_records_supported"}


def _check_assurance(metadata: Mapping[str, object]) -> None:
    """OpenID Connect for Identity Assurance §8: lists with at least one member each, and those that another one asks for."""
    evidence = metadata.get("evidence_supported", ())
    needed = ["trust_frameworks_supported", "claims_in_verified_claims_supported"]
    needed += [member for kind, member in _EVIDENCE.items() if isinstance(evidence, list) and kind in evidence]
    for name in needed:
        listed = metadata.get(name)
        if not isinstance(listed, list) or not listed or not all(isinstance(one, str) and one for one in listed):
            raise ValueError(f"{name} must be a list of texts")


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
