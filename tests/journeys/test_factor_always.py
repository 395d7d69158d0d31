"""A citizen's own choice to be asked for the second factor at every sign-in: on every path, told, undone by a fresh proof or with the factor."""

import re
from datetime import datetime

import pytest

from idp.flows import erasure, staff
from idp.flows.proofs import proof
from idp.ports import Update
from idp.records import Account, Erasure, Identifier, OneTime, Session
from keys.tokens import token_hash
from tests.journeys.test_data import copied
from tests.journeys.test_history import sequenced
from tests.kit.house import App, House
from tests.kit.person import PASSWORD, Person, authorize, enrol, last_code, messages, totp_now

TWO = "urn:yimen:acr:2"
NEW_PASSWORD = "another horse battery staple"


class Owner:
    """A citizen with an authenticator app, each of its codes used once."""

    def __init__(self, house: House) -> None:
        self.house, self.app = house, house.register()
        self.id = house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
        self.first = Person(house)
        self.first.sign_in()
        self.secret, self.codes = enrol(self.first)

    def browser(self) -> Person:
        """Another browser of theirs."""
        return Person(self.house)

    def code(self) -> str:
        """One that was not used yet."""
        self.house.clock.advance(30)
        return totp_now(self.house, self.secret)

    def switch(self, on: bool) -> None:
        """At the first browser's account page."""
        self.first.get("/account/security")
        press(self.first, on)

    @property
    def since(self) -> int | None:
        account = self.house.parts.store.one(Account, id=self.id)
        assert account is not None
        return account.factor_always_since


def press(person: Person, on: bool) -> None:
    """The switch of the page that is open."""
    forms = re.findall(r"<form[^>]*>.*?</form>", person.page.text, re.DOTALL)
    number = next(n for n, form in enumerate(forms) if 'id="ask-always"' in form)
    button = re.search(r'<button[^>]*id="ask-always"[^>]*>', forms[number])
    assert button is not None and f'value="{int(on)}"' in button[0] and 'name="ask_always"' in button[0]
    person.submit(form=number, ask_always=str(int(on)))


@pytest.fixture
def li_wei(any_house: House) -> Owner:
    return Owner(any_house)


def asked(person: Person) -> bool:
    return 'id="totp-continue"' in person.page.text


def at_app(person: Person, app: App, **changes: str) -> Person:
    authorize(person, app, **changes)
    return person


def test_off_unless_chosen(li_wei: Owner) -> None:
    """Issue 2.6: asked when the client or ``acr_values`` wants it"""
    assert li_wei.since is None
    other = at_app(li_wei.browser(), li_wei.app)
    other.submit(username="li.wei", password=PASSWORD)
    assert 'id="consent-allow"' in other.page.text


def test_offered_at_the_end_of_setting_up(any_house: House) -> None:
    any_house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    person = Person(any_house)
    person.sign_in()
    enrol(person)
    assert person.page.request.path == "/account/second-step"
    press(person, True)
    assert person.page.request.path == "/account/security" and 'id="change-done"' in person.page.text
    assert any_house.parts.store.find(Account)[0].factor_always_since == any_house.clock()
    assert person.get("/account/second-step").request.path == "/account/security"


@pytest.mark.attack("A128")
def test_every_sign_in_asks_and_no_session_begins_before(li_wei: Owner) -> None:
    """With the citizen's choice, a right password alone is no session on any path (ASVS 6.3.3)."""
    li_wei.switch(True)
    alone, through = li_wei.browser(), at_app(li_wei.browser(), li_wei.app)
    alone.sign_in()
    through.submit(username="li.wei", password=PASSWORD)
    for person in (alone, through):
        assert asked(person) and person.cookie() is None
        person.submit(totp=li_wei.code())
    assert alone.page.request.path == "/account"
    assert 'id="consent-allow"' in through.page.text
    through.submit(decision="allow")
    assert li_wei.house.events("code.issued")[-1]["acr"] == TWO


def test_a_recovery_code_stands_in(li_wei: Owner) -> None:
    li_wei.switch(True)
    other = at_app(li_wei.browser(), li_wei.app)
    other.submit(username="li.wei", password=PASSWORD)
    link = re.search(r'href="(/sign-in/recovery-code[^"]*)"', other.page.text)
    assert link is not None
    other.get(link[1].replace("&amp;", "&"))
    other.submit(recovery_code=li_wei.codes[0])
    assert 'id="consent-allow"' in other.page.text


