"""What a client may do: grants, response types, authentication and PKCE agree with each other."""

import re

import msgspec

from clients.errors import ClientError, ClientErrorCode, bad_metadata
from clients.metadata_wire import Wire
from clients.model import Client, Policy
from clients.profile import ServerProfile

_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*")
# RFC 7591 §2.1: each word of a response type needs its grant type.
_NEEDS = {"code": "authorization_code", "token": "implicit", "id_token": "implicit"}


class Grants(msgspec.Struct, frozen=True, kw_only=True):
    """The members that this group settles, defaults filled in."""

    token_endpoint_auth_method: str
    grant_types: tuple[str, ...]
    response_types: tuple[str, ...]
    response_modes: tuple[str, ...]
    scope: tuple[str, ...]
    default_scope: tuple[str, ...]
    require_pkce: bool
    assertion_audiences: tuple[str, ...]


def settle_grants(wire: Wire, policy: Policy, server: ServerProfile, existing: Client | None) -> Grants:
    """The group's values. Raises ``invalid_client_metadata`` or ``invalid_redirect_uri``."""
    method = wire.token_endpoint_auth_method or "client_secret_basic"  # RFC 7591 §2
    grant_types = _unique(wire.grant_types or ("authorization_code",))
    response_types = _response_types(wire, grant_types)
    _check_pairing(grant_types, response_types)
    _check_redirects_present(wire, response_types)
    _check_public(method, grant_types)
    scope = _scope(wire, policy, existing)
    _check_signs_in(scope, grant_types)
    return Grants(
        token_endpoint_auth_method=method,
        grant_types=grant_types,
        response_types=response_types,
        response_modes=_unique(wire.response_modes or ()),
        scope=scope,
        default_scope=_default_scope(wire, scope),
        require_pkce=_require_pkce(wire, method, policy, existing),
        assertion_audiences=_audiences(wire, method, policy, server, existing),
    )


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _response_types(wire: Wire, grant_types: tuple[str, ...]) -> tuple[str, ...]:
    """Left out, it is ``code`` (RFC 7591 §2); a client that never sees the authorization endpoint has none."""
    if wire.response_types is not None:
        return _unique(wire.response_types)
    return ("code",) if "authorization_code" in grant_types else ()


def _check_pairing(grant_types: tuple[str, ...], response_types: tuple[str, ...]) -> None:
    words = {word for response_type in response_types for word in response_type.split()}
    for word in words:
        if _NEEDS.get(word) not in grant_types:
            raise bad_metadata(
                f"response_types: {word} needs the grant type {_NEEDS.get(word)} in grant_types", "grant_missing"
            )
    if "authorization_code" in grant_types and "code" not in words:
        raise bad_metadata(
            "grant_types: authorization_code needs the response type code in response_types", "response_missing"
        )
    if set(grant_types) == {"refresh_token"}:
        raise bad_metadata(
            "grant_types: refresh_token needs another grant that first gives a refresh token", "refresh_alone"
        )


def _check_redirects_present(wire: Wire, response_types: tuple[str, ...]) -> None:
    """RFC 7591 §2: clients that use redirection must register where to."""
    if response_types and not wire.redirect_uris:
        raise ClientError(
            ClientErrorCode.INVALID_REDIRECT_URI, "redirect_uris: at least one is needed", "redirect_missing"
        )


def _check_public(method: str, grant_types: tuple[str, ...]) -> None:
    """RFC 6749 §4.4: client credentials are for confidential clients."""
    if method == "none" and "client_credentials" in grant_types:
        raise bad_metadata("grant_types: client_credentials needs a client that can authenticate", "public_credentials")


def _scope(wire: Wire, policy: Policy, existing: Client | None) -> tuple[str, ...]:
    """Left out, it is what the policy grants; stated, it stays within that (RFC 7591 §2)."""
    if wire.scope is None:
        return existing.scope if existing is not None else policy.granted_scope
    if not _SCOPE.fullmatch(wire.scope):
        raise bad_metadata("scope: expected scope names with single spaces between them", "scope_syntax")
    scope = _unique(tuple(wire.scope.split(" ")))
    ceiling = {*policy.granted_scope, *(existing.scope if existing is not None else ())}
    beyond = [name for name in scope if name not in ceiling]
    if beyond:
        raise bad_metadata(
            f"scope: {' '.join(beyond)} is not granted; granted are {' '.join(sorted(ceiling))}", "scope_beyond"
        )
    return scope


def _check_signs_in(scope: tuple[str, ...], grants: tuple[str, ...]) -> None:
    """Who sends citizens here asks for ``openid`` (OpenID Connect Core §3.1.2.1): without it no request of theirs is ever answered."""
    if "authorization_code" in grants and "openid" not in scope:
        raise bad_metadata("scope: openid belongs in it where citizens sign in", "scope_openid")


def _default_scope(wire: Wire, scope: tuple[str, ...]) -> tuple[str, ...]:
    default = _unique(tuple((wire.default_scope or "").split()))
    if not set(default) <= set(scope):
        raise bad_metadata("default_scope must stay within scope", "default_scope_beyond")
    return default


def _require_pkce(wire: Wire, method: str, policy: Policy, existing: Client | None) -> bool:
    """RFC 9700 §2.1.1: required of all; only a policy lets a confidential client go without, asked for or left out."""
    kept = existing.require_pkce if existing is not None else policy.require_pkce
    if wire.require_pkce is None:
        return kept or method == "none"
    if wire.require_pkce:
        return True
    if method == "none":
        raise bad_metadata("require_pkce: a client that cannot authenticate must use PKCE", "pkce_public")
    if policy.require_pkce and kept:
        raise bad_metadata("require_pkce: only the operator may turn PKCE off", "pkce_policy")
    return False


def _audiences(
    wire: Wire, method: str, policy: Policy, server: ServerProfile, existing: Client | None
) -> tuple[str, ...]:
    """Ours: older audiences, only of this provider, only where the policy says so."""
    kept = existing.assertion_audiences if existing is not None else ()
    if wire.assertion_audiences is None and existing is None and method == "private_key_jwt":
        return policy.granted_assertion_audiences
    audiences = _unique(wire.assertion_audiences or ())
    if set(audiences) - {*kept, *policy.granted_assertion_audiences} and not policy.legacy_assertion_audiences:
        raise bad_metadata(
            "assertion_audiences: only the operator may allow other audiences than the issuer", "audience_policy"
        )
    if audiences and method != "private_key_jwt":
        raise bad_metadata("assertion_audiences: is for token_endpoint_auth_method private_key_jwt", "audience_method")
    if not set(audiences) <= set(server.assertion_audiences_supported):
        raise bad_metadata("assertion_audiences: only addresses of this provider", "audience_foreign")
    return audiences
