"""Searching the log: by exact facets and time, page by page, as many lines read as are shown."""

import shutil
from typing import Any

import msgspec
import pytest

from idp.audit.events import ClientTokenIssued, SignInFailed, record
from idp.audit.facets import CLIENT, KIND, PERSON, REFERENCE, SESSION, facets
from idp.audit.rights import ObjectionRead
from idp.audit.search import Budget, Query
from idp.flows import log_search
from idp.flows.log_search import search
from idp.flows.sequencer import catch_up, log_signer
from idp.ports import Store
from idp.records import Event, EventFacet
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


FIELDS = {PERSON: "person", KIND: "action", CLIENT: "client", REFERENCE: "reference", SESSION: "session"}


def query(facets_of: dict[str, bytes], since: int | None = None, until: int | None = None) -> Query:
    texts: dict[str, Any] = {FIELDS[name]: v.hex() if name == PERSON else v.decode() for name, v in facets_of.items()}
    return Query(within="all", since=since, until=until, **texts)


def everything(house: House, wanted: Query, limit: int = 90) -> list[bytes]:
    """Ids, page by page."""
    found, page = list[str](), search(house.parts, wanted, house.clock(), limit)
    found += [event.id for event in page.events]
    while page.below is not None:
        page = search(house.parts, msgspec.structs.replace(wanted, below=page.below), house.clock(), limit)
        found += [event.id for event in page.events]
    return [bytes.fromhex(event_id) for event_id in found]


def test_every_facet_alone_and_together_finds_what_it_names_and_nothing_else(busy):
    house, events = busy, all_of(busy)
    person = next(e.actor for e in events if e.kind == "session.refused")
    searches: tuple[dict[str, Any], ...] = (
        {},
        {PERSON: person},
        {KIND: b"session.refused"},
        {CLIENT: b"c0"},
        {REFERENCE: b"REF50"},
        {PERSON: person, KIND: b"session.refused"},
        {PERSON: person, KIND: b"client.changed"},
        {CLIENT: b"c0", KIND: b"token.client_issued"},
        {SESSION: b"none"},
    )
    for wanted in searches:
        expected = [e.id for e in events if set(wanted.items()) <= set(facets(e))]
        assert everything(house, query(wanted)) == expected, wanted


def test_times_are_exact(busy):
    house, events = busy, all_of(busy)
    for since, until in ((100, 200), (0, 1), (599, 700), (None, 5), (300, None), (700, 800), (200, 100)):
        first = events[599].at
        low = None if since is None else first + since * SECOND
        high = None if until is None else first + until * SECOND
        expected = [e for e in events if (low is None or e.at >= low) and (high is None or e.at < high)]
        assert everything(house, query({}, low, high)) == [e.id for e in expected], (since, until)
        refused = [e.id for e in expected if e.kind == "session.refused"]
        assert everything(house, query({KIND: b"session.refused"}, low, high)) == refused


def test_a_page_reads_so_much_and_no_more(busy, monkeypatch):
    """A search that finds nothing in a large log says where to go on, and ends"""
    monkeypatch.setattr(log_search, "Budget", lambda: Budget(3))
    wanted = query({KIND: b"session.refused", CLIENT: b"c0"})
    page = search(busy.parts, wanted, busy.clock())
    assert page.events == [] and page.below is not None
    assert everything(busy, wanted) == []
    assert len(everything(busy, query({KIND: b"session.refused"}))) == 400


@pytest.mark.attack("A158")
@pytest.mark.parametrize("text", ["%", "_", "*", "c%", "' OR 1=1 --", "c0\x00"])
def test_words_of_a_search_are_words(busy, text):
    """CWE-943: no wildcard, no statement, no prefix: a value meets itself alone"""
    assert everything(busy, Query(within="all", client=text)) == []


def test_an_operator_searches(tmp_path, prepared_house):
    shutil.copytree(prepared_house, tmp_path, dirs_exist_ok=True)
    idp = Operator(tmp_path)
    keep(idp)
    found = idp.ask("audit", "search", "--kind", "key.moved", "--limit", "2")
    assert [e["kind"] for e in found["events"]] == ["key.moved"] * 2 and found["before"]
    more = idp.ask("audit", "search", "--kind", "key.moved", "--before", str(found["before"]), "--since", "2020-01-01")
    assert {e["id"] for e in more["events"]}.isdisjoint({e["id"] for e in found["events"]}) and more["before"] is None
    assert idp.ask("audit", "search", "--until", "2000-01-01")["events"] == []
    for option, value in (("--person", "nobody"), ("--kind", "nothing"), ("--client", "a\0b"), ("--client", "")):
        assert idp.run("audit", "search", option, value).exit_code == 1, option
    assert idp.run("audit", "search", "--since", "soon").exit_code == 2


def test_few_events_of_a_person_are_found_among_many(busy: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of the kinds meet the person's: what else they did is leapt over, and however many reads it takes, none is missing"""
    parts, person = busy.parts, busy.parts.vault.citizen(busy.citizen("wang.hua"))
    for _ in range(3):
        many = [SignInFailed(reason="wrong_password") for _ in range(400)]
        read = ObjectionRead(objection="ab" * 16, by="cd" * 16)
        rows = [record(fact, at=busy.clock(), entropy=parts.entropy, person=person) for fact in (*many, read)]
        parts.store.commit(rows)
    other = parts.vault.citizen(busy.citizen("chen.jing"))
    parts.store.commit([record(read, at=busy.clock(), entropy=parts.entropy, person=other)])
    catch_up(parts, log_signer(parts), busy.clock())
    theirs = [e for e in all_of(busy)[::-1] if e.kind == ObjectionRead.KIND and e.actor == person.pseudonym]
    lines, find = 0, type(parts.store).find

    def counted(store: Store, kind: Any, *given: Any, **more: Any) -> Any:
        nonlocal lines
        found = find(store, kind, *given, **more)
        lines += len(found) if kind is EventFacet else 0
        return found

    monkeypatch.setattr(type(parts.store), "find", counted)
    kinds = (ObjectionRead.KIND,)
    assert list(log_search.events_about(parts, person.pseudonym, kinds, 0)) == theirs and len(theirs) == 3
    assert lines < 200
    assert list(log_search.events_about(parts, person.pseudonym, kinds, theirs[0].seq)) == theirs[1:]
    monkeypatch.setattr(log_search, "Budget", lambda: Budget(2))
    assert list(log_search.events_about(parts, person.pseudonym, kinds, 0)) == theirs
