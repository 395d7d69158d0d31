"""Against the journey by which an account gets another e-mail address or phone number: who has one, taking one over, keeping a foot in the door."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.authn.throttle import Throttled
from idp.flows import contacts, one_time, recovery, sign_up, staff
from idp.flows.contacts import Changed
from idp.flows.one_time import PER_ASKER, PER_TARGET, TRIES
from idp.flows.people import Caller, meant
from idp.flows.sessions import SAME_FORM_S
from idp.flows.sign_up import CodeSent, Over, Wrong
from idp.ports import Holds, Update
from idp.records import Identifier, OneTime, Session
from idp.web.done_words import CONTACT_DONE
from keys.tokens import hash_secret
from tests.attacks.test_double_click import Both, Click, both, click  # noqa: F401  a fixture
from tests.attacks.test_recovery import run
from tests.attacks.test_same_work import Work, differences
from tests.journeys.test_contacts import CLAIMS, NEW, OLD, add, links, told
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, enrol, last_code, messages

THEIRS = "zhang.min@example.cn"
ASK, CODE, REMOVE = "/account/contacts/new", "/account/contacts/code", "/account/contacts/remove"


@pytest.fixture
def li_wei(house: House) -> Person:
    house.citizen("li.wei", OLD, claims=CLAIMS, password=PASSWORD)
    house.citizen("zhang.min", THEIRS, claims={"email": THEIRS}, password=PASSWORD)
    house.clock.advance(60)
    person = Person(house)
    person.sign_in()
    return person


def asked(person: Person, typed: str = NEW, at: str = ASK) -> tuple[str, dict[str, str]]:
    """A change under way: where the code is posted, and the hidden inputs."""
    person.get(at)
    person.submit(identifier=typed)
    return person.form()


def state(house: House) -> list[tuple[Any, ...]]:
    return sorted((row.kind, row.index, row.account_id, row.verified_at) for row in house.parts.store.find(Identifier))


def own(house: House, browser: bytes = b"b" * 32, typed: str = "li.wei") -> tuple[Caller, Any]:
    """A signed-in caller below the pages, and the person."""
    person = meant(house.parts, typed).person
    assert person is not None
    session, _ = house.session(person.account.id)
    at = house.clock()
    return Caller(browser=browser, remote="203.0.113.1", device="?", reference="R", now=at, session=session), person


def said(person: Person, answer: TestResponse) -> str:
    """What the page that the answer leads to says was done."""
    assert answer.status_code == 303, answer.text
    found = re.search(
        r'id="change-done"><strong>(.*?)</strong>', person.get(f"{answer.headers['Location']}&lang=en").text
    )
    return re.sub(r"<[^>]+>", "", found[1]) if found else ""


def plain(page: str) -> str:
    return re.sub(r'value="[^"]*"|[0-9A-F]{10}|\S\*\*\*@[a-z.]+', "", page)


@pytest.mark.attack("A104")
def test_whose_an_address_is_the_asker_never_learns(li_wei: Person) -> None:
    """The same answers for one that nobody, somebody or a suspended account has; its owner is told, nobody else (ASVS 6.3.8)."""
    house, seen = li_wei.house, set()
    house.citizen("sun.li", "sun.li@example.cn", claims={}, password=PASSWORD)
    staff.set_status(house.parts, "sun.li", "disabled", "requested", now=house.clock())
    for typed in (NEW, THEIRS, "sun.li@example.cn"):
        asked(li_wei, typed)
        pages = [(li_wei.page.status_code, plain(li_wei.page.text))]
        pages.append((li_wei.submit(code="00000000").status_code, plain(li_wei.page.text)))
        seen.add(tuple(pages))
    assert len(seen) == 1
    assert told(house, "contact_code") == [NEW]
    assert told(house, "contact_exists") == ["sun.li@example.cn", THEIRS]
    li_wei.get("/account/copy")
    assert li_wei.submit({"form": "json"}).get_json()["messages"] == []


@pytest.mark.attack("A105")
def test_whose_an_address_is_cant_be_told_by_the_work(li_wei: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same statements, trips and bytes (ASVS 6.3.8)."""
    house, seen = li_wei.house, list[tuple[list[str], int]]()
    asked(li_wei, "first@example.cn")  # the day's and the month's keys are made at the first
    work = Work(house, monkeypatch)
    for typed in ("lost.it@example.cn", THEIRS):
        li_wei.get(ASK)
        done = work.of(lambda typed=typed: li_wei.submit(identifier=typed))  # type: ignore[misc]
        done += work.of(lambda: li_wei.submit(code="00000000"))
        seen.append((done, len(plain(li_wei.page.text))))
    assert seen[0] == seen[1], differences(seen)


