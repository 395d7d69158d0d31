"""The console: who may enter, what a search finds, what a view shows and does."""

import re
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from idp.audit.events import AttributesReleased, SignInFailed, TokenRequestRefused, record
from idp.audit.search import local
from idp.flows import console_overview
from idp.flows.log_keeper import LogKeeper
from idp.flows.people import meant
from idp.flows.sequencer import catch_up, head, log_signer
from idp.ports import Committed, Update
from idp.records import Account, ClientRefusal, Event, Session
from tests.kit.house import SECOND, House
from tests.kit.person import PASSWORD, Person


def settle(house: House) -> None:
    """The sequencer has seen everything."""
    catch_up(house.parts, log_signer(house.parts), house.clock())


def auditor(house: House, name: str = "wang.audit", role: str = "auditor") -> Person:
    """A member of staff whose session proved both factors."""
    account = house.citizen(name, claims={})
    house.parts.store.commit([Update(Account, {"id": account}, {"roles": role})])
    person = Person(house, remote="198.51.100.77")
    person.set_cookie("session", house.session(account, amr="pwd otp", acr="urn:yimen:acr:2")[1])
    assert person.get("/account").request.path == "/account"
    return person


def pseudonym(house: House, name: str) -> str:
    """Of an account, in hex."""
    person = meant(house.parts, name).person
    assert person is not None
    return person.citizen.pseudonym.hex()


def happen(house: House, *facts: object, account: bytes | None = None) -> None:
    """Facts, each in a batch of its own, a second apart."""
    about = house.parts.vault.citizen(account) if account else None
    for fact in facts:
        house.clock.advance(1)
        event = record(fact, at=house.clock(), entropy=house.parts.entropy, person=about)  # type: ignore[arg-type]
        assert isinstance(house.parts.store.commit([event]), Committed)


def total(page: str) -> str:
    """The number over the page's first chart."""
    return str(re.findall(r"<strong>(\d+)</strong>", page)[0])


def found(page: str) -> list[str]:
    """The ids of the events in a page's list, in order."""
    return re.findall(r'href="/console/events/([0-9a-f]{32})"', page)


@pytest.fixture
def watch(any_house: House) -> Person:
    return auditor(any_house)


# Searching --------------------------------------------------------------------------------------------------------------------


def test_a_reference_leads_from_an_error_page_to_its_event(watch: Person) -> None:
    house = watch.house
    app = house.register(client_name="Income tax online")
    refused = house.request(
        "GET", f"/authorize?client_id={app.id}&redirect_uri=https://evil.example/&response_type=code"
    )
    reference = re.search(r'id="error-code">([0-9A-F]+)<', refused.text)
    assert reference is not None
    settle(house)
    page = watch.get(f"/console/jump?to={reference[1].lower()}")
    assert page.request.path == "/console/events"
    assert dict(parse_qsl(urlsplit(page.request.url).query)) == {"within": "all", "reference": reference[1]}
    assert len(found(page.text)) == 1 and "Income tax online" in page.text
    event = watch.get(f"/console/events/{found(page.text)[0]}?lang=en")
    assert event.status_code == 200 and "Authorization refused" in event.text and reference[1] in event.text


def test_each_condition_alone_and_together(watch: Person) -> None:
    house = watch.house
    tax, social = house.register("tax"), house.register("social")
    li, zhang = house.citizen("li.wei"), house.citizen("zhang.min")
    happen(house, AttributesReleased(client_id=tax.id, grant="a" * 32, claims=("name",), via="userinfo"), account=li)
    happen(house, AttributesReleased(client_id=social.id, grant="b" * 32, claims=("name",), via="userinfo"), account=li)
    happen(
        house, AttributesReleased(client_id=tax.id, grant="c" * 32, claims=("email",), via="id_token"), account=zhang
    )
    happen(
        house,
        TokenRequestRefused(
            client_id=tax.id, endpoint="token", code="invalid_grant", reason="unknown", reference="ABCDE12345"
        ),
    )
    settle(house)
    who = house.parts.vault.citizen(li).pseudonym.hex()
    rows = house.parts.store.find(Event, order=("-seq",), limit=4)
    refused, third, second, first = (row.id.hex() for row in rows)
    for query, wanted in {
        f"person={who}&action=attributes.released": [second, first],
        f"client={tax.id}&action=releases": [third, first],
        f"client={tax.id}&person={who}&outcome=done&action=attributes.released": [first],
        f"client={tax.id}&outcome=refused": [refused],
        "department=social&action=attributes.released": [second],
        "department=tax&action=attributes.released": [third, first],
        f"grant={'c' * 32}": [third],
        "reference=abcde12345": [refused],
        f"person={who}&client={social.id}&grant={'a' * 32}": [],
        "client=nobody&within=all": [],
        "action=token.refused&outcome=done": [],
    }.items():
        page = watch.get(f"/console/events?{query}")
        assert page.status_code == 200 and found(page.text) == wanted, query
        assert ('id="nothing"' in page.text) == (not wanted), query
    assert found(watch.get("/console/events").text)[:4] == [refused, third, second, first]


