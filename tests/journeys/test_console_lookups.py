"""The console's look-ups: accounts that an address tried, a person by what they sign in with, and why somebody's data was told."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from idp.audit.events import (
    AttributesReleased,
    ClientChanged,
    ClientKeyChanged,
    FactorEnrolled,
    ItemTold,
    SignedIn,
    SignInFailed,
    SteppedUp,
    record,
)
from idp.flows import addresses, cleanup, erasure, traces
from idp.flows.people import meant
from idp.records import EventAddress
from tests.journeys.test_console import auditor, found, happen, pseudonym, settle
from tests.kit.house import SECOND, House, basic
from tests.kit.person import PASSWORD, Person

DAY = 86_400 * SECOND
HERE = "203.0.113.7"


@pytest.fixture
def watch(any_house: House) -> Person:
    return auditor(any_house)


def ask(watch: Person, form: str, **fields: str) -> str:
    """Fill in one of the forms of the overview; the page that follows."""
    page = watch.get("/console?lang=en")
    number = next(n for n, tag in enumerate(re.findall(r"<form[^>]*>", page.text)) if f'id="{form}"' in tag)
    return watch.submit(fields, form=number).text


def by_address(watch: Person, typed: str) -> str:
    return ask(watch, "ask-address", what="address", address=typed)


def by_person(watch: Person, typed: str, **fields: str) -> str:
    return ask(watch, "ask-person", what="person", identifier=typed, **{"why": "alert", **fields})


def tried(page: str) -> dict[str, list[int]]:
    """The table of accounts: short pseudonym → refused, signed in, other."""
    rows = re.findall(r'<th scope="row"><a[^>]*><code>(\w{8})</code></a></th>(.*?)</tr>', page, re.DOTALL)
    return {person: [int(n) for n in re.findall(r'yc-number">(\d+)<', rest)] for person, rest in rows}


def query_of(watch: Person) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(watch.page.request.url).query))


def try_in(house: House, remote: str, *tries: tuple[str, str]) -> None:
    for name, password in tries:
        Person(house, remote=remote).sign_in(name, password)


# By address -----------------------------------------------------------------------------------------------------------------------


def test_which_accounts_did_this_address_try(watch: Person) -> None:
    """The address, the network around it, and nothing of it in the page's address or in the log."""
    house = watch.house
    for name in ("li.wei", "zhang.min"):
        house.citizen(name, password=PASSWORD)
    li, zhang = pseudonym(house, "li.wei")[:8], pseudonym(house, "zhang.min")[:8]
    try_in(house, HERE, ("li.wei", "wrong"), ("li.wei", PASSWORD), ("zhang.min", "wrong"), ("nobody.here", "wrong"))
    try_in(house, "203.0.113.99", ("zhang.min", "wrong"))
    try_in(house, "2001:db8::7", ("zhang.min", "wrong"))
    settle(house)
    one = tried(by_address(watch, HERE))
    assert one[li] == [1, 1, 0] and one[zhang] == [1, 0, 0] and len(one) == 3
    assert set(query_of(watch)) == {"within", "address"} and HERE not in watch.page.request.url
    assert f"Network address: <bdi>{HERE}</bdi>" in watch.page.text
    assert tried(by_address(watch, "203.0.113.0/24"))[zhang] == [2, 0, 0]
    assert tried(by_address(watch, "203.0.112.0/22"))[zhang] == [2, 0, 0]
    assert tried(by_address(watch, "203.0.113.0/28"))[zhang] == [1, 0, 0]
    assert tried(by_address(watch, "2001:db8::/48")) == {zhang: [1, 0, 0]}
    assert tried(by_address(watch, "198.18.0.1")) == {} and "No event meets" in watch.page.text
    heads = [event for event in house.events() if HERE in str(event)]
    assert heads == [] and len(house.events("search.address")) == 6
    assert house.events("search.address")[0]["actor"] == pseudonym(house, "wang.audit")


