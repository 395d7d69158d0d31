"""Attacks on the log of every access: rows edited, swapped and deleted by hand; yesterday's copy; wildcards in what is searched for."""

from contextlib import suppress

import pytest
from click.testing import CliRunner

from idp.audit.counts import DAY
from idp.audit.search import Query
from idp.cli import main
from idp.flows import console_overview
from idp.flows.log_accepted import standing, words
from idp.flows.log_alerts import RAISED, Watch, shown
from idp.flows.log_health import measures
from idp.flows.log_memory import ADVICE, accept, check
from idp.flows.log_search import search
from idp.flows.log_stream import Stream
from idp.flows.log_verify import verify
from idp.flows.log_waiting import alarm
from idp.flows.sequencer import Damaged, head, log_signer
from idp.records import Event, EventCount
from tests.journeys.test_console import auditor
from tests.journeys.test_log_memory import brought_back, keeper
from tests.journeys.test_log_stream import Taker
from tests.journeys.test_log_verify import Insider, found, written
from tests.journeys.test_sequencer import happen
from tests.kit.house import House
from tests.kit.operator import environment

SIZE = 300
BY_HAND = {
    "a row edited": (17, ("UPDATE events SET client_id = 'other' WHERE seq = {0}",)),
    "a row deleted": (17, ("DELETE FROM events WHERE seq = {0}",)),
    "two rows swapped": (
        17,
        (
            "UPDATE events SET seq = -1 WHERE seq = {0}",
            "UPDATE events SET seq = {0} WHERE seq = {1}",
            "UPDATE events SET seq = {1} WHERE seq = -1",
        ),
    ),
    "the last hundred deleted": (SIZE - 100, ("DELETE FROM events WHERE seq >= {2}",)),
}


@pytest.mark.attack("A155", "F28")
@pytest.mark.parametrize("what", BY_HAND)
def test_what_is_done_by_hand_is_named_with_its_place(any_house: House, what: str) -> None:
    """``idp audit verify`` fails at the first bad row (RFC 9162 §2.1; ASVS 16.4.2)."""
    written(any_house, SIZE)
    assert found(any_house) is None
    index, statements = BY_HAND[what]
    insider = Insider(any_house)
    places = insider.seq(17), insider.seq(18), insider.seq(SIZE - 100)
    insider.do(*(statement.format(*places) for statement in statements))
    bad = found(any_house)
    assert bad is not None and bad.index == index


INDEX_BY_HAND = {
    "a line altered": (17, ("UPDATE event_facets SET value = {raw} WHERE facet = 'client' AND seq = {0}",)),
    "all its lines altered": (17, ("UPDATE event_facets SET value = {raw} WHERE seq = {0}",)),
    "a line gone and a foreign one in its place": (
        17,
        (
            "DELETE FROM event_facets WHERE facet = 'kind' AND seq = {1}",
            "INSERT INTO event_facets (facet, value, seq) VALUES ('client', {raw}, {0})",
        ),
    ),
    "a foreign line": (18, ("INSERT INTO event_facets (facet, value, seq) VALUES ('client', {raw}, {1})",)),
    "a line of no event": (None, ("INSERT INTO event_facets (facet, value, seq) VALUES ('client', {raw}, 99999)",)),
    "lines of two events swapped": (
        17,
        (
            "UPDATE event_facets SET seq = -1 WHERE facet = 'id' AND seq = {0}",
            "UPDATE event_facets SET seq = {0} WHERE facet = 'id' AND seq = {1}",
            "UPDATE event_facets SET seq = {1} WHERE facet = 'id' AND seq = -1",
        ),
    ),
}


@pytest.mark.attack("A155", "F28")
@pytest.mark.parametrize("what", INDEX_BY_HAND)
def test_what_is_done_to_the_search_index_is_named_with_its_event(any_house: House, what: str) -> None:
    """Nothing is hidden from searches, nothing shown where it does not belong (ASVS 16.4.2)"""
    written(any_house, SIZE)
    assert found(any_house) is None
    index, statements = INDEX_BY_HAND[what]
    insider = Insider(any_house)
    raw = "'\\x00'" if any_house.config.database_url.startswith("postgres") else "x'00'"
    insider.do(*(statement.format(insider.seq(17), insider.seq(18), raw=raw) for statement in statements))
    bad = found(any_house)
    assert bad is not None and "search" in bad.what
    assert bad.index == index


