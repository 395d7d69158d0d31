"""Attacks on the log of every access: rows edited, swapped and deleted by hand; yesterday's copy; wildcards in what is searched for."""

import pytest
from click.testing import CliRunner

from idp.audit.counts import DAY
from idp.audit.search import Query
from idp.cli import main
from idp.flows.log_health import alarm, measures
from idp.flows.log_memory import accept
from idp.flows.log_search import search
from idp.flows.sequencer import Damaged, head, log_signer
from idp.records import Event, EventCount
from tests.journeys.test_console import auditor
from tests.journeys.test_log_memory import brought_back, keeper
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
    assert bad is not None and name in bad.what and bad.what.startswith("1 events that wait")


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
    assert keeping.sequence() == 5
    bad = found(house)
    assert bad is not None and bad.index == 42, "what was let in stays named"


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
