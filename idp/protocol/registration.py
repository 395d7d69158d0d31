"""Bodies and answers of client registration (RFC 7591 §3, RFC 7592 §2): strict JSON in, what a client may see of itself out."""

from typing import Any

from clients import strict_json
from clients.model import Client, public_metadata
from idp.errors import Code, Refusal

MAX_BODY_BYTES = 64 * 1024


def read_body(body: bytes) -> dict[str, Any]:
    """The one JSON object of a registration request.

    Raises Refusal(invalid_client_metadata) for anything else: other types, a member named twice, trailing data, numbers that are no
    numbers, text that is not UTF-8 or has half a character (RFC 8259 §8.2), nesting without end (RFC 8259 §4; RFC 7591 §3.1).
    """
    if len(body) > MAX_BODY_BYTES:
        raise _bad("The document is larger than 64 kB.", "metadata_too_large")
    try:
        value = strict_json.read(body)
    except strict_json.NotStrict:
        raise _bad("The body must be one JSON object in UTF-8, each member once.", "metadata_json") from None
    if not isinstance(value, dict):
        raise _bad("The body must be a JSON object.", "metadata_json")
    return value


def answer(client: Client, issuer: str, registration_token: str | None, secret: str | None) -> dict[str, Any]:
    """The client information response (RFC 7591 §3.2.1, RFC 7592 §3). Secret and token are there only when just made."""
    document = public_metadata(client)
    if secret is not None:
        document["client_secret"] = secret
    if registration_token is not None:
        document["registration_access_token"] = registration_token
    document["registration_client_uri"] = f"{issuer}/register?client_id={client.client_id}"
    return document


def _bad(public: str, reason: str) -> Refusal:
    return Refusal(Code.INVALID_CLIENT_METADATA, public, reason=reason)
