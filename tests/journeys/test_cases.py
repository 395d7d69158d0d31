"""Staff's cases: from an alert, an objection, an event or by hand; taken, noted on, closed by one of two; each step an event."""

import html
import re
from threading import Barrier, Thread

import pytest

from idp.audit.alerts import parse, written
from idp.audit.cases import AlertRaised
from idp.audit.events import SignInFailed, vocabulary
from idp.config import Config
from idp.errors import Refusal
from idp.flows import alert_rules, cases, erasure, log_alerts, objections
from idp.flows.people import Caller, Person, meant
from idp.ports import Update
from idp.records import Account, AlertDone, CaseStep, Event, EventFacet, Objection, SecurityCase
from idp.web.case_words import STARTER_RULES
from tests.journeys.test_console import auditor, found, happen, pseudonym, settle
from tests.journeys.test_history import citizen, lines, told
from tests.kit.house import House
from tests.kit.person import Person as Browser

SECRET = "Li Wei of 8 Garden Road called at noon"
CASE = re.compile(r'href="/console/cases/([0-9a-f]{32})"')


@pytest.fixture
def watch(any_house: House) -> Browser:
    return auditor(any_house)


def alert(house: House, group: str = "") -> str:
    """A raised alert, in the log's index; its id."""
    happen(house, AlertRaised(rule="guessing", severity="high", group=group, count=9, first=0, last=8))
    settle(house)
    return str(house.events("alert.raised")[-1]["id"])


def staff(house: House, name: str = "wang.audit") -> Person:
    person = meant(house.parts, name).person
    assert person is not None
    return person


def caller(house: House) -> Caller:
    return Caller(browser=b"", remote="198.51.100.77", device="", reference="ABCDE12345", now=house.clock())


def opened(browser: Browser, query: str, note: str = "") -> str:
    """Open a case by its page; the id."""
    browser.get(f"/console/cases/new?{query}")
    page = browser.submit(form=1, note=note)
    assert page.status_code == 200, page.text
    return page.request.path.rpartition("/")[2]


def act(browser: Browser, case: str, do: str, **fields: str):
    """One act on the case as its page shows it now."""
    browser.get(f"/console/cases/{case}")
    return again(browser, case, do, **fields)


def again(browser: Browser, case: str, do: str, **fields: str):
    """One act on the page that the browser shows."""
    _, hidden = browser.form(1)
    return browser.post(f"/console/cases/{case}", {**hidden, "do": do, **fields})


def objection(house: House, kind: str = "not_me", words: str = "I never allowed this") -> tuple[bytes, Browser, str]:
    """A citizen's objection; (account, browser, id of the objection)."""
    account, li = citizen(house)
    told(house, house.register(client_name="Income tax online"), account)
    line = lines(li.get("/account/history"))[0]
    li.get(f"/account/history/{line}")
    li.submit(kind=kind, words=words)
    return account, li, house.parts.store.find(Objection)[0].id.hex()


def test_an_alert_about_a_client_says_its_name(watch: Browser) -> None:
    """By name where the house knows it, leading to its events; a client that is gone by its id"""
    app = watch.house.register(client_name="Income tax online")
    event, gone = alert(watch.house, f"client_id={app.id}"), alert(watch.house, "client_id=gone")
    shown = watch.get("/console/alerts").text
    assert ": <bdi>Income tax online</bdi>" in shown.replace("：", ": ") and "<code>gone</code>" in shown
    assert app.id not in shown
    link = f'href="/console/events?within=all&amp;client={app.id}"><bdi>Income tax online</bdi>'
    assert link in watch.get(f"/console/alerts/{event}").text
    assert "client=gone" in watch.get(f"/console/alerts/{gone}").text


