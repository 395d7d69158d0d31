"""No page holds whoever sees it: another account, out, or back to the service, from each step, and what a page says of who is here is so."""

import re
from urllib.parse import quote

import pytest

from idp.flows import client_status, staff
from idp.flows.logout import CONTINUE_TTL_S
from idp.records import Session
from tests.journeys.test_register import META, call, right
from tests.journeys.test_register import register as registered
from tests.kit.house import App, House
from tests.kit.person import PASSWORD, Person, authorize, enrol, totp_now

OUT = "https://tax.example/out"
HALF = "li.wei"


@pytest.fixture
def li_wei(house: House) -> Person:
    """Has an authenticator app, and is signed in here by the password alone."""
    house.citizen(HALF, "li.wei@example.cn", password=PASSWORD)
    house.citizen("zhang.min", "zhang.min@example.cn", password=PASSWORD)
    owner = Person(house)
    owner.sign_in()
    enrol(owner)
    person = Person(house)
    person.sign_in()
    assert person.page.request.path == "/sign-in/totp"
    return person


def way(person: Person, words: str) -> str:
    """Where the link with these words leads."""
    found = re.search(rf'<a class="govuk-(?:link|button[^"]*)" href="([^"]+)"[^>]*>{words}</a>', person.page.text)
    assert found is not None, (words, person.page.text)
    return found[1].replace("&amp;", "&")


def living(house: House) -> int:
    return house.parts.store.count(Session, {"ended_at": None})


def test_whoever_lacks_the_second_factor_signs_in_as_somebody_else(li_wei: Person) -> None:
    li_wei.get(way(li_wei, "使用其他账号"))
    assert 'id="password"' in li_wei.page.text and li_wei.page.request.path == "/sign-in"
    li_wei.submit(username="zhang.min", password=PASSWORD)
    assert li_wei.page.request.path == "/account" and "z***n" in li_wei.page.text
    assert li_wei.get("/sign-in").request.path == "/account", "without the wish a session goes on"


def test_whoever_lacks_the_second_factor_signs_out(li_wei: Person) -> None:
    before = living(li_wei.house)
    li_wei.get(way(li_wei, "退出登录"))
    li_wei.submit(decision="logout")
    assert 'id="logout-done"' in li_wei.page.text and living(li_wei.house) == before - 1
    assert 'id="password"' in li_wei.get("/sign-in").text


def test_a_password_that_made_no_session_yet_is_left_too(house: House) -> None:
    house.citizen("wang.audit", "wang@example.cn", password=PASSWORD)
    house.citizen("zhang.min", "zhang.min@example.cn", password=PASSWORD)
    staff.set_roles(house.parts, "wang.audit", ["auditor"], now=house.clock())
    first = Person(house)
    first.sign_in("wang.audit")
    secret = re.search(r'id="totp-secret">([^<]+)<', first.page.text)
    assert secret is not None
    first.submit(totp=totp_now(house, secret[1]))
    again = Person(house)
    again.sign_in("wang.audit")
    assert again.page.request.path == "/sign-in/totp" and again.cookie() is None and "/logout" not in again.page.text
    again.get(way(again, "使用其他账号"))
    again.submit(username="zhang.min", password=PASSWORD)
    assert again.page.request.path == "/account"


def test_the_start_page_leads_out(li_wei: Person) -> None:
    li_wei.get("/")
    assert way(li_wei, "退出登录") == "/logout"
    assert "/logout" not in Person(li_wei.house).get("/").text


def test_the_consent_page_says_who_consents_and_lets_somebody_else(house: House) -> None:
    house.citizen(HALF, "li.wei@example.cn", password=PASSWORD)
    house.citizen("zhang.min", "zhang.min@example.cn", password=PASSWORD)
    app, person = house.register(), Person(house)
    person.sign_in(HALF)
    asked = authorize(person, app)
    shown = re.search(r'ym-known__who">([^<]+)<', asked.text)
    assert shown is not None and shown[1] == "l***i" and 'id="consent-allow"' in asked.text
    person.get(way(person, "使用其他账号"))
    person.submit(username="zhang.min", password=PASSWORD)
    shown = re.search(r'ym-known__who">([^<]+)<', person.page.text)
    assert shown is not None and shown[1] == "z***n" and person.page.request.path == asked.request.path
    assert person.submit(decision="allow", follow=False).status_code == 303
    assert (
        len(house.events("consent.given")) == 1
        and "state=st" in person.get(asked.request.path, follow=False).headers["Location"]
    )


