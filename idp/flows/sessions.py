"""Server-side sessions: found by the keyed hash of their cookie, renewed under a new cookie at every proof, ended with all that hangs on them."""

from dataclasses import dataclass
from typing import Final

import msgspec

from idp.audit.events import SessionEnded, record
from idp.parts import Parts
from idp.ports import Insert, Op, Update, Write
from idp.records import Account, Grant, LogoutDelivery, Session
from idp.release.vault import Citizen, KeyGone
from keys.errors import SealBroken
from keys.subjects import sid
from keys.tokens import Opaque, new_token, same, token_hash

SECOND: Final = 1_000_000
TOUCH_US: Final = 60 * SECOND
"""``last_seen_at`` is written at most this often."""
SAME_FORM_S: Final = 60
"""A form that comes once more within this time is the same act."""
SKEW_US: Final = 60 * SECOND
"""How far the clocks of two nodes may lie apart before a session of the one is refused by the other."""
MOST: Final = 20_000
"""More living sessions of one account are ended without telling each of their clients."""
_OWN_PAGE: Final = "yimen/account"


class Where(msgspec.Struct, frozen=True):
    """From where a session is used: a device label and the caller's address. Sealed in the row."""

    device: str = ""
    address: str = ""

    def __repr__(self) -> str:
        return "Where(…)"


@dataclass(frozen=True, slots=True)
class Started:
    """A session about to begin: commit ``writes``, then hand ``token`` to the browser."""

    token: Opaque
    session: Session
    writes: tuple[Write, ...]


def alive(session: Session, now: int, idle_s: int) -> bool:
    """Not ended, within its absolute and its idle limit; a clock set back before its start counts as not alive (OWASP ASVS 7.3)."""
    return (
        session.ended_at is None
        and session.created_at - SKEW_US <= now < session.expires_at
        and now < session.last_seen_at + idle_s * SECOND
    )


def live(parts: Parts, cookie: str | None, now: int, *, touch: bool = True) -> Session | None:
    """The session of a cookie, if it and its account are alive. ``now`` microseconds.

    ``touch=False`` for what the citizen did not do (``prompt=none``): the idle limit is not extended.
    """
    found = live_with_account(parts, cookie, now, touch=touch)
    return found[0] if found is not None else None


def live_with_account(
    parts: Parts, cookie: str | None, now: int, *, touch: bool = True
) -> tuple[Session, Account] | None:
    """As :func:`live`, with the account that was read for it."""
    hashed = token_hash(parts.ring, "session", cookie) if cookie else None
    found = parts.store.pair(Session, Account, "account_id", token_hash=hashed) if hashed else None
    if found is None or not alive(found[0], now, parts.config.session_idle):
        return None
    session, account = found
    if account is None or account.status != "active":
        return None
    if touch and now - session.last_seen_at >= TOUCH_US:
        _touch(parts, session, now)
    return session, account


def ended_lately(parts: Parts, cookie: str | None, why: str, now: int) -> Session | None:
    """The session of a cookie that ended less than a minute ago, and why: for the form that ended it, which may come again (double click)."""
    hashed = token_hash(parts.ring, "session", cookie) if cookie else None
    session = parts.store.one(Session, token_hash=hashed) if hashed else None
    if session is None or session.ended_why != why or session.ended_at is None:
        return None
    return session if now < session.ended_at + SAME_FORM_S * SECOND else None


def _touch(parts: Parts, session: Session, now: int) -> None:
    where = {"id": session.id, "ended_at": None, "last_seen_at": Op("<", now)}
    parts.store.commit([Update(Session, where, {"last_seen_at": now}, rows=None)])


def start(
    parts: Parts,
    citizen: Citizen,
    amr: str,
    acr: str,
    previous: Session | None,
    now: int,
    where: Where,
    *,
    session_id: bytes = b"",
) -> Started:
    """A session after full authentication, under a new token (ASVS 7.2.4).

    ``previous`` is what the browser held: the same citizen's session goes on under the new token (its grants and ``sid`` stay), another
    citizen's ends. The writes conflict when ``previous`` ended or was renewed meanwhile. ``session_id``: a new session's, where it is known before.
    """
    token = new_token(parts.ring, "session", parts.entropy)
    expires_at = now + parts.config.session_max * SECOND
    if previous is not None and previous.account_id == citizen.account_id:
        return _renewed(citizen, previous, token, amr, acr, now, now, expires_at, where)
    session_id = session_id or parts.entropy(16)
    session = Session(
        id=session_id,
        token_hash=token.hash,
        account_id=citizen.account_id,
        amr=amr,
        acr=acr,
        auth_at=now,
        last_seen_at=now,
        expires_at=expires_at,
        sealed=_sealed(citizen, session_id, where),
        created_at=now,
        ended_at=None,
        ended_why=None,
    )
    superseded = end(parts, previous, "superseded", now) if previous is not None else []
    return Started(token, session, (*superseded, Insert(session)))


def step_up(parts: Parts, citizen: Citizen, session: Session, amr: str, acr: str, now: int, where: Where) -> Started:
    """The same session, stronger, under a new token. ``auth_at`` stays: a second factor alone does not make a sign-in fresh."""
    token = new_token(parts.ring, "session", parts.entropy)
    return _renewed(citizen, session, token, amr, acr, session.auth_at, now, session.expires_at, where)


def rotate(parts: Parts, citizen: Citizen, session: Session, now: int) -> Started:
    """The same session under a new token, after its citizen changed how they sign in."""
    where = where_of(citizen, session)
    return step_up(parts, citizen, session, session.amr, session.acr, now, where)


