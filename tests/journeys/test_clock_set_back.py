"""A searcher of the log finds what happened in a window of time also where a clock was set back, went ahead, or stood apart from another: nothing is
silently missed (issue 4, Build 4)."""

import json
from collections.abc import Iterator

import msgspec
import pytest
from click.testing import CliRunner

from idp.audit.events import ClientTokenIssued, SignInFailed, record
from idp.audit.search import Query
from idp.audit.stretches import Stretch
from idp.audit.verify import Bad
from idp.cli import main
from idp.flows import log_times
from idp.flows.console_search import chart
from idp.flows.log_export import index_at, index_until
from idp.flows.log_reading import events_between
from idp.flows.log_search import search
from idp.flows.log_times import CLOCK
from idp.flows.log_verify import verify
from idp.flows.sequencer import log_signer
from idp.records import Event, TreeHead
from tests.journeys.test_console import auditor, found, settle
from tests.journeys.test_console_lookups import by_address
from tests.journeys.test_log_verify import Insider
from tests.kit.house import House
from tests.kit.operator import environment
from tests.kit.person import Person

HOUR, SECOND = 3600, 1_000_000


def set_back(n: int) -> int:
    """By two hours, in the middle."""
    return n * 60 - (2 * HOUR if n >= 150 else 0)


def a_glimpse(n: int) -> int:
    """A day ahead for one event."""
    return n * 60 + (24 * HOUR if n == 100 else 0)


def apart(n: int) -> int:
    """Two nodes, twenty minutes from each other."""
    return n * 60 + 1200 * (n % 2)


def again_and_again(n: int) -> int:
    return n * 60 - n // 40 * HOUR


CLOCKS = [set_back, a_glimpse, apart, again_and_again]


def written(house: House, times: object, numbers: range) -> None:
    begun = house.clock()
    batch = []
    for n in numbers:
        fact = (
            SignInFailed(reason="wrong_password", reference=f"R{n % 7}")
            if n % 3
            else ClientTokenIssued(scope="s", client_id="c1")
        )
        at = begun + times(n) * SECOND  # type: ignore[operator]
        batch.append(record(fact, at=at, entropy=house.parts.entropy))
    house.parts.store.commit(batch)


def windows(house: House) -> Iterator[tuple[int | None, int | None]]:
    known = sorted(event.at for event in house.parts.store.find(Event, limit=2000))
    some = [known[n] for n in range(0, len(known), 70)]
    yield from ((since, until) for since in (None, *some) for until in (None, *(at + 1 for at in some)))


def everything(house: House, query: Query, now: int) -> list[str]:
    ids, page = list[str](), search(house.parts, query, now, 90)
    while True:
        ids += [event.id for event in page.events]
        if not page.more:
            return ids
        page = search(house.parts, msgspec.structs.replace(query, before=page.more), now, 90)


@pytest.mark.parametrize("times", CLOCKS)
@pytest.mark.parametrize("state", ["in the log", "half of it waits", "an earlier version's row"])
def test_a_window_holds_all_of_it(house: House, times: object, state: str) -> None:
    """By time alone, by an action, by a reference: each event of the window once, and no other"""
    written(house, times, range(160))
    settle(house)
    written(house, times, range(160, 300))
    if state != "half of it waits":
        settle(house)
    if state == "an earlier version's row":
        Insider(house).do(f"DELETE FROM tree_heads WHERE name = '{CLOCK}'")
        house.clock.advance(30 * 24 * HOUR)
        written(house, times, range(300))
        settle(house)
    known = house.parts.store.find(Event, order=("-seq",), limit=2000)
    if state == "an earlier version's row":
        known = known[:300]
    least = min(event.seq for event in known)
    seqs = {event.id.hex(): event.seq for event in house.parts.store.find(Event, limit=2000)}
    for since, until in windows(house):
        for more in ({}, {"action": "session.refused"}, {"reference": "R3"}):
            wanted = [
                event.id.hex()
                for event in known
                if (since or 0) <= event.at < (until or 1 << 60)
                and (not more or event.kind == "session.refused")
                and ("reference" not in more or b'"R3"' in event.head)
            ]
            asked = Query(within="all", since=since, until=until, **more)  # type: ignore[arg-type]
            ids = everything(house, asked, house.clock())
            assert [i for i in ids if seqs[i] >= least] == wanted and len(ids) == len(set(ids))


