"""What the provider offers, as far as the rules for client metadata ask; the values are those that discovery publishes."""

from typing import Any

import msgspec

from clients.addresses import AllowList

SIGNING = ("ES256", "RS256", "PS256", "Ed25519")
ENCRYPTION = ("ECDH-ES+A256KW", "RSA-OAEP-256", "ECDH-ES")
CONTENT_ENCRYPTION = ("A256GCM", "A128CBC-HS256")
"""The second is what a registration that names none gets (OIDC Registration §2, RFC 9701 §6)."""


class ServerProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Members carry the names of RFC 8414, RFC 9701 §7 and OpenID Connect Discovery §3; the last two are ours."""

    issuer: str
    scopes_supported: tuple[str, ...] = ("openid", "profile", "email", "phone", "address", "offline_access")
    response_types_supported: tuple[str, ...] = ("code",)
    response_modes_supported: tuple[str, ...] = ("query", "fragment", "form_post")
    grant_types_supported: tuple[str, ...] = ("authorization_code", "refresh_token", "client_credentials")
    token_endpoint_auth_methods_supported: tuple[str, ...] = (
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
        "none",
    )
    token_endpoint_auth_signing_alg_values_supported: tuple[str, ...] = (*SIGNING, "EdDSA")
    subject_types_supported: tuple[str, ...] = ("pairwise",)
    id_token_signing_alg_values_supported: tuple[str, ...] = SIGNING
    userinfo_signing_alg_values_supported: tuple[str, ...] = SIGNING
    request_object_signing_alg_values_supported: tuple[str, ...] = (*SIGNING, "EdDSA")
    id_token_encryption_alg_values_supported: tuple[str, ...] = ENCRYPTION
    id_token_encryption_enc_values_supported: tuple[str, ...] = CONTENT_ENCRYPTION
    userinfo_encryption_alg_values_supported: tuple[str, ...] = ENCRYPTION
    userinfo_encryption_enc_values_supported: tuple[str, ...] = CONTENT_ENCRYPTION
    introspection_signing_alg_values_supported: tuple[str, ...] = SIGNING
    introspection_encryption_alg_values_supported: tuple[str, ...] = ENCRYPTION
    introspection_encryption_enc_values_supported: tuple[str, ...] = CONTENT_ENCRYPTION
    authorization_details_types_supported: tuple[str, ...] = ()
    acr_values_supported: tuple[str, ...] = ()
    assertion_audiences_supported: tuple[str, ...] = ()
    """Older audiences that a client may register for its assertions, such as the token endpoint's URL."""
    allow: AllowList = AllowList()
    """Hosts that back-channel calls may reach although private."""

    def as_server_metadata(self) -> dict[str, Any]:
        """The supported values as Authlib's validators take them."""
        names = (name for name in self.__struct_fields__ if name.endswith("_supported"))
        return {name: list(getattr(self, name)) for name in names}