def test_a_time_window_leaves_out_what_is_outside_of_it(any_house: House) -> None:
    house, seen = any_house, list[Event]()
    for _ in range(4):
        house.clock.advance(7200)
        happen(house, SignInFailed(reason="wrong_password"))
        seen.append(house.parts.store.find(Event, order=("-seq",), limit=1)[0])
    watch = auditor(house)
    settle(house)
    since, until = local(seen[1].at - 60 * SECOND), local(seen[2].at + 60 * SECOND)
    page = watch.get(f"/console/events?action=session.refused&from={since}&to={until}")
    assert found(page.text) == [seen[2].id.hex(), seen[1].id.hex()]
    assert found(watch.get("/console/events?action=session.refused&within=1h").text) == [seen[3].id.hex()]
    assert len(found(watch.get("/console/events?action=session.refused&within=all").text)) == 4


def test_pages_follow_each_other_without_gap_or_repeat(watch: Person) -> None:
    house = watch.house
    happen(house, *(SignInFailed(reason="wrong_password") for _ in range(120)))
    settle(house)
    path: str | None = "/console/events?action=session.refused"
    seen: list[str] = []
    while path:
        page = watch.get(path)
        seen += found(page.text)
        happen(house, SignInFailed(reason="wrong_password"))  # what comes meanwhile moves nothing
        settle(house)
        more = re.search(r'id="more" href="([^"]+)"', page.text)
        path = more[1].replace("&amp;", "&") if more else None
        assert not path or "OFFSET" not in path.upper()
    rows = house.parts.store.find(Event, {"kind": "session.refused"}, order=("-seq",), limit=1000)
    assert seen == [row.id.hex() for row in rows][-120:]


def test_what_has_no_line_of_the_index_yet_is_paged_and_opened_too(any_house: House) -> None:
    """Events younger than the sequencer's last step, or of a log that it stands before: shown, so they lead on"""
    house, settled = any_house, auditor(any_house)
    settle(house)
    happen(house, *(SignInFailed(reason="wrong_password") for _ in range(120)))
    rows = [row.id.hex() for row in house.parts.store.find(Event, order=("-seq",), limit=1000)]
    seen, path = list[str](), "/console/events?within=all"
    while path:
        page = settled.get(path)
        assert page.status_code == 200
        seen += found(page.text)
        more = re.search(r'id="more" href="([^"]+)"', page.text)
        path = more[1].replace("&amp;", "&") if more else ""
    assert seen == rows
    assert settled.get(f"/console/events/{rows[0]}").status_code == 200
    assert settled.get("/console/events/" + "0" * 32).status_code == 404


def test_chips_take_one_condition_away_each(watch: Person) -> None:
    app = watch.house.register()
    settle(watch.house)
    page = watch.get(f"/console/events?client={app.id}&outcome=refused&within=7d&lang=en").text
    removals = [
        dict(parse_qsl(urlsplit(url.replace("&amp;", "&")).query))
        for url in re.findall(r'</span> <a href="([^"]+)"', page)
    ]
    assert removals == [
        {"outcome": "refused", "client": app.id, "within": "all"},
        {"within": "7d", "client": app.id},
        {"within": "7d", "outcome": "refused"},
    ]


