"""Two leaders beside one another for a moment, the old one being late, or a list that is older than what was done: nothing is done or told twice, and
nothing is lost (DESIGN §2.2, §3 *worker*)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from idp.flows import erasure, outbox, staff, staff_factors
from idp.flows.log_alerts import Watch
from idp.flows.log_reading import COSIGNED
from idp.flows.log_stream import Stream
from idp.flows.log_witnesses import Witnessing
from idp.flows.recipients import recipient
from idp.records import Account, Erasure, LogoutDelivery, TreeHead
from tests.journeys.test_alerts import drained, failed, file, raised
from tests.journeys.test_console import settle
from tests.journeys.test_erasure import ask
from tests.journeys.test_history import citizen
from tests.journeys.test_log_stream import Taker, indices
from tests.journeys.test_log_verify import written
from tests.journeys.test_logout import _sign_out, reaching, receiver
from tests.journeys.test_witness import cosigner, served
from tests.kit.house import House
from tests.kit.person import PASSWORD

__all__ = ["file", "reaching", "receiver"]
DAY = 86_400


def before_its_commit(house: House, monkeypatch: pytest.MonkeyPatch, other: Callable[[], object]) -> None:
    """``other`` happens when whoever is late has read everything, and is about to write."""
    kind = type(house.parts.store)
    plain = kind.commit

    def commit(self: Any, writes: Any) -> Any:
        monkeypatch.setattr(kind, "commit", plain)
        other()
        return plain(self, writes)

    monkeypatch.setattr(kind, "commit", commit)


def test_an_alert_is_raised_by_one_of_them(make_house: Any, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the late one, which saw what is not its own, raises the next one as everybody would"""
    house, said = make_house(log_alerts=file), list[str]()
    written(house, 20)
    late, other = (Watch(house.parts, trouble=said.append) for _ in range(2))
    drained(late)
    failed(house, 3)
    before_its_commit(house, monkeypatch, lambda: drained(other))
    assert late.step() == 0
    drained(late)
    assert raised(house) == len(said) == 1
    house.clock.advance(3600)
    failed(house, 3)
    drained(late)
    assert raised(house) == len(said) == 2


def test_a_stream_is_not_taken_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the late one had sent is sent twice at most; nothing behind it is"""
    written(house, 10)
    taker = Taker()
    late, other = (Stream(house.parts, taker) for _ in range(2))

    def meanwhile() -> None:
        other.step()
        written(house, 40)
        other.step()

    before_its_commit(house, monkeypatch, meanwhile)
    late.step()
    assert late.position() == other.position() == 40
    assert (late.step(), indices(taker)) == (0, [*range(10), *range(40)])


def test_a_cosigned_head_is_not_taken_back(make_house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C2SP tlog-witness: whoever saw the larger tree is never shown the smaller one by us"""
    made = cosigner(tmp_path / "w", make_house())
    with served(made, 1) as url:
        settings = tuple(f"{key.text()}@{url}" for key in made.verifiers)
        house = make_house(log_witnesses=settings, outbound_allow=("127.0.0.1",))
        written(house, 30)
        late, other = (Witnessing(house.parts, settings) for _ in range(2))
        late.ask(house.clock()), other.ask(house.clock())
        written(house, 60)

        def meanwhile() -> None:
            written(house, 90)
            other.ask(house.clock())

        before_its_commit(house, monkeypatch, meanwhile)
        late.ask(house.clock())
        shown = house.parts.store.one(TreeHead, name=COSIGNED)
        assert shown is not None and shown.size == 90


def staff_without_factor(house: House) -> None:
    for name in ("wang.audit", "sun.op"):
        house.citizen(name, claims={}, password=PASSWORD)
        staff.set_roles(house.parts, name, ["auditor"], now=house.clock())
    house.clock.advance(2 * DAY)
    settle(house)


def test_staff_are_told_of_once_a_day(any_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house = any_house
    staff_without_factor(house)
    before_its_commit(house, monkeypatch, lambda: staff_factors.tell(house.parts, house.clock()))
    assert staff_factors.tell(house.parts, house.clock()) == 0
    assert len(house.events("account.factor_missing")) == 2
    house.clock.advance(DAY)
    assert staff_factors.tell(house.parts, house.clock()) == 2


def test_the_next_leader_tells_of_no_staff_again_before_the_index_knows(house: House) -> None:
    """The log's leader may have died with the worker's: what it told has no line yet"""
    staff_without_factor(house)
    assert [staff_factors.tell(house.parts, house.clock()) for _ in range(2)] == [2, 0]


def test_a_delivery_that_outlasted_its_time_ends_once(
    reaching: House, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process stood still; the next one delivered: one end is recorded (Back-Channel Logout §2.8)"""
    house = reaching
    _sign_out(house, receiver)
    (row,) = outbox.due_logouts(house.parts, house.clock())
    plain = recipient

    def stood_still(*given: Any) -> Any:
        monkeypatch.setattr(outbox, "recipient", plain)
        house.clock.advance(outbox.HELD_S[LogoutDelivery] + 1)
        (again,) = outbox.due_logouts(house.parts, house.clock())
        assert outbox.deliver_logout(house.parts, again) == "sent"
        return plain(*given)

    monkeypatch.setattr(outbox, "recipient", stood_still)
    outbox.deliver_logout(house.parts, row)
    assert len(house.events("logout.delivered")) == 1 and len(receiver.tokens) == 2


def test_a_delivery_that_succeeded_late_is_not_made_again(
    reaching: House, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other's failure is not the last word"""
    house = reaching
    _sign_out(house, receiver)
    (row,) = outbox.due_logouts(house.parts, house.clock())
    plain = recipient

    def stood_still(*given: Any) -> Any:
        monkeypatch.setattr(outbox, "recipient", plain)
        house.clock.advance(outbox.HELD_S[LogoutDelivery] + 1)
        (again,) = outbox.due_logouts(house.parts, house.clock())
        receiver.status = 503
        assert outbox.deliver_logout(house.parts, again) == "pending"
        receiver.status = 200
        return plain(*given)

    monkeypatch.setattr(outbox, "recipient", stood_still)
    assert outbox.deliver_logout(house.parts, row) == "sent"
    house.clock.advance(DAY)
    assert outbox.due_logouts(house.parts, house.clock()) == []
    assert [e["outcome"] for e in house.events("logout.delivered")] == ["sent"]


def waiting_to_be_forgotten(house: House) -> tuple[bytes, Any]:
    account, person = citizen(house)
    ask(person)
    house.clock.advance(31 * DAY)
    return account, person


def test_who_signs_in_behind_the_list_is_not_forgotten(any_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """GDPR art. 17: kept by whoever it is about, up to the very batch"""
    house = any_house
    account, person = waiting_to_be_forgotten(house)
    before_its_commit(house, monkeypatch, person.sign_in)
    assert erasure.run_due(house.parts, house.clock()) == 0
    row, kept = house.parts.store.one(Erasure, account_id=account), house.parts.store.one(Account, id=account)
    assert row is not None and kept is not None and (row.state, kept.status) == ("cancelled", "active")
    assert house.parts.vault.claims(house.parts.vault.citizen(account), ("name",))


def test_who_is_forgotten_is_so_once(any_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house = any_house
    account, _ = waiting_to_be_forgotten(house)
    before_its_commit(house, monkeypatch, lambda: erasure.run_due(house.parts, house.clock()))
    erasure.run_due(house.parts, house.clock())
    row = house.parts.store.one(Erasure, account_id=account)
    assert row is not None and row.state == "done" and house.parts.keyring.erased(account)
    assert len(house.events("account.erased")) == 1