@pytest.mark.attack("A128")
def test_a_session_from_before_is_asked_when_it_is_used(li_wei: Owner) -> None:
    """A session with a password alone opens no app after the choice; ``prompt=none`` fails (Core §3.1.2.6)."""
    old = at_app(li_wei.browser(), li_wei.app)
    old.submit(username="li.wei", password=PASSWORD)
    old.submit(decision="allow")
    assert "code=" in at_app(old, li_wei.app).page.headers["Location"]
    li_wei.switch(True)
    silent = at_app(old, li_wei.app, prompt="none").page.headers["Location"]
    assert "error=interaction_required" in silent
    assert asked(at_app(old, li_wei.app))
    old.submit(totp=li_wei.code())
    assert "code=" in old.page.headers["Location"]
    assert "code=" in at_app(old, li_wei.app, prompt="none").page.headers["Location"]


@pytest.mark.parametrize("again", [{"prompt": "login"}, {"max_age": "60"}])
def test_proving_oneself_anew_takes_both(li_wei: Owner, again: dict[str, str]) -> None:
    li_wei.switch(True)
    at_app(li_wei.first, li_wei.app)
    li_wei.first.submit(decision="allow")
    li_wei.house.clock.advance(61)
    at_app(li_wei.first, li_wei.app, **again)
    li_wei.first.submit(username="li.wei", password=PASSWORD)
    assert asked(li_wei.first)
    li_wei.first.submit(totp=li_wei.code())
    assert "code=" in li_wei.first.page.headers["Location"]


@pytest.mark.attack("A128")
def test_a_new_password_is_no_way_round(li_wei: Owner) -> None:
    """A reset leaves the second factor, and the choice to be asked for it, as they are (ASVS 6.4.3; CVE-2024-45042)."""
    li_wei.switch(True)
    other = li_wei.browser()
    other.get("/forgot")
    other.submit(identifier="li.wei@example.cn")
    other.submit(code=last_code(li_wei.house, "reset_code"))
    other.submit(new_password=NEW_PASSWORD, repeat_password=NEW_PASSWORD)
    assert li_wei.since is not None
    other.sign_in(password=NEW_PASSWORD)
    assert asked(other) and other.cookie() is None
    other.submit(totp=li_wei.code())
    assert other.page.request.path == "/account"


def test_half_a_sign_in_keeps_no_account_from_being_deleted(li_wei: Owner) -> None:
    """Signing in is what cancels a deletion (decision 44): with the choice, not before both factors"""
    li_wei.switch(True)
    li_wei.first.get("/account/delete")
    li_wei.first.submit(sure="1")
    row = li_wei.house.parts.store.one(Erasure, account_id=li_wei.id)
    assert row is not None and row.state == erasure.WAITING
    other = li_wei.browser()
    other.sign_in()
    assert li_wei.house.parts.store.find(Erasure)[0].state == erasure.WAITING
    other.submit(totp=li_wei.code())
    assert li_wei.house.parts.store.find(Erasure)[0].state == erasure.CANCELLED


@pytest.mark.attack("A129")
def test_asking_less_often_takes_a_fresh_proof_of_both(li_wei: Owner) -> None:
    """The choice is undone as the factor is taken away: after both factors anew, a password alone is not enough (ASVS 7.5.1)."""
    li_wei.switch(True)
    li_wei.house.clock.advance(301)
    li_wei.switch(False)
    assert li_wei.first.page.request.path == "/account/confirm" and li_wei.since is not None
    li_wei.first.submit(password=PASSWORD)
    li_wei.first.get("/account/security")
    press(li_wei.first, False)
    assert li_wei.first.page.request.path == "/account/confirm" and li_wei.since is not None
    li_wei.first.submit(password=PASSWORD)
    li_wei.first.submit(totp=li_wei.code())
    press(li_wei.first, False)
    assert li_wei.since is None and 'id="change-done"' in li_wei.first.page.text
    other = at_app(li_wei.browser(), li_wei.app)
    other.submit(username="li.wei", password=PASSWORD)
    assert 'id="consent-allow"' in other.page.text


