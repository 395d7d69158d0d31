"""Details end, leaves never: what is destroyed can't be read, and the log verifies as before (DESIGN §6)."""

import pytest

from idp.audit.entry import unpack
from idp.audit.events import PasswordChanged, SignInFailed, record
from idp.audit.retention import DAY, ends, rules
from idp.config import ConfigError
from idp.flows.log_memory import check
from idp.flows.log_purge import plan, purge
from idp.flows.log_verify import verify
from idp.flows.sequencer import catch_up, head, log_signer
from idp.records import Event
from tests.kit.house import House
from tests.kit.operator import Operator


def failed(house: House, count: int = 1) -> None:
    person = house.parts.vault.nobody()
    for _ in range(count):
        fact = SignInFailed(reason="password")
        personal = {"address": "192.0.2.1", "device": "d"}
        event = record(fact, at=house.clock(), entropy=house.parts.entropy, person=person, personal=personal)
        house.parts.store.commit([event])


def sealed(house: House) -> list[bytes]:
    rows = house.parts.store.find(Event, order=("seq",), limit=2000)
    return [field.sealed for row in rows if row.fields for field in unpack(row.fields)]


def test_details_of_old_events_end_and_the_log_is_whole(any_house):
    house = any_house
    failed(house, 520)
    house.clock.advance(100 * 86_400)
    failed(house, 3)
    signer = log_signer(house.parts)
    catch_up(house.parts, signer, house.clock())
    root = head(house.parts).root
    assert (plan(house.parts), purge(house.parts)) == ({}, {})
    house.clock.advance(85 * 86_400)
    assert plan(house.parts) == {"session": 520}
    assert head(house.parts).root == root and all(sealed(house))
    assert purge(house.parts) == {"session": 520}
    assert [bool(s) for s in sealed(house)] == [False] * 1040 + [True] * 6
    assert purge(house.parts) == {}, "nothing is destroyed twice"
    verify(house.parts, signer)
    told = house.parts.store.find(Event, {"kind": "audit.purged"}, order=("seq",))
    assert [b'"events":500' in told[0].head, b'"events":20' in told[1].head, len(told)] == [True, True, 2]
    catch_up(house.parts, signer, house.clock())
    check(house.parts, signer, range(4))
    assert verify(house.parts, signer).waiting == 0


def test_a_class_has_its_own_time(make_house):
    house = make_house(log_retention=("account=200",))
    failed(house)
    person = house.parts.vault.nobody()
    fact = PasswordChanged(how="change")
    event = record(
        fact, at=house.clock(), entropy=house.parts.entropy, person=person, personal={"address": "192.0.2.1"}
    )
    house.parts.store.commit([event])
    house.clock.advance(400 * 86_400)
    assert purge(house.parts) == {"account": 1}
    assert [bool(s) for s in sealed(house)] == [True, True, False]


@pytest.mark.parametrize(
    "setting", ["session", "session=", "session=3", "session=x", "visit=300", "session=99999", "session=٣٠٠"]
)
def test_a_rule_that_is_none_is_refused(make_house, setting):
    house = make_house(log_retention=(setting,))
    with pytest.raises(ConfigError, match="IDP_LOG_RETENTION"):
        plan(house.parts)


def test_the_day_is_counted_from_the_event():
    kept = rules(["session=183"], ["session.started", "account.changed"])
    assert ends("session.started", 5, kept) == 5 + 183 * DAY
    assert ends("account.changed", 5, kept) is None


def test_an_operator_looks_before_destroying(tmp_path, prepared_house):
    import shutil

    shutil.copytree(prepared_house, tmp_path, dirs_exist_ok=True)
    idp = Operator(tmp_path)
    assert idp.ask("audit", "purge", "--dry-run") == {"would_purge": {}, "would_destroy_keys": []}
    assert idp.ask("audit", "purge", "--yes") == {"purged": {}, "keys_destroyed": []}
    assert idp.run("audit", "purge").exit_code == 2
    assert idp.run("audit", "purge", "--yes", "--dry-run").exit_code == 2
