"""The other language at every step: the same step in other words, by a link or a form; what can't be shown again says in both what matters."""

import html
import re
from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, attribute, authorize, enrol, last_code, messages, totp_now

NEW = "harbour lantern seven quilts"
FORMS = re.compile(r'<form method="post" action="([^"]*)">((?:(?!</form>).)*ym-languages__link.*?)</form>', re.DOTALL)
BUTTON = re.compile(r'<button class="ym-languages__link"[^>]* form="typed"[^>]*>')
OFFER = re.compile(r'class="ym-languages__link" href="([^"]*)"')


@pytest.fixture
def li_wei(house: House) -> Person:
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    person = Person(house)
    person.sign_in()
    return person


def offered(page: TestResponse) -> list[str]:
    """Where the page's language links lead."""
    return [html.unescape(link) for link in OFFER.findall(page.text)]


def turned(person: Person, **typed: str) -> TestResponse:
    """The page in the other language, where it is an answer to a form or has one to fill in: its switch is one too, or a button of that form."""
    button, before = BUTTON.search(person.page.text), person.page
    if button is not None:
        asked = html.unescape(attribute(button[0], "formaction") or "")
        fields = {**person.form()[1], attribute(button[0], "name") or "": attribute(button[0], "value") or "", **typed}
    else:
        (switch,) = FORMS.findall(person.page.text)
        asked = html.unescape(switch[0])
        fields = {n: html.unescape(v) for n, v in re.findall(r'name="([^"]+)" value="([^"]*)"', switch[1])}
    assert "?lang=" in asked and "shown" in fields
    page = person.post(asked, fields)
    assert page.headers["Content-Language"] != before.headers["Content-Language"]
    assert (
        page.status_code == 200
        and 'id="error-summary' not in page.text
        and page.request.path == asked.partition("?")[0]
        and page.request.query_string.startswith(b"lang=")
        and b"&" not in page.request.query_string
    )
    return page


def written_to(person: Person, language: str) -> None:
    """The person chooses the language of this browser and of what we write to them."""
    if f'id="write-{language}"' in person.get(f"/account?lang={language}").text:
        person.submit()


def heading(person: Person) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", person.page.text, re.DOTALL)
    assert found is not None, person.page.text
    return found[1].strip()


def switched(person: Person) -> str:
    """The page's heading in the other language, after its link was followed, or its button pressed."""
    if BUTTON.search(person.page.text):
        turned(person)
        return heading(person)
    (link,) = offered(person.page)
    before = person.page.headers["Content-Language"]
    assert person.get(link).headers["Content-Language"] != before
    return heading(person)


CODES = re.compile("<li><code>(.+?)</code></li>")


def test_codes_shown_once_are_the_same_in_the_other_language(li_wei: Person) -> None:
    """The switch is a form that shows the same codes; a link would lose them, and nothing of them stands in an address (DESIGN §2.10)"""
    found = re.search(r'id="totp-secret">([^<]+)<', li_wei.get("/account/totp").text)
    assert found is not None
    page = li_wei.submit(totp=totp_now(li_wei.house, found[1]))
    codes = CODES.findall(page.text)
    assert len(codes) == 10 and not offered(page)
    assert CODES.findall(turned(li_wei).text) == codes
    missing = li_wei.submit()
    assert missing.status_code == 422 and CODES.findall(missing.text) == codes and not offered(missing)
    assert CODES.findall(turned(li_wei).text) == codes
    assert li_wei.submit(saved="1").request.path == "/account/second-step"
    li_wei.get("/account/recovery-codes")
    made = CODES.findall(li_wei.submit().text)
    assert made != codes and CODES.findall(turned(li_wei).text) == made
    other = Person(li_wei.house)
    other.sign_in()
    other.get("/sign-in/recovery-code")
    assert other.submit(recovery_code=made[0]).request.path == "/account"