COUNTS_BY_HAND = {
    "all raised": "UPDATE event_counts SET n = n + 1",
    "one lowered": f"UPDATE event_counts SET n = n - 1 WHERE span = {DAY} AND client_id = 'c'",
    "one gone": f"DELETE FROM event_counts WHERE span = {DAY} AND client_id = 'c'",
    "another kind": f"UPDATE event_counts SET kind = 'zzz' WHERE span = {DAY} AND client_id = 'c'",
    "another day": f"UPDATE event_counts SET start = start - {DAY} WHERE span = {DAY} AND client_id = 'c'",
    "one put in": f"INSERT INTO event_counts (span, client_id, start, kind, n) VALUES ({DAY}, '', 0, 'zzz', 1)",
}


@pytest.mark.attack("A155", "F28")
@pytest.mark.parametrize("what", COUNTS_BY_HAND)
def test_counts_that_are_not_those_of_the_events_are_named(any_house: House, what: str) -> None:
    """A chart hides no storm and shows none (ASVS 16.4.2)"""
    written(any_house, SIZE)
    assert found(any_house) is None
    before = any_house.parts.store.find(EventCount)
    Insider(any_house).do(COUNTS_BY_HAND[what])
    assert any_house.parts.store.find(EventCount) != before
    bad = found(any_house)
    assert bad is not None and "counts are not those of the events" in bad.what
    assert "in the day from" in bad.what or "in the hour from" in bad.what


def forged(house: House) -> str:
    """A row whose entry does not fit, in the line behind the newest; its id."""
    kept, name = "at, kind, client_id, actor, head, salt, fields, entry", "ab" * 16
    raw = f"'\\x{name}'" if house.config.database_url.startswith("postgres") else f"x'{name}'"
    last = house.parts.store.find(Event, order=("-seq",), limit=1)[0].seq
    Insider(house).do(f"INSERT INTO events (id, {kept}) SELECT {raw}, {kept} FROM events WHERE seq = {last}")
    return name


@pytest.mark.attack("A155", "F28")
def test_a_forged_row_in_the_line_is_named_before_it_has_a_leaf(any_house: House) -> None:
    """What waits for its leaf is checked as what has one: entry against head, salt and digests (RFC 9162 §2.1)"""
    written(any_house, 40)
    happen(any_house, 2)
    assert found(any_house) is None
    name = forged(any_house)
    bad = found(any_house)
    assert (
        bad is not None
        and name in bad.what
        and bad.what.startswith("1 event that waits for its leaf is not as it was written")
    )


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.attack("A155", "F28")
def test_an_event_deleted_from_the_line_is_named(served_house: House) -> None:
    """Its place in the line stays behind (ASVS 16.4.2)"""
    written(served_house, 40)
    happen(served_house, 3)
    event = served_house.parts.store.find(Event, order=("-seq",), limit=2)[1]
    Insider(served_house).do(f"DELETE FROM events WHERE seq = {event.seq}")
    bad = found(served_house)
    assert bad is not None and f"number {event.seq}" in bad.what


@pytest.mark.attack("A155", "F28")
def test_an_event_altered_while_it_waits_is_named(any_house: House) -> None:
    """An entry that was written before the row was changed (RFC 9162 §2.1)"""
    written(any_house, 40)
    happen(any_house, 3)
    event = any_house.parts.store.find(Event, order=("-seq",), limit=2)[1]
    Insider(any_house).do(f"UPDATE events SET salt = entry WHERE seq = {event.seq}")
    bad = found(any_house)
    assert bad is not None and event.id.hex() in bad.what


@pytest.mark.attack("A155", "F28")
def test_whoever_looks_sees_that_the_log_stands_still(any_house: House) -> None:
    """Metrics, doctor and the console's first page tell (DECISIONS 90)"""
    house = any_house
    written(house, 40)
    forged(house)
    with pytest.raises(Damaged):
        keeper(house).sequence()
    told = measures(house.parts)
    assert told["idp_audit_alarm"][1] == 1 and told["idp_audit_sequence_lag"][1] > 0
    doctor = CliRunner(env=environment(house.config)).invoke(main, ["doctor", "--offline"])
    assert doctor.exit_code == 1 and "idp audit accept" in doctor.output
    page = auditor(house).get("/console?lang=en").text
    assert "The log is not what was signed. Tell whoever runs the house" in page


