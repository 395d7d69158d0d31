"""While the log stands still, everything that is written is still found and shown, and says that it is not in the log yet (DECISIONS 90, 96)."""

import json
import re
from typing import Any

import pytest

from idp.audit.events import SignInFailed, TokenRequestRefused
from idp.audit.rights import ObjectionRead
from idp.audit.search import Query
from idp.flows import console_overview, copies, log_unsequenced, objections
from idp.flows.log_memory import accept
from idp.flows.log_reading import found_by_id
from idp.flows.log_search import events_about, jump, of_kinds, search
from idp.flows.log_waiting import alarm
from idp.flows.sequencer import Damaged, log_signer
from idp.records import Event, Objection
from tests.attacks.test_log import forged
from tests.journeys.test_console import auditor, found, happen, pseudonym, settle, total
from tests.journeys.test_data import copied
from tests.journeys.test_history import citizen, lines, told
from tests.journeys.test_log_memory import keeper
from tests.journeys.test_log_verify import Insider
from tests.kit.house import House
from tests.kit.person import Person

WAITS = {"en": "Not yet in the log", "zh-Hans": "尚未编入日志"}


def standing(house: House) -> None:
    """A log that stands still: a row in its line does not fit, and nobody has accepted it."""
    forged(house)
    if house.config.log_alarm == "continue":
        with pytest.raises(Damaged):
            keeper(house).sequence()
    house.clock.advance(60)


def released(house: House) -> tuple[bytes, Person, Any, str]:
    """A citizen with one release in the log, and the token for more."""
    account, person = citizen(house)
    app = house.register(client_name="Income tax online")
    told(house, app, account)
    token = house.tokens(app, account, scope="openid profile")["access_token"]
    settle(house)
    house.clock.advance(60)
    return account, person, app, token


def test_who_saw_my_data_holds_what_waits(make_house: Any) -> None:
    """Issue 3.7, with ``IDP_LOG_ALARM=continue``: list, line, receipt and files; afterwards they are as ever, and nothing stands twice"""
    house = make_house(log_alarm="continue")
    _, person, _, token = released(house)
    before = len(lines(person.get("/account/history")))
    assert WAITS["en"] not in person.get("/account/history?lang=en").text
    standing(house)
    assert alarm(house.parts) and house.userinfo(token).status_code == 200
    for lang, words in WAITS.items():
        page = person.get(f"/account/history?lang={lang}")
        assert len(lines(page)) == before + 1
        assert page.text.count(words) == 1 and page.text.index(words) < page.text.index(lines(page)[1])
        assert words in person.get(f"/account/history/{lines(page)[0]}?lang={lang}").text
        assert words not in person.get(f"/account/history/{lines(page)[1]}?lang={lang}").text
    receipt = person.get(f"/account/history/{lines(page)[0]}/receipt")
    assert receipt.status_code == 200 and 'id="waits"' in receipt.text and 'id="proved"' not in receipt.text
    person.get("/account/history?lang=en")
    kept = json.loads(person.submit(file="json").data)
    assert [line.get("in_log", True) for line in kept["lines"]] == [False, *[True] * before] and kept["complete"]
    person.get("/account/history?lang=en")
    table = person.submit(file="csv").data.decode()
    assert table.count(f'"{WAITS["en"]}"') == 1 and table.count('"Yes"') == before
    accept(house.parts, log_signer(house.parts), "other")
    settle(house)
    page = person.get("/account/history?lang=en")
    assert len(lines(page)) == before + 1 and WAITS["en"] not in page.text


def test_pages_of_a_history_hold_what_waits_once(any_house: House) -> None:
    """Keyset paging goes from what waits into the index without gap or repeat"""
    house = any_house
    _, person, _, token = released(house)
    for n in range(60):
        house.clock.advance(1)
        house.userinfo(token)
        if n == 20:
            settle(house)
    seen, path = list[str](), "/account/history"
    while path:
        page = person.get(path)
        seen += re.findall(r'</bdi></h2>.*?datetime="([^"]+)"', page.text, re.DOTALL)
        more = re.search(r'href="([^"]+)" rel="next"', page.text)
        path = more[1].replace("&amp;", "&") if more else ""
    assert len(seen) == len(set(seen)) == 61 and seen == sorted(seen, reverse=True)