@pytest.mark.attack("A104")
def test_an_address_that_is_taken_has_no_code(li_wei: Person) -> None:
    """Whatever is typed, nothing moves from its owner (ASVS 6.3.8)."""
    house, before = li_wei.house, state(li_wei.house)
    asked(li_wei, THEIRS)
    assert li_wei.submit(code="12345678").status_code == 422
    assert state(house) == before


@pytest.mark.attack("A104", "A114")
def test_an_address_that_somebody_else_took_meanwhile(li_wei: Person) -> None:
    """It stays theirs; who typed the code receives there, and may know (ASVS 6.3.8)."""
    house = li_wei.house
    asked(li_wei)
    house.citizen("sun.li", NEW, claims={}, password=PASSWORD)
    before = state(house)
    answer = li_wei.submit(code=last_code(house, "contact_code"))
    assert answer.status_code == 422 and "已属于另一个账号" in answer.text
    assert state(house) == before and not house.events("account.contact_changed")


@pytest.mark.attack("A095")
@pytest.mark.parametrize("step", ["new", "remove"])
def test_another_citizens_address_by_its_reference(li_wei: Person, step: str) -> None:
    """References are the owner's alone: another's is as unknown as none (ASVS 8.2.2)."""
    house, before = li_wei.house, state(li_wei.house)
    other = Person(house)
    other.sign_in("zhang.min")
    theirs = links(other, "new")[0].partition("=")[2]
    rows = house.parts.store.find(Identifier)
    for value in (theirs, *(row.id.hex() for row in rows), *(row.index.hex() for row in rows), "x"):
        name = "instead" if step == "new" else "contact"
        assert li_wei.get(f"/account/contacts/{step}?{name}={value}").request.path == "/account/contacts"
        add(li_wei, f"n{len(messages(house))}@example.cn") if step == "remove" and not links(li_wei, "remove") else None
        li_wei.get(ASK if step == "new" else links(li_wei, "remove")[0])
        action, hidden = li_wei.form()
        answer = li_wei.post(action, {**hidden, name: value, "identifier": NEW})
        assert answer.status_code == 404
    assert not house.events("account.contact_changed")[1:]
    assert set(before) <= set(state(house))


@pytest.mark.attack("A106")
def test_giant_addresses(li_wei: Person) -> None:
    """Refused before anything is counted or sent (ASVS 2.2.1)."""
    for typed in ("a" * 300 + "@example.cn", "1" * 300, "a@" + "b." * 200 + "cn"):
        li_wei.get(ASK)
        assert li_wei.submit(identifier=typed).status_code == 422
    li_wei.get(ASK)
    assert li_wei.submit(identifier="a" * 200_000).status_code == 413
    assert not li_wei.house.parts.store.count(OneTime)


@pytest.mark.attack("A112")
def test_one_count_of_codes_over_all_paths_and_spellings(li_wei: Person) -> None:
    """Five an hour reach one address, whether it signs up or is added, however it is written (ASVS 6.6.3)."""
    house, stranger = li_wei.house, Person(li_wei.house, remote="198.51.100.4")
    for typed in (NEW, NEW.upper(), NEW + "."):
        asked(li_wei, typed)
    for _ in range(4):
        stranger.get("/sign-up")
        stranger.submit(identifier=NEW)
        house.clock.advance(SAME_FORM_S)
    assert len(messages(house, "contact_code")) + len(messages(house, "sign_up_code")) == PER_TARGET


