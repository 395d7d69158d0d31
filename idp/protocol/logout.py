"""RP-Initiated Logout 1.0: what a logout request is entitled to; and the claims of a back-channel logout token.

Own valid hint of this session and a registered URI: no question. A hint of another session, or none: ask. A URI without a client that it is
registered for is never followed. A hint that is not ours, or whose key vouches no more, counts as none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from clients.model import Client
from idp.errors import Code, Refusal
from idp.protocol.params import Params

EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_TOKEN_LIFE_S = 120


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """RP-Initiated Logout §2. ``logout_hint`` and ``ui_locales`` only help the page."""

    id_token_hint: str | None = None
    client_id: str | None = None
    post_logout_redirect_uri: str | None = None
    state: str | None = None
    ui_locales: str | None = None


@dataclass(frozen=True, slots=True)
class Hint:
    """What a verified ID token of ours says (its expiry does not matter, §2): audience and this client's session id."""

    client_id: str
    sid: str | None


@dataclass(frozen=True, slots=True)
class Proceed:
    """End the session (if there is one) without a question, then go to ``location`` or show that it is done."""

    client_id: str | None
    location: str | None


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the person first; on yes go to ``location`` or show that it is done."""

    client_id: str | None
    location: str | None


def read(params: Params) -> LogoutRequest:
    """Raises Refusal(invalid_request) for a repeated parameter; unknown ones are ignored."""
    return LogoutRequest(
        id_token_hint=params.one("id_token_hint"),
        client_id=params.one("client_id"),
        post_logout_redirect_uri=params.one("post_logout_redirect_uri"),
        state=params.one("state"),
        ui_locales=params.one("ui_locales"),
    )


def check_same_client(request: LogoutRequest, hint: Hint | None) -> str | None:
    """The client that asks. §2: ``client_id`` beside a hint must be the hint's audience. Raises Refusal."""
    if hint and request.client_id and request.client_id != hint.client_id:
        raise Refusal(
            Code.INVALID_REQUEST, "client_id is not the audience of id_token_hint.", reason="logout_client_mismatch"
        )
    return hint.client_id if hint else request.client_id


def check_destination(
    request: LogoutRequest, hint: Hint | None, client: Client | None, registered: Callable[[Client, str], bool]
) -> str | None:
    """Where to go afterwards, with ``state`` (§3); None when nowhere. Raises Refusal when the URI is not this client's (§2.1).

    A hint that can't be verified is not used, and what only it would prove is left out (§4): without ``client_id`` no client vouches for the
    URI, and the sign-out ends here. So it does where the client was deleted or paused since.
    """
    uri = request.post_logout_redirect_uri
    if uri is None:
        return None
    if client is None and hint is None and request.client_id is not None:
        raise Refusal(Code.INVALID_REQUEST, "client_id is unknown.", reason="unknown_client")
    if client is None or not client.active:
        return None
    if not registered(client, uri):
        raise Refusal(
            Code.INVALID_REQUEST,
            "post_logout_redirect_uri is not registered for this client.",
            reason="logout_uri_unregistered",
        )
    return add_query(uri, {"state": request.state} if request.state else {})


def judge(
    hint: Hint | None, client_id: str | None, location: str | None, *, signed_in: bool, same_session: bool
) -> Proceed | Ask:
    """§2: a hint of the session at hand proceeds; everything else that would end a session asks."""
    if hint and (same_session or not signed_in):
        return Proceed(client_id, location)
    if not signed_in and location is None:
        return Proceed(client_id, None)
    return Ask(client_id, location)


def add_query(uri: str, values: dict[str, str]) -> str:
    """``uri`` with parameters added to whatever query it was registered with."""
    if not values:
        return uri
    parts = urlsplit(uri)
    query = f"{parts.query}&{urlencode(values)}" if parts.query else urlencode(values)
    return urlunsplit(parts._replace(query=query))


def front_channel_uri(client: Client, issuer: str, sid: str) -> str | None:
    """Front-Channel Logout §3: the iframe's URI, with ``iss`` and ``sid`` where the client registered that it needs them."""
    if client.frontchannel_logout_uri is None:
        return None
    extra = {"iss": issuer, "sid": sid} if client.frontchannel_logout_session_required else {}
    return add_query(client.frontchannel_logout_uri, extra)


def logout_claims(*, issuer: str, client_id: str, sub: str, sid: str, jti: str, now_s: int) -> dict[str, Any]:
    """Back-Channel Logout §2.4: a token of two minutes for one client, with ``sub`` and ``sid``, never a nonce."""
    return {
        "iss": issuer,
        "aud": client_id,
        "iat": now_s,
        "exp": now_s + LOGOUT_TOKEN_LIFE_S,
        "jti": jti,
        "events": {EVENT: {}},
        "sub": sub,
        "sid": sid,
    }
