"""Rules that staff write in the console: made of a search, tried, changed, switched off, removed, put back; and what the watch makes of them."""

import html
import re

import pytest

from idp.audit.events import SignInFailed
from idp.flows import alert_rules, log_alerts, rule_preview
from idp.ports import Update
from idp.records import AlertChange
from tests.journeys.test_console import auditor, happen, settle
from tests.kit.house import House
from tests.kit.person import Person

SEARCH = "/console/rules/new?action=session.refused&within=7d"
FILLED = {
    "name": "Many wrong",
    "about": "Wrong passwords, somewhere",
    "count": "3",
    "within": "60",
    "severity": "high",
    "reason": "gap",
}
PATH = "/console/rules/Many-wrong"


@pytest.fixture
def watch(any_house: House) -> Person:
    return auditor(any_house)


def make(watch: Person, do: str = "make", address: str = SEARCH, **fields: str):
    watch.get(f"{address}&lang=en")
    return watch.submit({**FILLED, "do": do, **fields}, form=1)


def act(watch: Person, do: str, path: str = PATH, **fields: str):
    watch.get(f"{path}?lang=en")
    return watch.submit({**FILLED, "do": do, **fields}, form=1)


def failed(house: House, watcher: log_alerts.Watch, count: int) -> int:
    """So many failures, a second apart, after a long silence; how many alerts of the rule there are by then."""
    house.clock.advance(120)
    happen(house, *(SignInFailed(reason="wrong_password") for _ in range(count)))
    settle(house)
    while watcher.step():
        pass
    return sum(event["rule"] == "Many-wrong" for event in house.events("alert.raised"))


def watching(house: House) -> log_alerts.Watch:
    watcher = log_alerts.Watch(house.parts, trouble=lambda _: None)
    settle(house)
    watcher.step()
    return watcher


def test_a_rule_lives_from_a_search_to_its_removal_and_back(watch: Person) -> None:
    """Each step is an event with its reason, works at the watch's next step, and stands in the list of rules and at the command line's"""
    house = watch.house
    watcher = watching(house)
    page = make(watch, group_reason="1")
    assert page.status_code == 200 and page.request.path == PATH
    assert "Wrong passwords, somewhere" in page.text and "count = 3" in page.text
    assert failed(house, watcher, 2) == 0 and failed(house, watcher, 3) == 1
    assert house.events("alert.raised")[0]["group"] == "reason=wrong_password"
    assert act(watch, "save", count="5", about="Now five", group_reason="1").status_code == 200
    assert failed(house, watcher, 4) == 1 and failed(house, watcher, 5) == 2
    assert act(watch, "off").status_code == 200
    assert failed(house, watcher, 9) == 2
    assert act(watch, "on").status_code == 200
    assert failed(house, watcher, 5) == 3
    assert act(watch, "remove", reason="noise").status_code == 200
    assert failed(house, watcher, 9) == 3
    rules = watch.get("/console/rules?lang=en").text
    assert "Many-wrong" in rules[rules.index('id="removed"') :]
    assert act(watch, "save", count="9").status_code == 400, "what was removed is put back first"
    assert act(watch, "on", reason="incident").status_code == 200
    assert failed(house, watcher, 5) == 4
    told = [(e["state"], e["count"], e["reason"]) for e in house.events("rule.written")]
    assert told == [("made", 3, "gap"), ("rewritten", 5, "gap"), ("removed", 5, "noise"), ("restored", 5, "incident")]
    assert [(e["live"], e["reason"]) for e in house.events("rule.changed")] == [(False, "gap"), (True, "gap")]
    one = house.events("rule.written")[0]
    assert (one["kinds"], one["group"], one["within"]) == (["session.refused"], ["reason"], 60)
    (row,) = house.parts.store.find(AlertChange)
    assert row.sealed is not None and b"Now five" not in row.sealed and "five" not in str(house.events("rule.written"))


