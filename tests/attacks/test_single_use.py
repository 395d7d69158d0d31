"""Everything that is good once, raced: fifty workers at a gate, two hundred rounds, on both databases; in each round exactly one wins (F33).

The journeys themselves are raced, one call below HTTP: ``tests/faults/test_races.py`` does the same over served processes. One house and one
pool of threads serve all rounds of a kind.
"""

import base64
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyotp
import pytest

from idp.authn import throttle
from idp.authn.identifiers import canonical
from idp.authn.totp import new_recovery_codes, recovery_hash
from idp.errors import Refusal, Unavailable
from idp.flows import authorize, one_time, sign_up, step_up
from idp.flows.client_auth import authenticate, consume
from idp.flows.one_time import Facts
from idp.flows.people import Caller
from idp.flows.provision import add_initial_token, totp_row
from idp.flows.register import register
from idp.flows.sign_in import SignedIn
from idp.flows.sign_up import Confirmed
from idp.flows.step_up import Basis
from idp.flows.token import token
from idp.ports import Add, Committed, Insert, Update, Write
from idp.protocol.params import Params
from idp.protocol.respond import ToClient
from idp.records import OneTime, RecoveryCode, Refresh, Session
from keys.tokens import new_token
from tests.journeys.test_authorize import query
from tests.kit.house import PASSWORD, SECOND, VERIFIER, App, House
from tests.kit.person import last_code
from tests.kit.process import PATIENCE_S

WORKERS, ROUNDS = 50, 200
Act = Callable[[int], bool]
"""One worker's try; whether it won."""
Kind = Callable[[House], Iterator[Act]]


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(WORKERS) as threads:
        yield threads


def won(act: Callable[[], object]) -> bool:
    """Whether it was not refused."""
    try:
        act()
    except Refusal:
        return False
    return True


def patiently(act: Act, worker: int) -> bool:
    """Fifty threads share a few connections: who did not get one in time has tried nothing yet, and tries again."""
    for _ in range(20):
        try:
            return act(worker)
        except Unavailable:
            continue
    raise AssertionError("no connection in twenty tries")


def commit(house: House, writes: list[Write]) -> None:
    assert isinstance(house.parts.store.commit(writes), Committed)


def signed_in(house: House) -> tuple[bytes, Session]:
    account = house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    return account, house.session(account)[0]


def at_token_endpoint(house: House, app: App, form: dict[str, str]) -> Act:
    sent, now = Params({"client_id": app.id, **form}.items()), house.clock()
    return lambda worker: won(lambda: token(house.parts, sent, None, now, f"10.0.0.{worker}", "R"))


def codes(house: House) -> Iterator[Act]:
    app, (account, session) = house.public(), signed_in(house)
    for _ in range(ROUNDS):
        code, grant = house.grant(app, account, session=session)
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
        yield at_token_endpoint(house, app, {**form, "redirect_uri": grant.redirect_uri})


def refresh_tokens(house: House) -> Iterator[Act]:
    app, (account, session) = house.public(), signed_in(house)
    end = house.clock() + 3600 * SECOND
    for _ in range(ROUNDS):
        _, grant = house.grant(app, account, session=session, state="redeemed", offline=1, expires_at=end)
        made = new_token(house.parts.ring, "refresh", house.parts.entropy)
        commit(house, [Insert(Refresh(made.hash, grant.id, "active", grant.scope, house.clock(), end, None))])
        yield at_token_endpoint(house, app, {"grant_type": "refresh_token", "refresh_token": made.token})


def pushed_requests(house: House) -> Iterator[Act]:
    app, account = house.register(), house.citizen()
    cookie = house.session(account)[1]
    house.code(house.signed_in(account), app)  # the consent is given and remembered
    for _ in range(ROUNDS):
        form = {name: value for name, value in query(app).items() if name != "client_id"}
        uri = house.as_client(app, "/par", form).get_json()["request_uri"]
        sent = Params([("client_id", app.id), ("request_uri", uri)])
        caller = authorize.Caller(house.clock(), "R", cookie, "a-browser")
        yield lambda _, sent=sent, caller=caller: has_code(authorize.begin(house.parts, sent, caller))  # type: ignore[misc]


def has_code(outcome: object) -> bool:
    return isinstance(outcome, ToClient) and any(name == "code" for name, _ in outcome.fields)