@pytest.mark.parametrize(
    "query",
    [
        "within=9y",
        "from=yesterday",
        "from=9999999-01-01",
        "from=2026-11-24T08:00&to=2026-11-23T08:00",
        "action=nonsense",
        "outcome=%27%20OR%201=1",
        "person=xyz",
        "session=%25",
        "grant=" + "a" * 31,
        "client=" + "a" * 300,
        "before=zz",
        "before=" + "0" * 32,
    ],
)
def test_what_can_not_be_looked_for_is_said(house: House, query: str) -> None:
    watch = auditor(house)
    page = watch.get(f"/console/events?{query}&lang=en")
    assert page.status_code == 400 and "There is a problem" in page.text
    for malformed in ("action=a.b&action=a.b", "client=%00", "item=%ff"):
        assert watch.get(f"/console/events?{malformed}").status_code == 400


@pytest.mark.attack("A158", "A091", "A153")
def test_what_is_typed_is_taken_as_it_stands(watch: Person) -> None:
    """Wildcards, quotes and markup match nothing but themselves and come back escaped (ASVS 1.2.4, 1.2.1)."""
    house = watch.house
    happen(house, SignInFailed(reason="wrong_password", reference="ABCDE12345"))
    happen(house, TokenRequestRefused(client_id="<b>=x", endpoint="token", code="invalid_client", reason="unknown"))
    settle(house)
    for typed in ("%25", "_", "*", "ABCDE1234_", "%25' OR '1'='1", ")(uid=*"):
        for name in ("client", "reference", "item", "department"):
            page = watch.get(f"/console/events?within=all&{name}={typed}")
            assert page.status_code == 200 and found(page.text) == [], (name, typed)
        assert 'id="jump"' in watch.get(f"/console/jump?to={typed}").text and watch.page.status_code == 400
    page = watch.get("/console/events?within=all&client=%3Cb%3E%3Dx")
    assert len(found(page.text)) == 1 and "<b>=x" not in page.text and "&lt;b&gt;=x" in page.text


def test_the_histogram_counts_what_the_list_shows(any_house: House) -> None:
    house = any_house
    app = house.register()
    for _ in range(3):
        happen(house, SignInFailed(reason="wrong_password"))
        house.clock.advance(3600)
    happen(house, AttributesReleased(client_id=app.id, grant="a" * 32, claims=("name",), via="userinfo"))
    watch = auditor(house)
    settle(house)
    for query, count in {
        "action=session.refused": "3",
        "outcome=refused": "3",
        f"client={app.id}&action=attributes.released": "1",
        f"grant={'a' * 32}": "1",
        "action=code.replayed": "0",
    }.items():
        page = watch.get(f"/console/events?{query}").text
        assert total(page) == count, query
        assert sum(int(n) for n in re.findall(r'<td class="yc-number">(\d+)</td>', page)) == int(count), query
    assert int(total(watch.get("/console/events?within=all").text)) == head(house.parts).size


# Views ------------------------------------------------------------------------------------------------------------------------


def test_the_overview_counts_and_tells_of_the_log(watch: Person) -> None:
    house = watch.house
    happen(house, SignInFailed(reason="wrong_password"), SignInFailed(reason="wrong_password"))
    settle(house)
    for period in ("24h", "7d"):
        page = watch.get(f"/console?within={period}&lang=en").text
        counts = dict(re.findall(r'id="chart-([a-z_]+)-title"><span>[^<]+</span> <strong>(\d+)</strong>', page))
        assert counts == {"sign_ins": "0", "failures": "2", "releases": "0", "alerts": "0", "refusals": "2"}
        listed = watch.get(f"/console/events?within={period}&outcome=refused&lang=en").text
        assert len(found(listed)) == int(counts["refusals"]), "a chart counts what its link lists"
    assert "Events in the tree" in page and f"<dd>{head(house.parts).size}</dd>" in page
    assert watch.get("/console?within=1y").status_code == 400
    assert console_overview.log_state(house.parts).checked_at is None
    assert LogKeeper(house.parts).check()
    state = console_overview.log_state(house.parts)
    assert (state.checked_at, state.checked_size) == (house.clock(), head(house.parts).size)


def test_the_log_page_compares_with_the_last_visit(watch: Person) -> None:
    house = watch.house
    settle(house)
    assert 'id="first-visit"' in watch.get("/console/log").text
    happen(house, SignInFailed(reason="wrong_password"))
    settle(house)
    page = watch.get("/console/log?lang=en").text
    assert 'id="consistent"' in page and house.config.log_name in page
    viewer = meant(house.parts, "wang.audit").person
    assert viewer is not None
    lie = msgspec.json.encode({"size": 1, "root": "AAAA", "at": 1})
    house.parts.volatile.put("console-log", viewer.account.id, lie, 60)
    assert 'id="inconsistent"' in watch.get("/console/log").text
    assert 'id="inconsistent"' in watch.get("/console/log").text, "what does not fit is not remembered"