@pytest.mark.attack("A155", "F28", "F46")
def test_a_row_put_in_by_hand_silences_no_alert(any_house: House) -> None:
    """Whoever stops the log is told of at once, to all who hear of alerts (ASVS 16.4.2; DESIGN §1: the insider who rewrites history)"""
    house, soc, siem = any_house, Taker(), Taker()
    written(house, 40)
    streams = Stream(house.parts, soc, only=RAISED), Stream(house.parts, siem)
    for stream in streams:
        while stream.step():
            pass
    siem.got.clear()
    Watch(house.parts).step()
    forged(house)
    Insider(house).do("INSERT INTO generations (kind, n) VALUES ('log-alarm', 1)")  # as if it had been told
    with pytest.raises(Damaged):
        keeper(house).sequence()
    house.clock.advance(2)
    for stream in streams:
        stream.step()
    assert [line["rule"] for line in soc.got] == [line["rule"] for line in siem.got] == ["log-not-whole"]
    assert [told["rule"] for told in shown(house.parts, open_only=True, limit=10)] == ["log-not-whole"]
    page = auditor(house).get("/console/alerts?lang=en").text
    assert "Log not whole" in page and "No alert is open" not in page


NO_EVENTS = {
    "its id is a text": "'{id}', at, kind, client_id, actor, head, salt, fields, entry",
    "its entry is a number": "x'{id}', at, kind, client_id, actor, head, salt, fields, 7",
    "its time is a text": "x'{id}', 'now', kind, client_id, actor, head, salt, fields, entry",
    "its head is a number": "x'{id}', at, kind, client_id, actor, 7, salt, fields, entry",
}


@pytest.mark.attack("A155", "F28")
@pytest.mark.parametrize("what", NO_EVENTS)
def test_a_row_that_is_no_event_at_all_is_an_alarm(house: House, what: str) -> None:
    """SQLite takes any type in any column; the sequencer does not just fail again and again (ASVS 16.4.2)"""
    written(house, 40)
    values = NO_EVENTS[what].format(id="ab" * 16)
    Insider(house).do(
        "INSERT INTO events (id, at, kind, client_id, actor, head, salt, fields, entry)"
        f" SELECT {values} FROM events ORDER BY seq DESC LIMIT 1"
    )
    with pytest.raises(Damaged):
        keeper(house).sequence()
    assert alarm(house.parts) and head(house.parts).size == 40
    accept(house.parts, log_signer(house.parts), "looked at")
    with suppress(Damaged):
        keeper(house).sequence()
    assert (head(house.parts).size > 40) is not alarm(house.parts), "it goes on, or says that it can't"


@pytest.mark.attack("A155", "F28")
def test_a_head_that_can_not_be_moved_is_an_alarm(any_house: House) -> None:
    """A row in the way of the next step: the sequencer does not wait for ever without a word (ASVS 16.4.2)"""
    written(any_house, 40)
    happen(any_house)
    empty = "'\\x'" if any_house.config.database_url.startswith("postgres") else "x''"
    Insider(any_house).do(f"UPDATE tree_heads SET note = {empty} WHERE name = 'log'")
    with pytest.raises(Damaged):
        keeper(any_house).sequence()
    assert alarm(any_house.parts)