def codes_form(person: Person) -> dict[str, str]:
    """What the page of new recovery codes posts to be read in the other language."""
    found = re.search(r'id="totp-secret">([^<]+)<', person.get("/account/totp").text)
    assert found is not None
    (switch,) = FORMS.findall(person.submit(totp=totp_now(person.house, found[1])).text)
    return {name: html.unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', switch[1])}


def test_codes_are_not_shown_again_to_who_comes_later_or_has_another_session(li_wei: Person) -> None:
    """ASVS 7.5.1: the browser's history holds the form; whoever sits down at the screen sends it again"""
    li_wei.house.citizen("zhao.min", "zhao.min@example.cn", password=PASSWORD)
    other = Person(li_wei.house)
    other.sign_in("zhao.min")
    fields, own = codes_form(li_wei), codes_form(other)
    assert CODES.findall(li_wei.post("/account/recovery-codes/kept", fields).text) != []
    strange = other.post("/account/recovery-codes/kept", {**own, "codes": fields["codes"]})
    assert strange.status_code == 200 and CODES.findall(strange.text) == []
    li_wei.house.clock.advance(301)
    for again in (fields, {name: value for name, value in fields.items() if name != "shown"}):
        later = li_wei.post("/account/recovery-codes/kept", again)
        assert CODES.findall(later.text) == [] and later.request.path == "/account/confirm"


@pytest.mark.parametrize(
    ("lang", "words"), [("en", "When you make new codes, the old ones stop working."), ("zh-Hans", "旧的恢复码将失效")]
)
def test_whoever_makes_new_codes_is_told_first_that_the_old_ones_end(li_wei: Person, lang: str, words: str) -> None:
    enrol(li_wei)
    page = li_wei.get(f"/account/recovery-codes?lang={lang}").text
    assert words in page and "<li><code>" not in page


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "for a service"])
def test_the_steps_of_a_new_account_are_not_lost(house: House, inside: bool) -> None:
    person = Person(house)
    if inside:
        authorize(person, house.register())
        link = re.search(r'href="(/sign-up\?handle=[^"]*)"', person.page.text)
        assert link is not None
        person.get(html.unescape(link[1]))
    else:
        person.get("/sign-up")
    here = person.page.request.path
    assert switched(person) == "Create an account" and person.page.request.path == here
    assert not offered(person.submit(identifier="wang.fang@example.cn"))
    before = heading(person)
    turned(person)
    assert heading(person) != before
    wrong = person.submit(code="00000000")
    assert wrong.status_code == 422 and not offered(wrong)
    sent = len(messages(house, "sign_up_code"))
    assert "***" in turned(person).text and len(messages(house, "sign_up_code")) == sent, "shown, not sent again"
    assert not offered(person.submit(code=last_code(house, "sign_up_code")))
    assert 'id="new_password"' in turned(person).text
    assert not offered(person.submit(name="", new_password="short", repeat_password="short"))
    assert person.page.status_code == 422
    turned(person)
    done = person.submit(name="", new_password=NEW, repeat_password=NEW)
    assert done.request.path != "/sign-up/password" and len(house.events("account.created")) == 1


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "for a service"])
def test_the_steps_of_a_forgotten_password_are_not_lost(house: House, inside: bool) -> None:
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    person = Person(house)
    if inside:
        authorize(person, house.register())
        link = re.search(r'href="(/forgot\?handle=[^"]*)"', person.page.text)
        assert link is not None
        person.get(html.unescape(link[1]))
    else:
        person.get("/forgot")
    switched(person)
    assert person.page.request.path == "/forgot" and ("handle" in person.form()[1]) == inside
    assert not offered(person.submit(identifier="li.wei@example.cn"))
    assert "***" in turned(person).text
    assert not offered(person.submit(code=last_code(house, "reset_code")))
    assert 'id="new_password"' in turned(person).text
    done = person.submit(new_password=NEW, repeat_password=NEW)
    assert 'id="change-done"' in done.text and not offered(done)
    assert re.search(r'<section class="ym-also" lang="zh-Hans">\s*<h2[^>]*>密码已修改<', done.text)


def test_the_sign_in_of_a_service_is_the_same_in_the_other_language(house: House) -> None:
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    person = Person(house)
    authorize(person, house.register())
    person.submit(username="li.wei", password="wrong")
    assert person.page.status_code == 422
    handle = person.form()[1]["handle"]
    turned(person)
    assert person.page.headers["Content-Language"] == "en" and 'id="password"' in person.page.text
    assert person.form()[1]["handle"] == handle
    assert person.submit(username="li.wei", password=PASSWORD).request.path == f"/authorize/{handle}"


def test_the_question_before_signing_out_stays_the_question(li_wei: Person) -> None:
    li_wei.get("/logout")
    assert switched(li_wei) == "Do you want to sign out everywhere?" and li_wei.page.request.path == "/logout"
    assert switched(li_wei) and li_wei.page.request.path == "/logout"
    li_wei.submit(decision="logout")
    assert switched(li_wei) == "You are signed out" and "We have told every service" in li_wei.page.text
    stranger = Person(li_wei.house)
    stranger.get("/logout")
    assert switched(stranger) == "You are not signed in"