def end(
    parts: Parts, session: Session, why: str, now: int, actor: Citizen | None = None, reason: str = ""
) -> list[Write]:
    """The writes that end a session, its online grants, and tell every client in it that can be told (Back-Channel Logout §2).

    ``why`` is a word of ``SessionEnded``; ``actor`` the member of staff who ends it, for a ``reason``. Safe to commit twice; the update of an
    ended session touches nothing.
    """
    ended = {"ended_at": now, "ended_why": why}
    return [
        Update(Session, {"id": session.id, "ended_at": None}, ended, rows=None),
        Update(Grant, {**of_session(session), "offline": 0, "ended_at": None}, ended, rows=None),
        *deliveries(parts, session, now),
        record(
            SessionEnded(session=session.id.hex(), why=why, reason=reason),
            at=now,
            entropy=parts.entropy,
            person=person(parts, session.account_id),
            actor=actor,
        ),
    ]


def end_all(
    parts: Parts, account_id: bytes, why: str, now: int, keep: Session | None = None, actor: Citizen | None = None
) -> list[Write]:
    """The writes that end an account's sessions and every grant, offline ones too, but ``keep`` with its online grants (ASVS 7.4.3)."""
    others: dict[str, object] = {"account_id": account_id, "ended_at": None}
    mine: dict[str, object] = {"account_id": account_id, "ended_at": None}
    if keep is not None:
        others["id"], mine["session_id"] = Op("!=", keep.id), Op("!=", keep.id)
    ended = {"ended_at": now, "ended_why": why}
    writes: list[Write] = []
    for session in living(parts, account_id, now):
        if keep is None or session.id != keep.id:
            writes += end(parts, session, why, now, actor)
    # Whatever began between the reading and the commit ends too.
    writes.append(Update(Session, others, ended, rows=None))
    writes.append(Update(Grant, mine, ended, rows=None))
    writes.append(Update(Grant, {"account_id": account_id, "offline": 1, "ended_at": None}, ended, rows=None))
    return writes


def deliveries(parts: Parts, session: Session, now: int, client_id: str | None = None) -> list[Write]:
    """One logout delivery for each client with a back-channel URI that had a grant in the session (or for ``client_id`` alone)."""
    names = client_ids(parts, session)
    if client_id is not None:
        names = [name for name in names if name == client_id]
    clients = [client for name in names if (client := parts.clients.get(name)) is not None]
    return [
        Insert(
            LogoutDelivery(
                id=parts.entropy(16),
                client_id=client.client_id,
                account_id=session.account_id,
                session_id=session.id,
                state="pending",
                attempts=0,
                next_at=now,
                created_at=now,
                last_error=None,
            )
        )
        for client in clients
        if client.backchannel_logout_uri
    ]


def of_session(session: Session) -> dict[str, object]:
    """Which grants are a session's: by its account too, which has the index."""
    return {"account_id": session.account_id, "session_id": session.id}


def client_ids(parts: Parts, session: Session) -> list[str]:
    """Every client that had a grant in a session, each once, in order: one look for each, so that a client with very many grants hides no other."""
    found = [""]
    where = of_session(session)
    while rows := parts.store.find(Grant, {**where, "client_id": Op(">", found[-1])}, order=("client_id",), limit=1):
        found.append(rows[0].client_id)
    return found[1:]


def living(parts: Parts, account_id: bytes, now: int) -> list[Session]:
    """An account's sessions that are alive, the last used first."""
    rows = parts.store.find(Session, {"account_id": account_id, "ended_at": None}, order=("-last_seen_at",), limit=MOST)
    return [row for row in rows if alive(row, now, parts.config.session_idle)]


def reference(parts: Parts, session: Session) -> str:
    """What a page calls a session: a keyed value that opens nothing and means something to its owner's list alone."""
    return sid(parts.ring, session.id, _OWN_PAGE)[:22]


def by_reference(parts: Parts, account_id: bytes, value: str, now: int) -> Session | None:
    """The account's own living session of that reference; None for everyone else's."""
    return next((s for s in living(parts, account_id, now) if same(reference(parts, s), value)), None)


def where_of(citizen: Citizen, session: Session) -> Where:
    """Device and address of a session; empty when they don't open."""
    try:
        return msgspec.json.decode(citizen.open("session", "where", session.id, 0, session.sealed), type=Where)
    except SealBroken:
        return Where()


def person(parts: Parts, account_id: bytes) -> Citizen | None:
    """The citizen for an event; None when the key is gone, so that ending things never fails for an erased person."""
    try:
        return parts.vault.citizen(account_id)
    except KeyGone:
        return None


def _renewed(
    citizen: Citizen,
    old: Session,
    token: Opaque,
    amr: str,
    acr: str,
    auth_at: int,
    now: int,
    expires_at: int,
    where: Where,
) -> Started:
    changed = {
        "token_hash": token.hash,
        "amr": amr,
        "acr": acr,
        "auth_at": auth_at,
        "last_seen_at": now,
        "expires_at": expires_at,
        "sealed": _sealed(citizen, old.id, where),
    }
    unchanged = {"id": old.id, "token_hash": old.token_hash, "ended_at": None}
    return Started(token, msgspec.structs.replace(old, **changed), (Update(Session, unchanged, changed),))


def _sealed(citizen: Citizen, session_id: bytes, where: Where) -> bytes:
    return citizen.seal("session", "where", session_id, 0, msgspec.json.encode(where))