def test_from_an_alert_to_its_end(watch: Browser) -> None:
    """Opened, taken, noted on, closed: the alert is acknowledged with it; every step is an event of the staff"""
    house = watch.house
    assert 'id="nothing"' in watch.get("/console/cases").text and 'id="nothing"' in watch.get("/console/alerts").text
    account = house.citizen("li.wei")
    who = house.parts.vault.citizen(account).pseudonym.hex()
    event = alert(house, f"person={who}")
    page = watch.get("/console/alerts").text
    assert f"/console/alerts/{event}" in page
    assert f"/console/cases/new?alert={event}" in watch.get(f"/console/alerts/{event}").text
    case = opened(watch, f"alert={event}", SECRET)
    assert opened(watch, f"alert={event}", "again") == case, "one case for each alert"
    assert SECRET in watch.page.text and f"/console/accounts/{who}" in watch.page.text and found(watch.page.text)[-1:]
    assert (
        case in CASE.findall(watch.get("/console/cases").text)
        and 'id="nothing"' in watch.get("/console/cases?state=mine").text
    )
    act(watch, case, "take")
    assert case in CASE.findall(watch.get("/console/cases?state=mine").text)
    act(watch, case, "note", note="Three cities in an hour.")
    assert act(watch, case, "close", outcome="handled").status_code == 422
    assert act(watch, case, "close", closing="Locked.", outcome="upheld").status_code == 422
    _, stale = watch.form(1)
    assert act(watch, case, "close", closing="Locked.", outcome="handled").status_code == 200
    assert case not in CASE.findall(watch.get("/console/cases").text)
    assert case in CASE.findall(watch.get("/console/cases?state=closed").text)
    for late in (
        {"do": "note", "note": "later"},
        {"do": "take"},
        {"do": "close", "closing": "x", "outcome": "handled"},
    ):
        assert watch.post(f"/console/cases/{case}", {**stale, **late}).status_code == 409
    (done,) = house.parts.store.find(AlertDone)
    assert (done.alert_id.hex(), done.outcome, done.by) == (event, "handled", staff(house).citizen.pseudonym)
    settle(house)
    assert 'id="nothing"' in watch.get("/console/alerts").text
    steps = [e for e in house.events() if e["kind"].startswith("case.")]
    assert [e["kind"] for e in steps] == ["case.opened", "case.assigned", "case.noted", "case.closed"]
    assert {(e["case"], e["actor"], e["person"]) for e in steps} == {(case, pseudonym(house, "wang.audit"), None)}
    rows = house.parts.store.find(CaseStep, order=("created_at",))
    assert {row.event_id.hex() for row in rows} == {e["id"] for e in steps}


def test_an_objection_is_read_and_answered_in_its_case(watch: Browser) -> None:
    """The words are not opened by looking; the citizen reads the answer; the command line's verb meets the same flow"""
    house = watch.house
    _, li, which = objection(house)
    assert f"/console/cases/new?objection={which}" in watch.get("/console/cases").text
    case = opened(watch, f"objection={which}")
    assert "I never allowed this" not in watch.page.text and house.events("objection.read") == []
    assert [row.state for row in house.parts.store.find(Objection)] == ["assigned"]
    assert [row.id.hex() for row in objections.listed(house.parts, "open")] == [which]
    assert f"objection={which}" not in watch.get("/console/cases").text
    assert "I never allowed this" in act(watch, case, "read").text
    (read,) = house.events("objection.read")
    assert (read["by"], read["actor"]) == ("staff", pseudonym(house, "wang.audit"))
    page = act(watch, case, "close", outcome="upheld", closing="A bug of the bureau.", answer="We stopped it.")
    assert page.status_code == 200
    line = lines(li.get("/account/history"))[0]
    answer = li.get(f"/account/history/{line}?lang=en").text
    assert "We stopped it." in answer and "A bug of the bureau." not in answer
    (closed,) = house.events("objection.closed")
    assert (closed["outcome"], closed["by"], closed["actor"]) == ("upheld", "staff", pseudonym(house, "wang.audit"))


def test_an_objection_answered_elsewhere_does_not_hold_its_case(watch: Browser) -> None:
    house = watch.house
    _, _, which = objection(house, "object", "Why?")
    case = opened(watch, f"objection={which}")
    objections.close(house.parts, which, "explained", "By law.", by="cli", now=house.clock())
    assert act(watch, case, "close", outcome="explained", closing="Done at the desk.").status_code == 200
    assert len(house.events("objection.closed")) == 1 and len(house.events("case.closed")) == 1


