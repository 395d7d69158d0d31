"""The discovery document (OIDC Discovery §3, RFC 8414 §2, and what PAR, logout, prompt and response-issuer documents add).

Every member whose omission would say something wrong is stated.
"""

from typing import Any, Final

from idp.protocol import authorization_details, prompt
from idp.protocol.verified_claims import EVIDENCE

PROTOCOL_CLAIMS: Final = ("sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid")
ENCRYPTED: Final = ("id_token", "userinfo", "introspection")
"""Answers that may be encrypted (OIDC Discovery §3, RFC 9701 §7)."""
LOCALES: Final = ("zh-Hans", "zh-CN", "en")


def document(
    issuer: str,
    *,
    scopes: tuple[str, ...],
    grant_types: tuple[str, ...],
    response_modes: tuple[str, ...],
    auth_methods: tuple[str, ...],
    assertion_algs: tuple[str, ...],
    request_object_algs: tuple[str, ...],
    signing_algs: tuple[str, ...],
    encryption_algs: tuple[str, ...],
    encryption_encs: tuple[str, ...],
    acr_values: tuple[str, ...],
    claims: tuple[str, ...],
    trust_frameworks: tuple[str, ...],
    verified_claims: tuple[str, ...],
    electronic_records: tuple[str, ...],
    require_par: bool,
) -> dict[str, Any]:
    """The document as a mapping. ``signing_algs``: those with an active key; ``claims``: about people; ``verified_claims``: those that can be told
    as verified, by ``electronic_records`` of these types (OpenID Connect for Identity Assurance §8)."""
    confidential = [method for method in auth_methods if method != "none"]
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "registration_endpoint": f"{issuer}/register",
        "introspection_endpoint": f"{issuer}/introspect",
        "revocation_endpoint": f"{issuer}/revoke",
        "pushed_authorization_request_endpoint": f"{issuer}/par",
        "end_session_endpoint": f"{issuer}/logout",
        "scopes_supported": list(scopes),
        "response_types_supported": ["code"],
        "response_modes_supported": list(response_modes),
        "grant_types_supported": list(grant_types),
        "subject_types_supported": ["pairwise"],
        "acr_values_supported": list(acr_values),
        "prompt_values_supported": list(prompt.SUPPORTED),
        "code_challenge_methods_supported": ["S256"],
        "id_token_signing_alg_values_supported": list(signing_algs),
        "userinfo_signing_alg_values_supported": list(signing_algs),
        "introspection_signing_alg_values_supported": list(signing_algs),
        **{f"{answer}_encryption_alg_values_supported": list(encryption_algs) for answer in ENCRYPTED},
        **{f"{answer}_encryption_enc_values_supported": list(encryption_encs) for answer in ENCRYPTED},
        "request_object_signing_alg_values_supported": list(request_object_algs),
        "token_endpoint_auth_methods_supported": list(auth_methods),
        "token_endpoint_auth_signing_alg_values_supported": list(assertion_algs),
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": list(assertion_algs),
        "revocation_endpoint_auth_methods_supported": list(auth_methods),
        "revocation_endpoint_auth_signing_alg_values_supported": list(assertion_algs),
        "display_values_supported": ["page"],
        "claim_types_supported": ["normal"],
        "claims_supported": [*PROTOCOL_CLAIMS, *claims],
        "verified_claims_supported": True,
        "trust_frameworks_supported": list(trust_frameworks),
        "evidence_supported": [EVIDENCE],
        "electronic_records_supported": list(electronic_records),
        "claims_in_verified_claims_supported": list(verified_claims),
        "ui_locales_supported": list(LOCALES),
        "claims_parameter_supported": True,
        "authorization_details_types_supported": list(authorization_details.SUPPORTED),
        "request_parameter_supported": True,
        "request_uri_parameter_supported": False,
        "require_request_uri_registration": False,
        "require_pushed_authorization_requests": require_par,
        "require_signed_request_object": False,
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "tls_client_certificate_bound_access_tokens": False,
    }