@pytest.mark.attack("A109")
def test_another_network_for_each_code(li_wei: Person) -> None:
    """One account has so many codes sent an hour, wherever it asks from (ASVS 6.6.3). That is the asker's own, and said: 429, when to come back, and
    what was typed stays (RFC 6585 §4)."""
    house, seen = li_wei.house, set()
    for n in range(PER_ASKER):
        li_wei.remote = f"198.51.100.{n}"
        asked(li_wei, f"victim{n}@example.cn")
        seen.add(plain(li_wei.page.text))
        house.clock.advance(60)
        li_wei.get("/account/confirm?to=contacts")
        li_wei.submit(password=PASSWORD)
    assert len(seen) == 1
    rows = house.parts.store.count(OneTime)
    li_wei.get(f"{ASK}?lang=en")
    answer = li_wei.submit(identifier="one.more@example.cn")
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) == 3000
    assert "asked for ten codes" in answer.text and "50 minutes" in answer.text
    assert 'value="one.more@example.cn"' in answer.text
    assert len(messages(house, "contact_code")) == PER_ASKER and house.parts.store.count(OneTime) == rows
    house.clock.advance(3000)
    li_wei.get("/account/confirm?to=contacts")
    li_wei.submit(password=PASSWORD)
    assert asked(li_wei, "one.more@example.cn")[0] == CODE and len(messages(house, "contact_code")) == PER_ASKER + 1


@pytest.mark.attack("A109", "A104")
def test_the_askers_limit_tells_of_nobody_else(li_wei: Person) -> None:
    """It counts what was asked, sent or not: taken addresses, and one that was sent too many, are answered as free ones (ASVS 6.3.8)."""
    house, seen = li_wei.house, list[list[int]]()
    free = [f"free{n}@example.cn" for n in range(PER_ASKER + 2)]
    for asker, wanted in (
        ("li.wei", free),
        ("zhang.min", [OLD] * (PER_ASKER + 2)),
        ("sun.li", free[:1] * (PER_ASKER + 2)),
    ):
        if asker == "sun.li":
            house.citizen("sun.li", "sun.li@example.cn", claims={}, password=PASSWORD)
        outcomes = []
        for typed in wanted:
            here, person = own(house, typed=asker, browser=asker.encode().ljust(32))
            outcomes.append(contacts.ask(house.parts, here, person, typed))
            house.clock.advance(SAME_FORM_S)  # within it the same form is one ask
        seen.append([one.retry_after_s if isinstance(one, Throttled) else 0 for one in outcomes])
    assert seen == [[0] * PER_ASKER + [3600 - n * SAME_FORM_S for n in (PER_ASKER, PER_ASKER + 1)]] * 3
    assert len(told(house, "contact_exists")) == PER_TARGET


@pytest.mark.attack("A094")
def test_a_code_stays_good_where_no_other_may_be_asked_for(li_wei: Person) -> None:
    """*Send another code* beyond the limit loses nothing: the page stays, and the first code works (RFC 6585 §4)."""
    house = li_wei.house
    asked(li_wei)
    for _ in range(PER_ASKER - 1):
        assert li_wei.submit(form=1, again="1").request.path == CODE
    answer = li_wei.submit(form=1, again="1")
    assert answer.status_code == 429 and answer.headers["Retry-After"] == "3600" and 'id="code"' in answer.text
    house.parts.store.commit([Update(OneTime, {"state": "open"}, {"hash": _hash_of(house, "12345678")}, rows=None)])
    assert 'id="change-done"' in li_wei.submit(code="12345678").text


def _hash_of(house: House, code: str) -> bytes:
    (row,) = house.parts.store.find(OneTime, {"state": "open"})
    return hash_secret(house.parts.ring, "one-time", row.id + code.encode())


@pytest.mark.attack("A114")
@pytest.mark.parametrize(
    "typed",
    ["ＺＨＡＮＧ.ＭＩＮ@example.cn", "Zhang.Min@EXAMPLE.CN.", "zhang.min@example\u3002cn", " zhang.min@example.cn "],
)
def test_look_alikes_of_anothers_address(li_wei: Person, typed: str) -> None:
    """One canonical form: the message goes to the stored address alone (CVE-2019-19844)."""
    asked(li_wei, typed)
    assert [(kind, to) for kind, to, _ in messages(li_wei.house)] == [("contact_exists", THEIRS)]