def test_from_an_event_or_by_hand_and_more_events(watch: Browser) -> None:
    house = watch.house
    account = house.citizen("li.wei")
    happen(house, SignInFailed(reason="wrong_password"), SignInFailed(reason="wrong_password"), account=account)
    settle(house)
    first, second = (e["id"] for e in house.events("session.refused"))
    assert f"/console/cases/new?event={first}" in watch.get(f"/console/events/{first}").text
    case = opened(watch, f"event={first}")
    watch.get(f"/console/cases/new?event={first}")
    assert 'id="there"' in watch.page.text
    watch.get(f"/console/cases/new?event={second}")
    assert case in watch.page.text
    assert watch.submit(form=2, to_case=case).request.path == f"/console/cases/{case}"
    assert {first, second} <= set(found(watch.page.text))
    assert act(watch, case, "link", event=second).status_code == 409
    assert act(watch, case, "link", event="zz").status_code == 422
    by_hand = opened(watch, f"person={house.parts.vault.citizen(account).pseudonym.hex()}", "From the street.")
    assert "From the street." in watch.page.text and by_hand != case
    opened(watch, "", SECRET)
    assert SECRET in watch.page.text
    assert [e["origin"] for e in house.events("case.opened")] == ["event", "hand", "hand"]


@pytest.mark.parametrize(
    "query", ["event=" + "0" * 32, "event=zz", "alert={event}", "objection=" + "0" * 32, "person=xy"]
)
def test_what_is_not_there_makes_no_case(house: House, query: str) -> None:
    watch = auditor(house)
    happen(house, SignInFailed(reason="wrong_password"))
    settle(house)
    query = query.format(event=house.events("session.refused")[0]["id"])
    assert watch.get(f"/console/cases/new?{query}").status_code == 404
    watch.get("/console/cases/new")
    _, hidden = watch.form(1)
    about, _, what = query.partition("=")
    assert watch.post("/console/cases/new", {**hidden, "about": about, "what": what}).status_code == 404
    assert house.parts.store.count(SecurityCase) == 0
    for path in ("/console/cases/zz", "/console/cases/" + "0" * 32, "/console/alerts/zz", "/console/reveals/zz"):
        assert watch.get(path).status_code == 404
    for path in (
        "/console/cases?state=x",
        "/console/cases?before=1-zz",
        "/console/cases?before=-1-" + "0" * 32,
        "/console/alerts?state=x",
    ):
        assert watch.get(path).status_code == 400


