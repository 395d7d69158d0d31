"""Against the second factor: reuse, races, guessing, other paths, stale confirmation."""

import re
import threading
from typing import Any

import pytest

from idp.authn import throttle
from idp.authn.totp import base32
from idp.errors import Unavailable
from idp.flows import people, sessions, staff, step_up
from idp.flows.people import Caller
from idp.flows.sign_in import SignedIn
from idp.ports import Insert, Update
from idp.records import RecoveryCode, Session, Totp
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, authorize, enrol, messages, totp_now

TWO = "urn:yimen:acr:2"


@pytest.fixture
def li_wei(house: House) -> Person:
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    person = Person(house)
    person.sign_in()
    return person


def at_the_code_page(house: House, number: int = 0) -> Person:
    person = Person(house, remote=f"198.51.100.{number}")
    person.sign_in()
    assert person.page.request.path == "/sign-in/totp", person.page.text
    return person


@pytest.mark.attack("A125")
def test_a_code_is_good_once_in_its_window(li_wei: Person) -> None:
    """A used code, and the one before it, are refused in every session (RFC 6238 §5.2)."""
    secret, _ = enrol(li_wei)
    house = li_wei.house
    code, earlier = totp_now(house, secret), totp_now(house, secret, steps=-1)
    assert at_the_code_page(house, 1).submit(totp=code).request.path == "/account"
    for replayed in (code, earlier):
        assert at_the_code_page(house, 2).submit(totp=replayed).status_code == 422
    assert "totp_replayed" in {e["reason"] for e in house.events("session.refused")}


@pytest.mark.attack("A125")
def test_the_code_of_enrolment_is_used_up_too(li_wei: Person) -> None:
    """The code that confirmed the app signs nobody in (CVE-2024-7318)."""
    secret, _ = enrol(li_wei)
    assert at_the_code_page(li_wei.house, 1).submit(totp=totp_now(li_wei.house, secret, steps=-1)).status_code == 422


@pytest.mark.attack("A125")
@pytest.mark.parametrize("steps", [-2, 1, 2])
def test_older_and_future_codes(li_wei: Person, steps: int) -> None:
    """Only the present step and the one before count (RFC 6238 §5.2, ASVS 6.5.5)."""
    secret, _ = enrol(li_wei)
    li_wei.house.clock.advance(120)
    assert at_the_code_page(li_wei.house, 1).submit(totp=totp_now(li_wei.house, secret, steps=steps)).status_code == 422


def race(house: House, prove, count: int = 50) -> list[object]:
    """The same proof by many at once, each from a session of its own; what each got."""
    people = [at_the_code_page(house, n) for n in range(3)]
    callers = []
    for person in people:
        from keys.tokens import token_hash

        session = house.parts.store.one(
            Session, token_hash=token_hash(house.parts.ring, "session", person.cookie() or "")
        )
        callers.append(
            Caller(browser=b"b" * 32, remote="10.0.0.1", device="?", reference="R", now=house.clock(), session=session)
        )
    gate, got = threading.Barrier(count), list[object]()

    def one(n: int) -> None:
        base = step_up.basis(house.parts, callers[n % 3])
        assert base is not None
        gate.wait()
        got.append(prove(callers[n % 3], base))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


