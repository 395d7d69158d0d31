"""Client authentication as law (RFC 6749 §2.3, RFC 7521 §4.2, RFC 7523 §3, OIDC Core §9).

``presented`` finds the one method that a request uses; ``judge`` compares it with the client. Every failure of a credential has one
public text and does the same work, so that nobody learns which client ids exist. Uniqueness of ``jti`` is the caller's to commit.
"""

import hmac
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import unquote_plus

import msgspec

from clients.assertion import ASSERTION_TYPE, Assertion, peek_subject, verify_assertion
from clients.errors import ClientError, ClientErrorCode
from clients.key_material import ClientKeys
from clients.model import Client
from clients.signed import BadSigned

Method = Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
Hash = Callable[[str], bytes]

_VISIBLE = re.compile(r"[\x20-\x7e]{1,256}")  # client-id, RFC 6749 appendix A.1
MAX_SECRET_LENGTH = 1024
_DUMMY_HASH = bytes(32)


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """What one request shows to authenticate its client. ``secret`` and ``assertion`` belong to their methods."""

    method: Method
    client_id: str
    secret: str | None = None
    assertion: str | None = None

    def __repr__(self) -> str:
        return f"Presented({self.method}, {self.client_id})"


def failed(reason: str, received: object = None, expected: str = "") -> ClientError:
    """``invalid_client``: one text for every cause (RFC 6749 §5.2); ``reason`` is for the log and the client's own error list."""
    return ClientError(ClientErrorCode.INVALID_CLIENT, "Client authentication failed", reason, "", received, expected)


def _malformed(public: str, reason: str) -> ClientError:
    return ClientError(ClientErrorCode.INVALID_REQUEST, public, reason)


def presented(authorization: str | None, form: Mapping[str, str]) -> Presented:
    """The one authentication method of a request (RFC 6749 §2.3: no more than one).

    ``authorization`` is the header's value, ``form`` the body's parameters, each at most once; empty values count as left out
    (RFC 6749 §3.2). Raises :class:`ClientError` ``invalid_request`` for two methods or identities that contradict each other,
    ``invalid_client`` for none or one that cannot be read.
    """
    client_id, secret, assertion, kind = (
        form.get(name) or None for name in ("client_id", "client_secret", "client_assertion", "client_assertion_type")
    )
    methods = sum((authorization is not None, secret is not None, assertion is not None or kind is not None))
    if methods > 1:
        raise _malformed("Use one client authentication method only", "two_methods")
    if authorization is not None:
        return _basic(authorization, client_id)
    if assertion is not None or kind is not None:
        return _assertion(assertion, kind, client_id)
    if client_id is None:
        raise failed("no_credentials")
    _check_client_id(client_id)
    if secret is None:
        return Presented(method="none", client_id=client_id)
    return Presented(method="client_secret_post", client_id=client_id, secret=_check_secret(secret))


def claimed(authorization: str | None, form: Mapping[str, str]) -> str | None:
    """The client that a request names, however badly it shows it: whose error list a refusal belongs in. Proves nothing."""
    named = form.get("client_id") or None
    try:
        if authorization is not None:
            return _basic(authorization, None).client_id
        if named is None and (assertion := form.get("client_assertion")):
            named = peek_subject(assertion)
        return _check_client_id(named) if named is not None else None
    except (ClientError, BadSigned):
        return None


def _check_client_id(client_id: str) -> str:
    if not _VISIBLE.fullmatch(client_id):
        raise failed("client_id_characters")
    return client_id


def _check_secret(secret: str) -> str:
    if len(secret) > MAX_SECRET_LENGTH:
        raise failed("secret_too_long")
    return secret