def test_a_client_with_its_refusals_and_releases(watch: Person) -> None:
    house = watch.house
    app = house.register(client_name="Income tax online")
    house.request("GET", f"/authorize?client_id={app.id}&redirect_uri=https://evil.example/&response_type=code")
    happen(house, AttributesReleased(client_id=app.id, grant="a" * 32, claims=("name",), via="userinfo"))
    settle(house)
    listed = watch.get("/console/clients?lang=en").text
    assert "Income tax online" in listed and f'href="/console/clients/{app.id}"' in listed
    assert "Income tax online" not in watch.get("/console/clients?department=social").text
    page = watch.get(f"/console/clients/{app.id}?lang=en").text
    refusal = house.parts.store.find(ClientRefusal)[0]
    assert "evil.example" in page and f"reference={refusal.reference}" in page and "Data released" in page
    assert watch.get("/console/clients/nobody").status_code == 404


def test_an_account_is_shown_by_pseudonym_alone(watch: Person) -> None:
    house = watch.house
    account = house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    app, li = house.register(client_name="Income tax online"), Person(house)
    li.sign_in()
    house.grant(app, account, session=house.parts.store.find(Session, {"account_id": account})[0])
    settle(house)
    who = house.parts.vault.citizen(account).pseudonym.hex()
    page = watch.get(f"/console/accounts/{who}?lang=en").text
    assert "Income tax online" in page and "Signed in since" in page
    for secret in ("li.wei", "李", "example.cn", li.remote, "Chrome", account.hex()):
        assert secret not in page.replace("wang.audit", "")
    for wrong in ("0" * 32, "x", who[:-1], who.upper()[:30] + "zz"):
        assert watch.get(f"/console/accounts/{wrong}").status_code == 404


def test_ending_a_session_is_an_event_of_the_staff(watch: Person) -> None:
    house = watch.house
    account = house.citizen("li.wei", password=PASSWORD)
    li = Person(house)
    li.sign_in()
    settle(house)
    who = house.parts.vault.citizen(account).pseudonym.hex()
    staff_id = pseudonym(house, "wang.audit")
    page = watch.get(f"/console/accounts/{who}")
    end = re.search(r'name="end" value="([0-9a-f]{32})"', page.text)
    assert end is not None
    for why in ("", "because"):
        refused = watch.submit(form=2, end=end[1], why=why)
        assert refused.status_code == 422 and 'id="why-error"' in refused.text
    assert li.get("/account").request.path == "/account" and house.events("session.ended") == []
    assert watch.submit(form=2, end=end[1], why="compromised").status_code == 200
    assert li.get("/account").request.path == "/sign-in"
    event = house.events("session.ended")[-1]
    assert (event["why"], event["reason"], event["actor"], event["person"]) == ("staff", "compromised", staff_id, who)
    settle(house)
    assert len(found(watch.get(f"/console/events?staff={staff_id}&action=session.ended").text)) == 1


def test_locking_an_account_needs_a_reason_and_can_be_undone(watch: Person) -> None:
    house = watch.house
    account = house.citizen("li.wei", password=PASSWORD)
    li = Person(house)
    li.sign_in()
    settle(house)
    who = house.parts.vault.citizen(account).pseudonym.hex()
    watch.get(f"/console/accounts/{who}")
    assert watch.submit(form=1, status="disabled").status_code == 422
    assert watch.submit(form=1, status="disabled", reason="because").status_code == 422
    assert house.events("account.changed") == []
    assert 'id="unlock-account"' in watch.submit(form=1, status="disabled", reason="compromised").text
    assert li.get("/account").request.path == "/sign-in" and li.sign_in().request.path == "/sign-in"
    event = house.events("account.changed")[-1]
    assert (event["value"], event["reason"], event["by"], event["person"]) == ("disabled", "compromised", "staff", who)
    assert 'id="lock-account"' in watch.submit(form=1, status="active", reason="resolved").text
    assert li.sign_in().request.path == "/account"
    settle(house)
    for lang, words in (
        ("en", ("Account locked", "Account let on again")),
        ("zh-Hans", ("账号已锁定", "账号已恢复使用")),
    ):
        listed = watch.get(f"/console/events?within=all&person={who}&action=account.changed&lang={lang}").text
        lines = listed.split('id="found"')[1]
        assert all(f"</span> {word}" in lines for word in words), lang