@pytest.fixture
def wherever(any_house: House) -> Person:
    """As ``li_wei``, on each backend."""
    any_house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    person = Person(any_house)
    person.sign_in()
    return person


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Throttling aside: the race itself must have one winner."""
    monkeypatch.setattr(throttle, "FREE_TRIES", 1000)
    monkeypatch.setattr(throttle, "LAST_TRIES", 2000)


@pytest.mark.attack("A125")
@pytest.mark.usefixtures("patient")
def test_fifty_at_once_with_one_code(wherever: Person) -> None:
    """One code sent by fifty threads over three sessions succeeds once (CVE-2025-6014)."""
    secret, _ = enrol(wherever)
    house = wherever.house
    code = totp_now(house, secret)
    got = race(house, lambda caller, base: step_up.with_code(house.parts, caller, base, code))
    assert len(got) == 50 and sum(isinstance(one, SignedIn) for one in got) == 1


@pytest.mark.attack("A125")
@pytest.mark.usefixtures("patient")
def test_fifty_at_once_with_one_recovery_code(wherever: Person) -> None:
    """One recovery code sent by fifty threads over three sessions succeeds once (ASVS 6.5.1)."""
    _, codes = enrol(wherever)
    house = wherever.house
    got = race(house, lambda caller, base: step_up.with_recovery_code(house.parts, caller, base, codes[0]))
    assert len(got) == 50 and sum(isinstance(one, SignedIn) for one in got) == 1
    assert house.parts.store.count(RecoveryCode, {"used_at": None}) == 9


@pytest.mark.attack("A126")
def test_guessing_over_new_sessions_is_counted_together(li_wei: Person) -> None:
    """New sessions, addresses and right passwords reset no counter of codes (CVE-2024-32868, CVE-2025-64102)."""
    secret, codes = enrol(li_wei)
    house, seen = li_wei.house, list[int]()
    for n in range(8):
        person = at_the_code_page(house, n)
        seen.append(person.submit(totp="000000").status_code)
        house.clock.advance(1)
    assert 429 in seen and seen.count(422) <= 7
    blocked = at_the_code_page(house, 99)
    assert blocked.submit(totp=totp_now(house, secret)).status_code == 429
    assert int(blocked.page.headers["Retry-After"]) > 0
    blocked.get("/sign-in/recovery-code")
    assert blocked.submit(recovery_code=codes[0]).status_code == 429
    assert house.events("session.throttled")[-1]["rule"] in ("factor", "account")


def fails_once(house: House, monkeypatch: pytest.MonkeyPatch, kind: str) -> list[str]:
    """The database is away for the first batch that holds a message or an event of this kind."""
    plain, failed = type(house.parts.store).commit, list[str]()

    def commit(self: Any, writes: Any) -> Any:
        kinds = [getattr(write.record, "kind", "") for write in writes if isinstance(write, Insert)]
        if kind in kinds and not failed:
            failed.append(kind)
            raise Unavailable("database")
        return plain(self, writes)

    monkeypatch.setattr(type(house.parts.store), "commit", commit)
    return failed


@pytest.mark.attack("A126")
def test_what_is_told_once_a_day_is_told_though_the_first_could_not_be_written(
    li_wei: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next wrong code tells it; nothing is counted as told that is not (DESIGN §2.1)"""
    enrol(li_wei)
    house = li_wei.house
    failed = fails_once(house, monkeypatch, "guessing")
    for n in range(14):
        at_the_code_page(house, n).submit(totp="000000")
        house.clock.advance(throttle.LONGEST_DELAY_S + 1)
    assert failed == ["guessing"] and len(messages(house, "guessing")) == 1


