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
    if not session_matters:
        active = citizen is not None and account_active(parts, grant.account_id)
        return Standing(active, session_alive=True, session_ends_at=grant.expires_at, citizen=citizen)
    session, account = parts.store.pair(Session, Account, "account_id", id=grant.session_id) or (None, None)
    if session is None:
        return Standing(account_active=False, session_alive=False, session_ends_at=0, citizen=citizen)
    active = citizen is not None and account is not None and account.status == "active"
    return Standing(active, alive(session, now, parts.config.session_idle), session.expires_at, citizen)


def citizen_of(parts: Parts, account_id: bytes) -> Citizen | None:
    """The opened citizen, or None when the key is gone."""
    try:
        return parts.vault.lately(account_id)
    except KeyGone:
        return None
