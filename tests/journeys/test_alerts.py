"""Alerts from the log as it grows: raised once, over restarts too; delivered; acknowledged by an operator."""

import json
import shutil
from pathlib import Path

import pytest

from idp.audit.events import SignInFailed, record
from idp.config import ConfigError
from idp.errors import Refusal
from idp.flows.alert_rules import load_rules
from idp.flows.log_alerts import RAISED, Watch, acknowledge, shown, tried
from idp.flows.log_stream import Stream
from idp.flows.sequencer import catch_up, head, log_signer
from idp.receivers import open_alert_sinks
from idp.records import Event
from tests.journeys.test_cli_audit import keep
from tests.journeys.test_log_verify import Insider, written
from tests.kit.house import House
from tests.kit.operator import Operator
from tests.kit.person import PASSWORD, Person

RULES = """
[guessing]
about = "x"
kind = ["session.refused"]
count = 3
within = 60
severity = "high"
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "rules.toml"
    path.write_text(RULES, encoding="utf-8")
    return str(path)


def failed(house: House, count: int) -> None:
    fact = SignInFailed(reason="password")
    for _ in range(count):
        house.parts.store.commit([record(fact, at=house.clock(), entropy=house.parts.entropy)])
    catch_up(house.parts, log_signer(house.parts), house.clock())


def raised(house: House) -> int:
    return house.parts.store.count(Event, {"kind": RAISED})


def drained(watch: Watch) -> None:
    while watch.step():
        pass


def test_a_rule_that_is_met_raises_an_event_and_is_told(any_house, file):
    house, said = any_house, list[str]()
    written(house, 20)
    failed(house, 5)
    watch = Watch(house.parts, trouble=said.append)
    drained(watch)
    assert raised(house) == 0, "what was before the first look is history"
    failed(house, 20)
    drained(watch)
    assert raised(house) == 0, "the starter set wants one account, or many"
    house.clock.advance(3600)
    watch = Watch(_with(house, file), trouble=said.append)
    failed(house, 3)
    drained(watch)
    assert said == ["ALERT high: guessing (all): 3 events"]
    catch_up(house.parts, log_signer(house.parts), house.clock())
    (told,) = shown(house.parts, open_only=True, limit=10)
    assert (told["rule"], told["count"], told["outcome"]) == ("guessing", 3, None)
    assert told["last"] - told["first"] == 2


def _with(house: House, file: str):
    from dataclasses import replace

    return replace(house.parts, config=replace(house.config, log_alerts=file))


def test_none_is_raised_twice_over_a_restart_and_none_is_missed(make_house, file):
    """The windows are read again, silently; the place moves with what was found"""
    house = make_house(log_alerts=file)
    written(house, 20)
    drained(Watch(house.parts))
    failed(house, 2)
    drained(Watch(house.parts))
    assert raised(house) == 0
    failed(house, 1)
    said: list[str] = []
    drained(Watch(house.parts, trouble=said.append))
    assert (raised(house), len(said)) == (1, 1)
    for _ in range(3):
        failed(house, 1)
        drained(Watch(house.parts, trouble=said.append))
    assert raised(house) == 1, "silent for one window"
    house.clock.advance(61)
    failed(house, 3)
    drained(Watch(house.parts, trouble=said.append))
    assert raised(house) == 2


def test_a_spoilt_or_deleted_event_stops_no_rule(make_house, file):
    house = make_house(log_alerts=file)
    written(house, 20)
    watch = Watch(house.parts, trouble=lambda _: None)
    drained(watch)
    failed(house, 5)
    insider = Insider(house)
    insider.do(
        f"UPDATE events SET head = x'ff' WHERE seq = {insider.seq(20)}",
        f"DELETE FROM events WHERE seq = {insider.seq(21)}",
    )
    drained(watch)
    assert raised(house) == 1


def test_an_alert_is_acknowledged_once(make_house, file):
    house = make_house(log_alerts=file)
    written(house, 20)
    watch = Watch(house.parts, trouble=lambda _: None)
    drained(watch)
    failed(house, 3)
    drained(watch)
    failed(house, 0)
    (told,) = shown(house.parts, open_only=True, limit=10)
    other = house.parts.store.find(Event, limit=1)[0].id.hex()
    for wrong, outcome in ((other, "handled"), ("00" * 16, "handled"), (told["id"], "perhaps")):
        with pytest.raises(Refusal):
            acknowledge(house.parts, wrong, outcome)
    acknowledge(house.parts, told["id"], "harmless")
    failed(house, 0)
    assert shown(house.parts, open_only=True, limit=10) == []
    assert [t["outcome"] for t in shown(house.parts, open_only=False, limit=10)] == ["harmless"]
    with pytest.raises(Refusal):
        acknowledge(house.parts, told["id"], "handled")


def test_whoever_is_to_hear_hears_of_alerts_alone(make_house, file, tmp_path):
    """A file, and e-mail by the notifier; each with a place of its own"""
    sent: list[tuple[str, str, str, str]] = []

    class Mailer:
        def send(self, channel: str, to: str, subject: str, body: str) -> None:
            sent.append((channel, to, subject, body))

    out = tmp_path / "alerts.jsonl"
    to = (f"file://{out}", "mailto:soc@example.gov")
    house = make_house(log_alerts=file, log_alerts_to=to, smtp_url="smtp://localhost/?from=a@b.example")
    written(house, 20)
    watch = Watch(house.parts, trouble=lambda _: None)
    drained(watch)
    failed(house, 3)
    drained(watch)
    failed(house, 2)
    for sink in open_alert_sinks(house.config, house.parts.outbound, Mailer()):
        stream = Stream(house.parts, sink, only=RAISED)
        while stream.step():
            pass
        assert stream.position() == head(house.parts).size
    assert [json.loads(line)["rule"] for line in out.read_text().splitlines()] == ["guessing"]
    assert [(channel, address) for channel, address, _, _ in sent] == [("email", "soc@example.gov")]
    assert json.loads(sent[0][3])["severity"] == "high"


def test_mail_without_a_mail_server_is_refused(make_house):
    house = make_house(log_alerts_to=("mailto:soc@example.gov",))
    with pytest.raises(ConfigError, match="IDP_SMTP_URL"):
        open_alert_sinks(house.config, house.parts.outbound, None)


def test_rules_are_tried_on_the_recorded_log(house, file):
    written(house, 20)
    failed(house, 4)
    rules = load_rules(_with(house, file).config)
    (found,) = tried(house.parts, rules, 0, head(house.parts).size)
    assert (found.rule, found.first, found.last) == ("guessing", 20, 22)
    assert raised(house) == 0


def test_an_operator_lists_tries_and_acknowledges(tmp_path, prepared_house, file):
    shutil.copytree(prepared_house, tmp_path, dirs_exist_ok=True)
    idp = Operator(tmp_path)
    keep(idp)
    assert idp.ask("alerts", "list") == []
    rules = idp.ask("alerts", "rules")
    assert {"code-replayed", "log-not-whole"} <= {rule["rule"] for rule in rules}
    assert {rule["within"] for rule in rules if rule["rule"] == "code-replayed"} == {600}
    assert "10 min" in idp.run("alerts", "rules").stdout
    assert idp.run("alerts", "rules", "--starter").stdout.startswith("# The starter set")
    assert [t["rule"] for t in idp.ask("alerts", "test", "--rules", file)] == []
    assert idp.run("alerts", "ack", "00" * 16, "--as", "handled").exit_code == 1
    bad = tmp_path / "bad.toml"
    bad.write_text("[x]\n")
    wrong = idp.run("alerts", "rules", IDP_LOG_ALERTS=str(bad))
    assert (wrong.exit_code, "IDP_LOG_ALERTS: x:" in wrong.stderr) == (1, True)


BY_ADDRESS = """
[spray]
about = "x"
kind = ["session.refused"]
group = ["address"]
distinct = "person"
count = 3
within = 600
severity = "high"
"""


def test_one_address_that_fails_at_many_accounts_is_told_without_the_address(any_house, tmp_path):
    """The recorded traffic of sign-ins at the page, seen through keyed indexes; other addresses are other groups."""
    house, path = any_house, tmp_path / "spray.toml"
    path.write_text(BY_ADDRESS, encoding="utf-8")
    names = ("li.wei", "zhang.min", "wang.fang")
    for name in names:
        house.citizen(name, claims={}, password=PASSWORD)
    for remote, name in zip(("203.0.113.1", "203.0.113.2", "203.0.113.3"), names, strict=True):
        Person(house, remote=remote).sign_in(name, "wrong")
    for name in names:
        Person(house, remote="198.51.100.9").sign_in(name, "wrong")
    catch_up(house.parts, log_signer(house.parts), house.clock())
    rules = load_rules(_with(house, str(path)).config)
    (found,) = tried(house.parts, rules, 0, head(house.parts).size)
    assert (found.rule, found.group, found.count) == ("spray", "address=sealed", 3)


def test_events_that_were_seen_late_are_told_once(any_house):
    house = any_house
    written(house, 20)
    drained(watch := Watch(house.parts, trouble=lambda _: None))
    failed(house, 2)
    house.clock.advance(61)
    drained(watch)
    assert [event["rule"] for event in house.events(RAISED)] == ["log-behind"]