def test_a_search_becomes_a_rule_by_a_link(watch: Person) -> None:
    """From the search page and from the saved searches; a search that no rule can make says so and offers no form"""
    page = html.unescape(watch.get("/console/events?action=sign-in&outcome=refused&client=tax").text)
    link = re.search(r'href="([^"]+)" id="make-rule"', page)
    assert link is not None and link[1] == "/console/rules/new?within=24h&action=sign-in&outcome=refused&client=tax"
    assert watch.get(link[1]).status_code == 200 and 'id="make-rule"' in watch.page.text
    assert 'id="make-rule"' not in watch.get("/console/events?data=address").text
    watch.get("/console/searches?action=code.replayed")
    watch.submit({"name": "Replays"}, form=1)
    assert 'href="/console/rules/new?within=24h&amp;action=code.replayed"' in watch.page.text
    for bad, status in (("data=address", 422), ("within=7d", 422), ("action=nothing", 400), ("colour=red", 400)):
        told = watch.get(f"/console/rules/new?{bad}&lang=en")
        assert told.status_code == status and 'name="search"' not in told.text and "govuk-error-summary" in told.text


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, ["name"]),
        ({"name": "a/b"}, ["name"]),
        ({"name": "code-replayed"}, ["name"]),
        ({"about": ""}, ["about"]),
        ({"count": "0"}, ["count"]),
        ({"within": "week"}, ["within"]),
        ({"severity": "dire"}, ["severity"]),
        ({"reason": ""}, ["reason"]),
        ({"distinct": "person", "group_person": "1"}, ["distinct"]),
        ({f"group_{name}": "1" for name in ("person", "client_id", "actor", "session", "reason")}, ["group"]),
        ({"name": "", "count": "", "reason": "because"}, ["name", "count", "reason"]),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_kept(
    house: House, fields: dict[str, str], wrong: list[str]
) -> None:
    watch = auditor(house)
    page = make(watch, **fields)
    assert page.status_code == 422
    assert sorted(re.findall(r'id="(\w+)-error"', page.text)) == sorted(wrong)
    typed = fields.get("about", FILLED["about"])
    assert typed in page.text and house.parts.store.find(AlertChange) == [] and house.events("rule.written") == []


def test_a_rule_is_tried_before_it_is_kept(any_house: House) -> None:
    """The watch's own evaluation over seven days: the same alerts, nothing written, and how far it looked is said when it did not look at all"""
    watch = auditor(any_house)
    house = watch.house
    watcher = watching(house)
    make(watch)
    assert failed(house, watcher, 3) == 1 and failed(house, watcher, 7) == 2
    assert act(watch, "remove").status_code == 200
    assert failed(house, watcher, 3) == 2
    before = len(house.events())
    page = make(watch, "try", name="", reason="").text
    assert "this would have alerted 3 times." in page and "13 events were looked at." in page
    assert 'value="3"' in page, "what was typed is kept"
    assert "would have alerted 0 times" in make(watch, "try", count="8").text
    assert "would have alerted 3 times" in make(watch, "try", group_reason="1").text
    assert make(watch, "try", count="0").status_code == 422
    assert "would have alerted 3 times" in act(watch, "try").text
    page = watch.get("/console/rules/guessing-at-one-account?lang=en")
    tried = watch.submit({"do": "try", "count": "2", "within": "60", "live": "on"}, form=1)
    assert tried.status_code == 200 and "would have alerted 3 times" in tried.text
    assert len(house.events()) == before, "nothing was written"
    house.clock.advance(8 * 86_400)
    settle(house)
    rule = alert_rules.there(house.parts)["Many-wrong"].rule
    found = rule_preview.preview(house.parts, rule, house.clock())
    assert found is not None and (found.alerts, found.events, found.whole) == (0, 0, True)


