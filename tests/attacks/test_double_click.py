"""The last form of a journey, sent twice by one browser that never saw the first answer: one effect, and the second answer leads where the first
would have (F34). Without JavaScript nothing guards the button."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Barrier, Event, Lock
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.http import parse_cookie
from werkzeug.test import TestResponse

from idp.authn.totp import base32
from idp.errors import Unavailable
from idp.flows import interactions, sessions, staff, step_up
from idp.flows.people import load
from idp.flows.sessions import SAME_FORM_S
from idp.ports import Insert, Put, Update
from idp.records import Account, Consent, RecoveryCode, Session, Totp
from keys.tokens import token_hash
from tests.attacks.authorize_ground import answer as told_to_client
from tests.kit.house import House
from tests.kit.person import FORM, PASSWORD, Person, authorize, enrol, last_code, messages, totp_now
from tests.kit.process import PATIENCE_S

NEW = "harbour lantern seven quilts"
Click = Callable[[], TestResponse]
Both = Callable[[Click], list[TestResponse]]


def click(person: Person, /, **fields: str) -> Click:
    """What the browser sends at each click: it has no answer, and no cookie of one, in between."""
    action, hidden = person.form()
    held = {f"__Host-yimen-{kind}": value for kind in ("session", "browser") if (value := person.cookie(kind))}
    headers = {
        "Cookie": "; ".join(f"{name}={value}" for name, value in held.items()),
        "User-Agent": person.agent,
        "Sec-Fetch-Site": "same-origin",
    }
    return lambda: person.house.request(
        "POST",
        action,
        data=urlencode({**hidden, **fields}),
        content_type=FORM,
        headers=headers,
        environ_overrides={"REMOTE_ADDR": person.remote},
    )


def land(person: Person, answer: TestResponse) -> TestResponse:
    """The browser takes this answer alone."""
    for line in answer.headers.getlist("Set-Cookie"):
        ((name, value),) = list(parse_cookie(line.partition(";")[0]).items())
        person.set_cookie(name.removeprefix("__Host-yimen-"), value)
    person.page = answer
    return person.get(answer.headers["Location"]) if answer.status_code == 303 else answer


def at_once(
    house: House,
    send: Click,
    monkeypatch: pytest.MonkeyPatch,
    answered: Callable[[TestResponse], None] = lambda _: None,
) -> list[TestResponse]:
    """Both clicks read and judge before either commits. ``answered``: hears each answer when it is there."""
    gate, plain, turns = Barrier(2, timeout=PATIENCE_S), type(house.parts.store).commit, iter(range(2))

    def commit(self: Any, writes: Any) -> Any:
        if next(turns, None) is not None:
            gate.wait()
        return plain(self, writes)

    with monkeypatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(type(house.parts.store), "commit", commit)
        sent = [pool.submit(send) for _ in range(2)]
        for done in as_completed(sent):
            answered(done.result())
        return [done.result() for done in sent]


@pytest.fixture(params=["one after the other", "at once"])
def both(request: pytest.FixtureRequest, house: House, monkeypatch: pytest.MonkeyPatch) -> Both:
    """Sends both clicks: the second after the first is done, or both read and judged before either commits."""
    together = request.param == "at once"
    return lambda send: at_once(house, send, monkeypatch) if together else [send(), send()]


@pytest.fixture
def li_wei(house: House) -> Person:
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    house.clock.advance(60)
    person = Person(house)
    person.sign_in()
    return person


def at_the_password(person: Person, path: str, address: str, kind: str) -> None:
    person.get(path)
    person.submit(identifier=address)
    person.submit(code=last_code(person.house, kind))


@pytest.mark.attack("F34")
def test_a_new_account(house: House, both: Both) -> None:
    """One account; the second answer is the account page of who is signed in (DESIGN §2.2)."""
    person = Person(house)
    at_the_password(person, "/sign-up", "wang.fang@example.cn", "sign_up_code")
    answers = both(click(person, name="王芳", new_password=NEW, repeat_password=NEW))
    assert [(a.status_code, a.headers["Location"]) for a in answers] == [(303, "/account")] * 2
    assert house.parts.store.count(Account) == len(house.events("account.created")) == 1
    landed = [land(person, answer).request.path for answer in answers]
    assert "/account" in landed


@pytest.mark.attack("F34")
def test_a_new_account_on_the_way_to_a_service(house: House) -> None:
    """The service that asked is where it goes on (DESIGN §4)."""
    person = Person(house)
    authorize(person, house.register(), prompt="create")
    person.submit(identifier="wang.fang@example.cn")
    person.submit(code=last_code(house, "sign_up_code"))
    send = click(person, name="王芳", new_password=NEW, repeat_password=NEW)
    send()
    assert 'id="consent-allow"' in land(person, send()).text
    assert len(house.events("session.started")) == 1


@pytest.mark.attack("F34")
@pytest.mark.parametrize("password", ["", NEW + "!", PASSWORD])
def test_a_new_account_is_opened_by_its_password_alone(house: House, password: str) -> None:
    """Whoever sends another one learns and gets nothing, and it counts as a failure (ASVS 6.3.1)."""
    person = Person(house)
    at_the_password(person, "/sign-up", "wang.fang@example.cn", "sign_up_code")
    first = click(person, name="王芳", new_password=NEW, repeat_password=NEW)
    again = click(person, name="王芳", new_password=password, repeat_password=password)
    first()
    for _ in range(8):
        answer = again()
        assert answer.status_code == 400 and "Set-Cookie" not in answer.headers
    assert len(house.events("session.started")) == 1
    assert house.events("session.throttled")


@pytest.mark.attack("F34")
def test_a_new_password(house: House, both: Both) -> None:
    """The password is changed once and told once; both answers say so (ASVS 6.4.3)."""
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    house.clock.advance(60)
    person = Person(house)
    at_the_password(person, "/forgot", "li.wei@example.cn", "reset_code")
    answers = both(click(person, new_password=NEW, repeat_password=NEW))
    assert [(a.status_code, 'id="change-done"' in a.text) for a in answers] == [(200, True)] * 2
    assert len(house.events("account.password_changed")) == len(messages(house, "password_changed")) == 1


@pytest.mark.attack("F34")
def test_a_used_reset_is_no_way_to_guess(house: House) -> None:
    """Every other password counts as a failure of the account (ASVS 6.3.1)."""
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    person = Person(house)
    at_the_password(person, "/forgot", "li.wei@example.cn", "reset_code")
    send = click(person, new_password=NEW, repeat_password=NEW)
    wrong = click(person, new_password=NEW + "!", repeat_password=NEW + "!")
    send()
    assert [wrong().status_code for _ in range(8)] == [400] * 8
    assert house.events("session.throttled")
    assert send().status_code == 400, "nor is the right one told apart then"


@pytest.mark.attack("F34")
def test_whoever_signed_in_since_stays_signed_in(house: House) -> None:
    """The second answer takes no cookie away (DESIGN §2.2)."""
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    house.clock.advance(60)
    person = Person(house)
    at_the_password(person, "/forgot", "li.wei@example.cn", "reset_code")
    action, hidden = person.form()
    form = {**hidden, "new_password": NEW, "repeat_password": NEW}
    person.post(action, form)
    person.sign_in(password=NEW)
    assert 'id="change-done"' in person.post(action, form).text
    assert person.get("/account").request.path == "/account"


@pytest.mark.attack("F34")
def test_codes_that_are_kept(li_wei: Person) -> None:
    """The second answer leads where the first does (DESIGN §2.2)."""
    secret = re.search(r'id="totp-secret">([^<]+)<', li_wei.get("/account/totp").text)
    assert secret is not None
    li_wei.submit(totp=totp_now(li_wei.house, secret[1]))
    send = click(li_wei, saved="1")
    assert [(a.status_code, a.headers["Location"]) for a in (send(), send())] == [(303, "/account/second-step")] * 2


@pytest.mark.attack("F34")
def test_an_app_that_is_set_up(li_wei: Person, both: Both) -> None:
    """One set of codes, shown once; the other answer says what happened and how to get others (ASVS 6.5.1)."""
    house = li_wei.house
    secret = re.search(r'id="totp-secret">([^<]+)<', li_wei.get("/account/totp?lang=en").text)
    assert secret is not None
    answers = both(click(li_wei, totp=totp_now(house, secret[1])))
    shown = sorted(answers, key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in shown] == [200, 400]
    assert "<li><code>" in shown[0].text and "<li><code>" not in shown[1].text
    assert "如果您没有看到" in shown[1].text, "whichever answer was seen"
    assert "您的身份验证器应用已设置" in shown[1].text and 'href="/sign-in?to=codes"' in shown[1].text
    assert house.parts.store.count(RecoveryCode) == 10
    house.clock.advance(61)
    assert "您的身份验证器应用已设置" not in click(li_wei, totp="000000")().text


def half_in(owner: Person, way: str) -> tuple[Person, dict[str, str]]:
    """Another browser, at the form that wants the second factor, and what is typed there."""
    house = owner.house
    secret, codes = enrol(owner)
    if way == "after a password":
        owner.get("/account/security")
        owner.submit(ask_always="1", form=1)
    other = Person(house, remote="198.51.100.4")
    other.sign_in()
    assert other.page.request.path == "/sign-in/totp"
    if way == "recovery code":
        other.get("/sign-in/recovery-code")
        return other, {"recovery_code": codes[0]}
    return other, {"totp": totp_now(house, secret)}


@pytest.mark.attack("F34", "A094")
@pytest.mark.parametrize("way", ["in a session", "after a password", "recovery code"])
def test_a_second_factor(li_wei: Person, both: Both, way: str) -> None:
    """One use, one session, one event, no failure; both answers lead on (RFC 6238 §5.2, DESIGN §2.2)."""
    house = li_wei.house
    other, typed = half_in(li_wei, way)
    events = "session.started" if way == "after a password" else "session.stepped_up"
    before = len(house.events(events)), len(house.events("session.refused"))
    alive = house.parts.store.count(Session, {"ended_at": None})
    answers = both(click(other, **typed))
    assert [(a.status_code, a.headers["Location"]) for a in answers] == [(303, "/account")] * 2
    assert "/account" in [land(other, answer).request.path for answer in answers]
    assert (len(house.events(events)), len(house.events("session.refused"))) == (before[0] + 1, before[1])
    assert house.parts.store.count(Session, {"ended_at": None}) == alive + (way == "after a password")


@pytest.mark.attack("F34", "A094")
@pytest.mark.parametrize("way", ["in a session", "after a password", "after a password again", "recovery code"])
def test_a_second_factor_that_is_not_noted_yet(li_wei: Person, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Who loses learns from the store what the other did as soon as it is done, and waits for no note of it (DESIGN §2.2, §2.8)."""
    house = li_wei.house
    other, typed = half_in(li_wei, way.removesuffix(" again"))
    if way.endswith("again"):
        land(other, click(other, **typed)())
        house.clock.advance(90)
        other.get("/account/confirm?to=security")
        other.submit(password=PASSWORD)
        (row,) = house.parts.store.find(Totp)
        owner = load(house.parts, row.account_id)
        assert owner is not None
        typed = {"totp": totp_now(house, base32(step_up.secret_of(owner, row)))}
    alive, refused = house.parts.store.count(Session, {"ended_at": None}), len(house.events("session.refused"))
    plain, busy, go_on, seen = type(house.parts.volatile).several, Lock(), Event(), list[TestResponse]()

    def several(self: Any, verbs: Any) -> Any:
        if any(isinstance(verb, Put) for verb in verbs) and busy.acquire(blocking=False):
            assert go_on.wait(PATIENCE_S)
        return plain(self, verbs)

    def answered(answer: TestResponse) -> None:
        seen.append(answer)
        go_on.set()

    with monkeypatch.context() as patch:
        patch.setattr(type(house.parts.volatile), "several", several)
        answers = at_once(house, click(other, **typed), monkeypatch, answered)
    to = "/account/security" if way.endswith("again") else "/account"
    assert [(a.status_code, a.headers["Location"]) for a in answers] == [(303, to)] * 2
    assert land(other, seen[0]).request.path == to
    assert len(house.events("session.refused")) == refused
    assert house.parts.store.count(Session, {"ended_at": None}) == alive + (way == "after a password")


