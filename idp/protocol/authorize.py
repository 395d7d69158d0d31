"""The checks of an authorization request, in order, as tables.

Stage A, *who and where*: until client and redirect URI are proven, a refusal is a page. Stage B, *what*: after that, it goes to the client.
Each check is one requirement; it raises ``Refusal`` or answers the value that the request will hold.
"""

from collections.abc import Callable
from typing import Any, Final

from clients.model import Client
from idp.errors import Code, Refusal
from idp.protocol import authorization_details, claims_request
from idp.protocol.authorization_details import Detail
from idp.protocol.claims_request import NOTHING, ClaimsRequest
from idp.protocol.code_challenge import read_challenge
from idp.protocol.params import Params, refuse_repeated
from idp.protocol.prompt import read_max_age, read_prompt
from idp.protocol.request import AuthorizeRequest
from idp.protocol.respond import MODES
from idp.protocol.scopes import granted, split

PUSHED_PREFIX: Final = "urn:ietf:params:oauth:request_uri:"
"""RFC 9126 §2.2."""
RESPONSE_TYPES: Final = ("code",)
MAX_LOGIN_HINT: Final = 320

# Stage A: who ---------------------------------------------------------------------------------------------------------------------


def client_id(params: Params) -> str:
    """Present and once (RFC 6749 §3.1, §4.1.1)."""
    return params.required("client_id")


def known_client(found: Client | None) -> Client:
    """Registered and not disabled (RFC 6749 §4.1.2.1)."""
    if found is None:
        raise Refusal(Code.INVALID_CLIENT, "There is no client with this client_id.", reason="unknown_client")
    if not found.active:
        raise Refusal(Code.UNAUTHORIZED_CLIENT, "This client is disabled.", reason="client_disabled")
    return found


def one_carrier(params: Params) -> None:
    """``request`` and ``request_uri`` exclude each other (RFC 9101 §5)."""
    if params.one("request") is not None and params.one("request_uri") is not None:
        raise Refusal(Code.INVALID_REQUEST, "request and request_uri were both sent.", reason="request_and_request_uri")


def signed_where_required(params: Params, client: Client) -> None:
    """Plain parameters of a client that signs its requests prove nothing (RFC 9101 §10.5)."""
    if client.require_signed_request_object and "request" not in params and "request_uri" not in params:
        raise Refusal(
            Code.INVALID_REQUEST_OBJECT,
            "This client must sign its requests.",
            reason="request_object_missing",
            expected="request or request_uri (require_signed_request_object)",
        )


# Stage A: where -------------------------------------------------------------------------------------------------------------------


def redirect_uri(params: Params, client: Client) -> str:
    """Present (OIDC Core §3.1.2.1), once, and registered byte for byte (RFC 9700 §2.1)."""
    uri = params.required("redirect_uri")
    if not client.matches_redirect_uri(uri):
        raise Refusal(
            Code.INVALID_REQUEST, "The redirect_uri is not registered for this client.", reason="redirect_uri_mismatch"
        )
    return uri


def response_mode_of_errors(params: Params) -> str:
    """How a refusal of stage B travels: as asked where that can be read, else as the response type's default (Multiple Response Types §5)."""
    asked = params.get("response_mode")
    if asked in MODES:
        return str(asked)
    return "fragment" if {"token", "id_token"} & set((params.get("response_type") or "").split()) else "query"


# Stage B: what --------------------------------------------------------------------------------------------------------------------


def once(params: Params, _: Client) -> None:
    """No parameter twice (RFC 6749 §3.1)."""
    refuse_repeated(params)


def no_registration(params: Params, _: Client) -> None:
    """Self-issued registration is not offered (OIDC Core §3.1.2.6)."""
    if "registration" in params:
        raise Refusal(
            Code.REGISTRATION_NOT_SUPPORTED,
            "The registration parameter is not supported.",
            reason="registration_parameter",
        )


def no_foreign_request_uri(params: Params, _: Client) -> None:
    """Only references that we gave out ourselves: nothing is fetched for a request (RFC 9101 §10.4.1)."""
    if "request_uri" in params:
        raise Refusal(
            Code.REQUEST_URI_NOT_SUPPORTED,
            "Only request_uri values from pushed requests are supported.",
            reason="request_uri_foreign",
        )


