"""Searching the log: by exact facets and time, page by page, as many lines read as are shown."""

import shutil
from typing import Any

import pytest

from idp.audit.events import ClientTokenIssued, SignInFailed, record
from idp.audit.facets import CLIENT, FACETS, ID, KIND, PERSON, REFERENCE, SESSION, facets
from idp.errors import Refusal
from idp.flows import log_search
from idp.flows.log_search import Query, query, search
from idp.flows.sequencer import catch_up, log_signer
from idp.records import Event
from tests.journeys.test_cli_audit import keep
from tests.kit.house import House
from tests.kit.operator import Operator

SECOND = 1_000_000


@pytest.fixture
def busy(any_house: House) -> House:
    """Six hundred events of two citizens, three clients and two kinds, one a second."""
    house = any_house
    people = [house.parts.vault.citizen(house.citizen(name)) for name in ("li.wei", "zhang.min")]
    batch = []
    for n in range(600):
        reference = f"REF{n}" if n % 50 == 0 else None
        fact = (
            SignInFailed(reason="wrong_password", reference=reference)
            if n % 3
            else ClientTokenIssued(scope="s", client_id=f"c{n % 4}", reference=reference)
        )
        person = people[n % 2] if n % 3 else None
        batch.append(record(fact, at=house.clock(), entropy=house.parts.entropy, person=person))
        house.clock.advance(1)
    house.parts.store.commit(batch)
    catch_up(house.parts, log_signer(house.parts), house.clock())
    return house


def all_of(house: House) -> list[Event]:
    return house.parts.store.find(Event, order=("-seq",), limit=2000)


def everything(house: House, wanted: Query, limit: int = 90) -> list[Event]:
    found, page = [], search(house.parts, wanted, limit=limit)
    found += page.events
    while page.before is not None:
        page = search(house.parts, wanted, before=page.before, limit=limit)
        found += page.events
    return found


def test_every_facet_alone_and_together_finds_what_it_names_and_nothing_else(busy):
    house, events = busy, all_of(busy)
    person = next(e.actor for e in events if e.kind == "session.refused")
    one = events[100]
    searches: tuple[dict[str, Any], ...] = (
        {},
        {PERSON: person},
        {KIND: b"session.refused"},
        {CLIENT: b"c0"},
        {REFERENCE: b"REF50"},
        {ID: one.id},
        {PERSON: person, KIND: b"session.refused"},
        {PERSON: person, KIND: b"client.changed"},
        {CLIENT: b"c0", KIND: b"token.client_issued"},
        {SESSION: b"none"},
    )
    for wanted in searches:
        expected = [e for e in events if set(wanted.items()) <= set(facets(e))]
        assert everything(house, Query(wanted)) == expected, wanted


def test_times_are_exact(busy):
    house, events = busy, all_of(busy)
    for since, until in ((100, 200), (0, 1), (599, 700), (None, 5), (300, None), (700, 800), (200, 100)):
        first = events[599].at
        low = None if since is None else first + since * SECOND
        high = None if until is None else first + until * SECOND
        expected = [e for e in events if (low is None or e.at >= low) and (high is None or e.at < high)]
        assert everything(house, Query({}, low, high), limit=90) == expected, (since, until)
        kind = {KIND: b"session.refused"}
        assert everything(house, Query(kind, low, high)) == [e for e in expected if e.kind == "session.refused"]


def test_a_page_reads_so_much_and_no_more(busy, monkeypatch):
    """A search that finds nothing in a large log says where to go on, and ends"""
    monkeypatch.setattr(log_search, "MOST_READ", 50)
    wanted = Query({KIND: b"session.refused", CLIENT: b"c0"})
    page = search(busy.parts, wanted)
    assert page.events == [] and page.before is not None
    assert everything(busy, wanted) == []
    assert len(everything(busy, Query({KIND: b"session.refused"}))) == 400


@pytest.mark.parametrize("asked", [{PERSON: "xyz"}, {ID: "0"}, {"colour": "red"}, {CLIENT: "\ud800"}])
def test_what_can_not_be_searched_for_is_refused(asked):
    with pytest.raises(Refusal):
        query(asked)


@pytest.mark.attack("A158")
@pytest.mark.parametrize("text", ["%", "_", "*", "c%", "' OR 1=1 --", "c0\x00", ""])
def test_words_of_a_search_are_words(busy, text):
    """CWE-943: no wildcard, no statement, no prefix: a value meets itself alone"""
    assert everything(busy, query({CLIENT: text})) == []


def test_an_operator_searches(tmp_path, prepared_house):
    shutil.copytree(prepared_house, tmp_path, dirs_exist_ok=True)
    idp = Operator(tmp_path)
    keep(idp)
    found = idp.ask("audit", "search", "--kind", "key.moved", "--limit", "2")
    assert [e["kind"] for e in found["events"]] == ["key.moved"] * 2 and found["before"]
    more = idp.ask("audit", "search", "--kind", "key.moved", "--before", str(found["before"]), "--since", "2020-01-01")
    assert {e["id"] for e in more["events"]}.isdisjoint({e["id"] for e in found["events"]}) and more["before"] is None
    assert idp.ask("audit", "search", "--until", "2000-01-01")["events"] == []
    assert idp.run("audit", "search", "--person", "nobody").exit_code == 1
    assert idp.run("audit", "search", "--since", "soon").exit_code == 2


def test_the_facets_are_those_that_lead():
    assert set(log_search.NARROW) == set(FACETS)