def test_a_search_by_address_meets_other_conditions_and_goes_on(watch: Person) -> None:
    house = watch.house
    house.citizen("li.wei", password=PASSWORD)
    try_in(house, HERE, ("li.wei", PASSWORD), *[("nobody.here", "wrong")] * 3)
    settle(house)
    by_address(watch, HERE)
    handle = query_of(watch)["address"]
    page = watch.get(f"/console/events?within=all&address={handle}&action=session.started&lang=en").text
    assert len(found(page)) == 1
    person = pseudonym(house, "li.wei")
    assert len(found(watch.get(f"/console/events?within=24h&address={handle}&person={person}").text)) == 1
    assert watch.get(f"/console/events?within=all&address={handle}&outcome=done&client=tax").status_code == 200


def test_refusals_that_name_no_citizen_are_found_by_address(watch: Person) -> None:
    house = watch.house
    app = house.register()
    for _ in range(2):
        answer = house.browser().post(
            "/token", base_url=house.config.issuer, data={"grant_type": "client_credentials"},
            headers=basic(app.id, "wrong"), environ_overrides={"REMOTE_ADDR": HERE},
        )  # fmt: skip
        assert answer.status_code == 401
    Person(house, remote=HERE).get("/authorize?client_id=nobody")
    settle(house)
    page = by_address(watch, HERE)
    assert len(found(page)) >= 3 and "Token request refused" in page and "Authorization refused" in page


def test_other_events_from_an_events_address_without_knowing_it(watch: Person) -> None:
    house = watch.house
    house.citizen("li.wei", password=PASSWORD)
    try_in(house, HERE, ("li.wei", "wrong"), ("nobody.here", "wrong"))
    try_in(house, "203.0.113.8", ("li.wei", "wrong"))
    settle(house)
    one = found(watch.get("/console/events?action=session.refused").text)[0]
    for size, count in (("exact", 1), ("near", 3), ("wide", 3)):
        page = watch.get(f"/console/events/{one}?lang=en").text
        number = next(n for n, tag in enumerate(re.findall(r"<form[^>]*>", page)) if 'id="like"' in tag)
        shown = watch.submit({"like": f"{size}:{one}"}, form=number).text
        assert len(found(shown)) == count and "that of the event" in shown and "203.0.113" not in shown
    assert [event["event"] for event in house.events("search.address")] == [one] * 3


@pytest.mark.attack("A165")
def test_a_handle_is_its_makers_alone_and_ends(watch: Person) -> None:
    """Another auditor, an hour later, a guess: the same answer, and no search (ASVS 8.2.2)."""
    house = watch.house
    by_address(watch, HERE)
    handle = query_of(watch)["address"]
    other, person = auditor(house, "zhao.audit"), meant(house.parts, "wang.audit").person
    assert person is not None and watch.get(f"/console/events?address={handle}").status_code == 200
    for who, shown in ((other, handle), (watch, "0" * 32), (watch, handle)):
        if who is watch:  # what its end does, on every store alike
            house.parts.volatile.forget("console-address", person.account.id + handle.encode())
        answer = who.get(f"/console/events?address={shown}&lang=en")
        assert answer.status_code == 400 and "This search by address has ended" in answer.text


@pytest.mark.parametrize("typed", ["", "example.com", "203.0.113.7/33", "0.0.0.0/0", "' OR 1=1"])
def test_what_is_no_address_is_said_at_the_field(house: House, typed: str) -> None:
    watch = auditor(house)
    page = by_address(watch, typed)
    assert watch.page.status_code == 422 and 'id="address-error"' in page
    assert house.events("search.address") == []


@pytest.mark.attack("A165")
def test_look_ups_are_bounded(house: House) -> None:
    """Nobody walks through all addresses, or all names (ASVS 2.4.1)."""
    watch = auditor(house)
    person = meant(house.parts, "wang.audit").person
    assert person is not None
    house.parts.volatile.bump("console-addresses", person.account.id, 3600, traces.PER_HOUR)
    house.parts.volatile.bump("console-people", person.account.id, 3600, 60)
    assert "You looked up very much" in by_address(watch, HERE) and watch.page.status_code == 422
    assert "You looked up very much" in by_person(watch, "li.wei") and watch.page.status_code == 422
    assert house.events("search.address") == house.events("search.person") == []