@pytest.mark.attack("A114")
@pytest.mark.parametrize(
    "typed", ["zhang.m\u0131n@example.cn", "zhang.min@example.cn\u200b", "a@b@example.cn", "zhang\u202emin@example.cn"]
)
def test_addresses_that_only_look_like_another(li_wei: Person, typed: str) -> None:
    """They are refused, or an address of their own to which alone the code goes (CVE-2019-19844, CVE-2026-40574)."""
    li_wei.get(ASK)
    li_wei.submit(identifier=typed)
    assert THEIRS not in [to for _, to, _ in messages(li_wei.house)]


@pytest.mark.attack("A119")
@pytest.mark.parametrize(
    "typed",
    [
        f"{NEW},evil@example.net",
        f"{NEW};evil@example.net",
        f"{NEW}\r\nBcc: evil@example.net",
        f'["{NEW}","evil@example.net"]',
    ],
)
def test_several_addresses_at_once(li_wei: Person, typed: str) -> None:
    """Nothing is sent to anyone (CVE-2023-7028)."""
    li_wei.get(ASK)
    assert li_wei.submit(identifier=typed).status_code == 422
    action, hidden = li_wei.form()
    assert (
        li_wei.post(action, [*hidden.items(), ("identifier", NEW), ("identifier", "evil@example.net")]).status_code
        == 400
    )
    assert not messages(li_wei.house)


@pytest.mark.attack("A118")
def test_messages_hold_codes_and_no_addresses(li_wei: Person) -> None:
    """No host reaches a message, since none holds a link (GHSA-93m4-mfpg-c3xf)."""
    add(li_wei, at=links(li_wei, "new")[0])
    asked(li_wei, THEIRS)
    bodies = [body for _, _, body in messages(li_wei.house)]
    assert len(bodies) == 3 and not [body for body in bodies if "http" in body or li_wei.house.config.host in body]


@pytest.mark.attack("A120")
@pytest.mark.parametrize("end", ["replaced", "removed"])
@pytest.mark.parametrize("step", ["code", "ticket"])
def test_a_reset_ends_with_the_address_that_it_went_to(li_wei: Person, end: str, step: str) -> None:
    """Whoever reads the old mailbox has an open code, or has entered it: both are dead (CVE-2022-23555)."""
    house, thief = li_wei.house, Person(li_wei.house, remote="198.51.100.4")
    thief.get("/forgot")
    thief.submit(identifier=OLD)
    if step == "ticket":
        thief.submit(code=last_code(house, "reset_code"))
    form = thief.form()
    if end == "removed":
        add(li_wei)
        li_wei.get(links(li_wei, "remove")[0])
        li_wei.submit()
    else:
        add(li_wei, at=links(li_wei, "new")[0])
    assert house.parts.store.count(OneTime, {"purpose": "reset", "state": "open"}) == 0, "ended in the batch"
    secret = "harbour lantern seven quilts"
    fields = (
        {"code": last_code(house, "reset_code")}
        if step == "code"
        else {"new_password": secret, "repeat_password": secret}
    )
    assert thief.post(form[0], {**form[1], **fields}).status_code == 400
    assert Person(house).sign_in(password=PASSWORD).request.path == "/account"


@pytest.mark.attack("A120")
def test_a_reset_that_was_asked_for_in_the_same_instant(li_wei: Person) -> None:
    """The code went to an address that is the account's no more: it ends with it, even where its row came later (CVE-2022-23555)."""
    house = li_wei.house
    thief = Caller(browser=b"t" * 32, remote="198.51.100.4", device="?", reference="R", now=house.clock())
    sent = recovery.ask(house.parts, thief, OLD)
    assert isinstance(sent, CodeSent)
    (reset,) = house.parts.store.find(OneTime, {"purpose": "reset"})
    add(li_wei, at=links(li_wei, "new")[0])
    house.parts.store.commit([Update(OneTime, {"id": reset.id}, {"state": "open"})])
    proved = recovery.confirm(house.parts, thief, sent.ticket, last_code(house, "reset_code"))
    shown = getattr(proved, "ticket", None)
    assert recovery.ticket_of(house.parts, thief, shown) is None
    secret = "harbour lantern seven quilts"
    assert isinstance(recovery.finish(house.parts, thief, shown, secret, secret), Over)


