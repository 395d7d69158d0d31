"""What a grant rests on, read afresh at every use: the account, the session, the citizen's key."""

from dataclasses import dataclass

from idp.flows.sessions import alive
from idp.parts import Parts
from idp.records import Account, Grant, Session
from idp.release.vault import Citizen, KeyGone


@dataclass(frozen=True, slots=True)
class Standing:
    """``citizen`` is None when their key is gone: then the account counts as inactive."""

    account_active: bool
    session_alive: bool
    session_ends_at: int
    citizen: Citizen | None


def account_active(parts: Parts, account_id: bytes) -> bool:
    """Account status is never cached (DESIGN §5)."""
    account = parts.store.one(Account, id=account_id)
    return account is not None and account.status == "active"


def of_grant(parts: Parts, grant: Grant, now: int, *, session_matters: bool = True) -> Standing:
    """``session_matters``: False for a family that outlives its session. ``now`` microseconds."""
    citizen = citizen_of(parts, grant.account_id)
    active = citizen is not None and account_active(parts, grant.account_id)
    if not session_matters:
        return Standing(active, session_alive=True, session_ends_at=grant.expires_at, citizen=citizen)
    session = parts.store.one(Session, id=grant.session_id)
    lives = session is not None and alive(session, now, parts.config.session_idle)
    return Standing(active, lives, session.expires_at if session is not None else 0, citizen)


def citizen_of(parts: Parts, account_id: bytes) -> Citizen | None:
    """The opened citizen, or None when the key is gone."""
    try:
        return parts.vault.citizen(account_id)
    except KeyGone:
        return None
