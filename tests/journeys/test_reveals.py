"""Who is behind a pseudonym: asked, approved by another, looked at for fifteen minutes, told to the citizen; and all that must fail."""

import re
from threading import Barrier, Thread
from typing import Any

import pytest

from idp.errors import Refusal
from idp.flows import cases, copies, erasure, exchanges, proofs, reveals
from idp.flows.people import Person
from idp.ports import Update
from idp.records import Account, CaseStep, Event, Reveal, SecurityCase
from keys.tokens import token_hash
from tests.journeys.test_cases import act, caller, opened
from tests.journeys.test_cases import staff as member
from tests.journeys.test_console import auditor, pseudonym, settle
from tests.journeys.test_exchanges import pair
from tests.journeys.test_history import HANDLE
from tests.kit.house import CLAIMS, House
from tests.kit.person import PASSWORD
from tests.kit.person import Person as Browser

WORDS = "Three cities in one hour, the owner must be reached"
DAY_S = 86_400
MINUTE_S = 60
PERSONAL = (str(CLAIMS["name"]), str(CLAIMS["email"]), str(CLAIMS["phone_number"]), "li.wei@example.cn")


def citizen(house: House) -> str:
    """A citizen with everything; the pseudonym."""
    house.citizen("li.wei@example.cn", claims=CLAIMS, password=PASSWORD)
    return pseudonym(house, "li.wei@example.cn")


def asked(watch: Browser, who: str, **more: str) -> str:
    """A case about the person with a request; the request's id."""
    case = opened(watch, f"person={who}")
    fields = {"see_name": "1", "see_identifiers": "1", "reason": "takeover", "why": WORDS, **more}
    page = act(watch, case, "ask", **fields)
    assert page.request.path.startswith("/console/reveals/"), page.text
    return page.request.path.rpartition("/")[2]


def decide(browser: Browser, how: str, reveal: str) -> Any:
    """On the approvals page, which is open to the role."""
    browser.get("/console/approvals")
    return again(browser, how, reveal)


def again(browser: Browser, how: str, which: str, what: str = "reveal") -> Any:
    """With the proof of that page's form, whatever the page shows."""
    parts = browser.house.parts
    hashed = token_hash(parts.ring, "session", browser.cookie() or "") or b""
    proof = proofs.proof(parts, hashed, "/console/approvals")
    return browser.post("/console/approvals", {"proof": proof, "decide": f"{how}/{what}/{which}"})


def look(browser: Browser, reveal: str) -> Any:
    """Press the button, if it is there."""
    browser.get(f"/console/reveals/{reveal}")
    return browser.submit(form=1)


def tried(house: House, person: Person, reveal: str, *, after: bool) -> None:
    """The look (``after`` the approval) or the approval, by the flow alone."""
    if after:
        reveals.look(house.parts, caller(house), person, reveal)
    else:
        reveals.decide(house.parts, caller(house), person, reveal, approve=True)


def state(house: House) -> str:
    (row,) = house.parts.store.find(Reveal)
    return row.state


def looked(house: House) -> int:
    return len(house.events("reveal.seen"))


def test_the_whole_way(any_house: House) -> None:
    """Asked for a case, approved by another, seen by the asker alone for a quarter of an hour; each step an event without personal data"""
    house = any_house
    who, watch, other = citizen(house), auditor(house), auditor(house, "zhao.audit")
    decider = auditor(house, "sun.approve", "approver")
    reveal = asked(watch, who)
    assert 'id="look"' not in watch.page.text and not any(p in watch.page.text for p in PERSONAL)
    waiting = decider.get("/console/approvals").text
    assert WORDS in waiting and f"approve/reveal/{reveal}" in waiting and not any(p in waiting for p in PERSONAL)
    assert decide(decider, "approve", reveal).status_code == 200
    assert f"/console/reveals/{reveal}" in watch.get("/console/approvals").text
    for stranger in (other, watch):
        assert not any(p in stranger.get(f"/console/reveals/{reveal}").text for p in PERSONAL)
    assert looked(house) == 0, "looking at the page is no look"
    page = look(watch, reveal)
    name, email = str(CLAIMS["name"]), "li.wei@example.cn"
    assert page.status_code == 200 and name in page.text and email in page.text
    assert str(CLAIMS["phone_number"]) not in page.text, "what was not asked for"
    assert "no-store" in page.headers["Cache-Control"]
    assert look(watch, reveal).status_code == 200 and looked(house) == 2
    house.clock.advance(14 * MINUTE_S)
    assert name in look(watch, reveal).text
    _, hidden = watch.form(1)
    house.clock.advance(MINUTE_S)
    assert 'id="look"' not in watch.get(f"/console/reveals/{reveal}").text
    late = watch.post(f"/console/reveals/{reveal}", hidden)
    assert late.status_code == 409 and name not in late.text and looked(house) == 3
    told = [e for e in house.events() if e["kind"].startswith("reveal.")]
    assert [e["kind"] for e in told] == ["reveal.asked", "reveal.decided", *["reveal.seen"] * 3]
    mine, hers = pseudonym(house, "wang.audit"), pseudonym(house, "sun.approve")
    assert [e["actor"] for e in told] == [mine, hers, mine, mine, mine] and {e["person"] for e in told} == {who}
    for kind in (Event, Reveal, CaseStep, SecurityCase):
        stored = repr(house.parts.store.find(kind, limit=10_000))
        assert WORDS not in stored and not any(p in stored for p in PERSONAL)


