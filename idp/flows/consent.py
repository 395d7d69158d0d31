"""What a service asks to know, shown to the citizen once and remembered until it asks for more or shows itself under another name or terms."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from clients.model import Client
from idp.audit.events import ConsentDenied, ConsentGiven, record
from idp.errors import Code, Refusal
from idp.parts import Parts
from idp.ports import Committed, Holds, Insert, Write
from idp.protocol.request import AuthorizeRequest
from idp.protocol.scopes import OFFLINE
from idp.records import Consent
from idp.release import claims
from idp.release.mask import mask
from idp.release.vault import Citizen

FORMAT: Final = "yimen-consent/1"


class Wanted(msgspec.Struct, frozen=True):
    """What one request asks for: scopes, and the names of attributes that they and the ``claims`` parameter stand for. Sorted."""

    scope: tuple[str, ...]
    claims: tuple[str, ...]


class Given(Wanted, frozen=True):
    """What a consent keeps: also ``who``, the digest of how the service showed itself (:func:`identity`)."""

    who: bytes = b""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows. ``preview``: claim → masked value. ``digest`` stands for all of it but the values.

    ``changed``: more is asked than the last time; ``renamed``: the service shows itself otherwise than the last time.
    """

    wanted: Wanted
    preview: dict[str, str]
    digest: bytes
    changed: bool
    renamed: bool

    def __repr__(self) -> str:
        return "Shown(…)"

    @property
    def offline(self) -> bool:
        """Whether access while the citizen is away is asked."""
        return OFFLINE in self.wanted.scope


def wanted(request: AuthorizeRequest) -> Wanted:
    """What ``request`` asks for."""
    names = {*claims.of_scopes(request.scope), *(request.claims.names - claims.ABOUT_THE_SIGN_IN)}
    return Wanted(tuple(sorted(request.scope)), tuple(sorted(names)))


def digest(client: Client, asked: Wanted) -> bytes:
    """SHA-256 of what is shown: who asks, under which names and terms, for what. Values are left out: a digest of them could be guessed."""
    return sha256(FORMAT.encode() + msgspec.json.encode((client.client_id, identity(client), asked))).digest()


def identity(client: Client) -> bytes:
    """SHA-256 of how the service shows itself where it asks: its names, its logo, its policy, its terms, in every language."""
    shown = [
        (getattr(client, member), getattr(client, f"{member}_localized"))
        for member in ("client_name", "logo_uri", "policy_uri", "tos_uri")
    ]
    return sha256(msgspec.json.encode(shown, order="deterministic")).digest()


def remembered(client: Client, redirect_uri: str) -> bool:
    """Whether a consent outlasts the request: a public client is itself only where others can't take its redirect (RFC 8252 §8.6)."""
    url = urlsplit(redirect_uri)
    return client.confidential or url.scheme == "https" or _loopback(url.hostname)


def reason_to_ask(
    request: AuthorizeRequest, client: Client, held: Consent | None, given_here: bytes | None
) -> str | None:
    """Why consent has to be asked, or None. ``held``: the stored consent; ``given_here``: digest of what was allowed in this interaction."""
    asked = wanted(request)
    if (
        given_here is not None
        and given_here == digest(client, asked)
        and held is not None
        and held.withdrawn_at is None
    ):
        return None
    if held is None or held.withdrawn_at is not None:
        return "first"
    if "consent" in request.prompt:
        return "prompt_consent"
    if not remembered(client, request.redirect_uri):
        return "not_remembered"
    given = msgspec.json.decode(held.document, type=Given)
    if given.who != identity(client):
        return "service_changed"
    return None if covers(given, asked) else "changed"


def still_given(held: Consent) -> Write:
    """Conflicts when the consent was withdrawn or changed since it was read: rides in the batch of what rests on it."""
    where = {"account_id": held.account_id, "client_id": held.client_id, "digest": held.digest, "withdrawn_at": None}
    return Holds(Consent, where)


def covers(given: Wanted, asked: Wanted) -> bool:
    """Whether what was allowed holds all that is asked."""
    return set(asked.scope) <= set(given.scope) and set(asked.claims) <= set(given.claims)


def shown(parts: Parts, citizen: Citizen, client: Client, request: AuthorizeRequest, held: Consent | None) -> Shown:
    """Opens just the attributes that are asked, and answers them masked. Raises ``keys.errors.SealBroken``."""
    asked = wanted(request)
    values: dict[str, Any] = parts.vault.claims(citizen, asked.claims)
    preview = {name: mask(name, values.get(name)) for name in claims.STANDARD if name in asked.claims}
    live = held is not None and held.withdrawn_at is None
    given = msgspec.json.decode(held.document, type=Given) if held is not None and live else None
    return Shown(
        asked,
        preview,
        digest(client, asked),
        changed=given is not None and not covers(given, asked),
        renamed=given is not None and given.who != identity(client),
    )


def allow(
    parts: Parts,
    citizen: Citizen,
    client: Client,
    request: AuthorizeRequest,
    held: Consent | None,
    now: int,
    reference: str,
) -> bytes:
    """Write the citizen's yes with its event; the digest of what was allowed. What was allowed before and stands stays allowed."""
    asked = wanted(request)
    seen = digest(client, asked)
    document = _with_earlier(held, client, asked)
    row = Consent(citizen.account_id, client.client_id, msgspec.json.encode(document), seen, now, None)
    fact = ConsentGiven(
        client_id=client.client_id,
        scope=" ".join(asked.scope),
        claims=asked.claims,
        digest=seen.hex(),
        reference=reference,
    )
    writes: list[Write] = [
        Insert(row, on_conflict="replace"),
        record(fact, at=now, entropy=parts.entropy, person=citizen),
    ]
    _commit(parts, writes)
    return seen


def deny(parts: Parts, citizen: Citizen, client: Client, request: AuthorizeRequest, now: int, reference: str) -> None:
    """Write the citizen's no."""
    fact = ConsentDenied(client_id=client.client_id, scope=" ".join(request.scope), reference=reference)
    _commit(parts, [record(fact, at=now, entropy=parts.entropy, person=citizen)])


def _with_earlier(held: Consent | None, client: Client, asked: Wanted) -> Given:
    """What was allowed to the service under another name or other terms does not count any more."""
    who = identity(client)
    earlier = msgspec.json.decode(held.document, type=Given) if held is not None else None
    if held is None or earlier is None or held.withdrawn_at is not None or earlier.who != who:
        return Given(asked.scope, asked.claims, who)
    return Given(_union(earlier.scope, asked.scope), _union(earlier.claims, asked.claims), who)


def _union(left: Iterable[str], right: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*left, *right}))


def _commit(parts: Parts, writes: list[Write]) -> None:
    if not isinstance(parts.store.commit(writes), Committed):
        raise Refusal(Code.SERVER_ERROR, "The answer could not be kept.", reason="consent_conflict")


def _loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or (host is not None and ip_address(host).is_loopback)
    except ValueError:
        return False