@pytest.mark.attack("A095")
def test_acts_reach_the_account_that_the_form_was_made_for(watch: Person) -> None:
    """A form's proof is for its own account; another's session under it, one's own account, and no proof do nothing (ASVS 8.2.2)."""
    house = watch.house
    first, second = house.citizen("li.wei"), house.citizen("zhang.min")
    session = house.session(second)[0]
    settle(house)
    one, other = (house.parts.vault.citizen(who).pseudonym.hex() for who in (first, second))
    watch.get(f"/console/accounts/{one}")
    _, hidden = watch.form(1)
    act = {"status": "disabled", "reason": "misuse"}
    assert watch.post(f"/console/accounts/{other}", {**hidden, **act}).status_code == 403
    assert watch.post(f"/console/accounts/{one}", act).status_code == 403
    assert (
        watch.post(f"/console/accounts/{one}", {**hidden, "end": session.id.hex(), "why": "misuse"}).status_code == 404
    )
    own = pseudonym(house, "wang.audit")
    mine = watch.get(f"/console/accounts/{own}")
    assert 'id="lock-account"' not in mine.text
    _, hidden = watch.form(1)
    assert watch.post(f"/console/accounts/{own}", {**hidden, **act}).status_code == 404
    assert {row.status for row in house.parts.store.find(Account)} == {"active"}


# Export -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.attack("A091")
def check_now(watch: Person) -> str:
    page = watch.get("/console/log").text
    number = next(n for n, tag in enumerate(re.findall(r"<form[^>]*>", page)) if 'id="check"' in tag)
    return watch.submit(form=number).text


def test_the_log_is_checked_at_once_and_an_altered_event_sounds_the_alarm(watch: Person) -> None:
    house = watch.house
    happen(house, *(SignInFailed(reason="wrong_password") for _ in range(3)))
    settle(house)
    assert console_overview.log_state(house.parts).checked_at is None
    check_now(watch)
    state = console_overview.log_state(house.parts)
    assert (state.checked_at, state.checked_size, state.alarm) == (house.clock(), head(house.parts).size, False)
    row = house.parts.store.find(Event, {"kind": "session.refused"})[0]
    house.parts.store.commit([Update(Event, {"seq": row.seq}, {"head": row.head.replace(b"wrong", b"right")})])
    house.parts.volatile.forget("console-check", b"log")
    check_now(watch)
    assert console_overview.log_state(house.parts).alarm and len(house.events("audit.alarmed")) == 1
    check_now(watch)
    assert len(house.events("audit.alarmed")) == 1


def test_export_holds_what_the_search_finds_and_is_itself_an_event(watch: Person) -> None:
    """CSV whose cells no spreadsheet runs, and JSON lines; recorded before the first line (CWE-1236)."""
    house = watch.house
    happen(house, *(SignInFailed(reason="wrong_password") for _ in range(60)))
    happen(house, TokenRequestRefused(client_id="=1+1", endpoint="token", code="invalid_client", reason="unknown"))
    settle(house)
    page = watch.get("/console/events?outcome=refused&within=all")
    number = next(n for n in range(9) if 'id="export"' in re.findall(r"<form[^>]*>", page.text)[n])
    csv = watch.submit({"form": "csv"}, form=number)
    assert (
        csv.headers["Content-Type"] == "text/csv; charset=utf-8" and "attachment" in csv.headers["Content-Disposition"]
    )
    lines = csv.text.splitlines()
    assert len(lines) == 62 and ",'=1+1," in lines[1] and ",=1+1" not in csv.text
    event = house.events("audit.exported")[-1]
    assert event["form"] == "csv" and event["actor"] and event["search"] == ["within", "outcome"]
    watch.get("/console/events?outcome=refused&within=all")
    listed = watch.submit({"form": "jsonl"}, form=number).text.splitlines()
    assert [msgspec.json.decode(line)["kind"] for line in listed] == ["token.refused"] + ["session.refused"] * 60
    watch.get("/console/events?outcome=refused&within=all")
    assert watch.submit({"form": "exe"}, form=number).status_code == 400
    assert watch.post("/console/export", {"form": "csv"}).status_code == 403
    assert len(house.events("audit.exported")) == 2