def totp_steps(house: House) -> Iterator[Act]:
    secret, caller, base = with_second_factor(house)
    for n in range(ROUNDS):
        if n % 50 == 0:
            caller, base = again(house, caller)
        house.clock.advance(30)
        now = house.clock()
        code, at = pyotp.TOTP(secret).at(now // SECOND), calling(caller, now)
        yield lambda _, code=code, at=at, base=base: isinstance(  # type: ignore[misc]
            step_up.with_code(house.parts, at, base, code), SignedIn
        )
        caller, base = again(house, caller, keep=True)


def recovery_codes(house: House) -> Iterator[Act]:
    _, caller, base = with_second_factor(house)
    account = base.person.account.id
    for _ in range(ROUNDS):
        code = new_recovery_codes(house.parts.entropy)[0]
        hashed = recovery_hash(house.parts.ring, account, code)
        commit(house, [Insert(RecoveryCode(hashed, account, None, house.clock()))])
        yield lambda _, code=code, caller=caller, base=base: isinstance(  # type: ignore[misc]
            step_up.with_recovery_code(house.parts, caller, base, code), SignedIn
        )
        caller, base = again(house, caller, keep=True)


def one_time_codes(house: House) -> Iterator[Act]:
    """Guessing is bounded by tries besides: enough of them are given for every worker."""
    name = canonical("new@example.cn")
    caller = Caller(browser=bytes(32), remote="10.0.0.1", device="?", reference="R", now=house.clock())
    for _ in range(ROUNDS):
        house.clock.advance(0.001)
        caller = calling(caller, house.clock())
        facts = Facts(name.kind, name.canonical)
        row_id, writes = one_time.make(
            house.parts, caller, sign_up.PURPOSE, facts, to=name, notice="sign_up_code", person=None
        )
        commit(house, [*writes, Update(OneTime, {"id": row_id}, {"tries_left": Add(WORKERS)})])
        ticket, code = one_time.reference(house.parts, row_id), last_code(house, "sign_up_code")
        yield lambda _, ticket=ticket, code=code, caller=caller: isinstance(  # type: ignore[misc]
            sign_up.confirm(house.parts, caller, ticket, code), Confirmed
        )


def assertions(house: House) -> Iterator[Act]:
    app = house.signing()
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    for _ in range(ROUNDS):
        sent = Params([("client_assertion_type", kind), ("client_assertion", house.assertion(app))])
        yield lambda worker, sent=sent: won(lambda: use_assertion(house, sent, worker))  # type: ignore[misc]


def use_assertion(house: House, sent: Params, worker: int) -> None:
    consume(house.parts, authenticate(house.parts, sent, None, house.clock(), "introspect", f"10.0.0.{worker}"))


def initial_access_tokens(house: House) -> Iterator[Act]:
    metadata = {"redirect_uris": ["https://tax.example/cb"], "token_endpoint_auth_method": "none"}
    for _ in range(ROUNDS):
        right = add_initial_token(house.parts, house.department(), uses=1)
        yield lambda _, right=right: won(lambda: register(house.parts, right, metadata, house.clock()))  # type: ignore[misc]


KINDS: dict[str, Kind] = {
    "code": codes,
    "refresh token": refresh_tokens,
    "pushed request": pushed_requests,
    "TOTP step": totp_steps,
    "recovery code": recovery_codes,
    "one-time code": one_time_codes,
    "assertion": assertions,
    "initial access token": initial_access_tokens,
}


def with_second_factor(house: House) -> tuple[str, Caller, Basis]:
    account = house.citizen("li.wei", password=PASSWORD)
    secret = pyotp.random_base32()
    citizen = house.parts.vault.citizen(account)
    commit(house, [Insert(totp_row(citizen, base64.b32decode(secret), house.clock()))])
    session, _ = house.session(account)
    caller = Caller(browser=bytes(32), remote="10.0.0.1", device="?", reference="R", now=house.clock(), session=session)
    base = step_up.basis(house.parts, caller)
    assert base is not None
    return secret, caller, base


def again(house: House, caller: Caller, *, keep: bool = False) -> tuple[Caller, Basis]:
    """The winner's session goes on under a new token; now and then a fresh one, before it is too old."""
    assert caller.session is not None
    if keep:
        session = house.parts.store.one(Session, id=caller.session.id)
    else:
        session, _ = house.session(caller.session.account_id)
    assert session is not None
    fresh = Caller(browser=bytes(32), remote="10.0.0.1", device="?", reference="R", now=house.clock(), session=session)
    base = step_up.basis(house.parts, fresh)
    assert base is not None
    return fresh, base


def calling(caller: Caller, now: int) -> Caller:
    return replace(caller, now=now)


@pytest.mark.slow
@pytest.mark.attack("F33", "A028", "A033", "A044", "A060", "A097", "A120", "A125")
@pytest.mark.parametrize("kind", KINDS)
def test_of_fifty_at_once_one_wins_in_each_of_two_hundred_rounds(
    any_house: House, kind: str, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Single use is decided in the commit, whoever looked before (DESIGN §2.2; RFC 6749 §4.1.2, RFC 9126 §4, RFC 6238 §5.2, RFC 7523 §3)."""
    monkeypatch.setattr(throttle, "FREE_TRIES", 10**6)  # guessing is slowed elsewhere: here the race alone decides
    monkeypatch.setattr(throttle, "LAST_TRIES", 10**7)
    monkeypatch.setattr(throttle, "ADDRESS_TRIES", 10**6)
    gate, winners = threading.Barrier(WORKERS, timeout=PATIENCE_S), Counter[int]()

    def run(act: Act, worker: int) -> bool:
        gate.wait()
        return patiently(act, worker)

    for act in KINDS[kind](any_house):
        tried = [pool.submit(run, act, worker) for worker in range(WORKERS)]
        winners[sum(one.result() for one in tried)] += 1
    assert winners == {1: ROUNDS}