def test_the_citizen_reads_of_it_after_the_delay(make_house: Any) -> None:
    """When, which fields, why, by which role; not before, not in the copy either; and may object to it"""
    house: House = make_house(reveal_delay=2 * DAY_S)
    who, watch = citizen(house), auditor(house)
    reveal = asked(watch, who)
    decide(auditor(house, "sun.approve", "approver"), "approve", reveal)
    look(watch, reveal)
    settle(house)

    def signed_in() -> Browser:
        li = Browser(house)
        li.sign_in("li.wei@example.cn")
        return li

    li = signed_in()
    assert 'id="history-none"' in li.get("/account/history").text
    person = member(house, "li.wei@example.cn")
    kinds = {e["kind"] for e in copies.take(house.parts, caller(house), person, "json", "en")["events"]}
    assert kinds and not [kind for kind in kinds if kind.startswith(("reveal.", "case."))]
    house.clock.advance(2 * DAY_S)
    li = signed_in()
    settle(house)
    page = li.get("/account/history?lang=en").text
    handles = HANDLE.findall(page)
    assert (
        len(handles) == 1
        and "Security staff" in page
        and "wang" not in page
        and "sun" not in page.replace("sunday", "")
    )
    detail = li.get(f"/account/history/{handles[0]}?lang=en").text
    for words in ("Security staff looked at your data", WORDS, "Somebody else may have used the account", "Name"):
        assert words in detail
    assert "wang" not in detail and 'id="to-receipt"' not in detail
    assert li.get(f"/account/history/{handles[0]}/receipt").status_code == 404
    kinds = {e["kind"] for e in copies.take(house.parts, caller(house), person, "json", "en")["events"]}
    assert {"reveal.asked", "reveal.decided", "reveal.seen"} <= kinds
    li.get(f"/account/history/{handles[0]}")
    assert li.submit(kind="object", words="Why did nobody ring?").status_code == 200
    watch = auditor(house, "zhao.audit")
    assert "/console/cases/new?objection=" in watch.get("/console/cases").text


@pytest.mark.parametrize(
    "form",
    [{"see_name": "", "see_identifiers": ""}, {"reason": ""}, {"reason": "curious"}, {"why": ""}, {"why": "x" * 501}],
    ids=["fields", "reason", "other-reason", "words", "many-words"],
)
def test_a_request_says_what_and_why(house: House, form: dict[str, str]) -> None:
    who, watch = citizen(house), auditor(house)
    case = opened(watch, f"person={who}")
    fields = {"see_name": "1", "see_identifiers": "1", "reason": "takeover", "why": WORDS, **form}
    assert act(watch, case, "ask", **fields).status_code == 422
    assert house.parts.store.count(Reveal) == 0 and house.events("reveal.asked") == []


def test_there_is_nobody_to_see_in_a_case_about_nobody(house: House) -> None:
    watch = auditor(house)
    case = opened(watch, "")
    assert 'id="reveals"' not in watch.page.text
    assert act(watch, case, "ask", see_name="1", reason="takeover", why=WORDS).status_code == 409


