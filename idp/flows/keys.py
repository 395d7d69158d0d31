"""The journey of signing keys: carry out what ``keys.lifecycle`` plans, as compare-and-swap in one batch with its events."""

import msgspec

from idp.audit.events import KeyMoved, record
from idp.caches import bump
from idp.config import Config
from idp.errors import Unavailable
from idp.ports import Committed, Entropy, Insert, Store, Update, Write
from idp.records import SigningKey
from keys.lifecycle import Action, CreateNext, Policy, applied, plan, served
from keys.ports import Sealer
from keys.signing import SIGNING_ALGS, new_signing_key

ACTIVE_LIFE_S = 90 * 86400
TRIES = 5


def policy(config: Config) -> Policy:
    """Lifecycle durations from the configuration."""
    longest = max(config.access_token_ttl, config.id_token_ttl)
    return Policy(
        algs=SIGNING_ALGS, jwks_max_age_s=config.jwks_max_age, token_life_s=longest, active_life_s=ACTIVE_LIFE_S
    )


def rotate(
    store: Store,
    root: Sealer,
    config: Config,
    entropy: Entropy,
    now: int,
    *,
    rotate: bool = False,
    emergency: bool = False,
) -> tuple[Action, ...]:
    """Do what is due (or asked for). The actions carried out; empty when nothing was.

    Two nodes at the same moment: one batch commits, the other plans again on what it finds, and asks again only for what the winner did not do.
    Raises Unavailable when others were faster each time, so that an emergency is never dropped unseen.
    """
    for _ in range(TRIES):
        rows = store.find(SigningKey)
        actions = plan(rows, now, policy(config), rotate=rotate, emergency=emergency)
        if not actions:
            return ()
        writes = [w for a in actions for w in _writes(rows, a, root, entropy, now, emergency)]
        if isinstance(store.commit([*writes, *bump("key")]), Committed):
            return actions
        if (rotate or emergency) and served(rows, store.find(SigningKey), emergency=emergency):
            rotate = emergency = False
    raise Unavailable("key rotation")


def _writes(
    rows: list[SigningKey], action: Action, root: Sealer, entropy: Entropy, now: int, emergency: bool
) -> list[Write]:
    if isinstance(action, CreateNext):
        key = new_signing_key(root, action.alg, action.version, action.at, state=action.state)
        return [Insert(key), _event(key, entropy, now, emergency)]
    old = next(r for r in rows if r.kid == action.kid)
    new = applied(old, action)
    changed = {f: v for f, v in msgspec.structs.asdict(new).items() if v != getattr(old, f)}
    where = {"kid": old.kid, "state": old.state}
    return [Update(SigningKey, where, changed), _event(new, entropy, now, emergency)]


def _event(key: SigningKey, entropy: Entropy, now: int, emergency: bool) -> Insert:
    fact = KeyMoved(kid=key.kid, alg=key.alg, state=key.state, emergency=emergency)
    return record(fact, at=now, entropy=entropy)
