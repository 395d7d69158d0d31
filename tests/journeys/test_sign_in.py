"""Signing in, outside and inside an authorization."""

import pytest

from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, enrol, totp_now


@pytest.fixture
def li_wei(house: House) -> Person:
    house.citizen("li.wei", "li.wei@example.cn", "13800138000", password=PASSWORD)
    return Person(house)


@pytest.mark.parametrize(
    "typed", ["li.wei", " LI.WEI ", "li.wei@example.cn", "Li.Wei＠Example.CN", "138 0013 8000", "+8613800138000"]
)
def test_any_spelling_of_any_identifier_signs_in(li_wei: Person, typed: str) -> None:
    answer = li_wei.sign_in(typed)
    assert answer.status_code == 200
    assert answer.request.path == "/account"
    assert "李伟" in answer.text


def test_wrong_password_shows_the_form_again_with_what_was_typed(li_wei: Person) -> None:
    answer = li_wei.sign_in(password="not the password")
    assert answer.status_code == 422
    assert 'value="li.wei"' in answer.text
    assert "not the password" not in answer.text
    assert li_wei.cookie() is None


@pytest.mark.parametrize("fields", [{"username": "", "password": "x"}, {"username": "li.wei", "password": ""}])
def test_empty_fields_are_named(li_wei: Person, fields: dict[str, str]) -> None:
    li_wei.get("/sign-in")
    assert li_wei.submit(fields).status_code == 422
    assert not li_wei.house.events("session.refused")


def test_signed_in_already_goes_to_the_account(li_wei: Person) -> None:
    li_wei.sign_in()
    assert li_wei.get("/sign-in").request.path == "/account"


def test_a_sign_in_is_an_event_with_address_and_device_sealed(li_wei: Person) -> None:
    li_wei.sign_in()
    (event,) = li_wei.house.events("session.started")
    assert (event["amr"], event["acr"]) == ("pwd", "urn:yimen:acr:1")
    assert "203.0.113.7" not in str(event) and "Chrome" not in str(event)


def test_double_submit_is_one_sign_in(li_wei: Person) -> None:
    li_wei.get("/sign-in")
    action, hidden = li_wei.form()
    for _ in range(2):
        li_wei.post(action, {**hidden, "username": "li.wei", "password": PASSWORD}, follow=False)
    assert len(li_wei.house.events("session.started")) == 1
    assert li_wei.get("/account/sessions").text.count('id="session-') == 1


def test_old_hash_parameters_are_renewed_at_sign_in(make_house) -> None:
    from idp.flows.people import meant

    old = make_house()
    old.citizen("li.wei", password=PASSWORD)
    new = make_house(argon2_passes=2)
    assert Person(new).sign_in().request.path == "/account"
    found = meant(new.parts, "li.wei").person
    assert found is not None and not new.parts.hasher.stale(found.phc() or "")
    assert Person(new).sign_in().request.path == "/account"


def test_second_factor_is_asked_before_the_account_page(li_wei: Person) -> None:
    li_wei.sign_in()
    secret, _ = enrol(li_wei)
    again = Person(li_wei.house)
    assert again.sign_in().request.path == "/sign-in/totp"
    answer = again.submit(totp=totp_now(li_wei.house, secret))
    assert answer.request.path == "/account"
    stepped = li_wei.house.events("session.stepped_up")[-1]
    assert (stepped["amr"], stepped["acr"]) == ("pwd otp mfa", "urn:yimen:acr:2")


@pytest.mark.parametrize(
    "path", ["/account", "/account/sessions", "/account/services", "/account/security", "/account/password"]
)
def test_own_pages_need_a_session(house: House, path: str) -> None:
    assert Person(house).get(path).request.path == "/sign-in"


def test_language_is_kept_for_browser_and_account(li_wei: Person) -> None:
    li_wei.sign_in()
    assert 'lang="en"' in li_wei.get("/account?lang=en").text
    assert "Where I am signed in" in li_wei.get("/account").text
    li_wei.submit()
    elsewhere = Person(li_wei.house)
    elsewhere.sign_in()
    assert "Where I am signed in" in elsewhere.get("/account").text


@pytest.mark.parametrize(
    ("back", "to"), [("/account", "/account"), ("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil", "/")]
)
def test_language_form_returns_to_own_paths_alone(li_wei: Person, back: str, to: str) -> None:
    answer = li_wei.post("/language", {"language": "en", "next": back}, follow=False)
    assert answer.headers["Location"] == to