@pytest.mark.attack("A120")
def test_a_code_works_once_in_its_browser_and_for_ten_minutes(li_wei: Person) -> None:
    """Not at another browser of the same citizen, not later, not for another address (ASVS 6.5.1, 6.6.2)."""
    house, elsewhere = li_wei.house, Person(li_wei.house, remote="198.51.100.4")
    elsewhere.sign_in()
    action, hidden = asked(li_wei)
    code = last_code(house, "contact_code")
    foreign = asked(elsewhere, "another@example.cn")
    before = state(house)
    assert elsewhere.post(action, {**hidden, "proof": foreign[1]["proof"], "code": code}).status_code == 400
    assert elsewhere.post(*_with(foreign, code=code)).status_code == 422
    assert state(house) == before
    house.clock.advance(601)
    li_wei.get("/account/confirm?to=contacts")
    li_wei.submit(password=PASSWORD)
    assert li_wei.get(CODE).request.path == "/account/contacts"
    fresh = asked(li_wei, "one.more@example.cn")
    assert li_wei.post(action, {**hidden, "proof": fresh[1]["proof"], "code": code}).status_code == 400
    assert state(house) == before


def _with(form: tuple[str, dict[str, str]], **fields: str) -> tuple[str, dict[str, str]]:
    return form[0], {**form[1], **fields}


@pytest.mark.attack("A120")
def test_a_code_of_one_purpose_opens_no_other(li_wei: Person) -> None:
    """A code for an address resets no password and makes no account, nor the other way round (CVE-2024-47070)."""
    house = li_wei.house
    here, person = own(house)
    sent = contacts.ask(house.parts, here, person, NEW)
    assert isinstance(sent, CodeSent)
    code = last_code(house, "contact_code")
    assert isinstance(recovery.confirm(house.parts, here, sent.ticket, code), Over)
    assert isinstance(sign_up.confirm(house.parts, here, sent.ticket, code), Over)
    other = sign_up.ask(house.parts, here, "x@example.cn")
    reset = recovery.ask(house.parts, here, OLD)
    for made, kind in ((other, "sign_up_code"), (reset, "reset_code")):
        assert isinstance(made, CodeSent)
        assert isinstance(contacts.confirm(house.parts, here, person, made.ticket, last_code(house, kind)), Over)
    assert isinstance(contacts.confirm(house.parts, here, person, sent.ticket, code), Changed)


@pytest.mark.attack("A120")
def test_looking_changes_nothing(li_wei: Person) -> None:
    """GET and HEAD have no effect, whatever they carry (RFC 9110 §9.2.1)."""
    add(li_wei)
    asked(li_wei, "third@example.cn")
    code, gone = last_code(li_wei.house, "contact_code"), links(li_wei, "remove")[0]
    before, rows = state(li_wei.house), li_wei.house.parts.store.find(OneTime)
    for path in (gone, f"{CODE}?code={code}&again=1", f"{ASK}?identifier=x%40example.cn", "/account/contacts"):
        li_wei.get(path)
    assert state(li_wei.house) == before and li_wei.house.parts.store.find(OneTime) == rows


@pytest.mark.attack("A120", "A126")
def test_guessing_a_code(li_wei: Person) -> None:
    """Five tries a code, and each wrong one counts for the account: 429 and an event, whichever code is tried (ASVS 6.5.5, 6.6.3)."""
    house = li_wei.house
    asked(li_wei)
    code = last_code(house, "contact_code")
    answers = [li_wei.submit(code=f"{(int(code) + n + 1) % 10**8:08d}") for n in range(TRIES + 1)]
    assert [answer.status_code for answer in answers] == [422] * (TRIES + 1)
    answer = li_wei.submit(code=code)
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0
    asked(li_wei, "one.more@example.cn")
    assert li_wei.submit(code="00000000").status_code == 429, "another code is no new counter"
    assert {event["reason"] for event in house.events("session.refused")} == {"wrong_contact_code"}
    assert house.events("session.throttled") and not house.events("account.contact_changed")