def test_each_change_is_an_event_and_told_once(li_wei: Owner) -> None:
    li_wei.switch(True)
    li_wei.first.get("/account/security")
    li_wei.first.submit({"ask_always": "1"})
    li_wei.switch(False)
    for kind, notice in (("account.factor_always", "totp_always"), ("account.factor_eased", "totp_eased")):
        assert len(li_wei.house.events(kind)) == len(messages(li_wei.house, notice)) == 1


@pytest.mark.parametrize("by", ["citizen", "cli"])
def test_it_goes_with_the_factor(li_wei: Owner, by: str) -> None:
    """Whoever lost the factor is not locked out, and a new one begins without the choice."""
    li_wei.switch(True)
    if by == "citizen":
        li_wei.first.get("/account/security")
        li_wei.first.submit(remove_totp="1")
    else:
        assert staff.reset_factor(li_wei.house.parts, "li.wei", "lost", now=li_wei.house.clock())
    assert li_wei.since is None
    other = li_wei.browser()
    other.sign_in()
    assert other.page.request.path == "/account"
    enrol(other)
    assert li_wei.since is None


def test_nobody_without_a_factor_and_no_staff_has_the_switch(li_wei: Owner) -> None:
    house = li_wei.house
    house.citizen("zhang.min", "zhang.min@example.cn", password=PASSWORD)
    zhang = Person(house)
    zhang.sign_in(username="zhang.min")
    assert 'id="ask-always"' not in zhang.get("/account/security").text
    session = house.parts.store.one(Session, token_hash=token_hash(house.parts.ring, "session", zhang.cookie() or ""))
    assert session is not None
    forged = {"proof": proof(house.parts, session.token_hash, "/account/security"), "ask_always": "1"}
    assert zhang.post("/account/security", forged).status_code == 400
    assert zhang.get("/account/second-step").request.path == "/account/security"
    staff.set_roles(house.parts, "li.wei", ["auditor"], now=house.clock())
    li_wei.first.sign_in()
    li_wei.first.submit(totp=li_wei.code())
    assert 'id="ask-always"' not in li_wei.first.get("/account/security").text
    assert li_wei.first.get("/account/second-step").request.path == "/account/security"
    assert all(account.factor_always_since is None for account in house.parts.store.find(Account))


def test_own_copy_and_erasure(li_wei: Owner) -> None:
    li_wei.switch(True)
    sequenced(li_wei.house)
    taken = copied(li_wei.first, "json").get_json()
    assert datetime.fromisoformat(taken["sign_in"]["asked_at_every_sign_in_since"]).timestamp() * 1e6 == li_wei.since
    assert "account.factor_always" in {event["kind"] for event in taken["events"]}
    erasure.by_order(li_wei.house.parts, "li.wei", "requested", now=li_wei.house.clock())
    assert li_wei.since is None


def test_a_session_that_began_while_the_switch_was_turned_is_asked_too(li_wei: Owner) -> None:
    """Two defences: a session that a password alone began a moment before gets no code and opens no page."""
    old = li_wei.browser()
    old.sign_in()
    li_wei.switch(True)
    levels = {s.acr for s in li_wei.house.parts.store.find(Session, {"ended_at": None})}
    assert levels == {"urn:yimen:acr:1", TWO}
    assert asked(at_app(old, li_wei.app))
    old.get("/account")
    assert asked(old)


@pytest.mark.attack("A128")
def test_a_password_that_is_short_because_of_the_factor_never_stands_alone(li_wei: Owner) -> None:
    """Eight characters are enough beside a second factor only: no session by them alone (SP 800-63B §3.1.1.2)."""
    short = "kT4-mQ9z"
    assert "15" in li_wei.first.get("/account/password").text
    li_wei.first.submit(password=PASSWORD, new_password=short, repeat_password=short)
    assert 'id="change-done"' in li_wei.first.page.text and li_wei.since is None
    other = at_app(li_wei.browser(), li_wei.app)
    other.submit(username="li.wei", password=short)
    assert asked(other) and other.cookie() is None
    other.submit(totp=li_wei.code())
    assert 'id="consent-allow"' in other.page.text


SHORT = "kT4-mQ9z"


