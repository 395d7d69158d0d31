"""The log's alarm reaches whoever hears of alerts though the log stands still; afterwards nothing is told twice, nothing is lost (DECISIONS 96)."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idp.audit.ahead import AGAIN_US
from idp.audit.verify import Bad
from idp.errors import Refusal
from idp.flows import cases
from idp.flows.log_alerts import RAISED, Watch, acknowledge, outcome_of, shown
from idp.flows.log_memory import accept, sound_alarm
from idp.flows.log_stream import Stream
from idp.flows.log_verify import verify
from idp.flows.log_waiting import waiting
from idp.flows.sequencer import Damaged, catch_up, head, log_signer
from idp.ports import Insert
from idp.receivers import open_alert_sinks
from idp.records import Event, TreeBundle, TreeHead, TreeTile
from tests.attacks.test_log import forged
from tests.journeys.test_alerts import RULES, drained, failed
from tests.journeys.test_console import auditor
from tests.journeys.test_log_memory import keeper
from tests.journeys.test_log_stream import Taker
from tests.journeys.test_log_verify import Insider, written
from tests.journeys.test_sequencer import happen
from tests.kit.house import House

HOUR_S = AGAIN_US // 1_000_000


class Mailer:
    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str, str]] = []

    def send(self, channel: str, to: str, subject: str, body: str) -> None:
        self.sent.append((channel, to, subject, body))


def standing(house: House) -> None:
    """A log that stands still over a row that does not fit, and the moment in which a leaf would have come."""
    forged(house)
    with pytest.raises(Damaged):
        keeper(house).sequence()
    house.clock.advance(2)


def ended(*streams: Stream) -> None:
    for stream in streams:
        while stream.step():
            pass


def rules(takers: Sequence[Any]) -> list[list[str]]:
    return [[line["rule"] for line in taker.got if line["kind"] == RAISED] for taker in takers]


def test_the_alarm_is_told_at_once_and_once_and_again_while_it_stands(any_house):
    """A restart and a receiver that is away change nothing of it"""
    house, takers = any_house, [Taker(), Taker()]
    written(house, 40)

    def streams() -> tuple[Stream, Stream]:
        quiet: list[str] = []
        return (
            Stream(house.parts, takers[0], only=RAISED, trouble=quiet.append),
            Stream(house.parts, takers[1], trouble=quiet.append),
        )

    ended(*streams())
    standing(house)
    takers[1].away = True
    for _ in range(3):
        ended(*streams())
        house.clock.advance(10)
    assert rules(takers) == [["log-not-whole"], []]
    takers[1].away = False
    for _ in range(3):
        ended(*streams())
    assert rules(takers) == [["log-not-whole"], ["log-not-whole"]]
    assert takers[0].got[0]["index"] == -1 and takers[0].got[0]["severity"] == "high"
    house.clock.advance(HOUR_S)
    for _ in range(3):
        ended(*streams())
    assert rules(takers) == [["log-not-whole"] * 2] * 2
    assert len({line["id"] for line in takers[0].got}) == 1, "one alert, to be acknowledged once"


def test_when_the_log_goes_on_nothing_is_told_twice_and_nothing_is_lost(any_house, tmp_path: Path):
    """What waited is judged by the rules; the alert comes into the tree like any event; the log verifies"""
    file = tmp_path / "rules.toml"
    file.write_text(
        RULES + RULES.replace("guessing", "own").replace("session.refused", "audit.alarmed").replace("3", "1")
    )
    house, takers, said = any_house, [Taker(), Taker()], list[str]()
    house.parts = replace(house.parts, config=replace(house.config, log_alerts=str(file)))
    written(house, 40)
    watch = Watch(house.parts, trouble=said.append)
    streams = Stream(house.parts, takers[0], only=RAISED), Stream(house.parts, takers[1])
    drained(watch)
    ended(*streams)
    standing(house)
    with pytest.raises(Damaged):
        failed(house, 3)
    drained(watch)
    ended(*streams)
    assert rules(takers) == [["log-not-whole"]] * 2 and said == []
    accept(house.parts, log_signer(house.parts), "other")
    for _ in range(2):
        catch_up(house.parts, log_signer(house.parts), house.clock())
        drained(watch)
        ended(*streams)
    assert rules(takers) == [["log-not-whole", "guessing"]] * 2
    assert [told["rule"] for told in shown(house.parts, open_only=True, limit=10)] == ["guessing", "log-not-whole"]
    assert waiting(house.parts) == {}
    assert len(takers[1].got) == head(house.parts).size, "each leaf once"
    house.clock.advance(3 * HOUR_S)
    ended(*streams)
    assert rules(takers) == [["log-not-whole", "guessing"]] * 2, "it is over"
    whole = verify(house.parts, log_signer(house.parts))
    assert [row.index for row in whole.spoilt] == [40], "what was let in stays named, and nothing else"


def test_an_alert_of_a_rule_that_waits_in_a_log_that_stands_is_told_too(any_house, tmp_path: Path):
    """It was raised in the moment before; told ahead of its leaf once, not every hour"""
    file = tmp_path / "rules.toml"
    file.write_text(RULES)
    house, taker = any_house, Taker()
    house.parts = replace(house.parts, config=replace(house.config, log_alerts=str(file)))
    written(house, 40)
    watch, stream = Watch(house.parts, trouble=lambda _: None), Stream(house.parts, taker, only=RAISED)
    drained(watch)
    failed(house, 3)
    forged(house)
    drained(watch)
    with pytest.raises(Damaged):
        keeper(house).sequence()
    for _ in range(3):
        house.clock.advance(HOUR_S)
        ended(stream)
    assert sorted(rules([taker])[0]) == ["guessing", *["log-not-whole"] * 3]


def test_a_log_that_goes_on_tells_its_alerts_with_their_index(any_house, tmp_path: Path):
    """An alarm that keeps no leaf from being made is told by its leaf; again while it stands"""
    house, taker = any_house, Taker()
    written(house, 40)
    stream = Stream(house.parts, taker, only=RAISED)
    ended(stream)
    assert sound_alarm(house.parts, Bad(3, "looked wrong"))
    assert not sound_alarm(house.parts, Bad(3, "looked wrong"))
    ended(stream)
    assert taker.got == []
    catch_up(house.parts, log_signer(house.parts), house.clock())
    Watch(house.parts).step()
    ended(stream)
    assert [line["index"] for line in taker.got] == [41] or [line["index"] for line in taker.got] == [40]
    house.clock.advance(HOUR_S - 1)
    ended(stream)
    assert len(taker.got) == 1
    house.clock.advance(1)
    ended(stream)
    assert len(taker.got) == 2


def test_it_goes_by_mail_and_to_a_file_and_stands_in_the_console(make_house, tmp_path: Path):
    """Acknowledged and made a case of like any alert, before it has a leaf"""
    out, mailer = tmp_path / "alerts.jsonl", Mailer()
    to = (f"file://{out}", "mailto:soc@example.gov")
    house = make_house(log_alerts_to=to, smtp_url="smtp://localhost/?from=a@b.example")
    written(house, 40)
    happen(house, 2)
    standing(house)
    for sink in open_alert_sinks(house.config, house.parts.outbound, mailer):
        ended(Stream(house.parts, sink, only=RAISED))
    assert [json.loads(line)["rule"] for line in out.read_text().splitlines()] == ["log-not-whole"]
    ((_, to_whom, subject, body),) = mailer.sent
    assert (to_whom, subject, json.loads(body)["rule"]) == ("soc@example.gov", "Yimen: 1 alert(s)", "log-not-whole")
    who = auditor(house)
    page = who.get("/console/alerts?lang=en")
    (told,) = shown(house.parts, open_only=True, limit=10)
    assert "Log not whole" in page.text and told["id"] in page.text
    page = who.get(f"/console/alerts/{told['id']}?lang=en")
    assert page.status_code == 200 and "also while the log stands still" in page.text
    about = cases.about(house.parts, "alert", told["id"])
    assert about.source == bytes.fromhex(told["id"])
    acknowledge(house.parts, told["id"], "handled", "looked at it")
    assert shown(house.parts, open_only=True, limit=10) == [] and outcome_of(house.parts, told["id"]) == "handled"
    with pytest.raises(Refusal):
        acknowledge(house.parts, told["id"], "handled")


def test_the_newest_rows_deleted_are_told_of_though_their_numbers_are_given_again(any_house):
    """DECISIONS 47: what waits there is behind no number of the tree"""
    house, taker = any_house, Taker()
    written(house, 40)
    stream = Stream(house.parts, taker, only=RAISED)
    ended(stream)
    insider = Insider(house)
    insider.do(f"DELETE FROM events WHERE seq >= {insider.seq(35)}")
    happen(house)
    keeper(house).tick()
    house.clock.advance(2)
    ended(stream)
    assert rules([taker]) == [["log-not-whole"]]


@pytest.mark.parametrize("before", [False, True])
def test_two_that_find_it_sound_one_alarm(any_house, monkeypatch, before):
    """The look at the newest rows and the sequencer have threads of their own"""
    house, bad = any_house, Bad(3, "looked wrong")
    written(house, 40)
    if before:
        sound_alarm(house.parts, bad)
        accept(house.parts, log_signer(house.parts), "other")
    commit, first = house.parts.store.commit, [True]

    def meanwhile(writes):
        if first.pop() if first else False:
            assert sound_alarm(house.parts, bad)
        return commit(writes)

    monkeypatch.setattr(house.parts.store, "commit", meanwhile)
    assert not sound_alarm(house.parts, bad)
    assert house.parts.store.count(Event, {"kind": "audit.alarmed"}) == 1 + before


@pytest.mark.parametrize("note", [b"", b"\xff", b"\x80"])
def test_a_spoilt_row_of_what_waits_stops_nobody(any_house, note):
    house, taker = any_house, Taker()
    written(house, 40)
    house.parts.store.commit([Insert(TreeHead("waits:x", -1, b"", 0, note, 0))])
    standing(house)
    ended(Stream(house.parts, taker, only=RAISED))
    Watch(house.parts).step()
    assert rules([taker]) == [["log-not-whole"]]


def test_a_bundle_that_is_gone_silences_nothing(any_house):
    """A receiver that is behind it hears of the alarm all the same"""
    house, taker = any_house, Taker()
    written(house, 40)
    Insider(house).do("DELETE FROM tree_bundles")
    happen(house)
    with pytest.raises(Damaged):
        keeper(house).sequence()
    house.clock.advance(2)
    stream = Stream(house.parts, taker)
    ended(stream)
    assert (rules([taker]), stream.position()) == ([["log-not-whole"]], 0)


def test_after_a_cut_log_was_accepted_what_comes_next_is_news(any_house, tmp_path: Path):
    """The tree was longer once: neither rules nor receivers wait until it is so long again"""
    file = tmp_path / "rules.toml"
    file.write_text(RULES)
    house, taker = any_house, Taker()
    house.parts = replace(house.parts, config=replace(house.config, log_alerts=str(file)))
    written(house, 40)
    keeping, watch, stream = keeper(house), Watch(house.parts, trouble=lambda _: None), Stream(house.parts, taker)
    older = [row for kind in (TreeHead, TreeBundle, TreeTile) for row in house.parts.store.find(kind)]
    last = house.parts.store.find(Event, order=("-seq",), limit=1)[0].seq
    written(house, 60)
    keeping.tick()
    drained(watch)
    ended(stream)
    house.parts.store.commit([Insert(row, on_conflict="replace") for row in older])
    Insider(house).do(f"DELETE FROM events WHERE seq > {last}")
    ended(stream)
    taker.got.clear()
    happen(house)
    catch_up(house.parts, log_signer(house.parts), house.clock())
    ended(stream)
    assert [line["index"] for line in taker.got] == [40]
    assert not keeping.check()
    house.clock.advance(2)
    ended(stream)
    drained(watch)
    assert rules([taker]) == [["log-not-whole"]]
    accept(house.parts, log_signer(house.parts), "lost")
    taker.got.clear()
    failed(house, 3)
    for _ in range(2):
        drained(watch)
        catch_up(house.parts, log_signer(house.parts), house.clock())
        ended(stream)
    assert rules([taker]) == [["guessing"]]
    assert [line["kind"] for line in taker.got].count("session.refused") == 3
    assert head(house.parts).size < 60
