"""Sectors: which clients of a department share a pairwise subject (OpenID Connect Core §8.1)."""

from collections.abc import Iterable
from hashlib import sha256

from clients import strict_json
from clients.errors import bad_metadata
from clients.uris import BadUri, parse

_LABEL = "yimen-sector/1"


def sector_id(department_id: str, host: str | None) -> bytes:
    """The 16 bytes of the sector (department, host of ``sector_identifier_uri`` or none).

    SHA-256 over each part behind its length in four bytes, so that no two pairs give the same bytes; no host is no third part.
    """
    parts = [_LABEL, department_id] + ([] if host is None else [host])
    digest = sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(4, "big") + data)
    return digest.digest()[:16]


def sector_host(sector_identifier_uri: str | None) -> str | None:
    """The host of ``sector_identifier_uri``. Raises :class:`ClientError` unless it is an https URI (OIDC Registration §5)."""
    if sector_identifier_uri is None:
        return None
    try:
        uri = parse(sector_identifier_uri)
    except BadUri as bad:
        raise bad_metadata(f"sector_identifier_uri {bad.text}", f"sector_{bad.reason}") from None
    if uri.scheme != "https" or not uri.host:
        raise bad_metadata("sector_identifier_uri must be an https URI", "sector_scheme")
    return uri.host


def check_sector_document(document: bytes, redirect_uris: Iterable[str]) -> None:
    """The document behind ``sector_identifier_uri`` must be a JSON array that holds every redirect URI (OIDC Registration §5)."""
    try:
        listed = set(strict_json.read_as(document, list[str]))
    except strict_json.NotStrict:
        raise bad_metadata(
            "sector_identifier_uri must answer a JSON array of redirect URIs", "sector_document"
        ) from None
    if not set(redirect_uris) <= listed:
        raise bad_metadata("sector_identifier_uri must list every one of redirect_uris", "sector_missing_uri")