@pytest.mark.attack("A121")
@pytest.mark.parametrize("how", ["replaced", "removed"])
def test_whoever_came_in_by_the_old_address_is_out(li_wei: Person, how: str) -> None:
    """Other sessions and every family end with it; the addresses from before are told (ASVS 7.4.3)."""
    house, thief, app = li_wei.house, Person(li_wei.house, remote="198.51.100.4"), li_wei.house.register()
    if how == "removed":
        add(li_wei)
    thief.sign_in()
    for session in house.parts.store.find(Session, {"ended_at": None}):
        house.grant(app, session.account_id, session=session, offline=1)
    if how == "removed":
        li_wei.get(links(li_wei, "remove")[0])
        li_wei.submit()
    else:
        add(li_wei, at=links(li_wei, "new")[0])
    assert thief.get("/account").request.path == "/sign-in"
    assert li_wei.get("/account").request.path == "/account"
    assert OLD in told(house, f"contact_{how}")
    assert "contact_changed" in [event["why"] for event in house.events("session.ended")]


PAGES = ("/account/contacts", ASK, CODE)


@pytest.mark.attack("A129")
def test_an_old_proof_is_not_enough(li_wei: Person) -> None:
    """Five minutes after it, each page and each form asks for the password anew (ASVS 7.5.1)."""
    house = li_wei.house
    add(li_wei)
    li_wei.get(gone := links(li_wei, "remove")[0])
    forms = [li_wei.form()]
    li_wei.get(ASK)
    forms.append(_with(li_wei.form(), identifier="third@example.cn"))
    asked(li_wei, "fourth@example.cn")
    forms.append(_with(li_wei.form(), code=last_code(house, "contact_code")))
    before, sent = state(house), len(messages(house))
    house.clock.advance(301)
    for path in (*PAGES, gone):
        assert li_wei.get(path).request.path == "/account/confirm", path
    for action, fields in forms:
        assert li_wei.post(action, fields).request.path == "/account/confirm", action
    assert state(house) == before and len(messages(house)) == sent


@pytest.mark.attack("A129", "A128")
def test_a_password_alone_is_no_proof_beside_a_second_factor(li_wei: Person) -> None:
    """Who has the factor proves both, and nothing here makes a session stronger (ASVS 7.5.1, 6.4.3)."""
    house = li_wei.house
    enrol(li_wei)
    house.clock.advance(301)
    li_wei.get("/account/contacts")
    assert li_wei.submit(password=PASSWORD).request.path == "/sign-in/totp"
    assert li_wei.get("/account/contacts").request.path == "/account/confirm"
    assert li_wei.get(ASK).request.path == "/account/confirm"


@pytest.mark.attack("A121")
@pytest.mark.parametrize("act", ["confirm", "remove"])
def test_a_session_that_ended_in_the_same_instant_changes_nothing(house: House, act: str) -> None:
    """Whoever was signed out elsewhere after their form was read is too late (ASVS 7.4.1)."""
    house.citizen("li.wei", OLD, "13800138000", claims={}, password=PASSWORD)
    here, person = own(house)
    sent = contacts.ask(house.parts, here, person, NEW)
    (first, *_) = contacts.held(house.parts, person)
    before = state(house)
    assert here.session is not None and isinstance(sent, CodeSent)
    house.parts.store.commit([Update(Session, {"id": here.session.id}, {"ended_at": house.clock()})])
    if act == "confirm":
        outcome = contacts.confirm(house.parts, here, person, sent.ticket, last_code(house, "contact_code"))
    else:
        outcome = contacts.remove(house.parts, here, person, first.reference)
    assert not isinstance(outcome, Changed) and state(house) == before