def test_indexes_of_an_erased_citizen_go_and_others_stay(any_house: House) -> None:
    house = any_house
    li = house.citizen("li.wei", password=PASSWORD)
    house.citizen("zhang.min", password=PASSWORD)
    try_in(house, HERE, ("li.wei", PASSWORD), ("zhang.min", PASSWORD))
    house.clock.advance(40 * 86_400)
    try_in(house, HERE, ("li.wei", PASSWORD))
    before = house.parts.store.count(EventAddress)
    erasure.by_order(house.parts, "li.wei", "requested", now=house.clock())
    assert (before, house.parts.store.count(EventAddress)) == (3, 1)
    assert li not in b"".join(row.owner for row in house.parts.store.find(EventAddress))


def test_a_months_key_is_destroyed_and_its_rows_with_it(any_house: House) -> None:
    """What an older copy of the database holds opens nothing any more, and no clock makes the key again."""
    house = any_house
    house.citizen("li.wei", password=PASSWORD)
    try_in(house, HERE, ("li.wei", PASSWORD))
    old = addresses.month(house.clock())
    assert addresses.key_of(house.parts, old) is not None
    kept = house.parts.store.find(EventAddress)
    house.clock.advance(house.config.log_address_days * 86_400 + 32 * 86_400)
    try_in(house, HERE, ("li.wei", PASSWORD))
    cleanup.clean(house.parts, house.clock())
    assert [row.month for row in house.parts.store.find(EventAddress)] == [addresses.month(house.clock())]
    assert addresses.key_of(house.parts, old) is None
    told = record(AttributesReleased(grant="a", claims=(), via="x"), at=kept[0].at, entropy=house.parts.entropy)
    assert addresses.line(house.parts, told, HERE) == ()


def test_equal_addresses_of_two_months_share_nothing(any_house: House) -> None:
    house = any_house
    house.citizen("li.wei", password=PASSWORD)
    try_in(house, HERE, ("li.wei", PASSWORD))
    house.clock.advance(32 * 86_400)
    try_in(house, HERE, ("li.wei", PASSWORD))
    one, two = house.parts.store.find(EventAddress, order=("at",))
    assert not {one.owner, one.exact, one.near, one.wide} & {two.owner, two.exact, two.near, two.wide}
    settle(house)
    assert len(found(by_address(auditor(house), HERE))) == 2


# By person ------------------------------------------------------------------------------------------------------------------------


def test_who_read_a_citizens_address_last_week_and_why(watch: Person) -> None:
    house = watch.house
    tax, social = house.register("tax"), house.register("social")
    li = house.citizen("li.wei", "li.wei@example.cn")
    zhang = house.citizen("zhang.min")
    told = AttributesReleased(
        client_id=tax.id, grant="a" * 32, claims=("name", "address"), via="userinfo",
        items=(ItemTold(code="gone", version=3, attributes=("address",)),),
    )  # fmt: skip
    happen(house, told, account=zhang)
    happen(
        house,
        told,
        AttributesReleased(client_id=social.id, grant="b" * 32, claims=("name",), via="userinfo"),
        account=li,
    )
    settle(house)
    page = by_person(watch, "LI.Wei@example.cn", data="address", since="7d")
    assert len(found(page)) == 1 and "tax" in page and "Told for" in page and "gone" in page and "Signing in" in page
    assert query_of(watch) == {
        "within": "7d",
        "action": "attributes.released",
        "person": pseudonym(house, "li.wei"),
        "data": "address",
    }
    assert "li.wei@" not in page.lower()
    event = house.events("search.person")[-1]
    assert (event["by"], event["reason"], event["found"]) == ("email", "alert", True)
    assert (event["person"], event["actor"]) == (pseudonym(house, "li.wei"), pseudonym(house, "wang.audit"))
    house.clock.advance(8 * 86_400)
    watch = auditor(house, "zhao.audit")
    assert found(by_person(watch, "li.wei", data="address", since="7d")) == []
    assert len(found(by_person(watch, "li.wei", data="address", since="all"))) == 1


