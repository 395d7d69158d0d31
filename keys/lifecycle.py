"""The life of a signing key, as pure law: next → active → retiring → retired.

``plan`` looks at rows and says what to do; whoever carries it out writes all actions of one plan in one transaction, each as a
compare-and-swap on (kid, from_state), and creation as an insert under the unique (alg, version). Two nodes that plan on the same rows
collide there: the second writes nothing and plans again.

A ``next`` that has a younger ``next`` beside it is due: it becomes active once it has been public for the JWKS max-age. That is how
``rotate`` is remembered without a column for it.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from keys.model import ACTIVE, NEXT, RETIRED, RETIRING, SigningKey, State

_MICROSECONDS = 1_000_000


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in seconds. ``slack_s`` covers clocks that differ and nodes that learn of a change a little later."""

    algs: tuple[str, ...]
    jwks_max_age_s: int
    token_life_s: int
    active_life_s: int
    slack_s: int = 5


class CreateNext(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Insert a fresh key pair; ``state`` is ``active`` only for the first key of an empty house, or in an emergency without a next."""

    alg: str
    version: int
    state: State
    at: int


class Activate(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """next → active."""

    kid: str
    at: int
    from_state: Literal["next"] = NEXT
    to_state: Literal["active"] = ACTIVE


class RetireStart(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """active → retiring: signs no more, stays published while tokens it signed live."""

    kid: str
    at: int
    from_state: Literal["active"] = ACTIVE
    to_state: Literal["retiring"] = RETIRING


class RetireEnd(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """retiring → retired: published no more. From ``active`` in an emergency: nothing it signed is believed any longer."""

    kid: str
    at: int
    from_state: State = RETIRING
    to_state: Literal["retired"] = RETIRED


Action = CreateNext | Activate | RetireStart | RetireEnd


def plan(
    rows: Iterable[SigningKey], now: int, policy: Policy, *, rotate: bool = False, emergency: bool = False
) -> tuple[Action, ...]:
    """What to do now (microseconds); empty when all is well.

    Plain: the worker's regular look. ``rotate``: the operator asks for new keys; while an earlier request still waits for its max-age,
    a further one adds nothing. ``emergency``: switch at once and stop believing all older keys; the caller records it. Who loses the
    compare-and-swap reads and plans again, and drops its request only if ``served`` says that the winner did it. An algorithm that joins a house
    with keys signs only after its first key was public for the max-age; one that left ``policy.algs`` keeps what it has.
    """
    known = tuple(rows)
    first = not known
    actions: list[Action] = []
    for alg in policy.algs:
        own = sorted((row for row in known if row.alg == alg), key=lambda row: row.version)
        actions += (
            _emergency(alg, own, now) if emergency and not first else _regular(alg, own, now, policy, rotate, first)
        )
    ended = {action.kid for action in actions if isinstance(action, RetireEnd)}
    return (*actions, *_ended((row for row in known if row.kid not in ended), now, policy))


def served(before: Iterable[SigningKey], after: Iterable[SigningKey], *, emergency: bool = False) -> bool:
    """Whether another node's batch already did what the loser of a compare-and-swap was asked for.

    A rotation: every algorithm that had an active key has another one, or a newer next. An emergency: nothing that was active is
    believed any longer; a worker's ordinary batch that came first does not count, or an operator's emergency would vanish unseen.
    """
    rows = tuple(before)
    old = tuple(row for row in rows if row.state == ACTIVE)
    now = {row.kid: row for row in after}
    if emergency:
        return bool(now) and all(row.kid not in now or now[row.kid].state == RETIRED for row in old)
    known = {row.kid for row in rows}
    fresh = {row.alg for row in now.values() if row.kid not in known or (row.state == ACTIVE and row not in old)}
    return bool(fresh) and all(row.alg in fresh for row in old)


def applied(row: SigningKey, action: Activate | RetireStart | RetireEnd) -> SigningKey:
    """The row after its transition, with the time stamped. Raises ``ValueError`` if the action is not about this row in this state."""
    if (row.kid, row.state) != (action.kid, action.from_state):
        raise ValueError("the action is not about this key in this state")
    stamp = {ACTIVE: "activated_at", RETIRING: "retiring_at", RETIRED: "retired_at"}[action.to_state]
    return msgspec.structs.replace(row, state=action.to_state, **{stamp: action.at})


def ripe_at(row: SigningKey, jwks_max_age_s: int, slack_s: int) -> int:
    """From when on every cache of the key set holds this key (microseconds)."""
    return row.published_at + (jwks_max_age_s + slack_s) * _MICROSECONDS


def vouching(rows: Iterable[SigningKey], session_max_s: int, slack_s: int = 5) -> tuple[tuple[int, SigningKey], ...]:
    """Retired keys that an ID token may still bear where it comes back as a hint, each with the time until when (microseconds).

    A session that a key's last token tells of is over by then (RP-Initiated Logout §2: current or recent). An emergency takes the word of the
    keys that it ended, and of all older ones: whose row went from ``active`` to ``retired`` has no ``retiring_at``. Versions are compared, not
    times, so that no node's clock brings one back.
    """
    retired = [row for row in rows if row.state == RETIRED]
    ended: dict[str, int] = {}
    for row in retired:
        if row.retiring_at is None:
            ended[row.alg] = max(row.version, ended.get(row.alg, 0))
    life = (session_max_s + slack_s) * _MICROSECONDS
    return tuple(
        (row.retiring_at + life, row)
        for row in retired
        if row.retiring_at is not None and row.version > ended.get(row.alg, 0)
    )


def _regular(alg: str, own: list[SigningKey], now: int, policy: Policy, rotate: bool, first: bool) -> list[Action]:
    nexts, actives = _in_state(own, NEXT), _in_state(own, ACTIVE)
    version = own[-1].version if own else 0
    if first:  # nobody holds an older key set, so nobody can be surprised
        return [_create(alg, version + 1, ACTIVE, now), _create(alg, version + 2, NEXT, now)]
    actions: list[Action] = []
    due = rotate or len(nexts) > 1 or not actives or _aged(actives[-1], now, policy)
    if due and nexts and ripe_at(nexts[0], policy.jwks_max_age_s, policy.slack_s) <= now:
        activated = nexts.pop(0)
        actions += [Activate(kid=activated.kid, at=now), *(RetireStart(kid=row.kid, at=now) for row in actives)]
        rotate = False
    else:
        actions += [RetireStart(kid=row.kid, at=now) for row in actives[:-1]]
    if not nexts or (rotate and actives and len(nexts) == 1):
        actions.append(_create(alg, version + 1, NEXT, now))
    return actions


def _emergency(alg: str, own: list[SigningKey], now: int) -> list[Action]:
    nexts = _in_state(own, NEXT)
    version = own[-1].version if own else 0
    ended = [RetireEnd(kid=row.kid, at=now, from_state=row.state) for row in own if row.state in (ACTIVE, RETIRING)]
    if not nexts:
        return [*ended, _create(alg, version + 1, ACTIVE, now), _create(alg, version + 2, NEXT, now)]
    fresh = [] if len(nexts) > 1 else [_create(alg, version + 1, NEXT, now)]
    return [Activate(kid=nexts[0].kid, at=now), *ended, *fresh]


def _ended(rows: Iterable[SigningKey], now: int, policy: Policy) -> list[RetireEnd]:
    life = (policy.token_life_s + policy.slack_s) * _MICROSECONDS
    return [
        RetireEnd(kid=row.kid, at=now) for row in rows if row.state == RETIRING and (row.retiring_at or 0) + life <= now
    ]


def _create(alg: str, version: int, state: State, now: int) -> CreateNext:
    return CreateNext(alg=alg, version=version, state=state, at=now)


def _aged(row: SigningKey, now: int, policy: Policy) -> bool:
    return (row.activated_at or 0) + policy.active_life_s * _MICROSECONDS <= now


def _in_state(rows: list[SigningKey], state: State) -> list[SigningKey]:
    return [row for row in rows if row.state == state]
