"""One sign-in opens three departments, each under another number; one click ends all."""

import json
import os

import pytest
from click.testing import CliRunner
from playwright.sync_api import expect

from idp.cli import main
from idp.cli.demo import environment
from tests.kit.process import wait_until

pytestmark = pytest.mark.browser


def test_sign_in_at_one_app_and_consent_in_plain_words(citizens):
    li = citizens()
    li.begin("tax")
    assert li.heading() == "登录"
    li.sign_in()
    facts = li.facts()
    assert facts["姓名"] != "陈小明" and facts["姓名"].startswith("陈")
    assert li.account.email not in facts["电子邮箱"] and facts["电子邮箱"].endswith("@example.cn")
    assert not any(key.isascii() for key in facts), "claims are named in the citizen's language"
    li.allow()
    learned = li.signed_in_at("tax")
    assert learned["name"] == "陈小明" and learned["email"] == li.account.email
    assert "phone_number" not in learned, "nobody asked for it"


def test_the_start_page_leads_to_every_app(citizens, demo):
    li = citizens.stranger()
    for office in ("tax", "social", "housing", "library"):
        li.open("/")
        li.press(f"main a[href='{demo.app(office).rstrip('/')}']")
        assert li.at_app(office)


def test_other_apps_open_without_a_sign_in_page_under_other_identifiers(citizens):
    li = citizens()
    learned = {"tax": li.use("tax")}
    for office in ("social", "housing"):
        li.begin(office)
        expect(li.page.locator("#consent-allow")).to_be_visible()
        assert li.page.locator("#password").count() == 0
        li.allow()
        learned[office] = li.signed_in_at(office)
    assert len({seen["sub"] for seen in learned.values()}) == 3
    assert len({seen["sid"] for seen in learned.values()}) == 3
    assert learned["social"]["phone_number"] == li.account.phone
    assert "杭州市" in learned["housing"]["address"]


def test_what_was_allowed_is_not_asked_again(citizens):
    li = citizens()
    first = li.use("tax")
    li.press("#rp-logout-here")
    li.begin("tax")
    again = li.signed_in_at("tax")
    assert again["sub"] == first["sub"]


@pytest.mark.parametrize("from_app", ["tax", "housing"])
def test_one_click_signs_out_everywhere(citizens, from_app):
    li = citizens()
    for office in ("tax", "social", "housing"):
        li.use(office)
    li.open_app(from_app)
    li.logout_everywhere()
    expect(li.page.locator("#rp-goodbye")).to_be_visible()
    li.look()
    for office in ("tax", "social", "housing"):
        li.soon_out_of(office)
    li.begin("social")
    expect(li.page.locator("#password")).to_be_visible()


def test_one_click_and_a_yes_sign_out_everywhere_after_an_emergency_of_keys(citizens, demo):
    """The hint proves nothing any more: the citizen is asked, and comes back to the app that asked (RP-Initiated Logout §2)."""
    li = citizens()
    for office in ("tax", "social"):
        li.use(office)
    environ = {**os.environ, **environment(demo.data, demo.port)}
    done = CliRunner().invoke(main, ["keys", "rotate", "--now", "--json"], env=environ)
    assert done.exit_code == 0, done.output
    wait_until(lambda: li.page.request.get(demo.issuer + "/jwks").json() == published(demo), "the provider switches")
    li.open_app("tax")
    li.logout_everywhere()
    expect(li.page.locator("#logout-confirm")).to_be_visible()
    li.press("#logout-confirm")
    expect(li.page.locator("#rp-goodbye")).to_be_visible()
    for office in ("tax", "social"):
        li.soon_out_of(office)
    li.use("social")


def published(demo):
    """The key set as its rows stand."""
    demo.parts.generations.reread()
    return json.loads(demo.parts.keys.jwks())


def test_sign_out_at_one_app_alone(citizens):
    li = citizens()
    li.use("tax")
    li.use("social")
    li.press("#rp-logout-here")
    assert li.is_out_of("social")
    assert not li.is_out_of("tax")


def test_sign_out_at_the_provider_asks_first_and_reaches_every_app(citizens):
    li = citizens()
    for office in ("tax", "housing"):
        li.use(office)
    li.open("/logout")
    li.press("#logout-stay")
    expect(li.page).to_have_url(li.demo.issuer + "/account")
    li.open("/logout")
    assert "税务局" in li.page.locator("main").inner_text()
    li.press("#logout-confirm")
    expect(li.page.locator("#logout-done")).to_be_visible()
    for office in ("tax", "housing"):
        li.soon_out_of(office)
    li.page.goto(li.demo.issuer + "/account")
    expect(li.page.locator("#sign-in")).to_be_visible()