def _basic(authorization: str, client_id: str | None) -> Presented:
    """RFC 6749 §2.3.1: both halves are form-encoded before they are joined; RFC 7617 §2 splits at the first colon."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise failed("authorization_scheme")
    try:
        joined = b64decode(token.strip(" "), validate=True).decode()
    except ValueError:
        raise failed("basic_syntax") from None
    name, colon, secret = joined.partition(":")
    if not colon:
        raise failed("basic_syntax")
    owner = _check_client_id(unquote_plus(name))
    if client_id is not None and client_id != owner:
        raise _malformed("client_id differs from the Authorization header", "client_id_differs")
    return Presented(method="client_secret_basic", client_id=owner, secret=_check_secret(unquote_plus(secret)))


def _assertion(assertion: str | None, kind: str | None, client_id: str | None) -> Presented:
    """RFC 7521 §4.2: both parameters; a ``client_id`` beside them is the assertion's subject."""
    if assertion is None or kind is None:
        raise _malformed("client_assertion and client_assertion_type come together", "assertion_half")
    if kind != ASSERTION_TYPE:
        raise failed("assertion_type")
    try:
        subject = peek_subject(assertion)
    except BadSigned as bad:
        raise failed(f"assertion_{bad.reason}", bad.received, bad.expected) from None
    _check_client_id(subject)
    if client_id is not None and client_id != subject:
        raise failed("client_id_differs")
    return Presented(method="private_key_jwt", client_id=subject, assertion=assertion)


def judge(
    client: Client | None, shown: Presented, *, now: int, issuer: str, hash_fn: Hash, keys: ClientKeys | None = None
) -> Assertion | None:
    """``client`` (``None`` when there is none of that id) proven by ``shown``, or :class:`ClientError` ``invalid_client``.

    ``now`` in microseconds; ``hash_fn`` the keyed hash that secrets are stored under; ``keys`` the client's keys when the method is
    ``private_key_jwt``. Answers the assertion whose ``jti`` the caller consumes, or ``None`` for the other methods.
    """
    if shown.method == "private_key_jwt":
        return judge_assertion(client, keys, shown, now_s=now // 1_000_000, issuer=issuer)
    if shown.method == "none":
        judge_public(client, shown)
    else:
        judge_secret(client, shown, hash_fn, now=now)
    return None


def judge_public(client: Client | None, shown: Presented) -> None:
    """A public client names itself and shows nothing (RFC 6749 §3.2.1); a confidential one never passes so."""
    _check_owner(client, shown, method="none")


def judge_secret(client: Client | None, shown: Presented, hash_fn: Hash, *, now: int) -> None:
    """The secret's hash equals the stored one; one hash and one comparison whatever else is wrong. ``now`` in microseconds."""
    stored = client.secret_hash if client is not None else None
    equal = hmac.compare_digest(hash_fn(shown.secret or ""), stored if stored is not None else _DUMMY_HASH)
    _check_owner(client, shown, method=shown.method)
    if stored is None or not equal:
        raise failed("wrong_secret")
    assert client is not None
    if client.secret_expires_at and now >= client.secret_expires_at:
        raise failed("secret_expired")


def judge_assertion(
    client: Client | None, keys: ClientKeys | None, shown: Presented, *, now_s: int, issuer: str
) -> Assertion:
    """``private_key_jwt`` (RFC 7523 §3): signed by a registered key, made by and for the right parties, fresh.

    ``keys`` come from ``clients.documents``; without any, a stand-in key is tried, so that an unknown client costs the same.
    """
    alg = client.token_endpoint_auth_signing_alg if client is not None else None
    audiences = (issuer, *(client.assertion_audiences if client is not None else ()))
    try:
        assertion = verify_assertion(
            shown.assertion or "", keys, client_id=shown.client_id, alg=alg, audiences=audiences, now_s=now_s
        )
    except BadSigned as bad:
        _check_owner(client, shown, method="private_key_jwt")
        raise failed(f"assertion_{bad.reason}", bad.received, bad.expected) from None
    _check_owner(client, shown, method="private_key_jwt")
    return assertion


def _check_owner(client: Client | None, shown: Presented, *, method: str) -> None:
    if client is None:
        raise failed("unknown_client")
    if client.client_id != shown.client_id:
        raise failed("client_id_differs")
    if client.token_endpoint_auth_method != method or shown.method != method:
        raise failed("wrong_method")
    if not client.active:
        raise failed("client_disabled")