@pytest.mark.attack("F34")
@pytest.mark.parametrize("way", ["in a session", "after a password", "recovery code"])
def test_a_code_is_not_spent_where_no_session_could_be_written(
    li_wei: Person, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Used and begun in one batch: after a fault the same form works (DESIGN §2.2)."""
    house = li_wei.house
    other, typed = half_in(li_wei, way)
    send, plain = click(other, **typed), type(house.parts.store).commit

    def commit(self: Any, writes: Any) -> Any:
        if any(
            isinstance(one, Insert | Update) and Session in (getattr(one, "kind", 0), type(getattr(one, "record", 0)))
            for one in writes
        ):
            raise Unavailable("database")
        return plain(self, writes)

    with monkeypatch.context() as patch:
        patch.setattr(type(house.parts.store), "commit", commit)
        assert send().status_code == 503
    assert send().status_code == 303


@pytest.mark.attack("F34")
@pytest.mark.parametrize("way", ["in a session", "after a password"])
def test_a_used_code_is_the_same_act_for_its_form_alone(li_wei: Person, way: str) -> None:
    """Not at another browser, not without the form's proof, not a minute later, not after signing out (RFC 6238 §5.2)."""
    house = li_wei.house
    other, typed = half_in(li_wei, way)
    stranger = Person(house, remote="198.51.100.5")
    stranger.sign_in()
    send, unproven = click(other, **typed), click(other, **typed, proof="x")
    first = send()
    assert first.status_code == 303
    assert stranger.submit(typed).status_code == 422
    assert [e["reason"] for e in house.events("session.refused")] == ["totp_replayed"]
    assert unproven().status_code == 400
    house.clock.advance(61)
    assert send().status_code in (400, 422)


@pytest.mark.attack("F34")
def test_a_used_code_brings_no_ended_session_back(li_wei: Person) -> None:
    """Who signed out is not signed in by the form of a moment ago (ASVS 7.4.1)."""
    house = li_wei.house
    other, typed = half_in(li_wei, "after a password")
    send = click(other, **typed)
    land(other, send())
    session = house.parts.store.one(Session, token_hash=token_hash(house.parts.ring, "session", other.cookie() or ""))
    assert session is not None
    house.parts.store.commit(sessions.end(house.parts, session, "logout", house.clock()))
    answer = send()
    assert answer.status_code == 400 and "yimen-session" not in answer.headers.get("Set-Cookie", "")


@pytest.mark.attack("F34")
def test_a_password_proved_since_wants_a_new_code(li_wei: Person) -> None:
    """A fresh proof is not made of a code that was used before it (RFC 6238 §5.2, ASVS 7.5.1)."""
    other, typed = half_in(li_wei, "after a password")
    land(other, click(other, **typed)())
    li_wei.house.clock.advance(1)
    other.get("/account/confirm?to=security")
    other.submit(password=PASSWORD)
    assert other.page.request.path == "/sign-in/totp"
    assert other.submit(typed).status_code == 422


@pytest.mark.attack("F34")
def test_new_codes(li_wei: Person, both: Both) -> None:
    """No answer shows codes that another answer has ended already, unless it came later (ASVS 6.5.1)."""
    enrol(li_wei)
    li_wei.get("/account/recovery-codes")
    answers = both(click(li_wei))
    stored = li_wei.house.parts.store.find(RecoveryCode)
    assert len(stored) == 10 and {row.used_at for row in stored} == {None}
    shown = [answer for answer in answers if answer.status_code == 200]
    assert all(answer.headers["Location"] == "/account/recovery-codes" for answer in answers if answer not in shown)
    codes = re.findall(r"<li><code>(.+?)</code>", shown[-1].text)
    again = Person(li_wei.house)
    again.sign_in()
    again.get("/sign-in/recovery-code")
    assert again.submit(recovery_code=codes[0]).request.path == "/account"


@pytest.mark.attack("F34")
def test_a_consent(li_wei: Person, both: Both) -> None:
    """One consent, one event, one code; both answers lead on (RFC 6749 §10.5)."""
    house = li_wei.house
    authorize(li_wei, house.register())
    answers = both(click(li_wei, decision="allow"))
    assert len({(answer.status_code, answer.headers["Location"]) for answer in answers}) == 1
    assert "code" in told_to_client(land(li_wei, answers[1]))
    assert len(house.events("consent.given")) == house.parts.store.count(Consent) == 1


@pytest.mark.attack("F34")
def test_a_refusal(li_wei: Person) -> None:
    """The client hears the same twice; it is one refusal (RFC 6749 §4.1.2.1)."""
    house = li_wei.house
    authorize(li_wei, house.register())
    send = click(li_wei, decision="deny")
    heard = [told_to_client(send()) for _ in range(2)]
    assert heard[0] == heard[1] and heard[0]["error"] == "access_denied" and heard[0]["state"] == "st"
    assert len(house.events("consent.denied")) == 1
    allowed = click(li_wei, decision="allow")()
    assert "code" not in allowed.headers["Location"] and land(li_wei, allowed).status_code == 400


@pytest.mark.attack("F34")
def test_a_refusal_is_one_even_when_the_note_of_it_gets_lost(li_wei: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of two at once: each has read that the request is open (DESIGN §2.2)."""
    house = li_wei.house
    authorize(li_wei, house.register())
    send = click(li_wei, decision="deny")
    monkeypatch.setattr(interactions, "close", lambda *_: None)
    assert [told_to_client(send())["error"] for _ in range(2)] == ["access_denied"] * 2
    assert len(house.events("consent.denied")) == 1


@pytest.mark.attack("F34")
def test_a_refusal_that_could_not_be_written_is_written_when_it_comes_again(
    li_wei: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was counted as told but was not is taken back: the log lacks no refusal that the client heard (DESIGN §2.2)."""
    house = li_wei.house
    authorize(li_wei, house.register())
    send = click(li_wei, decision="deny")

    def gone(*_: Any) -> None:
        raise Unavailable("database")

    with monkeypatch.context() as patch:
        patch.setattr(type(house.parts.store), "commit", gone)
        assert send().status_code == 503
    assert told_to_client(send())["error"] == "access_denied"
    assert len(house.events("consent.denied")) == 1


@pytest.mark.attack("F34")
def test_a_refusal_whose_twin_could_not_be_written(li_wei: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that came while the other was being written writes it itself: the client hears of none that the log lacks (DESIGN §2.1)."""
    house = li_wei.house
    authorize(li_wei, house.register())
    send, plain = click(li_wei, decision="deny"), type(house.parts.store).commit
    heard = list[dict[str, str]]()

    def commit(self: Any, writes: Any) -> Any:
        monkeypatch.setattr(type(house.parts.store), "commit", plain)
        heard.append(told_to_client(send()))
        raise Unavailable("database")

    monkeypatch.setattr(type(house.parts.store), "commit", commit)
    assert send().status_code == 503
    assert [answer["error"] for answer in heard] == ["access_denied"]
    assert len(house.events("consent.denied")) == 1
    assert told_to_client(send())["error"] == "access_denied"
    assert len(house.events("consent.denied")) == 1


@pytest.mark.attack("F34")
def test_refusals_at_once_are_one(li_wei: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have read that the request is open before either writes (DESIGN §2.2)."""
    house = li_wei.house
    authorize(li_wei, house.register())
    answers = at_once(house, click(li_wei, decision="deny"), monkeypatch)
    assert [told_to_client(answer)["error"] for answer in answers] == ["access_denied"] * 2
    assert len(house.events("consent.denied")) == 1


@pytest.mark.attack("F34")
def test_two_answers_to_two_requests_of_one_service(li_wei: Person, both: Both) -> None:
    """None is lost: what could not be joined with the other is asked again (GDPR art. 7(1))."""
    app, pages = li_wei.house.register(), []
    for scope in ("openid email", "openid phone"):
        authorize(li_wei, app, scope=scope)
        pages.append(click(li_wei, decision="allow"))
    turn = iter(pages)
    answers = both(lambda: next(turn)())  # noqa: PLW0108  the next for each
    for answer in answers:
        if 'id="consent-allow"' in land(li_wei, answer).text:
            li_wei.submit(decision="allow")
    assert "code" in told_to_client(authorize(li_wei, app, scope="openid email phone", prompt="none"))


@pytest.mark.attack("F34")
def test_a_deletion(li_wei: Person, both: Both) -> None:
    """Asked once, told once; the second answer is no sign-in page, on which the account would be kept (GDPR art. 17)."""
    house = li_wei.house
    li_wei.get("/account/delete")
    answers = both(click(li_wei, sure="1"))
    assert [(a.status_code, 'id="delete-done"' in a.text) for a in answers] == [(200, True)] * 2
    days = {re.findall(r"<strong>(.*?)</strong>", answer.text)[0] for answer in answers}
    assert len(days) == len(house.events("erasure.asked")) == len(messages(house, "erasure_asked")) == 1
    assert house.parts.store.count(Session, {"ended_at": None}) == 0
    assert all("Max-Age=0" in answer.headers["Set-Cookie"] for answer in answers)


@pytest.mark.attack("F34")
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "for a service"])
def test_a_sign_in_that_keeps_the_account(house: House, both: Both, inside: bool) -> None:
    """Kept once, told by both answers: neither is refused for what the other did (DESIGN §2.2)."""
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    person = Person(house)
    person.sign_in()
    person.get("/account/delete")
    person.submit(sure="1")
    phone = Person(house)
    authorize(phone, house.register()) if inside else phone.get("/sign-in")
    answers = both(click(phone, username="li.wei", password=PASSWORD))
    assert [a.status_code for a in answers] == [200 if inside else 303] * 2
    said = [("账号予以保留" in a.text) if inside else ('id="kept"' in land(phone, a).text) for a in answers]
    assert all(said) if inside else any(said)
    assert len(house.events("erasure.cancelled")) == len(messages(house, "erasure_cancelled")) == 1


@pytest.mark.attack("F34")
def test_an_account_that_was_kept_is_told_of_by_the_sign_in_that_kept_it(li_wei: Person) -> None:
    """Not again by the form of a later proof in the same session (DESIGN §11: what a page says has happened just now)."""
    house = li_wei.house
    secret, _ = enrol(li_wei)
    li_wei.get("/account/security")
    li_wei.submit(ask_always="1", form=1)
    li_wei.get("/account/delete")
    assert 'id="delete-done"' in li_wei.submit(sure="1").text
    phone = Person(house)
    phone.sign_in()
    answers = [send() for send in [click(phone, totp=totp_now(house, secret))] * 2]
    assert 'id="kept"' in land(phone, answers[1]).text
    assert len(house.events("erasure.cancelled")) == 1
    house.clock.advance(8 * 60)
    phone.get("/account/confirm?to=security")
    phone.submit(password=PASSWORD)
    again = [send() for send in [click(phone, totp=totp_now(house, secret))] * 2]
    assert [(a.status_code, a.headers.get("Location")) for a in again] == [(303, "/account/security")] * 2
    land(phone, again[1])
    assert 'id="kept"' not in phone.get("/account").text


@pytest.mark.attack("F34")
def test_a_deletion_is_told_again_to_its_form_alone(li_wei: Person) -> None:
    """Not later, not without its proof, and not once somebody signed in (ASVS 3.5.1)."""
    house = li_wei.house
    li_wei.get("/account/delete")
    send, unproven = click(li_wei, sure="1"), click(li_wei, sure="1", proof="x")
    send()
    assert unproven().headers["Location"] == "/sign-in"
    house.clock.advance(SAME_FORM_S)
    assert send().headers["Location"] == "/sign-in"
    Person(house).sign_in()
    assert send().headers["Location"] == "/sign-in"


@pytest.mark.attack("F34")
def test_a_staff_link(house: House, both: Both) -> None:
    """One account; both answers lead to its second factor (DESIGN §2.2)."""
    person = Person(house)
    person.get(staff.staff_link(house.parts, ["auditor"], now=house.clock()).removeprefix(house.config.issuer))
    filled = {"identifier": "wang.audit", "name": "", "new_password": NEW, "repeat_password": NEW}
    answers = both(click(person, **filled))
    assert [(a.status_code, a.headers["Location"]) for a in answers] == [(303, "/sign-in/enrol")] * 2
    assert house.parts.store.count(Account) == 1
    assert 'id="totp-secret"' in land(person, answers[1]).text