@pytest.mark.attack("A165")
def test_nobody_approves_their_own_request(any_house: House) -> None:
    """Two people, whatever roles one of them has (segregation of duties, ASVS 8.2.2)."""
    house = any_house
    who, both = citizen(house), auditor(house, "wang.both", "approver auditor")
    reveal = asked(both, who)
    page = both.get("/console/approvals").text
    assert f"approve/reveal/{reveal}" not in page and f"/console/reveals/{reveal}" in page
    other = auditor(house, "zhao.both", "approver auditor")
    second = asked(other, who)
    refused = again(both, "approve", reveal)
    assert refused.status_code == 409 and f"approve/reveal/{second}" in refused.text
    both.get(f"/console/reveals/{reveal}")
    assert 'id="look"' not in both.page.text
    assert {row.state for row in house.parts.store.find(Reveal)} == {"waiting"}
    with pytest.raises(Refusal):
        reveals.look(house.parts, caller(house), member(house, "wang.both"), reveal)
    assert looked(house) == 0


@pytest.mark.parametrize(("how", "said"), [("approve", "approved a request"), ("refuse", "refused a request")])
def test_a_case_tells_how_a_request_was_decided(any_house: House, how: str, said: str) -> None:
    house = any_house
    who, watch, decider = citizen(house), auditor(house), auditor(house, "sun.approve", "approver")
    reveal = asked(watch, who)
    decide(decider, how, reveal)
    case = house.parts.store.find(SecurityCase)[0].id.hex()
    history = re.findall(r'<ol class="yc-steps.*?</ol>', watch.get(f"/console/cases/{case}?lang=en").text, re.DOTALL)
    assert "sun.approve" in history[0] and said in history[0]


@pytest.mark.attack("A165")
def test_who_did_not_ask_never_looks(any_house: House) -> None:
    """Another auditor, and whoever approved, see how it stands and nothing else; a proof is for its own request (ASVS 8.2.2)."""
    house = any_house
    who, watch = citizen(house), auditor(house)
    reveal, other = asked(watch, who), auditor(house, "zhao.both", "approver auditor")
    decide(other, "approve", reveal)
    other.get(f"/console/reveals/{reveal}")
    assert 'id="look"' not in other.page.text
    with pytest.raises(Refusal):
        reveals.look(house.parts, caller(house), member(house, "zhao.both"), reveal)
    mine = asked(other, who)
    other.get(f"/console/reveals/{mine}")
    assert other.post(f"/console/reveals/{reveal}", {"proof": "x"}).status_code == 403
    assert looked(house) == 0


