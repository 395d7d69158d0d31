"""Client metadata judged whole: from what arrived to a draft that a registration or an update may store.

Form, command line and ``POST /register`` all build this draft (RFC 7591 §2, RFC 7592 §2.2, OIDC Registration §2).
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from clients.errors import ClientError, ClientErrorCode, bad_metadata
from clients.metadata_display import settle_display
from clients.metadata_grants import settle_grants
from clients.metadata_keys import ENCRYPTED, settle_keys
from clients.metadata_uris import check_called_uri, check_frontchannel_uri, check_page_uri, check_request_uri
from clients.metadata_values import check_values
from clients.metadata_wire import Wire, read
from clients.model import Client, Policy
from clients.profile import ServerProfile
from clients.redirects import check_redirect_uris
from clients.sectors import sector_host, sector_id

MAX_MEMBERS = 200
# RFC 7592 §2.2: members of an answer that an update must not send.
_ANSWER_ONLY = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Judged metadata without identity. ``fields`` are members of :class:`Client`, defaults filled in."""

    department_id: str
    sector_id: bytes
    fields: dict[str, Any]

    @property
    def redirect_uris(self) -> tuple[str, ...]:
        """The registered redirect URIs, which the sector document must list."""
        return tuple(self.fields["redirect_uris"])

    @property
    def sector_identifier_uri(self) -> str | None:
        """The document to fetch and check before this is stored."""
        value: str | None = self.fields["sector_identifier_uri"]
        return value

    @property
    def jwks_uri(self) -> str | None:
        """The key document; worth one fetch at registration, so that the developer hears of a mistake."""
        value: str | None = self.fields["jwks_uri"]
        return value

    @property
    def encryption_algs(self) -> tuple[str, ...]:
        """What answers are to be encrypted with; a ``jwks_uri`` must hold a key for each."""
        algs = (self.fields[f"{kind}_encrypted_response_alg"] for kind in ENCRYPTED)
        return tuple(dict.fromkeys(alg for alg in algs if alg is not None))

    @property
    def logo_uri(self) -> str | None:
        """The image to fetch once."""
        value: str | None = self.fields["logo_uri"]
        return value

    @property
    def needs_secret(self) -> bool:
        """Whether the client authenticates with a secret."""
        return str(self.fields["token_endpoint_auth_method"]).startswith("client_secret_")

    def create(
        self,
        *,
        client_id: str,
        created_at: int,
        secret_hash: bytes | None = None,
        secret_expires_at: int = 0,
        registration_token_hash: bytes | None = None,
    ) -> Client:
        """The new client. A secret's hash is kept only where :attr:`needs_secret`."""
        return Client(
            client_id=client_id,
            department_id=self.department_id,
            sector_id=self.sector_id,
            created_at=created_at,
            secret_hash=secret_hash if self.needs_secret else None,
            secret_expires_at=secret_expires_at,
            registration_token_hash=registration_token_hash,
            **self.fields,
        )

    def update(self, existing: Client, *, secret_hash: bytes | None) -> Client:
        """``existing`` with this metadata in place of its own; identity, sector and status stay."""
        return msgspec.structs.replace(existing, secret_hash=secret_hash if self.needs_secret else None, **self.fields)


def draft(metadata: Mapping[str, Any], policy: Policy, server: ServerProfile, existing: Client | None = None) -> Draft:
    """``metadata`` judged as a new registration, or as the full replacement of ``existing`` (RFC 7592 §2.2).

    Pure: documents behind URIs are the caller's to fetch (``clients.documents``). Raises :class:`ClientError`
    ``invalid_client_metadata``, ``invalid_redirect_uri`` or, for what an update must not send, ``invalid_request``.
    """
    if len(metadata) > MAX_MEMBERS:
        raise bad_metadata(f"at most {MAX_MEMBERS} members", "too_many_members")
    if existing is not None:
        _check_update(metadata, existing)
    wire = read(metadata)
    check_values(wire, server)
    fields = _settle(wire, metadata, policy, server, existing)
    sector = _sector(wire, policy, server, existing)
    department_id = policy.department_id if existing is None else existing.department_id
    return Draft(department_id=department_id, sector_id=sector, fields=fields)


