"""The life of a signing key: tables for each rule, a state machine for what must hold always."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keys.lifecycle import (
    Action,
    Activate,
    CreateNext,
    Policy,
    RetireEnd,
    RetireStart,
    applied,
    plan,
    ripe_at,
    served,
    vouching,
)
from keys.model import SigningKey, State
from keys.signing import jwks

S = 1_000_000
POLICY = Policy(algs=("ES256",), jwks_max_age_s=100, token_life_s=600, active_life_s=10_000, slack_s=5)


def key(
    version: int,
    state: State,
    *,
    published: int = 0,
    activated: int | None = None,
    retiring: int | None = None,
    alg: str = "ES256",
) -> SigningKey:
    """A row with times in seconds; kid ``<alg>-<version>``."""
    return SigningKey(
        kid=f"{alg}-{version}",
        alg=alg,
        state=state,
        wrapped=b"",
        public_jwk=f'{{"kid":"{alg}-{version}"}}'.encode(),
        created_at=published * S,
        published_at=published * S,
        activated_at=None if activated is None else activated * S,
        retiring_at=None if retiring is None else retiring * S,
        version=version,
    )


def short(actions: tuple[Action, ...]) -> list[str]:
    """One word per action, as an operator would say it."""
    words = []
    for action in actions:
        match action:
            case CreateNext():
                words.append(f"create {action.alg}-{action.version} {action.state}")
            case Activate():
                words.append(f"activate {action.kid}")
            case RetireStart():
                words.append(f"retire {action.kid}")
            case RetireEnd():
                words.append(f"end {action.kid} {action.from_state}")
    return words


ACTIVE = key(1, "active", activated=0)
NEXT = key(2, "next", published=50)
PLAIN: dict[str, bool] = {}
ROTATE, EMERGENCY = {"rotate": True}, {"emergency": True}


@pytest.mark.parametrize(
    ("rows", "now", "how", "wanted"),
    [
        # an empty house: nobody holds an older set
        ([], 0, PLAIN, ["create ES256-1 active", "create ES256-2 next"]),
        ([], 0, ROTATE, ["create ES256-1 active", "create ES256-2 next"]),
        ([], 0, EMERGENCY, ["create ES256-1 active", "create ES256-2 next"]),
        # all is well
        ([ACTIVE, NEXT], 60, PLAIN, []),
        ([ACTIVE, NEXT], 9_999, PLAIN, []),
        # a next always exists
        ([ACTIVE], 60, PLAIN, ["create ES256-2 next"]),
        # rotate: publish at once, activate what is old enough
        ([ACTIVE, NEXT], 60, ROTATE, ["create ES256-3 next"]),
        ([ACTIVE, NEXT], 154, ROTATE, ["create ES256-3 next"]),
        ([ACTIVE, NEXT], 155, ROTATE, ["activate ES256-2", "retire ES256-1", "create ES256-3 next"]),
        ([ACTIVE], 60, ROTATE, ["create ES256-2 next"]),
        # a rotation that waits: a second request adds nothing, the worker finishes it
        ([ACTIVE, NEXT, key(3, "next", published=60)], 61, ROTATE, []),
        ([ACTIVE, NEXT, key(3, "next", published=60)], 154, PLAIN, []),
        ([ACTIVE, NEXT, key(3, "next", published=60)], 155, PLAIN, ["activate ES256-2", "retire ES256-1"]),
        ([ACTIVE, NEXT, key(3, "next", published=60)], 155, ROTATE, ["activate ES256-2", "retire ES256-1"]),
        # age
        ([ACTIVE, NEXT], 10_000, PLAIN, ["activate ES256-2", "retire ES256-1", "create ES256-3 next"]),
        ([ACTIVE, key(2, "next", published=9_950)], 10_000, PLAIN, []),
        # an algorithm that joins a house with keys waits for its max-age
        ([key(1, "active", activated=0, alg="RS256")], 60, PLAIN, ["create ES256-1 next"]),
        ([key(1, "active", alg="RS256"), key(1, "next", published=60)], 164, PLAIN, []),
        ([key(1, "active", alg="RS256"), key(1, "next", published=60)], 164, ROTATE, []),
        (
            [key(1, "active", alg="RS256"), key(1, "next", published=60)],
            165,
            PLAIN,
            ["activate ES256-1", "create ES256-2 next"],
        ),
        # retiring keys stay published while what they signed lives
        ([key(1, "retiring", retiring=1_000), key(2, "active", activated=1_000), key(3, "next")], 1_604, PLAIN, []),
        (
            [key(1, "retiring", retiring=1_000), key(2, "active", activated=1_000), key(3, "next")],
            1_605,
            PLAIN,
            ["end ES256-1 retiring"],
        ),
        ([key(1, "retired"), key(2, "active", activated=0), key(3, "next")], 1_605, PLAIN, []),
        # two active keys heal to the newer one
        ([ACTIVE, key(2, "active", activated=5), key(3, "next", published=50)], 60, PLAIN, ["retire ES256-1"]),
        # emergency: at once, and nothing older is believed
        ([ACTIVE, NEXT], 60, EMERGENCY, ["activate ES256-2", "end ES256-1 active", "create ES256-3 next"]),
        ([ACTIVE, NEXT, key(3, "next", published=60)], 61, EMERGENCY, ["activate ES256-2", "end ES256-1 active"]),
        ([ACTIVE], 60, EMERGENCY, ["end ES256-1 active", "create ES256-2 active", "create ES256-3 next"]),
        (
            [key(1, "retiring", retiring=0), key(2, "active", activated=0), key(3, "next")],
            9_000,
            EMERGENCY,
            ["activate ES256-3", "end ES256-1 retiring", "end ES256-2 active", "create ES256-4 next"],
        ),
    ],
)
def test_plan(rows, now, how, wanted):
    assert short(plan(rows, now * S, POLICY, **how)) == wanted


def test_algorithms_are_planned_each_for_itself_and_a_dropped_one_is_left_alone():
    policy = msgspec.structs.replace(POLICY, algs=("ES256", "RS256"))
    rows = [ACTIVE, NEXT, key(1, "active", activated=0, alg="PS256")]
    assert short(plan(rows, 60 * S, policy)) == ["create RS256-1 next"]
    assert short(plan([], 0, policy)) == [
        "create ES256-1 active", "create ES256-2 next", "create RS256-1 active", "create RS256-2 next",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "action", "column"),
    [
        (NEXT, Activate(kid="ES256-2", at=7), "activated_at"),
        (ACTIVE, RetireStart(kid="ES256-1", at=7), "retiring_at"),
        (key(1, "retiring", retiring=1), RetireEnd(kid="ES256-1", at=7), "retired_at"),
        (ACTIVE, RetireEnd(kid="ES256-1", at=7, from_state="active"), "retired_at"),
    ],
)
def test_a_transition_stamps_its_time(row, action, column):
    after = applied(row, action)
    assert (after.state, getattr(after, column)) == (action.to_state, 7)
    with pytest.raises(ValueError, match="not about this key"):
        applied(after, action)


class Table:
    """The rows in a database: each batch is all or none, each action a compare-and-swap."""

    def __init__(self, rows: list[SigningKey] | None = None) -> None:
        self.rows = list(rows or [])

    def commit(self, actions: tuple[Action, ...]) -> bool:
        rows = {row.kid: row for row in self.rows}
        for action in actions:
            if isinstance(action, CreateNext):
                made = key(action.version, action.state, published=0, alg=action.alg)
                if made.kid in rows:  # unique (alg, version)
                    return False
                stamp = {"activated_at": action.at} if action.state == "active" else {}
                rows[made.kid] = msgspec.structs.replace(made, created_at=action.at, published_at=action.at, **stamp)
            elif action.kid not in rows or rows[action.kid].state != action.from_state:
                return False
            else:
                rows[action.kid] = applied(rows[action.kid], action)
        self.rows = list(rows.values())
        return True


@pytest.mark.parametrize("how", [PLAIN, ROTATE, EMERGENCY])
@pytest.mark.parametrize(
    "rows",
    [
        [],
        [ACTIVE],
        [ACTIVE, NEXT],
        [ACTIVE, NEXT, key(3, "next", published=60)],
        [key(1, "retiring", retiring=1), key(2, "active", activated=0)],
    ],
    ids=["empty", "no next", "whole", "waiting", "retiring"],
)
def test_of_two_nodes_with_the_same_rows_one_wins(rows, how):
    """The loser writes nothing, sees the request served, and finds nothing more to do."""
    table = Table(rows)
    first, second = (plan(table.rows, 20_000 * S, POLICY, **how) for _ in range(2))
    assert first == second
    assert table.commit(first)
    after = list(table.rows)
    assert not first or not table.commit(second)
    assert table.rows == after
    assert plan(table.rows, 20_000 * S, POLICY) == ()
    assert [row.state for row in table.rows].count("active") == 1


STEPS = st.lists(
    st.tuples(st.integers(0, 900), st.sampled_from(["plain", "rotate", "two nodes", "stale"])), max_size=40
)


@settings(max_examples=150)
@given(steps=STEPS)
def test_always_one_active_a_next_and_never_a_signature_with_an_unknown_key(steps):
    """A client that caches the set for its full max-age always knows the key that signs, and every living token's key."""
    policy = msgspec.structs.replace(POLICY, algs=("ES256", "RS256"))
    table, now = Table(), 1_000 * S
    assert table.commit(plan(table.rows, now, policy))
    sets: list[tuple[int, set[str]]] = []  # (published from, kids)
    signed: list[tuple[int, str]] = []
    stale = list(table.rows)

    for pause, what in [(0, "plain"), *steps]:
        sets.append((now, {jwk["kid"] for jwk in json.loads(jwks(table.rows))["keys"]}))
        now += pause * S
        # what a client may hold now: any set that was published within the max-age
        held = [
            kids
            for at, kids in zip([until for until, _ in sets[1:]] + [now], [k for _, k in sets], strict=True)
            if at >= now - policy.jwks_max_age_s * S
        ]
        seen = list(table.rows)
        if what == "stale":
            table.commit(plan(stale, now, policy, rotate=True))
        else:
            actions = plan(seen, now, policy, rotate=what == "rotate")
            assert table.commit(actions) or not actions
            if what == "two nodes":
                table.commit(plan(seen, now, policy, rotate=True))
        stale = seen
        published = {row.kid for row in table.rows if row.state != "retired"}
        for alg in policy.algs:
            active = [row for row in table.rows if row.alg == alg and row.state == "active"]
            assert len(active) == 1
            assert any(row.alg == alg and row.state == "next" for row in table.rows)
            assert len([row for row in table.rows if row.alg == alg and row.state == "next"]) <= 2
            if active[0].version > 1:
                assert (active[0].activated_at or 0) >= ripe_at(active[0], policy.jwks_max_age_s, policy.slack_s)
                assert all(active[0].kid in kids for kids in held)
            signed.append((now, active[0].kid))
        assert all(kid in published for at, kid in signed if at + policy.token_life_s * S > now)