def test_a_services_wish_to_sign_out_is_not_dropped(li_wei: Person) -> None:
    """What a service sent is not sent again by a link, and without it the page would be another."""
    app = li_wei.house.register(post_logout_redirect_uris=["https://tax.example/out"])
    asked = li_wei.get(f"/logout?client_id={app.id}&post_logout_redirect_uri=https://tax.example/out")
    assert 'id="logout-confirm"' in asked.text and not offered(asked)
    assert 'id="logout-confirm"' in turned(li_wei).text
    done = li_wei.submit(decision="logout", follow=False)
    assert not offered(done) and "https://tax.example/out" in (done.headers.get("Location") or done.text)


def test_the_question_before_withdrawing_stays_the_question(li_wei: Person) -> None:
    authorize(li_wei, li_wei.house.register())
    li_wei.submit(decision="allow", follow=False)
    page = li_wei.get("/account/services").text
    handle = re.search(r'name="withdraw" value="([^"]+)"', page)
    assert handle is not None
    li_wei.submit(withdraw=handle[1])
    assert 'id="withdraw-confirm"' in turned(li_wei).text and li_wei.house.events("consent.withdrawn") == []
    li_wei.submit(sure="1")
    assert len(li_wei.house.events("consent.withdrawn")) == 1


@pytest.mark.parametrize("language", ["zh-Hans", "en"])
def test_what_is_said_once_is_said_in_both(li_wei: Person, language: str) -> None:
    """When the account will be deleted, that it stays, and what went wrong with a form: no address shows that page again (WCAG 3.1.2)"""
    also = {"zh-Hans": '<section class="ym-also" lang="en">', "en": '<section class="ym-also" lang="zh-Hans">'}[
        language
    ]
    li_wei.get(f"/account/services?lang={language}")
    wrong = li_wei.post("/account/services", {"proof": "x"})
    assert wrong.status_code == 403 and also in wrong.text
    assert also not in li_wei.get("/nowhere").text, "a link asks for the same page"
    li_wei.get("/account/delete")
    gone = li_wei.submit(sure="1").text
    assert also in gone and "Your account will be deleted" in gone and "您的账号将被删除" in gone


@pytest.mark.parametrize(
    ("path", "kept"),
    [("/account/confirm?to=codes", "to=codes"), ("/account/history?service=x&from=2026-01-01", "from=2026-01-01")],
)
def test_links_keep_what_a_page_was_asked_for(li_wei: Person, path: str, kept: str) -> None:
    (link,) = offered(li_wei.get(path))
    assert link.startswith(path.partition("?")[0]) and kept in link


SAID_IN = {
    "zh-Hans": re.compile(r"[\u4e00-\u9fff]{2}"),
    "en": re.compile(r"\b(?:devices?|services?|password|account|sign|your)\b", re.IGNORECASE),
}
OTHER = {"zh-Hans": "en", "en": "zh-Hans"}
WRITE_IN = {"zh-Hans": "我们写给您的消息使用：", "en": "We write to you in:"}
PAGES = ["/", "/account", "/account/sessions", "/account/services", "/account/security", "/account/password", "/account/confirm", "/account/totp",
         "/account/history", "/account/data", "/account/copy", "/account/delete", "/logout"]  # fmt: skip


def words(page: TestResponse) -> str:
    """What a page says in the language that it names as its own: without the switch, the brand and what names another language."""
    text = re.sub(r"<(script|style|code)\b.*?</\1>", " ", page.text, flags=re.DOTALL)
    text = re.sub(r'<(a|span|bdi|button|section) [^>]*\blang="[^"]*"[^>]*>.*?</\1>', " ", text, flags=re.DOTALL)
    text = re.sub(r'<span lang="[^"]*">[^<]*</span>', " ", text)
    return re.sub(r"<[^>]*>|[李伟]", " ", text)  # the citizen's name is theirs in every language


def in_one_language(page: TestResponse, language: str) -> None:
    assert page.headers["Content-Language"] == language, page.request.path
    assert not SAID_IN[OTHER[language]].findall(words(page)), page.request.path
    assert SAID_IN[language].search(words(page)), page.request.path