def test_a_copy_holds_what_waits(any_house: House) -> None:
    """Issue 3.8: everything about me, whether the log has it or not"""
    house = any_house
    _, person, _, token = released(house)
    standing(house)
    house.userinfo(token)
    whole = json.loads(copied(person, "json").data)
    assert (whole["history"][0]["in_log"], "in_log" in whole["history"][1]) == (False, False)
    late = [e["kind"] for e in whole["events"] if e.get("in_log") is False]
    assert "attributes.released" in late and "account.copy_taken" in late and whole["events_complete"]
    for lang, words in WAITS.items():
        person.get(f"/account/copy?lang={lang}")
        assert person.submit({"form": "html"}).text.count(words) > 2


@pytest.mark.attack("A155")
def test_a_row_that_is_not_as_it_was_written_is_no_line_and_is_counted(any_house: House) -> None:
    """Neither a forgery about somebody nor a head that nobody can read passes for what the house wrote, or fails the page (ASVS 16.4.2)"""
    house = any_house
    _, person, _, token = released(house)
    house.userinfo(token)
    before = len(lines(person.get("/account/history")))
    name = forged(house)
    assert house.parts.store.find(Event, order=("-seq",), limit=1)[0].id.hex() == name
    settled = house.parts.store.find(Event, {"kind": "attributes.released"}, order=("seq",), limit=1)[0]
    garbage = "'\\x7b'" if house.config.database_url.startswith("postgres") else "x'7b'"
    Insider(house).do(f"UPDATE events SET head = {garbage} WHERE seq = {settled.seq}")
    page = person.get("/account/history?lang=en")
    assert page.status_code == 200 and len(lines(page)) == before - 1
    assert "2 entries are not as they were written" in page.text
    whole = json.loads(copied(person, "json").data)
    assert (whole["history_altered"], whole["events_altered"]) == (2, 2)
    assert "2 entries are not as they were written" in copied(person, "html").text


def in_english(person: Person) -> str:
    person.get("/account/copy?lang=en")
    return person.submit({"form": "html"}).text