@pytest.mark.attack("A086")
@pytest.mark.parametrize("spoilt", [{"proof": ""}, {"proof": "x"}])
def test_a_form_that_we_did_not_make(li_wei: Person, spoilt: dict[str, str]) -> None:
    """403, nothing sent and nothing changed, from another site too (ASVS 3.5.1)."""
    house = li_wei.house
    form = _with(asked(li_wei), code=last_code(house, "contact_code"))
    li_wei.get(ASK)
    ask = _with(li_wei.form(), identifier="third@example.cn")
    before, sent = state(house), len(messages(house))
    for action, fields in (form, ask):
        assert li_wei.post(action, {**fields, **spoilt}).status_code == 403
        assert li_wei.post(action, fields, {"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert state(house) == before and len(messages(house)) == sent


@pytest.mark.attack("A117")
def test_a_code_of_who_was_here_before(li_wei: Person) -> None:
    """In one browser another citizen signed in meanwhile: the first one's code changes nothing for the second (CWE-639)."""
    house = li_wei.house
    action, hidden = asked(li_wei)
    code = last_code(house, "contact_code")
    li_wei.set_cookie("session", "x")
    li_wei.sign_in("zhang.min")
    before = state(house)
    assert li_wei.get(CODE).request.path == "/account/contacts"
    own_form = asked(li_wei, "mine@example.cn")
    assert li_wei.post(action, {**hidden, "code": code}).status_code == 403
    assert li_wei.post(action, {**hidden, "proof": own_form[1]["proof"], "code": code}).status_code == 400
    assert state(house) == before


@pytest.mark.attack("F34")
def test_a_code_that_is_sent_twice(li_wei: Person, both: Both) -> None:  # noqa: F811
    """One change, one event, one notice, no failure; both answers say that it is done (DESIGN §2.2)."""
    house = li_wei.house
    for at, how in ((ASK, "added"), (None, "replaced")):
        asked(li_wei, f"{how}@example.cn", at or links(li_wei, "new")[0])
        answers = both(click(li_wei, code=last_code(house, "contact_code")))
        assert [said(li_wei, answer) for answer in answers] == [str(CONTACT_DONE[how][0])] * 2
        house.clock.advance(1)
    assert [event["how"] for event in house.events("account.contact_changed")] == ["added", "replaced"]
    assert told(house, "contact_added") == [OLD] and len(told(house, "contact_replaced")) == 2
    assert not house.events("session.refused")


@pytest.mark.attack("F34")
def test_an_unconfirmed_one_in_anothers_place_is_told_alike_twice(li_wei: Person, both: Both) -> None:  # noqa: F811
    """It was there before its code, and it replaced another: both answers say so, as the event does (DESIGN §2.2)."""
    house = li_wei.house
    add(li_wei)
    house.clock.advance(1)
    (row,) = house.parts.store.find(Identifier, {"kind": "email"}, order=("-created_at",), limit=1)
    house.parts.store.commit([Update(Identifier, {"id": row.id}, {"verified_at": None})])
    asked(li_wei, NEW, links(li_wei, "new")[0])
    answers = both(click(li_wei, code=last_code(house, "contact_code")))
    assert house.events("account.contact_changed")[-1]["how"] == "replaced"
    assert [said(li_wei, answer) for answer in answers] == [str(CONTACT_DONE["replaced"][0])] * 2


@pytest.mark.attack("F34")
def test_a_used_code_is_the_same_act_for_its_form_alone(li_wei: Person) -> None:
    """Not with another code, and not once the change was undone (DESIGN §2.2)."""
    house = li_wei.house
    action, hidden = asked(li_wei)
    code = last_code(house, "contact_code")
    li_wei.submit(code=code)
    assert li_wei.post(action, {**hidden, "code": "00000000"}).status_code == 400
    li_wei.get(links(li_wei, "remove")[1])
    li_wei.submit()
    assert li_wei.post(action, {**hidden, "code": code}).status_code == 400
    assert len(house.events("account.contact_changed")) == 2


@pytest.mark.attack("F34")
def test_a_removal_that_is_sent_twice(li_wei: Person, both: Both) -> None:  # noqa: F811
    """One address less; a minute later the form is too old (DESIGN §2.2)."""
    house = li_wei.house
    add(li_wei)
    li_wei.get(links(li_wei, "remove")[0])
    send = click(li_wei)
    answers = both(send)
    assert [said(li_wei, answer) for answer in answers] == [str(CONTACT_DONE["removed"][0])] * 2
    assert len(house.events("account.contact_changed")) == 2 and told(house, "contact_removed") == [OLD, NEW]
    house.clock.advance(61)
    assert send().status_code == 404


def held_by(person: Person, *typed: str) -> list[Click]:
    """These addresses beside the first one, and what the browser sends to remove each, oldest first."""
    for one in typed:
        add(person, one)
        person.house.clock.advance(1)
    sends = []
    for path in links(person, "remove"):
        person.get(path)
        sends.append(click(person))
    return sends


@pytest.mark.attack("F34")
@pytest.mark.parametrize("others", [1, 2, 3])
def test_a_removal_that_others_overtake_is_done_all_the_same(
    li_wei: Person, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    """Each time it is about to commit another one is done first: it is judged anew, and its form sent twice hears the same (DESIGN §2.2)."""
    house = li_wei.house
    first, *rest = held_by(li_wei, *(f"more{n}@example.cn" for n in range(4)))
    overtaking, plain_commit = iter(rest[:others]), type(house.parts.store).commit

    def commit(store: Any, writes: Any) -> Any:
        other = next(overtaking, None) if any(isinstance(one, Holds) for one in writes) else None
        if other is not None:
            with monkeypatch.context() as patch:
                patch.setattr(type(store), "commit", plain_commit)
                assert other().status_code == 303
            patch_again()
        return plain_commit(store, writes)

    def patch_again() -> None:
        monkeypatch.setattr(type(house.parts.store), "commit", commit)

    patch_again()
    answers = [first(), first()]
    assert [said(li_wei, answer) for answer in answers] == [str(CONTACT_DONE["removed"][0])] * 2
    assert len(links(li_wei, "new")) == 4 - others
    assert [event["how"] for event in house.events("account.contact_changed")].count("removed") == 1 + others


@pytest.mark.attack("F34", "F33")
def test_three_removals_at_once_each_sent_twice(li_wei: Person) -> None:
    """Three addresses less, and all six answers say so (DESIGN §2.2)."""
    house = li_wei.house
    sends = held_by(li_wei, *(f"more{n}@example.cn" for n in range(4)))[:3]
    turns = iter([send for send in sends for _ in range(2)])
    answers: list[Any] = run(6, lambda: next(turns)())  # noqa: PLW0108  the next for each
    assert [answer.status_code for answer in answers] == [303] * 6
    assert len(links(li_wei, "new")) == 2
    assert [event["how"] for event in house.events("account.contact_changed")].count("removed") == 3


@pytest.mark.attack("F34")
def test_two_different_removals_at_once_leave_one(li_wei: Person, both: Both) -> None:  # noqa: F811
    """Each was allowed on what it read; together they would take the last one away (ASVS 2.3.4)."""
    house, forms = li_wei.house, list[Callable[[], TestResponse]]()
    add(li_wei)
    for path in links(li_wei, "remove"):
        li_wei.get(path)
        forms.append(click(li_wei))
    turn = iter(forms)
    answers = both(lambda: next(turn)())  # noqa: PLW0108  the next for each
    assert sorted(answer.status_code for answer in answers) == [303, 422]
    assert len([row for row in house.parts.store.find(Identifier, {"kind": "email"}) if row.verified_at]) == 2


@pytest.mark.attack("F33", "A120")
def test_fifty_at_once_have_one_effect(any_house: House) -> None:
    """One code by fifty threads: one address, one event, one notice; and one owner where two accounts confirm it at once (ASVS 2.3.4)."""
    house = any_house
    for name in ("li.wei", "zhang.min"):
        house.citizen(name, f"{name}@example.cn", claims={}, password=PASSWORD)
    callers = [own(house, typed=name, browser=name.encode().ljust(32)) for name in ("li.wei", "zhang.min")]
    sent = [contacts.ask(house.parts, here, person, NEW) for here, person in callers]
    codes = [re.findall(r"[0-9]{8}", body)[0] for _, _, body in messages(house, "contact_code")]
    acts = [
        (here, person, asked.ticket, code)
        for (here, person), asked in zip(callers, sent, strict=True)
        if isinstance(asked, CodeSent)
        for code in codes
        if one_time.is_code(house.parts, one_time.find(house.parts, here, "verify", asked.ticket, "code")[0], code)  # type: ignore[index]
    ]
    assert len(acts) == 2
    turns = iter([act for _ in range(TRIES - 1) for act in acts])
    seen = run(2 * (TRIES - 1), lambda: contacts.confirm(house.parts, *next(turns)))
    assert len(house.events("account.contact_changed")) == len(messages(house, "contact_added")) == 1
    assert house.parts.store.count(Identifier, {"kind": "email"}) == 3
    losers = [one for one in seen if isinstance(one, Wrong)]
    assert all(one.error in ("identifier_taken", "code_spent", "sent_code_wrong") for one in losers)
    assert any(isinstance(one, Changed) for one in seen)