def asking(house: House) -> tuple[App, str]:
    app = house.register(post_logout_redirect_uris=[OUT])
    return app, f"/logout?client_id={app.id}&post_logout_redirect_uri={quote(OUT, safe='')}&state=A"


@pytest.mark.parametrize(("language", "words"), [("zh-Hans", "您尚未登录"), ("en", "You are not signed in")])
def test_nobody_is_asked_to_sign_out_where_nobody_is_signed_in(house: House, language: str, words: str) -> None:
    _, asked = asking(house)
    person = Person(house)
    person.set_cookie("language", language)
    page = person.get(asked)
    assert page.status_code == 200 and words in page.text and 'id="logout-confirm"' not in page.text
    assert f'href="{OUT}?state=A"' in page.text and "after-logout.js" not in page.text, (
        "a way back, that nobody is sent"
    )


@pytest.mark.parametrize("answer", ["logout", "stay", "shown"])
def test_a_question_of_a_session_that_ended_still_leads_back(house: House, answer: str) -> None:
    """RP-Initiated Logout §3: the URI was proven registered, whichever tab ended the session first."""
    house.citizen(HALF, "li.wei@example.cn", password=PASSWORD)
    _, asked = asking(house)
    person = Person(house)
    person.sign_in(HALF)
    person.get(asked)
    action, hidden = person.form()
    person.get("/logout")
    person.submit(decision="logout")
    assert living(house) == 0
    sent = {**hidden, "shown": "1"} if answer == "shown" else {**hidden, "decision": answer}
    page = person.post(action, sent, follow=False)
    if answer == "shown":
        assert page.status_code == 200 and f'href="{OUT}?state=A"' in page.text
    else:
        assert (page.status_code, page.headers["Location"]) == (303, f"{OUT}?state=A")
    house.clock.advance(CONTINUE_TTL_S)
    assert person.post(action, {**hidden, "decision": "logout"}, follow=False).headers.get("Location") is None


def test_a_question_of_a_session_that_ended_does_nothing_to_the_next(house: House) -> None:
    """RFC 9700 §4.7"""
    house.citizen(HALF, "li.wei@example.cn", password=PASSWORD)
    _, asked = asking(house)
    person = Person(house)
    person.sign_in(HALF)
    person.get(asked)
    action, hidden = person.form()
    person.get("/logout")
    person.submit(decision="logout")
    person.sign_in(HALF)
    page = person.post(action, {**hidden, "decision": "logout"}, follow=False)
    assert page.status_code == 200 and 'id="logout-confirm"' in page.text and living(house) == 1


@pytest.mark.parametrize("end", ["removed", "paused"])
def test_a_service_that_is_gone_is_not_called_paused(house: House, end: str) -> None:
    house.citizen(HALF, "li.wei@example.cn", password=PASSWORD)
    made = registered(house, right(house)).get_json()
    client = house.parts.clients.get(made["client_id"])
    assert client is not None
    person = Person(house)
    person.sign_in(HALF)
    authorize(person, App(client, made["client_secret"]), redirect_uri=META["redirect_uris"][0])
    assert 'id="consent-allow"' in person.page.text
    person.browser.set_cookie("__Host-yimen-language", "en", domain=house.config.host, secure=True)
    if end == "removed":
        path = f"/register?client_id={client.client_id}"
        assert call(house, "DELETE", path, made["registration_access_token"]).status_code == 204
    else:
        client_status.disable(house.parts, client.client_id, "misuse", now=house.clock())
    page = person.submit(decision="allow")
    assert page.status_code == 400
    assert ("not registered any more" in page.text) is (end == "removed")
    assert ("This service is paused" in page.text) is (end == "paused")
