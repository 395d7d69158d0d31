"""What is looked for, and how lines of the index are intersected: against sets, within a budget."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idp.audit import facets
from idp.audit.counts import ALL, DAY, HOUR, counts, start_of
from idp.audit.events import vocabulary
from idp.audit.kinds import GROUPS, OUTCOMES, group_of, outcome_of
from idp.audit.search import Bad, Budget, Line, Query, Spent, Union, conditions, intersect, kinds, local, pairs, parse
from idp.records import Event

KNOWN = tuple(sorted(vocabulary()))


class Index:
    """Lines as the database keeps them; counts what is read."""

    def __init__(self, lines: dict[str, set[int]]) -> None:
        self.lines, self.reads = {name: sorted(line, reverse=True) for name, line in lines.items()}, 0

    def read(self, facet: str, value: bytes, top: int, limit: int) -> Sequence[int]:
        self.reads += 1
        return [n for n in self.lines[facet] if n <= top][:limit]

    def union(self, budget: Budget, *names: str, floor: int = 0) -> Union:
        return Union([Line(self.read, budget, name, b"", floor) for name in names])


LINES = st.fixed_dictionaries({name: st.sets(st.integers(1, 400), max_size=300) for name in "abcd"})


@settings(max_examples=60, deadline=None)
@given(LINES, st.integers(1, 450), st.integers(0, 200))
def test_what_is_found_is_what_sets_say(sets: dict[str, set[int]], top: int, floor: int) -> None:
    index, budget = Index(sets), Budget(10_000)
    unions = [index.union(budget, *names, floor=floor) for names in ("ab", "c", "d")]
    wanted = (n for n in (sets["a"] | sets["b"]) & sets["c"] & sets["d"] if floor <= n <= top)
    assert list(intersect(unions, top)) == sorted(wanted, reverse=True)


def test_a_rare_line_leaps_over_a_frequent_one() -> None:
    """Ten hits among a hundred thousand events cost a few reads each, not a walk"""
    index = Index({"rare": set(range(10_000, 100_001, 10_000)), "all": set(range(1, 100_001))})
    budget = Budget(10_000)
    assert len(list(intersect([index.union(budget, "all"), index.union(budget, "rare")], 100_000))) == 10
    assert index.reads < 30


def gone_through(numbers: Iterator[int], found: list[int]) -> int:
    """Keep what comes; where the budget ended, or 0."""
    try:
        for number in numbers:
            found += [number]
    except Spent as spent:
        return spent.at
    return 0


def test_a_search_without_end_stops_and_goes_on_where_it_stopped() -> None:
    """Odd and even numbers meet nowhere: each search reads so much, and all of them together miss nothing"""
    index = Index({"odd": set(range(1, 4001, 2)), "even": set(range(2, 4001, 2)) | {777}})
    found, tops = list[int](), [4000]
    while tops[-1]:
        budget = Budget(8)
        numbers = intersect([index.union(budget, "odd"), index.union(budget, "even")], tops[-1])
        tops.append(gone_through(numbers, found))
    assert tops == sorted(set(tops), reverse=True) and len(tops) > 4
    assert found == [777]


def test_a_query_and_its_address_say_the_same() -> None:
    typed = {
        "from": "2026-11-24T08:00",
        "to": "2026-11-25T08:00",
        "action": "token.refused",
        "outcome": "refused",
        "client": " c 1 ",
        "person": "AB" * 16,
        "reference": "abcde12345",
    }
    query = parse(typed)
    assert (query.person, query.reference, query.client, query.within) == ("ab" * 16, "ABCDE12345", "c 1", "")
    assert local(query.since) == "2026-11-24T08:00" and parse(pairs(query)) == query
    assert parse({}) == Query(within="24h") and pairs(parse({})) == {"within": "24h"}


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({"within": "1y"}, {"within": "unknown"}),
        ({"from": "x", "to": "1969-01-01"}, {"from": "time", "to": "time"}),
        ({"from": "2026-11-24", "to": "2026-11-24"}, {"to": "range"}),
        ({"from": "9999-12-31T23:59:59+00:00", "to": "0001-01-01T00:00+23:59"}, {"from": "time", "to": "time"}),
        ({"action": "x", "outcome": "y"}, {"action": "unknown", "outcome": "unknown"}),
        (
            {"person": "a" * 31, "grant": "g" * 32, "session": "é" * 32},
            dict.fromkeys(("person", "grant", "session"), "hex"),
        ),
        ({"client": "a" * 257, "item": "a\u202eb"}, {"client": "text", "item": "text"}),
    ],
)
def test_every_wrong_field_is_named(typed: dict[str, str], errors: dict[str, str]) -> None:
    with pytest.raises(Bad) as bad:
        parse(typed)
    assert bad.value.errors == errors


def test_every_kind_has_a_group_and_an_outcome_and_conditions_name_them_all() -> None:
    assert {group_of(kind) for kind in KNOWN} == set(GROUPS)
    assert {outcome_of(kind) for kind in KNOWN} == set(OUTCOMES)
    whole = [kind for group in GROUPS for kind in kinds(Query(action=group), KNOWN) or ()]
    assert sorted(whole) == sorted(KNOWN)
    assert kinds(Query(), KNOWN) is None
    assert kinds(Query(action="code.replayed", outcome="done"), KNOWN) == ()
    office = conditions(Query(department="tax", staff="ab" * 16), KNOWN, ["c1", "c2"])
    assert office == [
        ((facets.DEPARTMENT, b"tax"), (facets.CLIENT, b"c1"), (facets.CLIENT, b"c2")),
        ((facets.STAFF, bytes.fromhex("ab" * 16)),),
    ]


def test_events_count_once_by_hour_and_by_day_of_their_own() -> None:
    def event(at: int, client: str | None) -> Event:
        return Event(0, b"", at, "code.issued", client, None, b"{}", b"", None, b"")

    late, midnight = 16 * HOUR - 1, 16 * HOUR
    assert start_of(late, DAY) == -8 * HOUR and start_of(midnight, DAY) == midnight  # days begin at midnight in China
    found = counts([event(late, "c"), event(midnight, "c"), event(midnight + 1, None)])
    assert found[HOUR, ALL, midnight, "code.issued"] == 2 and found[HOUR, "c", midnight, "code.issued"] == 1
    assert found[DAY, ALL, -8 * HOUR, "code.issued"] == 1 and found[DAY, ALL, midnight, "code.issued"] == 2
    assert sum(found.values()) == 2 * (3 + 2)