def response_type(params: Params, client: Client) -> None:
    """``code`` alone (RFC 9700 §2.1.2), registered for the client (RFC 6749 §4.1.2.1)."""
    asked = params.required("response_type")
    if asked not in RESPONSE_TYPES:
        raise Refusal(
            Code.UNSUPPORTED_RESPONSE_TYPE, "Only response_type=code is supported.", reason="response_type_unsupported"
        )
    if asked not in client.response_types or not client.allows_grant("authorization_code"):
        raise Refusal(
            Code.UNAUTHORIZED_CLIENT,
            "This client is not registered for response_type=code.",
            reason="response_type_unregistered",
        )


def response_mode(params: Params, client: Client) -> str:
    """Known, and one of the client's (Multiple Response Types §2.1; RFC 7591 ``response_modes``)."""
    mode = params.get("response_mode") or "query"
    if mode not in MODES:
        raise Refusal(Code.INVALID_REQUEST, "The response_mode is not supported.", reason="response_mode_unsupported")
    if not client.allows_response_mode(mode):
        raise Refusal(
            Code.INVALID_REQUEST,
            "The response_mode is not registered for this client.",
            reason="response_mode_unregistered",
        )
    return mode


def scope(params: Params, client: Client) -> tuple[str, ...]:
    """``openid`` is there (OIDC Core §3.1.2.1) and nothing beyond the registration."""
    text = params.get("scope")
    if text is None or "openid" not in (asked := split(text)):
        raise Refusal(Code.INVALID_SCOPE, "The scope must contain openid.", reason="scope_without_openid")
    return granted(asked, client)


def code_challenge(params: Params, client: Client) -> str | None:
    """RFC 7636 §4.3."""
    return read_challenge(params.get("code_challenge"), params.get("code_challenge_method"), client)


def prompt(params: Params, _: Client) -> frozenset[str]:
    """OIDC Core §3.1.2.1."""
    return read_prompt(params.get("prompt"))


def max_age(params: Params, client: Client) -> int | None:
    """The request's, else the client's ``default_max_age`` (OIDC Registration §2)."""
    asked = read_max_age(params.get("max_age"))
    return client.default_max_age if asked is None else asked


def acr_values(params: Params, client: Client) -> tuple[str, ...]:
    """Voluntary, in order of preference (OIDC Core §3.1.2.1); else the client's ``default_acr_values`` (Registration §2)."""
    return tuple((params.get("acr_values") or "").split()) or client.default_acr_values


def claims(params: Params, _: Client) -> ClaimsRequest:
    """OIDC Core §5.5."""
    text = params.get("claims")
    return NOTHING if text is None else claims_request.parse(text)


def details(params: Params, client: Client) -> tuple[Detail, ...]:
    """RFC 9396 §2, §5."""
    text = params.get("authorization_details")
    return () if text is None else authorization_details.parse(text, client)


def login_hint(params: Params, _: Client) -> str | None:
    """A help for the page, never a proof (OIDC Core §3.1.2.1); one too long to be an identifier helps nobody."""
    hint = params.get("login_hint")
    return hint if hint is not None and len(hint) <= MAX_LOGIN_HINT else None


def as_sent(name: str) -> Callable[[Params, Client], str | None]:
    """A value that is only kept."""
    return lambda params, _: params.get(name)


RULES: Final[tuple[Callable[[Params, Client], None], ...]] = (
    once,
    no_registration,
    no_foreign_request_uri,
    response_type,
)
FIELDS: Final[tuple[tuple[str, Callable[[Params, Client], Any]], ...]] = (
    ("response_mode", response_mode),
    ("scope", scope),
    ("code_challenge", code_challenge),
    ("prompt", prompt),
    ("max_age", max_age),
    ("acr_values", acr_values),
    ("claims", claims),
    ("details", details),
    ("login_hint", login_hint),
    ("state", as_sent("state")),
    ("nonce", as_sent("nonce")),
    ("id_token_hint", as_sent("id_token_hint")),
    ("ui_locales", as_sent("ui_locales")),
)


def what(params: Params, client: Client, uri: str) -> AuthorizeRequest:
    """Stage B: every check, in order; the request as one value. Unknown parameters are ignored (RFC 6749 §3.1). Raises Refusal."""
    for rule in RULES:
        rule(params, client)
    values = {name: read(params, client) for name, read in FIELDS}
    return AuthorizeRequest(client_id=client.client_id, redirect_uri=uri, **values)


def pushed_where_required(client: Client, *, always: bool, was_pushed: bool) -> None:
    """RFC 9126 §5, §6: ``always`` is the house's setting."""
    if not was_pushed and (always or client.require_pushed_authorization_requests):
        raise Refusal(Code.INVALID_REQUEST, "Requests of this client must be pushed.", reason="push_required")
