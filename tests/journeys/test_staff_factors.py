"""Staff without a second factor: told once a day by the worker, a day after it began, and an alert of the starter set."""

from idp.audit.verify import Bad
from idp.flows import log_alerts, staff, staff_factors
from idp.flows.log_memory import accept, sound_alarm
from idp.flows.sequencer import log_signer
from idp.flows.worker import Worker
from keys.backends import open_root
from tests.journeys.test_console import pseudonym, settle
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, enrol

DAY = 86_400


def told(house: House, hours: float) -> int:
    """Later, how many events there are of it."""
    house.clock.advance(hours * 3600)
    settle(house)
    staff_factors.tell(house.parts, house.clock())
    settle(house)
    return len(house.events("account.factor_missing"))


def test_a_role_upon_a_password_alone_is_told_once_a_day(any_house: House) -> None:
    house = any_house
    house.citizen("wang.audit", claims={}, password=PASSWORD)
    house.citizen("li.wei", claims={}, password=PASSWORD)
    settle(house)
    house.clock.advance(9 * DAY)
    staff.set_roles(house.parts, "wang.audit", ["auditor"], now=house.clock())
    begun = house.clock()
    watch = log_alerts.Watch(house.parts, trouble=lambda _: None)
    settle(house)
    watch.step()
    assert told(house, 23) == 0, "the account is old, the role is not"
    assert told(house, 2) == 1 and told(house, 1) == 1 and told(house, 22) == 1
    assert told(house, 2) == 2, "once a day"
    fact = house.events("account.factor_missing")[0]
    assert (fact["person"], fact["lacks"], fact["roles"]) == (
        pseudonym(house, "wang.audit"),
        "second_factor",
        "auditor",
    )
    assert fact["since"] == begun
    while watch.step():
        pass
    alerts = [event for event in house.events("alert.raised") if event["rule"] == "staff-without-second-factor"]
    assert len(alerts) == 2 and alerts[0]["group"] == f"person={pseudonym(house, 'wang.audit')}"
    staff.set_roles(house.parts, "wang.audit", [], now=house.clock())
    assert told(house, 99) == 2


def test_nobody_is_told_of_again_and_again_while_the_log_stands_still(any_house: House) -> None:
    """What was told waits without a line of the index; when the log goes on it is one event for each (DECISIONS 96)"""
    house = any_house
    house.citizen("wang.audit", claims={}, password=PASSWORD)
    staff.set_roles(house.parts, "wang.audit", ["auditor"], now=house.clock())
    settle(house)
    house.clock.advance(2 * DAY)
    sound_alarm(house.parts, Bad(3, "looked wrong"))
    for _ in range(5):
        staff_factors.tell(house.parts, house.clock())
        house.clock.advance(3600)
    accept(house.parts, log_signer(house.parts), "other")
    for _ in range(3):
        assert told(house, 1) == 1


def test_staff_with_a_factor_are_not_told_of(house: House) -> None:
    house.citizen("wang.audit", claims={}, password=PASSWORD)
    person = Person(house)
    person.sign_in("wang.audit")
    enrol(person)
    staff.set_roles(house.parts, "wang.audit", ["auditor"], now=house.clock())
    assert told(house, 30) == 0


def test_the_worker_looks_each_hour(house: House) -> None:
    house.citizen("wang.audit", claims={}, password=PASSWORD)
    staff.set_roles(house.parts, "wang.audit", ["auditor"], now=house.clock())
    settle(house)
    worker = Worker(house.parts, open_root(house.config.keys_url), trouble=lambda _: None)
    worker.tick()
    house.clock.advance(25 * 3600)
    worker.tick()
    settle(house)
    assert len(house.events("account.factor_missing")) == 1
