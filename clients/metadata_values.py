"""Values from closed sets: Authlib's validators judge them against what the provider supports, and our table says how to mend them."""

from typing import Any

import msgspec
from authlib.oauth2.rfc7591.claims import ClientMetadataClaims
from authlib.oidc.registration.claims import ClientMetadataClaims as OidcClientMetadataClaims
from joserfc.errors import InvalidClaimError

from clients.errors import ClientError, bad_metadata
from clients.metadata_wire import Wire
from clients.profile import ServerProfile

# Judged by rules of our own: Authlib accepts what RFC 9700 refuses, and refuses schemes that RFC 8252 §7.1 allows.
_OURS = frozenset({"redirect_uris", "jwks"})

_SUPPORTED = {
    "scope": "scopes_supported",
    "response_types": "response_types_supported",
    "response_modes": "response_modes_supported",
    "grant_types": "grant_types_supported",
    "token_endpoint_auth_method": "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg": "token_endpoint_auth_signing_alg_values_supported",
    "subject_type": "subject_types_supported",
    "id_token_signed_response_alg": "id_token_signing_alg_values_supported",
    "id_token_encrypted_response_alg": "id_token_encryption_alg_values_supported",
    "id_token_encrypted_response_enc": "id_token_encryption_enc_values_supported",
    "userinfo_signed_response_alg": "userinfo_signing_alg_values_supported",
    "userinfo_encrypted_response_alg": "userinfo_encryption_alg_values_supported",
    "userinfo_encrypted_response_enc": "userinfo_encryption_enc_values_supported",
    "introspection_signed_response_alg": "introspection_signing_alg_values_supported",
    "introspection_encrypted_response_alg": "introspection_encryption_alg_values_supported",
    "introspection_encrypted_response_enc": "introspection_encryption_enc_values_supported",
    "request_object_signing_alg": "request_object_signing_alg_values_supported",
    "default_acr_values": "acr_values_supported",
    "authorization_details_types": "authorization_details_types_supported",
}


def check_values(wire: Wire, server: ServerProfile) -> None:
    """Every member with a closed set of values holds supported ones. Raises ``invalid_client_metadata`` with the way out."""
    members = {name: _lists(value) for name, value in msgspec.structs.asdict(wire).items() if value is not None}
    _check_members(members, server)
    _check_paired(members)
    payload = {name: value for name, value in members.items() if name not in _OURS}
    supported = server.as_server_metadata()
    for claims in (ClientMetadataClaims, OidcClientMetadataClaims):
        try:
            claims(payload, {}, claims.get_claims_options(supported), supported).validate()
        except InvalidClaimError as error:
            raise _explain(error.claim, payload.get(error.claim), server) from None


def _lists(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _check_members(members: dict[str, Any], server: ServerProfile) -> None:
    """Empty texts and lists with unsupported values, which Authlib's validators let pass."""
    for name, source in _SUPPORTED.items():
        if name not in members or name == "response_types":
            continue
        value = members[name].split() if name in {"scope", "default_scope"} else members[name]
        values = value if isinstance(value, list) else [value]
        if not set(values) <= set(getattr(server, source)):
            raise _explain(name, members[name], server)


def _check_paired(members: dict[str, Any]) -> None:
    """A content encryption says nothing without the algorithm that carries its key (OIDC Registration §2, RFC 9701 §6)."""
    for name in members:
        if name.endswith("_encrypted_response_enc") and name.removesuffix("_enc") + "_alg" not in members:
            raise bad_metadata(f"{name} needs {name.removesuffix('_enc')}_alg", "enc_without_alg")


def _explain(member: str, value: Any, server: ServerProfile) -> ClientError:
    """What is wrong, and what to write instead."""
    offer = " ".join(getattr(server, _SUPPORTED[member])) if member in _SUPPORTED else ""
    if isinstance(value, str) and value.startswith("HS"):
        text = f"{member}: HS256 would need the client secret in the clear, and it is kept only as a hash; use ES256 or RS256"
    elif value == "none" and member.endswith("_alg"):
        text = f"{member}: none means unsigned; use ES256 or RS256"
    elif value == "RSA1_5":
        text = f"{member}: RSA1_5 is broken; use RSA-OAEP-256 or ECDH-ES+A256KW"
    elif member.endswith("_encrypted_response_alg") and value.startswith(("dir", "PBES2", "A128", "A192", "A256")):
        text = f"{member}: a shared secret would have to be kept in the clear; use ECDH-ES+A256KW or RSA-OAEP-256"
    elif value == "client_secret_jwt":
        text = f"{member}: client_secret_jwt would need the client secret in the clear; use private_key_jwt with an ES256 key"
    elif member == "subject_type":
        text = "subject_type: only pairwise is offered, so that no two departments can compare their citizens"
    elif offer:
        text = f"{member}: supported values are {offer}"
    else:
        text = f"{member} is not valid"
    return bad_metadata(text, f"unsupported_{member}")