def test_what_is_later_than_now_is_in_todays_search(any_house: House) -> None:
    """Console, chart and command: the last day shows what happened before the clock was set back, though its time has not come"""
    house = any_house
    house.clock.advance(40 * 24 * HOUR)
    watch = auditor(house)
    written(house, lambda n: 6 * HOUR + n, range(5))
    settle(house)
    written(house, lambda n: n, range(5, 10))
    settle(house)
    page = watch.get("/console/events?within=24h&action=session.refused&lang=en").text
    refused = house.parts.store.find(Event, {"kind": "session.refused"}, order=("-seq",))
    assert found(page) == [event.id.hex() for event in refused] and len(refused) == 6
    for more in ({"action": "session.refused"}, {"reference": "R3"}):
        shown = chart(house.parts, Query(**more), house.clock())  # type: ignore[arg-type]
        assert sum(shown.bars) == len(everything(house, Query(**more), house.clock()))  # type: ignore[arg-type]
    words = ["audit", "search", "--kind", "session.refused", "--since", "2026-02-01", "--json"]
    done = CliRunner().invoke(main, words, env=environment(house.config), catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    assert {row["id"] for row in json.loads(done.stdout)["events"]} == {event.id.hex() for event in refused}


def test_an_address_is_found_on_both_sides(any_house: House) -> None:
    """Whose failures came from there, before the clock was set back and after"""
    house = any_house
    watch = auditor(house)
    house.citizen("li.wei")
    for seconds in (0, 2 * HOUR, -2 * HOUR, 60):
        house.clock.advance(seconds)
        Person(house, remote="203.0.113.7").sign_in(password="wrong horse battery staple")
        settle(house)
    house.clock.advance(60)
    assert len(found(by_address(watch, "203.0.113.7"))) == 4


def test_what_waits_in_masses_says_that_something_may_be_missing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that stands still, and a clock that was set back in it: found out for so many events alone"""
    monkeypatch.setattr(log_times, "TAIL", 20)
    settle(house)
    written(house, set_back, range(140, 200))
    page = search(house.parts, Query(within="all", since=1, until=house.clock() + 300 * HOUR * SECOND), house.clock())
    assert page.gap is not None
    settle(house)
    page = search(house.parts, Query(within="all", since=1, until=house.clock() + 300 * HOUR * SECOND), house.clock())
    assert page.gap is None


@pytest.mark.parametrize("times", CLOCKS)
def test_an_export_of_a_time_holds_all_of_it(house: House, times: object) -> None:
    """From the first to the last event of the window, and what the log holds between them: it is one piece of the tree"""
    written(house, times, range(600))
    settle(house)
    leaves = list(events_between(house.parts, 0, house.parts.store.count(Event)))
    for since, until in windows(house):
        wanted = [n for n, event in leaves if (since or 0) <= event.at < (until or 1 << 60)]
        start, end = index_at(house.parts, since or 0), index_until(house.parts, until or 1 << 60)
        assert not wanted or start <= wanted[0] <= wanted[-1] < end
        assert start == len(leaves) or leaves[start][1].at >= (since or 0)
        assert not end or leaves[end - 1][1].at < (until or 1 << 60)


@pytest.mark.parametrize("times", CLOCKS)
def test_who_hides_that_the_clock_was_set_back_is_named(house: House, times: object) -> None:
    """Issue 4, Bad input: an event that no search by time would find any more; what the house wrote itself is whole"""
    house.citizen("li.wei")
    settle(house)
    for first in range(0, 300, 50):
        written(house, times, range(first, first + 50))
        settle(house)
    whole = verify(house.parts, log_signer(house.parts))
    assert whole.size == house.parts.store.count(Event) and whole.indexed
    row = house.parts.store.one(TreeHead, name=CLOCK)
    assert row is not None
    held = msgspec.msgpack.decode(row.note, type=tuple[Stretch, ...])
    one = msgspec.msgpack.encode((Stretch(0, held[0].low, max(stretch.high for stretch in held)),))
    later = msgspec.msgpack.encode(tuple(msgspec.structs.replace(stretch, low=stretch.low + 1) for stretch in held))
    for forged in (one, later):
        Insider(house).do(f"UPDATE tree_heads SET note = x'{forged.hex()}' WHERE name = '{CLOCK}'")
        with pytest.raises(Bad, match="hidden from searches by time"):
            verify(house.parts, log_signer(house.parts))
