"""The journey of a client's registration: judge the metadata, fetch what must be checked, write one batch, then its logo.

RFC 7591 (POST), RFC 7592 (read, update, delete). The initial access token is used up inside the registering batch, so that many calls at
once honour its count. Secrets and tokens are shown once; hashes stay.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from clients.documents import check_encrypters, check_sector
from clients.errors import ClientError
from clients.metadata import Draft, draft
from clients.model import Client, Policy, from_json
from idp.audit.events import (
    ClientChanged,
    ClientRegistered,
    ClientRemoved,
    ClientSecretReplaced,
    DepartmentAdded,
    Fact,
    RegistrationRefused,
    record,
)
from idp.errors import Code, Refusal
from idp.flows import addresses, client_rows, logos, strangers
from idp.flows.error_list import lines
from idp.flows.offer import server_profile
from idp.parts import Parts
from idp.ports import Add, Conflict, Delete, Insert, Op, Update, Write
from idp.records import ClientLogo, ClientRow, Department, InitialAccessToken
from keys.tokens import Opaque, new_token, token_hash

OPEN_SCOPE: Final = ("openid", "profile", "email", "phone", "address", "offline_access")
OPEN_DEPARTMENT: Final = "open"
"""The department that clients belong to when registration is open; made at the first of them."""


@dataclass(frozen=True, slots=True)
class Entered:
    """A client as just stored, and what is shown once."""

    client: Client
    secret: str | None
    registration_token: str | None

    def __repr__(self) -> str:
        return f"Entered({self.client!r})"


@dataclass(frozen=True, slots=True)
class Known:
    """A client that its registration access token opened, at its version."""

    client: Client
    version: int
    token: str

    def __repr__(self) -> str:
        return f"Known({self.client!r})"


def register(
    parts: Parts, bearer: str | None, metadata: Mapping[str, Any], now: int, remote: str = "", reference: str = ""
) -> Entered:
    """POST /register. ``bearer``: the initial access token; ``now`` microseconds; ``remote``: the caller's address; ``reference``: of the
    request.

    Raises Refusal(invalid_token) when a token is needed and this one gives no right (any more), ClientError for the metadata; where
    registration is open, Refusal(temporarily_unavailable) for an address that registers very many. Raises Unavailable while nothing is issued.
    """
    parts.keys.check_issuing()
    if bearer is None:
        if parts.config.open_registration and strangers.over(parts, strangers.REGISTERING, remote):
            raise strangers.later("registering_too_often")
        policy, first = _open(parts, now)
        return enter(
            parts, metadata, policy, how="dynamic", now=now, first=first, self_service=True, reference=reference
        )
    right = _right(parts, bearer, now)
    policy = msgspec.json.decode(right.policy, type=Policy)
    where = {"hash": right.hash, "uses_left": Op(">", 0), "expires_at": Op(">", now)}
    use = Update(InitialAccessToken, where, {"uses_left": Add(-1)})
    return enter(parts, metadata, policy, how="dynamic", now=now, first=(use,), self_service=True, reference=reference)


def enter(
    parts: Parts,
    metadata: Mapping[str, Any],
    policy: Policy,
    *,
    how: str,
    now: int,
    first: Sequence[Write] = (),
    self_service: bool = False,
    reference: str = "",
) -> Entered:
    """Judge and store a new client in one batch behind ``first`` (writes that must hold). ``self_service``: with a registration token;
    ``reference``: of the request, if one is answered.

    Raises ClientError for the metadata, Refusal(invalid_token) when ``first`` no longer holds.
    """
    drafted = _judged(parts, metadata, policy, None)
    secret = new_token(parts.ring, "secret", parts.entropy) if drafted.needs_secret else None
    token = new_token(parts.ring, "rat", parts.entropy) if self_service else None
    client = drafted.create(
        client_id=parts.entropy(12).hex(),
        created_at=now,
        secret_hash=secret.hash if secret else None,
        registration_token_hash=token.hash if token else None,
    )
    fact = ClientRegistered(
        client_id=client.client_id, department=client.department_id, how=how, require_pkce=client.require_pkce
    )
    writes = [*first, *client_rows.create(client, now), record(fact, at=now, entropy=parts.entropy)]
    if isinstance(parts.store.commit(writes), Conflict):
        raise no_right("initial_token_spent")
    parts.generations.reread()
    logos.keep(parts, client, client_rows.FIRST, now, reference)
    return Entered(client, _shown(secret), _shown(token))


def known(parts: Parts, client_id: str | None, bearer: str | None) -> Known:
    """The client whose registration access token ``bearer`` is. Raises Refusal(invalid_token), one text for every cause (RFC 7592 §2)."""
    hashed = token_hash(parts.ring, "rat", bearer) if bearer else None
    row = parts.store.one(ClientRow, client_id=client_id) if client_id and len(client_id) <= 256 else None
    stored = row.registration_token_hash if row is not None else None
    if row is None or hashed is None or stored is None or not hmac.compare_digest(hashed, stored):
        raise no_right("registration_token")
    client = from_json(row.document)
    if not client.active:
        raise no_right("client_disabled")
    return Known(client, row.version, bearer or "")


def update(parts: Parts, found: Known, metadata: Mapping[str, Any], now: int, reference: str = "") -> Entered:
    """PUT: the full replacement, judged as a new registration (RFC 7592 §2.2); the registration access token is made anew.

    Raises ClientError, Refusal(invalid_request) for another secret than the present one, Refusal(invalid_token) when another change won.
    """
    old = found.client
    _check_secret_echo(parts, old, metadata.get("client_secret"))
    plain = {name: value for name, value in metadata.items() if name != "client_secret"}
    drafted = _judged(parts, plain, _policy_of(old), old)
    secret = new_token(parts.ring, "secret", parts.entropy) if drafted.needs_secret and not old.secret_hash else None
    token = new_token(parts.ring, "rat", parts.entropy)
    changed = drafted.update(old, secret_hash=secret.hash if secret else old.secret_hash)
    changed = msgspec.structs.replace(changed, registration_token_hash=token.hash)
    facts: list[Fact] = [ClientChanged(client_id=old.client_id, members=_members(old, changed), how="dynamic")]
    if secret is not None:
        facts.append(ClientSecretReplaced(client_id=old.client_id, how="dynamic"))
    events = [record(fact, at=now, entropy=parts.entropy) for fact in facts]
    stale = [Delete(ClientLogo, {"client_id": old.client_id})] if changed.logo_uri != old.logo_uri else []
    if isinstance(parts.store.commit([*client_rows.change(changed, found.version, now), *stale, *events]), Conflict):
        raise no_right("changed_meanwhile")
    parts.generations.reread()
    if changed.logo_uri != old.logo_uri:
        logos.keep(parts, changed, found.version + 1, now, reference)
    return Entered(changed, _shown(secret), token.token)


def remove(parts: Parts, found: Known, now: int) -> None:
    """DELETE (RFC 7592 §2.3): the client is gone and its grants have ended. Raises Refusal(invalid_token) when it was changed meanwhile."""
    client_id = found.client.client_id
    event = record(ClientRemoved(client_id=client_id, how="dynamic"), at=now, entropy=parts.entropy)
    if isinstance(parts.store.commit([*client_rows.remove(client_id, found.version, now), event]), Conflict):
        raise no_right("changed_meanwhile")
    parts.generations.reread()


def note_refused(parts: Parts, client: Client, why: ClientError | Refusal, now: int, reference: str) -> None:
    """An update that was refused, in the list of the client that its token proved. Raises Unavailable."""
    refusal = why if isinstance(why, Refusal) else Refusal(Code(why.code.value), why.public, reason=why.reason)
    line = lines(parts, client, None, refusal, now, reference)
    if line:
        parts.store.commit(line)


def failed(
    parts: Parts, refusal: Refusal, now: int, remote: str, reference: str, client_id: str | None = None
) -> Refusal:
    """Count and record a try without a right; what it is answered with. A right token is never held up: these are 256 random bits.
    ``client_id``: the client that it was about, which finds it in its list."""
    beyond = strangers.over(parts, strangers.REGISTERING, remote)
    if beyond <= 1:
        client = parts.clients.get(client_id) if client_id else None
        line = lines(parts, client, None, refusal, now, reference, stranger=remote) if client is not None else []
        fact = RegistrationRefused(reason="throttled" if beyond else refusal.reason, reference=reference)
        told = record(fact, at=now, entropy=parts.entropy)
        parts.store.commit([*line, told, *addresses.line_of_refusal(parts, told, remote)])
    return strangers.later("registering_too_often") if beyond else refusal


def no_right(reason: str) -> Refusal:
    """One text, whatever was wrong with the token."""
    return Refusal(Code.INVALID_TOKEN, "The access token is missing, unknown or spent.", reason=reason)


def _right(parts: Parts, bearer: str, now: int) -> InitialAccessToken:
    hashed = token_hash(parts.ring, "iat", bearer)
    row = parts.store.one(InitialAccessToken, hash=hashed) if hashed is not None else None
    if row is None or row.uses_left <= 0 or row.expires_at <= now:
        raise no_right("initial_token")
    return row


def _open(parts: Parts, now: int) -> tuple[Policy, tuple[Write, ...]]:
    """Registration without a token, where the operator opened it: its clients belong to a department of their own."""
    if not parts.config.open_registration:
        raise no_right("registration_closed")
    policy = Policy(department_id=OPEN_DEPARTMENT, granted_scope=OPEN_SCOPE)
    if parts.store.one(Department, id=OPEN_DEPARTMENT) is not None:
        return policy, ()
    row = Department(OPEN_DEPARTMENT, "开放注册", "Open registration", "", "", "national", now)
    event = record(DepartmentAdded(department=OPEN_DEPARTMENT), at=now, entropy=parts.entropy)
    return policy, (Insert(row, on_conflict="ignore"), event)


def _policy_of(client: Client) -> Policy:
    """An update keeps what was granted: no wider scope, no laxer rule than the client has."""
    return Policy(department_id=client.department_id, granted_scope=client.scope, require_pkce=client.require_pkce)


def _judged(parts: Parts, metadata: Mapping[str, Any], policy: Policy, existing: Client | None) -> Draft:
    drafted = draft(metadata, policy, server_profile(parts.config), existing)
    if drafted.sector_identifier_uri is not None:
        check_sector(parts.registration_outbound, drafted.sector_identifier_uri, drafted.redirect_uris)
    if drafted.encryption_algs and drafted.jwks_uri is not None:
        now_s = parts.clock() // 1_000_000
        check_encrypters(parts.registration_outbound, drafted.jwks_uri, drafted.encryption_algs, now_s)
    return drafted


def _check_secret_echo(parts: Parts, client: Client, sent: object) -> None:
    """RFC 7592 §2.2: a ``client_secret`` in an update must be the present one."""
    if sent is None:
        return
    hashed = token_hash(parts.ring, "secret", sent) if isinstance(sent, str) else None
    if hashed is None or client.secret_hash is None or not hmac.compare_digest(hashed, client.secret_hash):
        raise Refusal(Code.INVALID_REQUEST, "client_secret is not the present one.", reason="update_secret")


def _members(old: Client, new: Client) -> tuple[str, ...]:
    hidden = {"secret_hash", "registration_token_hash"}
    names = (n for n in old.__struct_fields__ if n not in hidden)
    return tuple(n for n in names if getattr(old, n) != getattr(new, n))


def _shown(made: Opaque | None) -> str | None:
    return made.token if made is not None else None
