"""Against the password step: enumeration, timing, size, guessing, lockout, look-alikes, foreign forms."""

import re
import threading
from typing import Any

import pytest

from idp.authn import throttle
from idp.authn.throttle import Throttled
from idp.flows.people import meant
from idp.records import Account, Consent, Grant, Session
from tests.kit.house import House
from tests.kit.person import FORM, PASSWORD, Person, authorize, messages


@pytest.fixture
def li_wei(house: House) -> Person:
    house.citizen("li.wei", "li.wei@example.cn", "13800138000", password=PASSWORD)
    return Person(house)


def shape(answer) -> tuple:
    """What a stranger can compare: status, headers, and the page without its own secrets."""
    text = re.sub(r'value="[^"]*"|[0-9A-F]{10}', "", answer.text)
    names = sorted(name for name, _ in answer.headers if name != "Content-Length")
    return answer.status_code, names, text


@pytest.mark.attack("A086")
@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}])
def test_login_csrf_from_another_site(li_wei: Person, headers: dict[str, str]) -> None:
    """A sign-in form sent from another site is refused (RFC 9700 §4.7)."""
    li_wei.get("/sign-in")
    action, hidden = li_wei.form()
    answer = li_wei.post(action, {**hidden, "username": "li.wei", "password": PASSWORD}, headers)
    assert answer.status_code == 403
    assert li_wei.house.parts.store.count(Session) == 0


@pytest.mark.attack("A086")
@pytest.mark.parametrize("proof", ["", "x", None])
def test_login_csrf_without_a_proof_for_this_browser(li_wei: Person, proof: str | None) -> None:
    """A sign-in with another browser's proof, or none, makes no session (ASVS 3.5.1)."""
    attacker = Person(li_wei.house)
    attacker.get("/sign-in")
    _, theirs = attacker.form()
    li_wei.get("/sign-in")
    shown = theirs["proof"] if proof is None else proof
    answer = li_wei.post("/sign-in", {"proof": shown, "username": "li.wei", "password": PASSWORD})
    assert answer.status_code == 403
    assert li_wei.cookie() is None and li_wei.house.parts.store.count(Session) == 0


@pytest.mark.attack("A086")
def test_a_proof_of_one_form_opens_no_other(li_wei: Person) -> None:
    """The proof is bound to its action: one page's proof is refused by another (ASVS 3.5.1)."""
    li_wei.sign_in()
    li_wei.get("/account/sessions")
    _, hidden = li_wei.form()
    for path in ("/account/services", "/account/password", "/account/security", "/account/confirm"):
        assert li_wei.post(path, hidden).status_code == 403