def test_looking_up_a_person_leads_to_the_account_by_pseudonym(watch: Person) -> None:
    house = watch.house
    house.citizen("li.wei", "+8613800138000")
    for typed in ("li.wei", "138 0013 8000"):
        by_person(watch, typed)
        assert watch.page.request.path == f"/console/accounts/{pseudonym(house, 'li.wei')}"
        assert "li.wei" not in watch.page.text


@pytest.mark.attack("A165")
def test_a_look_up_needs_a_reason_and_is_recorded_also_when_nobody_is_found(house: House) -> None:
    """What was typed is in no event (ASVS 16.2.5)."""
    watch = auditor(house)
    assert 'id="why-error"' in by_person(watch, "li.wei", why="") and watch.page.status_code == 422
    assert 'id="identifier-error"' in by_person(watch, "  ") and house.events("search.person") == []
    assert "Nobody signs in with this" in by_person(watch, "ghost@example.cn") and watch.page.status_code == 422
    assert [(e["by"], e["found"], e["person"]) for e in house.events("search.person")] == [("email", False, None)]
    assert "ghost" not in str(house.events())


# By client ------------------------------------------------------------------------------------------------------------------------


def test_what_did_a_client_do_after_its_key_changed(watch: Person) -> None:
    house = watch.house
    tax = house.register("tax")
    release = AttributesReleased(client_id=tax.id, grant="a" * 32, claims=("name",), via="userinfo")
    happen(house, release)
    house.clock.advance(120)
    happen(
        house, ClientKeyChanged(client_id=tax.id, alg="ECDH-ES+A256KW", thumbprint="n" * 43, before="o" * 43), release
    )
    settle(house)
    page = watch.get("/console?lang=en").text
    link = re.search(r'id="changed">.*?href="([^"]+)"', page, re.DOTALL)
    assert link is not None
    shown = watch.get(link[1].replace("&amp;", "&") + "&lang=en").text
    assert len(found(shown)) == 2 and "Client uses another encryption key" in shown


@pytest.mark.parametrize("member", ["jwks", "jwks_uri"])
def test_another_key_to_prove_itself_with_is_a_change_of_key(watch: Person, member: str) -> None:
    house = watch.house
    tax, social = house.register("tax"), house.register("social")
    happen(house, ClientChanged(client_id=social.id, members=("redirect_uris",), how="dynamic"))
    happen(house, ClientKeyChanged(client_id=social.id, alg="ECDH-ES+A256KW", thumbprint="n" * 43))
    settle(house)
    assert "No client changed its key." in watch.get("/console?lang=en").text
    happen(house, ClientChanged(client_id=tax.id, members=("contacts", member), how="dynamic"))
    settle(house)
    listed = re.search(r'id="changed">(.*?)</ul>', watch.get("/console?lang=en").text, re.DOTALL)
    assert listed is not None and f"client={tax.id}" in listed[1] and social.id not in listed[1]
    assert "Other keys were registered" in listed[1]


@pytest.mark.parametrize("theirs", [True, False])
def test_a_change_of_key_is_found_behind_many_other_changes(watch: Person, theirs: bool) -> None:
    """Of the client itself, and of others: on the overview and on its own page"""
    house = watch.house
    tax, social = house.register("tax"), house.register("social")
    house.clock.advance(120)
    happen(house, ClientChanged(client_id=tax.id, members=("jwks",), how="dynamic"))
    other = ClientChanged(client_id=tax.id if theirs else social.id, members=("contacts",), how="dynamic")
    happen(house, *[other] * 130)
    settle(house)
    (event,) = (e["id"] for e in house.events("client.changed") if e["members"] == ["jwks"])
    listed = re.search(r'id="changed">(.*?)</ul>', watch.get("/console").text, re.DOTALL)
    assert listed is not None and f"client={tax.id}" in listed[1] and f"client={social.id}" not in listed[1]
    link = re.search(r'id="since-change" href="([^"]+)"', watch.get(f"/console/clients/{tax.id}").text)
    assert link is not None and 'id="since-change"' not in watch.get(f"/console/clients/{social.id}").text
    path, seen = link[1], list[str]()
    while path:
        page = watch.get(path.replace("&amp;", "&")).text
        seen += found(page)
        more = re.search(r'id="more" href="([^"]+)"', page)
        path = more[1] if more else ""
    assert seen[-1] == event and len(seen) == (131 if theirs else 1)


