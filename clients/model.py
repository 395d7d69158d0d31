"""The client: a departmental system registered as a relying party, as one frozen value.

Members carry the names of RFC 7591 §2, OpenID Connect Registration §2 and the logout specifications. Members that are ours say so.
"""

import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

FORMAT = 1
MICROSECONDS = 1_000_000

_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::([1-9][0-9]{0,4}))?((?:[/?].*)?)", re.DOTALL)


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """One registered client. Times named ``…_at`` are microseconds since 1970 UTC; 0 for ``secret_expires_at`` means never."""

    # identity (ours)
    client_id: str
    department_id: str
    sector_id: bytes
    """16 bytes, fixed for life: clients that share it share pairwise subjects (``clients.sectors``)."""
    status: Literal["active", "disabled"] = "active"
    active_since: int = 0
    """Let on again at this time after a pause: what was issued before is dead. 0: never paused."""
    created_at: int
    secret_hash: bytes | None = None
    secret_expires_at: int = 0
    registration_token_hash: bytes | None = None

    # what people see; ``…_localized`` maps a BCP 47 tag to the value (RFC 7591 §2.2)
    client_name: str = ""
    client_name_localized: dict[str, str] = {}
    logo_uri: str | None = None
    logo_uri_localized: dict[str, str] = {}
    client_uri: str | None = None
    client_uri_localized: dict[str, str] = {}
    policy_uri: str | None = None
    policy_uri_localized: dict[str, str] = {}
    tos_uri: str | None = None
    tos_uri_localized: dict[str, str] = {}
    contacts: tuple[str, ...] = ()

    # what it may do
    application_type: Literal["web", "native"] = "web"
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    response_types: tuple[str, ...] = ("code",)
    response_modes: tuple[str, ...] = ()
    """Empty: every mode that the provider supports."""
    grant_types: tuple[str, ...] = ("authorization_code",)
    scope: tuple[str, ...] = ("openid",)
    """Every scope that it may ask for."""
    default_scope: tuple[str, ...] = ()
    """Ours: what a token request without ``scope`` gets (RFC 6749 §3.3); empty refuses such a request."""
    initiate_login_uri: str | None = None
    request_uris: tuple[str, ...] = ()

    # keys
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None

    # subject
    subject_type: Literal["pairwise"] = "pairwise"
    sector_identifier_uri: str | None = None

    # answers
    id_token_signed_response_alg: str = "RS256"
    id_token_encrypted_response_alg: str | None = None
    id_token_encrypted_response_enc: str | None = None
    userinfo_signed_response_alg: str | None = None
    userinfo_encrypted_response_alg: str | None = None
    userinfo_encrypted_response_enc: str | None = None
    introspection_signed_response_alg: str | None = None
    introspection_encrypted_response_alg: str | None = None
    introspection_encrypted_response_enc: str | None = None

    # token endpoint
    token_endpoint_auth_method: str = "client_secret_basic"
    token_endpoint_auth_signing_alg: str | None = None
    assertion_audiences: tuple[str, ...] = ()
    """Ours: audiences besides the issuer that this client's assertions may carry."""

    # demands on requests
    default_max_age: int | None = None
    """Seconds."""
    require_auth_time: bool = False
    default_acr_values: tuple[str, ...] = ()
    require_second_factor: bool = False
    """Ours: a citizen who has a second factor is always asked for it."""
    require_pkce: bool = True
    """Ours: false only for a confidential client, by policy."""
    require_pushed_authorization_requests: bool = False
    require_signed_request_object: bool = False
    request_object_signing_alg: str | None = None

    authorization_details_types: tuple[str, ...] = ()
    """RFC 9396 §10; empty: every type that the provider supports."""

    # logout
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    frontchannel_logout_uri: str | None = None
    frontchannel_logout_session_required: bool = False

    # software (RFC 7591 §2)
    software_id: str | None = None
    software_version: str | None = None

    @property
    def public(self) -> bool:
        """Without credentials of its own (RFC 6749 §2.1)."""
        return self.token_endpoint_auth_method == "none"

    @property
    def confidential(self) -> bool:
        """Able to authenticate (RFC 6749 §2.1)."""
        return not self.public

    @property
    def native(self) -> bool:
        """Runs on the citizen's device (RFC 8252)."""
        return self.application_type == "native"

    @property
    def active(self) -> bool:
        """Not disabled by an operator."""
        return self.status == "active"

    def allows_grant(self, grant_type: str) -> bool:
        """Whether ``grant_type`` is registered (RFC 7591 §2)."""
        return grant_type in self.grant_types

    def allows_response_mode(self, mode: str) -> bool:
        """Whether ``mode`` is registered, or none was named."""
        return not self.response_modes or mode in self.response_modes

    def matches_redirect_uri(self, uri: str) -> bool:
        """Whether ``uri`` is one of the redirect URIs: byte for byte (RFC 9700 §2.1), but for the port of a native client's loopback
        literal (RFC 8252 §7.3)."""
        if uri in self.redirect_uris:
            return True
        return self.native and any(_same_loopback(uri, registered) for registered in self.redirect_uris)

    def in_language(self, member: str, languages: Sequence[str]) -> str | None:
        """``member`` (``client_name``, ``logo_uri``, …) in the first of ``languages`` that is registered, else its plain value.

        A tag matches itself or, by dropping subtags from the right, a shorter one (RFC 4647 §3.4).
        """
        table = {tag.lower(): value for tag, value in getattr(self, f"{member}_localized").items()}
        for language in languages:
            tag = language.lower()
            while tag:
                if tag in table:
                    return str(table[tag])
                tag = tag.rpartition("-")[0]
        value = getattr(self, member)
        return None if value is None else str(value)

    def __repr__(self) -> str:
        return f"Client({self.client_id}, {self.status})"