@pytest.mark.attack("A086")
def test_consent_is_not_given_by_a_foreign_post(li_wei: Person) -> None:
    """A consent posted from another site or browser writes no row (CVE-2014-8144)."""
    app = li_wei.house.register()
    authorize(li_wei, app)
    li_wei.submit(username="li.wei", password=PASSWORD)
    action, hidden = li_wei.form()
    fields = {**hidden, "decision": "allow"}
    assert li_wei.post(action, fields, {"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert Person(li_wei.house).post(action, fields).status_code in (400, 403)
    assert li_wei.post(action, {**fields, "proof": "x"}).status_code == 403
    assert li_wei.house.parts.store.count(Consent) == 0


@pytest.mark.attack("A094")
def test_double_submit_and_back_button_on_login_and_consent(li_wei: Person) -> None:
    """Login and consent sent twice: one login event, one consent row, one code (RFC 9700 §4.12)."""
    app = li_wei.house.register()
    authorize(li_wei, app)
    login = li_wei.form()
    for _ in range(2):
        li_wei.post(login[0], {**login[1], "username": "li.wei", "password": PASSWORD}, follow=False)
    handle = login[1]["handle"]
    li_wei.get(f"/authorize/{handle}")
    action, hidden = li_wei.form()
    for _ in range(2):
        li_wei.post(action, {**hidden, "decision": "allow"})
    events = [event["kind"] for event in li_wei.house.events()]
    assert events.count("session.started") == 1
    assert events.count("code.issued") == 1
    assert li_wei.house.parts.store.count(Consent) == 1 and li_wei.house.parts.store.count(Grant) == 1


@pytest.mark.attack("A104")
def test_one_answer_for_unknown_wrong_disabled_and_malformed(li_wei: Person) -> None:
    """Unknown, wrong, disabled and malformed identifiers answer alike, by status, headers and text (ASVS 6.3.8)."""
    house = li_wei.house
    disabled = house.citizen("zhang.min", claims={}, password=PASSWORD)
    from idp.ports import Update

    house.parts.store.commit([Update(Account, {"id": disabled}, {"status": "disabled"})])
    answers = [
        Person(house).sign_in("li.wei", "wrong password"),
        Person(house).sign_in("no.body", "wrong password"),
        Person(house).sign_in("zhang.min", PASSWORD),
        Person(house).sign_in("zhang.min", "wrong password"),
        Person(house).sign_in("a@b@c", "wrong password"),
    ]
    assert len({str(shape(answer)) for answer in answers}) == 1
    assert {e["reason"] for e in house.events("session.refused")} == {
        "wrong_password",
        "unknown_identifier",
        "account_disabled",
    }


@pytest.mark.attack("A104")
def test_too_many_tries_say_the_same_of_everyone(li_wei: Person) -> None:
    """Throttling of an unknown account looks as that of a known one (ASVS 6.3.8)."""

    def until_throttled(who: str) -> list[tuple]:
        return [shape(Person(li_wei.house, remote=f"198.51.100.{n}").sign_in(who, "wrong password")) for n in range(7)]

    assert until_throttled("li.wei") == until_throttled("no.body")


@pytest.mark.attack("A104")
@pytest.mark.parametrize(("path", "known", "unknown"), [
    ("/sign-up", "li.wei@example.cn", "no.body@example.cn"),
    ("/forgot", "li.wei@example.cn", "no.body@example.cn"),
    ("/forgot", "li.wei", "no.wei"),
])  # fmt: skip
def test_sign_up_and_reset_say_the_same_of_everyone(li_wei: Person, path: str, known: str, unknown: str) -> None:
    """Sign-up and reset answer alike for known and unknown addresses, wrong codes included (ASVS 6.3.8)."""

    def answers(typed: str) -> list[tuple]:
        person = Person(li_wei.house)
        person.get(path)
        first = shape(person.submit(identifier=typed))
        return [first, *(shape(person.submit(code="00000000")) for _ in range(6))]

    left, right = answers(known), answers(unknown)
    masked = re.compile(r"l\*\*\*\S*|n\*\*\*\S*")
    assert [masked.sub("", str(a)) for a in left] == [masked.sub("", str(a)) for a in right]


@pytest.mark.attack("A105")
def test_no_account_costs_a_whole_hash(house: House) -> None:
    """Without an account the password is hashed all the same (OWASP Authentication, generic errors)."""
    verified: list[str | None] = []
    inner = house.parts.hasher

    class Counting:
        def verify(self, phc: str | None, password: str) -> bool:
            verified.append(phc)
            return inner.verify(phc, password)

    from dataclasses import replace

    from idp.flows.people import Caller
    from idp.flows.sign_in import with_password

    parts = replace(house.parts, hasher=Counting())  # type: ignore[arg-type]
    caller = Caller(browser=bytes(32), remote="10.0.0.1", device="?", reference="R", now=house.clock())
    with_password(parts, caller, "no.body", "x")
    assert verified == [None]


@pytest.mark.attack("A106")
@pytest.mark.parametrize(
    ("username", "password", "status"),
    [("li.wei", "x" * 1_000_000, 413), ("x" * 10_000_000, PASSWORD, 413), ("li.wei", "x" * 4000, 422), ("x" * 4000, PASSWORD, 422),
     ("li.wei", "x" * 5000, 400)],
)  # fmt: skip
def test_huge_input_is_refused_before_hashing(
    li_wei: Person, username: str, password: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A megabyte of password or ten of username is refused before any work (OWASP, long password DoS)."""
    li_wei.get("/sign-in")
    action, hidden = li_wei.form()
    hashed: list[str] = []
    plain = type(li_wei.house.parts.hasher).verify

    def verify(itself: Any, phc: str | None, typed: str) -> bool:
        hashed.append(typed)
        return plain(itself, phc, typed)

    monkeypatch.setattr(type(li_wei.house.parts.hasher), "verify", verify)
    answer = li_wei.post(action, {**hidden, "username": username, "password": password})
    assert answer.status_code == status
    assert sum(map(len, hashed)) <= 4000, "more than a form holds never reaches the hash"


@pytest.mark.attack("A106")
@pytest.mark.parametrize("length", [64, 100, 128])
def test_long_passwords_work(house: House, length: int) -> None:
    """Passwords of 64 to 128 characters are accepted whole (SP 800-63B §3.1.1.2)."""
    password = ("锦瑟无端五十弦，一弦一柱思华年" * 9)[:length]
    house.citizen("li.wei", password=password)
    assert Person(house).sign_in(password=password).request.path == "/account"
    assert Person(house).sign_in(password=password[:-1]).status_code == 422


@pytest.mark.attack("A107")
def test_no_truncation_and_no_nul(house: House) -> None:
    """Two long passwords with one prefix differ; a NUL byte is refused in clear, never a cut (Okta, October 2024; SP 800-63B §3.1.1.2)."""
    house.citizen("li.wei", password="x" * 90 + "1")
    assert Person(house).sign_in(password="x" * 90 + "2").status_code == 422
    assert Person(house).sign_in(password="x" * 72).status_code == 422
    assert Person(house).sign_in(password="x" * 90 + "1\x00tail").status_code == 400
    assert Person(house).sign_in(password="x" * 90 + "1").request.path == "/account"


@pytest.mark.attack("A108")
def test_two_keyboards_one_password(house: House) -> None:
    """Composed and decomposed forms are one password; spaces and case count (SP 800-63B §3.1.1.2)."""
    house.citizen("li.wei", password="  \u00e9cole au bord du lac ")
    assert Person(house).sign_in(password="  e\u0301cole au bord du lac ").request.path == "/account"
    assert Person(house).sign_in(password="\u00e9cole au bord du lac").status_code == 422


@pytest.mark.attack("A109")
def test_forwarded_addresses_evade_nothing(li_wei: Person) -> None:
    """X-Forwarded-For from a peer that is no proxy is not believed: the address limit holds (RFC 7239 §8.1)."""
    person = Person(li_wei.house)
    person.get("/sign-in")
    action, hidden = person.form()
    answers = []
    for n in range(throttle.ADDRESS_TRIES + 1):
        forged = {"X-Forwarded-For": f"192.0.2.{n}", "Forwarded": f"for=192.0.2.{n}"}
        answers.append(person.post(action, {**hidden, "username": f"no.body{n}", "password": "x"}, forged))
    assert [a.status_code for a in answers[:-1]] == [422] * throttle.ADDRESS_TRIES
    assert answers[-1].status_code == 429 and int(answers[-1].headers["Retry-After"]) > 0
    other = Person(li_wei.house, remote="198.51.100.1")
    assert other.sign_in().request.path == "/account"


@pytest.mark.attack("A109")
def test_an_ipv6_subscriber_is_one_address(house: House) -> None:
    """Addresses of one /64 share a counter (RFC 4291 §2.5.1)."""
    assert throttle.network("2001:db8::1") == throttle.network("2001:db8::ffff:1")
    assert throttle.network("2001:db8::1") != throttle.network("2001:db8:0:1::1")
    assert throttle.network("::ffff:192.0.2.1") == throttle.network("192.0.2.1")


@pytest.mark.attack("A112")
def test_one_counter_over_aliases_and_paths(li_wei: Person) -> None:
    """Aliases, spellings, reset codes and the present password all count on one account (CVE-2025-6004)."""
    tries = ["li.wei", " LI.WEI", "li.wei@example.cn", "LI.WEI@EXAMPLE.CN", "13800138000", "+86 138 0013 8000"]
    seen = [
        Person(li_wei.house, remote=f"198.51.100.{n}").sign_in(who, "wrong password").status_code
        for n, who in enumerate(tries)
    ]
    assert seen == [422] * 6
    assert Person(li_wei.house, remote="198.51.100.77").sign_in("li.wei", "wrong password").status_code == 429
    stranger = Person(li_wei.house, remote="198.51.100.78")
    stranger.get("/forgot")
    stranger.submit(identifier="li.wei@example.cn")
    assert stranger.submit(code="00000000").status_code == 429


@pytest.mark.attack("A112")
def test_many_tries_at_once_do_not_pass_the_limit(li_wei: Person) -> None:
    """Tries are counted before they are judged: fifty at once are as many as one after another (CVE-2024-55904)."""
    volatile, subject = li_wei.house.parts.volatile, b"s" * 16
    gate, admitted = threading.Barrier(50), []

    def attempt(n: int) -> None:
        gate.wait()
        if not isinstance(throttle.enter(volatile, subject, f"198.51.100.{n}"), Throttled):
            admitted.append(n)

    threads = [threading.Thread(target=attempt, args=(n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) <= throttle.FREE_TRIES + 1


@pytest.mark.attack("A113")
def test_strangers_do_not_lock_the_citizen_out(li_wei: Person) -> None:
    """After many failures by strangers a browser that signed in before still signs in (CVE-2024-1722)."""
    li_wei.sign_in()
    for n in range(30):
        Person(li_wei.house, remote=f"198.51.100.{n}").sign_in("li.wei", "wrong password")
    assert Person(li_wei.house, remote="198.51.100.200").sign_in().status_code == 429
    li_wei.house.clock.advance(li_wei.house.config.session_idle + 1)
    for n in range(30):
        Person(li_wei.house, remote=f"198.51.100.{n}").sign_in("li.wei", "wrong password")
    assert li_wei.sign_in().request.path == "/account"


@pytest.mark.attack("A113")
def test_nothing_is_locked_for_good(li_wei: Person) -> None:
    """The wait grows softly and ends; the owner gets in, and the count begins anew (SP 800-63B §3.2.2)."""
    for n in range(12):
        Person(li_wei.house, remote=f"198.51.100.{n}").sign_in("li.wei", "wrong password")
        li_wei.house.clock.advance(throttle.LONGEST_DELAY_S + 1)
    assert li_wei.sign_in().request.path == "/account"
    assert Person(li_wei.house).sign_in(password="wrong password").status_code == 422


@pytest.mark.attack("A113")
def test_a_hundred_failures_leave_one_try_a_day() -> None:
    """At most a hundred failures in a row, then a day between tries (SP 800-63B §3.2.2)."""
    waits = [throttle.delay_s(n) for n in range(101)]
    assert waits == sorted(waits)
    assert waits[:5] == [0] * 5 and max(waits[:100]) == throttle.LONGEST_DELAY_S and waits[100] == throttle.DAY_S


@pytest.mark.attack("A114")
@pytest.mark.parametrize(
    "typed", ["LI.WEI@EXAMPLE.CN", "li.wei@example.cn.", "ｌｉ.wei@example.cn", " li.wei@example.cn "]
)
def test_look_alikes_make_no_second_account(li_wei: Person, typed: str) -> None:
    """A second spelling of a taken address gets a notice at the stored address, and no account (CVE-2019-19844)."""
    li_wei.get("/sign-up")
    answer = li_wei.submit(identifier=typed)
    assert 'id="confirm-code"' in answer.text
    assert [(kind, to) for kind, to, _ in messages(li_wei.house)] == [("exists", "li.wei@example.cn")]


@pytest.mark.attack("A117")
def test_two_tabs_cannot_mix_users(li_wei: Person) -> None:
    """The first factor of one and the second of another never meet: the flow ends (OWASP WSTG-ATHN-11)."""
    from tests.kit.person import enrol, totp_now

    house = li_wei.house
    house.citizen("zhang.min", claims={}, password=PASSWORD)
    for who in ("li.wei", "zhang.min"):
        setup = Person(house)
        setup.sign_in(who)
        secret, _ = enrol(setup)
        if who == "zhang.min":
            hers = secret
    tab = li_wei
    tab.sign_in("li.wei")
    first_tab = tab.form()
    tab.get("/account/sessions")
    tab.browser.delete_cookie("__Host-yimen-session", domain=house.config.host)
    tab.sign_in("zhang.min")
    answer = tab.post(first_tab[0], {**first_tab[1], "totp": totp_now(house, hers)})
    assert answer.status_code == 400
    assert house.parts.store.count(Session, {"acr": "urn:yimen:acr:2", "ended_at": None}) == 2


@pytest.mark.attack("A118")
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "evil.example"},
        {"Forwarded": "host=evil.example"},
        {"X-Original-Url": "https://evil.example/"},
    ],
)
def test_forged_hosts_reach_no_message(li_wei: Person, headers: dict[str, str]) -> None:
    """Messages hold no link, and forged host headers change no answer; another Host is refused (CVE-2025-64101)."""
    li_wei.get("/forgot")
    action, hidden = li_wei.form()
    answer = li_wei.post(action, {**hidden, "identifier": "li.wei@example.cn"}, headers)
    assert answer.status_code == 200 and "evil.example" not in answer.text
    assert all("evil" not in body and "http" not in body for _, _, body in messages(li_wei.house))
    assert li_wei.browser.get("/forgot", base_url="https://evil.example").status_code == 421


@pytest.mark.attack("A123")
def test_cookie_flags_and_planted_twins(li_wei: Person) -> None:
    """The session cookie is __Host-, Secure, HttpOnly, Lax; of two of one name neither counts (RFC 6265bis §4.1.3)."""
    answer = li_wei.sign_in(follow=False)
    (cookie,) = [v for k, v in answer.headers if k == "Set-Cookie" and "session" in v]
    assert cookie.startswith("__Host-yimen-session=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")[1:]}
    assert "Domain" not in cookie
    good = li_wei.cookie()
    twice = f"__Host-yimen-session=planted; __Host-yimen-session={good}"
    seen = li_wei.house.request("GET", "/account", headers={"Cookie": twice})
    assert seen.status_code == 303 and seen.headers["Location"] == "/sign-in"
    nameless = li_wei.house.request("GET", "/account", headers={"Cookie": f"=__Host-yimen-session={good}"})
    assert nameless.status_code == 303


@pytest.mark.attack("A086", "A119")
def test_a_repeated_field_is_refused(li_wei: Person) -> None:
    """A parameter that came twice is an error, not a choice (RFC 6749 §3.1)."""
    li_wei.get("/sign-in")
    action, hidden = li_wei.form()
    fields = [*hidden.items(), ("username", "no.body"), ("username", "li.wei"), ("password", PASSWORD)]
    assert li_wei.post(action, fields).status_code == 400
    assert li_wei.post(action, fields, {"Content-Type": FORM}).status_code == 400


@pytest.mark.attack("A105")
@pytest.mark.parametrize(
    ("failures", "wait", "told"),
    [(5, 2, ("about 2 seconds", "约 2 秒后")), (11, 128, ("about 3 minutes", "约 3 分钟后")),
     (30, 900, ("about 15 minutes", "约 15 分钟后")), (100, 86_400, ("about 1 day", "约 1 天后"))],
)  # fmt: skip
def test_how_long_to_wait_is_told_alike(li_wei: Person, failures: int, wait: int, told: tuple[str, str]) -> None:
    """In words and in the header, the same for a name that somebody has and for one that nobody has (RFC 6585 §4)."""
    house = li_wei.house
    for language, words in zip(("en", "zh-CN"), told, strict=True):
        seen = list[tuple]()
        for name in ("li.wei", "li.wei@example.cn", "no.body", "no.body@example.cn"):
            volatile, subject = house.parts.volatile, meant(house.parts, name).subject
            volatile.forget("failures-account", subject)
            volatile.bump("failures-account", subject, throttle.ACCOUNT_WINDOW_S, failures)
            volatile.claim("failures-account-gate", subject, wait)
            stranger = Person(house, remote=f"198.51.100.{len(seen)}")
            stranger.accepts = language
            answer = stranger.sign_in(name, "wrong password")
            assert (answer.status_code, answer.headers["Retry-After"]) == (429, str(wait))
            assert words in answer.text
            seen.append((*shape(answer)[:2], shape(answer)[2].replace(name, "")))
        assert all(other == seen[0] for other in seen)


@pytest.mark.attack("A109")
@pytest.mark.parametrize("path", ["/sign-in", "/forgot", "/account/password", "/account/confirm", "/account/totp"])
def test_every_form_says_how_long_to_wait(li_wei: Person, path: str) -> None:
    """Words beside the header, on whatever page it is (RFC 6585 §4)."""
    house = li_wei.house
    fields = dict.fromkeys(("username", "password", "new_password", "repeat_password"), "some wrong words")
    fields |= {"username": "li.wei", "totp": "000000", "code": "00000000"}
    if path.startswith("/account"):
        li_wei.sign_in()
    li_wei.get(path)
    if path == "/forgot":
        li_wei.submit(identifier="li.wei@example.cn")
    for _ in range(8):
        answer = li_wei.submit(fields)
        if answer.status_code == 429:
            break
    assert int(answer.headers["Retry-After"]) in (2, 4)
    assert f"尝试次数过多，请在约 {answer.headers['Retry-After']} 秒后重试" in answer.text
    assert house.events("session.throttled")
