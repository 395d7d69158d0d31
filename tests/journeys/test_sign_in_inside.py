"""Sign-in, sign-up, recovery and second factor inside an authorization: each step returns to where it began."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from werkzeug.test import TestResponse

from idp.records import Account, Session
from tests.kit.house import App, House
from tests.kit.person import PASSWORD, Person, authorize, enrol, last_code, messages, totp_now

NEW = "harbour lantern seven quilts"
TWO = "urn:yimen:acr:2"


@pytest.fixture
def app(house: House) -> App:
    return house.register()


@pytest.fixture
def li_wei(house: House) -> Person:
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    return Person(house)


def allowed(person: Person, page: TestResponse) -> dict[str, str]:
    """Consent, and what reached the client."""
    assert 'id="consent-allow"' in page.text, page.text
    answer = person.submit(decision="allow")
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def test_a_wrong_password_keeps_the_journey(li_wei: Person, app: App) -> None:
    authorize(li_wei, app)
    assert "tax" in li_wei.submit(username="li.wei", password="wrong password").text
    assert set(allowed(li_wei, li_wei.submit(username="li.wei", password=PASSWORD))) == {"code", "state", "iss"}


def test_a_new_account_by_prompt_create(house: House, app: App) -> None:
    person = Person(house)
    assert authorize(person, app, prompt="create").request.path == "/sign-up"
    person.submit(identifier="wang.fang@example.cn")
    person.submit(code=last_code(house, "sign_up_code"))
    page = person.submit(name="王芳", new_password=NEW, repeat_password=NEW)
    assert "code" in allowed(person, page)


def test_a_new_account_speaks_the_language_that_the_service_asked_for(house: House, app: App) -> None:
    """ui_locales holds for the code and for the account made, as it does for the pages (OIDC Core §3.1.2.1)"""
    person = Person(house)
    authorize(person, app, prompt="create", ui_locales="en")
    person.submit(identifier="wang.fang@example.cn")
    assert messages(house)[-1][2].startswith("Your code is ")
    person.submit(code=last_code(house, "sign_up_code"))
    person.submit(name="", new_password=NEW, repeat_password=NEW)
    assert [account.locale for account in house.parts.store.find(Account)] == ["en"]


def test_a_new_account_by_the_link_on_the_sign_in_page(house: House, app: App) -> None:
    person = Person(house)
    page = authorize(person, app)
    (link,) = {part.partition('"')[0] for part in page.text.split('href="') if part.startswith("/sign-up")}
    person.get(link)
    person.submit(identifier="wang.fang@example.cn")
    person.submit(code=last_code(house, "sign_up_code"))
    assert "code" in allowed(person, person.submit(name="", new_password=NEW, repeat_password=NEW))


def test_a_forgotten_password_leads_back_to_the_service(li_wei: Person, app: App) -> None:
    page = authorize(li_wei, app)
    (link,) = {part.partition('"')[0] for part in page.text.split('href="') if part.startswith("/forgot")}
    li_wei.house.clock.advance(1)
    li_wei.get(link)
    li_wei.submit(identifier="li.wei@example.cn")
    li_wei.submit(code=last_code(li_wei.house, "reset_code"))
    done = li_wei.submit(new_password=NEW, repeat_password=NEW)
    (onward,) = {
        p.partition('"')[0] for p in done.text.split('href="') if p.startswith("/authorize/") and "?" not in p[:70]
    }
    li_wei.get(onward)
    assert "code" in allowed(li_wei, li_wei.submit(username="li.wei", password=NEW))


@pytest.mark.parametrize("way", ["totp", "recovery_code"])
def test_a_step_up_that_the_request_asks_for(li_wei: Person, app: App, way: str) -> None:
    li_wei.sign_in()
    secret, codes = enrol(li_wei)
    other = Person(li_wei.house)
    authorize(other, app, acr_values=TWO)
    page = other.submit(username="li.wei", password=PASSWORD)
    assert 'id="totp-continue"' in page.text
    if way == "totp":
        assert other.submit(totp="000000").status_code == 422
        page = other.submit(totp=totp_now(li_wei.house, secret))
    else:
        (link,) = {p.partition('"')[0] for p in page.text.split('href="') if p.startswith("/sign-in/recovery-code")}
        other.get(link.replace("&amp;", "&"))
        page = other.submit(recovery_code=codes[0])
    answer = allowed(other, page)
    tokens = li_wei.house.redeem(app, answer["code"]).get_json()
    assert li_wei.house.events("code.issued")[-1]["acr"] == TWO
    assert tokens["id_token"]


def test_acr_values_without_a_factor_is_no_error(li_wei: Person, app: App) -> None:
    authorize(li_wei, app, acr_values=TWO)
    assert "code" in allowed(li_wei, li_wei.submit(username="li.wei", password=PASSWORD))


def test_choosing_the_account_or_another(li_wei: Person, app: App) -> None:
    li_wei.house.citizen("zhang.min", claims={}, password=PASSWORD)
    li_wei.sign_in()
    page = authorize(li_wei, app, prompt="select_account")
    assert "l***i" in page.text
    handle = page.text.partition('name="account" value="')[2].partition('"')[0]
    assert 'id="consent-allow"' in li_wei.submit(account=handle).text
    authorize(li_wei, app, prompt="select_account")
    assert 'id="sign-in"' in li_wei.submit(other="1").text
    assert 'id="consent-allow"' in li_wei.submit(username="zhang.min", password=PASSWORD).text


def test_three_tabs_at_once(li_wei: Person, app: App) -> None:
    tabs = []
    for state in ("one", "two", "three"):
        authorize(li_wei, app, state=state)
        tabs.append(li_wei.form())
    for action, hidden in tabs:
        page = li_wei.post(action, {**hidden, "username": "li.wei", "password": PASSWORD})
        if 'id="consent-allow"' in page.text:
            page = li_wei.submit(decision="allow")
        assert "code=" in page.headers["Location"]
    assert li_wei.house.parts.store.count(Session, {"ended_at": None}) == 1


def test_a_full_queue_is_said_and_counts_as_no_failure(li_wei: Person) -> None:
    hasher = li_wei.house.parts.hasher
    room = hasher._room  # type: ignore[attr-defined]
    taken = 0
    while room.acquire(blocking=False):
        taken += 1
    for _ in range(8):
        answer = li_wei.sign_in()
        assert answer.status_code == 503 and answer.headers["Retry-After"]
    for _ in range(taken):
        room.release()
    assert li_wei.sign_in().request.path == "/account"


def test_staff_sign_in_to_a_service_with_both_factors(li_wei: Person, app: App) -> None:
    from idp.flows import staff

    li_wei.sign_in()
    secret, _ = enrol(li_wei)
    staff.set_roles(li_wei.house.parts, "li.wei", ["auditor"], now=li_wei.house.clock())
    other = Person(li_wei.house)
    authorize(other, app)
    assert other.submit(username="li.wei", password=PASSWORD).request.path == "/sign-in/totp"
    assert "code" in allowed(other, other.submit(totp=totp_now(li_wei.house, secret)))