@pytest.mark.parametrize(("how", "now"), [(ROTATE, 60), (ROTATE, 155), (EMERGENCY, 60), (ROTATE, 0), (EMERGENCY, 0)])
def test_a_request_that_the_winner_carried_out_is_served(how, now):
    rows = [] if now == 0 else [ACTIVE, NEXT]
    table = Table(rows)
    assert table.commit(plan(rows, now * S, POLICY, **how))
    assert served(rows, table.rows, emergency=how is EMERGENCY)


@pytest.mark.parametrize("how", [ROTATE, EMERGENCY])
def test_a_workers_ordinary_batch_serves_no_request(how):
    """An operator's emergency that lost to the end of some other key must not vanish."""
    rows = [key(1, "retiring", retiring=0), key(2, "active", activated=0), key(3, "next", published=900)]
    table = Table(rows)
    assert table.commit(plan(rows, 950 * S, POLICY))
    assert table.rows != rows
    assert not served(rows, table.rows, emergency=how is EMERGENCY)
    assert table.commit(plan(table.rows, 950 * S, POLICY, **how))
    assert served(rows, table.rows, emergency=how is EMERGENCY)


def test_a_rotation_does_not_serve_an_emergency():
    """The old key retires in peace there, and would still be believed."""
    table = Table([ACTIVE, NEXT])
    assert table.commit(plan([ACTIVE, NEXT], 155 * S, POLICY, rotate=True))
    assert not served([ACTIVE, NEXT], table.rows, emergency=True)
    assert table.commit(plan(table.rows, 155 * S, POLICY, emergency=True))
    assert served([ACTIVE, NEXT], table.rows, emergency=True)


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([key(1, "active"), key(2, "next"), key(3, "retiring", retiring=5)], {}),
        ([key(1, "retired", retiring=1_000), key(2, "active")], {"ES256-1": 4_605}),
        ([key(1, "retired", retiring=10), key(2, "retired", retiring=1_000)], {"ES256-1": 3_615, "ES256-2": 4_605}),
        # ended in an emergency: itself, what retired at that moment, what had retired before
        ([key(1, "retired"), key(2, "active")], {}),
        ([key(1, "retired", retiring=10), key(2, "retired"), key(3, "active")], {}),
        ([key(1, "retired", retiring=10), key(2, "retired", retiring=20), key(3, "retired"), key(4, "active")], {}),
        # what came after it vouches again
        ([key(1, "retired"), key(2, "retired", retiring=1_000), key(3, "active")], {"ES256-2": 4_605}),
        # each algorithm has versions of its own
        ([key(7, "retired", alg="RS256"), key(1, "retired", retiring=1_000)], {"ES256-1": 4_605}),
    ],
)
def test_which_retired_keys_still_vouch_for_a_hint(rows: list[SigningKey], wanted: dict[str, int]) -> None:
    """RP-Initiated Logout §2: sessions that are current or recent; DESIGN §6: an emergency ends belief."""
    assert {row.kid: until // S for until, row in vouching(rows, 3_600, 5)} == wanted


@pytest.mark.parametrize("earlier", [PLAIN, ROTATE, EMERGENCY])
def test_after_an_emergency_no_older_key_vouches(earlier: dict[str, bool]) -> None:
    """Whatever the keys went through before, and whatever each node's clock says."""
    rows, now = _carried_out([], 0, PLAIN), 0
    for how in (ROTATE, earlier, PLAIN, PLAIN, EMERGENCY):
        now += 700
        rows = _carried_out(rows, now, how)
    old = {row.kid for row in rows if row.state == "retired"}
    assert old and vouching(rows, 10**9) == ()
    for how in (ROTATE, PLAIN, PLAIN):
        now += 700
        rows = _carried_out(rows, now, how)
    since = {row.kid for _, row in vouching(rows, 10**9)}
    assert since and not since & old


def _carried_out(rows: list[SigningKey], now: int, how: dict[str, bool]) -> list[SigningKey]:
    """The rows after one plan."""
    found = {row.kid: row for row in rows}
    for action in plan(rows, now * S, POLICY, **how):
        if isinstance(action, CreateNext):
            made = key(action.version, action.state, published=now, activated=now if action.state == "active" else None)
            found[made.kid] = made
        else:
            found[action.kid] = applied(found[action.kid], action)
    return list(found.values())
