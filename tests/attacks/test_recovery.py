"""Against sign-up, reset and change of password: replay, races, other browsers, prefetching scanners, several addresses."""

import re
import threading
from urllib.parse import urlencode

import pytest

from idp.flows import one_time, recovery, sign_up, staff
from idp.flows.one_time import PER_TARGET, TRIES
from idp.flows.people import Caller
from idp.flows.sessions import SAME_FORM_S
from idp.flows.sign_up import CodeSent, Confirmed
from idp.ports import Committed, Conflict
from idp.records import Account, Grant, OneTime, Session
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, last_code, messages

NEW = "harbour lantern seven quilts"


@pytest.fixture
def li_wei(house: House) -> Person:
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    house.clock.advance(60)
    return Person(house)


def asked(person: Person, typed: str = "li.wei@example.cn") -> tuple[str, dict[str, str]]:
    """A reset under way: where the code is posted, and the hidden inputs."""
    person.get("/forgot")
    person.submit(identifier=typed)
    return person.form()


def caller(house: House, browser: bytes = b"b" * 32) -> Caller:
    return Caller(browser=browser, remote="203.0.113.1", device="?", reference="R", now=house.clock())


@pytest.mark.attack("A119")
@pytest.mark.parametrize(
    "typed",
    ["li.wei@example.cn,evil@example.net", "li.wei@example.cn evil@example.net", "li.wei@example.cn;evil@example.net",
     "li.wei@example.cn\r\nBcc: evil@example.net", "evil@example.net,li.wei@example.cn", '["li.wei@example.cn","evil@example.net"]',
     "li.wei@example.cn\nevil@example.net", "li.wei@example.cn%0aevil@example.net"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/forgot", "/sign-up"])
def test_several_addresses_at_once(li_wei: Person, path: str, typed: str) -> None:
    """A reset or sign-up for several addresses sends nothing to anyone (CVE-2023-7028)."""
    li_wei.get(path)
    li_wei.submit(identifier=typed)
    assert not messages(li_wei.house)


@pytest.mark.attack("A119")
@pytest.mark.parametrize("names", [("identifier", "identifier"), ("identifier[]", "identifier[]")])
def test_duplicate_and_array_parameters(li_wei: Person, names: tuple[str, str]) -> None:
    """Two identifiers in one form are refused; nothing is sent (CVE-2023-7028)."""
    li_wei.get("/forgot")
    action, hidden = li_wei.form()
    pair = zip(names, ("li.wei@example.cn", "evil@example.net"), strict=True)
    assert li_wei.post(action, [*hidden.items(), *pair]).status_code in (400, 422)
    assert not messages(li_wei.house)


@pytest.mark.attack("A119")
def test_the_code_goes_to_the_stored_address_alone(li_wei: Person) -> None:
    """What was typed never decides where the code goes, only which account is meant (CVE-2019-19844)."""
    asked(li_wei, "ＬＩ.ＷＥＩ@EXAMPLE.cn.")
    assert [to for _, to, _ in messages(li_wei.house)] == ["li.wei@example.cn"]


@pytest.mark.attack("A120")
def test_a_reset_code_works_once(li_wei: Person) -> None:
    """A used code and a used ticket open nothing any more (ASVS 6.5.1)."""
    action, hidden = asked(li_wei)
    code = last_code(li_wei.house, "reset_code")
    li_wei.submit(code=code)
    finish = li_wei.form()
    assert li_wei.submit(new_password=NEW, repeat_password=NEW).status_code == 200
    assert li_wei.post(action, {**hidden, "code": code}).status_code == 400
    again = {**finish[1], "new_password": NEW + "!", "repeat_password": NEW + "!"}
    assert li_wei.post(finish[0], again).status_code == 400
    assert Person(li_wei.house).sign_in(password=NEW).request.path == "/account"


@pytest.mark.attack("A120")
def test_a_code_of_another_browser(li_wei: Person) -> None:
    """A code and its form are worth nothing in another browser (ASVS 6.6.2)."""
    action, hidden = asked(li_wei)
    code = last_code(li_wei.house, "reset_code")
    thief = Person(li_wei.house)
    own = asked(thief, "no.body@example.cn")
    for fields in ({**hidden, "code": code}, {**hidden, "proof": own[1]["proof"], "code": code}):
        assert thief.post(action, fields).status_code == 400
    assert li_wei.post(action, {**hidden, "code": code}).status_code == 200


@pytest.mark.attack("A120")
def test_codes_and_tickets_grow_old(li_wei: Person) -> None:
    """A code lives ten minutes, a confirmed address thirty (ASVS 6.5.5)."""
    asked(li_wei)
    li_wei.house.clock.advance(601)
    assert li_wei.submit(code=last_code(li_wei.house, "reset_code")).status_code == 400
    asked(li_wei)
    li_wei.submit(code=last_code(li_wei.house, "reset_code"))
    li_wei.house.clock.advance(1801)
    assert li_wei.submit(new_password=NEW, repeat_password=NEW).status_code == 400


@pytest.mark.attack("A120")
def test_resets_end_with_a_change_of_password(li_wei: Person) -> None:
    """An outstanding code or ticket is dead after the password changed by another way (CVE-2022-23555)."""
    other = Person(li_wei.house)
    asked(li_wei)
    li_wei.submit(code=last_code(li_wei.house, "reset_code"))
    other.sign_in()
    other.get("/account/password")
    other.submit(password=PASSWORD, new_password=NEW, repeat_password=NEW)
    assert (
        li_wei.submit(new_password="another of mine entirely", repeat_password="another of mine entirely").status_code
        == 400
    )
    assert Person(li_wei.house).sign_in(password=NEW).request.path == "/account"


@pytest.mark.attack("A120")
def test_looking_uses_nothing_up(house: House) -> None:
    """A mail scanner that opens every address changes nothing: GET and HEAD have no effect (RFC 9110 §9.2.1)."""
    path = staff.staff_link(house.parts, ["auditor"], now=house.clock()).removeprefix(house.config.issuer)
    before = house.parts.store.find(OneTime)
    scanner = house.browser()
    for _ in range(3):
        assert scanner.get(path, base_url=house.config.issuer).status_code == 200
        scanner.head(path, base_url=house.config.issuer)
    for step in ("/forgot/code", "/forgot/password", "/sign-up/code", "/sign-up/password"):
        assert (
            scanner.get(step + "?" + urlencode({"code": "1", "ticket": "x"}), base_url=house.config.issuer).status_code
            == 303
        )
    assert house.parts.store.find(OneTime) == before and house.parts.store.count(Account) == 0


@pytest.mark.attack("A120")
def test_a_code_of_one_purpose_opens_no_other(li_wei: Person) -> None:
    """A sign-up ticket resets no password and a reset ticket makes no account (CVE-2024-47070)."""
    house, here = li_wei.house, caller(li_wei.house)
    reset = recovery.ask(house.parts, here, "li.wei@example.cn")
    assert isinstance(reset, CodeSent)
    assert isinstance(sign_up.confirm(house.parts, here, reset.ticket, last_code(house, "reset_code")), sign_up.Over)
    confirmed = recovery.confirm(house.parts, here, reset.ticket, last_code(house, "reset_code"))
    assert isinstance(confirmed, Confirmed)
    assert isinstance(sign_up.finish(house.parts, here, confirmed.ticket, "", NEW, NEW, "en"), sign_up.Over)
    made = sign_up.ask(house.parts, here, "new@example.cn")
    assert isinstance(made, CodeSent)
    ticket = sign_up.confirm(house.parts, here, made.ticket, last_code(house, "sign_up_code"))
    assert isinstance(ticket, Confirmed)
    assert isinstance(recovery.finish(house.parts, here, ticket.ticket, NEW, NEW), sign_up.Over)


@pytest.mark.attack("A120", "A126")
def test_guessing_a_code_stops_after_five_tries(li_wei: Person) -> None:
    """Five wrong guesses end a code, the right one included (ASVS 6.5.5, 6.6.3)."""
    li_wei.get("/sign-up")
    li_wei.submit(identifier="new@example.cn")
    code = last_code(li_wei.house, "sign_up_code")
    for n in range(TRIES):
        assert li_wei.submit(code=f"{(int(code) + n + 1) % 10**8:08d}").status_code == 422
    assert li_wei.submit(code=code).status_code == 422
    assert 'id="set-password"' not in li_wei.page.text


@pytest.mark.attack("A120")
def test_fifty_at_once_have_one_winner(any_house: House) -> None:
    """One code or ticket used by fifty threads at once makes one account (ASVS 2.3.4)."""
    house = any_house
    here = caller(house)
    first = sign_up.ask(house.parts, here, "first@example.cn")
    assert isinstance(first, CodeSent)
    proved = sign_up.confirm(house.parts, here, first.ticket, last_code(house, "sign_up_code"))
    assert isinstance(proved, Confirmed)
    sign_up.finish(house.parts, here, proved.ticket, "", NEW, NEW, "en")
    before = {entry.account_id for entry in house.parts.keyring.all()}  # with the keys of this month
    sent = sign_up.ask(house.parts, here, "new@example.cn")
    assert isinstance(sent, CodeSent)
    code = last_code(house, "sign_up_code")
    confirmed: list[object] = run(50, lambda: sign_up.confirm(house.parts, here, sent.ticket, code))
    tickets = [one for one in confirmed if isinstance(one, Confirmed)]
    assert len(tickets) == 1
    made = run(20, lambda: sign_up.finish(house.parts, here, tickets[0].ticket, "", NEW, NEW, "en"))
    assert sum(type(one).__name__ == "SignedIn" for one in made) == 1
    accounts = {account.id for account in house.parts.store.find(Account)}
    assert (
        len(accounts) == 2 and {entry.account_id for entry in house.parts.keyring.all()} - before == accounts - before
    )


def run(count: int, action) -> list[object]:
    gate, seen = threading.Barrier(count), list[object]()

    def one() -> None:
        gate.wait()
        try:
            seen.append(action())
        except Exception as error:  # noqa: BLE001 - a loser may be refused in any way but must not win
            seen.append(error)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


@pytest.mark.attack("A120")
def test_what_was_read_before_a_race_decides_nothing(any_house: House) -> None:
    """Tries and use are taken in the row, not from what a thread read: a sixth guess and a second use fail (ASVS 2.3.4)."""
    house, here = any_house, caller(any_house)
    sent = sign_up.ask(house.parts, here, "new@example.cn")
    assert isinstance(sent, CodeSent)
    code = last_code(house, "sign_up_code")
    found = one_time.find(house.parts, here, "sign-up", sent.ticket, "code")
    assert found is not None
    read = found[0]
    assert [one_time.guess(house.parts, read, code) for _ in range(TRIES + 2)] == [True] * TRIES + [False] * 2
    assert isinstance(house.parts.store.commit([one_time.use(read)]), Committed)
    assert isinstance(house.parts.store.commit([one_time.use(read)]), Conflict)
    assert not one_time.guess(house.parts, read, code)


@pytest.mark.attack("A120")
def test_codes_are_not_sent_without_end(li_wei: Person) -> None:
    """One address gets at most five codes an hour; the page says the same (ASVS 6.6.3)."""
    pages = set()
    for _ in range(PER_TARGET + 3):
        li_wei.get("/forgot")
        pages.add(re.sub(r'value="[^"]*"|[0-9A-F]{10}', "", li_wei.submit(identifier="li.wei@example.cn").text))
        li_wei.house.clock.advance(SAME_FORM_S)
    assert len(messages(li_wei.house, "reset_code")) == PER_TARGET
    assert len(pages) == 1


@pytest.mark.attack("A120")
def test_codes_rest_only_as_keyed_hashes(li_wei: Person) -> None:
    """No row holds a code in clear (ASVS 6.5.2)."""
    asked(li_wei)
    code = last_code(li_wei.house, "reset_code")
    files = [li_wei.house.config.database_url, li_wei.house.config.volatile_url]
    for url in files:
        path = url.removeprefix("sqlite:///")
        for suffix in ("", "-wal"):
            try:
                with open(path + suffix, "rb") as file:  # noqa: PTH123
                    assert code.encode() not in file.read()
            except FileNotFoundError:
                continue


@pytest.mark.attack("A121")
@pytest.mark.parametrize("how", ["change", "reset", "factor", "roles"])
def test_other_sessions_and_refresh_families_end(li_wei: Person, how: str) -> None:
    """Change, reset, factor reset and new roles end other sessions and every family at once, and are told (ASVS 7.4.3)."""
    from tests.kit.person import enrol

    house, victim, app = li_wei.house, Person(li_wei.house), li_wei.house.register()
    victim.sign_in()
    session = house.parts.store.find(Session)[0]
    if how == "factor":
        enrol(victim)
    house.grant(app, session.account_id, session=session, offline=1)
    house.grant(app, session.account_id, session=session)
    if how == "change":
        li_wei.sign_in()
        (own,) = (s for s in house.parts.store.find(Session, {"ended_at": None}) if s.id != session.id)
        house.grant(app, own.account_id, session=own, offline=1)
        li_wei.get("/account/password")
        li_wei.submit(password=PASSWORD, new_password=NEW, repeat_password=NEW)
    elif how == "reset":
        asked(li_wei)
        li_wei.submit(code=last_code(house, "reset_code"))
        li_wei.submit(new_password=NEW, repeat_password=NEW)
    elif how == "factor":
        assert staff.reset_factor(house.parts, "li.wei", "lost", now=house.clock())
    else:
        staff.set_roles(house.parts, "li.wei", ["auditor"], now=house.clock())
    assert victim.get("/account").request.path == "/sign-in"
    assert all(grant.ended_at is not None for grant in house.parts.store.find(Grant))
    if how != "roles":
        kind = "totp_removed" if how == "factor" else "password_changed"
        assert [to for _, to, _ in messages(house, kind)] == ["li.wei@example.cn"]


@pytest.mark.attack("A121", "A113")
def test_a_known_browser_is_forgotten_with_the_password(li_wei: Person) -> None:
    """What a browser earned under the old password ends with it (CVE-2026-56750)."""
    from idp.flows.people import known_browser, meant

    li_wei.sign_in()
    house = li_wei.house
    from keys.tokens import token_hash

    browser = token_hash(house.parts.ring, "browser", li_wei.cookie("browser") or "")
    assert browser is not None
    here, who = caller(house, browser), meant(house.parts, "li.wei")
    assert known_browser(house.parts, here, who.subject, who.person) == browser
    other = Person(house)
    asked(other)
    other.submit(code=last_code(house, "reset_code"))
    other.submit(new_password=NEW, repeat_password=NEW)
    who = meant(house.parts, "li.wei")
    assert known_browser(house.parts, here, who.subject, who.person) is None


@pytest.mark.attack("A128")
def test_reset_does_not_bypass_the_second_factor(li_wei: Person) -> None:
    """After a reset by e-mail the second factor is asked as before (ASVS 6.4.3)."""
    from tests.kit.person import enrol

    owner = Person(li_wei.house)
    owner.sign_in()
    enrol(owner)
    asked(li_wei)
    li_wei.submit(code=last_code(li_wei.house, "reset_code"))
    li_wei.submit(new_password=NEW, repeat_password=NEW)
    assert li_wei.get("/account").request.path == "/sign-in"
    assert li_wei.sign_in(password=NEW).request.path == "/sign-in/totp"
    assert {s.acr for s in li_wei.house.parts.store.find(Session, {"ended_at": None})} == {"urn:yimen:acr:1"}