@pytest.mark.attack("A126")
def test_a_refusal_that_could_not_be_recorded_is_by_the_next(li_wei: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one minute's refusals one is an event (ASVS 16.3.2)"""
    enrol(li_wei)
    house = li_wei.house
    failed = fails_once(house, monkeypatch, "session.throttled")
    answers = [at_the_code_page(house, n).submit(totp="000000").status_code for n in range(12)]
    assert failed == ["session.throttled"] and 503 in answers
    assert len(house.events("session.throttled")) == 1


@pytest.mark.attack("A126")
def test_many_wrong_codes_are_told_to_the_citizen(li_wei: Person) -> None:
    """Ten wrong codes in a row are an event each and one notice (ASVS 6.3.5)."""
    enrol(li_wei)
    house = li_wei.house
    for n in range(14):
        at_the_code_page(house, n).submit(totp="000000")
        house.clock.advance(throttle.LONGEST_DELAY_S + 1)
    assert len(messages(house, "guessing")) == 1
    assert [e["reason"] for e in house.events("session.refused")].count("wrong_totp") == 14


@pytest.mark.attack("A126")
def test_half_a_sign_in_clears_no_count(li_wei: Person) -> None:
    """The right password of staff, with the code still due, leaves the failures counted (CVE-2025-6015)."""
    enrol(li_wei)
    house = li_wei.house
    staff.set_roles(house.parts, "li.wei", ["auditor"], now=house.clock())
    for n in range(4):
        assert Person(house, remote=f"192.0.2.{n}").sign_in(password="wrong password").status_code == 422
    at_the_code_page(house, 1)
    seen = [Person(house, remote=f"192.0.2.{n}").sign_in(password="wrong password").status_code for n in range(4)]
    assert 429 in seen


@pytest.mark.attack("A126")
def test_a_new_secret_is_no_way_round(house: House) -> None:
    """Codes guessed while setting the app up count as well (CVE-2025-64102)."""
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    person = Person(house)
    person.sign_in()
    seen = []
    for _ in range(8):
        person.get("/account/totp")
        seen.append(person.submit(totp="000000").status_code)
    assert seen[-1] == 429


@pytest.mark.attack("A128")
def test_amr_and_acr_say_what_was_proved(li_wei: Person) -> None:
    """Every path ends with the methods proved on it, never more (RFC 8176 §2; CVE-2026-9091)."""
    secret, codes = enrol(li_wei)
    house = li_wei.house
    app = house.register()
    by_password = Person(house)
    authorize(by_password, app)
    by_password.submit(username="li.wei", password=PASSWORD)
    by_app, by_code = at_the_code_page(house, 1), at_the_code_page(house, 2)
    by_app.submit(totp=totp_now(house, secret))
    by_code.get("/sign-in/recovery-code")
    by_code.submit(recovery_code=codes[0])
    held = {
        name: (session.amr, session.acr)
        for name, session in (
            (n, house_session(house, p)) for n, p in (("pwd", by_password), ("app", by_app), ("code", by_code))
        )
    }
    assert held == {
        "pwd": ("pwd", "urn:yimen:acr:1"),
        "app": ("pwd otp mfa", TWO),
        "code": ("pwd otp mfa", TWO),
    }


def house_session(house: House, person: Person) -> Session:
    from keys.tokens import token_hash

    found = house.parts.store.one(Session, token_hash=token_hash(house.parts.ring, "session", person.cookie() or ""))
    assert found is not None
    return found


@pytest.mark.attack("A128")
def test_a_client_that_wants_two_factors_gets_two(li_wei: Person) -> None:
    """With require_second_factor no path of an authorization leads round the code page (ASVS 6.3.3)."""
    secret, _ = enrol(li_wei)
    house = li_wei.house
    app = house.register(require_second_factor=True)
    other = Person(house)
    authorize(other, app)
    page = other.submit(username="li.wei", password=PASSWORD)
    assert 'id="totp-continue"' in page.text
    action, _ = other.form()
    handle = page.request.path
    assert 'id="totp-continue"' in other.get(handle).text
    answer = other.submit(totp=totp_now(house, secret))
    assert action == "/sign-in/totp" and 'id="consent-allow"' in answer.text
    other.submit(decision="allow")
    assert house.events("code.issued")[-1]["acr"] == TWO


@pytest.mark.attack("A128")
def test_staff_have_no_session_before_both_factors(li_wei: Person) -> None:
    """A member of staff with a right password alone has no session on any path (ASVS 6.3.3)."""
    enrol(li_wei)
    house = li_wei.house
    staff.set_roles(house.parts, "li.wei", ["auditor"], now=house.clock())
    direct, through = Person(house), Person(house)
    direct.sign_in()
    authorize(through, house.register())
    through.submit(username="li.wei", password=PASSWORD)
    for person in (direct, through):
        assert 'id="totp-continue"' in person.page.text
        assert person.cookie() is None
    assert house.parts.store.count(Session, {"ended_at": None}) == 0


@pytest.mark.attack("A128")
def test_a_half_proof_of_another_browser(li_wei: Person) -> None:
    """What stands between the factors is bound to its browser: another can't finish it (ASVS 6.6.2)."""
    secret, _ = enrol(li_wei)
    house = li_wei.house
    staff.set_roles(house.parts, "li.wei", ["auditor"], now=house.clock())
    owner, thief = Person(house), Person(house)
    owner.sign_in()
    action, hidden = owner.form()
    thief.get("/sign-in")
    assert thief.post(action, {**hidden, "totp": totp_now(house, secret)}).status_code == 400
    assert thief.get("/sign-in/totp").request.path == "/sign-in"
    assert thief.cookie() is None
    assert owner.submit(totp=totp_now(house, secret)).request.path == "/account"


def on_offer(person: Person, path: str = "/account/totp") -> str:
    """The secret that this browser is offered to set up."""
    found = re.search(r'id="totp-secret">([^<]+)<', person.get(path).text)
    assert found is not None, person.page.text
    return found[1].replace(" ", "")


@pytest.fixture(params=["citizen", "staff"])
def two_browsers(request: pytest.FixtureRequest, any_house: House) -> tuple[Person, Person, str]:
    """Who has the password and whose account it is, each where the app is set up, and the path of that page."""
    any_house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    if request.param == "staff":
        staff.set_roles(any_house.parts, "li.wei", ["auditor"], now=any_house.clock())
    thief, owner = Person(any_house, remote="198.51.100.9"), Person(any_house)
    thief.sign_in()
    owner.sign_in()
    return thief, owner, "/sign-in/enrol" if request.param == "staff" else "/account/totp"


@pytest.mark.attack("A129", "A115")
def test_a_secret_on_offer_is_for_one_browser(two_browsers: tuple[Person, Person, str]) -> None:
    """Whoever has the password sees another secret than the one that its owner enrols (CVE-2024-28197, ASVS 6.6.2)."""
    thief, owner, path = two_browsers
    house = owner.house
    theirs, own = on_offer(thief, path), on_offer(owner, path)
    assert theirs != own and on_offer(owner, path) == own, "and in each tab of one browser the same"
    assert thief.get(path + "/qr.svg").status_code == 404
    assert b"<svg" in owner.get(path + "/qr.svg").data
    owner.get(path)
    assert "<li><code>" in owner.submit(totp=totp_now(house, own)).text
    house.clock.advance(60)
    half = at_the_code_page(house, 1)
    assert half.submit(totp=totp_now(house, theirs)).status_code == 422
    assert half.submit(totp=totp_now(house, own)).request.path == "/account"


@pytest.mark.attack("A129", "A115")
def test_what_another_browser_was_offered_is_confirmed_by_nobody_else(two_browsers: tuple[Person, Person, str]) -> None:
    """A code of a secret that this browser was not offered, or not any more, sets nothing up and looks like no success (ASVS 6.6.2)."""
    thief, owner, path = two_browsers
    house = owner.house
    on_offer(thief, path)
    form = thief.form()
    own = on_offer(owner, path)
    owner_form = owner.form()
    thief.post(form[0], {**form[1], "totp": totp_now(house, own)})
    assert thief.page.status_code == 400 and not house.events("account.factor_enrolled")
    replaced = on_offer(thief, path)
    assert replaced != own
    owner.post(owner_form[0], {**owner_form[1], "totp": totp_now(house, own)})
    assert owner.page.status_code == 400 and not house.events("account.factor_enrolled")
    thief.submit(totp=totp_now(house, replaced))
    owner.post(owner_form[0], {**owner_form[1], "totp": totp_now(house, own)})
    assert "您的身份验证器应用已设置" not in owner.page.text
    assert len(house.events("account.factor_enrolled")) == 2


@pytest.mark.attack("A115")
def test_a_secret_on_offer_ends_with_its_sign_in(li_wei: Person) -> None:
    """At a browser that many use, who signs in next is offered another (CVE-2024-28197)."""
    first = on_offer(li_wei)
    li_wei.get("/account/sessions")
    session = house_session(li_wei.house, li_wei)
    li_wei.house.parts.store.commit(sessions.end(li_wei.house.parts, session, "logout", li_wei.house.clock()))
    li_wei.house.clock.advance(61)
    li_wei.sign_in()
    assert on_offer(li_wei) != first


@pytest.mark.attack("A129")
def test_an_offer_of_an_earlier_version_is_nobodys(li_wei: Person) -> None:
    """It does not say whom it was made for, so it is replaced (DESIGN §2.6)."""
    house = li_wei.house
    on_offer(li_wei)
    form, row = li_wei.form(), house.parts.store.find(Totp)[0]
    person = people.load(house.parts, row.account_id)
    assert person is not None
    secret = b"s" * 20
    bare = person.citizen.seal("totp", "secret", row.account_id, row.created_at, secret)
    house.parts.store.commit([Update(Totp, {"account_id": row.account_id}, {"sealed": bare})])
    assert li_wei.get("/account/totp/qr.svg").status_code == 404
    li_wei.post(form[0], {**form[1], "totp": totp_now(house, base32(secret))})
    assert li_wei.page.status_code == 400
    assert on_offer(li_wei) != base32(secret)


@pytest.mark.attack("A129")
@pytest.mark.parametrize("path", ["/account/totp", "/account/recovery-codes"])
def test_set_up_and_new_codes_need_a_fresh_proof(li_wei: Person, path: str) -> None:
    """Five minutes after the last proof, factors change only after a new one (ASVS 7.5.1)."""
    if path == "/account/recovery-codes":
        enrol(li_wei)
    li_wei.get(path)
    stale = li_wei.form()
    li_wei.house.clock.advance(301)
    assert li_wei.get(path).request.path == "/account/confirm"
    li_wei.post(stale[0], {**stale[1], "totp": "000000"})
    assert li_wei.page.request.path == "/account/confirm"


@pytest.mark.attack("A129")
def test_a_password_alone_is_no_fresh_proof_beside_a_second_factor(li_wei: Person) -> None:
    """A weaker method never satisfies freshness: removal asks for both factors again (GHSA-hp74-gm6m-2qm5)."""
    secret, _ = enrol(li_wei)
    li_wei.house.clock.advance(600)
    li_wei.get("/account/security")
    li_wei.submit(remove_totp="1")
    li_wei.submit(password=PASSWORD)
    li_wei.get("/account/security")
    assert li_wei.submit(remove_totp="1").request.path == "/account/confirm"
    assert li_wei.house.parts.store.count(Totp) == 1
    li_wei.submit(password=PASSWORD)
    li_wei.submit(totp=totp_now(li_wei.house, secret))
    li_wei.submit(remove_totp="1")
    assert li_wei.house.parts.store.count(Totp) == 0


@pytest.mark.attack("A129", "A128")
@pytest.mark.parametrize("path", ["/account/recovery-codes", "/account/totp", "/account/security", "/account/password"])
def test_a_fresh_password_changes_no_factor(li_wei: Person, path: str) -> None:
    """A moment after the password, with the code still due, no factor can be seen, made or changed (ASVS 7.5.1)."""
    from idp.flows.proofs import proof

    _, codes = enrol(li_wei)
    house = li_wei.house
    half = at_the_code_page(house, 1)
    before = house.parts.store.find(RecoveryCode, order=("hash",))
    assert half.get(path).request.path == "/sign-in/totp"
    shown = proof(house.parts, house_session(house, half).token_hash, path)
    half.post(path, {"proof": shown, "remove_totp": "1", "totp": "000000"})
    assert half.page.request.path != "/account" and "<ol" not in half.page.text
    assert house.parts.store.find(RecoveryCode, order=("hash",)) == before and len(codes) == len(before)
    assert house.parts.store.count(Totp) == 1


@pytest.mark.attack("A129")
def test_a_second_factor_alone_is_no_fresh_proof(li_wei: Person) -> None:
    """A code typed long after the password does not make the sign-in fresh (ASVS 7.5.1)."""
    secret, _ = enrol(li_wei)
    house = li_wei.house
    late = at_the_code_page(house, 3)
    house.clock.advance(301)
    late.submit(totp=totp_now(house, secret))
    late.get("/account/security")
    assert late.submit(remove_totp="1").request.path == "/account/confirm"


@pytest.mark.attack("A129")
def test_staff_cannot_remove_their_factor(li_wei: Person) -> None:
    """A role requires the second factor: its owner can't take it away (ASVS 6.3.3)."""
    secret, _ = enrol(li_wei)
    house = li_wei.house
    staff.set_roles(house.parts, "li.wei", ["auditor"], now=house.clock())
    li_wei.sign_in()
    li_wei.submit(totp=totp_now(house, secret))
    li_wei.get("/account/security")
    assert "remove-totp" not in li_wei.page.text
    li_wei.get("/account/sessions")
    _, hidden = li_wei.form()
    from idp.flows.proofs import proof

    hidden["proof"] = proof(house.parts, house_session(house, li_wei).token_hash, "/account/security")
    li_wei.post("/account/security", {**hidden, "remove_totp": "1"})
    assert house.parts.store.count(Totp) == 1