def lose_the_factor(owner: Owner, by: str) -> None:
    """After a password that was accepted beside the factor alone."""
    owner.first.get("/account/password")
    owner.first.submit(password=PASSWORD, new_password=SHORT, repeat_password=SHORT)
    if by == "cli":
        staff.reset_factor(owner.house.parts, "li.wei", "lost", now=owner.house.clock())
    else:
        owner.first.get("/account/security?lang=en")
        owner.first.submit(remove_totp="1")


@pytest.mark.attack("A128")
@pytest.mark.parametrize("by", ["citizen", "cli"])
def test_a_short_password_that_lost_its_factor_needs_a_code_beside_it(li_wei: Owner, by: str) -> None:
    """Whoever guesses eight characters gets neither a session nor the right to another password (SP 800-63B §3.1.1.2)."""
    house = li_wei.house
    lose_the_factor(li_wei, by)
    other = at_app(li_wei.browser(), li_wei.app)
    page = other.submit(username="li.wei", password=SHORT)
    assert 'id="too-short-alone"' in page.text and other.cookie() is None
    assert house.parts.store.count(OneTime, {"purpose": "reset"}) == 0
    assert other.form()[0] == "/forgot" and 'value="li.wei"' in page.text
    other.submit(identifier="li.wei")
    other.submit(code=last_code(house, "reset_code"))
    assert other.submit(new_password=SHORT + "k", repeat_password=SHORT + "k").status_code == 422
    done = other.submit(new_password=NEW_PASSWORD, repeat_password=NEW_PASSWORD)
    assert 'id="change-done"' in done.text and other.cookie() in (None, "")
    assert [e["how"] for e in house.events("account.password_changed")] == ["change", "reset"]
    link = re.search(r'href="(/authorize/[^"]+)"', done.text)
    assert link is not None
    other.get(link[1])
    assert 'id="consent-allow"' in other.submit(username="li.wei", password=NEW_PASSWORD).text


@pytest.mark.parametrize("since", [False, True], ids=["no address", "an address since"])
def test_without_an_address_a_short_password_is_good_for_a_longer_one(li_wei: Owner, since: bool) -> None:
    """Nobody is locked out for want of an address; who has one by now is asked for its code (SP 800-63B §3.1.1.2)."""
    house, mine = li_wei.house, {"account_id": li_wei.id, "kind": "email"}
    house.parts.store.commit([Update(Identifier, mine, {"verified_at": None})])
    lose_the_factor(li_wei, "cli")
    other = li_wei.browser()
    page = other.sign_in(password=SHORT)
    assert 'id="too-short-alone"' in page.text and other.cookie() is None
    again = other.submit(new_password=SHORT + "k", repeat_password=SHORT + "k")
    assert again.status_code == 422 and 'id="too-short-alone"' in again.text
    if since:
        house.parts.store.commit([Update(Identifier, mine, {"verified_at": house.clock()})])
        assert other.submit(new_password=NEW_PASSWORD, repeat_password=NEW_PASSWORD).status_code == 400
        assert len(house.events("account.password_changed")) == 1
        return
    done = other.submit(new_password=NEW_PASSWORD, repeat_password=NEW_PASSWORD)
    assert 'id="change-done"' in done.text and other.cookie() in (None, "")
    assert [e["how"] for e in house.events("account.password_changed")] == ["change", "change"]
    assert other.sign_in(password=NEW_PASSWORD).request.path == "/account"


def test_what_a_short_password_still_needs_is_said(li_wei: Owner) -> None:
    """Its length can't be seen from its hash, so every page that names when the factor is asked names this case"""
    asks, person = "fewer than 15 characters, we ask for it at every sign-in", li_wei.first
    assert asks in person.get("/account/second-step?lang=en").text
    assert asks in person.get("/account/security?lang=en").text
    li_wei.switch(True)
    assert asks not in person.get("/account/security?lang=en").text
    li_wei.switch(False)
    at = person.page.request
    done = re.search(r'id="change-done">(.*?)</div>', person.get(f"{at.path}?{at.query_string.decode()}&lang=en").text)
    assert done is not None and asks in done[1] and "no longer asked" not in done[1]
    person.get("/account/security?lang=en")
    removed = person.submit(remove_totp="1").text
    assert 'id="short-replaced"' in removed and "15" in removed