def _same_loopback(received: str, registered: str) -> bool:
    left, right = _LOOPBACK.fullmatch(received), _LOOPBACK.fullmatch(registered)
    if left is None or right is None or int(left[2] or 80) > 65535:
        return False
    return left[1] == right[1] and left[3] == right[3]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What an initial access token allows its bearer to register (RFC 7591 §3)."""

    department_id: str
    granted_scope: tuple[str, ...]
    """The ceiling for ``scope``, and what a registration without ``scope`` gets."""
    require_pkce: bool = True
    """False registers confidential clients without required PKCE, unless they ask for it."""
    uses: int = 1
    expires_at: int | None = None
    legacy_assertion_audiences: bool = False
    """Ours: the bearer may register ``assertion_audiences``, which weakens client assertions (RFC 7523 §3)."""
    granted_assertion_audiences: tuple[str, ...] = ()
    """Ours: what a ``private_key_jwt`` client gets that names no ``assertion_audiences``."""

    def expired(self, now: int) -> bool:
        """Whether the token is past its time. ``now`` in microseconds."""
        return self.expires_at is not None and now >= self.expires_at


class Stored(msgspec.Struct, frozen=True):
    """The stored form: the format's version beside the value."""

    v: int
    client: msgspec.Raw


_encoder = msgspec.json.Encoder(order="deterministic")
_envelope = msgspec.json.Decoder(Stored)
_client = msgspec.json.Decoder(Client)


def to_json(client: Client) -> bytes:
    """``client`` as one versioned JSON document, for one column."""
    return _encoder.encode({"v": FORMAT, "client": client})


def from_json(data: bytes) -> Client:
    """The client that :func:`to_json` wrote. Raises ``ValueError`` for a format that this version does not know."""
    stored = _envelope.decode(data)
    if stored.v != FORMAT:
        raise ValueError(f"client format {stored.v} is not known")
    return _client.decode(stored.client)


# Kept inside: identity and hashes that no answer may carry.
_INTERNAL = frozenset(
    {
        "department_id",
        "sector_id",
        "status",
        "active_since",
        "created_at",
        "secret_hash",
        "secret_expires_at",
        "registration_token_hash",
    }
)


def public_metadata(client: Client) -> dict[str, Any]:
    """The metadata as registered, for the answers of RFC 7591 §3.2.1 and RFC 7592 §3; the caller adds the secret and the token."""
    answer: dict[str, Any] = {"client_id": client.client_id, "client_id_issued_at": client.created_at // MICROSECONDS}
    if client.secret_hash is not None:
        answer["client_secret_expires_at"] = client.secret_expires_at // MICROSECONDS
    for name, value in msgspec.structs.asdict(client).items():
        if name in _INTERNAL or value is None or value in ((), ""):
            continue
        if name.endswith("_localized"):
            base = name.removesuffix("_localized")
            answer.update({f"{base}#{tag}": text for tag, text in value.items()})
        else:
            answer[name] = _plain(name, value)
    return answer


def _plain(name: str, value: Any) -> Any:
    if name in {"scope", "default_scope"}:
        return " ".join(value)
    return list(value) if isinstance(value, tuple) else value
