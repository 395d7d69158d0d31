"""Client metadata as it arrives: each known member with its type, before any rule (RFC 7591 §2).

``null`` counts as left out (RFC 7592 §2.2); members that are not known are ignored (RFC 7591 §2).
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from clients.errors import ClientError, ClientErrorCode, bad_metadata

LOCALIZED = ("client_name", "logo_uri", "client_uri", "policy_uri", "tos_uri")
MAX_LANGUAGES = 20

_TAG = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,5}")

Text = Annotated[str, msgspec.Meta(max_length=2000)]
Texts = Annotated[tuple[Text, ...], msgspec.Meta(max_length=100)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=10 * 365 * 24 * 3600)]


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """The members that may be registered; ``None`` where left out."""

    client_name: Text | None = None
    logo_uri: Text | None = None
    client_uri: Text | None = None
    policy_uri: Text | None = None
    tos_uri: Text | None = None
    contacts: Texts | None = None
    application_type: Text | None = None
    redirect_uris: Annotated[tuple[str, ...], msgspec.Meta(max_length=1000)] | None = None
    post_logout_redirect_uris: Annotated[tuple[str, ...], msgspec.Meta(max_length=1000)] | None = None
    response_types: Texts | None = None
    response_modes: Texts | None = None
    grant_types: Texts | None = None
    scope: Text | None = None
    default_scope: Text | None = None
    initiate_login_uri: Text | None = None
    request_uris: Texts | None = None
    jwks: dict[str, Any] | None = None
    jwks_uri: Text | None = None
    subject_type: Text | None = None
    sector_identifier_uri: Text | None = None
    id_token_signed_response_alg: Text | None = None
    id_token_encrypted_response_alg: Text | None = None
    id_token_encrypted_response_enc: Text | None = None
    userinfo_signed_response_alg: Text | None = None
    userinfo_encrypted_response_alg: Text | None = None
    userinfo_encrypted_response_enc: Text | None = None
    introspection_signed_response_alg: Text | None = None
    introspection_encrypted_response_alg: Text | None = None
    introspection_encrypted_response_enc: Text | None = None
    token_endpoint_auth_method: Text | None = None
    token_endpoint_auth_signing_alg: Text | None = None
    assertion_audiences: Texts | None = None
    default_max_age: Seconds | None = None
    require_auth_time: bool | None = None
    default_acr_values: Texts | None = None
    require_second_factor: bool | None = None
    require_pkce: bool | None = None
    require_pushed_authorization_requests: bool | None = None
    require_signed_request_object: bool | None = None
    request_object_signing_alg: Text | None = None
    authorization_details_types: Texts | None = None
    backchannel_logout_uri: Text | None = None
    backchannel_logout_session_required: bool | None = None
    frontchannel_logout_uri: Text | None = None
    frontchannel_logout_session_required: bool | None = None
    software_id: Text | None = None
    software_version: Text | None = None


def read(metadata: Mapping[str, Any]) -> Wire:
    """The known members with their types proven. Raises ``invalid_client_metadata`` that names the member."""
    present = {name: value for name, value in metadata.items() if value is not None}
    if "software_statement" in present:
        raise bad_metadata("software_statement: software statements are not supported", "software_statement")
    try:
        return msgspec.convert(present, Wire)
    except msgspec.ValidationError as error:
        raise _type_error(str(error)) from None


def _type_error(text: str) -> ClientError:
    """msgspec names the place as ``$.member[0]`` after the sentence."""
    sentence, _, place = text.partition(" - at `$.")
    member = re.match(r"[a-z_]+", place)
    name = member.group() if member else "metadata"
    code = ClientErrorCode.INVALID_REDIRECT_URI if name == "redirect_uris" else ClientErrorCode.INVALID_CLIENT_METADATA
    return ClientError(code, f"{name}: {sentence.replace('`', '').lower()}", "metadata_type")


def read_localized(metadata: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Members with a language tag, ``client_name#zh-Hans``, as one table per member (RFC 7591 §2.2)."""
    tables: dict[str, dict[str, str]] = {name: {} for name in LOCALIZED}
    for key, value in metadata.items():
        name, mark, tag = key.partition("#")
        if not mark or name not in tables or value is None:
            continue
        if not _TAG.fullmatch(tag):
            raise bad_metadata(
                f"{name}: the part after the number sign must be a language tag such as zh-Hans", "language_tag"
            )
        if not isinstance(value, str) or len(value) > 2000:
            raise bad_metadata(f"{name}#{tag}: expected a text of at most 2000 characters", "metadata_type")
        tables[name][tag] = value
    if any(len(table) > MAX_LANGUAGES for table in tables.values()):
        raise bad_metadata(f"at most {MAX_LANGUAGES} languages for one member", "too_many_languages")
    return tables
