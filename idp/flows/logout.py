"""The journey of signing out: RP-initiated (Session end, redirect) with back-channel deliveries and front-channel frames."""

from dataclasses import dataclass

import msgspec

from clients.model import Client
from clients.redirects import match_post_logout
from idp.errors import Refusal
from idp.flows import id_token_hint, sessions, strangers
from idp.flows.error_list import lines
from idp.parts import Parts
from idp.protocol import logout as law
from idp.protocol.logout import Ask, Hint, LogoutRequest
from idp.protocol.params import Params
from idp.records import Session
from keys.subjects import sid, sid_matches
from keys.tokens import new_token, open_flow, same, seal_flow, token_hash

CONTINUE_TTL_S = 600


@dataclass(frozen=True, slots=True)
class AskFirst:
    """Show the confirmation page; ``token`` carries the judged request to the answer."""

    token: str
    client: Client | None
    location: str | None
    ui_locales: str | None
    services: tuple[Client, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The request can't be followed: shown on a page, never redirected; the session stays."""

    refusal: Refusal
    client: Client | None


@dataclass(frozen=True, slots=True)
class Gone:
    """Nobody is signed in any more. ``location``: where to go; ``frames``: front-channel URIs to load first."""

    location: str | None
    frames: tuple[str, ...]
    client: Client | None
    ended: bool


class _Kept(msgspec.Struct, frozen=True):
    """A judged request that waits for the person's yes. ``session``: hash of the cookie it was asked for, empty for none; ``until`` microseconds."""

    client_id: str | None
    location: str | None
    session: bytes
    until: int


def begin(
    parts: Parts, request: LogoutRequest, cookie: str | None, now: int, remote: str = "", reference: str = ""
) -> AskFirst | Gone | Refused:
    """Judge the request and, where no question is due, end the session. ``remote``: the caller's address; ``reference`` names the request."""
    hint = _read_hint(parts, request.id_token_hint)
    client: Client | None = None
    try:
        client_id = law.check_same_client(request, hint)
        client = parts.clients.get(client_id) if client_id else None
        location = law.check_destination(request, hint, client, match_post_logout)
    except Refusal as refusal:
        if client is not None:
            _tell(parts, client, request, refusal, now, remote, reference)
        return Refused(refusal, client)
    session = sessions.live(parts, cookie, now, touch=False)
    own = bool(hint and hint.sid and session and sid_matches(parts.ring, hint.sid, session.id, hint.client_id))
    verdict = law.judge(hint, client_id, location, signed_in=session is not None, same_session=own)
    if isinstance(verdict, Ask):
        return _ask(parts, session, client, location, request.ui_locales, now)
    return _finish(parts, session, verdict.location, client, now)


def _tell(
    parts: Parts, client: Client, request: LogoutRequest, refusal: Refusal, now: int, remote: str, reference: str
) -> None:
    """The developer finds the URI beside the registered ones."""
    params = Params([("post_logout_redirect_uri", request.post_logout_redirect_uri or "")])
    line = lines(parts, client, params, refusal, now, reference, stranger=remote)
    if line:
        parts.store.commit(line)


def confirmed(parts: Parts, token: str, cookie: str | None, now: int) -> Gone | AskFirst:
    """The person said yes. A question that is too old or was put to another session (RFC 9700 §4.7) is put again and leads nowhere."""
    session = sessions.live(parts, cookie, now, touch=False)
    kept = _kept(parts, token, session, now)
    if kept is None and session is not None:
        return _ask(parts, session, None, None, None, now)
    client = parts.clients.get(kept.client_id) if kept and kept.client_id else None
    return _finish(parts, session, kept.location if kept else None, client, now)


def asked_again(parts: Parts, token: str, cookie: str | None, now: int) -> AskFirst | None:
    """The same question once more, with nothing answered; None where it is none any more."""
    session = sessions.live(parts, cookie, now, touch=False)
    kept = _kept(parts, token, session, now)
    if kept is None:
        return None
    client = parts.clients.get(kept.client_id) if kept.client_id else None
    return AskFirst(token, client, kept.location, None, _services(parts, session))


def declined(parts: Parts, token: str, cookie: str | None, now: int) -> str | None:
    """The person stays signed in; where to go back to: the service that asked, or None."""
    kept = _kept(parts, token, sessions.live(parts, cookie, now, touch=False), now)
    return kept.location if kept else None


def hold(parts: Parts, request: LogoutRequest, remote: str) -> str:
    """Keep a posted request for the GET that follows it: Lax cookies are absent on a cross-site POST.

    Raises Refusal(temporarily_unavailable) when too much is kept for this address.
    """
    plain = msgspec.json.encode(_Held(**{f: getattr(request, f) for f in LogoutRequest.__slots__}))
    if strangers.no_room(parts, remote, len(plain)):
        raise strangers.later("no_room")
    return _hold(parts, plain)


def held(parts: Parts, handle: str) -> LogoutRequest | None:
    """The kept request, or None when it is unknown or too old."""
    key = token_hash(parts.ring, "handle", handle)
    sealed = parts.volatile.peek("logout", key) if key else None
    plain = open_flow(parts.ring, "logout-request", sealed.decode()) if sealed else None
    return LogoutRequest(**msgspec.structs.asdict(msgspec.json.decode(plain, type=_Held))) if plain else None


class _Held(msgspec.Struct, frozen=True):
    id_token_hint: str | None
    client_id: str | None
    post_logout_redirect_uri: str | None
    state: str | None
    ui_locales: str | None


def _hold(parts: Parts, plain: bytes) -> str:
    handle = new_token(parts.ring, "handle", parts.entropy)
    sealed = seal_flow(parts.ring, "logout-request", plain, parts.entropy)
    parts.volatile.put("logout", handle.hash, sealed.encode(), CONTINUE_TTL_S)
    return handle.token


def _ask(
    parts: Parts, session: Session | None, client: Client | None, location: str | None, ui_locales: str | None, now: int
) -> AskFirst:
    kept = _Kept(client.client_id if client else None, location, _bound(session), now + CONTINUE_TTL_S * 1_000_000)
    token = seal_flow(parts.ring, "logout", msgspec.json.encode(kept), parts.entropy)
    return AskFirst(token, client, location, ui_locales, _services(parts, session))


def _kept(parts: Parts, token: str, session: Session | None, now: int) -> _Kept | None:
    """What was asked, if it was asked not long ago and for just this session; or for one that has ended: nothing is left of it but the way back."""
    plain = open_flow(parts.ring, "logout", token)
    kept = msgspec.json.decode(plain, type=_Kept) if plain else None
    if kept is None or now >= kept.until:
        return None
    return kept if session is None or same(kept.session, _bound(session)) else None


def _bound(session: Session | None) -> bytes:
    return session.token_hash if session is not None else b""


def _read_hint(parts: Parts, token: str | None) -> Hint | None:
    """What an ID token of ours says; one that is not ours, or not any more, counts as none and so asks (§2, §4)."""
    claims = id_token_hint.claims(parts, token) if token is not None else None
    if claims is None or not isinstance(claims.get("aud"), str):
        return None
    found = claims.get("sid")
    return Hint(claims["aud"], found if isinstance(found, str) else None)


def _finish(parts: Parts, session: Session | None, location: str | None, client: Client | None, now: int) -> Gone:
    if session is None:
        return Gone(location, (), client, ended=False)
    frames = _frames(parts, session)
    parts.store.commit(sessions.end(parts, session, "logout", now))
    return Gone(location, frames, client, ended=True)


def _frames(parts: Parts, session: Session) -> tuple[str, ...]:
    """Front-channel URIs of every client that had a grant in the session (Front-Channel Logout §3)."""
    found = _services(parts, session)
    uris = (law.front_channel_uri(c, parts.config.issuer, sid(parts.ring, session.id, c.client_id)) for c in found)
    return tuple(uri for uri in uris if uri)


def _services(parts: Parts, session: Session | None) -> tuple[Client, ...]:
    """Active clients that had a grant in the session."""
    names = sessions.client_ids(parts, session) if session else []
    found = (parts.clients.get(name) for name in names)
    return tuple(c for c in found if c is not None and c.active)
