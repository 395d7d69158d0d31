"""A forgotten and a changed password."""

import pytest

from idp.records import Grant, Session
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, authorize, last_code, messages

NEW = "harbour lantern seven quilts"


@pytest.fixture
def li_wei(house: House) -> Person:
    house.citizen("li.wei", "li.wei@example.cn", "13800138000", password=PASSWORD)
    return Person(house)


def reset(person: Person, typed: str = "li.wei@example.cn", password: str = NEW):
    person.get("/forgot")
    person.submit(identifier=typed)
    person.submit(code=last_code(person.house, "reset_code"))
    return person.submit(new_password=password, repeat_password=password)


@pytest.mark.parametrize(
    ("typed", "to"),
    [("li.wei@example.cn", "li.wei@example.cn"), ("13800138000", "+8613800138000"), ("li.wei", "li.wei@example.cn")],
)
def test_reset_sends_the_code_to_a_confirmed_address(li_wei: Person, typed: str, to: str) -> None:
    li_wei.house.clock.advance(5)
    assert 'id="change-done"' in reset(li_wei, typed).text
    assert messages(li_wei.house, "reset_code")[0][1] == to
    assert messages(li_wei.house, "password_changed")[0][1] == "li.wei@example.cn"
    assert li_wei.cookie() is None
    assert Person(li_wei.house).sign_in(password=PASSWORD).status_code == 422
    assert Person(li_wei.house).sign_in(password=NEW).request.path == "/account"


def test_an_unverified_identifier_gets_no_code(house: House) -> None:
    from idp.flows import staff

    link = staff.staff_link(house.parts, ["auditor"], now=house.clock())
    person = Person(house)
    person.get(link.removeprefix(house.config.issuer))
    person.submit(identifier="wang.audit@example.cn", name="", new_password=NEW, repeat_password=NEW)
    person.get("/forgot")
    assert 'id="confirm-code"' in person.submit(identifier="wang.audit@example.cn").text
    assert not messages(house)


def test_change_ends_other_sessions_and_keeps_this_one(li_wei: Person) -> None:
    li_wei.sign_in()
    other = Person(li_wei.house)
    other.sign_in()
    before = li_wei.cookie()
    li_wei.get("/account/password")
    assert 'id="change-done"' in li_wei.submit(password=PASSWORD, new_password=NEW, repeat_password=NEW).text
    assert li_wei.cookie() != before
    assert li_wei.get("/account").request.path == "/account"
    assert other.get("/account").request.path == "/sign-in"
    told = [to for _, to, _ in messages(li_wei.house, "password_changed")]
    assert sorted(told) == ["+8613800138000", "li.wei@example.cn"], "whoever added the one does not silence the other"
    assert li_wei.house.events("account.password_changed")[-1]["how"] == "change"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"password": "wrong one entirely", "new_password": NEW, "repeat_password": NEW}, 422),
        ({"password": PASSWORD, "new_password": PASSWORD, "repeat_password": PASSWORD}, 422),
        ({"password": PASSWORD, "new_password": "short", "repeat_password": "short"}, 422),
        ({"password": PASSWORD, "new_password": NEW, "repeat_password": "other"}, 422),
        ({"password": "", "new_password": NEW, "repeat_password": NEW}, 422),
    ],
)
def test_change_is_refused_with_a_reason(li_wei: Person, fields: dict[str, str], status: int) -> None:
    li_wei.sign_in()
    li_wei.get("/account/password")
    answer = li_wei.submit(fields)
    assert answer.status_code == status and "govuk-error-summary" in answer.text
    assert not li_wei.house.events("account.password_changed")


def test_reset_ends_offline_grants(li_wei: Person) -> None:
    house = li_wei.house
    app = house.register(scope="openid offline_access")
    account = house.parts.store.find(Session) or None
    assert account is None
    li_wei.sign_in()
    session = house.parts.store.find(Session)[0]
    house.grant(app, session.account_id, session=session, offline=1)
    house.clock.advance(5)
    reset(Person(house))
    assert all(grant.ended_at is not None for grant in house.parts.store.find(Grant))


@pytest.mark.parametrize("lang", ["zh-Hans", "en"])
@pytest.mark.parametrize("journey", ["/forgot", "/sign-up"])
def test_a_form_that_is_too_old_names_a_service_where_one_asked_alone(house: House, journey: str, lang: str) -> None:
    """Whoever came by themselves is led to where the journey begins; whoever came from a service, back to it."""
    service, alone, led = "service" if lang == "en" else "服务", Person(house), Person(house)
    app = house.register()
    alone.get(f"{journey}?lang={lang}")
    authorize(led, app, ui_locales=lang)
    led.get(f"{journey}?handle={led.page.request.path.rpartition('/')[2]}&lang={lang}")
    for person in (alone, led):
        person.submit(identifier="li.wei@example.cn")
    house.clock.advance(601)
    for person in (alone, led):
        answer = person.submit(code="12345678")
        assert answer.status_code == 400
        main = answer.text.split("<main")[1].split('class="ym-also"')[0]
        assert (service in main) is (person is led), main
    assert f'href="{journey}"' in alone.page.text


@pytest.mark.parametrize(
    ("lang", "service", "todo"), [("zh-Hans", "服务", "重新索取"), ("en", "service", "another one")]
)
def test_a_staff_link_that_was_used_names_whom_to_ask(house: House, lang: str, service: str, todo: str) -> None:
    """No service sent the reader there."""
    page = Person(house).get(f"/staff/{'x' * 47}?lang={lang}")
    main = page.text.split("<main")[1].split("</main>")[0]
    assert page.status_code == 400 and service not in main and todo in main