def test_of_two_decisions_one_counts(any_house: House) -> None:
    """At the same moment, one to approve and one to refuse; and any later one is refused"""
    house = any_house
    who, watch = citizen(house), auditor(house)
    reveal = asked(watch, who)
    for name in ("sun.one", "sun.two"):
        auditor(house, name, "approver")
    done, gate = list[str](), Barrier(2)

    def deciding(name: str, approve: bool) -> None:
        person = member(house, name)
        gate.wait()
        try:
            reveals.decide(house.parts, caller(house), person, reveal, approve=approve)
            done.append("approved" if approve else "refused")
        except Refusal as refusal:
            done.append(refusal.reason)

    threads = [Thread(target=deciding, args=args) for args in (("sun.one", True), ("sun.two", False))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == sorted([state(house), "reveal_over"])
    assert [e["state"] for e in house.events("reveal.decided")] == [state(house)]
    for approve in (True, False):
        with pytest.raises(Refusal):
            reveals.decide(house.parts, caller(house), member(house, "sun.one"), reveal, approve=approve)


def test_an_approval_after_the_request_is_over_does_nothing(any_house: House) -> None:
    house = any_house
    who, watch, decider = citizen(house), auditor(house), auditor(house, "sun.approve", "approver")
    reveal = asked(watch, who)
    house.clock.advance(DAY_S)
    with pytest.raises(Refusal):
        reveals.decide(house.parts, caller(house), member(house, "sun.approve"), reveal, approve=True)
    assert reveals.for_decision(house.parts, member(house, "sun.approve"), house.clock()) == []
    assert state(house) == "waiting" and house.events("reveal.decided") == []
    del decider


@pytest.mark.attack("A165")
@pytest.mark.parametrize("whose", ["asker", "decider", "asker-after"])
def test_a_role_that_is_lost_meanwhile_ends_it(any_house: House, whose: str) -> None:
    """The asker's before the approval or before the look, the approver's before the decision: stale rights open nothing (ASVS 8.3.2)."""
    house = any_house
    who, watch = citizen(house), auditor(house)
    reveal = asked(watch, who)
    auditor(house, "sun.approve", "approver")
    asker, decider = member(house, "wang.audit"), member(house, "sun.approve")
    if whose == "asker-after":
        reveals.decide(house.parts, caller(house), decider, reveal, approve=True)
    lost = decider if whose == "decider" else asker
    house.parts.store.commit([Update(Account, {"id": lost.account.id}, {"roles": "operator"})])
    after = whose == "asker-after"
    with pytest.raises(Refusal):
        tried(house, asker if after else decider, reveal, after=after)
    assert state(house) == ("approved" if whose == "asker-after" else "waiting") and looked(house) == 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_erased_citizen_is_revealed_to_nobody(any_house: House, when: str) -> None:
    """Before the approval, or between it and the look"""
    house = any_house
    who, watch = citizen(house), auditor(house)
    reveal = asked(watch, who)
    auditor(house, "sun.approve", "approver")
    asker, decider = member(house, "wang.audit"), member(house, "sun.approve")
    if when == "after":
        reveals.decide(house.parts, caller(house), decider, reveal, approve=True)
        watch.get(f"/console/reveals/{reveal}")
    erasure.by_order(house.parts, "li.wei@example.cn", "requested", now=house.clock())
    with pytest.raises(Refusal):
        tried(house, asker if when == "after" else decider, reveal, after=when == "after")
    if when == "after":
        page = watch.submit(form=1)
        assert page.status_code == 409 and not any(p in page.text for p in PERSONAL) and WORDS not in page.text
    else:
        reveals.decide(house.parts, caller(house), decider, reveal, approve=False)
        assert state(house) == "refused"
    assert looked(house) == 0


def test_a_closed_case_reveals_nothing_more(any_house: House) -> None:
    house = any_house
    who, watch = citizen(house), auditor(house)
    first, second = asked(watch, who), asked(watch, who)
    auditor(house, "sun.approve", "approver")
    asker, decider = member(house, "wang.audit"), member(house, "sun.approve")
    reveals.decide(house.parts, caller(house), decider, first, approve=True)
    for row in house.parts.store.find(SecurityCase):
        cases.close(house.parts, caller(house), asker, row.id.hex(), row.version, "handled", "Done.")
    with pytest.raises(Refusal):
        reveals.look(house.parts, caller(house), asker, first)
    with pytest.raises(Refusal):
        reveals.decide(house.parts, caller(house), decider, second, approve=True)
    assert {row.state for row in house.parts.store.find(Reveal)} == {"approved", "ended"} and looked(house) == 0


def test_a_decision_wants_both_factors_afresh(house: House) -> None:
    who, watch = citizen(house), auditor(house)
    reveal = asked(watch, who)
    decider = auditor(house, "sun.approve", "approver")
    house.clock.advance(5 * MINUTE_S)
    assert decide(decider, "approve", reveal).request.path == "/account/confirm"
    assert state(house) == "waiting"
    fresh = auditor(house, "qian.approve", "approver")
    for what, which in (("reveal", "zz"), ("reveal", "0" * 32), ("exchange", "zz")):
        assert again(fresh, "approve", which, what).status_code == 409
    for how, what in (("burn", "reveal"), ("approve", "item"), ("", "")):
        assert again(fresh, how, reveal, what).status_code == 400
    assert state(house) == "waiting" and house.events("reveal.decided") == []


def test_an_exchange_is_decided_beside_the_reveals(house: House) -> None:
    """As by the command line, with the member of staff as actor; what is approved is not refused here"""
    tax, social = pair(house)
    row = exchanges.propose(house.parts, tax.id, social.id, "Contributions, by law.", by="cli", now=house.clock())
    decider = auditor(house, "sun.approve", "approver")
    assert "Contributions, by law." in decider.get("/console/approvals").text
    assert decider.submit(form=0, decide=f"approve/exchange/{row.id.hex()}").status_code == 200
    event = house.events("exchange.decided")[-1]
    assert (event["state"], event["by"], event["actor"]) == ("approved", "staff", pseudonym(house, "sun.approve"))
    assert again(decider, "refuse", row.id.hex(), "exchange").status_code == 409
    assert exchanges.listed(house.parts)[0].state == "approved"