@pytest.mark.attack("A155", "F28")
def test_a_forged_row_is_not_sealed_into_the_tree_and_is_an_alarm(any_house: House) -> None:
    """Nothing is signed that was not written by the house; an operator decides (ASVS 16.4.2)"""
    house = any_house
    written(house, 40)
    happen(house, 2)
    name, before, keeping = forged(house), head(house.parts), keeper(house)
    with pytest.raises(Damaged):
        keeping.sequence()
    assert head(house.parts) == before and alarm(house.parts)
    told = house.parts.store.find(Event, {"kind": "audit.alarmed"})
    assert len(told) == 1 and name.encode() in told[0].head
    accept(house.parts, log_signer(house.parts), "looked at")
    assert keeping.sequence() == 6, "the alarm is an event and an alert"
    seq = house.parts.store.find(Event, {"id": bytes.fromhex(name)})[0].seq
    whole = verify(house.parts, log_signer(house.parts))
    assert [(row.index, row.seq) for row in whole.spoilt] == [(42, seq)] and whole.indexed, (
        "what was let in stays named"
    )
    assert check(house.parts, log_signer(house.parts)).size == 46, "and is no alarm again"
    accept(house.parts, log_signer(house.parts), "looked at")
    assert keeping.sequence() == 1 and keeping.check()
    but = console_overview.log_state(house.parts).accepted
    assert but is not None and [row.index for row in but.rows] == [42] and but.count == 1
    assert measures(house.parts)["idp_audit_accepted_rows"][1] == 1
    assert words(but.rows, but.count).endswith(": index 42")
    page = auditor(house)
    shown_page = page.get("/console/log?lang=en").text
    assert (
        "The log is whole but for 1 event, which was accepted at" in shown_page
        and "Places in the log: 42." in shown_page
    )
    assert "Yes: the log is whole" not in shown_page and "Checked at" in shown_page
    assert "除 1 条事件外日志完整" in page.get("/console/log?lang=zh-Hans").text
    keeping.sequence()
    Insider(house).do(f"UPDATE events SET client_id = 'other' WHERE seq = {seq - 3}")
    bad = found(house)
    assert bad is not None and bad.index == 39, "another row is passed over by nothing"


@pytest.mark.attack("A155", "F28")
def test_a_forged_row_that_is_deleted_first_leaves_the_log_whole(any_house: House) -> None:
    """The advice that is printed is followed: deleted by its number, then accepted (DECISIONS 90)"""
    house = any_house
    written(house, 40)
    happen(house, 2)
    name, keeping = forged(house), keeper(house)
    with pytest.raises(Damaged):
        keeping.sequence()
    row = house.parts.store.find(Event, {"id": bytes.fromhex(name)})[0]
    bad = found(house)
    assert bad is not None and f"{name} (number {row.seq})" in bad.what and "events_pending" in ADVICE
    for table in ("events", "events_pending"):
        Insider(house).do(f"DELETE FROM {table} WHERE seq = {row.seq}")
    accept(house.parts, log_signer(house.parts), "looked at")
    keeping.sequence()
    assert verify(house.parts, log_signer(house.parts)).spoilt == () and standing(house.parts) is None


@pytest.mark.attack("A155", "F28")
@pytest.mark.parametrize("what", BY_HAND)
def test_what_is_accepted_in_the_tree_stays_named_by_all(any_house: House, what: str) -> None:
    """After an acceptance the verifier and the console tell the same rows (DECISIONS 90)"""
    house = any_house
    written(house, SIZE)
    _, statements = BY_HAND[what]
    insider = Insider(house)
    places, later = (insider.seq(17), insider.seq(18), insider.seq(SIZE - 100)), insider.seq(30)
    insider.do(*(statement.format(*places) for statement in statements))
    accept(house.parts, log_signer(house.parts), "other")
    keeper(house).sequence()
    whole, but = verify(house.parts, log_signer(house.parts)), standing(house.parts)
    assert whole.spoilt and not whole.indexed
    assert but is not None and but.count == len(whole.spoilt) and but.rows[0].index == whole.spoilt[0].index
    insider.do(f"UPDATE events SET client_id = 'other' WHERE seq = {later}")
    bad = found(house)
    assert bad is not None and bad.index == 30


@pytest.mark.attack("A155", "F29")
def test_over_yesterdays_copy_nothing_is_issued(make_house, house: House) -> None:
    """A restored older database is known by what is remembered outside of it, and no token leaves (C2SP tlog-checkpoint)."""
    written(house, 40)
    app = house.machine()

    def today() -> None:
        happen(house, 30)
        keeping = keeper(house)
        keeping.sequence()
        keeping.tick()

    old = brought_back(make_house, house, today)
    keeper(old).tick()
    old.clock.advance(1)
    assert old.as_client(app, "/token", {"grant_type": "client_credentials"}).status_code == 503


@pytest.mark.attack("A158")
@pytest.mark.parametrize("text", ["%", "_", "*", "c%", "' OR 1=1 --"])
def test_a_wildcard_finds_itself_alone(house: House, text: str) -> None:
    """A searched word is compared as it stands (CWE-943)."""
    written(house, 40)
    assert search(house.parts, Query(within="all", client="c"), house.clock()).events
    assert not search(house.parts, Query(within="all", client=text), house.clock()).events