# By factor and level --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("factor=pwd", {"one", "two"}),
        ("factor=otp", {"two", "up"}),
        ("factor=totp", {"made"}),
        ("factor=recovery_codes", set()),
        ("acr=urn:yimen:acr:1", {"one"}),
        ("acr=urn:yimen:acr:2", {"two", "up"}),
        ("acr=urn:yimen:acr:2&factor=pwd", {"two"}),
        ("acr=urn:yimen:acr:2&action=session.stepped_up", {"up"}),
        ("acr=urn:yimen:acr:2&action=session.refused", set()),
        ("factor=otp&outcome=refused", set()),
    ],
)
def test_by_what_somebody_signed_in_with_and_how_sure_we_were(house: House, query: str, wanted: set[str]) -> None:
    """Neither stands in the index: the events of the few kinds that say it are opened; the chart counts the same"""
    watch, account = auditor(house), house.citizen("li.wei")
    facts = {
        "one": SignedIn(session="a" * 32, amr="pwd", acr="urn:yimen:acr:1"),
        "two": SignedIn(session="b" * 32, amr="pwd otp", acr="urn:yimen:acr:2"),
        "up": SteppedUp(session="c" * 32, amr="otp", acr="urn:yimen:acr:2"),
        "made": FactorEnrolled(factor="totp"),
        "failed": SignInFailed(reason="wrong_totp"),
    }
    happen(house, *facts.values(), account=account)
    settle(house)
    who = pseudonym(house, "li.wei")
    rows = [e for e in house.events() if e["person"] == who and e["kind"] in {f.KIND for f in facts.values()}]
    ids = dict(zip(facts, (str(row["id"]) for row in rows), strict=True))
    page = watch.get(f"/console/events?within=24h&person={who}&{query}")
    assert set(found(page.text)) == {ids[name] for name in wanted}
    assert re.findall(r"<strong>(\d+)</strong>", page.text)[0] == str(len(wanted))
    assert 'id="make-rule"' not in page.text and "urn:yimen" not in re.sub(
        r"<[^>]+>", "", page.text.split("<main")[1].partition('id="found"')[0]
    )


# What an address of the console may say -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("actoin=session.started", "names a condition that there is not"),
        ("person=xyz", "Enter 32 hexadecimal digits"),
        ("action=nothing", "Choose one of the values offered"),
        ("action=no.such", "Choose one of the values offered"),
        ("within=1y", "Choose one of the values offered"),
        ("client=a&client=b", "given more than once"),
        ("from=yesterday", "Enter a time like"),
        ("factor=passkey", "Choose one of the values offered"),
        ("acr=2", "Choose one of the values offered"),
        ("data=%07", "at most 256 printable"),
        ("before=" + "0" * 32, "Choose one of the values offered"),
    ],
)
def test_a_bad_parameter_is_said_at_its_field(house: House, query: str, said: str) -> None:
    answer = auditor(house).get(f"/console/events?{query}&lang=en")
    assert answer.status_code == 400 and said in answer.text and 'id="search"' in answer.text


@pytest.mark.parametrize("path", ["/console", "/console/events", "/console/clients", "/console/jump", "/console/log"])
@pytest.mark.parametrize("query", ["x=%00", "within=%ff"])
def test_what_nobody_can_read_is_said_to_staff_in_their_words(house: House, path: str, query: str) -> None:
    answer = auditor(house).get(f"{path}?{query}")
    assert answer.status_code == 400 and "页面的地址" in answer.text
