"""The authenticator app and the recovery codes, from set-up to removal."""

import re

import pytest

from idp.records import RecoveryCode, Session, Totp
from tests.kit.house import House
from tests.kit.person import PASSWORD, Person, enrol, messages, totp_now


@pytest.fixture
def li_wei(house: House) -> Person:
    house.citizen("li.wei", "li.wei@example.cn", password=PASSWORD)
    person = Person(house)
    person.sign_in()
    return person


def test_enrolment_shows_picture_secret_and_ten_codes(li_wei: Person) -> None:
    page = li_wei.get("/account/totp").text
    assert '<a class="govuk-link" href="/account/security" id="enrol-cancel">取消</a>' in page
    picture = re.search(r'class="ym-qr" src="([^"]+)"', page)
    assert picture is not None
    svg = li_wei.browser.get(picture[1], base_url=li_wei.house.config.issuer)
    assert svg.content_type == "image/svg+xml" and b"<svg" in svg.data
    assert svg.headers["Cache-Control"] == "no-store"
    secret, codes = enrol(li_wei)
    assert len(set(codes)) == 10 and all(len(code.replace("-", "")) == 16 for code in codes)
    assert [e["factor"] for e in li_wei.house.events("account.factor_enrolled")] == ["totp", "recovery_codes"]
    assert len(messages(li_wei.house, "totp_enrolled")) == 1
    assert li_wei.house.parts.store.count(RecoveryCode) == 10
    assert li_wei.browser.get(picture[1], base_url=li_wei.house.config.issuer).status_code == 404
    stored = li_wei.house.parts.store.find(Totp)[0]
    assert secret.encode() not in stored.sealed


def test_codes_are_not_lost_when_the_box_is_not_ticked(li_wei: Person) -> None:
    page = li_wei.get("/account/totp").text
    secret = re.search(r'id="totp-secret">([^<]+)<', page)
    assert secret is not None
    shown = li_wei.submit(totp=totp_now(li_wei.house, secret[1])).text
    again = li_wei.submit()
    assert again.status_code == 422
    assert re.findall(r"<li><code>(.+?)</code>", again.text) == re.findall(r"<li><code>(.+?)</code>", shown)


def test_a_recovery_code_works_once_and_is_told(li_wei: Person) -> None:
    _, codes = enrol(li_wei)
    typed = codes[0].lower().replace("-", " ")
    for expected in ("/account", "/sign-in/recovery-code"):
        again = Person(li_wei.house)
        again.sign_in()
        again.get("/sign-in/recovery-code")
        assert again.submit(recovery_code=typed).request.path == expected
    assert li_wei.house.events("account.recovery_code_used")[0]["left"] == 9
    assert len(messages(li_wei.house, "code_used")) == 1


def test_new_codes_end_the_old(li_wei: Person) -> None:
    _, codes = enrol(li_wei)
    assert li_wei.get("/account/recovery-codes").request.path == "/account/recovery-codes"
    page = li_wei.submit().text
    made = re.findall(r"<li><code>(.+?)</code>", page)
    assert len(made) == 10 and not set(made) & set(codes)
    again = Person(li_wei.house)
    again.sign_in()
    again.get("/sign-in/recovery-code")
    assert again.submit(recovery_code=codes[1]).status_code == 422
    assert again.submit(recovery_code=made[1]).request.path == "/account"


def test_removal_after_confirmation_with_both_factors(li_wei: Person) -> None:
    secret, _ = enrol(li_wei)
    li_wei.house.clock.advance(400)
    li_wei.get("/account/security")
    assert li_wei.submit(remove_totp="1").request.path == "/account/confirm"
    assert li_wei.submit(password=PASSWORD).request.path == "/sign-in/totp"
    assert li_wei.submit(totp=totp_now(li_wei.house, secret)).request.path == "/account/security"
    answer = li_wei.submit(remove_totp="1")
    assert 'id="change-done"' in answer.text
    assert li_wei.house.parts.store.count(Totp) == 0 and li_wei.house.parts.store.count(RecoveryCode) == 0
    assert li_wei.house.parts.store.find(Session, {"ended_at": None})[0].acr == "urn:yimen:acr:1"
    assert li_wei.house.events("account.factor_removed")[0]["by"] == "citizen"
    assert len(messages(li_wei.house, "totp_removed")) == 1
    assert li_wei.get("/account").request.path == "/account"


def test_confirmation_with_the_password_alone_where_there_is_no_factor(li_wei: Person) -> None:
    li_wei.house.clock.advance(400)
    assert li_wei.get("/account/totp").request.path == "/account/confirm"
    assert li_wei.submit(password="wrong password").status_code == 422
    assert li_wei.submit(password=PASSWORD).request.path == "/account/totp"
