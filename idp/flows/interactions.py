"""An authorization request on its way through pages: stored once, sealed, under a handle; the browser carries the handle and a proof per step.

Any number of interactions run side by side, one per tab. Each page decides again from what is stored; nothing here decides.
"""

import hmac
from dataclasses import dataclass
from typing import Final

import msgspec

from clients.model import Client
from idp.errors import Code, Refusal
from idp.parts import Parts
from idp.protocol.request import AuthorizeRequest
from keys.purpose import subkey
from keys.tokens import Opaque, new_token, open_flow, seal_flow, token_hash
from keys.wire import b64url, length_prefixed

SECOND: Final = 1_000_000
KIND: Final = "interaction"
REMEMBER_S: Final = 3600
"""An interaction is remembered so long after its end, to be able to say which service to go back to."""


class Proved(msgspec.Struct, frozen=True):
    """Who signed in inside an interaction, and when (microseconds): so that ``prompt=login`` is not asked twice."""

    account_id: bytes
    auth_at: int


class Interaction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is stored. ``origin``: the unique hash its grant will carry; ``expected``: the accounts that the client's hints accept.

    ``selected``: the account chosen on the selection page; ``switching``: another account is wanted; ``consented``: digest of what was shown
    and allowed here; ``closed``: how it ended.
    """

    request: AuthorizeRequest
    origin: bytes
    browser_hash: bytes | None
    created_at: int
    expected: tuple[bytes, ...] | None = None
    signed_in: Proved | None = None
    selected: bytes | None = None
    switching: bool = False
    consented: bytes | None = None
    closed: str = ""

    @property
    def untouched(self) -> bool:
        """No step was taken: it is worth no more than the request it began with."""
        return not (self.signed_in or self.selected or self.switching or self.consented or self.closed)


@dataclass(frozen=True, slots=True)
class Opened:
    """An interaction in the hands of the browser it belongs to. ``browser`` is the cookie's value."""

    handle: str
    browser: str
    interaction: Interaction
    client: Client

    def __repr__(self) -> str:
        return f"Opened({self.client.client_id})"

    @property
    def path(self) -> str:
        """Where every step returns to."""
        return f"/authorize/{self.handle}"


class Lost(Refusal):
    """An interaction cannot go on. ``problem`` names the page's words (``expired``, ``cookies``, ``used``); ``client``: whom to go back to."""

    def __init__(self, problem: str, reason: str, client: Client | None = None) -> None:
        super().__init__(Code.INVALID_REQUEST, "This sign-in cannot go on.", reason=reason)
        self.problem = problem
        self.client = client


def new_browser(parts: Parts) -> Opaque:
    """A fresh value for the ``browser`` cookie."""
    return new_token(parts.ring, "browser", parts.entropy)


def begin(
    parts: Parts, request: AuthorizeRequest, browser: str | None, now: int, *, origin: bytes | None = None,
    expected: tuple[bytes, ...] | None = None,
) -> str:  # fmt: skip
    """Store a request; its handle. ``browser``: the cookie's value, None when the browser sent none (it is bound at its first page)."""
    handle = new_token(parts.ring, "handle", parts.entropy)
    interaction = Interaction(
        request=request,
        origin=origin or handle.hash,
        browser_hash=_browser_hash(parts, browser),
        created_at=now,
        expected=expected,
    )
    _store(parts, handle.hash, interaction, now)
    return handle.token


def size(request: AuthorizeRequest) -> int:
    """About how many bytes it takes to keep a request."""
    return len(msgspec.msgpack.encode(request))


def load(parts: Parts, handle: str, browser: str | None, now: int) -> Opened:
    """The interaction for the browser it belongs to. ``browser``: the cookie's value; ``now`` microseconds.

    One in which no step was taken yet follows the browser that shows it. Raises Lost: unknown or expired, another browser, no cookie.
    """
    key, interaction = _peek(parts, handle)
    client = parts.clients.get(interaction.request.client_id)
    if client is None:
        raise Lost("client_gone", "client_gone")
    if not client.active:
        raise Lost("client_disabled", "client_disabled", client)
    if interaction.created_at + parts.config.interaction_ttl * SECOND <= now:
        raise Lost("expired", "interaction_expired", client)
    if not client.matches_redirect_uri(interaction.request.redirect_uri):
        raise Lost("redirect_uri", "redirect_uri_removed", client)
    shown = _browser_hash(parts, browser)
    if shown is None or browser is None:
        raise Lost("cookies", "no_browser_cookie", client)
    if interaction.browser_hash is None or not hmac.compare_digest(interaction.browser_hash, shown):
        if not interaction.untouched:
            raise Lost("cookies", "other_browser", client)
        interaction = msgspec.structs.replace(interaction, browser_hash=shown)
        _store(parts, key, interaction, now)
    return Opened(handle, browser, interaction, client)