@pytest.mark.parametrize("language", ["zh-Hans", "en"])
@pytest.mark.parametrize("how", ["chosen before the sign-in", "the account's"])
def test_a_visit_speaks_one_language(house: House, language: str, how: str) -> None:
    """What was chosen at this browser goes before what the account remembers, and this before what the browser accepts: on the whole page."""
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    before = Person(house)
    before.sign_in()
    chosen_now = how.startswith("chosen")
    for said in (OTHER[language],) if chosen_now else (OTHER[language], language):
        written_to(before, said)
    person = Person(house)
    person.accepts = OTHER[language]
    if chosen_now:
        person.get(f"/sign-in?lang={language}")
        person.submit(username="li.wei", password=PASSWORD)
    else:
        person.sign_in()
    for path in PAGES:
        in_one_language(person.get(path), language)
    secret = re.search(r'id="totp-secret">([^<]+)<', person.get("/account/totp").text)
    assert secret is not None
    in_one_language(person.submit(totp=totp_now(house, secret[1])), language)
    in_one_language(person.submit(saved="1"), language)
    in_one_language(person.get("/account/recovery-codes"), language)
    person.get("/account/password")
    in_one_language(person.submit(password=PASSWORD, new_password=NEW, repeat_password=NEW), language)
    person.get("/account/delete")
    in_one_language(person.submit(sure="1"), language)


@pytest.mark.parametrize("language", ["zh-Hans", "en"])
def test_a_new_password_is_told_in_one_language(house: House, language: str) -> None:
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    person = Person(house)
    person.get(f"/forgot?lang={language}")
    person.submit(identifier="li.wei@example.cn")
    person.submit(code=last_code(house, "reset_code"))
    in_one_language(person.submit(new_password=NEW, repeat_password=NEW), language)


@pytest.mark.parametrize("language", ["zh-Hans", "en"])
def test_a_consent_speaks_the_language_of_the_sign_in(house: House, language: str) -> None:
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    before, person = Person(house), Person(house)
    before.sign_in()
    written_to(before, OTHER[language])
    person.get(f"/sign-in?lang={language}")
    authorize(person, house.register(), scope="openid profile")
    person.submit(username="li.wei", password=PASSWORD)
    assert 'value="allow"' in person.page.text and person.page.headers["Content-Language"] == language


@pytest.mark.parametrize("path", ["/account", "/account/totp", "/account/recovery-codes", "/account/data"])
def test_a_link_switches_this_browser_and_nothing_of_the_account(li_wei: Person, path: str) -> None:
    """RFC 9110 §9.2.1: a GET is safe, also one that another site makes a browser send"""
    li_wei.get(f"{path}?lang=en")
    assert li_wei.get(path).headers["Content-Language"] == "en"
    elsewhere = Person(li_wei.house)
    elsewhere.sign_in()
    assert elsewhere.get("/account").headers["Content-Language"] == "zh-Hans"
    assert li_wei.house.events("account.changed") == []


@pytest.mark.parametrize("house_speaks", ["zh-Hans", "en"])
@pytest.mark.parametrize("page", ["zh-Hans", "en"])
def test_the_accounts_language_has_one_form_whatever_the_page_speaks(
    make_house: Callable[..., House], house_speaks: str, page: str
) -> None:
    """The account page says in which language we write, stored or the house's, and offers each other one; a choice counts for messages and for
    other browsers too (DESIGN §10)"""
    house, other = make_house(default_locale=house_speaks), OTHER[house_speaks]
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    person = Person(house)
    person.sign_in()
    asked = person.get(f"/account?lang={page}")
    assert WRITE_IN[page] in asked.text and asked.headers["Content-Language"] == page
    assert asked.text.count("<form") == 1, "one form of one rule"
    assert re.search(rf'<p [^>]*>{WRITE_IN[page]} ?<span lang="{house_speaks}">', asked.text)
    done = person.submit()
    assert done.headers["Content-Language"] == other and done.request.path == "/account"
    assert re.search(f'{WRITE_IN[other]} ?<span lang="{other}">', done.text)
    elsewhere = Person(house)
    elsewhere.sign_in()
    assert elsewhere.get("/account").headers["Content-Language"] == other
    person.submit()
    assert [told["what"] for told in house.events("account.changed")] == ["locale", "locale"]
    elsewhere = Person(house)
    elsewhere.sign_in()
    assert elsewhere.get("/account").headers["Content-Language"] == house_speaks, "and back again"


def test_a_form_that_was_not_made_for_the_session_switches_this_browser_alone(li_wei: Person) -> None:
    """OWASP ASVS 3.5.1"""
    for forged in ({}, {"proof": "x"}):
        li_wei.post("/language", {"language": "en", "next": "/account", **forged})
    assert li_wei.page.headers["Content-Language"] == "en"
    assert li_wei.house.events("account.changed") == []