def _settle(
    wire: Wire, metadata: Mapping[str, Any], policy: Policy, server: ServerProfile, existing: Client | None
) -> dict[str, Any]:
    grants = settle_grants(wire, policy, server, existing)
    fields = _uris(wire, server)
    fields |= msgspec.structs.asdict(grants)
    fields |= settle_keys(wire, grants.token_endpoint_auth_method, server)
    fields |= settle_display(wire, metadata, server)
    fields |= _demands(wire)
    return fields


def _check_update(metadata: Mapping[str, Any], existing: Client) -> None:
    for name in _ANSWER_ONLY:
        if name in metadata:
            raise ClientError(ClientErrorCode.INVALID_REQUEST, f"{name} must not be sent in an update", "update_member")
    if metadata.get("client_id") != existing.client_id:
        raise ClientError(
            ClientErrorCode.INVALID_REQUEST, "client_id must be sent and be the client's own", "update_client_id"
        )


def _uris(wire: Wire, server: ServerProfile) -> dict[str, Any]:
    native = wire.application_type == "native"
    redirect_uris = check_redirect_uris(wire.redirect_uris or (), native=native)
    if wire.frontchannel_logout_uri is not None:
        check_frontchannel_uri(wire.frontchannel_logout_uri, redirect_uris)
    if wire.backchannel_logout_uri is not None:
        check_called_uri("backchannel_logout_uri", wire.backchannel_logout_uri, server)
    if wire.initiate_login_uri is not None:
        check_page_uri("initiate_login_uri", wire.initiate_login_uri)
    for uri in wire.request_uris or ():
        check_request_uri(uri)
    return {
        "application_type": wire.application_type or "web",
        "redirect_uris": redirect_uris,
        "post_logout_redirect_uris": _post_logout(wire, native=native),
        "frontchannel_logout_uri": wire.frontchannel_logout_uri,
        "frontchannel_logout_session_required": bool(wire.frontchannel_logout_session_required),
        "backchannel_logout_uri": wire.backchannel_logout_uri,
        "backchannel_logout_session_required": bool(wire.backchannel_logout_session_required),
        "initiate_login_uri": wire.initiate_login_uri,
        "request_uris": wire.request_uris or (),
        "sector_identifier_uri": wire.sector_identifier_uri,
    }


def _post_logout(wire: Wire, *, native: bool) -> tuple[str, ...]:
    """The same rules as for redirect URIs, under the code for metadata (RP-Initiated Logout §3.1)."""
    try:
        return check_redirect_uris(
            wire.post_logout_redirect_uris or (), native=native, member="post_logout_redirect_uris"
        )
    except ClientError as error:
        raise bad_metadata(error.public, error.reason) from None


def _demands(wire: Wire) -> dict[str, Any]:
    return {
        "subject_type": "pairwise",
        "default_max_age": wire.default_max_age,
        "require_auth_time": bool(wire.require_auth_time),
        "default_acr_values": wire.default_acr_values or (),
        "require_second_factor": bool(wire.require_second_factor),
        "require_pushed_authorization_requests": bool(wire.require_pushed_authorization_requests),
        "authorization_details_types": wire.authorization_details_types or (),
    }


def _sector(wire: Wire, policy: Policy, server: ServerProfile, existing: Client | None) -> bytes:
    """A sector is for life: another one would give every citizen a new subject at this client."""
    host = sector_host(wire.sector_identifier_uri)
    if wire.sector_identifier_uri is not None:
        check_called_uri("sector_identifier_uri", wire.sector_identifier_uri, server)
    if existing is None:
        return sector_id(policy.department_id, host)
    if sector_id(existing.department_id, host) != existing.sector_id:
        raise bad_metadata(
            "sector_identifier_uri must keep its host; another sector needs another client", "sector_changed"
        )
    return existing.sector_id