def test_a_copy_says_that_there_are_older_events_whatever_was_done_to_the_newest(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASVS 16.4.2: a row that is not as it was written is no line, but it was one; and a gap alone is nothing older"""
    _, person, _, _ = released(house)
    copied(person, "json")
    held = len(json.loads(copied(person, "json").data)["events"])
    newest = house.parts.store.find(Event, order=("-seq",), limit=2)[1]
    Insider(house).do(f"UPDATE events SET head = x'7b' WHERE seq = {newest.seq}")
    monkeypatch.setattr(copies, "EVENTS", held - 2)
    whole, page = json.loads(copied(person, "json").data), in_english(person)
    assert "there are older ones" in page and whole["events_older"] and not whole["events_complete"]
    assert whole["events_altered"] == 1 and "1 entry is not as it was written" in page
    monkeypatch.setattr(copies, "EVENTS", 1000)
    standing(house)
    monkeypatch.setattr(log_unsequenced, "MOST", 1)
    copied(person, "json")
    whole = json.loads(copied(person, "json").data)
    monkeypatch.setattr(copies, "EVENTS", len(whole["events"]))
    whole, page = json.loads(copied(person, "json").data), in_english(person)
    assert len(whole["events"]) == copies.EVENTS and "there are older ones" not in page
    assert not whole["events_older"] and not whole["events_complete"]


def test_every_search_finds_what_waits(any_house: House) -> None:
    """By person, kind, client, reference and several together, page by page; marked; counted in the chart"""
    house = any_house
    watch, account = auditor(house), house.citizen("li.wei")
    happen(house, *(SignInFailed(reason="wrong_password") for _ in range(3)), account=account)
    settle(house)
    who = pseudonym(house, "li.wei")
    standing(house)
    late = [SignInFailed(reason="wrong_password", reference=f"REF{n}") for n in range(70)]
    happen(
        house,
        *late,
        TokenRequestRefused(client_id="c9", endpoint="token", code="invalid_client", reason="bad_secret"),
        account=account,
    )
    rows = [e.id.hex() for e in house.parts.store.find(Event, {"kind": "session.refused"}, order=("-seq",), limit=99)]
    path, seen = f"/console/events?within=all&person={who}&action=session.refused&lang=en", list[str]()
    while path:
        page = watch.get(path)
        seen += found(page.text)
        more = re.search(r'id="more" href="([^"]+)"', page.text)
        path = more[1].replace("&amp;", "&") if more else ""
    assert seen == rows and len(rows) == 74
    assert page.text.count(WAITS["en"]) == 21, "those of the second page, not the three in the tree"
    assert page.text.count(">Not as it was written</span>") == 1, "the forged one is there, and said to be what it is"
    for query, count in (("client=c9", 1), ("action=client.refused", 0), ("reference=REF5", 1), ("reference=REF99", 0)):
        page = watch.get(f"/console/events?within=all&lang=zh-Hans&{query}")
        assert (len(found(page.text)), page.text.count(WAITS["zh-Hans"])) == (count, count), query
    assert total(watch.get("/console/events?action=session.refused").text) == "73"
    assert console_overview.overview(house.parts, "24h", house.clock()).lines["failures"][-1] == 73
    assert len(found(watch.get(f"/console/accounts/{who}").text)) > 3
    assert jump(house.parts, "REF7") == ("reference", "REF7")


def test_what_waits_is_an_event_to_everybody_who_asks_for_one(any_house: House) -> None:
    """Who read a case, a change of a client's key, a case made of an event, by its id"""
    house = any_house
    account = house.citizen("li.wei")
    citizen_ = house.parts.vault.citizen(account)
    settle(house)
    happen(house, ObjectionRead(objection="ab" * 16, by="cd" * 16), account=account)
    last = house.parts.store.find(Event, order=("-seq",), limit=1)[0]
    assert [e.seq for e in events_about(house.parts, citizen_.pseudonym, (last.kind,), 0)] == [last.seq]
    assert [e.seq for e in of_kinds(house.parts, (last.kind,), "", 10)] == [last.seq]
    event = found_by_id(house.parts, last.id.hex())
    assert event is not None and event.seq == last.seq
    watch = auditor(house)
    page = watch.get(f"/console/events/{last.id.hex()}?lang=en")
    assert WAITS["en"] in page.text and watch.get(f"/console/cases/new?event={last.id.hex()}").status_code == 200


def test_more_than_can_be_looked_through_is_said(any_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which time lines may be missing: on the page, in the copy, in the console, in both languages"""
    house = any_house
    _, person, _, token = released(house)
    standing(house)
    begun = house.clock()
    for _ in range(6):
        house.userinfo(token)
        house.clock.advance(1)
    monkeypatch.setattr(log_unsequenced, "MOST", 4)
    page = person.get("/account/history?lang=en").text
    assert 'id="history-gap"' in page and "may be missing here until the log goes on" in page
    assert "之间发生的事可能未列在此处" in person.get("/account/history?lang=zh-Hans").text
    whole = json.loads(copied(person, "json").data)
    assert not whole["history_complete"] and not whole["events_complete"]
    assert whole["history_missing"]["since"] < whole["history_missing"]["until"]
    assert "之间发生的事可能未列在此处" in copied(person, "html").text
    search_page = search(house.parts, Query(within="all", action="attributes.released"), house.clock())
    assert search_page.gap is not None and search_page.gap[1] > begun
    assert "data-gap" in auditor(house).get("/console/events?action=attributes.released").text
    monkeypatch.setattr(log_unsequenced, "MOST", 5000)
    assert 'id="history-gap"' not in person.get("/account/history").text
    monkeypatch.setattr(log_unsequenced, "REACH", 3)
    assert 'id="history-gap"' in person.get("/account/history").text


@pytest.mark.postgres
@pytest.mark.redis
def test_what_committed_late_is_told_beside_what_is_cut(served_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number is older than the newest leaf's: it lies in no gap, so that no page says it may be missing (DESIGN §2.1)"""
    house = served_house
    _, person, _, token = released(house)
    before = len(lines(person.get("/account/history")))
    house.userinfo(token)
    late = house.parts.store.find(Event, order=("-seq",), limit=1)[0]
    Insider(house).do(f"UPDATE tree_heads SET last_seq = {late.seq} WHERE name = 'log'")
    house.clock.advance(60)
    standing(house)
    for _ in range(6):
        house.userinfo(token)
    monkeypatch.setattr(log_unsequenced, "MOST", 4)
    assert len(lines(person.get("/account/history"))) == before + 1 + 4
    waiting = log_unsequenced.unsequenced(house.parts, kind="attributes.released")
    assert late.seq in waiting.rows and waiting.gap is not None and late.at <= waiting.gap[0]


@pytest.mark.attack("A155")
@pytest.mark.parametrize("spoilt", ["{", '{"kind":"objection.read","objection":"%s"}'], ids=["garbage", "another case"])
def test_a_row_that_is_not_as_it_was_written_is_no_reading_of_a_case(any_house: House, spoilt: str) -> None:
    """The citizen is told when staff read their words: by what the house wrote alone, and by a page that stands (ASVS 16.4.2)"""
    house = any_house
    account, person, _, _ = released(house)
    path = f"/account/history/{lines(person.get('/account/history'))[0]}"
    person.get(path)
    person.submit(kind="not_me", words="never")
    (case,) = house.parts.store.find(Objection)
    objections.read(house.parts, case.id.hex(), by="cli", now=house.clock())
    happen(house, ObjectionRead(objection="ab" * 16, by="cli"), account=account)
    settle(house)
    read = r'id="case-read">.*?</p>'
    (said,) = re.findall(read, person.get(path).text, re.DOTALL)
    assert said.count("<time") == 1
    other = house.parts.store.find(Event, {"kind": ObjectionRead.KIND}, order=("-seq",), limit=1)[0]
    text = (spoilt % case.id.hex() if "%" in spoilt else spoilt).encode().hex()
    garbage = f"'\\x{text}'" if house.config.database_url.startswith("postgres") else f"x'{text}'"
    Insider(house).do(f"UPDATE events SET head = {garbage} WHERE seq = {other.seq}")
    page = person.get(path)
    assert page.status_code == 200 and re.findall(read, page.text, re.DOTALL) == [said]


def test_an_alarm_without_a_place_shows_none(any_house: House) -> None:
    """-1 is how the log says that there is none; no page shows it"""
    house = any_house
    watch = auditor(house)
    settle(house)
    forged(house)
    with pytest.raises(Damaged):
        keeper(house).sequence()
    watch.get("/console/events?within=all&lang=en")
    assert "The log stands still since an alarm" not in watch.page.text, "a leaf may still come in a moment"
    house.clock.advance(3)
    for lang in WAITS:
        page = watch.get(f"/console/events?within=all&action=audit.alarmed&lang={lang}")
        assert len(found(page.text)) == 1 and ">-1<" not in page.text
        assert ("The log stands still since an alarm" if lang == "en" else "日志因警报而停止") in page.text
        page = watch.get(f"/console/events?within=all&action=alert.raised&lang={lang}")
        assert len(found(page.text)) == 1 and ">-1<" not in page.text
