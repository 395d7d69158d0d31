"""Keys, signatures and encryption: what is registered can be used (OIDC Registration §2)."""

from typing import Any

import msgspec

from clients.errors import bad_metadata
from clients.key_material import BadKeys, ClientKeys, parse_jwks
from clients.metadata_uris import check_called_uri
from clients.metadata_wire import Wire
from clients.profile import ServerProfile

_DEFAULT_ENC = "A128CBC-HS256"  # OIDC Registration §2, RFC 9701 §6
ENCRYPTED = ("id_token", "userinfo", "introspection")
"""Answers that a client may register encryption for."""
MAX_JWKS_BYTES = 64 * 1024


def settle_keys(wire: Wire, method: str, server: ServerProfile) -> dict[str, Any]:
    """The group's members, keys stripped to what is believed. Raises ``invalid_client_metadata``."""
    if wire.jwks is not None and wire.jwks_uri is not None:
        raise bad_metadata("jwks and jwks_uri must not both be present", "jwks_twice")
    if wire.jwks_uri is not None:
        check_called_uri("jwks_uri", wire.jwks_uri, server)
    keys = None if wire.jwks is None else _parse(wire.jwks)
    _check_assertion_keys(wire, method, keys, server)
    _check_request_object_keys(wire, keys, server)
    fields: dict[str, Any] = {}
    for kind in ENCRYPTED:
        fields |= _encryption(wire, kind, keys, server)
    return fields | {
        "jwks": None if keys is None else keys.as_jwks(),
        "jwks_uri": wire.jwks_uri,
        "token_endpoint_auth_signing_alg": wire.token_endpoint_auth_signing_alg,
        "id_token_signed_response_alg": wire.id_token_signed_response_alg or "RS256",
        "userinfo_signed_response_alg": wire.userinfo_signed_response_alg,
        "introspection_signed_response_alg": wire.introspection_signed_response_alg,
        "request_object_signing_alg": wire.request_object_signing_alg,
        "require_signed_request_object": bool(wire.require_signed_request_object),
    }


def _parse(jwks: dict[str, Any]) -> ClientKeys:
    if len(msgspec.json.encode(jwks)) > MAX_JWKS_BYTES:
        raise bad_metadata("jwks must not be larger than 64 kB", "jwks_too_large")
    try:
        return parse_jwks(jwks)
    except BadKeys as bad:
        raise bad_metadata(f"jwks {bad.text}", f"jwks_{bad.reason}") from None


def _check_assertion_keys(wire: Wire, method: str, keys: ClientKeys | None, server: ServerProfile) -> None:
    if method != "private_key_jwt":
        if wire.token_endpoint_auth_signing_alg is not None:
            raise bad_metadata(
                "token_endpoint_auth_signing_alg: is for token_endpoint_auth_method private_key_jwt", "alg_method"
            )
        return
    if keys is None and wire.jwks_uri is None:
        raise bad_metadata("token_endpoint_auth_method: private_key_jwt needs jwks or jwks_uri", "jwks_missing")
    asked = wire.token_endpoint_auth_signing_alg
    algorithms = (asked,) if asked else server.token_endpoint_auth_signing_alg_values_supported
    if keys is not None and not keys.signs(algorithms):
        raise bad_metadata("jwks must hold a key that can sign the client's assertions", "jwks_no_signer")


def _check_request_object_keys(wire: Wire, keys: ClientKeys | None, server: ServerProfile) -> None:
    asked = wire.request_object_signing_alg
    if not (asked or wire.require_signed_request_object):
        return
    if keys is None and wire.jwks_uri is None:
        raise bad_metadata("signed request objects need jwks or jwks_uri", "jwks_missing")
    algorithms = (asked,) if asked else server.request_object_signing_alg_values_supported
    if keys is not None and not keys.signs(algorithms):
        raise bad_metadata("jwks must hold a key that can sign request objects", "jwks_no_signer")


def _encryption(wire: Wire, kind: str, keys: ClientKeys | None, server: ServerProfile) -> dict[str, str | None]:
    """``alg`` alone takes the default ``enc``, if that is offered; a key given by value must fit (OIDC Registration §2)."""
    alg_name, enc_name = f"{kind}_encrypted_response_alg", f"{kind}_encrypted_response_enc"
    alg, enc = getattr(wire, alg_name), getattr(wire, enc_name)
    if alg is None:
        return {alg_name: None, enc_name: None}
    enc = enc or _DEFAULT_ENC
    offered = getattr(server, f"{kind}_encryption_enc_values_supported")
    if enc not in offered:
        raise bad_metadata(f"{enc_name}: state one of {' '.join(offered)}", "enc_default")
    if keys is None and wire.jwks_uri is None:
        raise bad_metadata(f"{alg_name} needs jwks or jwks_uri", "jwks_missing")
    if keys is not None and keys.encrypter(alg) is None:
        raise bad_metadata(f"jwks must hold a key that {alg} can encrypt to, with use enc or none", "jwks_no_encrypter")
    return {alg_name: alg, enc_name: enc}