def test_of_two_who_take_or_close_a_case_one_does(any_house: House) -> None:
    """Each names the version that they saw; at the same moment too"""
    house = any_house
    first, second = auditor(house, "wang.audit"), auditor(house, "zhao.audit")
    case = opened(first, "")
    first.get(f"/console/cases/{case}")
    second.get(f"/console/cases/{case}")
    assert again(first, case, "take").status_code == 200
    late = again(second, case, "take")
    assert late.status_code == 409 and "wang.audit" in late.text
    version, done, gate = house.parts.store.find(SecurityCase)[0].version, list[str](), Barrier(2)

    def close(name: str) -> None:
        person = staff(house, name)
        gate.wait()
        try:
            cases.close(house.parts, caller(house), person, case, version, "handled", f"by {name}")
            done.append(name)
        except Refusal as refusal:
            done.append(refusal.reason)

    threads = [Thread(target=close, args=(name,)) for name in ("wang.audit", "zhao.audit")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done.count("case_conflict") == 1 and len(done) == 2 and len(house.events("case.closed")) == 1
    assert house.parts.store.count(CaseStep, {"kind": "closed"}) == 1


def test_a_case_is_given_to_colleagues_with_the_role_alone(watch: Browser) -> None:
    house = watch.house
    auditor(house, "zhao.audit")
    auditor(house, "qian.op", "operator")
    case = opened(watch, "")
    assert "zhao.audit" in watch.page.text and "qian.op" not in watch.page.text
    assert act(watch, case, "assign", to=pseudonym(house, "zhao.audit")).status_code == 200
    assert 'id="case-keeper"' in watch.page.text
    house.citizen("li.wei")
    for name in ("qian.op", "li.wei"):
        assert act(watch, case, "assign", to=pseudonym(house, name)).status_code == 422
    assert act(watch, case, "assign", to="zz").status_code == 422
    assert house.parts.store.find(SecurityCase)[0].assignee == staff(house, "zhao.audit").citizen.pseudonym
    assert act(watch, case, "assign", to="").status_code == 200
    assert house.parts.store.find(SecurityCase)[0].state == "open"


@pytest.mark.attack("A165")
def test_a_role_that_is_lost_meanwhile_ends_the_act(any_house: House) -> None:
    """The role stands in the batch: between the page's check and the commit it can't go (ASVS 8.3.2)."""
    house = any_house
    case = opened(auditor(house), "")
    person = staff(house)
    house.parts.store.commit([Update(Account, {"id": person.account.id}, {"roles": ""})])
    with pytest.raises(Refusal):
        cases.note(house.parts, caller(house), person, case, "late")
    with pytest.raises(Refusal):
        cases.open_case(house.parts, caller(house), person, cases.about(house.parts, "hand", ""), "")
    assert house.events("case.noted") == [] and house.parts.store.count(SecurityCase) == 1


@pytest.mark.attack("A095")
def test_a_forms_proof_is_for_its_own_case(watch: Browser) -> None:
    """Another case under it, and no proof, do nothing (ASVS 8.2.2)."""
    house = watch.house
    one, other = opened(watch, ""), opened(watch, "")
    watch.get(f"/console/cases/{one}")
    _, hidden = watch.form(1)
    assert watch.post(f"/console/cases/{other}", {**hidden, "do": "take"}).status_code == 403
    assert watch.post(f"/console/cases/{one}", {"do": "take", "version": "1"}).status_code == 403
    for bad in ({"do": "burn"}, {}):
        assert watch.post(f"/console/cases/{one}", {**hidden, **bad}).status_code == 400
    assert watch.post(f"/console/cases/{one}", {**hidden, "do": "take", "version": "-1"}).status_code == 409
    assert house.events("case.assigned") == []


def test_words_are_sealed_and_end_with_the_person(watch: Browser) -> None:
    """Not in the database, not in the log's heads; after an erasure nobody reads them, and nothing new is written"""
    house = watch.house
    account = house.citizen("li.wei")
    who = house.parts.vault.citizen(account).pseudonym.hex()
    case = opened(watch, f"person={who}", SECRET)
    assert SECRET in watch.page.text
    for kind in (CaseStep, SecurityCase, Event, EventFacet):
        assert SECRET.encode() not in repr(house.parts.store.find(kind, limit=10_000)).encode()
    erasure.by_order(house.parts, "li.wei", "requested", now=house.clock())
    page = watch.get(f"/console/cases/{case}").text
    assert SECRET not in page and 'id="add-note"' not in page
    with pytest.raises(Refusal):
        cases.note(house.parts, caller(house), staff(house), case, "more")
    assert act(watch, case, "close", outcome="harmless").status_code == 200


@pytest.mark.parametrize("with_case", [True, False], ids=["its case is closed", "it is acknowledged"])
def test_the_note_on_an_alert_ends_with_the_person_it_is_about(watch: Browser, with_case: bool) -> None:
    """What is said when an alert about somebody is dealt with is read until they are erased, and in no older copy after that (issue 3.8)"""
    house = watch.house
    account = house.citizen("li.wei")
    event = alert(house, f"person={house.parts.vault.citizen(account).pseudonym.hex()}")
    if with_case:
        act(watch, opened(watch, f"alert={event}"), "close", outcome="handled", closing=SECRET)
    else:
        watch.get(f"/console/alerts/{event}")
        watch.submit(form=1, outcome="harmless", note=SECRET)
    assert SECRET in watch.get(f"/console/alerts/{event}").text
    (row,) = house.parts.store.find(AlertDone)
    erasure.by_order(house.parts, "li.wei", "requested", now=house.clock())
    assert house.parts.store.find(AlertDone) == [row]
    page = watch.get(f"/console/alerts/{event}")
    assert page.status_code == 200 and 'id="acknowledged"' in page.text and SECRET not in page.text
    assert house.parts.vault.nobody().opens("alert", "note", row.alert_id, 0, row.sealed or b"") is None
    assert house.events("seal.failed") == []


def test_pages_of_cases_follow_each_other(watch: Browser) -> None:
    house, made = watch.house, list[str]()
    person = staff(house)
    for number in range(cases.PAGE + 7):
        house.clock.advance(0 if number % 3 else 1)  # several at one moment
        made.append(cases.open_case(house.parts, caller(house), person, cases.About("hand"), "").hex())
    path, seen = "/console/cases?state=all", list[str]()
    while path:
        page = watch.get(path).text
        seen += CASE.findall(page)
        more = re.search(r'id="more" href="([^"]+)"', page)
        path = more[1].replace("&amp;", "&") if more else ""
    assert sorted(seen) == sorted(made) and len(set(seen)) == len(made)


# Alerts and rules -----------------------------------------------------------------------------------------------------------------


def test_an_alert_is_acknowledged_once_with_a_note(any_house: House) -> None:
    house = any_house
    watch, other = auditor(house), auditor(house, "zhao.audit")
    event = alert(house)
    for bad in ({"outcome": "handled"}, {"note": "x"}, {"outcome": "perhaps", "note": "x"}):
        watch.get(f"/console/alerts/{event}")
        assert watch.submit(bad, form=1).status_code == 422
    other.get(f"/console/alerts/{event}")
    watch.get(f"/console/alerts/{event}")
    page = watch.submit(form=1, outcome="harmless", note=SECRET)
    assert page.status_code == 200 and 'id="acknowledged"' in page.text and SECRET in page.text
    late = other.submit(form=1, outcome="handled", note="me too")
    assert late.status_code == 409 and "me too" not in late.text
    with pytest.raises(Refusal):
        log_alerts.acknowledge(house.parts, event, "handled")
    (done,) = house.events("alert.acknowledged")
    assert (done["alert"], done["outcome"], done["actor"]) == (event, "harmless", pseudonym(house, "wang.audit"))
    assert SECRET.encode() not in repr(house.parts.store.find(AlertDone)).encode() and SECRET not in repr(done)
    case = opened(watch, f"alert={event}")
    assert act(watch, case, "close", outcome="duplicate", closing="Was dealt with.").status_code == 200
    assert len(house.events("alert.acknowledged")) == 1


RULES = """
[guessing]
about = "x"
kind = ["session.refused"]
where = { reason = "wrong_password" }
count = 3
within = 60
severity = "high"
"""


def test_a_rule_is_changed_in_the_console_and_works_so(make_house, tmp_path) -> None:
    """The file stays the truth; what is changed lies over it, shows beside it, is an event, and works at the next step"""
    file = tmp_path / "rules.toml"
    file.write_text(RULES, encoding="utf-8")
    house: House = make_house(log_alerts=str(file))
    watch = auditor(house)
    watcher = log_alerts.Watch(house.parts, trouble=lambda _: None)
    settle(house)
    watcher.step()
    assert "/console/rules/guessing" in watch.get("/console/rules").text

    def change(**fields: str):
        watch.get("/console/rules/guessing")
        return watch.submit({"reason": "noise", **fields}, form=1)

    def failed(count: int) -> int:
        house.clock.advance(120)
        happen(house, *(SignInFailed(reason="wrong_password") for _ in range(count)))
        settle(house)
        while watcher.step():
            pass
        return len(house.events("alert.raised"))

    assert failed(3) == 1
    for bad in ({"count": "0", "within": "60"}, {"count": "x", "within": "60"}, {"count": "2", "within": "604801"}):
        assert change(live="on", **bad).status_code == 422
    assert change(live="perhaps", count="2", within="60").status_code == 400
    assert change(live="on", count="2", within="60", reason="").status_code == 422
    assert house.events("rule.changed") == []
    assert change(live="on", count="5", within="60").status_code == 200
    assert failed(4) == 1 and failed(5) == 2
    assert change(live="off", count="5", within="60").status_code == 200
    assert failed(9) == 2
    watch.get("/console/rules/guessing")
    _, stale = watch.form(1)
    assert change(live="on", count="3", within="60").status_code == 200
    assert failed(3) == 3
    late = watch.post(
        "/console/rules/guessing", {**stale, "live": "off", "count": "3", "within": "60", "reason": "gap"}
    )
    assert late.status_code == 409
    told = [(e["live"], e["count"], e["within"], e["reason"]) for e in house.events("rule.changed")]
    assert told == [(True, 5, 60, "noise"), (False, 5, 60, "noise"), (True, 3, 60, "noise")]
    assert watch.get("/console/rules/nothing").status_code == 404
    assert "count = 3" in watch.get("/console/rules/guessing").text, "the file's own text"


def test_a_rule_is_written_as_the_file_reads_it() -> None:
    kinds = tuple(kind for kind in vocabulary() if not kind.startswith("alert."))
    rules = alert_rules.load_rules(Config(issuer="https://id.example"))
    assert parse("\n".join(written(name, rule) for name, rule in rules.items()), kinds) == rules


def test_the_starter_rules_speak_the_readers_language(house: House) -> None:
    """Each has words in the page's language; a rule of another file keeps its own"""
    watch = auditor(house)
    about = {name: rule.about for name, rule in alert_rules.load_rules(house.config).items()}
    assert set(STARTER_RULES) == set(about)
    english, chinese = (html.unescape(watch.get(f"/console/rules?lang={lang}").text) for lang in ("en", "zh-Hans"))
    for text in about.values():
        assert text in english and text not in chinese
