"""Searches that staff keep, share and make alert rules of."""

import re

import pytest

from idp.audit.alerts import parse as rules
from idp.audit.events import vocabulary
from idp.audit.rule_text import rule_text
from idp.audit.search import parse
from idp.flows import saved_searches
from idp.flows.people import meant
from idp.ports import Insert
from idp.records import SavedSearch
from tests.journeys.test_console import auditor
from tests.kit.house import House
from tests.kit.person import Person

KNOWN = tuple(sorted(vocabulary()))
WATCHED = tuple(kind for kind in KNOWN if not kind.startswith("alert."))
SEARCH = "/console/searches?within=7d&action=sign-in&outcome=refused"


@pytest.fixture
def watch(any_house: House) -> Person:
    return auditor(any_house)


def keep(watch: Person, name: str, **fields: str) -> str:
    page = watch.get(f"{SEARCH}&lang=en")
    number = next(n for n, tag in enumerate(re.findall(r"<form[^>]*>", page.text)) if 'id="keep"' in tag)
    return watch.submit({"name": name, **fields}, form=number).text


def names(page: str) -> list[str]:
    return re.findall(r'<div class="yc-kept">\s*<a class="govuk-link" href="[^"]+"><bdi>([^<]+)</bdi>', page)


def test_a_search_is_kept_used_shared_and_removed(watch: Person) -> None:
    house, other = watch.house, auditor(watch.house, "zhao.audit")
    assert names(keep(watch, "  My   failures ")) == ["My failures"]
    assert names(keep(watch, "批量失败", share="1")) == ["My failures", "批量失败"]
    assert names(other.get("/console/searches").text) == ["批量失败"] and 'name="remove"' not in other.page.text
    link = re.search(r'<a href="([^"]+)"><bdi>My failures', watch.get("/console/events").text)
    assert link is not None and link[1] == "/console/events?within=7d&amp;action=sign-in&amp;outcome=refused"
    mine = house.parts.store.find(SavedSearch, order=("created_at",))[0]
    assert b"failures" not in mine.sealed and b"refused" not in mine.sealed
    other.get("/console/searches?within=7d")
    assert other.submit({"remove": mine.id.hex()}, form=1).status_code == 404
    watch.get("/console/searches?within=7d")
    assert names(watch.submit({"remove": mine.id.hex()}, form=1).text) == ["批量失败"]
    told = [(event["state"], event["search"]) for event in house.events("search.kept")]
    assert told == [
        ("kept", ["within", "action", "outcome"]),
        ("shared", ["within", "action", "outcome"]),
        ("removed", []),
    ]


def test_ones_own_searches_are_read_with_ones_own_key(watch: Person) -> None:
    """A copy of before tells nothing of who was erased; what was shared is the house's; one of before is still read (DECISIONS 87)"""
    house, staff = watch.house, meant(watch.house.parts, "wang.audit").person
    assert staff is not None
    keep(watch, "About Li Wei")
    keep(watch, "Ours", share="1")
    rows = {row.role: row for row in house.parts.store.find(SavedSearch)}
    opened = {
        role: house.parts.vault.nobody().opens("saved_search", "content", row.id, 0, row.sealed)
        for role, row in rows.items()
    }
    assert opened[""] is None and b"Ours" in (opened["auditor"] or b"")
    raw = house.parts.entropy(16)
    sealed = house.parts.vault.nobody().seal("saved_search", "content", raw, 0, b'{"name":"Of before","query":{}}')
    house.parts.store.commit([Insert(SavedSearch(raw, staff.account.id, "", sealed, house.clock()))])
    assert names(watch.get("/console/searches").text) == ["About Li Wei", "Of before", "Ours"]
    assert house.events("seal.failed") == []


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_a_bad_name_is_said_at_the_field(house: House, name: str) -> None:
    watch = auditor(house)
    assert 'id="name-error"' in keep(watch, name) and watch.page.status_code == 422
    assert house.parts.store.count(SavedSearch) == 0


def test_nobody_keeps_searches_without_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = auditor(house)
    monkeypatch.setattr(saved_searches, "MOST", 1)
    keep(watch, "one")
    assert "Remove one first" in keep(watch, "two") and house.parts.store.count(SavedSearch) == 1


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"action": "session.refused"},
        {"action": "sign-in", "outcome": "refused", "person": "a" * 32},
        {"outcome": "watch", "client": 'a"b\\c'},
        {"data": "address", "client": "tax", "department": "d", "staff": "b" * 32},
    ],
)
@pytest.mark.parametrize("name", ["失败", 'a "quoted" [name]', "x.y"])
def test_a_search_becomes_a_rule_that_the_watcher_takes(typed: dict[str, str], name: str) -> None:
    query = parse(typed)
    made = rules(rule_text(name, query, KNOWN), WATCHED)
    assert list(made) == [name] and made[name].about == name
    assert made[name].where.get("client_id", "") == query.client and made[name].where.get("person", "") == query.person