def unbound(parts: Parts, handle: str) -> bool:
    """Whether no browser has shown this interaction yet: its first page may give the browser its cookie. Raises Lost when unknown."""
    return _peek(parts, handle)[1].browser_hash is None


def proof(parts: Parts, opened: Opened, step: str) -> str:
    """The hidden value that lets this browser, and no other page, take ``step`` of this interaction."""
    return _proof(parts.ring.current("flow")[1], opened, step)


def check_proof(parts: Parts, opened: Opened, step: str, shown: str | None) -> bool:
    """Whether ``shown`` is :func:`proof`'s. On False show the step again: 303 to ``opened.path``."""
    keys = (parts.ring.get("flow", version) for version in parts.ring.versions("flow"))
    return shown is not None and any(
        hmac.compare_digest(_proof(key, opened, step).encode(), shown.encode()) for key in keys
    )


def hidden(parts: Parts, opened: Opened, step: str) -> dict[str, str]:
    """The hidden inputs of a step's form: ``handle`` and ``proof``."""
    return {"handle": opened.handle, "proof": proof(parts, opened, step)}


def note_signed_in(parts: Parts, opened: Opened, account_id: bytes, auth_at: int, now: int) -> Opened:
    """Record that the citizen just proved who they are. ``auth_at``: the session's, microseconds."""
    return _note(parts, opened, now, signed_in=Proved(account_id, auth_at), selected=account_id, switching=False)


def note_selected(parts: Parts, opened: Opened, account_id: bytes | None, now: int) -> Opened:
    """Record the choice on the account page: this account, or (None) another one, which has to sign in."""
    return _note(parts, opened, now, selected=account_id, switching=account_id is None)


def note_consented(parts: Parts, opened: Opened, digest: bytes, now: int) -> Opened:
    """Record that exactly what ``digest`` stands for was shown and allowed here."""
    return _note(parts, opened, now, consented=digest)


def close(parts: Parts, opened: Opened, how: str, now: int) -> Opened:
    """Record how it ended (``issued``, ``denied``): its pages then say that it is done."""
    return _note(parts, opened, now, closed=how)


def _note(parts: Parts, opened: Opened, now: int, **changes: object) -> Opened:
    key, present = _peek(parts, opened.handle)
    interaction = msgspec.structs.replace(present, **changes)
    _store(parts, key, interaction, now)
    return Opened(opened.handle, opened.browser, interaction, opened.client)


def _peek(parts: Parts, handle: str) -> tuple[bytes, Interaction]:
    key = token_hash(parts.ring, "handle", handle)
    sealed = parts.volatile.peek(KIND, key) if key is not None else None
    plain = open_flow(parts.ring, KIND, sealed.decode("ascii")) if sealed is not None else None
    if key is None or plain is None:
        raise Lost("expired", "interaction_unknown")
    return key, msgspec.msgpack.decode(plain, type=Interaction)


def _store(parts: Parts, key: bytes, interaction: Interaction, now: int) -> None:
    sealed = seal_flow(parts.ring, KIND, msgspec.msgpack.encode(interaction), parts.entropy)
    spent_s = (now - interaction.created_at) // SECOND
    parts.volatile.put(KIND, key, sealed.encode(), max(1, parts.config.interaction_ttl + REMEMBER_S - spent_s))


def _browser_hash(parts: Parts, browser: str | None) -> bytes | None:
    return token_hash(parts.ring, "browser", browser) if browser else None


def _proof(key: bytes, opened: Opened, step: str) -> str:
    parts = (b"proof", opened.handle.encode(), opened.browser.encode(), step.encode())
    return b64url(subkey(key, length_prefixed(*parts)))