def test_a_rule_of_very_many_events_is_tried_on_the_newest(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = auditor(house)
    monkeypatch.setattr(rule_preview, "MOST", 6)
    watcher = watching(house)
    failed(house, watcher, 3)
    failed(house, watcher, 3)
    failed(house, watcher, 3)
    page = make(watch, "try").text
    assert "this would have alerted 2 times." in page and "Only the newest 6 events were looked at." in page


@pytest.mark.parametrize("name", ["impossible-travel", "log-behind"])
def test_what_the_recorded_log_can_not_answer_is_not_guessed(house: House, name: str) -> None:
    watch = auditor(house)
    rule = alert_rules.there(house.parts)[name].rule
    assert rule_preview.preview(house.parts, rule, house.clock()) is None
    page = act(watch, "try", f"/console/rules/{name}", count="1", within="60", live="on")
    assert page.status_code == 200 and "can't answer this rule" in page.text


@pytest.mark.attack("A153")
def test_of_two_who_change_a_rule_one_does(house: House) -> None:
    """Promise 9: whoever looked at an older rule is told, and changes nothing"""
    watch, other = auditor(house), auditor(house, "zhao.audit")
    make(watch)
    other.get(PATH)
    assert act(watch, "save", count="5").status_code == 200
    late = other.submit({**FILLED, "do": "remove"}, form=1)
    assert late.status_code == 409 and alert_rules.there(house.parts)["Many-wrong"].state == alert_rules.ON
    again = make(watch)
    assert again.status_code == 422 and 'id="name-error"' in again.text
    for do in ("perhaps", ""):
        assert act(watch, do).status_code == 400
    assert act(watch, "remove", "/console/rules/code-replayed", count="1", within="600").status_code == 400, (
        "of the file"
    )


def test_the_file_wins_over_a_rule_of_the_same_name(make_house, tmp_path) -> None:
    """A rule of the console is not at work beside it, switches it not off, and gives way when the file's is changed"""
    file = tmp_path / "rules.toml"
    text = '[{}]\nabout = "of the file"\nkind = ["session.refused"]\ncount = 2\nwithin = 60\nseverity = "low"\n'
    file.write_text(text.format("other"), encoding="utf-8")
    house: House = make_house(log_alerts=str(file))
    watch = auditor(house)
    make(watch)
    assert act(watch, "remove").status_code == 200
    file.write_text(text.format("Many-wrong"), encoding="utf-8")
    assert [(rule.about, rule.count) for rule in alert_rules.at_work(alert_rules.there(house.parts)).values()] == [
        ("of the file", 2)
    ]
    assert act(watch, "save", live="on", count="4", within="60").status_code == 200
    assert [rule.count for rule in alert_rules.at_work(alert_rules.there(house.parts)).values()] == [4]


def test_nobody_writes_rules_without_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = auditor(house)
    monkeypatch.setattr(alert_rules, "MOST", 1)
    make(watch)
    assert make(watch, name="another").status_code == 422 and len(house.parts.store.find(AlertChange)) == 1
    assert act(watch, "remove").status_code == 200
    assert make(watch, name="another").status_code == 200, "one that was removed takes nobody's place"
    assert (
        act(watch, "on").status_code == 422
        and alert_rules.there(house.parts)["Many-wrong"].state == alert_rules.REMOVED
    )
    monkeypatch.setattr(alert_rules, "KEPT", 2)
    assert act(watch, "remove", "/console/rules/another").status_code == 200
    assert make(watch, name="third").status_code == 422
    assert act(watch, "on").status_code == 200


def test_a_rule_that_was_altered_in_the_database_is_not_at_work(house: House) -> None:
    """F03: another rule's text, an older one, or none of ours is no rule"""
    watch = auditor(house)
    make(watch)
    make(watch, name="other", count="7")
    mine, other = (house.parts.store.one(AlertChange, rule=name) for name in ("Many-wrong", "other"))
    assert mine is not None and other is not None
    for values in ({"sealed": other.sealed}, {"sealed": mine.sealed, "version": 7}, {"sealed": b"x" * 64}):
        house.parts.store.commit([Update(AlertChange, {"rule": "Many-wrong"}, values)])
        assert "Many-wrong" not in alert_rules.there(house.parts)
        assert watch.get(PATH).status_code == 404 and watch.get("/console/rules").status_code == 200


def test_an_operator_sees_rules_and_changes_none(house: House) -> None:
    make(auditor(house))
    operator = auditor(house, "ops", "operator")
    page = operator.get(PATH)
    assert page.status_code == 200 and 'id="rule-form"' not in page.text
    assert operator.get(SEARCH).status_code == 403


def test_the_event_of_a_rule_is_told_in_words(house: House) -> None:
    watch = auditor(house)
    make(watch, group_reason="1")
    settle(house)
    told = house.events("rule.written")[0]
    page = watch.get(f"/console/events/{told['id']}?lang=en").text
    for label, words in (
        ("What it watches", "Sign-in failed"),
        ("Group", "Reason"),
        ("State", "Written"),
        ("Reason", "Something was not noticed"),
    ):
        assert re.search(rf"<dt>{label}</dt><dd><bdi>{words}</bdi>", page), label


def test_an_alert_leads_to_the_events_that_it_counted(watch: Person) -> None:
    house = watch.house
    watcher = watching(house)
    make(watch)
    assert failed(house, watcher, 3) == 1
    settle(house)
    raised = next(event for event in house.events("alert.raised") if event["rule"] == "Many-wrong")
    counted = [event["id"] for event in house.events("session.refused")]
    page = watch.get(f"/console/alerts/{raised['id']}").text
    met = page[page.index('id="met"') :]
    assert [one for one in re.findall(r"/console/events/([0-9a-f]{32})", met) if one in counted] == [
        counted[2],
        counted[0],
    ]


# What nobody should type --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["多次错误", "𠮷" * 60, "Ünïcode", "x" * 60, "-0-", "٣"])
def test_a_rule_of_any_name_is_found_under_it(house: House, name: str) -> None:
    watch = auditor(house)
    page = make(watch, name=name)
    assert page.status_code == 200 and name in page.text
    for do in ("off", "on", "remove", "on"):
        watch.submit({**FILLED, "do": do}, form=1)
        assert watch.page.status_code == 200
    assert alert_rules.there(house.parts)[name].state == alert_rules.ON
    assert "alert.raised" not in str(house.events()) and watch.get("/console/rules").status_code == 200


@pytest.mark.parametrize(
    "name", ["<b>x</b>", "a\u202eb", "a\u200bb", "a\x00b", "new", "..", "a%2fb", "a?b", "x" * 61, "🙂"]
)
def test_a_name_that_would_deceive_is_no_name(house: House, name: str) -> None:
    watch = auditor(house)
    page = make(watch, name=name)
    assert page.status_code in {400, 422} and house.parts.store.find(AlertChange) == [] and "<b>x" not in page.text


def test_words_of_a_rule_are_never_markup(watch: Person) -> None:
    """On its page, in the list, on the alert's page and as the file would have it"""
    house, words = watch.house, "<script>x</script> \"'&]]> {{ 7*7 }} 多"
    watcher = watching(house)
    assert make(watch, about=words).status_code == 200
    assert alert_rules.there(house.parts)["Many-wrong"].rule.about == words
    failed(house, watcher, 3)
    settle(house)
    raised = next(event for event in house.events("alert.raised") if event["rule"] == "Many-wrong")
    for path in (PATH, "/console/rules", f"/console/alerts/{raised['id']}"):
        text = watch.get(path).text
        assert (
            "<script>x" not in text and "&lt;script&gt;x" in text and "49" not in text.split("&lt;script&gt;")[1][:80]
        )
    assert act(watch, "try", about=words).status_code == 200 and "<script>x" not in watch.page.text


@pytest.mark.parametrize(("lang", "shown"), [("en", "10 minutes"), ("zh", "10 分钟")])
def test_the_window_is_shown_and_taken_with_its_unit(house: House, lang: str, shown: str) -> None:
    """The form gives back what it shows; another unit is taken too; plain seconds as ever"""
    watch, path = auditor(house), "/console/rules/code-replayed"

    def kept(within: str, live: str = "on") -> int:
        watch.get(f"{path}?lang={lang}")
        fields = {"do": "save", "live": live, "count": "1", "reason": "gap", "within": within}
        assert watch.submit(fields, form=1).status_code == 200
        return alert_rules.there(house.parts)["code-replayed"].rule.within

    assert f'value="{shown}"' in watch.get(f"{path}?lang={lang}").text
    assert kept(shown, "off") == 600
    assert [kept(typed) for typed in ("2 h", "1 天", "90")] == [7200, 86_400, 90]


@pytest.mark.parametrize(
    ("count", "within", "made"),
    [
        ("1", "1", True),
        ("1000000", "604800", True),
        ("1000001", "1", False),
        ("1", "604801", False),
        ("-1", "1", False),
        ("1.5", "1", False),
        ("1e3", "1", False),
        ("٣", "1", False),
        ("9" * 400, "1", False),
        ("+1", "1", False),
    ],
)
def test_numbers_of_a_rule_have_bounds(house: House, count: str, within: str, made: bool) -> None:
    watch = auditor(house)
    for do in ("try", "make"):
        assert make(watch, do, count=count, within=within).status_code == (200 if made else 422)
    assert ("Many-wrong" in alert_rules.there(house.parts)) is made


def test_a_rule_is_tried_on_an_empty_log(house: House) -> None:
    watch = auditor(house)
    page = make(watch, "try")
    assert page.status_code == 200 and "would have alerted 0 times" in page.text


@pytest.mark.parametrize(
    "search",
    [
        "",
        "action=nothing",
        "outcome=odd",
        "within=7d",
        "client=%00",
        "a=b",
        "=",
        "&&",
        "%ff=%ff",
        "person=x",
        "data=name",
        "address=10.0.0.0/8",
        "department=none",
        "action=alert.raised",
        "action=session.refused&item=x",
    ],
)
def test_a_search_that_was_altered_in_the_form_makes_no_rule(house: House, search: str) -> None:
    watch = auditor(house)
    watch.get(SEARCH)
    for do in ("try", "make"):
        watch.get(SEARCH)
        page = watch.submit({**FILLED, "do": do, "search": search}, form=1)
        assert page.status_code in {400, 422}, (do, page.status_code)
    assert house.parts.store.find(AlertChange) == []


def test_a_rule_of_everything_hears_of_no_alert(watch: Person) -> None:
    """It watches what the log knows but for alerts, else each would raise the next"""
    house = watch.house
    watcher = watching(house)
    assert make(watch, address="/console/rules/new?outcome=done", count="1", within="1").status_code == 200
    assert make(watch, address="/console/rules/new?outcome=watch", name="all", count="1", within="1").status_code == 200
    settle(house)
    for _ in range(4):
        house.clock.advance(5)
        settle(house)
        while watcher.step():
            pass
    before = len(house.events("alert.raised"))
    house.clock.advance(5)
    settle(house)
    watcher.step()
    assert before > 0 and len(house.events("alert.raised")) == before
